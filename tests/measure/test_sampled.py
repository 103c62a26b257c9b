"""Draws -> findings: the excess over the draws' own spread, and the guards around it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from pytest_promptchaos.measure.drawn import Drawn
from pytest_promptchaos.measure.sampled import sampled_divergence
from pytest_promptchaos.neighborhoods.ladder import neighborhood
from pytest_promptchaos.records import SMALL_RUNGS, ModelIdentity, Neighborhood

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_promptchaos.records import Control, Findings, Measurement, Neighbor

MODEL = ModelIdentity(
    pin="dir:m",
    name="m",
    revision="",
    fingerprint="f",
    template="none",
    dtype="float32",
    device="cpu",
    attention="eager",
)


@dataclass(frozen=True)
class Said:
    """A drawn answer of one token."""

    token: int

    @property
    def output_ids(self) -> tuple[int, ...]:
        return (self.token,)

    @property
    def tokens(self) -> tuple[str, ...]:
        return (self.text,)

    @property
    def text(self) -> str:
        return f"word{self.token}"


def said(*tokens: int) -> list[Said]:
    return [Said(token) for token in tokens]


def built(text: str = "Tell me about the planet.") -> Neighborhood:
    whole = neighborhood(text, positive_control=["Something else?"])
    return replace(
        whole,
        neighbors=tuple(
            replace(n, certification="identical" if n.rung == "identical" else "effective")
            for n in whole.neighbors
        ),
    )


HALF = said(*[1, 2] * 6)
"""Twelve draws of two answers: within 6/11 of the pairs differ."""
OTHER = said(*[8, 9] * 6)


def drawn(
    answers: Callable[[Neighbor], Sequence[Said]] = lambda _: HALF,
    *,
    again: Sequence[Said] = HALF,
    around: Neighborhood | None = None,
) -> Drawn:
    around = around or built()
    return Drawn(
        neighborhood=around,
        model=MODEL,
        center=HALF,
        again=again,
        answers={
            n.id: OTHER if n.rung == "positive_control" else answers(n)
            for n in around.neighbors
            if n.certification == "effective"
        },
    )


def found(*prompts: Drawn) -> Findings:
    return sampled_divergence(
        prompts,
        metric="token_edit",
        rungs=SMALL_RUNGS,
        min_effective=6,
        embed=None,
        embedder_words="none",
    )


def control(findings: Findings, name: str) -> Control:
    return next(one for one in findings.controls if one.name == name)


def beside(findings: Findings, name: str) -> Measurement:
    return next(one for one in findings.also if one.name == name)


TOLD = "share of neighbors with answers of another distribution"


def test_draws_of_one_distribution_have_no_excess_though_they_differ() -> None:
    findings = found(drawn())
    # 12 of one kind against 12 of the other, half of 144 pairs differ; within, 72 of 132.
    assert beside(findings, "sampled between prompts").value == pytest.approx(0.5)
    assert beside(findings, "sampled within prompts").value == pytest.approx(6 / 11)
    assert findings.measurement.value == pytest.approx(0.5 - 6 / 11)
    assert beside(findings, TOLD).value == 0.0


def test_other_answers_have_the_excess_of_what_is_between_them() -> None:
    findings = found(drawn(lambda n: OTHER if n.rung in SMALL_RUNGS else HALF))
    assert findings.measurement.name == "sampled token edit excess"
    assert findings.measurement.value == pytest.approx(1 - 6 / 11)
    assert beside(findings, TOLD).value == 1.0
    assert "Holm" in beside(findings, TOLD).unit


def test_each_rung_stands_by_itself() -> None:
    findings = found(drawn(lambda n: OTHER if n.rung == "format" else HALF))
    parts = {part.name: part.value for part in findings.measurement.breakdown}
    assert parts["format"] == parts["positive_control"] == pytest.approx(1 - 6 / 11)
    assert parts["punctuation"] == pytest.approx(0.5 - 6 / 11)


def test_the_worst_pair_shows_answers_that_tell_the_prompts_apart() -> None:
    around = built()
    worst = next(n for n in around.neighbors if n.rung == "format")
    moved = said(*[1, 2] * 3, *[7] * 6)
    findings = found(drawn(lambda n: moved if n.id == worst.id else HALF, around=around))
    shown = findings.pairs[0]
    assert (shown.neighbor_id, shown.output_b) == (worst.id, "word7")
    assert shown.output_a in {"word1", "word2"}
    assert shown.distances["energy test p"] < 0.05
    words = control(findings, "farthest neighbor").words
    assert worst.edit in words
    assert "'word7'" in words


def test_an_erased_neighbor_is_shown_and_counted() -> None:
    around = built()
    first = next(n for n in around.neighbors if n.rung == "format")
    around = replace(
        around,
        neighbors=tuple(
            replace(n, certification="erased") if n.id == first.id else n for n in around.neighbors
        ),
    )
    findings = found(drawn(around=around))
    (shown,) = [p for p in findings.pairs if p.neighbor_id == first.id]
    assert shown.missing == (("all", "not drawn from: erased"),)
    assert findings.measurement.effective_n == findings.measurement.n - 1


def test_the_center_told_from_itself_is_no_evidence() -> None:
    told = control(found(drawn(again=OTHER)), "second draws")
    assert told.state == "failed"
    assert "not independent" in told.words
    assert control(found(drawn()), "second draws").state == "held"


def test_a_changed_meaning_that_is_not_told_apart_is_no_evidence() -> None:
    one = drawn()
    blind = replace(one, answers=dict.fromkeys(one.answers, HALF))
    assert control(found(blind), "positive control").state == "failed"
    seen = control(found(one), "positive control")
    assert (seen.state, seen.role) == ("held", "detection")
    assert seen.value == pytest.approx(1 - 6 / 11)


def test_unreviewed_generated_text_is_drawn_from_and_never_judged() -> None:
    around = built()
    first = next(n for n in around.neighbors if n.rung == "format")
    generated = replace(first, id="g", rung="paraphrase", origin="generated")
    around = replace(around, neighbors=(*around.neighbors, generated))
    findings = sampled_divergence(
        [drawn(lambda n: OTHER if n.id == "g" else HALF, around=around)],
        metric="token_edit",
        rungs=("format", "paraphrase"),
        min_effective=1,
        embed=None,
        embedder_words="none",
    )
    (shown,) = [p for p in findings.pairs if p.neighbor_id == "g"]
    assert shown.distances["sampled token edit excess"] > 0.4
    assert findings.measurement.value == pytest.approx(0.5 - 6 / 11)


def test_from_five_prompts_on_the_prompt_is_the_unit() -> None:
    kinds = [HALF, OTHER, HALF, OTHER, HALF]
    prompts = [
        drawn(lambda _, kind=kind: kind, around=built(f"Tell me about planet {i}."))  # type: ignore[misc]
        for i, kind in enumerate(kinds)
    ]
    findings = found(*prompts)
    assert findings.measurement.resampled == "prompts"
    assert findings.measurement.resampled_n == 5
    expected = (3 * (0.5 - 6 / 11) + 2 * (1 - 6 / 11)) / 5
    assert findings.measurement.value == pytest.approx(expected)


def test_between_is_drawn_against_within() -> None:
    clouds = {curve.series: curve for curve in found(drawn()).curves}
    assert set(clouds) == {"judged edits", "positive control"}
    assert {curve.mark for curve in clouds.values()} == {"points"}
    assert set(clouds["positive control"].y) == {1.0}


def test_no_effective_neighbor_is_absent_with_its_reason() -> None:
    around = built()
    erased = tuple(
        replace(n, certification="erased") if n.rung in SMALL_RUNGS else n for n in around.neighbors
    )
    findings = found(drawn(around=replace(around, neighbors=erased)))
    assert findings.measurement.value is None
    assert "neighbors differs for the model" in (findings.measurement.reason or "")
    assert control(findings, "minimum effective n").state == "failed"
