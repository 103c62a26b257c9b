"""Growth over depth as measurements: what they are taken over, and what they say of layers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from measure.growths import GROWTHS, noisy
from pytest_promptchaos.measure.intervals import MIN_CLUSTERS
from pytest_promptchaos.measure.lyapunov import growth_rate, lyapunov
from pytest_promptchaos.measure.profile import exponent, jackknife_interval, layer_bounds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_promptchaos.measure.lyapunov import LyapunovMeasurement
    from pytest_promptchaos.records import Measurement


def named(measured: LyapunovMeasurement, name: str) -> Measurement:
    (found,) = [extra for extra in measured.also if extra.name == name]
    return found


def around(means: list[float], spread: float) -> NDArray[np.float64]:
    """Ten tangents whose layers have exactly these means and this standard deviation."""
    steps = np.linspace(-1, 1, 10)
    growth: NDArray[np.float64] = np.array(means) + np.outer(
        steps / steps.std(ddof=1), np.full(len(means), spread)
    )
    return growth


# -- the rate and its units ---------------------------------------------------------------------


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
        "profile_variance_debiased",
        "profile_slope",
        "profile_slope_over_depth",
        "largest_layer_growth",
        "expanding_layers",
        "zero_crossings",
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


def test_a_rate_measured_elsewhere_has_the_same_interval() -> None:
    growths = {f"p{i}": noisy(i) for i in range(3)}
    own, other = lyapunov(growths).exponent, growth_rate(growths, name="relative growth")
    assert (other.value, other.low, other.high) == (own.value, own.low, own.high)
    assert (other.name, other.interval) == ("relative growth", own.interval)
    assert [part.value for part in other.breakdown] == [part.value for part in own.breakdown]


def test_one_number_per_tangent_is_a_rate_too() -> None:
    rate = growth_rate({"dune": np.array([0.0, 1.0, 2.0])}, name="logit growth", unit="nats")
    assert (rate.value, rate.unit, rate.n) == (1.0, "nats", 3)
    assert (rate.low, rate.high) == pytest.approx((-1.484, 3.484), abs=1e-3)


# -- layers -------------------------------------------------------------------------------------


def test_a_layer_expands_when_its_whole_interval_is_above_zero() -> None:
    # The half width of ten tangents of standard deviation 0.1 is 2.262 * 0.1 / sqrt(10) = 0.0715.
    layers = named(
        lyapunov({"dune": around([0.5, 0.08, 0.06, -0.5], 0.1)}, layers=["a", "b", "c", "d"]),
        "expanding_layers",
    )
    assert (layers.value, layers.unit) == (2.0, "layers")
    assert [part.name for part in layers.breakdown] == ["a", "b", "c", "d"]
    assert [part.value for part in layers.breakdown] == pytest.approx([0.5, 0.08, 0.06, -0.5])
    lows = [part.low for part in layers.breakdown]
    assert lows == pytest.approx([0.4285, 0.0085, -0.0115, -0.5715], abs=1e-3)


def test_the_count_of_expanding_layers_is_bounded_for_all_layers_at_once() -> None:
    # Widened over four layers the half width is 3.111 * 0.1 / sqrt(10) = 0.0984.
    growth = around([0.5, 0.08, 0.06, -0.5], 0.1)
    layers = named(lyapunov({"dune": growth}), "expanding_layers")
    assert (layers.low, layers.high) == (1.0, 3.0)
    assert "at once" in layers.interval
    assert "by itself" in layers.breakdown[0].interval


def test_layers_without_names_are_numbered() -> None:
    layers = named(lyapunov({"dune": noisy(0, layers=3)}), "expanding_layers")
    assert [part.name for part in layers.breakdown] == ["layer 0", "layer 1", "layer 2"]


def test_without_intervals_no_layer_is_called_expanding() -> None:
    layers = named(lyapunov({"dune": noisy(0, tangents=1)}), "expanding_layers")
    assert layers.value is None
    assert "one tangent has no spread" in str(layers.reason)


def test_the_largest_layer_is_bounded_for_all_layers_at_once() -> None:
    growth = around([0.30, 0.28, -0.5], 0.1)
    largest = named(lyapunov({"dune": growth}, layers=["a", "b", "c"]), "largest_layer_growth")
    half = float(stats.t.ppf(1 - 0.025 / 3, 9)) * 0.1 / 10**0.5
    assert (largest.value, largest.low, largest.high) == pytest.approx(
        (0.30, 0.30 - half, 0.30 + half)
    )
    assert [part.name for part in largest.breakdown] == ["a"]


def test_a_noisy_layer_raises_the_upper_bound_of_the_largest_one() -> None:
    growth = np.hstack([around([0.30], 0.01), around([0.25], 1.0)])
    largest = named(lyapunov({"dune": growth}), "largest_layer_growth")
    half = float(stats.t.ppf(1 - 0.025 / 2, 9)) / 10**0.5
    assert largest.value == pytest.approx(0.30)
    assert largest.low == pytest.approx(0.30 - 0.01 * half)
    assert largest.high == pytest.approx(0.25 + half)


def test_one_layer_is_above_a_limit_by_chance_in_one_of_forty() -> None:
    # All 32 layers sit exactly on the limit 0.2, and each side is left out with 2.5 %.
    bounds = [layer_bounds(noisy(seed, layers=32), together=True) for seed in range(4000)]
    above = sum(float(low.max()) > 0.2 for low, _ in filter(None, bounds))
    assert 60 <= above <= 140
    assert not any(float(high.max()) < 0.2 for _, high in filter(None, bounds))


def test_crossings_are_told_with_their_layers_and_their_direction() -> None:
    crossings = named(
        lyapunov({"dune": around([0.5, -0.5, 0.01], 0.1)}, layers=["a", "b", "c"]),
        "zero_crossings",
    )
    assert crossings.value == 2.0
    assert [part.name for part in crossings.breakdown] == [
        "falls below 0 between a and b",
        "rises above 0 between b and c",
    ]
    assert [part.value for part in crossings.breakdown] == pytest.approx([0.5, 1 + 0.5 / 0.51])
    assert "in 1 of 2 both layers' intervals leave out 0" in crossings.interval


def test_a_profile_of_one_sign_crosses_nowhere() -> None:
    crossings = named(lyapunov({"dune": around([0.5, 0.1], 0.1)}), "zero_crossings")
    assert (crossings.value, crossings.breakdown) == (0.0, ())


# -- refusals -----------------------------------------------------------------------------------


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


def test_names_that_do_not_fit_the_layers_are_refused() -> None:
    with pytest.raises(ValueError, match="2 layer names for growths of 6 layers"):
        lyapunov({"dune": noisy(0)}, layers=["a", "b"])


# -- properties ---------------------------------------------------------------------------------


@given(growth=GROWTHS, seed=st.integers(0, 1000))
@settings(deadline=None)
def test_the_order_of_tangents_does_not_matter(growth: NDArray[np.float64], seed: int) -> None:
    shuffled = np.random.default_rng(seed).permutation(growth, axis=0)
    one, other = lyapunov({"p": growth}), lyapunov({"p": shuffled})
    smooth = [name for name in (m.name for m in one.also) if name.startswith(("profile", "larg"))]
    pairs = [(one.exponent, other.exponent), *((named(one, n), named(other, n)) for n in smooth)]
    for a, b in pairs:
        assert (a.value, a.low, a.high) == pytest.approx((b.value, b.low, b.high), abs=1e-6)


@given(growth=GROWTHS)
@settings(deadline=None)
def test_every_interval_holds_its_value(growth: NDArray[np.float64]) -> None:
    measured = lyapunov({"p": growth})
    for one in (measured.exponent, *measured.also, *named(measured, "expanding_layers").breakdown):
        assert one.value is not None
        assert one.low is None or one.low <= one.value
        assert one.high is None or one.value <= one.high


@given(growth=GROWTHS)
@settings(deadline=None)
def test_no_more_layers_expand_than_there_are(growth: NDArray[np.float64]) -> None:
    layers = named(lyapunov({"p": growth}), "expanding_layers")
    assert layers.value is not None
    assert 0 <= layers.value <= growth.shape[1] == len(layers.breakdown)
