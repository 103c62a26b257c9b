"""Runs -> findings: how far outputs move when the prompt moves a little."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.measure.controls import (
    effective_count,
    noise_floor,
    positive_control,
    truncation,
)
from pytest_promptchaos.measure.distances import JS_FLOOR, hidden_distance, token_edit
from pytest_promptchaos.measure.intervals import clustered_mean, share
from pytest_promptchaos.measure.pairs import Semantics, dropped, horizons, pair, prefix
from pytest_promptchaos.records import RUNGS, Control, Curve, Findings, Measurement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.measure.controls import Metric
    from pytest_promptchaos.measure.pairs import Embed, Observed
    from pytest_promptchaos.records import Pair, Run, Rung

NAMES: Mapping[Metric, str] = {
    "semantic": "semantic distance",
    "token_edit": "token edit distance",
}
UNITS = {"semantic": "1 - cosine, 0 to 2", "token_edit": "share of tokens, 0 to 1"}


def divergence(
    observed: Sequence[Observed],
    *,
    metric: Metric,
    rungs: Sequence[Rung],
    min_effective: int,
    embed: Embed | None,
    embedder_words: str,
) -> Findings:
    """Return the mean distance of the neighbors on ``rungs`` from their centers, and its guards.

    The measurement is the excess over the noise floor: mean over prompts of the mean over
    effective neighbors, minus the largest distance that this prompt's own identical control
    showed. Beside it
    stand the other distances, each rung by itself, the controls, and the curves over output
    length and over layers. Without an embedder a semantic measurement is absent with its reason.
    """
    semantics = Semantics(list(_texts(observed)), embed) if embed else None
    pairs = [p for o in observed for p in _pairs(o, semantics)]
    usable: Metric = metric if semantics or metric == "token_edit" else "token_edit"
    floors, by_prompt = noise_floor(observed, usable, semantics)
    controls = (
        *floors,
        positive_control(pairs, usable, by_prompt),
        effective_count(pairs, rungs, min_effective),
        _embedder(pairs, semantics, embedder_words, metric),
    )
    judged = _Distance(
        key=metric,
        name=NAMES[metric],
        unit=UNITS[metric],
        floors=by_prompt,
        absent=embedder_words,
    )
    return Findings(
        model=observed[0].center.model,
        measurement=_mean(judged, pairs, rungs),
        also=tuple(_also(pairs, rungs, metric, embedder_words)),
        controls=controls,
        pairs=tuple(sorted(pairs, key=lambda p: _badness(p, rungs, usable))),
        curves=(*_by_horizon(observed, rungs, usable, semantics), *_by_layer(observed, rungs)),
        settings={"metric": metric, "rungs": ", ".join(rungs)},
    )


def _texts(observed: Sequence[Observed]) -> Iterator[str]:
    for run in _all_runs(observed):
        yield run.text
        for horizon in horizons(run.horizon):
            yield prefix(run, horizon)


def _all_runs(observed: Sequence[Observed]) -> Iterator[Run]:
    for o in observed:
        yield from (o.center, *o.alone, o.unpadded, *o.runs.values())


def _pairs(observed: Observed, semantics: Semantics | None) -> Iterator[Pair]:
    for neighbor in observed.neighborhood.neighbors:
        run = observed.runs.get(neighbor.id)
        if run is None:
            yield dropped(observed.center, neighbor)
        else:
            yield pair(observed.center, neighbor, run, semantics)


def _embedder(
    pairs: Sequence[Pair], semantics: Semantics | None, words: str, metric: Metric
) -> Control:
    if semantics is not None:
        return truncation(pairs, words)
    needed = metric == "semantic"
    told = f"{words}; only tokens, logits and hidden states were compared"
    return Control(
        name="embedder",
        role="gate" if needed else "note",
        state="failed" if needed else "absent",
        words=told + (". Or judge tokens: metric='token_edit'" if needed else ""),
    )


# -- measurements -------------------------------------------------------------------------------


def _effective(pairs: Iterable[Pair], rungs: Sequence[Rung]) -> list[Pair]:
    return [p for p in pairs if p.rung in rungs and p.distances and p.certification == "effective"]


def _groups(pairs: Sequence[Pair], distance: _Distance) -> list[NDArray[np.float64]]:
    """Return one array per prompt: its neighbors' distances in excess of its own noise."""
    by_prompt: dict[str, list[float]] = {}
    for p in pairs:
        by_prompt.setdefault(p.prompt_id, []).append(p.distances[distance.key])
    return [
        np.array(values) - distance.floors.get(prompt, 0.0) for prompt, values in by_prompt.items()
    ]


@dataclass(frozen=True, kw_only=True)
class _Distance:
    """One distance to average: its key in a pair, and how it is shown.

    ``floors`` hold each prompt's own noise, which is subtracted from its neighbors; ``absent``
    says why the distance may be missing from the pairs.
    """

    key: str
    name: str
    unit: str
    floors: Mapping[str, float] = field(default_factory=dict)
    absent: str = ""


def _mean(distance: _Distance, pairs: Sequence[Pair], rungs: Sequence[Rung]) -> Measurement:
    """Return the mean of one distance over ``rungs``, with each rung of the ladder beside it."""
    run = [rung for rung in RUNGS if rung != "identical" and any(p.rung == rung for p in pairs)]
    parts = tuple(_part(replace(distance, name=rung), pairs, (rung,)) for rung in run)
    return replace(_part(distance, pairs, rungs), breakdown=parts)


def _part(distance: _Distance, pairs: Sequence[Pair], rungs: Sequence[Rung]) -> Measurement:
    asked = sum(p.rung in rungs for p in pairs)
    kept = _effective(pairs, rungs)
    empty = Measurement(
        name=distance.name,
        unit=distance.unit,
        reason=(distance.absent or "not measured")
        if kept
        else f"none of {asked} neighbors differs for the model",
        n=asked,
        effective_n=len(kept),
    )
    if not kept or distance.key not in kept[0].distances:
        return empty
    # What a changed answer looks like in this very run bounds what was not seen to move.
    largest = max(p.distances[distance.key] for p in pairs if distance.key in p.distances)
    mean = clustered_mean(_groups(kept, distance), largest=largest)
    noise = max(distance.floors.values(), default=0.0)
    told = f", in excess of each prompt's noise floor (at most {noise:.3g})" if noise else ""
    if distance.key == "js" and mean.value <= JS_FLOOR:
        told += f", at most the {JS_FLOOR:g} that is rounding of float32 logits"
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


AT_END = (
    _Distance(key="js", name="JS at the prompt's end", unit="nats, 0 to ln 2"),
    _Distance(
        key="kl_center_to_neighbor",
        name="KL at the prompt's end",
        unit="nats, center to neighbor",
    ),
    _Distance(
        key="kl_neighbor_to_center",
        name="KL back at the prompt's end",
        unit="nats, neighbor to center",
    ),
    _Distance(key="hidden_last", name="hidden state distance, last layer", unit="relative, 0 to 2"),
)


def _also(
    pairs: Sequence[Pair], rungs: Sequence[Rung], metric: Metric, absent: str
) -> Iterator[Measurement]:
    for key, name in NAMES.items():
        if key != metric:
            other = _Distance(key=key, name=name, unit=UNITS[key], absent=absent)
            yield _mean(other, pairs, rungs)
    yield _share("share of outputs changed", pairs, rungs, "token_edit")
    yield _share("share of first tokens flipped", pairs, rungs, "top1_flip")
    yield from (_mean(distance, pairs, rungs) for distance in AT_END)


def _share(name: str, pairs: Sequence[Pair], rungs: Sequence[Rung], key: str) -> Measurement:
    asked = sum(p.rung in rungs for p in pairs)
    kept = _effective(pairs, rungs)
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


def _badness(pair: Pair, rungs: Sequence[Rung], metric: Metric) -> tuple[bool, bool, float, str]:
    """Order pairs: those that were judged first, the worst of them on top, the dropped last."""
    judged = pair.rung in rungs and pair.certification == "effective"
    distance = pair.distances.get(metric, 0.0)
    return (not pair.distances, not judged, -distance, pair.neighbor_id)


# -- curves -------------------------------------------------------------------------------------


def _series(
    observed: Sequence[Observed], rungs: Sequence[Rung], value: Callable[[Run, Run], float]
) -> list[NDArray[np.float64]]:
    """Return one array per prompt: ``value`` of every effective neighbor on ``rungs``."""
    groups = [
        np.array(
            [
                value(o.center, o.runs[n.id])
                for n in o.neighborhood.neighbors
                if n.rung in rungs and n.certification == "effective"
            ]
        )
        for o in observed
    ]
    return [group for group in groups if len(group)]


def _by_horizon(
    observed: Sequence[Observed],
    rungs: Sequence[Rung],
    metric: Metric,
    semantics: Semantics | None,
) -> Iterator[Curve]:
    """Yield divergence against the length of the output that is compared, in tokens."""

    def at(horizon: int) -> Callable[[Run, Run], float]:
        def value(a: Run, b: Run) -> float:
            if metric == "token_edit" or semantics is None:
                return token_edit(a.output_ids[:horizon], b.output_ids[:horizon])
            return semantics.distance(prefix(a, horizon), prefix(b, horizon))

        return value

    lengths = horizons(observed[0].center.horizon)
    shown: dict[str, tuple[Rung, ...]] = {
        "judged edits": tuple(rungs),
        "positive control": ("positive_control",),
    }
    for series, chosen in shown.items():
        groups = [_series(observed, chosen, at(h)) for h in lengths]
        if groups[0]:
            drawn = _curve(lengths, groups)
            yield replace(
                drawn,
                name="divergence by horizon",
                x_label="output tokens compared",
                y_label=NAMES[metric],
                series=series,
            )


def _by_layer(observed: Sequence[Observed], rungs: Sequence[Rung]) -> Iterator[Curve]:
    """Yield the hidden state distance of the last prompt token, entering layer 0, 1, ..."""

    def at(layer: int) -> Callable[[Run, Run], float]:
        return lambda a, b: float(hidden_distance(a.prompt_hidden, b.prompt_hidden)[layer])

    layers = range(len(observed[0].center.prompt_hidden))
    groups = [_series(observed, rungs, at(layer)) for layer in layers]
    if groups[0]:
        yield replace(_curve(layers, groups), series="judged edits")


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
        y=tuple(mean.value for mean in means),
        low=tuple(low for low, _ in bounds) if known else (),
        high=tuple(high for _, high in bounds) if known else (),
    )
