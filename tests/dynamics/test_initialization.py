"""Random initializations: the same architecture, other weights, and nothing else disturbed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from dynamics.networks import IDS, LAYERS, gpt2, llama
from pytest_promptchaos.dynamics.depth import depth_growth
from pytest_promptchaos.dynamics.initialization import random_initializations
from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    from pathlib import Path


def weights(network: Any) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in network.named_parameters()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_seed_gives_what_the_class_itself_draws_from_it() -> None:
    (fresh,) = (weights(one) for one in random_initializations(llama(), 1, seed=0))
    # llama() builds its network from seed 0 in the same way.
    assert same(fresh, weights(llama()))


def test_initializations_differ_from_each_other_and_repeat_from_their_seed() -> None:
    first, second = (weights(one) for one in random_initializations(gpt2(), 2, seed=5))
    (again,) = (weights(one) for one in random_initializations(gpt2(), 1, seed=6))
    assert not same(first, second)
    assert same(second, again)


def test_the_trained_network_and_the_global_generator_stay_as_they_were() -> None:
    network = llama()
    torch.manual_seed(7)
    before, expected = weights(network), torch.randn(3)
    torch.manual_seed(7)
    for fresh in random_initializations(network, 2):
        assert fresh is not network
    assert torch.equal(torch.randn(3), expected)
    assert same(weights(network), before)
    assert network.config._attn_implementation == "sdpa"
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_every_tensor_has_the_dtype_of_the_trained_one(dtype: torch.dtype, tiny_chat: Path) -> None:
    network = AutoModelForCausalLM.from_pretrained(tiny_chat, dtype=dtype)
    for fresh in random_initializations(network, 1):
        ours, theirs = ([*net.named_parameters(), *net.named_buffers()] for net in (fresh, network))
        assert {n: t.dtype for n, t in ours} == {n: t.dtype for n, t in theirs}


def test_tied_weights_are_one_tensor(tiny_chat: Path) -> None:
    network = AutoModelForCausalLM.from_pretrained(tiny_chat)
    for fresh in random_initializations(network, 1):
        assert fresh.get_output_embeddings().weight is fresh.get_input_embeddings().weight
        assert len([*fresh.parameters()]) == len([*network.parameters()])


def test_an_initialization_is_ready_to_be_measured() -> None:
    network = llama(attn_implementation="eager").double()
    for fresh in random_initializations(network, 1):
        assert not fresh.training
        assert fresh.config._attn_implementation == "eager"
        assert not any(weight.requires_grad for weight in fresh.parameters())
        assert depth_growth(fresh, IDS, tangents=2).profile.shape == (2, LAYERS)


def test_only_one_initialization_holds_its_weights() -> None:
    kept: list[Any] = []
    for fresh in random_initializations(llama(), 3):
        assert all(weight.numel() for weight in fresh.parameters())
        assert not any(weight.numel() for one in kept for weight in one.parameters())
        kept.append(fresh)
    assert not any(weight.numel() for one in kept for weight in one.parameters())


def test_training_is_told_from_architecture_on_the_bundled_model(tiny_chat: Path) -> None:
    network = AutoModelForCausalLM.from_pretrained(tiny_chat).eval()
    trained = depth_growth(network, IDS, tangents=4).rates.mean()
    fresh = [
        float(depth_growth(one, IDS, tangents=4).rates.mean())
        for one in random_initializations(network, 3)
    ]
    # Far apart: each of the three differs from the others by much less than from the trained one.
    assert np.ptp(fresh) < 0.2 * abs(trained - np.mean(fresh))


def test_no_initialization_and_scattered_weights_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        next(random_initializations(llama(), 0))
    network = llama()
    network.model.layers[0].to("meta")
    with pytest.raises(DepthError, match="on a single device"):
        next(random_initializations(network, 1))
