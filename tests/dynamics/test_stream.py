"""What a layer's parts do and write, on layers made by hand and on those of transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    GraniteConfig,
    GraniteForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    Olmo2Config,
    Olmo2ForCausalLM,
    OPTConfig,
    OPTForCausalLM,
)

from dynamics.layers import (
    adding,
    alone,
    around,
    before,
    behind,
    gained,
    hidden_state,
    made,
    normed,
    parallel,
    scaled,
)
from dynamics.networks import IDS, SIZES, gpt2, llama
from pytest_promptchaos.dynamics.depth import decoder_depth
from pytest_promptchaos.dynamics.parts import names_within, watching
from pytest_promptchaos.dynamics.stream import fitted, stream_of
from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from dynamics.layers import Layer
    from pytest_promptchaos.dynamics.stream import Stream

Told = dict[str, tuple[str, str, float]]


def stream(layer: Layer, state: Tensor | None = None) -> Stream:
    entering = hidden_state() if state is None else state
    return stream_of(layer, layer, entering, width=entering.shape[-1], precision=entering.dtype)


def told(found: Stream) -> Told:
    return {part.name: (part.kind, part.source, part.weight) for part in found.parts}


# -- layers made by hand ------------------------------------------------------------------------


def test_branches_with_norms_in_front_write_once_each() -> None:
    found = stream(made(before))
    assert found.skip == 1.0
    assert told(found) == {
        "first_norm": ("norm", "norm", 0.0),
        "mixer": ("attention", "attention", 1.0),
        "second_norm": ("norm", "norm", 0.0),
        "feed": ("mlp", "mlp", 1.0),
    }


def test_a_norm_behind_a_branch_writes_the_branchs_work() -> None:
    found = stream(made(behind))
    assert found.skip == 1.0
    assert told(found) == {
        "mixer": ("attention", "attention", 0.0),
        "first_norm": ("norm", "attention", 1.0),
        "feed": ("mlp", "mlp", 0.0),
        "second_norm": ("norm", "mlp", 1.0),
    }


def test_behind_a_norm_over_the_whole_sum_nothing_is_left_of_the_skip() -> None:
    found = stream(made(around))
    assert found.skip == 0.0
    assert told(found)["second_norm"] == ("norm", "norm", 1.0)
    assert sum(part.weight for part in found.parts) == 1.0


def test_parallel_branches_are_told_apart_though_one_is_added_into_the_other() -> None:
    found = stream(made(parallel))
    assert found.skip == 1.0
    assert told(found)["mixer"] == ("attention", "attention", 1.0)
    assert told(found)["feed"] == ("mlp", "mlp", 1.0)


def test_scaled_branches_have_their_weights() -> None:
    found = stream(made(scaled))
    assert found.skip == pytest.approx(0.9, abs=1e-6)
    weights = {part.name: part.weight for part in found.parts}
    assert weights["mixer"] == pytest.approx(0.9 * 0.22, abs=1e-6)
    assert weights["feed"] == pytest.approx(0.9 * 0.22, abs=1e-6)


def test_a_gain_per_feature_is_no_weight_and_leaves_a_rest() -> None:
    layer = made(gained)
    found = stream(layer)
    with torch.no_grad(), watching(layer, hidden_state().shape, names_within(layer)) as seen:
        leaving = layer(hidden_state())
    explained = found.skip * hidden_state() + sum(
        part.weight * seen[part.name].leaving for part in found.parts
    )
    assert float((leaving - explained).norm()) > 0.01 * float(leaving.norm())


def test_a_branch_that_adds_the_residual_itself_is_looked_into() -> None:
    found = stream(made(adding))
    assert found.skip == 1.0
    assert {part.name: part.source for part in found.parts if part.weight} == {
        "mixer": "attention",
        "adding.inner": "mlp",
    }


def test_feed_forward_with_a_norm_inside_is_no_norm() -> None:
    assert told(stream(made(normed)))["normed_feed"] == ("mlp", "mlp", 1.0)


def test_a_part_that_is_called_for_nothing_writes_nothing() -> None:
    found = stream(made(alone))
    assert (found.skip, told(found)["mixer"]) == (1.0, ("attention", "attention", 0.0))


def test_dropout_in_evaluation_is_no_part() -> None:
    assert "dropout" not in told(stream(made(before)))


def test_with_few_tokens_a_norm_is_not_taken_for_the_skip() -> None:
    # Of two tokens alike in size a norm's output is very nearly a multiple of its input.
    state = hidden_state()[:, :2]
    found = stream(made(before), state / state.norm(dim=-1, keepdim=True))
    assert (found.skip, told(found)["first_norm"][2]) == (1.0, 0.0)


def test_one_token_is_refused() -> None:
    with pytest.raises(DepthError, match="one token"):
        stream(made(before), hidden_state()[:, :1])


def test_a_weight_of_one_is_exactly_one_in_a_narrow_dtype() -> None:
    layer = made(before).to(torch.bfloat16)
    found = stream(layer, hidden_state().to(torch.bfloat16))
    assert found.skip == 1.0
    assert {part.name for part in found.parts if part.weight == 1.0} == {"mixer", "feed"}


@pytest.mark.parametrize("weights", [(1.0, 1.0, 1.0), (0.5, 0.0, 2.0), (0.0, 0.0, 0.0)])
def test_a_sum_is_taken_apart_into_its_weights(weights: tuple[float, float, float]) -> None:
    rows = [hidden_state(seed) for seed in range(3)]
    total = sum((w * row for w, row in zip(weights, rows, strict=True)), torch.zeros(()))
    fit = fitted(rows[0], total.expand_as(rows[0]), rows[1:])
    assert (fit.skip, *fit.weights) == pytest.approx(weights, abs=1e-9)
    assert fit.explains == (fit.skip != 0)


# -- layers of transformers ---------------------------------------------------------------------


def neox() -> Any:
    return GPTNeoXForCausalLM(GPTNeoXConfig(**SIZES, intermediate_size=64)).eval()


def granite() -> Any:
    sizes = SIZES | {"intermediate_size": 64, "residual_multiplier": 0.22}
    return GraniteForCausalLM(GraniteConfig(**sizes)).eval()


def olmo2() -> Any:
    return Olmo2ForCausalLM(Olmo2Config(**SIZES, intermediate_size=64)).eval()


def opt() -> Any:
    return OPTForCausalLM(OPTConfig(**SIZES, ffn_dim=64, word_embed_proj_dim=32)).eval()


def bloom() -> Any:
    return BloomForCausalLM(BloomConfig(vocab_size=53, hidden_size=32, n_layer=2, n_head=4)).eval()


def mamba() -> Any:
    return MambaForCausalLM(MambaConfig(vocab_size=53, hidden_size=32, num_hidden_layers=2)).eval()


@pytest.mark.parametrize(
    ("make", "written"),
    [
        (llama, {"self_attn": "attention", "mlp": "mlp"}),
        (gpt2, {"attn": "attention", "mlp": "mlp"}),
        (neox, {"attention": "attention", "mlp": "mlp"}),
        (granite, {"self_attn": "attention", "mlp": "mlp"}),
        (olmo2, {"post_attention_layernorm": "attention", "post_feedforward_layernorm": "mlp"}),
        (opt, {"self_attn": "attention", "fc2": "mlp"}),
        (bloom, {"self_attention.dense": "attention", "mlp.dense_4h_to_h": "mlp"}),
        (mamba, {"mixer": "attention"}),
    ],
)
def test_architectures_are_taken_apart_without_being_named(
    make: Callable[[], Any], written: dict[str, str]
) -> None:
    torch.manual_seed(0)
    network = make()
    depth = decoder_depth(network, IDS)
    layer = network.get_submodule(depth.names[1])
    found = stream_of(
        depth.steps[1], layer, depth.reference[0], width=32, precision=depth.precision
    )
    assert {part.name: part.source for part in found.parts if part.weight} == written
    assert found.skip == 1.0
    expected = 0.22 if make is granite else 1.0
    weights = [part.weight for part in found.parts if part.weight]
    assert weights == pytest.approx([expected] * len(weights), abs=1e-6)
