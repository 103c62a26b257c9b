"""What a verdict on one association says: the number, what it is worth, what to do."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from pytest_promptchaos.records import (
    Association,
    Bridge,
    Hypothesis,
    Limit,
    Measurement,
    Outcome,
    Standing,
)
from pytest_promptchaos.verdict.bridges import (
    NEXT,
    OUTCOMES,
    bridge_explanation,
    bridge_sentence,
    judged_rho,
)


def rho(name: str, value: float, low: float, high: float) -> Measurement:
    return Measurement(
        name=name,
        unit="Spearman's rho, -1 to 1",
        value=value,
        low=low,
        high=high,
        interval="95 % over 108 clusters",
        n=720,
        effective_n=720,
    )


HANDLED = replace(
    rho("censored at the last turn", -0.53, -0.6, -0.46),
    interval="over 720 rows",
    breakdown=(rho("rho inside the strata", -0.02, -0.1, 0.06),),
)
ONE = Association(
    hypothesis=Hypothesis(predictor="profile_slope_mean", outcome="collapse_rate"),
    standing="between-model only",
    words="the strata hold nothing of it",
    pooled=rho("rho", -0.536, -0.591, -0.478),
    clustered=rho("rho, clusters", -0.536, -0.64, -0.41),
    within=rho("rho inside the strata", -0.02, -0.1, 0.06),
    adjusted=rho("slope", -0.03, -0.2, 0.14),
    p=8.7e-55,
    holm=5.2e-54,
    p_within=0.61,
    holm_within=1.0,
    as_published=True,
    by_stratum=(rho("HOMO_A", 0.05, -0.1, 0.2),),
    sensitivity=(HANDLED,),
)
FAMILY = Bridge(
    name="depth+collapse",
    associations=(ONE,),
    given=720,
    rows=720,
    unique=108,
    clusters=108,
    strata=("HOMO_A", "HOMO_B", "HOMO_C", "HETERO_ROT"),
    collinear=(rho("variance and slope", -0.97, -0.98, -0.95),),
    counts=("720 rows of depth and 720 of collapse merge into 720",),
)
LIMIT = Limit(name="|rho|", at_least=0.4)


@pytest.mark.parametrize("standing", get_args(Standing))
def test_every_standing_has_an_outcome_a_sentence_and_a_next_step(standing: Standing) -> None:
    assert standing in OUTCOMES
    told = bridge_sentence(replace(ONE, standing=standing), FAMILY, LIMIT)
    assert told.endswith(f" against at_least=0.4: {standing}: the strata hold nothing of it")
    text = bridge_explanation(told, replace(ONE, standing=standing), FAMILY)
    assert text.rpartition("\nnext:\n")[2].count("\n") + 1 == len(NEXT[standing])
    assert "{" not in text


def test_a_wrong_direction_has_advice_of_its_own() -> None:
    said = replace(ONE.hypothesis, sign=1)
    conflict = replace(ONE, hypothesis=said, standing="sign conflict")
    told = bridge_explanation("told", conflict, FAMILY).rpartition("next:\n")[2]
    assert told == (
        "  give up the direction that was said; where the other one makes sense, state it as a "
        "hypothesis of its own ('profile_slope_mean ~ collapse_rate (-)'), before new data"
    )
    inside = replace(conflict, hypothesis=replace(said, sign=-1))
    assert "run against each other" in bridge_explanation("told", inside, FAMILY)


def test_one_cluster_and_one_stratum_are_told_as_one() -> None:
    bridge = replace(FAMILY, clusters=1, strata=("A",))
    assert "(1 cluster in 1 stratum)" in bridge_explanation("told", ONE, bridge)


def test_only_what_is_supported_passes() -> None:
    passed = [standing for standing, outcome in OUTCOMES.items() if outcome is Outcome.PASSED]
    assert passed == ["supported"]


def test_the_judged_number_is_the_size_of_rho_with_its_interval_turned() -> None:
    judged = judged_rho(ONE)
    assert judged.name == "|rho| of profile_slope_mean x collapse_rate"
    assert (judged.value, judged.low, judged.high) == (0.536, 0.41, 0.64)
    assert judged.interval == "95 % over 108 clusters"


def test_an_interval_on_both_sides_of_zero_says_that_the_sign_is_open() -> None:
    weak = replace(ONE, pooled=rho("rho", 0.1, -0.1, 0.3), clustered=rho("rho", 0.1, -0.2, 0.4))
    assert (judged_rho(weak).low, judged_rho(weak).high) == (-0.2, 0.4)


def test_without_a_rho_the_judged_number_is_absent_with_the_reason() -> None:
    absent = Measurement(name="rho", unit="", reason="the predictor is the same in all rows")
    none = replace(ONE, standing="invalid", pooled=absent, clustered=absent)
    assert judged_rho(none).reason == "the predictor is the same in all rows"
    told = bridge_sentence(replace(none, words="the predictor never varies"), FAMILY, LIMIT)
    assert told == (
        "profile_slope_mean x collapse_rate in depth+collapse: no |rho| against at_least=0.4: "
        "invalid: the predictor never varies"
    )


def test_the_text_of_a_verdict_reads_from_the_number_to_what_to_do() -> None:
    told = bridge_sentence(ONE, FAMILY, LIMIT)
    assert told == (
        "profile_slope_mean x collapse_rate in depth+collapse: |rho| 0.536 [0.410, 0.640] against "
        "at_least=0.4: between-model only: the strata hold nothing of it"
    )
    assert bridge_explanation(told, ONE, FAMILY) == "\n".join(
        [
            told,
            "  Spearman's rho, -1 to 1; 95 % over 108 clusters",
            "",
            "beside it:",
            "  unique predictors: 108 of 720 rows have predictors of their own (108 clusters in 4 "
            "strata)",
            "  as published, rows resampled: -0.536 [-0.591, -0.478], p 8.70e-55, Holm 5.20e-54: "
            "it passes",
            "  clusters resampled: -0.536 [-0.640, -0.410]",
            "  inside the strata: -0.020 [-0.100, 0.060], p 0.610, Holm 1.000",
            "  adjusted for the strata, least squares: -0.030 [-0.200, 0.140]",
            "",
            "by stratum:",
            "  HOMO_A 0.050 [-0.100, 0.200]",
            "",
            "handled otherwise:",
            "  censored at the last turn -0.530 [-0.600, -0.460]; -0.020 inside the strata; over "
            "720 rows",
            "",
            "collinearity of the family:",
            "  variance and slope -0.970 [-0.980, -0.950]; 95 % over 108 clusters",
            "",
            "rows:",
            "  720 of 720 rows entered",
            "  720 rows of depth and 720 of collapse merge into 720",
            "",
            "next:",
            "  do not read it as a property of prompts: 4 strata are as few points as models",
            "  to find an association inside models, measure more prompts of each, or more "
            "outcomes of each prompt; to claim one between models, measure many more models",
        ]
    )


def test_deviations_from_a_frozen_plan_are_told() -> None:
    frozen = replace(FAMILY, preregistration="9f" * 32, deviations=("censor: last, as published",))
    text = bridge_explanation("told", ONE, frozen)
    assert f"the plan was frozen as sha256 {'9f' * 32}\n  deviation: censor: last" in text
    assert "deviation: none" in bridge_explanation("told", ONE, replace(frozen, deviations=()))
    assert "preregistration" not in bridge_explanation("told", ONE, FAMILY)
