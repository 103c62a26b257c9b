"""Systems whose growth is known: by algebra, by an invariant density, or from the literature."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.dynamics.flows import lorenz, rossler, runge_kutta
from pytest_promptchaos.dynamics.systems import (
    System,
    ensemble_growth,
    henon_map,
    linear_map,
    logistic_map,
    orbit,
    settled_rates,
    stochastic_product,
    tangents_beside,
)
from pytest_promptchaos.dynamics.tangent import push
from pytest_promptchaos.dynamics.tanh_networks import fresh_tanh

if TYPE_CHECKING:
    from numpy.typing import NDArray

SEEDS = st.integers(0, 2**20)


def exponents(
    system: System, *, steps: int, settle: int, approach: int = 0, tangents: int | None = None
) -> NDArray[np.float64]:
    """The exponents of every orbit, in nats per unit of time, shape (k, B)."""
    growth = ensemble_growth(system, steps=steps, approach=approach, tangents=tangents)
    return settled_rates(growth, settle=settle, time=system.time)


# -- maps ---------------------------------------------------------------------------------------


@given(
    sizes=st.permutations([4.0, 1.5, 0.7, 0.3]),
    signs=st.lists(st.sampled_from([-1.0, 1.0]), min_size=4, max_size=4),
    seed=SEEDS,
)
@settings(deadline=None, max_examples=3)
def test_a_linear_map_grows_by_its_eigenvalues(
    sizes: list[float], signs: list[float], seed: int
) -> None:
    eigenvalues = [size * sign for size, sign in zip(sizes, signs, strict=True)]
    system = linear_map(eigenvalues, orbits=2, seed=seed)
    rates = exponents(system, steps=110, settle=80)
    known = np.log([4.0, 1.5, 0.7, 0.3])
    assert system.known == pytest.approx(known[0])
    assert rates == pytest.approx(np.stack([known, known], axis=1), abs=1e-9)


def test_a_product_of_stochastic_matrices_has_first_exponent_zero() -> None:
    system = stochastic_product()
    rates = exponents(system, steps=200, settle=60)
    assert rates[0] == pytest.approx(np.zeros(3), abs=1e-9)
    assert (rates[1:] < -1).all()


def test_the_spectrum_of_a_stochastic_product_sums_to_the_logs_of_its_volumes() -> None:
    system = stochastic_product(width=4, layers=40)
    rates = exponents(system, steps=40, settle=0)
    axes = torch.eye(4, dtype=torch.float64)
    volumes = [torch.linalg.det(step(axes)).abs().log().item() for step in system.steps(40)]
    assert rates.sum(axis=0) == pytest.approx(np.full(3, np.mean(volumes)), abs=1e-9)


def test_the_logistic_map_has_exponent_ln_2() -> None:
    rates = exponents(logistic_map(), steps=400, settle=0, approach=100)
    assert rates.mean() == pytest.approx(math.log(2), abs=0.01)


@pytest.fixture(scope="module")
def henon() -> NDArray[np.float64]:
    return exponents(henon_map(orbits=500), steps=350, settle=50, approach=100)


def test_the_henon_map_has_exponent_0_419(henon: NDArray[np.float64]) -> None:
    assert henon[0].mean() == pytest.approx(0.419, abs=0.01)


def test_every_orbit_of_the_henon_map_shrinks_areas_by_ln_0_3(henon: NDArray[np.float64]) -> None:
    assert henon.sum(axis=0) == pytest.approx(np.full(500, math.log(0.3)), abs=1e-6)


# -- flows --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def butterfly() -> NDArray[np.float64]:
    """The three exponents of the Lorenz flow on each of 1000 orbits."""
    return exponents(lorenz(), steps=1000, settle=250, approach=2500)


def test_the_lorenz_flow_has_exponent_0_906(butterfly: NDArray[np.float64]) -> None:
    assert butterfly[0].mean() == pytest.approx(0.906, abs=0.02)


def test_a_flow_neither_stretches_nor_shrinks_along_itself(butterfly: NDArray[np.float64]) -> None:
    assert butterfly[1].mean() == pytest.approx(0.0, abs=0.02)


def test_the_lorenz_exponents_sum_to_the_divergence(butterfly: NDArray[np.float64]) -> None:
    assert butterfly.sum(axis=0) == pytest.approx(np.full(1000, -41 / 3), rel=0.01)


def test_the_rossler_flow_has_exponent_0_071() -> None:
    rates = exponents(rossler(), steps=1400, settle=400, approach=500, tangents=1)
    assert rates.mean() == pytest.approx(0.071, abs=0.01)


def test_halving_the_step_divides_the_error_by_sixteen() -> None:
    def error(count: int) -> float:
        step = runge_kutta(torch.cos, 1 / count)
        end = orbit([step] * count, torch.zeros(1, dtype=torch.float64))[-1]
        # x' = cos x from 0 is the Gudermannian function: x(1) = atan(sinh 1).
        return abs(end.item() - math.atan(math.sinh(1)))

    assert error(10) / error(20) == pytest.approx(16, rel=0.1)


@pytest.mark.parametrize(
    ("system", "field"),
    [
        (lorenz, lambda x, y, z: [10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z]),
        (rossler, lambda x, y, z: [-y - z, x + 0.2 * y, 0.2 + z * (x - 5.7)]),
    ],
)
def test_a_flow_follows_its_equations(system: object, field: object) -> None:
    made = system(orbits=20, time=1e-6)  # type: ignore[operator]
    start = made.ensemble
    slope = (made.cycle[0](start) - start) / 1e-6
    told = torch.stack(field(*start.unbind(-1)), dim=-1)  # type: ignore[operator]
    assert torch.allclose(slope, told, rtol=1e-3, atol=1e-3)


# -- ensembles ----------------------------------------------------------------------------------


def test_one_orbit_of_an_ensemble_is_that_orbit_alone() -> None:
    system = henon_map(orbits=5)
    drawn = tangents_beside(system.ensemble, 2, seed=0)
    growth = ensemble_growth(system, steps=10)
    alone = push(system.steps(10), system.ensemble[3], drawn[:, 3], mode="orthogonal", cadence=1)
    assert growth.row_profile is not None
    assert growth.row_profile[:, :, 3] == pytest.approx(alone.profile, abs=1e-12)


def test_no_tangent_is_the_state_that_was_drawn_from_the_same_seed() -> None:
    generator = torch.Generator().manual_seed(3)
    state = torch.randn(100, generator=generator, dtype=torch.float64)
    cosines = tangents_beside(state, 10, seed=3) @ state / state.norm()
    # Of ten random directions in 100 dimensions none is within 60 degrees of the state.
    assert cosines.abs().max() < 0.5


def test_the_approach_is_no_part_of_the_growth() -> None:
    system = logistic_map(orbits=4)
    whole = ensemble_growth(system, steps=12)
    later = ensemble_growth(system, steps=7, approach=5)
    assert later.profile == pytest.approx(whole.profile[:, 5:], abs=1e-12)
    assert settled_rates(whole, settle=5) == pytest.approx(settled_rates(later), abs=1e-12)


def test_layers_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ValueError, match="11 steps of fresh tanh, which has 10"):
        ensemble_growth(fresh_tanh([1.0], layers=10, width=4), steps=8, approach=3)


def test_growth_without_rows_has_no_rates_by_orbit() -> None:
    growth = push([lambda x: 2 * x], torch.ones(3), torch.eye(3))
    with pytest.raises(ValueError, match="unit='row'"):
        settled_rates(growth)


@pytest.mark.parametrize("build", [logistic_map, henon_map, stochastic_product, lorenz, rossler])
def test_a_seed_names_one_ensemble(build: object) -> None:
    first, again, other = (build(orbits=3, seed=s).ensemble for s in (1, 1, 2))  # type: ignore[operator]
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
