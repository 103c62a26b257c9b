"""Systems' runs -> findings: drift from a reference beside the sensitivity of each system."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_promptchaos.measure.compared import Compared
from pytest_promptchaos.measure.controls import positive_control, truncation
from pytest_promptchaos.measure.distances import FROM_THE_ANSWER
from pytest_promptchaos.measure.energy import LARGEST
from pytest_promptchaos.measure.excess import possible
from pytest_promptchaos.measure.intervals import clustered_mean
from pytest_promptchaos.measure.pairs import Lens, pairs_of
from pytest_promptchaos.measure.repetition import CHANGING, collapse_control
from pytest_promptchaos.measure.scaffold import scaffold
from pytest_promptchaos.measure.systems import group_words, pairwise
from pytest_promptchaos.records import RUNGS, Control, Curve, Findings, Measurement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from pytest_promptchaos.measure.compared import Comparison
    from pytest_promptchaos.measure.energy import OutputMetric
    from pytest_promptchaos.measure.pairs import Embed
    from pytest_promptchaos.measure.systems import Paired
    from pytest_promptchaos.records import ModelIdentity, Pair, Rung

NAMES: Mapping[OutputMetric, str] = {"semantic": "semantic drift", "token_edit": "token edit drift"}
UNITS = {"semantic": "1 - cosine, 0 to 2", "token_edit": "share of tokens, 0 to 1"}


def drift(
    comparison: Comparison,
    *,
    min_effective: int,
    embed: Embed | None,
    embedder_words: str,
    seed: int = 0,
) -> tuple[Findings, ...]:
    """Return one findings per system that is not the reference, in order.

    The measurement is the drift: the mean over prompts of the mean distance between the system's
    and the reference's outputs to one and the same text, over the prompt itself and its common
    neighbors on the rungs, in excess of the noise of both. Beside it stand the sensitivities of
    both systems to the same neighbors, their paired difference with its permutation test and
    Holm's correction over all pairs of systems, and which systems are not told apart.
    """
    seen = Compared(comparison, embed)
    tested = pairwise(seen.means(), seed=seed) if seen.prompts else ()
    shared = (_common(seen, min_effective), _groups(seen, tested))
    clouds = tuple(_cloud(seen, place) for place in range(len(seen.systems)) if seen.prompts)
    return tuple(
        Findings(
            model=system.observed[0].center.model,
            measurement=_drift(seen, place),
            also=tuple(_beside(seen, place, tested)),
            controls=(*_guards(seen, place, embedder_words), *shared),
            pairs=tuple(seen.pairs(place)),
            curves=clouds,
            settings=_settings(seen, place),
        )
        for place, system in enumerate(seen.systems)
        if place
    )


def without_embedder(model: ModelIdentity, settings: Mapping[str, str], words: str) -> Findings:
    """Return the findings of a semantic drift that has no embedder: absent, and invalid."""
    told = f"{words}; nothing was decoded. Or judge tokens: metric='token_edit'"
    return Findings(
        model=model,
        measurement=Measurement(name=NAMES["semantic"], unit=UNITS["semantic"], reason=words),
        controls=(Control(name="embedder", role="gate", state="failed", words=told),),
        settings=settings,
    )


def _settings(seen: Compared, place: int) -> dict[str, str]:
    return {
        "metric": seen.comparison.metric,
        "rungs": ", ".join(seen.comparison.rungs),
        "system": seen.systems[place].label,
        "reference": seen.reference.label,
        "systems": "; ".join(system.label for system in seen.systems),
    }


# -- measurements -------------------------------------------------------------------------------


def _drift(seen: Compared, place: int) -> Measurement:
    """Return the drift of one system, with each rung beside it; ``identical`` is the prompt."""
    name = NAMES[seen.comparison.metric]
    whole = _mean(seen, name, lambda rung: seen.drifted(place, rung))
    return replace(whole, unit=f"{whole.unit}, from {seen.reference.label}")


def _mean(
    seen: Compared, name: str, values: Callable[[Rung | None], list[NDArray[np.float64]]]
) -> Measurement:
    parts = [_part(seen, rung, values(rung)) for rung in RUNGS]
    kept = tuple(part for part in parts if part.value is not None)
    return replace(_part(seen, name, values(None)), breakdown=kept)


def _part(seen: Compared, name: str, groups: Sequence[NDArray[np.float64]]) -> Measurement:
    unit = UNITS[seen.comparison.metric]
    if not groups:
        return Measurement(name=name, unit=unit, reason="no neighbor is common to all systems")
    mean = possible(clustered_mean(groups, largest=_farthest(seen)), 0.0, _most(seen))
    count = sum(map(len, groups))
    return Measurement(
        name=name,
        unit=unit,
        value=max(mean.value, 0.0),
        low=mean.low,
        high=mean.high,
        interval=mean.words.replace("neighbors", "texts"),
        resampled=mean.unit,
        resampled_n=mean.count,
        n=count,
        effective_n=count,
    )


def _most(seen: Compared) -> float:
    return LARGEST[seen.comparison.metric]


def _farthest(seen: Compared) -> float:
    """Return the largest distance that any text of any system shows: as far as one may move."""
    return max(
        seen.distance(observed.center, run)
        for system in seen.systems
        for observed in system.observed
        for n in observed.neighborhood.neighbors
        if n.gates and (run := observed.runs.get(n.id)) is not None
    )


def _beside(seen: Compared, place: int, tested: Sequence[Paired]) -> Iterator[Measurement]:
    answers = f"{NAMES[seen.comparison.metric]} {FROM_THE_ANSWER}"
    yield _part(seen, answers, seen.drifted_from_the_answer(place))
    for one in (0, place):
        name = f"sensitivity of {seen.systems[one].label}"
        yield _mean(seen, name, lambda rung, one=one: seen.sensitivity(one, rung))  # type: ignore[misc]
    yield from (
        m
        for pair in tested
        if (pair.first, pair.second) == (0, place)
        for m in _test(seen, pair, len(tested))
    )


def _test(seen: Compared, pair: Paired, family: int) -> Iterator[Measurement]:
    label, count = seen.systems[pair.second].label, len(seen.prompts)
    mean = possible(pair.difference, -_most(seen), _most(seen))
    yield Measurement(
        name="difference in sensitivity",
        unit=f"{label} minus {seen.reference.label}, paired by prompt",
        value=mean.value,
        low=mean.low,
        high=mean.high,
        interval=mean.words,
        resampled="prompts",
        resampled_n=count,
        n=count,
        effective_n=count,
    )
    unit = f"two-sided p, paired sign flips over {count} prompts"
    for name, value, words in (
        ("p of the difference", pair.p, unit),
        ("p of the difference, Holm", pair.corrected, f"{unit}; Holm over {family} pairs"),
    ):
        yield Measurement(name=name, unit=words, value=value, n=count, effective_n=count)


def _cloud(seen: Compared, place: int) -> Curve:
    """Return drift against sensitivity, one point per prompt; the reference lies at 0."""
    drifted = [float(group.mean()) for group in seen.drifted(place)]
    return Curve(
        name="drift against sensitivity",
        x_label=f"sensitivity to small edits, {seen.comparison.metric.replace('_', ' ')} distance",
        y_label="drift from the reference",
        x=tuple(float(group.mean()) for group in seen.sensitivity(place)),
        y=tuple(drifted) if place else (0.0,) * len(drifted),
        series=seen.systems[place].label + ("" if place else " (reference)"),
        mark="points",
        labels=tuple(seen.id(prompt) for prompt in seen.prompts),
    )


# -- controls -----------------------------------------------------------------------------------


def _common(seen: Compared, least: int) -> Control:
    """Return how many neighbors reach every system, and which system lost the others."""
    places = range(len(seen.comparison.common))
    asked = sum(len(seen.neighbors(p)) for p in places)
    kept = sum(len(seen.judged(p)) for p in places)
    lost = Counter(
        f"{certification} for {label}"
        for p in places
        for n in seen.neighbors(p)
        if n.id not in seen.comparison.common[p]
        for label, certification in seen.lost(p, n)
    )
    told = "".join(f", {count} {words}" for words, count in sorted(lost.items()))
    none = [seen.id(p) for p in places if p not in seen.prompts]
    told += f"; left out, with none: {', '.join(none)}" if none else ""
    return Control(
        name="common neighbors",
        role="gate",
        state="held" if kept >= least else "failed",
        words=f"{kept} of {asked} neighbors are effective for every system{told}; {least} needed",
        value=float(kept),
    )


def _groups(seen: Compared, tested: Sequence[Paired]) -> Control:
    labels = [system.label for system in seen.systems]
    words = group_words(labels, tested, len(seen.prompts))
    return Control(name="sensitivity groups", role="note", state="held", words=words)


def _guards(seen: Compared, place: int, embedder_words: str) -> Iterator[Control]:
    """Yield the noise of both systems and what a changed meaning does to each of them."""
    shown: list[Pair] = []
    for one in (0, place):
        label = seen.systems[one].label
        lens = Lens(semantics=seen.semantics)
        own = [p for o in seen.systems[one].observed for p in pairs_of(o, lens)]
        detected = positive_control(own, seen.comparison.metric, seen.floors[one])
        observed = seen.systems[one].observed
        begun = scaffold(observed, tuple(dict.fromkeys((*seen.comparison.rungs, *CHANGING))))
        found = (*seen.arms[one], detected, collapse_control(observed), begun.control)
        yield from (replace(control, name=f"{control.name}, {label}") for control in found)
        shown += own
    if seen.semantics is not None:
        yield truncation(shown, embedder_words)
