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
        "the strata (Holm p 0.7): averaged over the strata none reaches 0.4"
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
    whole = replace(seen(rho(0.1, -0.1, 0.3), 0.5), pooled=pooled, holm=holm)
    assert standing(whole, PLAN)[0] == "weak"


# -- not over all rows ----------------------------------------------------------------------------


def hidden(within: Measurement, holm_within: float = 0.002, pooled: float = -0.29) -> Seen:
    """A pooled rho that does not pass as published, with this inside the strata."""
    return replace(seen(within, holm_within), pooled=rho(pooled, pooled - 0.1, pooled + 0.1))


def test_what_is_inside_the_strata_and_not_over_all_rows_is_masked() -> None:
    found, words = standing(hidden(rho(0.88, 0.8, 0.93)), PLAN)
    assert found == "masked"
    assert words == (
        "rho -0.29 [-0.39, -0.19] over all rows (Holm p 1e-09): |rho| is below 0.4; it is inside "
        "the strata (rho +0.88 [+0.80, +0.93], Holm p 0.002) and differences between them hide it "
        "over all rows"
    )
    assert standing(hidden(rho(-0.5, -0.6, -0.4)), PLAN)[0] == "masked"
    assert standing(hidden(rho(0.4, 0.1, 0.6)), PLAN)[0] == "masked"


@pytest.mark.parametrize(
    ("whole", "told"),
    [
        (hidden(rho(0.39, 0.2, 0.5)), "; inside the strata it is rho +0.39 [+0.20, +0.50]"),
        (hidden(rho(0.88, 0.8, 0.93), 0.05), "|rho| is below 0.4"),
        (hidden(rho(0.5, -0.1, 0.9)), "; inside the strata it is rho +0.50 [-0.10, +0.90]"),
        (hidden(rho(0.5)), "; inside the strata it is rho +0.50, Holm p 0.002"),
        (replace(hidden(rho(0.88, 0.8, 0.93)), open="4 seed prompts"), "Holm p 0.002: 4 seed"),
        (
            replace(hidden(rho(0.45, 0.1, 0.6), pooled=0.5), holm=0.2),
            "the p is not below 0.05; inside the strata it is rho +0.45",
        ),
        (replace(hidden(rho(0.88, 0.8, 0.93)), alone=True), "|rho| is below 0.4"),
    ],
    ids=["small", "large p", "around 0", "no interval", "open", "larger over all rows", "one"],
)
def test_what_is_not_certain_or_not_larger_inside_is_weak(whole: Seen, told: str) -> None:
    found, words = standing(whole, PLAN)
    assert (found, told in words) == ("weak", True), words


def test_what_is_masked_is_held_against_the_strata_and_the_sign_that_was_said() -> None:
    strata = tuple(replace(rho(v, v - 0.1, v + 0.1), name=n) for n, v in (("A", 0.9), ("B", -0.5)))
    whole = replace(hidden(rho(0.6, 0.4, 0.7)), by_stratum=strata)
    assert standing(whole, PLAN)[1].endswith("over all rows; reversed in B (-0.50 [-0.60, -0.40])")
    said = replace(whole, hypothesis=replace(HYPOTHESIS, sign=-1), by_stratum=())
    assert standing(said, PLAN)[1].endswith("; the hypothesis said a negative one")


# -- one stratum ----------------------------------------------------------------------------------


def test_a_single_stratum_says_what_its_clusters_leave_open() -> None:
    whole = replace(seen(rho(0.5, 0.2, 0.7), 0.08), alone=True)
    found, words = standing(whole, PLAN)
    assert found == "undecided"
    assert words == (
        "rho +0.50 [+0.45, +0.55] over all rows (Holm p 1e-09), all of one stratum: with clusters "
        "moved in the place of rows Holm p is 0.08, which is not below 0.05"
    )
    for other, told in (
        ({"open": "4 seed prompts"}, "4 seed prompts"),
        ({"clustered": rho(0.5, -0.1, 0.7)}, "with clusters resampled rho is +0.50 [-0.10, +0.70]"),
    ):
        found, words = standing(replace(whole, holm_within=0.01, **other), PLAN)
        assert (found, f"all of one stratum: {told}" in words) == ("undecided", True)
    assert standing(replace(whole, holm_within=0.01), PLAN)[0] == "supported"


# -- over all rows --------------------------------------------------------------------------------


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
    assert reversed_in(whole, whole.pooled) == "B (-0.30 [-0.50, -0.10])"
    assert standing(whole, PLAN)[1].endswith("; reversed in B (-0.30 [-0.50, -0.10])")
    assert reversed_in(replace(whole, by_stratum=strata[:1]), whole.pooled) == ""


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
