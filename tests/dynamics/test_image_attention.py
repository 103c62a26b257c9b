"""Attention to a picture is what the model computes, read where it is and switched back after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
import transformers

from dynamics.networks import IDS, SIZES, llama
from dynamics.sighted_networks import LAYERS, MODELS, llava
from pytest_promptchaos.dynamics.image_attention import image_attention
from pytest_promptchaos.errors import FocusError

if TYPE_CHECKING:
    from dynamics.sighted_networks import Shown

NAMES = sorted(MODELS)
IN_THE_PROMPT = sorted(set(MODELS) - {"mllama"})
HEADS = 4


def implementations(network: Any) -> list[str]:
    parts = [part for part in network.modules() if hasattr(part, "config")]
    return [part.config._attn_implementation for part in parts]


def answering(shown: Shown) -> list[int]:
    return [shown.inputs()["input_ids"].shape[1] - 1]


@pytest.mark.parametrize("name", IN_THE_PROMPT)
def test_weights_are_those_that_the_model_gives_out_itself(name: str) -> None:
    shown, inputs = MODELS[name](), MODELS[name]().inputs()
    found = image_attention(shown.network, inputs, answering(shown), shown.seen())
    shown.network.set_attn_implementation("eager")
    with torch.no_grad():
        own = shown.network(**inputs, output_attentions=True).attentions
    shown.network.set_attn_implementation("sdpa")
    expected = torch.stack(own)[:, 0, :, -1:].numpy()[..., shown.seen()]
    assert found.kind == "self"
    assert found.weights.shape == (LAYERS, HEADS, 1, shown.image_tokens)
    np.testing.assert_array_equal(found.weights, expected)


@pytest.mark.parametrize("name", NAMES)
def test_mass_is_a_share_and_the_sum_of_the_weights(name: str) -> None:
    shown = MODELS[name]()
    tokens = shown.inputs()["input_ids"].shape[1]
    found = image_attention(shown.network, shown.inputs(), np.arange(tokens), shown.seen())
    assert found.mass.dtype == found.weights.dtype == np.float32
    assert ((found.mass >= 0) & (found.mass <= 1)).all()
    np.testing.assert_allclose(found.mass, found.weights.sum(axis=-1), atol=1e-6)


def test_a_token_before_the_picture_sees_nothing_of_it() -> None:
    shown = MODELS["llava"]()
    found = image_attention(shown.network, shown.inputs(), [0], shown.seen())
    assert not found.weights.any()


def test_all_of_the_prompt_together_has_all_of_the_attention() -> None:
    shown = MODELS["llava"]()
    whole = np.ones(shown.inputs()["input_ids"].shape[1], dtype=bool)
    found = image_attention(shown.network, shown.inputs(), answering(shown), whole)
    np.testing.assert_allclose(found.mass, 1, atol=1e-6)


def test_constant_keys_are_looked_at_evenly() -> None:
    shown = llava()
    for layer in shown.network.model.language_model.layers:
        layer.self_attn.k_proj.weight.data.zero_()
    tokens = shown.inputs()["input_ids"].shape[1]
    found = image_attention(shown.network, shown.inputs(), answering(shown), shown.seen())
    np.testing.assert_allclose(found.weights, 1 / tokens, rtol=1e-6)


def test_cross_attention_is_read_from_the_layers_that_look_at_image_states() -> None:
    shown = MODELS["mllama"]()
    found = image_attention(shown.network, shown.inputs(), answering(shown))
    assert found.kind == "cross"
    assert found.layers == ("model.language_model.layers.1",)
    assert found.weights.shape == (1, HEADS, 1, 17)  # a class token and 4 x 4 patches


@pytest.mark.parametrize("name", NAMES)
def test_the_attention_implementation_is_as_before(name: str) -> None:
    shown = MODELS[name]()
    before = implementations(shown.network)
    found = image_attention(shown.network, shown.inputs(), answering(shown), shown.seen())
    assert implementations(shown.network) == before
    assert "eager" not in before
    assert found.notes == (
        "attention 'sdpa' was computed as 'eager': no other returns its weights",
    )


def test_it_is_as_before_after_a_refusal_too() -> None:
    shown = MODELS["llava"]()
    before = implementations(shown.network)
    with pytest.raises(FocusError, match="columns"):
        image_attention(shown.network, shown.inputs(), answering(shown))
    assert implementations(shown.network) == before


def test_rows_and_columns_are_taken_as_masks_or_places() -> None:
    shown, inputs = MODELS["llava"](), MODELS["llava"]().inputs()
    mask = np.zeros(inputs["input_ids"].shape[1], dtype=bool)
    mask[-2:] = True
    one = image_attention(shown.network, inputs, mask, shown.seen())
    two = image_attention(shown.network, inputs, mask.nonzero()[0], shown.seen().nonzero()[0])
    np.testing.assert_array_equal(one.weights, two.weights)


@pytest.mark.parametrize("rows", [[], [400], np.zeros(22, dtype=bool), np.ones(3, dtype=bool)])
def test_rows_that_are_none_are_refused(rows: Any) -> None:
    shown = MODELS["llava"]()
    with pytest.raises(FocusError, match="rows of dtype"):
        image_attention(shown.network, shown.inputs(), rows, shown.seen())


def test_a_model_without_attention_is_refused_with_the_reason() -> None:
    sizes = {key: value for key, value in SIZES.items() if key != "num_attention_heads"}
    config = transformers.MambaConfig(**sizes, state_size=4, initializer_range=0.1)
    network = transformers.MambaForCausalLM(config).eval()
    with pytest.raises(FocusError, match="state-space layers have none"):
        image_attention(network, {"input_ids": IDS}, [3], [0, 1])


def test_layers_without_attention_are_left_out_and_said() -> None:
    torch.manual_seed(0)
    kinds = ["conv", "full_attention", "conv"]
    sizes = SIZES | {"num_hidden_layers": 3, "num_key_value_heads": 2, "intermediate_size": 64}
    config = transformers.Lfm2Config(**sizes, layer_types=kinds)
    found = image_attention(
        transformers.Lfm2ForCausalLM(config).eval(), {"input_ids": IDS}, [10], [1, 2]
    )
    assert found.layers == ("model.layers.1",)
    assert "2 of 3 layers have no attention weights" in found.notes[-1]


def test_eager_attention_that_computes_something_else_is_refused() -> None:
    """Without its mask, sdpa's cross-attention is causal and eager's is not."""
    shown = MODELS["mllama"]()
    inputs = {k: v for k, v in shown.inputs().items() if k != "cross_attention_mask"}
    with pytest.raises(FocusError, match="differ from its own by"):
        image_attention(shown.network, inputs, answering(shown))


def test_a_passage_instead_of_a_picture_is_read_in_the_same_way() -> None:
    found = image_attention(llama(), {"input_ids": IDS}, [10], [1, 2, 3])
    assert found.weights.shape == (6, HEADS, 1, 3)
