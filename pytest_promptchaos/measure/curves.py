"""Pairs and runs -> curves: divergence by output length, hidden states by layer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.measure.averages import judged
from pytest_promptchaos.measure.clustered import by_prompt
from pytest_promptchaos.measure.distances import NAMES, hidden_distance
from pytest_promptchaos.measure.intervals import clustered_mean
from pytest_promptchaos.records import Curve

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.measure.controls import Floors
    from pytest_promptchaos.measure.distances import Metric
    from pytest_promptchaos.measure.pairs import Observed
    from pytest_promptchaos.records import Pair, Rung


def by_horizon(
    pairs: Sequence[Pair],
    rungs: Sequence[Rung],
    metric: Metric,
    lengths: Sequence[int],
    floors: Floors,
) -> Iterator[Curve]:
    """Yield divergence against the length of the output that is compared, in tokens.

    Every pair holds its distance at each of ``lengths``, as ``semantic@16``; shown is its mean in
    excess of the prompt's own noise at that length.
    """
    shown: dict[str, tuple[Rung, ...]] = {
        "judged edits": tuple(rungs),
        "positive control": ("positive_control",),
    }
    for series, chosen in shown.items():
        kept = judged(pairs, chosen)
        if kept:
            groups = [_excess(kept, f"{metric}@{h}", floors) for h in lengths]
            yield replace(
                _curve(lengths, groups),
                name="divergence by horizon",
                x_label="output tokens compared",
                y_label=NAMES[metric],
                series=series,
            )


def _excess(pairs: Sequence[Pair], key: str, floors: Floors) -> list[NDArray[np.float64]]:
    """Return one array per prompt: the distances beyond the prompt's own noise."""
    noise = floors.get(key, {})
    found = by_prompt((p.prompt_id, p.distances[key] - noise.get(p.prompt_id, 0.0)) for p in pairs)
    return [np.array(one) for one in found.values()]


def by_layer(observed: Sequence[Observed], rungs: Sequence[Rung]) -> Iterator[Curve]:
    """Yield the hidden state distance of the last prompt token, entering layer 0, 1, ..."""
    profiles = [_profiles(o, rungs) for o in observed]
    filled = [np.array(one) for one in profiles if one]
    if filled:
        layers = range(filled[0].shape[1])
        groups = [[one[:, layer] for one in filled] for layer in layers]
        yield replace(_curve(layers, groups), series="judged edits")


def _profiles(observed: Observed, rungs: Sequence[Rung]) -> list[NDArray[np.float64]]:
    return [
        hidden_distance(observed.center.prompt_hidden, observed.runs[n.id].prompt_hidden)
        for n in observed.neighborhood.neighbors
        if n.rung in rungs and n.certification == "effective" and n.gates
    ]


def _curve(x: Iterable[int], groups: Sequence[Sequence[NDArray[np.float64]]]) -> Curve:
    """Return the means of ``groups`` with their intervals over ``x``."""
    # A band where every neighbor moved alike has no width to show; the verdict's interval has.
    means = [clustered_mean(list(g), largest=float(np.max(np.concatenate(g)))) for g in groups]
    bounds = [(m.low, m.high) for m in means if m.low is not None and m.high is not None]
    known = len(bounds) == len(means)
    return Curve(
        name="hidden state distance",
        x_label="layer",
        y_label="relative distance",
        x=tuple(float(value) for value in x),
        y=tuple(max(mean.value, 0.0) for mean in means),
        low=tuple(max(low, 0.0) for low, _ in bounds) if known else (),
        high=tuple(high for _, high in bounds) if known else (),
    )
