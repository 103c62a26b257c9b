"""Runs -> findings: how far outputs move when the prompt moves a little."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_promptchaos.measure.answers import answers, quiet, validity
from pytest_promptchaos.measure.averages import judged, mean_over
from pytest_promptchaos.measure.branching import js_threshold
from pytest_promptchaos.measure.controls import (
    effective_count,
    floors_of,
    noise_floor,
    positive_control,
    truncation,
)
from pytest_promptchaos.measure.pairs import Lens, Semantics, horizons, pairs_of, prefix
from pytest_promptchaos.measure.repetition import CHANGING, collapse_control
from pytest_promptchaos.measure.scaffold import scaffold
from pytest_promptchaos.measure.whole import Whole, beside, curves, identical_js
from pytest_promptchaos.records import Control, Findings, Measurement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_promptchaos.measure.answers import Validator
    from pytest_promptchaos.measure.distances import Metric
    from pytest_promptchaos.measure.extractors import Extractor
    from pytest_promptchaos.measure.pairs import Embed, Observed
    from pytest_promptchaos.measure.scaffold import ScaffoldMeasurement
    from pytest_promptchaos.records import Pair, Run, Rung


def divergence(
    observed: Sequence[Observed],
    *,
    metric: Metric,
    rungs: Sequence[Rung],
    min_effective: int,
    embed: Embed | None,
    embedder_words: str,
    lengths: Sequence[int] = (),
    extract: str | Extractor | None = None,
    validate: Validator | None = None,
) -> Findings:
    """Return the mean distance of the neighbors on ``rungs`` from their centers, and its guards.

    The measurement is the excess over the noise floor: mean over prompts of the mean over
    effective neighbors, minus the largest distance that this prompt's own identical control
    showed. Beside it stand the same at shorter ``lengths``, the other distances, each rung by
    itself, the branches, the controls, and the curves over output length and over layers. Without
    an embedder a semantic measurement is absent with its reason. ``extract`` reads answers,
    ``validate`` scores outputs (see ``answers``).
    """
    read = tuple(sorted({*horizons(observed[0].center.horizon), *lengths}))
    begun = scaffold(observed, tuple(dict.fromkeys((*rungs, *CHANGING))))
    texts = [*_texts(observed, read), *_aligned_texts(begun)]
    semantics = Semantics(texts, embed) if embed else None
    lens = Lens(
        semantics=semantics,
        lengths=read,
        js_threshold=_apart(observed),
        alignments=begun.alignments,
        read=quiet(extract) if extract else None,
    )
    pairs = [p for o in observed for p in pairs_of(o, lens)]
    usable: Metric = metric if semantics or metric != "semantic" else "token_edit"
    arms, by_prompt = noise_floor(observed, usable, lens)
    tasks = _Tasks.of(observed, rungs, extract, validate)
    whole = Whole(
        observed=observed,
        pairs=tuple(sorted(pairs, key=lambda p: _badness(p, rungs, usable))),
        rungs=tuple(rungs),
        metric=metric,
        usable=usable,
        floors=floors_of(observed, usable, lens),
        absent=embedder_words,
        read=read,
        scaffold=begun,
    )
    return Findings(
        model=observed[0].center.model,
        measurement=mean_over(whole.distance(metric), pairs, rungs),
        also=(*beside(whole, lengths), *tasks.measurements),
        controls=(
            *arms,
            positive_control(pairs, usable, by_prompt),
            collapse_control(observed),
            # An extracted answer is no longer where the scaffold is.
            replace(begun.control, role="note") if metric == "answer" else begun.control,
            effective_count(pairs, rungs, min_effective),
            _embedder(pairs, semantics, embedder_words, metric),
            *tasks.controls,
        ),
        pairs=whole.pairs,
        curves=tuple(curves(whole)),
        settings={"metric": metric, "rungs": ", ".join(rungs)},
    )


@dataclass(frozen=True, kw_only=True)
class _Tasks:
    """What the user's own functions made of the outputs, and their guards."""

    measurements: tuple[Measurement, ...] = ()
    controls: tuple[Control, ...] = ()

    @classmethod
    def of(
        cls,
        observed: Sequence[Observed],
        rungs: Sequence[Rung],
        extract: str | Extractor | None,
        validate: Validator | None,
    ) -> _Tasks:
        """Return the answers' and the scores' measurements, of those that were asked for."""
        read = answers(observed, rungs, extract) if extract else None
        scored = validity(observed, rungs, validate) if validate else None
        return cls(
            measurements=(
                *((read.changed, read.unread) if read else ()),
                *((scored.differs, scored.drop) if scored else ()),
            ),
            controls=tuple(one.control for one in (read, scored) if one),
        )


def _apart(observed: Sequence[Observed]) -> float:
    """Return the divergence above which logits are apart, from the identical controls."""
    return js_threshold(identical_js(observed))


def _texts(observed: Sequence[Observed], lengths: Sequence[int]) -> Iterator[str]:
    for run in _all_runs(observed):
        yield run.text
        for length in lengths:
            yield prefix(run, length)


def _aligned_texts(begun: ScaffoldMeasurement) -> Iterator[str]:
    for pair in begun.alignments.values():
        if pair.usable:
            yield from (pair.text_a, pair.text_b)


def _all_runs(observed: Sequence[Observed]) -> Iterator[Run]:
    for o in observed:
        yield from (o.center, *o.alone, o.unpadded, *o.runs.values())


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


def _badness(pair: Pair, rungs: Sequence[Rung], metric: Metric) -> tuple[bool, bool, float, str]:
    """Order pairs: those that were judged first, the worst of them on top, the dropped last."""
    counts = bool(judged([pair], rungs))
    return (not pair.distances, not counts, -pair.distances.get(metric, 0.0), pair.neighbor_id)
