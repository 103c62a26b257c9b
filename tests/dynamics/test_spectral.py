"""Spectral norms of known matrices, and weights that come back as the very same objects."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from dynamics.networks import LAYERS, llama
from dynamics.sighted_networks import MODELS
from pytest_promptchaos.dynamics.spectral import (
    language_layer_names,
    scaled,
    spectral_norm,
    spectral_norms,
)
from pytest_promptchaos.errors import ArgumentError, DepthError

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES = sorted(MODELS)


@contextmanager
def untouched(network: nn.Module) -> Iterator[None]:
    """Check that every weight behind it is the same object with the same bytes and version."""
    weights = dict(network.named_parameters(remove_duplicate=False))
    before = {n: (w, w.detach().numpy().tobytes(), w._version) for n, w in weights.items()}
    yield
    after = dict(network.named_parameters(remove_duplicate=False))
    assert list(after) == list(before)
    for name, (weight, data, version) in before.items():
        assert after[name] is weight
        assert after[name].detach().numpy().tobytes() == data
        assert after[name]._version == version


@pytest.fixture(scope="module")
def network() -> Any:
    return llama()


# -- norms --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("matrix", "norm"),
    [
        (torch.zeros(3, 2), 0.0),
        (torch.zeros(0, 2), 0.0),
        (torch.eye(4), 1.0),
        (torch.diag(torch.tensor([1.0, -7.0, 2.0])), 7.0),
        (torch.ones(3, 4), math.sqrt(12)),
        (torch.outer(torch.tensor([3.0, 4.0]), torch.tensor([0.0, 2.0, 0.0])), 10.0),
        (torch.tensor([[0.0, 1.0], [0.0, 0.0]]), 1.0),  # its spectral radius is 0
        (torch.zeros(700, 600), 0.0),
        (torch.eye(700), 1.0),
        (torch.ones(600, 700), math.sqrt(600 * 700)),
        (torch.diag(torch.arange(600.0)), 599.0),
    ],
)
def test_known_matrices_have_known_norms(matrix: torch.Tensor, norm: float) -> None:
    assert spectral_norm(matrix) == pytest.approx(norm, rel=1e-6, abs=1e-12)


def test_the_iteration_agrees_with_the_whole_decomposition() -> None:
    matrix = torch.randn(560, 900, generator=torch.Generator().manual_seed(2))
    whole = np.linalg.svd(matrix.double().numpy(), compute_uv=False)[0]
    assert spectral_norm(matrix) == pytest.approx(whole, rel=1e-6)


def test_a_matrix_that_is_not_finite_has_no_norm() -> None:
    with pytest.raises(DepthError, match="not finite"):
        spectral_norm(torch.tensor([[1.0, math.nan]]))


def test_every_matrix_of_the_layers_is_named_and_no_vector(network: Any) -> None:
    norms = spectral_norms(network, ["model.layers.2"])
    matrix = network.model.layers[2].mlp.down_proj.weight.detach().double().numpy()
    assert len(norms) == 7  # four of attention, three of feed-forward; two gains are none
    assert norms["model.layers.2.mlp.down_proj.weight"] == pytest.approx(
        np.linalg.svd(matrix, compute_uv=False)[0]
    )


def test_a_stack_of_matrices_is_named_by_place() -> None:
    experts = nn.Module()
    experts.weight = nn.Parameter(torch.stack([torch.eye(2), 3 * torch.eye(2)]))
    network: Any = nn.ModuleDict({"experts": experts})
    norms = spectral_norms(network, ["experts"])
    assert norms == {"experts.weight[0]": 1.0, "experts.weight[1]": 3.0}


@pytest.mark.parametrize("name", NAMES)
def test_the_language_layers_of_a_model_that_sees_are_not_its_towers(name: str) -> None:
    names = language_layer_names(MODELS[name]().network)
    assert [name.rpartition(".")[2] for name in names] == ["0", "1", "2"]
    assert all("vision" not in name and "visual" not in name for name in names)


def test_those_of_a_text_model_are_its_layers(network: Any) -> None:
    assert language_layer_names(network) == tuple(f"model.layers.{n}" for n in range(LAYERS))


def test_a_network_without_layers_says_so() -> None:
    flat: Any = nn.Linear(2, 2)
    with pytest.raises(DepthError, match="no list of layers"):
        language_layer_names(flat)


# -- scaling ------------------------------------------------------------------------------------

SOME = ("model.layers.1", "model.layers.4")


@settings(deadline=None, max_examples=15)
@given(factor=st.floats(0.01, 10))
def test_the_norms_inside_are_the_factor_times_those_outside(network: Any, factor: float) -> None:
    before = spectral_norms(network, SOME)
    with untouched(network), scaled(network, SOME, factor):
        inside = spectral_norms(network, SOME)
    assert inside == pytest.approx({name: factor * norm for name, norm in before.items()}, rel=1e-5)
    assert spectral_norms(network, SOME) == before


def test_only_the_named_layers_and_only_their_matrices_are_scaled(network: Any) -> None:
    before = dict(network.named_parameters())
    with scaled(network, SOME, 0.5):
        changed = {n for n, weight in network.named_parameters() if weight is not before[n]}
        for name in changed:
            assert torch.equal(network.get_parameter(name), before[name] * 0.5)
    assert len(changed) == 14
    assert all(name.startswith(SOME) and "norm" not in name for name in changed)


def test_the_answers_change_inside_and_are_back_outside(network: Any) -> None:
    ids = torch.tensor([[3, 4, 5]])
    with torch.no_grad():
        before = network(ids).logits
        with scaled(network, SOME, 0.5):
            assert not torch.equal(network(ids).logits, before)
        assert torch.equal(network(ids).logits, before)


def test_weights_are_back_after_an_error(network: Any) -> None:
    with untouched(network), pytest.raises(ZeroDivisionError), scaled(network, SOME, 0.5):
        raise ZeroDivisionError


def test_nested_scalings_multiply_and_unwind(network: Any) -> None:
    before = spectral_norms(network, SOME)
    with (
        untouched(network),
        scaled(network, SOME, 0.5),
        untouched(network),
        scaled(network, ["model.layers.1"], 0.5),
    ):
        inside = spectral_norms(network, SOME)
    ratios = {name.split(".")[2]: inside[name] / before[name] for name in before}
    assert ratios == pytest.approx({"1": 0.25, "4": 0.5}, rel=1e-5)


def test_weights_are_back_in_inference_mode_and_the_copies_count_their_writes(network: Any) -> None:
    with untouched(network), torch.inference_mode(), scaled(network, SOME, 0.5):
        copies = [network.get_parameter(n) for n in spectral_norms(network, SOME)]
        assert {copy._version for copy in copies} == {1}
        assert not any(copy.is_inference() for copy in copies)


def test_a_weight_written_to_inside_leaves_no_trace(network: Any) -> None:
    with untouched(network), scaled(network, SOME, 0.5), torch.no_grad():
        network.model.layers[1].mlp.down_proj.weight.zero_()


def test_a_weight_that_layers_share_stays_shared(network: Any) -> None:
    tied = llama()
    one, two = (tied.model.layers[n].mlp for n in (1, 4))
    two.down_proj.weight = one.down_proj.weight
    with untouched(tied), scaled(tied, SOME, 0.5):
        assert two.down_proj.weight is one.down_proj.weight
    assert two.down_proj.weight is one.down_proj.weight


def test_a_weight_tied_to_a_module_outside_is_scaled_inside_only() -> None:
    tied = llama()
    inner, outer = tied.model.layers[1].mlp, tied.model.layers[2].mlp
    outer.down_proj.weight = inner.down_proj.weight
    with untouched(tied), scaled(tied, ["model.layers.1"], 0.5):
        assert torch.equal(inner.down_proj.weight, outer.down_proj.weight * 0.5)


def test_a_layer_named_twice_or_within_another_is_scaled_once(network: Any) -> None:
    before = spectral_norms(network, SOME)
    with untouched(network), scaled(network, [*SOME, SOME[0], f"{SOME[0]}.mlp"], 0.5):
        inside = spectral_norms(network, SOME)
    assert inside == pytest.approx({name: 0.5 * norm for name, norm in before.items()}, rel=1e-5)


def test_whether_a_weight_learns_is_kept(network: Any) -> None:
    frozen = llama().requires_grad_(False)
    with scaled(frozen, SOME, 0.5):
        assert not any(weight.requires_grad for weight in frozen.parameters())


@pytest.mark.parametrize("factor", [0.0, -1.0, math.nan, math.inf])
def test_a_factor_that_is_none_is_refused(network: Any, factor: float) -> None:
    with pytest.raises(ArgumentError, match="finite number above 0"), scaled(network, SOME, factor):
        pytest.fail("nothing may be scaled")


def test_an_unknown_layer_is_refused_with_a_suggestion(network: Any) -> None:
    with (
        untouched(network),
        pytest.raises(ArgumentError, match=r"did you mean 'model\.layers\.1'"),
        scaled(network, ["model.layer.1"], 0.5),
    ):
        pytest.fail("nothing may be scaled")


def test_layers_without_matrices_are_refused(network: Any) -> None:
    with pytest.raises(ArgumentError, match="no floating weight"):
        spectral_norms(network, ["model.norm"])
