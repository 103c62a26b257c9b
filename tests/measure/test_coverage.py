"""What the 95 % interval and the permutation test promise, by simulation with a fixed seed."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.coverage import (
    CHANGED,
    NEIGHBORS,
    SHAPES,
    coverage,
    false_positives,
    verdict_bounds,
)
from pytest_promptchaos.measure.intervals import clustered_mean

SIMULATIONS = 2000
"""Monte-Carlo standard error of a share of 95 %: 0.5 points; of 5 %: the same."""

HEAVY_TAIL = "log-normal, 1 neighbor"
TIED = {"moved or not, 1 neighbor", "5 % move, 8 neighbors"}
"""Two-valued distances: differences tie, and the exact test then errs less often than it may."""


MOSTLY_STILL = {"60 % of prompts never move", "5 % move, 8 neighbors"}
"""Most prompts tie: an interval with room for unseen movement holds the truth more often."""


@pytest.mark.parametrize(
    "name", [name for name in SHAPES if name not in {HEAVY_TAIL, *MOSTLY_STILL}]
)
def test_at_24_prompts_the_interval_holds_the_truth_as_often_as_it_says(name: str) -> None:
    found = coverage(SHAPES[name], 24, SIMULATIONS)
    assert 0.93 - found.error <= found.held <= 0.97 + found.error


@pytest.mark.parametrize("name", sorted(MOSTLY_STILL))
def test_where_most_prompts_never_move_it_holds_the_truth_more_often_than_it_says(
    name: str,
) -> None:
    found = coverage(SHAPES[name], 24, SIMULATIONS)
    assert 0.965 < found.held <= 0.995
    assert found.above < found.below


def test_a_tail_that_24_prompts_seldom_show_is_missed_more_often_and_always_upwards() -> None:
    found = coverage(SHAPES[HEAVY_TAIL], 24, SIMULATIONS)
    assert 0.89 < found.held < 0.94
    assert found.above > 10 * found.below


@pytest.mark.parametrize("name", ["exponential, 1 neighbor", "exponential levels, 8 neighbors"])
@pytest.mark.parametrize(("prompts", "least"), [(6, 0.87), (12, 0.91)])
def test_fewer_prompts_of_skewed_distances_hold_it_less_often(
    name: str, prompts: int, least: float
) -> None:
    assert least < coverage(SHAPES[name], prompts, SIMULATIONS).held < 0.95


@pytest.mark.parametrize("name", ["60 % zeros, 8 neighbors", *sorted(MOSTLY_STILL)])
def test_the_simulated_bounds_are_those_that_a_verdict_rests_on(name: str) -> None:
    means = SHAPES[name].draw(np.random.default_rng(0), (4, 24))
    low, high = verdict_bounds(means)
    for row, lower, upper in zip(means, low, high, strict=True):
        neighbors = [np.full(NEIGHBORS, mean) for mean in row]
        found = clustered_mean(neighbors, largest=max(float(row.max()), CHANGED))
        assert (found.low, found.high) == pytest.approx((lower, upper))
        assert found.unit == "prompts"


def test_where_one_prompt_in_twenty_moves_still_data_do_not_rule_it_out() -> None:
    # 29 % of such data sets show no movement at all: counted by neighbors, each would miss.
    rng = np.random.default_rng(3)
    held = []
    for _ in range(200):
        moves = 0.5 * (rng.random(24) < 0.05)
        found = clustered_mean([np.full(NEIGHBORS, each) for each in moves], largest=0.5)
        held.append((found.low or 0.0) <= 0.025 <= (found.high or 0.0))
    assert np.mean(held) >= 0.95


@pytest.mark.parametrize("name", [name for name in SHAPES if name not in TIED])
def test_two_equal_systems_differ_in_five_percent_of_tests(name: str) -> None:
    rate, error = false_positives(SHAPES[name], 24, SIMULATIONS)
    assert 0.04 - error <= rate <= 0.06 + error


@pytest.mark.parametrize("name", sorted(TIED))
def test_where_differences_tie_it_is_less_and_never_more(name: str) -> None:
    rate, _ = false_positives(SHAPES[name], 24, SIMULATIONS)
    assert rate < 0.05
