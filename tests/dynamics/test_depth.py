"""Depth is held against finite differences through the model's own forward."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from transformers import (
    AttentionInterface,
    AttentionMaskInterface,
    AutoModelForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
)
from transformers.masking_utils import sdpa_mask

from dynamics.networks import IDS, LAYERS, SIZES, TOKENS, WIDTH, gpt2, layers_of, llama
from pytest_promptchaos.dynamics.depth import decoder_depth, depth_growth
from pytest_promptchaos.dynamics.linearize import linearize
from pytest_promptchaos.dynamics.tangent import draw_tangents

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor
    from torch.nn import Module


@pytest.fixture(scope="module", params=["llama", "gpt2", "llama-eager"])
def network(request: pytest.FixtureRequest) -> Any:
    """A tiny random model in float64, one of each kind."""
    if request.param == "gpt2":
        return gpt2().double()
    options = {"attn_implementation": "eager"} if request.param == "llama-eager" else {}
    return llama(**options).double()


def logits_of(network: Any, hidden: Tensor) -> Tensor:
    norm = network.model.norm if hasattr(network, "model") else network.transformer.ln_f
    logits: Tensor = network.lm_head(norm(hidden))
    return logits


def states(network: Any, shift: Tensor | float = 0.0) -> list[Tensor]:
    """What leaves each layer of the model's own forward, its first layer's input shifted."""
    left: list[Tensor] = []

    def enter(_: Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (args[0] + shift, *args[1:])

    def leave(_layer: Module, _args: tuple[Any, ...], output: Any) -> None:
        left.append(output[0] if isinstance(output, tuple) else output)

    layers = layers_of(network)
    hooks = [layers[0].register_forward_pre_hook(enter)]
    hooks += [layer.register_forward_hook(leave) for layer in layers]
    try:
        with torch.no_grad():
            network(IDS)
    finally:
        for hook in hooks:
            hook.remove()
    return left


def in_float32(network: Any) -> bool:
    """Whether parts compute in float32 whatever the dtype, as Llama's norms do."""
    return str(network.config.model_type) == "llama"


def accuracy(network: Any) -> float:
    """How far finite differences and tangents may differ, relative."""
    return 1e-3 if in_float32(network) else 1e-8


def differences(network: Any, tangent: Tensor) -> list[Tensor]:
    """The tangent after each layer by central differences through the model's own forward.

    The amplitude, relative to the state, balances curvature against the rounding within.
    """
    relative = 3e-4 if in_float32(network) else 1e-5
    amplitude = relative * float(decoder_depth(network, IDS).state.norm())
    ahead = states(network, amplitude * tangent)
    behind = states(network, -amplitude * tangent)
    return [(a - b) / (2 * amplitude) for a, b in zip(ahead, behind, strict=True)]


def carried(network: Any, tangent: Tensor) -> list[Tensor]:
    """The tangent after each layer by forward-mode AD through the replayed layers."""
    depth = decoder_depth(network, IDS)
    now, moved, carried = depth.state, tangent.unsqueeze(0), []
    with torch.no_grad():
        for step in depth.steps:
            now, moved = linearize(step, now, moved)
            carried.append(moved[0])
    return carried


# -- the model's own forward --------------------------------------------------------------------


def test_tangents_agree_with_finite_differences_at_every_layer(network: Any) -> None:
    tangent = draw_tangents((1, TOKENS, WIDTH), 1, seed=3)[0]
    pushed, finite = carried(network, tangent), differences(network, tangent)
    for ours, reference in zip(pushed, finite, strict=True):
        assert float((ours - reference).norm() / reference.norm()) < accuracy(network)


def test_growth_agrees_with_finite_differences_at_every_layer(network: Any) -> None:
    growth = depth_growth(network, IDS, tangents=3, seed=3)
    for i in range(3):
        tangent = draw_tangents((1, TOKENS, WIDTH), 1, seed=3 + i)[0]
        norms = [1.0, *(float(moved.norm()) for moved in differences(network, tangent))]
        assert growth.profile[i] == pytest.approx(np.diff(np.log(norms)), abs=accuracy(network))


def test_the_primal_gives_the_logits_of_the_ordinary_forward(network: Any) -> None:
    growth = depth_growth(network, IDS, tangents=2)
    with torch.no_grad():
        ordinary = network(IDS).logits
        ours = logits_of(network, torch.from_numpy(growth.primal))
    assert float((ours - ordinary).abs().max()) < 1e-10
    assert growth.parity < 1e-12


def test_the_steps_are_the_layers_in_order(network: Any) -> None:
    depth = decoder_depth(network, IDS)
    ordinary, now = states(network), depth.state
    names = {module: name for name, module in network.named_modules()}
    assert depth.names == tuple(names[layer] for layer in layers_of(network))
    with torch.no_grad():
        for step, reference in zip(depth.steps, ordinary, strict=True):
            now = step(now)
            assert float((now - reference).norm() / reference.norm()) < 1e-12
    assert torch.equal(depth.final_hidden, ordinary[-1])


def test_the_network_is_left_as_it_was(network: Any) -> None:
    before = network.config._attn_implementation
    depth_growth(network, IDS, tangents=1)
    assert network.config._attn_implementation == before
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in network.modules())


def test_growth_has_one_row_per_tangent_and_one_column_per_layer(network: Any) -> None:
    growth = depth_growth(network, IDS)
    assert growth.profile.shape == (10, LAYERS)
    assert growth.profile.dtype == np.float64
    assert growth.state_norms.shape == (LAYERS + 1,)


def test_three_tangents_are_the_first_three_of_ten(network: Any) -> None:
    ten, three = (depth_growth(network, IDS, tangents=count) for count in (10, 3))
    # Another batch shape may round differently, within float32 where the model computes in it.
    assert three.profile == pytest.approx(ten.profile[:3], abs=1e-6)


# -- positions ----------------------------------------------------------------------------------


def test_a_tangent_at_the_last_position_moves_no_earlier_position(network: Any) -> None:
    tangent = torch.zeros(1, TOKENS, WIDTH, dtype=torch.float64)
    tangent[0, -1] = 1.0
    for moved in carried(network, tangent):
        assert not moved[0, :-1].any()
        assert bool(moved[0, -1].any())


def test_positions_choose_where_the_tangents_start(network: Any) -> None:
    last = np.arange(TOKENS) == TOKENS - 1
    by_word = depth_growth(network, IDS, tangents=2, positions="last")
    by_mask = depth_growth(network, IDS, tangents=2, positions=last)
    everywhere = depth_growth(network, IDS, tangents=2, positions="prompt")
    every_mask = depth_growth(network, IDS, tangents=2, positions=np.ones(TOKENS, dtype=bool))
    assert by_word.profile.tolist() == by_mask.profile.tolist()
    assert everywhere.profile.tolist() == every_mask.profile.tolist()
    assert abs(by_word.profile - everywhere.profile).max() > 1e-3


@pytest.mark.parametrize("positions", ["assistant", np.ones(TOKENS), np.ones(3, dtype=bool)])
def test_positions_that_name_no_tokens_are_refused(network: Any, positions: Any) -> None:
    with pytest.raises(ValueError, match="positions"):
        depth_growth(network, IDS, positions=positions)


# -- modes, dtypes, kernels ---------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["independent", "orthogonal"])
@pytest.mark.parametrize("cadence", [2, 4, 8, None])
def test_growth_does_not_depend_on_the_cadence(network: Any, mode: Any, cadence: int) -> None:
    every = depth_growth(network, IDS, tangents=3, mode=mode, cadence=1)
    some = depth_growth(network, IDS, tangents=3, mode=mode, cadence=cadence)
    # Renewal by norms is exact; Q of a QR is another input, rounded within as the model rounds.
    exact = mode == "independent" or not in_float32(network)
    assert some.profile == pytest.approx(every.profile, abs=1e-9 if exact else 1e-4)


def test_eager_and_math_attention_grow_alike() -> None:
    eager = depth_growth(llama(attn_implementation="eager").double(), IDS, tangents=2)
    fused = depth_growth(llama(attn_implementation="sdpa").double(), IDS, tangents=2)
    # Llama's norms compute in float32 whatever the dtype, so agreement ends there.
    assert eager.profile == pytest.approx(fused.profile, abs=1e-6)
    assert eager.notes == ()
    assert [note for note in fused.notes if "math kernel" in note]


@pytest.mark.parametrize(
    ("dtype", "parity", "error"), [(torch.float32, 1e-5, 1e-4), (torch.bfloat16, 0.05, 0.05)]
)
def test_narrower_dtypes_see_the_same_growth(
    dtype: torch.dtype, parity: float, error: float
) -> None:
    reference = depth_growth(llama().double(), IDS)
    growth = depth_growth(llama().to(dtype), IDS)
    assert growth.profile == pytest.approx(reference.profile, abs=error)
    assert growth.parity < parity


class Fused(torch.autograd.Function):
    """Attention as a fused kernel has it: no forward-mode rule."""

    @staticmethod
    def forward(_: object, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)


def fused_attention(
    _layer: Module, q: Tensor, k: Tensor, v: Tensor, *_args: Any, **_kwargs: Any
) -> tuple[Tensor, None]:
    groups = q.shape[1] // k.shape[1]
    k, v = (heads.repeat_interleave(groups, dim=1) for heads in (k, v))
    return Fused.apply(q, k, v).transpose(1, 2).contiguous(), None  # type: ignore[no-untyped-call]


def test_attention_that_cannot_be_followed_is_switched_and_the_switch_is_noted() -> None:
    AttentionInterface.register("fused", fused_attention)
    AttentionMaskInterface.register("fused", sdpa_mask)
    network = llama(attn_implementation="fused").double()
    growth = depth_growth(network, IDS, tangents=2)
    reference = depth_growth(llama().double(), IDS, tangents=2)
    assert growth.profile == pytest.approx(reference.profile, abs=1e-6)
    assert "attention 'fused' was replayed as 'sdpa'" in growth.notes[0]
    assert network.config._attn_implementation == "fused"


def test_grouped_experts_are_switched_and_the_switch_is_noted() -> None:
    torch.manual_seed(0)
    config = MixtralConfig(
        **SIZES, num_key_value_heads=2, intermediate_size=32, num_local_experts=4
    )
    network = MixtralForCausalLM(config).eval()
    before = network.config._experts_implementation
    growth = depth_growth(network, IDS, tangents=2)
    assert any("experts" in note and "'eager'" in note for note in growth.notes)
    assert network.config._experts_implementation == before
    assert growth.parity < 1e-5


# -- the bundled model --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bundled(tiny_chat: Path) -> Any:
    """The bundled model in float64."""
    return AutoModelForCausalLM.from_pretrained(tiny_chat, dtype=torch.float64).eval()


def test_the_bundled_model_agrees_with_finite_differences(bundled: Any) -> None:
    growth = depth_growth(bundled, IDS, tangents=2)
    width = bundled.config.hidden_size
    for i in range(2):
        tangent = draw_tangents((1, TOKENS, width), 1, seed=i)[0]
        finite = differences(bundled, tangent)
        pushed = carried(bundled, tangent)
        assert float((pushed[-1] - finite[-1]).norm() / finite[-1].norm()) < 1e-3
        norms = [1.0, *(float(moved.norm()) for moved in finite)]
        assert growth.profile[i] == pytest.approx(np.diff(np.log(norms)), abs=1e-3)


def test_the_bundled_models_primal_is_its_ordinary_forward(bundled: Any) -> None:
    growth = depth_growth(bundled, IDS, tangents=2)
    with torch.no_grad():
        ordinary = bundled(IDS).logits
        ours = logits_of(bundled, torch.from_numpy(growth.primal))
    assert float((ours - ordinary).abs().max() / ordinary.abs().max()) < 1e-6
