"""Spearman's rho with its interval, or why there is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.measure.correlation import rank_bounds, rank_correlation

points = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=5, max_size=12).filter(
    lambda rows: all(len(set(column)) > 1 for column in zip(*rows, strict=True))
)


def test_order_decides_and_not_size() -> None:
    found = rank_correlation("r", [1, 2, 3, 4, 5], [1, 10, 100, 1000, 1001], over="prompts")
    assert found.value == 1.0
    assert (found.resampled, found.resampled_n) == ("prompts", 5)
    opposed = rank_correlation("r", [1, 2, 3, 4, 5], [9, 7, 5, 3, 1], over="prompts")
    assert opposed.value == -1.0


@pytest.mark.parametrize("sign", [1, -1])
def test_a_perfect_order_has_no_interval_and_says_why(sign: int) -> None:
    found = rank_correlation("r", range(6), [sign * n for n in range(6)], over="prompts")
    assert (found.value, found.low, found.high) == (sign, None, None)
    assert found.interval == (
        "no interval: 6 prompts in perfect order know no other rank correlation"
    )
    with pytest.raises(ValueError, match="perfect order"):
        rank_bounds(float(sign), 6)


def test_few_points_and_a_number_that_stands_still_have_no_correlation() -> None:
    few = rank_correlation("r", [1, 2, 3, 4], [1, 2, 3, 4], over="prompts")
    assert (few.value, few.reason) == (None, "4 prompts: a rank correlation needs 5")
    still = rank_correlation("r", [1] * 6, range(6), over="prompts")
    assert still.reason == "one of the two is the same for all 6 prompts"
    assert rank_correlation("r", [], [], over="prompts").n == 0
    with pytest.raises(ValueError, match="3 points"):
        rank_bounds(0.0, 3)


@settings(max_examples=80, deadline=None)
@given(points)
def test_a_correlation_is_symmetric_and_within_its_interval(rows: list[tuple[int, int]]) -> None:
    x, y = zip(*rows, strict=True)
    found = rank_correlation("r", x, y, over="prompts")
    assert found.value is not None
    if found.low is not None and found.high is not None:
        assert -1.0 <= found.low <= found.value <= found.high <= 1.0
    assert (found.low is None) == (abs(found.value) == 1.0)
    assert rank_correlation("r", y, x, over="prompts").value == pytest.approx(found.value)


def test_the_interval_of_unrelated_numbers_holds_zero_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    held = []
    for _ in range(400):
        x, y = rng.normal(size=(2, 24)).tolist()
        found = rank_correlation("r", x, y, over="prompts")
        held.append((found.low or 0.0) <= 0.0 <= (found.high or 0.0))
    # Monte-Carlo standard error 1.1 points.
    assert 0.93 <= np.mean(held) <= 0.98
