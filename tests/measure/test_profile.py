"""The profile of growth and its intervals, on growths known by hand."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from measure.growths import GROWTHS, noisy
from pytest_promptchaos.measure.profile import (
    crossing_depth,
    exponent,
    jackknife_interval,
    largest_growth,
    layer_bounds,
    mean_profile,
    profile_slope,
    profile_variance,
    profile_variance_debiased,
    zero_crossings,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray


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


def test_without_noise_there_is_no_bias_to_take_away() -> None:
    growth = np.tile([0.1, 0.3, 0.5, 0.7], (10, 1))
    assert profile_variance_debiased(growth) == pytest.approx(profile_variance(growth))


def test_the_noise_of_ten_tangents_is_taken_out_of_the_variance() -> None:
    # A profile of variance 0.05 under noise of variance 0.4: the plain one adds 0.4/10 * 5/6.
    profile = np.array([0.0, 0.5, 0.0, 0.5, 0.25, 0.25]) - 0.25
    truth, noise = float(profile.var()), 0.4
    draws = [
        profile + np.random.default_rng(seed).normal(0, noise**0.5, (10, 6)) for seed in range(2000)
    ]
    plain = np.array([profile_variance(draw) for draw in draws])
    debiased = np.array([profile_variance_debiased(draw) for draw in draws])
    error = float(debiased.std() / len(draws) ** 0.5)
    assert debiased.mean() == pytest.approx(truth, abs=4 * error)
    assert plain.mean() == pytest.approx(truth + noise / 10 * 5 / 6, abs=4 * error)


def test_noise_that_a_tangent_has_in_all_layers_alike_does_not_disturb_the_variance() -> None:
    shifts = np.random.default_rng(0).normal(0, 1, (10, 1))
    growth = np.array([[0.1, 0.3, 0.5, 0.7]]) + shifts
    assert profile_variance_debiased(growth) == pytest.approx(0.05)


def test_one_tangent_does_not_tell_its_noise_from_the_profile() -> None:
    with pytest.raises(ValueError, match="at least two"):
        profile_variance_debiased(np.array([[0.1, 0.3]]))


# -- where the profile changes sign -------------------------------------------------------------


def test_a_profile_changes_sign_where_its_neighbors_differ() -> None:
    assert zero_crossings(np.array([0.4, 0.1, -0.2, -0.1, 0.3])) == ((1, 2), (3, 4))
    assert zero_crossings(np.array([0.4, 0.1])) == ()


def test_a_layer_of_exactly_zero_growth_has_no_sign() -> None:
    assert zero_crossings(np.array([0.4, 0.0, -0.2])) == ((0, 2),)
    assert zero_crossings(np.array([0.4, 0.0, 0.2])) == ()
    assert zero_crossings(np.zeros(3)) == ()


def test_a_crossing_lies_on_the_straight_line_between_two_layers() -> None:
    profile = np.array([1.0, 0.3, 0.0, -0.1])
    assert crossing_depth(profile, 1, 3) == pytest.approx(2.5)


# -- intervals ----------------------------------------------------------------------------------


def test_the_interval_of_the_rate_is_the_ordinary_t_interval() -> None:
    growth = noisy(0)
    rates = growth.mean(axis=1)
    reference = stats.t.interval(0.95, 9, loc=rates.mean(), scale=stats.sem(rates))
    assert jackknife_interval(growth, exponent) == pytest.approx(reference, rel=1e-12)


def test_a_layers_own_bounds_are_the_ordinary_t_interval() -> None:
    growth, bounds = noisy(0), layer_bounds(noisy(0))
    assert bounds is not None
    reference = stats.t.interval(0.95, 9, loc=growth.mean(axis=0), scale=stats.sem(growth))
    assert np.array(bounds) == pytest.approx(np.array(reference), rel=1e-12)


def test_ninety_five_of_a_hundred_intervals_hold_the_true_rate() -> None:
    bounds = [jackknife_interval(noisy(seed), exponent) for seed in range(400)]
    held = sum(low <= 0.2 <= high for low, high in filter(None, bounds))
    assert 365 <= held <= 394


def test_bounds_taken_together_hold_every_layer_at_once() -> None:
    def held(together: bool) -> int:
        bounds = [layer_bounds(noisy(seed, layers=32), together=together) for seed in range(400)]
        return sum(
            bool((low <= 0.2).all() and (high >= 0.2).all()) for low, high in filter(None, bounds)
        )

    # Independent layers: 0.95^32 = 19 % of the plain ones, (1 - 0.05/32)^32 = 95 % of the others.
    assert held(together=False) < 120
    assert 365 <= held(together=True) <= 394


def test_one_unit_has_no_interval() -> None:
    assert jackknife_interval(noisy(0, tangents=1), exponent) is None
    assert layer_bounds(noisy(0, tangents=1)) is None
    assert jackknife_interval(noisy(0, tangents=2), profile_variance_debiased, least=3) is None


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
    assert profile_variance_debiased(moved) == pytest.approx(
        profile_variance_debiased(growth), abs=1e-9
    )


@given(growth=GROWTHS)
@settings(deadline=None)
def test_turning_the_depth_around_turns_the_slope_around(growth: NDArray[np.float64]) -> None:
    turned = growth[:, ::-1]
    assert profile_slope(turned) == pytest.approx(-profile_slope(growth), abs=1e-9)
    assert exponent(turned) == pytest.approx(exponent(growth), abs=1e-9)


@given(growth=GROWTHS)
@settings(deadline=None)
def test_the_debiased_variance_is_never_above_the_plain_one(growth: NDArray[np.float64]) -> None:
    assert profile_variance_debiased(growth) <= profile_variance(growth) + 1e-9


@given(growth=GROWTHS)
@settings(deadline=None)
def test_bounds_taken_together_are_wider(growth: NDArray[np.float64]) -> None:
    own, together = layer_bounds(growth), layer_bounds(growth, together=True)
    assert own is not None
    assert together is not None
    assert (together[0] <= own[0] + 1e-12).all()
    assert (own[1] <= together[1] + 1e-12).all()


@given(profile=arrays(np.float64, st.integers(1, 9), elements=st.integers(-2, 2).map(float)))
@settings(deadline=None)
def test_crossings_alternate_and_lie_between_their_layers(profile: NDArray[np.float64]) -> None:
    found = zero_crossings(profile)
    signs = [math.copysign(1, profile[before]) for before, _ in found]
    assert all(one == -other for one, other in pairwise(signs))
    for before, after in found:
        assert before < crossing_depth(profile, before, after) < after
        assert not profile[before + 1 : after].any()
