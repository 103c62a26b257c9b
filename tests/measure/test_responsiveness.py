"""The second axis, and what a low movement is worth without it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from measure.scripted_runs import observed
from pytest_promptchaos.measure.repetition import collapse_control
from pytest_promptchaos.measure.responsiveness import (
    diagnose,
    responsiveness,
    stability_against_responsiveness,
)
from pytest_promptchaos.measure.scaffold import scaffold
from pytest_promptchaos.records import SMALL_RUNGS, Control, Limit, Measurement, Pair, Rung


def pair(prompt: str, rung: Rung, distance: float | None) -> Pair:
    return Pair(
        prompt_id=prompt,
        neighbor_id=f"{prompt}/{rung}/{distance}",
        rung=rung,
        kind="told",
        edit="told",
        origin="authored",
        certification="erased" if distance is None else "effective",
        token_delta=1,
        center_text="",
        neighbor_text="",
        output_a="",
        output_b="",
        tokens_a=(),
        tokens_b=(),
        distances={} if distance is None else {"semantic": distance},
    )


PAIRS = [
    pair("cat", "format", 0.1),
    pair("cat", "format", None),
    pair("cat", "small_semantic", 0.3),
    pair("cat", "positive_control", 0.9),
    pair("sun", "format", 0.0),
    pair("sun", "positive_control", 0.4),
]


def test_the_response_is_the_mean_over_prompts_of_what_changed_meanings_move() -> None:
    found = responsiveness(PAIRS, "semantic")
    assert found.value == pytest.approx((0.6 + 0.4) / 2)
    assert (found.n, found.effective_n) == (3, 3)
    assert [part.name for part in found.breakdown] == ["small_semantic", "positive_control"]
    assert [part.value for part in found.breakdown] == pytest.approx([0.3, 0.65])


def test_noise_is_subtracted_by_prompt_and_never_makes_a_response() -> None:
    found = responsiveness(PAIRS, "semantic", floors={"cat": 0.2, "sun": 0.5})
    assert found.value == pytest.approx((0.4 - 0.1) / 2)
    assert responsiveness(PAIRS, "semantic", floors={"cat": 1.0, "sun": 1.0}).value == 0.0


def test_what_nobody_reviewed_is_counted_and_does_not_enter() -> None:
    unreviewed = replace(pair("cat", "small_semantic", 2.0), gates=False)
    found = responsiveness([*PAIRS, unreviewed], "semantic")
    assert found.value == responsiveness(PAIRS, "semantic").value
    assert (found.n, found.effective_n) == (4, 3)


def test_what_never_gates_does_not_say_how_far_a_change_may_go() -> None:
    still = [pair(str(n), "positive_control", 0.1) for n in range(6)]
    for odd in ({"gates": False}, {"certification": "duplicate"}):
        shown = replace(pair("0", "paraphrase", 2.0), **odd)
        assert responsiveness([*still, shown], "semantic").high == pytest.approx(0.1)


def test_a_constant_model_has_a_response_of_zero_for_certain() -> None:
    still = [pair(prompt, "positive_control", 0.0) for prompt in ("cat", "sun", "sea")]
    found = responsiveness(still, "semantic")
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_without_the_metric_or_an_edit_the_response_is_absent_with_its_reason() -> None:
    assert responsiveness(PAIRS, "semantic", ("paraphrase",)).reason == (
        "no neighbor on paraphrase differs for the model and gates"
    )
    assert responsiveness(PAIRS, "other", absent="no embedder").reason == "no embedder"


def test_every_prompt_is_one_point_of_response_against_movement() -> None:
    alone = pair("sea", "format", 0.2)
    curve = stability_against_responsiveness([*PAIRS, alone], "semantic", SMALL_RUNGS)
    assert curve is not None
    assert curve.mark == "points"
    assert curve.labels == ("cat", "sun")
    assert curve.x == pytest.approx((0.6, 0.4))
    assert curve.y == pytest.approx((0.1, 0.0))
    assert curve.series == "2 prompts, 1 without both kinds of edits"
    assert stability_against_responsiveness([alone], "semantic", SMALL_RUNGS) is None


LIMIT = Limit(name="semantic distance", at_most=0.15)
FLOOR = Control(name="run to run", role="floor", state="failed", words="")
COLLAPSED = Control(name="collapse", role="gate", state="failed", words="")
MASKED = Control(name="scaffold", role="gate", state="failed", words="")
BLIND = Control(name="positive control", role="detection", state="failed", words="")
FEW = Control(name="minimum effective n", role="gate", state="failed", words="")
HELD = tuple(replace(c, state="held") for c in (FLOOR, COLLAPSED, MASKED, BLIND, FEW))


def moved(low: float | None, high: float | None) -> Measurement:
    return Measurement(name="semantic distance", unit="", value=0.1, low=low, high=high)


@pytest.mark.parametrize(
    ("failed", "diagnosis"),
    [
        ((FLOOR, COLLAPSED, MASKED, BLIND, FEW), "noise"),
        ((COLLAPSED, MASKED, BLIND, FEW), "collapsed"),
        ((MASKED, BLIND, FEW), "scaffold-masked"),
        ((BLIND, FEW), "blind"),
        ((FEW,), "undecided"),
        ((), "robust"),
    ],
)
def test_a_guard_takes_the_ground_from_under_those_behind_it(
    failed: tuple[Control, ...], diagnosis: str
) -> None:
    assert diagnose((*HELD, *failed), moved(0.0, 0.1), LIMIT) == diagnosis


@pytest.mark.parametrize(
    ("low", "high", "diagnosis"),
    [
        (0.0, 0.15, "robust"),
        (0.1, 0.2, "undecided"),
        (0.15, 0.2, "undecided"),
        (0.16, 0.2, "sensitive"),
        (None, None, "undecided"),
    ],
)
def test_the_interval_tells_robust_from_sensitive(
    low: float | None, high: float | None, diagnosis: str
) -> None:
    assert diagnose(HELD, moved(low, high), LIMIT) == diagnosis


def test_without_a_value_or_an_upper_limit_nothing_is_decided() -> None:
    absent = Measurement(name="semantic distance", unit="", reason="no embedder")
    assert diagnose(HELD, absent, LIMIT) == "undecided"
    assert diagnose(HELD, moved(0.0, 0.1), None) == "undecided"
    assert diagnose(HELD, moved(0.0, 0.1), Limit(name="x", at_least=0.0)) == "undecided"


PREAMBLE = " ".join(f"step{n}" for n in range(60))


@pytest.mark.parametrize(
    ("center", "small", "changed", "seen", "diagnosis"),
    [
        ("a cat", "a cat", "Rome", True, "robust"),
        ("yes", "yes", "yes", False, "collapsed"),
        ("cat " * 99, "cat " * 99, "Rome " * 99, True, "collapsed"),
        (
            f"{PREAMBLE} a cat is an animal",
            f"{PREAMBLE} it is a small cat",
            f"{PREAMBLE} Rome",
            False,
            "scaffold-masked",
        ),
        ("a cat", "a cat", "a feline", False, "blind"),
    ],
)
def test_planted_models_are_told_apart(
    center: str, small: str, changed: str, seen: bool, diagnosis: str
) -> None:
    told = [observed("cat", center, {"format": [small], "positive_control": [changed]})]
    controls = (
        replace(BLIND, state="held" if seen else "failed"),
        collapse_control(told),
        scaffold(told, SMALL_RUNGS).control,
    )
    assert diagnose(controls, moved(0.0, 0.1), LIMIT) == diagnosis
