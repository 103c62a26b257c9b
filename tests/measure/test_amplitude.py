"""Finite perturbations: the window in which they grow like tangents, and twin trajectories."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from measure.growths import noisy
from pytest_promptchaos.measure.amplitude import (
    amplitude,
    finite_growth,
    gaps,
    linear_window,
    twin_slope,
    two_trajectories,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZES = (1e-4, 1e-3, 1e-2, 1e-1)
EPS = 1e-7


def logistic(start: float, steps: int) -> NDArray[np.float64]:
    orbit = [start]
    for _ in range(steps):
        orbit.append(4 * orbit[-1] * (1 - orbit[-1]))
    return np.array(orbit)


# -- the linear window --------------------------------------------------------------------------


def test_growth_of_a_separation_is_the_logarithm_of_its_ratio() -> None:
    grown = finite_growth(np.array([[1.0, 2.0, 6.0], [1.0, 1.0, 0.0]]))
    assert grown[0] == pytest.approx([math.log(2), math.log(3)])
    assert grown[1].tolist() == [0.0, -np.inf]


def test_the_gap_is_that_of_the_layer_and_the_size_where_it_is_largest() -> None:
    tangent = np.zeros((2, 3))
    finite = np.zeros((2, 2, 3))
    finite[1, :, 2] = [0.3, -0.4]
    assert gaps(finite, tangent) == pytest.approx([0.0, math.sqrt((0.09 + 0.16) / 2)])


@pytest.mark.parametrize(
    ("gap", "window"),
    [
        ([0.0, 0.0, 0.0], (0, 2)),
        ([9.0, 0.0, 0.01, 9.0], (1, 2)),
        ([0.0, 9.0, 0.0, 9.0], (2, 2)),
        ([0.0, 0.0, 9.0, 0.0], (0, 1)),
        ([9.0, np.inf], None),
    ],
)
def test_the_window_is_the_longest_run_that_agrees(gap: list[float], window: Any) -> None:
    assert linear_window(np.array(gap)) == window


def test_growth_that_bends_with_its_size_agrees_up_to_that_size() -> None:
    # The growth of size s falls short by 10 s nats: within 0.05 up to s = 0.005.
    tangent = {f"p{i}": noisy(i) for i in range(2)}
    finite = {
        prompt: np.stack([growth - 10 * size for size in SIZES])
        for prompt, growth in tangent.items()
    }
    measured = amplitude(finite, tangent, SIZES)
    assert measured.window.value == 1e-3
    assert measured.window.interval.endswith("from 0.0001 to 0.001")
    gaps_by_size = [part.value for part in measured.window.breakdown]
    assert gaps_by_size == pytest.approx([0.001, 0.01, 0.1, 1.0])
    assert [curve.series for curve in measured.curves] == [
        f"relative size {size:g}" for size in SIZES
    ]
    assert measured.curves[2].y == pytest.approx(
        np.mean([*tangent.values()], axis=(0, 1)) - 10 * 1e-2
    )


def test_a_size_that_rounds_to_nothing_has_neither_curve_nor_gap() -> None:
    tangent = {"p": noisy(0)}
    finite = np.stack([noisy(0)] * 4)
    finite[0, 3, 2:4] = [-np.inf, np.nan]
    measured = amplitude({"p": finite}, tangent, SIZES)
    assert measured.window.interval.endswith("from 0.001 to 0.1")
    assert "vanished" in str(measured.window.breakdown[0].reason)
    assert len(measured.curves) == 3


def test_no_agreement_is_told_with_every_gap() -> None:
    measured = amplitude({"p": np.stack([noisy(0) + 1] * 4)}, {"p": noisy(0)}, SIZES)
    assert measured.window.value is None
    assert "at no size" in str(measured.window.reason)
    assert [part.value for part in measured.window.breakdown] == pytest.approx([1.0] * 4)


@pytest.mark.parametrize(
    ("finite", "sizes", "why"),
    [
        ({"q": np.zeros((4, 10, 6))}, SIZES, "the same prompts"),
        ({"p": np.zeros((3, 10, 6))}, SIZES, "at 4 sizes"),
        ({"p": np.zeros((4, 10, 6))}, SIZES[::-1], "smallest first"),
        ({"p": np.zeros((0, 10, 6))}, (), "at least one"),
    ],
)
def test_growths_that_do_not_belong_together_are_refused(
    finite: dict[str, NDArray[np.float64]], sizes: tuple[float, ...], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        amplitude(finite, {"p": noisy(0)}, sizes)


# -- two trajectories ---------------------------------------------------------------------------


def test_an_exponential_separation_has_its_rate() -> None:
    separation = 1e-4 * np.exp(0.3 * np.arange(10))
    slope = twin_slope(separation, np.ones(10), precision=EPS)
    assert slope.value == pytest.approx(0.3)
    assert slope.used.all()


def test_saturation_is_left_out() -> None:
    separation = np.minimum(1e-4 * np.exp(np.arange(20.0)), 1.4)
    slope = twin_slope(separation, np.ones(20), precision=EPS)
    assert slope.value == pytest.approx(1.0)
    assert np.flatnonzero(slope.used).tolist() == [0, 1, 2, 3, 4, 5, 6]


def test_rounding_is_left_out_at_the_end_of_a_contraction() -> None:
    separation = np.maximum(np.exp(-1.0 * np.arange(20.0) - 3), 1e-7)
    slope = twin_slope(separation, np.ones(20), precision=EPS)
    assert slope.value == pytest.approx(-1.0)
    assert slope.used.sum() == 9


def test_rounding_is_left_out_at_the_start_too() -> None:
    separation = np.concatenate([[3e-7, 9e-6], 1e-4 * np.exp(0.5 * np.arange(5))])
    slope = twin_slope(separation, np.ones(7), precision=EPS)
    assert slope.value == pytest.approx(0.5)
    assert np.flatnonzero(slope.used).tolist() == [2, 3, 4, 5, 6]


def test_twins_that_meet_again_after_saturation_are_left_out() -> None:
    separation = np.array([1e-3, 1e-2, 1e-1, 1.0, 1e-2, 1e-1])
    slope = twin_slope(separation, np.ones(6), precision=EPS)
    assert slope.value == pytest.approx(math.log(10))
    assert slope.used.sum() == 3


def test_a_separation_is_held_against_the_size_of_its_own_state() -> None:
    sizes = np.exp(np.arange(8.0))
    slope = twin_slope(1e-3 * sizes, sizes, precision=EPS)
    assert slope.value == pytest.approx(1.0)
    assert slope.used.all()


def test_two_orbits_of_the_logistic_map_part_at_the_rate_of_ln_2() -> None:
    starts = np.random.default_rng(0).uniform(0.1, 0.9, 300)
    twins = np.array([np.abs(logistic(start, 25) - logistic(start + 1e-9, 25)) for start in starts])
    slopes = [twin_slope(one, np.ones(26), precision=2e-16).value for one in twins]
    error = float(np.std(slopes) / len(slopes) ** 0.5)
    assert error < 0.01
    assert np.mean(slopes) == pytest.approx(math.log(2), abs=3 * error)


def test_too_few_times_are_refused() -> None:
    with pytest.raises(ValueError, match="only 2 times"):
        twin_slope(np.array([0.01, 0.05, 1.0, 1.0]), np.ones(4), precision=EPS)
    with pytest.raises(ValueError, match="only 0 times"):
        twin_slope(np.ones(4), np.ones(4), precision=EPS)


def test_twins_are_measured_with_an_interval_over_them() -> None:
    rates = np.array([0.2, 0.3, 0.4])
    separations = 1e-4 * np.exp(np.outer(rates, np.arange(8)))
    measured = two_trajectories({"p": separations}, {"p": np.ones(8)}, precision=EPS)
    assert measured.value == pytest.approx(0.3)
    assert (measured.n, measured.unit) == (3, "nats per layer")
    assert measured.low is not None
    assert measured.low == pytest.approx(0.3 - 4.3027 * 0.1 / math.sqrt(3), abs=1e-4)


def test_saturated_twins_have_no_slope_and_say_why() -> None:
    measured = two_trajectories({"p": np.ones((3, 8))}, {"p": np.ones(8)}, precision=EPS)
    assert measured.value is None
    assert "start the twins closer together" in str(measured.reason)


@given(
    rate=st.floats(-1, 1),
    steps=st.integers(3, 20),
    scale=st.floats(1e-3, 1e3),
)
@settings(deadline=None)
def test_the_unit_of_the_state_does_not_matter(rate: float, steps: int, scale: float) -> None:
    separation = 3e-3 * np.exp(rate * np.arange(steps) / steps)
    plain = twin_slope(separation, np.ones(steps), precision=EPS)
    scaled = twin_slope(scale * separation, np.full(steps, scale), precision=EPS)
    assert plain.value == pytest.approx(rate / steps, abs=1e-9)
    assert scaled.value == pytest.approx(plain.value, abs=1e-9)
