"""Detecting a branch where it happens is one target, foreseeing it another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from measure.scripted_runs import observed, run
from measure.test_branching import along
from pytest_promptchaos.measure.foresight import branch_scores, wins

if TYPE_CHECKING:
    from pytest_promptchaos.measure.pairs import Observed
    from pytest_promptchaos.records import Measurement

MARGIN_AT, JS_AT = "margin at the branch: detects, AUROC", "JS at the branch: detects, AUROC"
MARGIN_BEFORE = "margin strictly before the branch: predicts, AUROC"
JS_BEFORE = "JS strictly before the branch: predicts, AUROC"

# Both runs of every pair, step by step: (margins of a branching pair, of one that stays).
CENTER, PARTED = "Try it again Emma", "Try it again Ubik"


def told(
    prompt: str,
    branching: list[float],
    staying: list[float],
    js: tuple[list[float], list[float]] | None = None,
) -> Observed:
    """One pair that parts at its fourth token and one that stays, with these margins."""
    found = observed(prompt, CENTER, {"format": [PARTED, CENTER]}, margins=[9.0] * 9)
    part, stay = found.runs
    runs = {
        part: run(found.runs[part].prompt, PARTED, margins=branching),
        stay: run(found.runs[stay].prompt, CENTER, margins=staying),
    }
    forced = {} if js is None else {n: (along(j), along(j)) for n, j in zip(runs, js, strict=True)}
    return replace(found, runs=runs, forced=forced)


def scores(*several: Observed) -> dict[str, Measurement]:
    return {one.name: one for one in branch_scores(several, ("format",))}


def test_a_low_margin_at_the_branch_detects_and_does_not_predict() -> None:
    found = scores(told("a", [5.0, 5.0, 5.0, 0.1], [5.0] * 5))
    assert found[MARGIN_AT].value == 1.0
    assert found[MARGIN_BEFORE].value == 0.5


def test_a_low_margin_before_the_branch_predicts_and_does_not_detect() -> None:
    found = scores(told("a", [5.0, 0.1, 5.0, 5.0], [5.0] * 5))
    assert found[MARGIN_AT].value == 0.5
    assert found[MARGIN_BEFORE].value == 1.0


def test_a_pair_that_stays_is_read_over_the_same_number_of_steps() -> None:
    # Its low margin comes at the fourth step, which no prediction of a branch there may read.
    found = scores(told("a", [5.0, 1.0, 5.0, 5.0], [5.0, 5.0, 5.0, 0.1, 5.0]))
    assert found[MARGIN_BEFORE].value == 1.0
    assert found[MARGIN_AT].value == 0.0


def test_divergence_is_scored_like_the_margin() -> None:
    js = ([0.0, 0.3, 0.1, 0.6, 0.6], [0.0, 0.2, 0.1, 0.1, 0.1])
    found = scores(told("a", [5.0] * 5, [5.0] * 5, js))
    assert (found[JS_AT].value, found[JS_BEFORE].value) == (1.0, 1.0)
    assert found[MARGIN_AT].value == found[MARGIN_BEFORE].value == 0.5


def test_detecting_and_predicting_never_share_a_name() -> None:
    found = branch_scores([told("a", [5.0] * 5, [5.0] * 5)], ("format",))
    assert [one.name for one in found] == [MARGIN_AT, JS_AT, MARGIN_BEFORE, JS_BEFORE]


def test_without_teacher_forcing_divergence_is_absent_with_its_reason() -> None:
    found = scores(told("a", [5.0] * 5, [5.0] * 5))
    assert found[JS_AT].value is None
    assert found[JS_AT].reason == "not measured along any output"


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([CENTER, CENTER], "of 0 branches none can be read there"),
        ([PARTED, PARTED], "all 2 pairs branch"),
    ],
)
def test_one_class_alone_has_no_score(answers: list[str], reason: str) -> None:
    found = scores(observed("a", CENTER, {"format": answers}))
    assert found[MARGIN_AT].value is None
    assert reason in (found[MARGIN_AT].reason or "")


def test_an_immediate_branch_can_be_detected_but_not_foreseen() -> None:
    found = scores(observed("a", CENTER, {"format": ["Read on", CENTER]}))
    assert found[MARGIN_AT].value == 0.5
    assert found[MARGIN_BEFORE].reason == (
        "nothing to tell apart: of 1 branches none can be read there"
    )


def test_other_rungs_are_left_out() -> None:
    found = scores(observed("a", CENTER, {"format": [CENTER], "positive_control": [PARTED]}))
    assert found[MARGIN_AT].n == 1


def test_what_nobody_reviewed_is_left_out() -> None:
    asked = observed("a", CENTER, {"format": [CENTER], "paraphrase": [PARTED]})
    *rest, last = asked.neighborhood.neighbors
    unreviewed = replace(last, origin="generated")
    shown = replace(asked.neighborhood, neighbors=(*rest, unreviewed))
    for one, count in ((asked, 2), (replace(asked, neighborhood=shown), 1)):
        assert {m.n for m in branch_scores([one], ("format", "paraphrase"))[:1]} == {count}


def test_the_interval_is_clustered_by_prompt_and_holds_the_value() -> None:
    random = np.random.default_rng(4)
    several = [
        told(str(n), list(random.uniform(0, 4, 5)), list(random.uniform(1, 5, 5)))
        for n in range(12)
    ]
    for name in (MARGIN_AT, MARGIN_BEFORE):
        one = scores(*several)[name]
        assert one.low is not None
        assert one.high is not None
        assert 0.0 <= one.low < (one.value or 0.0) < one.high <= 1.0
        assert (one.resampled, one.resampled_n) == ("prompts", 12)
        assert one == scores(*several)[name]


def test_a_perfect_score_has_no_interval_and_says_why() -> None:
    one = scores(*(told(str(n), [5.0, 5.0, 5.0, 0.1], [5.0] * 5) for n in range(6)))[MARGIN_AT]
    assert (one.value, one.low, one.high) == (1.0, None, None)
    assert "no interval: every resample of 6 prompts gives this value" in one.interval


FLOATS = st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=8)


@settings(deadline=None)
@given(FLOATS, FLOATS)
def test_the_mean_of_wins_is_the_mann_whitney_statistic(a: list[float], b: list[float]) -> None:
    cases, controls = np.array(a)[:, np.newaxis], np.array(b)[np.newaxis]
    known = mannwhitneyu(a, b).statistic / (len(a) * len(b))
    assert wins(cases, controls).mean() == pytest.approx(known)
    assert wins(controls.T, cases.T).mean() == pytest.approx(1 - known)
