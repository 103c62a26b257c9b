"""The interval decides, and the controls decide before it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from statsmodels.stats.proportion import proportion_confint

from pytest_promptchaos.measure.clustered import wilson_measurement
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


def unseen(count: int) -> Measurement:
    """Return a share of none, from ``count`` units without an exception."""
    high = 1 - 0.05 ** (1 / count)
    return replace(measured(0.0, 0.0, high), resampled_n=count)


def shared(hits: int, total: int) -> Measurement:
    return wilson_measurement("collapse_incidence", hits, total, absent="")


@pytest.mark.parametrize("count", [1, 3, 10, 19])
def test_where_all_units_are_equal_so_many_more_are_just_enough(count: int) -> None:
    more = needed(unseen(count), LIMIT)
    if count == 19:  # 1 - 0.05^(1/19) = 0.146: it is within already, and one more does no harm
        assert more == 1
        return
    assert more is not None
    assert judge(unseen(count + more), LIMIT, ()) is Outcome.PASSED
    assert judge(unseen(count + more - 1), LIMIT, ()) is Outcome.INCONCLUSIVE


def test_the_bound_on_what_was_not_seen_is_measured_in_what_there_is_to_go() -> None:
    # A rate of 20 turns ends at 0.8: equal seed prompts reach as large a share of that.
    four, nine = (0.8 * (1 - 0.05 ** (1 / count)) for count in (4, 9))
    rate = replace(measured(0.0, 0.0, four), resampled_n=4)
    assert needed(rate, Limit(name="collapse_rate", at_most=nine)) == 5


@pytest.mark.parametrize(
    ("hits", "total", "limit", "more"),
    [
        (0, 3, {"at_most": 0.3}, 6),  # 0 of 6 still reaches 0.390
        (3, 3, {"at_least": 0.7}, 6),
        (1, 10, {"at_most": 0.2}, 52),
        (9, 10, {"at_most": 0.7}, 11),
        (5, 10, {"at_least": 0.2, "at_most": 0.7}, 11),
    ],
)
def test_so_many_more_of_a_share_are_just_enough_for_its_wilson_interval(
    hits: int, total: int, limit: dict[str, float], more: int
) -> None:
    held = Limit(name="collapse_incidence", **limit)  # type: ignore[arg-type]
    assert needed(shared(hits, total), held) == more

    def outcome(count: int) -> Outcome:
        low, high = proportion_confint(hits / total * count, count, method="wilson")
        return judge(measured(hits / total, low, high), held, ())

    assert outcome(total + more) is not Outcome.INCONCLUSIVE
    assert outcome(total + more - 1) is Outcome.INCONCLUSIVE


def test_how_many_more_units_would_decide() -> None:
    # Half width 0.05 at distance 0.05 / 2 from the limit: four times as many in all.
    assert needed(replace(measured(0.125, 0.075, 0.175), resampled_n=10), LIMIT) == 30
    assert needed(replace(measured(0.15, 0.1, 0.2), resampled_n=10), LIMIT) is None


@pytest.mark.parametrize("bound", [None, float("nan"), float("inf")])
def test_a_limit_that_nothing_could_break_is_refused(bound: float | None) -> None:
    with pytest.raises(ValueError, match="needs a finite at_most or at_least"):
        Limit(name="semantic distance", at_most=bound)
