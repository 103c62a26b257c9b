"""The finite-time growth rate, its profile and its intervals, on growths known by hand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy import stats

from pytest_promptchaos.measure.intervals import MIN_CLUSTERS
from pytest_promptchaos.measure.lyapunov import (
    exponent,
    jackknife_interval,
    largest_growth,
    lyapunov,
    mean_profile,
    profile_slope,
    profile_variance,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

GROWTHS = arrays(
    np.float64,
    array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=8),
    elements=st.floats(-5, 5, allow_subnormal=False),
)


def noisy(seed: int, tangents: int = 10, layers: int = 6) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0.2, 0.1, (tangents, layers))


# -- known answers ------------------------------------------------------------------------------


def test_a_constant_growth_is_its_own_rate_with_a_flat_profile() -> None:
    growth = np.full((10, 7), math.log(2))
    assert exponent(growth) == pytest.approx(math.log(2))
    assert profile_variance(growth) == pytest.approx(0.0, abs=1e-30)
    assert profile_slope(growth) == pytest.approx(0.0, abs=1e-15)
    assert largest_growth(growth) == pytest.approx(math.log(2))


def test_a_straight_profile_has_its_slope_and_variance() -> None:
    growth = np.array([[0.1, 0.3, 0.5, 0.7]])
    assert exponent(growth) == pytest.approx(0.4)
    assert profile_slope(growth) == pytest.approx(0.2)
    assert profile_slope(growth, over="depth") == pytest.approx(0.8)
    assert profile_variance(growth) == pytest.approx(0.05)
    assert largest_growth(growth) == pytest.approx(0.7)


def test_the_variance_is_that_of_the_mean_profile_not_of_the_tangents() -> None:
    growth = np.array([[0.0, 2.0], [2.0, 0.0]])
    assert mean_profile(growth).tolist() == [1.0, 1.0]
    assert profile_variance(growth) == 0.0


def test_models_of_different_depth_agree_on_the_slope_over_depth() -> None:
    shallow = np.arange(8)[np.newaxis] / 8
    deep = np.arange(32)[np.newaxis] / 32
    assert profile_slope(shallow, over="depth") == pytest.approx(1.0)
    assert profile_slope(deep, over="depth") == pytest.approx(1.0)
    assert profile_slope(shallow) == pytest.approx(4 * profile_slope(deep))


def test_the_interval_of_the_rate_is_the_ordinary_t_interval() -> None:
    growth = noisy(0)
    rates = growth.mean(axis=1)
    reference = stats.t.interval(0.95, 9, loc=rates.mean(), scale=stats.sem(rates))
    assert jackknife_interval(growth, exponent) == pytest.approx(reference, rel=1e-12)


def test_ninety_five_of_a_hundred_intervals_hold_the_true_rate() -> None:
    bounds = [jackknife_interval(noisy(seed), exponent) for seed in range(400)]
    held = sum(low <= 0.2 <= high for low, high in filter(None, bounds))
    assert 365 <= held <= 394


# -- the measurement ----------------------------------------------------------------------------


def test_one_prompt_is_measured_over_its_tangents() -> None:
    measured = lyapunov({"dune": noisy(0)})
    rate = measured.exponent
    assert (rate.name, rate.unit) == ("lambda_1", "nats per layer")
    assert rate.value == pytest.approx(noisy(0).mean())
    assert (rate.n, rate.effective_n) == (10, 10)
    assert rate.interval == "95% t over 10 tangents at this prompt, not over prompts"
    assert rate.breakdown == ()
    assert [extra.name for extra in measured.also] == [
        "profile_variance",
        "profile_slope",
        "profile_slope_over_depth",
        "largest_layer_growth",
    ]


def test_few_prompts_are_measured_over_tangents_shared_by_them() -> None:
    growths = {f"p{i}": noisy(i) for i in range(3)}
    rate = lyapunov(growths).exponent
    pooled = np.mean([*growths.values()], axis=0)
    assert (rate.low, rate.high) == pytest.approx(jackknife_interval(pooled, exponent))
    assert (rate.n, rate.effective_n) == (10, 10)
    assert "these 3 prompts" in rate.interval


def test_enough_prompts_are_the_units() -> None:
    growths = {f"p{i}": noisy(i) + i for i in range(MIN_CLUSTERS)}
    rate = lyapunov(growths).exponent
    rates = [growth.mean() for growth in growths.values()]
    reference = stats.t.interval(0.95, len(rates) - 1, loc=np.mean(rates), scale=stats.sem(rates))
    assert (rate.low, rate.high) == pytest.approx(reference)
    assert (rate.n, rate.effective_n) == (MIN_CLUSTERS, MIN_CLUSTERS)
    assert rate.interval == f"95% t over {MIN_CLUSTERS} prompts"


def test_the_breakdown_holds_each_prompts_own_rate() -> None:
    growths = {"low": noisy(0), "high": noisy(1) + 1}
    parts = lyapunov(growths).exponent.breakdown
    assert [part.name for part in parts] == ["low", "high"]
    assert [part.value for part in parts] == pytest.approx([g.mean() for g in growths.values()])


def test_the_curve_is_the_mean_profile_within_its_band() -> None:
    curve = lyapunov({"dune": noisy(0)}).curve
    assert curve.x == (0.0, 1.0, 2.0, 3.0, 4.0, 5.0)
    assert curve.y == pytest.approx(noisy(0).mean(axis=0))
    assert all(low < y < high for low, y, high in zip(curve.low, curve.y, curve.high, strict=True))


def test_one_tangent_has_a_rate_but_no_interval() -> None:
    measured = lyapunov({"dune": noisy(0, tangents=1)})
    assert measured.exponent.value == pytest.approx(noisy(0, tangents=1).mean())
    assert measured.exponent.low is None
    assert measured.exponent.interval == "no interval: one tangent has no spread"
    assert measured.curve.low == ()


def test_one_layer_has_a_rate_but_no_slope() -> None:
    measured = lyapunov({"dune": noisy(0, layers=1)})
    slopes = [extra for extra in measured.also if "slope" in extra.name]
    assert measured.exponent.value is not None
    assert [slope.value for slope in slopes] == [None, None]
    assert all("one layer has no slope" in str(slope.reason) for slope in slopes)


@pytest.mark.parametrize(
    ("growths", "why"),
    [
        ({}, "at least one prompt"),
        ({"a": np.zeros((2, 3)), "b": np.zeros((2, 4))}, r"b \(2, 4\)"),
        ({"a": np.zeros(3)}, "one shape"),
        ({"a": np.zeros((0, 3))}, "neither of them zero"),
        ({"a": np.array([[0.0, math.nan]])}, "prompt 'a' holds a number that is not finite"),
    ],
)
def test_growths_that_cannot_be_averaged_are_refused(
    growths: dict[str, NDArray[np.float64]], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        lyapunov(growths)


# -- properties ---------------------------------------------------------------------------------


@given(growth=GROWTHS, shift=st.floats(-3, 3))
@settings(deadline=None)
def test_a_shift_moves_the_rate_and_leaves_the_shape(
    growth: NDArray[np.float64], shift: float
) -> None:
    moved = growth + shift
    assert exponent(moved) == pytest.approx(exponent(growth) + shift, abs=1e-9)
    assert largest_growth(moved) == pytest.approx(largest_growth(growth) + shift, abs=1e-9)
    assert profile_variance(moved) == pytest.approx(profile_variance(growth), abs=1e-9)
    assert profile_slope(moved) == pytest.approx(profile_slope(growth), abs=1e-9)


@given(growth=GROWTHS)
@settings(deadline=None)
def test_turning_the_depth_around_turns_the_slope_around(growth: NDArray[np.float64]) -> None:
    turned = growth[:, ::-1]
    assert profile_slope(turned) == pytest.approx(-profile_slope(growth), abs=1e-9)
    assert exponent(turned) == pytest.approx(exponent(growth), abs=1e-9)


@given(growth=GROWTHS, seed=st.integers(0, 1000))
@settings(deadline=None)
def test_the_order_of_tangents_does_not_matter(growth: NDArray[np.float64], seed: int) -> None:
    shuffled = np.random.default_rng(seed).permutation(growth, axis=0)
    one, other = lyapunov({"p": growth}), lyapunov({"p": shuffled})
    for a, b in zip((one.exponent, *one.also), (other.exponent, *other.also), strict=True):
        assert (a.value, a.low, a.high) == pytest.approx((b.value, b.low, b.high), abs=1e-6)


@given(growth=GROWTHS)
@settings(deadline=None)
def test_every_interval_holds_its_value(growth: NDArray[np.float64]) -> None:
    measured = lyapunov({"p": growth})
    for one in (measured.exponent, *measured.also):
        assert one.value is not None
        assert one.low is not None
        assert one.high is not None
        assert one.low <= one.value <= one.high
