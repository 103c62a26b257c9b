"""What cannot be followed through depth is refused, naming layer and operation."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import torch
from transformers import T5Config, T5ForConditionalGeneration

from dynamics.networks import IDS, VOCABULARY, layers_of, llama
from pytest_promptchaos.dynamics.depth import depth_growth
from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor


@contextmanager
def spoiled(network: Any, layer: int, spoil: Any) -> Iterator[None]:
    """A model with one layer's forward replaced by ``spoil(layer's own output)``."""
    module = layers_of(network)[layer]
    own = module.forward

    def forward(*args: Any, **kwargs: Any) -> Any:
        return spoil(own(*args, **kwargs))

    module.forward = forward
    try:
        yield
    finally:
        module.forward = own


def unfollowable(hidden: Tensor) -> Tensor:
    return torch.from_numpy(hidden.numpy() * 1.0)


def test_a_layer_that_cannot_be_followed_names_layer_and_operation() -> None:
    network = llama().double()
    with (
        spoiled(network, 2, unfollowable),
        pytest.raises(DepthError, match=r"layers\.2: .* cannot follow .*hidden\.numpy\(\)"),
    ):
        depth_growth(network, IDS)


def test_a_layer_that_drops_a_derivative_is_refused() -> None:
    network = llama().double()
    with (
        spoiled(network, 1, lambda hidden: hidden + hidden.mean().item()),
        pytest.raises(DepthError, match=r"model\.layers\.1: its tangent contradicts"),
    ):
        depth_growth(network, IDS)


def test_a_layer_that_remembers_is_refused() -> None:
    network, calls = llama().double(), iter(range(1000))
    with (
        spoiled(network, 3, lambda hidden: hidden * (1 + next(calls))),
        pytest.raises(DepthError, match=r"model\.layers\.3 .*differs"),
    ):
        depth_growth(network, IDS)


def test_a_model_without_a_list_of_layers_is_refused() -> None:
    network = llama(num_hidden_layers=0).double()
    with pytest.raises(DepthError, match="LlamaForCausalLM has no list of layers"):
        depth_growth(network, IDS)


def test_dropout_batches_and_encoders_are_refused() -> None:
    network = llama()
    with pytest.raises(DepthError, match="one prompt"):
        depth_growth(network, IDS.repeat(2, 1))
    with pytest.raises(DepthError, match=r"call \.eval\(\) first"):
        depth_growth(network.train(), IDS)
    encoder = T5ForConditionalGeneration(T5Config(vocab_size=VOCABULARY, d_model=8, num_layers=1))
    with pytest.raises(DepthError, match="encoder-decoder"):
        depth_growth(encoder.eval(), IDS)


def test_kernels_that_cannot_be_taken_out_are_refused() -> None:
    network = llama()
    network._use_kernels = True
    with pytest.raises(DepthError, match=r"use_kernels=True.*load it without"):
        depth_growth(network, IDS)


def test_weights_that_are_not_finite_name_the_layer() -> None:
    network = llama().double()
    with torch.no_grad():
        layers_of(network)[1].mlp.down_proj.weight.fill_(math.nan)  # type: ignore[union-attr,operator]
    with pytest.raises(DepthError, match=r"model\.layers\.1|layer 1"):
        depth_growth(network, IDS)
