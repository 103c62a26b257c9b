"""Pairs -> means and shares over the rungs that are judged, each rung beside them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.measure.distances import JS_FLOOR
from pytest_promptchaos.measure.intervals import clustered_mean, share
from pytest_promptchaos.records import RUNGS, Measurement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.records import Pair, Rung


@dataclass(frozen=True, kw_only=True)
class Distance:
    """One distance to average: its key in a pair, and how it is shown.

    ``floors`` hold each prompt's own noise, which is subtracted from its neighbors; ``absent``
    says why the distance may be missing from the pairs, ``noisy`` that noise was not subtracted
    though there is some.
    """

    key: str
    name: str
    unit: str
    floors: Mapping[str, float] = field(default_factory=dict)
    absent: str = ""
    noisy: bool = False


def judged(pairs: Iterable[Pair], rungs: Sequence[Rung]) -> list[Pair]:
    """Return the pairs that may enter a mean: run, effective, and reviewed where they must be."""
    return [
        p
        for p in pairs
        if p.rung in rungs and p.distances and p.certification == "effective" and p.gates
    ]


def mean_over(distance: Distance, pairs: Sequence[Pair], rungs: Sequence[Rung]) -> Measurement:
    """Return the mean of one distance over ``rungs``, with each rung of the ladder beside it."""
    run = [rung for rung in RUNGS if rung != "identical" and any(p.rung == rung for p in pairs)]
    parts = tuple(_part(replace(distance, name=rung), pairs, (rung,)) for rung in run)
    return replace(_part(distance, pairs, rungs), breakdown=parts)


def _part(distance: Distance, pairs: Sequence[Pair], rungs: Sequence[Rung]) -> Measurement:
    asked = sum(p.rung in rungs for p in pairs)
    kept = judged(pairs, rungs)
    known = [p for p in kept if distance.key in p.distances]
    empty = Measurement(
        name=distance.name,
        unit=distance.unit,
        reason=(distance.absent or "not measured")
        if kept
        else f"none of {asked} neighbors differs for the model and may be judged",
        n=asked,
        effective_n=len(known),
    )
    if not known:
        return empty
    # What a changed answer looks like in this very run bounds what was not seen to move.
    largest = max(
        p.distances[distance.key] for p in judged(pairs, RUNGS) if distance.key in p.distances
    )
    mean = clustered_mean(groups(known, distance), largest=largest)
    noise = max(distance.floors.values(), default=0.0)
    told = f", in excess of each prompt's noise floor (at most {noise:.3g})" if noise else ""
    told += ", noise not subtracted" if distance.noisy else ""
    if distance.key == "js" and mean.value <= JS_FLOOR:
        told += f", at most the {JS_FLOOR:g} that is rounding of float32 logits"
    if len(known) < len(kept):
        told += f", {len(kept) - len(known)} of {len(kept)} neighbors left out: {distance.absent}"
    return replace(
        empty,
        reason=None,
        value=max(mean.value, 0.0),
        low=None if mean.low is None else max(mean.low, 0.0),
        high=None if mean.high is None else max(mean.high, 0.0),
        interval=mean.words + told,
        resampled=mean.unit,
        resampled_n=mean.count,
    )


def groups(pairs: Sequence[Pair], distance: Distance) -> list[NDArray[np.float64]]:
    """Return one array per prompt: its neighbors' distances in excess of its own noise."""
    by_prompt: dict[str, list[float]] = {}
    for p in pairs:
        by_prompt.setdefault(p.prompt_id, []).append(p.distances[distance.key])
    return [
        np.array(values) - distance.floors.get(prompt, 0.0) for prompt, values in by_prompt.items()
    ]


def share_over(name: str, pairs: Sequence[Pair], rungs: Sequence[Rung], key: str) -> Measurement:
    """Return the share of judged pairs whose distance is above zero."""
    asked = sum(p.rung in rungs for p in pairs)
    kept = [p for p in judged(pairs, rungs) if key in p.distances]
    if not kept:
        return Measurement(name=name, unit="share", reason="no effective neighbor", n=asked)
    found = share(sum(p.distances[key] > 0 for p in kept), len(kept))
    return Measurement(
        name=name,
        unit="share, 0 to 1",
        value=found.value,
        low=found.low,
        high=found.high,
        interval=found.words,
        n=asked,
        effective_n=len(kept),
    )
