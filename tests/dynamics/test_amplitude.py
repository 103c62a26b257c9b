"""Finite perturbations through the model's own forward, against tangents and by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from dynamics.networks import IDS, LAYERS, TOKENS, gpt2, llama
from pytest_promptchaos.dynamics.amplitude import separations
from pytest_promptchaos.dynamics.depth import decoder_depth, depth_growth
from pytest_promptchaos.errors import DepthError
from pytest_promptchaos.measure.amplitude import amplitude, finite_growth, gaps

if TYPE_CHECKING:
    from pytest_promptchaos.dynamics.depth import Depth


@pytest.fixture(scope="module", params=[llama, gpt2])
def network(request: pytest.FixtureRequest) -> Any:
    """A tiny random model in float64, one of each kind."""
    return request.param().double()


@pytest.fixture(scope="module")
def depth(network: Any) -> Depth:
    return decoder_depth(network, IDS)


def test_a_small_perturbation_grows_like_the_tangent_of_the_same_seed(
    network: Any, depth: Depth
) -> None:
    measured = separations(network, IDS, depth, epsilons=(1e-4,), tangents=3, seed=2)
    tangent = depth_growth(network, IDS, tangents=3, seed=2)
    assert finite_growth(measured.separation)[0] == pytest.approx(tangent.profile, abs=1e-3)


def test_the_window_ends_where_a_perturbation_is_as_large_as_the_state(
    network: Any, depth: Depth
) -> None:
    measured = separations(network, IDS, depth, epsilons=(1e-3, 1e-2, 1e-1, 1.0), tangents=3)
    grown, tangent = finite_growth(measured.separation), depth_growth(network, IDS, tangents=3)
    gap = gaps(grown, tangent.profile)
    assert gap.tolist() == sorted(gap.tolist())
    assert gap[0] < 1e-3
    window = amplitude({"p": grown}, {"p": tangent.profile}, measured.epsilons).window
    assert window.value in {1e-2, 1e-1}


def test_a_perturbation_starts_with_its_share_of_the_state(network: Any, depth: Depth) -> None:
    measured = separations(network, IDS, depth, epsilons=(1e-3, 1e-2), tangents=2)
    size = float(depth.state.norm())
    assert measured.separation[:, :, 0] == pytest.approx(
        np.array([[1e-3 * size] * 2, [1e-2 * size] * 2])
    )
    assert measured.sizes == pytest.approx(depth_growth(network, IDS).state_norms)


def test_at_the_last_position_sizes_are_those_of_the_last_token(network: Any, depth: Depth) -> None:
    measured = separations(network, IDS, depth, epsilons=(1e-2,), tangents=1, positions="last")
    last = [float(state[0, -1].norm()) for state in (depth.state, *depth.reference)]
    assert measured.sizes == pytest.approx(last)
    assert measured.separation[0, 0, 0] == pytest.approx(1e-2 * last[0])


def test_sizes_are_those_of_every_token_that_can_be_reached(network: Any, depth: Depth) -> None:
    mask = np.arange(TOKENS) == TOKENS - 3
    measured = separations(network, IDS, depth, epsilons=(1e-2,), tangents=1, positions=mask)
    assert measured.sizes[0] == pytest.approx(float(depth.state[0, -3:].norm()))
    assert measured.separation[0, 0, 0] == pytest.approx(1e-2 * float(depth.state[0, -3].norm()))


def test_too_small_a_perturbation_is_no_separation_in_a_narrow_dtype() -> None:
    narrow = llama().to(torch.bfloat16)
    measured = separations(narrow, IDS, decoder_depth(narrow, IDS), epsilons=(1e-5,), tangents=1)
    assert measured.separation[0, 0, 0] < 1e-5 * measured.sizes[0]
    assert measured.precision == pytest.approx(2**-7)


def test_the_model_is_left_as_it_was(network: Any, depth: Depth) -> None:
    measured = separations(network, IDS, depth, epsilons=(0.1,), tangents=2)
    assert measured.separation.shape == (1, 2, LAYERS + 1)
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in network.modules())


def test_a_depth_that_the_forward_does_not_pass_through_is_refused(
    network: Any, depth: Depth
) -> None:
    other = replace(depth, reference=tuple(2 * state for state in depth.reference))
    with pytest.raises(DepthError, match="outside its layers"):
        separations(network, IDS, other, tangents=1)


@pytest.mark.parametrize("epsilons", [(), (1e-3, 0.0), (-1e-3,)])
def test_sizes_that_are_not_above_zero_are_refused(
    network: Any, depth: Depth, epsilons: tuple[float, ...]
) -> None:
    with pytest.raises(ValueError, match="above 0"):
        separations(network, IDS, depth, epsilons=epsilons)
