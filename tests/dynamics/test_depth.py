"""Depth is held against finite differences through the model's own forward."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch.func import jvp
from transformers import (
    AttentionInterface,
    AttentionMaskInterface,
    AutoModelForCausalLM,
    BloomConfig,
    BloomForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)
from transformers.masking_utils import sdpa_mask

from pytest_promptchaos.dynamics.depth import decoder_depth, depth_growth
from pytest_promptchaos.dynamics.tangent import draw_tangents
from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import Tensor
    from torch.nn import Module

VOCABULARY, LAYERS, TOKENS, WIDTH = 53, 6, 11, 32
IDS = torch.arange(TOKENS).unsqueeze(0) * 3 + 5
SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": WIDTH,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
}


def llama(**options: Any) -> Any:
    torch.manual_seed(0)
    sizes = SIZES | {"intermediate_size": 64, "num_key_value_heads": 2, "initializer_range": 0.1}
    return LlamaForCausalLM(LlamaConfig(**(sizes | options))).eval()


def gpt2() -> Any:
    torch.manual_seed(0)
    sizes = {"n_embd": WIDTH, "n_layer": LAYERS, "n_head": 4, "n_positions": 16}
    ends = {"bos_token_id": 0, "eos_token_id": 1, "initializer_range": 0.1}
    return GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, **sizes, **ends)).eval()


@pytest.fixture(scope="module", params=["llama", "gpt2", "llama-eager"])
def network(request: pytest.FixtureRequest) -> Any:
    """A tiny random model in float64, one of each kind."""
    if request.param == "gpt2":
        return gpt2().double()
    options = {"attn_implementation": "eager"} if request.param == "llama-eager" else {}
    return llama(**options).double()


def layers_of(network: Any) -> list[Module]:
    return list(network.model.layers if hasattr(network, "model") else network.transformer.h)


def logits_of(network: Any, hidden: Tensor) -> Tensor:
    norm = network.model.norm if hasattr(network, "model") else network.transformer.ln_f
    logits: Tensor = network.lm_head(norm(hidden))
    return logits


def states(network: Any, shift: Tensor | float = 0.0) -> list[Tensor]:
    """What leaves each layer of the model's own forward, its first layer's input shifted."""
    left: list[Tensor] = []

    def enter(_: Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (args[0] + shift, *args[1:])

    def leave(_: Module, __: tuple[Any, ...], output: Any) -> None:
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


def differences(network: Any, tangent: Tensor, amplitude: float = 1e-4) -> list[Tensor]:
    """The tangent after each layer by central differences through the model's own forward."""
    ahead = states(network, amplitude * tangent)
    behind = states(network, -amplitude * tangent)
    return [(a - b) / (2 * amplitude) for a, b in zip(ahead, behind, strict=True)]


def carried(network: Any, tangent: Tensor) -> list[Tensor]:
    """The tangent after each layer by forward-mode AD through the replayed layers."""
    depth = decoder_depth(network, IDS)
    now, moved, carried = depth.state, tangent, []
    with torch.no_grad():
        for step in depth.steps:
            now, moved = jvp(step, (now,), (moved,))
            carried.append(moved)
    return carried


# -- the model's own forward --------------------------------------------------------------------


def test_tangents_agree_with_finite_differences_at_every_layer(network: Any) -> None:
    tangent = draw_tangents((1, TOKENS, WIDTH), 1, seed=3)[0]
    pushed, finite = carried(network, tangent), differences(network, tangent)
    for ours, reference in zip(pushed, finite, strict=True):
        assert float((ours - reference).norm() / reference.norm()) < 1e-3


def test_growth_agrees_with_finite_differences_at_every_layer(network: Any) -> None:
    growth = depth_growth(network, IDS, tangents=3, seed=3)
    for i in range(3):
        tangent = draw_tangents((1, TOKENS, WIDTH), 1, seed=3 + i)[0]
        norms = [1.0, *(float(moved.norm()) for moved in differences(network, tangent))]
        assert growth.profile[i] == pytest.approx(np.diff(np.log(norms)), abs=1e-3)


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
    assert (depth_growth(network, IDS, tangents=3).profile == growth.profile[:3]).all() or (
        depth_growth(network, IDS, tangents=3).profile
        == pytest.approx(growth.profile[:3], abs=1e-12)
    )


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
    assert some.profile == pytest.approx(every.profile, abs=1e-9)


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


def fused_attention(_: Module, q: Tensor, k: Tensor, v: Tensor, *__: Any, **___: Any) -> Any:
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
    config = MixtralConfig(**SIZES, intermediate_size=32, num_local_experts=4)
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


# -- what is refused ----------------------------------------------------------------------------


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
        pytest.raises(DepthError, match=r"layer 2 of 6: .* cannot follow .*hidden\.numpy\(\)"),
    ):
        depth_growth(network, IDS)


def test_a_model_with_a_hand_written_activation_names_it() -> None:
    torch.manual_seed(0)
    network = BloomForCausalLM(BloomConfig(vocab_size=VOCABULARY, hidden_size=WIDTH, n_head=4))
    with pytest.raises(DepthError, match="GeLUFunction"):
        depth_growth(network.eval(), IDS)


def test_a_layer_that_drops_a_derivative_is_refused() -> None:
    network = llama().double()
    with (
        spoiled(network, 1, lambda hidden: hidden + torch.sin(20 * hidden.detach())),
        pytest.raises(DepthError, match="layer 1 of 6: its tangent contradicts"),
    ):
        depth_growth(network, IDS)


def test_a_layer_that_remembers_is_refused() -> None:
    network, calls = llama().double(), iter(range(1000))
    with (
        spoiled(network, 3, lambda hidden: hidden * (1 + next(calls))),
        pytest.raises(DepthError, match=r"model\.layers\.3 .*differs"),
    ):
        depth_growth(network, IDS)


def test_work_between_the_layers_is_refused() -> None:
    network = llama().double()
    hook = layers_of(network)[4].register_forward_pre_hook(lambda _, args: (args[0] * 2, *args[1:]))
    with hook, pytest.raises(DepthError, match=r"between model\.layers\.3 and model\.layers\.4"):
        depth_growth(network, IDS)


def test_an_argument_that_carries_the_hidden_state_around_the_layers_is_refused() -> None:
    network, first = llama().double(), layers_of(llama())[0]
    first = layers_of(network)[0]
    seen: list[Tensor] = []

    def remember(_: Module, args: tuple[Any, ...]) -> None:
        seen[:] = [args[0].mean()]

    def pass_on(_: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return args, kwargs | {"first_value": seen[0]}

    with (
        first.register_forward_pre_hook(remember),
        layers_of(network)[5].register_forward_pre_hook(pass_on, with_kwargs=True),
        pytest.raises(DepthError, match=r"'first_value' of model\.layers\.5 depends on"),
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


def test_weights_that_are_not_finite_name_the_layer() -> None:
    network = llama().double()
    with torch.no_grad():
        layers_of(network)[1].mlp.down_proj.weight.fill_(math.nan)  # type: ignore[union-attr,operator]
    with pytest.raises(DepthError, match=r"model\.layers\.1|layer 1"):
        depth_growth(network, IDS)
