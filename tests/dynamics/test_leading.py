"""The leading direction, against singular values and dense Jacobians."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import jacrev

from dynamics.maps import WIDTH, chain, matrix, state, tanh_network
from dynamics.networks import IDS, LAYERS, llama
from pytest_promptchaos.dynamics.depth import decoder_depth
from pytest_promptchaos.dynamics.leading import leading_growth
from pytest_promptchaos.dynamics.tangent import draw_tangents, push
from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from pytest_promptchaos.dynamics.depth import Depth
    from pytest_promptchaos.dynamics.linearize import Step

TIGHT: dict[str, Any] = {"tolerance": 1e-13, "iterations": 5000}


def through(steps: Sequence[Step], entering: Tensor) -> Tensor:
    for step in steps:
        entering = step(entering)
    return entering


@pytest.fixture(scope="module")
def network() -> Any:
    """A tiny random Llama in float64, whose parameters want gradients as after training."""
    return llama().double()


@pytest.fixture(scope="module")
def depth(network: Any) -> Depth:
    return decoder_depth(network, IDS[:, :5])


@pytest.fixture(scope="module")
def jacobian(depth: Depth) -> Tensor:
    """The whole Jacobian of the depth, (outputs, inputs), by reverse-mode AD."""
    dense = jacrev(lambda entering: through(depth.steps, entering))(depth.state)
    size = depth.state.numel()
    whole: Tensor = dense.detach().reshape(size, size)
    return whole


# -- known answers ------------------------------------------------------------------------------


def test_a_stack_of_linear_maps_has_the_largest_singular_value_of_its_product() -> None:
    maps = [matrix(seed) for seed in range(6)]
    sigma = torch.linalg.svdvals(torch.linalg.multi_dot([*reversed(maps)]))[0]
    leading = leading_growth(chain(maps), state(), **TIGHT)
    assert leading.log_sigma == pytest.approx(math.log(sigma), abs=1e-9)
    assert leading.rate == pytest.approx(math.log(sigma) / 6, abs=1e-9)
    assert leading.residual < 1e-5
    assert leading.converged


def test_its_profile_is_that_of_the_right_singular_direction() -> None:
    maps = [matrix(seed) for seed in range(4)]
    _, _, right = torch.linalg.svd(torch.linalg.multi_dot([*reversed(maps)]))
    reference = push(chain(maps), state(), right[:1]).profile[0]
    leading = leading_growth(chain(maps), state(), **TIGHT)
    assert leading.profile == pytest.approx(reference, abs=1e-5)
    assert leading.profile.sum() == pytest.approx(leading.log_sigma)


def test_a_multiple_of_the_identity_converges_at_once() -> None:
    leading = leading_growth([lambda x: 3.0 * x] * 7, state())
    assert leading.rate == pytest.approx(math.log(3), abs=1e-12)
    assert (leading.iterations, leading.converged) == (2, True)
    assert leading.residual == pytest.approx(0.0, abs=1e-12)


def test_a_long_contraction_does_not_underflow() -> None:
    leading = leading_growth([lambda x: 1e-12 * x] * 60, state())
    assert leading.rate == pytest.approx(math.log(1e-12), abs=1e-9)


def test_a_tanh_network_has_the_largest_singular_value_of_its_jacobian() -> None:
    steps = tanh_network(8)
    dense = jacrev(lambda entering: through(steps, entering))(state())
    leading = leading_growth(steps, state(), **TIGHT)
    assert leading.log_sigma == pytest.approx(math.log(torch.linalg.svdvals(dense)[0]), abs=1e-9)


def test_a_language_model_has_the_largest_singular_value_of_its_jacobian(
    depth: Depth, jacobian: Tensor
) -> None:
    leading = leading_growth(depth.steps, depth.state)
    sigma = float(torch.linalg.svdvals(jacobian)[0])
    assert leading.log_sigma == pytest.approx(math.log(sigma), abs=2e-3)
    assert leading.log_sigma <= math.log(sigma) + 1e-6
    assert leading.profile.shape == (LAYERS,)


def test_a_mask_confines_the_perturbation_at_the_start(depth: Depth, jacobian: Tensor) -> None:
    width = depth.state.shape[-1]
    mask = torch.tensor([False, True, False, False, True]).unsqueeze(-1)
    columns = jacobian.reshape(-1, 5, width)[:, [1, 4]].flatten(1)
    leading = leading_growth(depth.steps, depth.state, mask=mask)
    sigma = float(torch.linalg.svdvals(columns)[0])
    assert leading.log_sigma == pytest.approx(math.log(sigma), abs=2e-3)
    assert leading.log_sigma < leading_growth(depth.steps, depth.state).log_sigma


# -- what it may not do -------------------------------------------------------------------------


def test_no_gradient_reaches_a_parameter(network: Any, depth: Depth) -> None:
    leading_growth(depth.steps, depth.state, iterations=2)
    assert all(weight.requires_grad and weight.grad is None for weight in network.parameters())


def test_what_has_not_converged_says_so_and_stays_below() -> None:
    maps = [matrix(seed) for seed in range(6)]
    sigma = torch.linalg.svdvals(torch.linalg.multi_dot([*reversed(maps)]))[0]
    leading = leading_growth(chain(maps), state(), iterations=1)
    assert (leading.converged, leading.iterations) == (False, 1)
    assert "not converged in 1 power iterations" in leading.words
    assert leading.log_sigma < math.log(sigma)
    assert "converged after" in leading_growth(chain(maps), state()).words


def test_a_map_without_a_reverse_derivative_is_refused() -> None:
    with pytest.raises(DepthError, match="reverse-mode AD cannot follow"):
        leading_growth([_OneWay.apply], state())


class _OneWay(torch.autograd.Function):
    """Twice the state, with a forward derivative alone."""

    generate_vmap_rule = True

    @staticmethod
    def forward(entering: Tensor) -> Tensor:
        return 2 * entering

    @staticmethod
    def setup_context(_context: object, _inputs: object, _output: object) -> None:
        pass

    @staticmethod
    def jvp(_context: object, tangent: Tensor) -> Tensor:
        return 2 * tangent


def test_a_direction_that_vanishes_is_refused() -> None:
    with pytest.raises(DepthError, match=r"step 1 of 2 maps the leading direction to norm 0\.0"):
        leading_growth([lambda x: 2 * x, lambda x: 0 * x], state())


@pytest.mark.parametrize("knobs", [{"iterations": 0}, {"tolerance": 0.0}])
def test_knobs_that_make_no_sense_are_refused(knobs: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="at least one step and one iteration"):
        leading_growth(tanh_network(1), state(), **knobs)


# -- properties ---------------------------------------------------------------------------------


@given(seed=st.integers(0, 2**20))
@settings(deadline=None, max_examples=20)
def test_no_tangent_outgrows_the_leading_direction(seed: int) -> None:
    steps = tanh_network(5)
    leading = leading_growth(steps, state(), **TIGHT)
    growth = push(steps, state(), draw_tangents((WIDTH,), 6, seed))
    assert np.all(growth.profile.sum(axis=1) <= leading.log_sigma + 1e-9)
