"""Random initializations beside a trained model: what is told apart, and what is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

from measure.growths import noisy
from pytest_promptchaos.measure.lyapunov import lyapunov
from pytest_promptchaos.measure.null import (
    difference_interval,
    prediction_bounds,
    random_initialization_null,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

FRESH = [{"dune": noisy(seed)} for seed in range(5)]


def test_the_null_is_the_mean_over_initializations() -> None:
    null = random_initialization_null({"dune": noisy(9)}, FRESH)
    rates = [one["dune"].mean() for one in FRESH]
    reference = stats.t.interval(0.95, 4, loc=np.mean(rates), scale=stats.sem(rates))
    assert null.exponent.value == pytest.approx(np.mean(rates))
    assert (null.exponent.low, null.exponent.high) == pytest.approx(reference)
    assert null.exponent.interval == "95% t over 5 random initializations"
    assert (null.exponent.resampled, null.exponent.n) == ("initializations", 5)


def test_the_curve_is_their_mean_profile_within_the_band_of_further_ones() -> None:
    curve = random_initialization_null({"dune": noisy(9)}, FRESH).curve
    profiles = np.array([one["dune"].mean(axis=0) for one in FRESH])
    assert curve.series == "random initialization"
    assert curve.y == pytest.approx(profiles.mean(axis=0))
    bounds = prediction_bounds(profiles)
    assert bounds is not None
    assert curve.low == pytest.approx(bounds[0])
    assert curve.name == lyapunov({"dune": noisy(9)}).curve.name


def test_layers_stand_under_the_names_of_the_trained_ones() -> None:
    names = [f"model.layers.{i}" for i in range(6)]
    trained = lyapunov({"dune": noisy(9)}, layers=names)
    null = random_initialization_null({"dune": noisy(9)}, FRESH, layers=names)
    (layers,) = [extra for extra in trained.also if extra.name == "expanding_layers"]
    assert [part.name for part in null.expanding.breakdown] == [p.name for p in layers.breakdown]
    assert null.expanding.value == sum(
        part.low is not None and part.low > 0 for part in null.expanding.breakdown
    )


def test_training_that_changed_the_growth_is_told_apart() -> None:
    difference = random_initialization_null({"dune": noisy(9) - 1}, FRESH).difference
    assert difference.value == pytest.approx(-1, abs=0.1)
    assert difference.high is not None
    assert difference.high < 0


def test_one_more_initialization_is_told_apart_in_one_of_twenty() -> None:
    def outside(seed: int) -> bool:
        # Initializations differ among themselves, far more than tangents do.
        rates = np.random.default_rng(seed).normal(0, 1, 6)
        tangents = np.random.default_rng(seed + 1000).normal(0, 0.01, (6, 10))
        trained, *fresh = rates[:, np.newaxis] + tangents
        bounds = difference_interval(trained, np.array([one.mean() for one in fresh]))
        return bounds is not None and not bounds[0] <= 0 <= bounds[1]

    assert 6 <= sum(outside(seed) for seed in range(400)) <= 36


def test_of_further_initializations_ninety_five_of_a_hundred_lie_in_the_band() -> None:
    def held(seed: int) -> bool:
        draws = np.random.default_rng(seed).normal(0, 1, (6, 1))
        bounds = prediction_bounds(draws[:5])
        return bounds is not None and bool(bounds[0][0] <= draws[5, 0] <= bounds[1][0])

    assert 364 <= sum(held(seed) for seed in range(400)) <= 394


def test_one_initialization_has_a_rate_but_no_band() -> None:
    null = random_initialization_null({"dune": noisy(9)}, FRESH[:1])
    assert null.exponent.value == pytest.approx(FRESH[0]["dune"].mean())
    assert (null.exponent.low, null.difference.low, null.curve.low) == (None, None, ())
    assert null.expanding.value is None
    assert "one initialization has no spread" in null.difference.interval


def test_one_tangent_has_a_difference_but_no_interval() -> None:
    single = noisy(9, tangents=1)
    fresh = [{"dune": noisy(seed, tangents=1)} for seed in range(3)]
    difference = random_initialization_null({"dune": single}, fresh).difference
    assert (difference.low, difference.interval) == (None, "no interval: one tangent has no spread")


def test_equal_rates_differ_by_exactly_nothing() -> None:
    assert difference_interval(np.zeros(3), np.zeros(4)) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("fresh", "why"),
    [
        ([], "at least one"),
        ([{"other": noisy(0)}], "measure both alike"),
        ([{"dune": noisy(0, tangents=9)}], "measure both alike"),
        ([{"dune": np.full((10, 6), np.nan)}], "not finite"),
    ],
)
def test_initializations_that_cannot_be_held_against_the_model_are_refused(
    fresh: list[dict[str, NDArray[np.float64]]], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        random_initialization_null({"dune": noisy(9)}, fresh)
