"""Boundary density and stretching rate: two numbers, and what is left out of each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from measure.scripted_runs import observed
from pytest_promptchaos.measure.boundary import (
    LOW_MARGIN,
    SATURATED,
    boundary,
    boundary_density,
    growing_steps,
    stretching_rate,
)
from pytest_promptchaos.records import SMALL_RUNGS, Forced

if TYPE_CHECKING:
    from pytest_promptchaos.measure.pairs import Observed

LONG = " ".join(f"word{n}" for n in range(12))


def along(js: list[float], gap: list[float]) -> Forced:
    count = len(js)
    ranks = np.zeros(count, dtype=np.int64)
    return Forced(
        js=np.array(js),
        gap=np.array(gap),
        rank_a=ranks,
        rank_b=ranks,
        margin_a=np.ones(count),
        margin_b=np.ones(count),
    )


def told(prompt: str, rate: float, margins: list[float]) -> Observed:
    """A prompt with two neighbors: one whose gap grows at ``rate``, one without logits."""
    gap = np.exp(rate * np.arange(13.0)) / 100
    built = observed(prompt, LONG, {"format": [LONG, LONG]}, margins=margins)
    forced = along([1e-4] * 13, gap.tolist())
    return replace(built, forced={f"{prompt}/format/0": (forced, forced)})


def test_density_is_the_share_of_steps_under_the_bound() -> None:
    assert boundary_density(np.array([0.74, 0.75, 2.0, 0.0])) == 0.5
    assert boundary_density(np.array([1.0, 2.0]), bound=1.5) == 0.5
    with pytest.raises(ValueError, match="no steps"):
        boundary_density(np.array([]))


def test_a_gap_that_grows_by_a_factor_a_token_has_its_log_as_rate() -> None:
    every = np.ones(9, dtype=bool)
    assert stretching_rate(3.0 * 1.25 ** np.arange(9.0), every) == pytest.approx(np.log(1.25))
    assert stretching_rate(np.full(9, 0.2), every) == pytest.approx(0.0)


def test_left_out_steps_do_not_enter_and_keep_their_place() -> None:
    gap = np.exp(0.3 * np.arange(8.0))
    gap[[2, 5]] = [1e9, 1e-9]
    used = np.array([True, True, False, True, True, False, True, True])
    assert stretching_rate(gap, used) == pytest.approx(0.3)


def test_two_steps_are_no_slope() -> None:
    with pytest.raises(ValueError, match="2 steps between rounding and saturation"):
        stretching_rate(np.ones(5), np.array([True, True, False, False, False]))


def test_rounding_and_saturation_are_left_out() -> None:
    js = np.array([0.0, 1e-9, 2e-9, SATURATED, SATURATED + 1e-6, np.log(2)])
    assert growing_steps(js).tolist() == [False, False, True, True, False, False]
    assert growing_steps(js, floor=1e-3).tolist() == [False, False, False, True, False, False]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0.01, 10), min_size=3, max_size=20), st.floats(0.1, 10))
def test_a_rate_does_not_depend_on_the_unit_and_turns_with_time(
    gap: list[float], unit: float
) -> None:
    distance, every = np.array(gap), np.ones(len(gap), dtype=bool)
    rate = stretching_rate(distance, every)
    assert stretching_rate(unit * distance, every) == pytest.approx(rate, abs=1e-9)
    assert stretching_rate(distance[::-1], every) == pytest.approx(-rate, abs=1e-9)


def test_both_numbers_are_returned_and_pairs_without_a_rate_counted() -> None:
    found = boundary([told("cat", 0.2, [0.1] * 13), told("sun", 0.4, [9.0] * 13)], SMALL_RUNGS)
    assert found.density.value == pytest.approx(0.5)
    assert found.density.unit == f"share of steps with a margin under {LOW_MARGIN:g} logits"
    assert found.stretching.value == pytest.approx(0.3)
    assert (found.stretching.n, found.stretching.effective_n) == (4, 2)
    assert "left out: 2x no logits along the outputs" in found.stretching.interval
    assert found.correlation.reason == "2 prompts: a rank correlation needs 5"


def test_only_the_common_prefix_stretches() -> None:
    changed = LONG.replace("word4", "other")
    built = observed("cat", LONG, {"format": [changed]})
    gap = [0.01 * 2.0**step for step in range(5)] + [1e6] * 8
    forced = along([1e-4] * 13, gap)
    built = replace(built, forced={"cat/format/0": (forced, forced)})
    assert boundary([built], SMALL_RUNGS).stretching.value == pytest.approx(np.log(2.0))


def test_a_pair_that_parts_at_once_has_no_rate() -> None:
    built = observed("cat", LONG, {"format": ["other"]})
    forced = along([1e-4] * 13, [0.1] * 13)
    found = boundary([replace(built, forced={"cat/format/0": (forced, forced)})], SMALL_RUNGS)
    assert found.stretching.value is None
    assert found.stretching.reason == "1x fewer than 3 steps between rounding and saturation"


def test_the_two_numbers_do_not_collapse_into_one_and_their_correlation_says_so() -> None:
    rates, densities = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [3, 9, 1, 7, 5, 2]
    several = [
        told(f"prompt {n}", rate, [0.1] * low + [9.0] * (13 - low))
        for n, (rate, low) in enumerate(zip(rates, densities, strict=True))
    ]
    found = boundary(several, SMALL_RUNGS).correlation
    assert found.n == 6
    assert found.value is not None
    assert abs(found.value) < 0.3
