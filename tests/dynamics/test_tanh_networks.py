"""Random tanh networks are held against their spectral radius, and against mean-field theory."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm

from pytest_promptchaos.dynamics.mean_field import mean_field, mean_field_profile
from pytest_promptchaos.dynamics.systems import ensemble_growth, orbit, settled_rates
from pytest_promptchaos.dynamics.tanh_networks import fresh_tanh, tied_tanh

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

# -- tanh networks ------------------------------------------------------------------------------


def test_a_tied_network_below_radius_1_decays_at_its_spectral_radius() -> None:
    radii = [0.5, 0.9, 0.99]
    # One tangent turns to the largest pair of eigenvalues and then swings: hence many steps.
    growth = ensemble_growth(tied_tanh(radii), steps=1700, approach=1000, tangents=1)
    assert settled_rates(growth, settle=200)[0] == pytest.approx(np.log(radii), abs=1e-3)


def test_a_tied_network_has_exactly_the_radius_that_was_asked_for() -> None:
    system = tied_tanh([0.5, 1.5], width=20, networks=2)
    rest = torch.zeros_like(system.ensemble)
    for radius in range(2):
        for network in range(2):

            def alone(x: Tensor, at: tuple[int, int] = (radius, network)) -> Tensor:
                state = rest.clone()
                state[at] = x
                return system.cycle[0](state)[at]

            slope = torch.func.jacrev(alone)(rest[0, 0])
            largest = torch.linalg.eigvals(slope).abs().max()
            assert float(largest) == pytest.approx([0.5, 1.5][radius], rel=1e-9)


WIDTH, NETWORKS, RADII = 50, 60, [0.8, 1.25, 1.5, 2.0]


@pytest.fixture(scope="module")
def fresh() -> NDArray[np.float64]:
    """The growth per layer of fresh networks, by radius and network, past the first layers."""
    system = fresh_tanh(RADII, layers=60, width=WIDTH, networks=NETWORKS)
    growth = ensemble_growth(system, steps=40, approach=20, tangents=2, mode="independent")
    rates: NDArray[np.float64] = settled_rates(growth).mean(axis=0)
    return rates.reshape(len(RADII), NETWORKS)


@pytest.mark.parametrize("place", range(len(RADII)), ids=lambda place: str(RADII[place]))
def test_fresh_networks_grow_as_mean_field_says_less_what_their_width_costs(
    fresh: NDArray[np.float64], place: int
) -> None:
    """Standard error over networks, and half of the width's own shift for what is beyond it."""
    theory, rates = mean_field(RADII[place]), fresh[place]
    shift = theory.per_width / WIDTH
    error = rates.std(ddof=1) / math.sqrt(NETWORKS)
    assert abs(rates.mean() - (theory.growth - shift)) < 3 * error + shift / 2
    # The error is small enough that the shift itself, and so the theory's sign, is seen.
    assert abs(rates.mean() - theory.growth) < 3 * error + 1.5 * shift < 0.06


def test_the_shift_of_a_finite_width_shrinks_with_the_width() -> None:
    def gap(width: int, networks: int) -> float:
        system = fresh_tanh([1.5], layers=40, width=width, networks=networks)
        growth = ensemble_growth(system, steps=30, approach=10, tangents=2, mode="independent")
        return float(mean_field(1.5).growth - settled_rates(growth).mean()) * width

    # Gap times width is one number, theory's per_width, at widths 10 and 40.
    assert gap(10, 400) == pytest.approx(mean_field(1.5).per_width, rel=0.3)
    assert gap(40, 100) == pytest.approx(mean_field(1.5).per_width, rel=0.3)


def test_networks_of_one_seed_differ_in_the_radius_alone() -> None:
    both, one = (fresh_tanh(radii, layers=3, width=8, networks=2) for radii in ([0.5, 2.0], [2.0]))
    ends = [orbit(system.steps(3), system.ensemble)[-1] for system in (both, one)]
    assert torch.allclose(ends[0][1], ends[1][0], rtol=1e-12)


# -- mean field ---------------------------------------------------------------------------------


@pytest.mark.parametrize("radius", [1.05, 1.5, 2.0, 4.0, 20.0])
def test_mean_field_agrees_with_adaptive_quadrature(radius: float) -> None:
    theory = mean_field(radius)

    def expected(function: object) -> float:
        scale = math.sqrt(theory.variance)
        return float(quad(lambda z: function(scale * z) * norm.pdf(z), 0, 12, epsabs=1e-13)[0]) * 2  # type: ignore[operator]

    second = expected(lambda h: np.tanh(h) ** 2)
    slope = expected(lambda h: (1 - np.tanh(h) ** 2) ** 2)
    assert theory.variance == pytest.approx(radius**2 * second, rel=1e-9)
    assert theory.growth == pytest.approx(0.5 * math.log(radius**2 * slope), abs=1e-9)


@pytest.mark.parametrize("radius", [0.3, 0.9, 1.0])
def test_up_to_radius_1_the_state_dies_and_growth_is_the_log_of_the_radius(radius: float) -> None:
    theory = mean_field(radius)
    assert theory.variance == 0.0
    assert theory.per_width == pytest.approx(0.5, abs=1e-12)
    assert theory.growth == pytest.approx(math.log(radius), abs=1e-12)


def test_a_linear_layer_of_finite_width_loses_what_the_digamma_function_says() -> None:
    from scipy.special import digamma

    # E ln |W v|^2 for a Gaussian W and a unit v is that of a chi squared variable over its width.
    exact = 0.5 * (digamma(200 / 2) - math.log(200 / 2))
    assert -mean_field(1.0).per_width / 200 == pytest.approx(exact, rel=0.01)


def test_the_profile_starts_at_the_input_and_ends_at_the_limit() -> None:
    profile = mean_field_profile(1.5, 60)
    assert profile[-1] == pytest.approx(mean_field(1.5).growth, abs=1e-9)
    assert profile[0] < 0 < profile[-1]
    assert mean_field_profile(1.5, 1, mean_square=1e-12)[0] == pytest.approx(math.log(1.5))
