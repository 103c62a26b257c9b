"""What an association is worth, number by number."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_promptchaos.measure.standing import Seen, reversed_in, shortfalls, standing
from pytest_promptchaos.records import Measurement
from pytest_promptchaos.records.bridges import BridgePlan, Hypothesis

HYPOTHESIS = Hypothesis(predictor="slope", outcome="rate")
PLAN = BridgePlan(hypotheses=(HYPOTHESIS,))


def rho(value: float, low: float | None = None, high: float | None = None) -> Measurement:
    return Measurement(name="rho", unit="rho", value=value, low=low, high=high)


def seen(within: Measurement, holm_within: float | None, *, sign: int = 1) -> Seen:
    """A pooled rho of +-0.5 that passes as published, with this inside the strata."""
    ends = sorted((sign * 0.45, sign * 0.55))
    return Seen(
        hypothesis=HYPOTHESIS,
        pooled=rho(sign * 0.5, *ends),
        within=within,
        clustered=rho(sign * 0.5, *sorted((sign * 0.2, sign * 0.7))),
        holm=1e-9,
        holm_within=holm_within,
    )


CASES = {
    "the same sign and a small p": (rho(0.3, 0.1, 0.5), 0.01, "supported"),
    "the same sign, a small p, and small": (rho(0.1, 0.05, 0.39), 0.01, "undecided"),
    "the same sign, a small p, and up to the threshold": (rho(0.2, 0.05, 0.4), 0.01, "supported"),
    "the same sign, a small p, and no interval": (rho(0.3), 0.01, "undecided"),
    "the opposite sign and a small p": (rho(-0.3, -0.5, -0.1), 0.01, "sign conflict"),
    "around 0": (rho(0.0, -0.1, 0.1), 0.9, "between-model only"),
    "the opposite sign without a small p": (rho(-0.2, -0.4, 0.0), 0.2, "between-model only"),
    "around 0 and up to the threshold": (rho(0.1, -0.2, 0.41), 0.3, "undecided"),
    "without 0, and no small p over the family": (rho(0.2, 0.05, 0.35), 0.06, "undecided"),
    "no interval": (rho(0.2), 0.3, "undecided"),
}


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("within", "p", "expected"), CASES.values(), ids=CASES)
def test_a_pooled_rho_is_worth_what_is_inside_the_strata(
    within: Measurement, p: float, expected: str, sign: int
) -> None:
    low, high = within.low, within.high
    if sign < 0 and low is not None and high is not None:
        low, high = -high, -low
    turned = replace(within, value=sign * (within.value or 0.0), low=low, high=high)
    found, words = standing(seen(turned, p, sign=sign), PLAN)
    assert found == expected
    assert words.startswith(f"rho {sign * 0.5:+.2f} [")
    assert f"inside the strata (Holm p {p:.2g})" in words


def test_the_sentence_tells_the_numbers_that_decided() -> None:
    _, words = standing(seen(rho(0.0, -0.12, 0.13), 0.7), PLAN)
    assert words == (
        "rho +0.50 [+0.45, +0.55] over all rows (Holm p 1e-09), but +0.00 [-0.12, +0.13] inside "
        "the strata (Holm p 0.7): none as large as 0.4 is inside them"
    )


@pytest.mark.parametrize(
    ("pooled", "holm", "told"),
    [
        (rho(0.39, 0.3, 0.5), 0.01, "|rho| is below 0.4"),
        (rho(0.5, 0.3, 0.6), 0.05, "the p is not below 0.05"),
        (rho(0.5, -0.1, 0.6), 0.01, "the interval holds 0"),
        (rho(-0.5, -0.6, 0.0), 0.01, "the interval holds 0"),
        (rho(0.5), 0.01, "there is no interval"),
    ],
)
def test_each_part_of_the_published_rule_is_asked_for(
    pooled: Measurement, holm: float, told: str
) -> None:
    assert shortfalls(pooled, holm, PLAN) == (told,)
    whole = replace(seen(rho(0.5, 0.4, 0.6), 0.001), pooled=pooled, holm=holm)
    assert standing(whole, PLAN)[0] == "weak"


def test_a_rho_at_the_threshold_passes_as_published() -> None:
    assert shortfalls(rho(0.4, 0.1, 0.6), 0.049, PLAN) == ()
    assert shortfalls(rho(-0.4, -0.6, -0.1), 0.049, PLAN) == ()


def test_a_sign_said_beforehand_is_held_against_rho() -> None:
    supported = seen(rho(0.5, 0.4, 0.6), 0.001)
    said = replace(supported, hypothesis=replace(HYPOTHESIS, sign=-1))
    found, words = standing(said, PLAN)
    assert (found, words.endswith("but the hypothesis said a negative one")) == (
        "sign conflict",
        True,
    )
    assert standing(replace(said, hypothesis=replace(HYPOTHESIS, sign=1)), PLAN)[0] == "supported"


def test_what_cannot_vary_inside_the_strata_lies_between_them_by_construction() -> None:
    absent = Measurement(name="rho", unit="rho", reason="constant")
    inner = replace(
        seen(absent, None), state="by construction", why="the predictor is constant inside"
    )
    found, words = standing(inner, PLAN)
    assert found == "between-model only"
    assert words.endswith("but the predictor is constant inside: it lies between the strata")


def test_what_cannot_be_tested_is_no_evidence_however_large_rho_is() -> None:
    untested = replace(seen(rho(0.9), None), state="untestable", why="3 clusters")
    assert standing(untested, PLAN) == ("invalid", "3 clusters")


def test_strata_that_run_against_the_pooled_rho_are_named() -> None:
    strata = (
        replace(rho(0.2, 0.1, 0.3), name="A"),
        replace(rho(-0.3, -0.5, -0.1), name="B"),
        replace(rho(-0.1, -0.3, 0.1), name="C"),
    )
    whole = replace(seen(rho(0.0, -0.1, 0.1), 0.5), by_stratum=strata)
    assert reversed_in(whole) == "B (-0.30 [-0.50, -0.10])"
    assert standing(whole, PLAN)[1].endswith("; reversed in B (-0.30 [-0.50, -0.10])")
    assert reversed_in(replace(whole, by_stratum=strata[:1])) == ""


@pytest.mark.parametrize("sign", [1, -1])
def test_what_one_stratum_reverses_is_undecided(sign: int) -> None:
    inner = rho(sign * 0.5, *sorted((sign * 0.4, sign * 0.6)))
    against = replace(rho(-sign * 0.3, *sorted((-sign * 0.5, -sign * 0.1))), name="B")
    whole = seen(inner, 0.001, sign=sign)
    assert standing(whole, PLAN)[0] == "supported"
    found, words = standing(replace(whole, by_stratum=(against,)), PLAN)
    assert found == "undecided"
    assert "it is not there in all of them; reversed in B (" in words


def test_what_resampled_clusters_leave_open_is_undecided() -> None:
    whole = seen(rho(0.5, 0.4, 0.6), 0.001)
    for clustered, told in (
        (rho(0.5, -0.25, 0.64), "with clusters resampled rho is +0.50 [-0.25, +0.64], which holds"),
        (rho(0.5), "with clusters resampled rho has no interval"),
    ):
        found, words = standing(replace(whole, clustered=clustered), PLAN)
        assert (found, told in words) == ("undecided", True)


def test_what_is_small_inside_the_strata_is_not_said_to_be_absent() -> None:
    found, words = standing(seen(rho(0.14, 0.07, 0.21), 0.0005), PLAN)
    assert found == "undecided"
    assert words.endswith("inside the strata it is there but small: its interval ends below 0.4")
