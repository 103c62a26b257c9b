"""Runs -> findings: how far outputs move when the prompt moves a little."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.measure.answers import answers, quiet, validity
from pytest_promptchaos.measure.averages import Distance, judged, mean_over, share_over
from pytest_promptchaos.measure.boundary import boundary
from pytest_promptchaos.measure.branching import branch_counts, js_threshold
from pytest_promptchaos.measure.controls import (
    effective_count,
    floors_of,
    noise_floor,
    positive_control,
    truncation,
)
from pytest_promptchaos.measure.curves import by_horizon, by_layer
from pytest_promptchaos.measure.distances import FROM_THE_ANSWER, JS_FLOOR, NAMES, UNITS
from pytest_promptchaos.measure.foresight import branch_scores
from pytest_promptchaos.measure.pairs import INFINITE, Lens, Semantics, horizons, pairs_of, prefix
from pytest_promptchaos.measure.repetition import CHANGING, collapse_control, repetition
from pytest_promptchaos.measure.responsiveness import (
    responsiveness,
    stability_against_responsiveness,
)
from pytest_promptchaos.measure.scaffold import scaffold
from pytest_promptchaos.measure.traces import dissociation, margin_traces
from pytest_promptchaos.records import Control, Findings, Measurement

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.measure.answers import Validator
    from pytest_promptchaos.measure.controls import Floors
    from pytest_promptchaos.measure.distances import Metric
    from pytest_promptchaos.measure.extractors import Extractor
    from pytest_promptchaos.measure.pairs import Embed, Observed
    from pytest_promptchaos.measure.scaffold import ScaffoldMeasurement
    from pytest_promptchaos.records import Curve, Pair, Run, Rung


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
    whole = _Whole(
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
        also=(*_also(whole, lengths), *tasks.measurements),
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
        curves=tuple(_curves(whole)),
        settings={"metric": metric, "rungs": ", ".join(rungs)},
    )


@dataclass(frozen=True, kw_only=True)
class _Whole:
    """Everything the parts of the findings are taken from.

    ``metric`` is the one that was asked for, ``usable`` the one that can be taken; ``read`` are
    the prefix lengths that every pair holds its distances at.
    """

    observed: Sequence[Observed]
    pairs: tuple[Pair, ...]
    rungs: tuple[Rung, ...]
    metric: Metric
    usable: Metric
    floors: Floors
    absent: str
    read: tuple[int, ...]
    scaffold: ScaffoldMeasurement

    def distance(self, metric: Metric) -> Distance:
        """Return the judged distance, in excess of each prompt's own noise."""
        return Distance(
            key=metric,
            name=NAMES[metric],
            unit=UNITS[metric],
            floors=self.floors.get(metric, {}),
            absent=self.why_absent(metric),
        )

    def why_absent(self, metric: Metric) -> str:
        """Return why pairs may lack a distance."""
        if metric == "answer":
            return "no answer was read in the center's output"
        return self.absent if metric == "semantic" else ""

    @property
    def judged_floors(self) -> Mapping[str, float]:
        """Each prompt's floor of the distance that is judged."""
        return self.floors.get(self.usable, {})


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
    return js_threshold(_identical_js(observed))


def _rounding(observed: Sequence[Observed]) -> float:
    """Return the divergence that is rounding: what identical prompts showed, float32's at least."""
    return max(JS_FLOOR, float(_identical_js(observed).max(initial=0.0)))


def _identical_js(observed: Sequence[Observed]) -> NDArray[np.float64]:
    noise = [
        o.forced[n.id][0].js
        for o in observed
        for n in o.neighborhood.neighbors
        if n.rung == "identical" and n.id in o.forced
    ]
    return np.concatenate(noise) if noise else np.zeros(0)


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


AT_END = (
    Distance(key="js", name="JS at the prompt's end", unit="nats, 0 to ln 2"),
    Distance(
        key="kl_center_to_neighbor",
        name="KL at the prompt's end",
        unit="nats, center to neighbor",
        absent=INFINITE,
    ),
    Distance(
        key="kl_neighbor_to_center",
        name="KL back at the prompt's end",
        unit="nats, neighbor to center",
        absent=INFINITE,
    ),
    Distance(key="hidden_last", name="hidden state distance, last layer", unit="relative, 0 to 2"),
    Distance(key="hidden_cosine", name="hidden state cosine distance", unit="1 - cosine, 0 to 2"),
)
ALONG = (
    Distance(key="forced_js", name="JS along the center's output", unit="nats per step, mean"),
    Distance(key="forced_js_back", name="JS along the neighbor's output", unit="nats per step"),
    Distance(key="forced_gap", name="logit distance along the center's output", unit="logits, RMS"),
    Distance(
        key="forced_flips", name="steps that would flip, center's output", unit="share, 0 to 1"
    ),
)


def _also(whole: _Whole, lengths: Sequence[int]) -> Iterator[Measurement]:
    pairs, rungs = whole.pairs, whole.rungs
    for length in lengths if whole.usable != "answer" else ():
        yield mean_over(_at(whole, length), pairs, rungs)
    for metric in NAMES:
        if metric not in {whole.metric, "answer"}:
            yield mean_over(whole.distance(metric), pairs, rungs)
    yield _response(whole)
    if whole.usable != "answer":
        yield mean_over(_from_the_answer(whole), pairs, rungs)
    yield from (whole.scaffold.usable, whole.scaffold.scaffold)
    yield from repetition(whole.observed, rungs)
    yield share_over("share of outputs changed", pairs, rungs, "token_edit")
    yield share_over("share of first tokens flipped", pairs, rungs, "top1_flip")
    yield from (mean_over(distance, pairs, rungs) for distance in AT_END)
    if any(o.forced for o in whole.observed):
        yield from (mean_over(distance, pairs, rungs) for distance in ALONG)
    followed = {neighbor for o in whole.observed for neighbor in o.forced}
    yield from branch_counts(judged(pairs, rungs), followed=followed)
    yield from branch_scores(whole.observed, rungs)
    both = boundary(whole.observed, rungs, floor=_rounding(whole.observed))
    yield from (both.density, both.stretching, both.correlation)


def _response(whole: _Whole) -> Measurement:
    return responsiveness(
        whole.pairs,
        whole.usable,
        unit=UNITS[whole.usable],
        floors=whole.judged_floors,
        absent=whole.absent if whole.usable != whole.metric else "",
    )


def _from_the_answer(whole: _Whole) -> Distance:
    """Return the distance from the start of the answers on, where both have one."""
    return Distance(
        key=f"aligned_{whole.usable}",
        name=f"{NAMES[whole.usable]} {FROM_THE_ANSWER}",
        unit=UNITS[whole.usable],
        absent="their answers cannot be aligned",
        noisy=any(whole.judged_floors.values()),
    )


def _at(whole: _Whole, length: int) -> Distance:
    key = f"{whole.usable}@{length}"
    return Distance(
        key=key,
        name=f"{NAMES[whole.usable]} at {length} tokens",
        unit=UNITS[whole.usable],
        floors=whole.floors.get(key, {}),
    )


def _curves(whole: _Whole) -> Iterator[Curve]:
    if whole.usable != "answer":
        yield from by_horizon(whole.pairs, whole.rungs, whole.usable, whole.read, whole.floors)
    yield from by_layer(whole.observed, whole.rungs)
    points = stability_against_responsiveness(
        whole.pairs,
        whole.usable,
        whole.rungs,
        unit=UNITS[whole.usable],
        floors=whole.judged_floors,
    )
    if points is not None:
        yield points
    yield from margin_traces(whole.observed, whole.rungs)
    for by in ("confidence", "js"):
        cloud = dissociation(
            whole.observed,
            whole.pairs,
            whole.usable,
            whole.rungs,
            by=by,
            y_label=NAMES[whole.usable],
        )
        if cloud is not None:
            yield cloud


def _badness(pair: Pair, rungs: Sequence[Rung], metric: Metric) -> tuple[bool, bool, float, str]:
    """Order pairs: those that were judged first, the worst of them on top, the dropped last."""
    counts = bool(judged([pair], rungs))
    return (not pair.distances, not counts, -pair.distances.get(metric, 0.0), pair.neighbor_id)
