"""The interval decides, and the controls decide before it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_promptchaos.records import Control, Limit, Measurement, Outcome
from pytest_promptchaos.verdict.judge import judge, needed, settle

LIMIT = Limit(name="semantic distance", at_most=0.15)


def measured(value: float, low: float, high: float) -> Measurement:
    return Measurement(name="semantic distance", unit="", value=value, low=low, high=high)


def control(role: str, value: float) -> Control:
    return Control(name="c", role=role, state="held", words="seen", value=value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "low", "high", "outcome"),
    [
        (0.10, 0.05, 0.15, Outcome.PASSED),
        (0.10, 0.05, 0.16, Outcome.INCONCLUSIVE),
        (0.20, 0.14, 0.30, Outcome.INCONCLUSIVE),
        (0.20, 0.15, 0.30, Outcome.INCONCLUSIVE),
        (0.20, 0.16, 0.30, Outcome.FAILED),
    ],
)
def test_the_whole_interval_must_be_within(
    value: float, low: float, high: float, outcome: Outcome
) -> None:
    assert judge(measured(value, low, high), LIMIT, ()) is outcome


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [(0.5, 0.9, Outcome.PASSED), (0.3, 0.9, Outcome.INCONCLUSIVE), (0.1, 0.3, Outcome.FAILED)],
)
def test_a_lower_limit_mirrors_it(low: float, high: float, outcome: Outcome) -> None:
    limit = Limit(name="response", at_least=0.4)
    assert judge(measured((low + high) / 2, low, high), limit, ()) is outcome


def test_a_failed_control_voids_even_a_perfect_number() -> None:
    failed = Control(name="positive control", role="gate", state="failed", words="not seen")
    assert judge(measured(0.0, 0.0, 0.0), LIMIT, (failed,)) is Outcome.INVALID


def test_a_value_without_an_interval_decides_nothing() -> None:
    bare = Measurement(name="semantic distance", unit="", value=0.0)
    assert judge(bare, LIMIT, ()) is Outcome.INCONCLUSIVE


def test_an_absent_value_is_no_evidence() -> None:
    absent = Measurement(name="semantic distance", unit="", reason="no embedder")
    assert judge(absent, LIMIT, ()) is Outcome.INVALID


@pytest.mark.parametrize(
    ("role", "value", "state"),
    [
        ("floor", 0.15, "held"),
        ("floor", 0.16, "failed"),
        ("detection", 0.16, "held"),
        ("detection", 0.15, "failed"),
        ("note", 9.0, "held"),
    ],
)
def test_a_control_is_settled_against_the_limit(role: str, value: float, state: str) -> None:
    (settled,) = settle((control(role, value),), LIMIT)
    assert settled.state == state


def test_a_blind_metric_says_that_it_is_blind() -> None:
    (settled,) = settle((control("detection", 0.035),), LIMIT)
    assert "blind here, or the model answers everything alike" in settled.words


def test_where_all_units_are_equal_the_bound_shrinks_with_their_number() -> None:
    still = replace(measured(0.0, 0.0, 0.3), resampled_n=10)
    assert needed(still, LIMIT) == 10


def test_how_many_more_units_would_decide() -> None:
    # Half width 0.05 at distance 0.05 / 2 from the limit: four times as many in all.
    assert needed(replace(measured(0.125, 0.075, 0.175), resampled_n=10), LIMIT) == 30
    assert needed(replace(measured(0.15, 0.1, 0.2), resampled_n=10), LIMIT) is None


@pytest.mark.parametrize("bound", [None, float("nan"), float("inf")])
def test_a_limit_that_nothing_could_break_is_refused(bound: float | None) -> None:
    with pytest.raises(ValueError, match="needs a finite at_most or at_least"):
        Limit(name="semantic distance", at_most=bound)
