"""Draws -> findings: how far sampled answers move with the prompt, beyond their own spread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.measure.controls import effective_count, truncation
from pytest_promptchaos.measure.drawn import Seen, Space
from pytest_promptchaos.measure.energy import LARGEST, holm
from pytest_promptchaos.measure.excess import mean_excess, possible
from pytest_promptchaos.measure.intervals import clustered_mean, share
from pytest_promptchaos.records import RUNGS, Control, Curve, Findings, Measurement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pytest_promptchaos.measure.drawn import Drawn
    from pytest_promptchaos.measure.energy import Contrast, OutputMetric
    from pytest_promptchaos.measure.pairs import Embed
    from pytest_promptchaos.records import ModelIdentity, Pair, Rung

NAMES: Mapping[OutputMetric, str] = {
    "semantic": "sampled semantic excess",
    "token_edit": "sampled token edit excess",
}
UNITS = {
    "semantic": "1 - cosine between prompts minus within, sampled answers",
    "token_edit": "share of tokens between prompts minus within, sampled answers",
}
LEVEL = 0.05
"""A Holm-corrected p below this tells two distributions of answers apart."""
SELF = 0.001
"""The same prompt's second draws must not be told apart even at this level."""


def sampled_divergence(
    drawn: Sequence[Drawn],
    *,
    metric: OutputMetric,
    rungs: Sequence[Rung],
    min_effective: int,
    embed: Embed | None,
    embedder_words: str,
    seed: int = 0,
) -> Findings:
    """Return how far sampled answers to the neighbors on ``rungs`` lie from those to the centers.

    The measurement is the excess, mean over prompts of the mean over effective neighbors: the mean
    distance between answers to the two prompts minus the mean distance within each. Beside it
    stand both parts, the share of neighbors that an energy test with Holm's correction tells
    apart, and the controls: the center drawn a second time, and the positive control.
    """
    space = Space(drawn, metric, embed)
    seen = [Seen(one, space, seed) for one in drawn]
    pairs = [pair for one in seen for pair in one.pairs(NAMES[metric])]
    corrected = _corrected(seen, rungs)
    controls = (
        _second_set(seen),
        _positive(seen),
        effective_count(pairs, rungs, min_effective),
        *((truncation(pairs, embedder_words),) if metric == "semantic" else ()),
        *_farthest(pairs, NAMES[metric], rungs),
    )
    return Findings(
        model=drawn[0].model,
        measurement=_excess(seen, rungs, metric),
        also=(*_parts(seen, rungs, metric), _told_apart(corrected)),
        controls=controls,
        pairs=tuple(sorted(pairs, key=lambda p: _badness(p, rungs, NAMES[metric]))),
        curves=tuple(_cloud(seen, rungs, metric)),
        settings={"distance": metric, "rungs": ", ".join(rungs), "energy_tests": len(corrected)},
    )


def without_embedder(model: ModelIdentity, rungs: Sequence[Rung], words: str) -> Findings:
    """Return the findings of a semantic measurement that has no embedder: absent, and invalid."""
    return Findings(
        model=model,
        measurement=Measurement(name=NAMES["semantic"], unit=UNITS["semantic"], reason=words),
        controls=(
            Control(
                name="embedder",
                role="gate",
                state="failed",
                words=f"{words}; nothing was drawn. Or judge tokens: metric='token_edit'",
            ),
        ),
        settings={"distance": "semantic", "rungs": ", ".join(rungs)},
    )


def _badness(pair: Pair, rungs: Sequence[Rung], name: str) -> tuple[bool, bool, float, str]:
    """Order pairs: those that were judged first, the worst of them on top, the dropped last."""
    judged = pair.rung in rungs and pair.gates
    return (not pair.distances, not judged, -pair.distances.get(name, 0.0), pair.neighbor_id)


def _corrected(seen: Sequence[Seen], rungs: Sequence[Rung]) -> list[float]:
    """Return the Holm-corrected p of every judged neighbor of every prompt."""
    return holm([one.contrasts[n.id].p for one in seen for n in one.chosen(rungs)])


# -- measurements -------------------------------------------------------------------------------


def _excess(seen: Sequence[Seen], rungs: Sequence[Rung], metric: OutputMetric) -> Measurement:
    """Return the excess over ``rungs``, with each rung of the ladder beside it."""
    on = [r for r in RUNGS if r != "identical" and any(one.chosen((r,)) for one in seen)]
    parts = tuple(_excess_on(seen, (rung,), rung, metric) for rung in on)
    whole = _excess_on(seen, rungs, NAMES[metric], metric)
    return Measurement(**{**vars(whole), "breakdown": parts})


def _excess_on(
    seen: Sequence[Seen], rungs: Sequence[Rung], name: str, metric: OutputMetric
) -> Measurement:
    asked = sum(n.rung in rungs for one in seen for n in one.drawn.neighborhood.neighbors)
    groups = _by_prompt(seen, rungs, lambda found: found.excess)
    kept = sum(len(group) for group in groups.values())
    if not kept:
        reason = f"none of {asked} neighbors differs for the model"
        return Measurement(name=name, unit=UNITS[metric], reason=reason, n=asked)
    every = [found.excess for one in seen for found in one.contrasts.values()]
    errors = {one.id: one.error(rungs) for one in seen if one.id in groups}
    mean = mean_excess(groups, errors, largest=max(every), smallest=min(every), metric=metric)
    return Measurement(
        name=name,
        unit=UNITS[metric],
        value=mean.value,
        low=mean.low,
        high=mean.high,
        interval=mean.words,
        resampled=mean.unit,
        resampled_n=mean.count,
        n=asked,
        effective_n=kept,
    )


def _by_prompt(
    seen: Sequence[Seen], rungs: Sequence[Rung], value: Callable[[Contrast], float]
) -> dict[str, list[float]]:
    found = {one.id: [value(one.contrasts[n.id]) for n in one.chosen(rungs)] for one in seen}
    return {prompt: values for prompt, values in found.items() if values}


def _parts(
    seen: Sequence[Seen], rungs: Sequence[Rung], metric: OutputMetric
) -> Iterator[Measurement]:
    shown: dict[str, Callable[[Contrast], float]] = {
        "within prompts": lambda found: found.within,
        "between prompts": lambda found: found.between,
    }
    for name, value in shown.items():
        groups = _by_prompt(seen, rungs, value)
        unit = f"sampled {metric.replace('_', ' ')} distance"
        if not groups:
            yield Measurement(name=f"sampled {name}", unit=unit, reason="no effective neighbor")
            continue
        values = [np.array(group) for group in groups.values()]
        mean = possible(clustered_mean(values), 0.0, LARGEST[metric])
        yield Measurement(
            name=f"sampled {name}",
            unit=unit,
            value=mean.value,
            low=mean.low,
            high=mean.high,
            interval=mean.words,
            n=mean.count,
            effective_n=mean.count,
        )


def _told_apart(corrected: Sequence[float]) -> Measurement:
    name = "share of neighbors with answers of another distribution"
    if not corrected:
        return Measurement(name=name, unit="share", reason="no effective neighbor")
    found = share(sum(p < LEVEL for p in corrected), len(corrected))
    return Measurement(
        name=name,
        unit=f"share, 0 to 1: energy test, Holm p < {LEVEL:g} over {len(corrected)} neighbors",
        value=found.value,
        low=found.low,
        high=found.high,
        interval=found.words,
        n=len(corrected),
        effective_n=len(corrected),
    )


# -- controls -----------------------------------------------------------------------------------


def _second_set(seen: Sequence[Seen]) -> Control:
    """Return what the same prompt, drawn a second time, shows: chance and nothing else."""
    excess = float(np.mean([one.again.excess for one in seen]))
    least = min(holm([one.again.p for one in seen]))
    told = f"the same prompt drawn again: excess {excess:.3g}, smallest energy test p {least:.2g}"
    broken = least < SELF
    why = ": one distribution is told from itself, so the draws are not independent"
    return Control(
        name="second draws",
        role="gate" if broken else "floor",
        state="failed" if broken else "held",
        words=told + (why if broken else ""),
        value=max(excess, 0.0),
    )


def _positive(seen: Sequence[Seen]) -> Control:
    """Return whether a meaning-changing edit of every prompt is told apart from it.

    Its value is the smallest of the prompts' mean excesses: a limit above it could not fail.
    """
    without = [one.id for one in seen if not one.chosen(("positive_control",))]
    if without:
        return Control(
            name="positive control",
            role="gate",
            state="failed",
            words=f"no meaning-changing edit was drawn from for {', '.join(without)}, so nothing "
            "shows that the metric can see one there",
        )
    found = {
        one.id: [one.contrasts[n.id] for n in one.chosen(("positive_control",))] for one in seen
    }
    blind = [prompt for prompt, all_of in found.items() if min(c.p for c in all_of) >= LEVEL]
    value = min(float(np.mean([c.excess for c in all_of])) for all_of in found.values())
    largest = max(min(c.p for c in all_of) for all_of in found.values())
    told = f"; not told apart for {', '.join(blind)}" if blind else ""
    return Control(
        name="positive control",
        role="detection",
        state="failed" if blind else "held",
        words=f"{sum(map(len, found.values()))} meaning-changing edits, smallest mean excess of a "
        f"prompt {value:.3f}, largest energy test p {largest:.2g}{told}",
        value=value,
    )


def _farthest(pairs: Sequence[Pair], name: str, rungs: Sequence[Rung]) -> Iterator[Control]:
    """Yield the judged neighbor whose answers moved farthest, in words."""
    judged = [p for p in pairs if p.rung in rungs and p.distances and p.gates]
    if not judged:
        return
    worst = max(judged, key=lambda p: p.distances[name])
    yield Control(
        name="farthest neighbor",
        role="note",
        state="held",
        words=f"{worst.rung}: {worst.edit} (prompt {worst.prompt_id!r}; excess "
        f"{worst.distances[name]:.3f}, energy test p {worst.distances['energy test p']:.2g}); "
        f"answers that tell them apart: {worst.output_a!r} and {worst.output_b!r}",
        value=worst.distances[name],
    )


def _cloud(seen: Sequence[Seen], rungs: Sequence[Rung], metric: OutputMetric) -> Iterator[Curve]:
    """Yield between against within, a point per neighbor; on the diagonal nothing moved."""
    shown: dict[str, tuple[Rung, ...]] = {
        "judged edits": tuple(rungs),
        "positive control": ("positive_control",),
    }
    for series, chosen in shown.items():
        found = [(one, n, one.contrasts[n.id]) for one in seen for n in one.chosen(chosen)]
        if found:
            yield Curve(
                name="sampled answers",
                x_label=f"within prompts, {metric.replace('_', ' ')} distance",
                y_label="between prompts",
                x=tuple(c.within for _, _, c in found),
                y=tuple(c.between for _, _, c in found),
                series=series,
                mark="points",
                labels=tuple(f"{one.id}: {n.edit}" for one, n, _ in found),
            )
