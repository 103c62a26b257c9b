"""Growth into logit space, against finite differences of the model's own logits and by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, Gemma2Config, Gemma2ForCausalLM

from dynamics.networks import IDS, SIZES, TOKENS, VOCABULARY, gpt2, layers_of, llama
from pytest_promptchaos.dynamics.depth import decoder_depth, depth_growth
from pytest_promptchaos.dynamics.linearize import linearize
from pytest_promptchaos.dynamics.readout import head, readout
from pytest_promptchaos.dynamics.tangent import draw_tangents
from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor
    from torch.nn import Module

    from pytest_promptchaos.dynamics.depth import Depth

LAST = (torch.arange(TOKENS) == TOKENS - 1).unsqueeze(-1)


def gemma2() -> Any:
    """A model whose logits are capped after the head."""
    torch.manual_seed(0)
    sizes = SIZES | {"intermediate_size": 64, "num_key_value_heads": 2, "head_dim": 8}
    return Gemma2ForCausalLM(Gemma2Config(**sizes, final_logit_softcapping=0.5)).eval()


@pytest.fixture(scope="module", params=[llama, gpt2, gemma2])
def network(request: pytest.FixtureRequest) -> Any:
    """A tiny random model in float64, one of each kind."""
    return request.param().double()


@pytest.fixture(scope="module")
def depth(network: Any) -> Depth:
    return decoder_depth(network, IDS)


def logits_after(network: Any, shift: Tensor, layer: int) -> Tensor:
    """The model's own logits with the state entering a layer shifted; -1: leaving the last."""

    def enter(_: Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (args[0] + shift, *args[1:])

    def leave(_: Module, __: tuple[Any, ...], output: Any) -> Any:
        return (output[0] + shift, *output[1:]) if isinstance(output, tuple) else output + shift

    part = layers_of(network)[layer]
    hook = part.register_forward_hook(leave) if layer else part.register_forward_pre_hook(enter)
    with torch.no_grad(), hook:
        logits: Tensor = network(IDS).logits
    return logits


def shifted_state(network: Any, layer: int) -> Tensor:
    """The state entering the first layer, or for -1 the one leaving the last."""
    depth = decoder_depth(network, IDS)
    return depth.final_hidden if layer else depth.state


def differences(network: Any, tangent: Tensor, layer: int) -> Tensor:
    """The tangent of the logits by central differences, centered over the vocabulary."""
    # A share of the state that balances curvature against the float32 within Llama's norms.
    size = 3e-4 * float(shifted_state(network, layer).norm())
    ahead, behind = (logits_after(network, sign * size * tangent, layer) for sign in (1, -1))
    moved = (ahead - behind) / (2 * size)
    return moved - moved.mean(dim=-1, keepdim=True)


# -- known answers ------------------------------------------------------------------------------


def test_the_total_is_that_of_finite_differences_from_the_embeddings(
    network: Any, depth: Depth
) -> None:
    measured = readout(network, IDS, depth, tangents=2, seed=4)
    for i in range(2):
        tangent = draw_tangents(depth.state.shape, 1, seed=4 + i)[0]
        moved = differences(network, tangent, 0)[:, -1]
        assert measured.total[i] == pytest.approx(float(moved.norm().log()), abs=2e-3)


def test_the_last_part_is_that_of_finite_differences_after_the_last_layer(
    network: Any, depth: Depth
) -> None:
    tangent = draw_tangents(depth.state.shape, 1, seed=1)
    step = head(network, IDS, depth, LAST)
    logits, moved = linearize(step, depth.final_hidden, tangent)
    finite = differences(network, tangent[0], -1)[:, -1]
    centered = moved[0] - moved[0].mean(dim=-1, keepdim=True)
    assert logits.shape == (1, 1, VOCABULARY)
    assert float((centered[:, 0] - finite).norm() / finite.norm()) < 1e-3


def test_the_parts_add_up_over_all_tokens(network: Any, depth: Depth) -> None:
    measured = readout(network, IDS, depth, tangents=3, at="prompt")
    depths = depth_growth(network, IDS, tangents=3).profile.sum(axis=1)
    assert measured.total == pytest.approx(depths + measured.growth, abs=1e-6)


def test_relative_growth_is_that_of_relative_sizes(network: Any, depth: Depth) -> None:
    measured = readout(network, IDS, depth, tangents=2)
    with torch.no_grad():
        logits = network(IDS).logits[0, -1]
    spread = float((logits - logits.mean()).norm())
    hidden = float(depth.final_hidden[0, -1].norm())
    shift = np.log(spread / hidden)
    assert measured.growth - measured.relative_growth == pytest.approx([shift] * 2, abs=1e-6)
    start = float(depth.state.norm())
    expected = np.log(spread / start)
    assert measured.total - measured.relative_total == pytest.approx([expected] * 2, abs=1e-6)


def test_a_linear_head_on_a_known_direction_grows_by_its_own_gain(depth: Depth) -> None:
    network = llama().double()
    # Without its norm the way out is the head alone, and its gain is that of the centered head.
    network.model.norm = torch.nn.Identity()
    weight = network.lm_head.weight.detach()
    direction = torch.zeros(1, *depth.state.shape, dtype=torch.float64)
    direction[..., -1, 3] = 1.0
    own = decoder_depth(network, IDS)
    _, moved = linearize(head(network, IDS, own, LAST), own.final_hidden, direction)
    assert moved.flatten().tolist() == pytest.approx(weight[:, 3].tolist(), abs=1e-12)


def test_doubling_the_head_adds_ln_2_and_nothing_relative() -> None:
    network = llama().double()
    once = readout(network, IDS, decoder_depth(network, IDS), tangents=2)
    with torch.no_grad():
        network.lm_head.weight.mul_(2)
    twice = readout(network, IDS, decoder_depth(network, IDS), tangents=2)
    assert twice.growth - once.growth == pytest.approx([np.log(2)] * 2, abs=1e-9)
    assert twice.relative_growth == pytest.approx(once.relative_growth, abs=1e-9)


def test_a_shift_of_all_logits_alike_is_no_growth() -> None:
    network = llama().double()
    before = readout(network, IDS, decoder_depth(network, IDS), tangents=2)
    with torch.no_grad():
        network.lm_head.weight.add_(5.0)
    after = readout(network, IDS, decoder_depth(network, IDS), tangents=2)
    assert after.growth == pytest.approx(before.growth, abs=1e-8)


# -- tokens, and what is refused ----------------------------------------------------------------


def test_the_last_token_by_word_and_by_mask_are_one(network: Any, depth: Depth) -> None:
    by_word = readout(network, IDS, depth, tangents=2)
    by_mask = readout(network, IDS, depth, tangents=2, at=LAST.flatten().numpy())
    assert by_word.total.tolist() == by_mask.total.tolist()
    assert (
        abs(by_word.total - readout(network, IDS, depth, tangents=2, at="prompt").total).min() > 0
    )


def test_tokens_before_the_perturbation_cannot_be_read(network: Any, depth: Depth) -> None:
    first = np.arange(TOKENS) == 0
    with pytest.raises(DepthError, match="no perturbation reaches"):
        readout(network, IDS, depth, tangents=1, positions="last", at=first)


def test_logits_that_take_another_way_are_refused(network: Any, depth: Depth) -> None:
    other = replace(depth, reference=(*depth.reference[:-1], depth.state))
    with pytest.raises(DepthError, match="another way"):
        readout(network, IDS, other, tangents=1)


def test_the_model_is_left_as_it_was(network: Any, depth: Depth) -> None:
    readout(network, IDS, depth, tangents=1)
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in network.modules())


def test_the_bundled_model_with_tied_weights_is_read_out(tiny_chat: Path) -> None:
    network = AutoModelForCausalLM.from_pretrained(tiny_chat).eval()
    depth = decoder_depth(network, IDS)
    measured = readout(network, IDS, depth, tangents=3, chunk=2)
    assert measured.total == pytest.approx(readout(network, IDS, depth, tangents=3).total, abs=1e-4)
    assert np.isfinite(measured.relative_total).all()
