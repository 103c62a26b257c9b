"""int8 layers: exact products, a row that depends on nothing but itself, and honest refusals."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from transformers import AutoModelForCausalLM

from pytest_promptchaos.errors import PinError
from pytest_promptchaos.models.language import LanguageModel
from pytest_promptchaos.models.pins import parse_pin
from pytest_promptchaos.models.quantization import (
    EXACT,
    INT8,
    Int8Linear,
    quantize,
    to_levels,
    whole_product,
)
from pytest_promptchaos.records import Prompt

if TYPE_CHECKING:
    from pathlib import Path

IDS = torch.randint(3, 1700, (7, 24), generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def plain(tiny_chat: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(tiny_chat).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def rounded(plain: Any) -> Any:
    return quantize(deepcopy(plain))


def random_linear(features: int, channels: int, *, bias: bool = True) -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(features, channels, bias=bias).requires_grad_(False)


def test_a_layer_of_whole_numbers_is_reproduced_exactly() -> None:
    linear = nn.Linear(3, 2, bias=False).requires_grad_(False)
    linear.weight.copy_(torch.tensor([[127.0, -5.0, 0.0], [1.0, 2.0, -127.0]]))
    x = torch.tensor([[127.0, 1.0, -3.0], [0.0, 0.0, 127.0]])
    assert torch.equal(Int8Linear(linear)(x), linear(x))


def test_a_channel_and_a_token_of_zeros_stay_zero() -> None:
    linear = random_linear(8, 4, bias=False)
    linear.weight[2] = 0
    out = Int8Linear(linear)(torch.cat([torch.zeros(1, 8), torch.randn(1, 8)]))
    assert torch.equal(out[0], torch.zeros(4))
    assert out[1, 2] == 0
    assert torch.isfinite(out).all()


@pytest.mark.parametrize("features", [EXACT, EXACT + 1, 3 * EXACT + 7])
def test_the_product_is_exact_at_its_largest(features: int) -> None:
    whole, levels = torch.full((1, features), 127.0), torch.full((2, features), 127)
    product = whole_product(whole, levels.to(torch.int8))
    assert product.tolist() == [[127 * 127 * features] * 2]


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 40), st.integers(1, 2500), st.integers(0, 2**31))
def test_the_product_is_that_of_the_integers(rows: int, features: int, seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    whole = torch.randint(-127, 128, (rows, features), generator=rng)
    levels = torch.randint(-127, 128, (5, features), generator=rng)
    product = whole_product(whole.float(), levels.to(torch.int8))
    assert torch.equal(product.long(), whole @ levels.T)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-(2.0**99), 2.0**99, width=32), min_size=1, max_size=20))
def test_a_level_is_within_half_a_step_of_its_value(values: list[float]) -> None:
    row = torch.tensor([values])
    whole, scale = to_levels(row)
    assert whole.abs().max() <= 127
    assert torch.equal(whole, whole.round())
    gap = (whole.double() * scale.double() - row.double()).abs().max()
    assert gap <= 0.5001 * scale.double()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_a_layer_answers_in_the_dtype_and_shape_it_is_asked_in(dtype: torch.dtype) -> None:
    linear = random_linear(64, 10).to(dtype)
    x = torch.randn(2, 3, 64, generator=torch.Generator().manual_seed(1)).to(dtype)
    out = Int8Linear(linear)(x)
    assert (out.dtype, out.shape) == (dtype, (2, 3, 10))
    assert (out - linear(x)).norm() < 0.02 * linear(x).norm()


def test_a_row_does_not_depend_on_its_company(rounded: Any) -> None:
    with torch.inference_mode():
        together = rounded(input_ids=IDS).logits
        alone = torch.cat([rounded(input_ids=IDS[row : row + 1]).logits for row in range(len(IDS))])
    assert torch.allclose(together, alone, rtol=0, atol=1e-5)
    layer = rounded.model.layers[0].mlp.down_proj
    x = torch.randn(33, layer.in_features, generator=torch.Generator().manual_seed(2))
    x[0] *= 1000
    assert torch.equal(layer(x)[5], layer(x[5:6])[0])


def test_the_rounded_network_is_near_the_plain_one_and_not_it(plain: Any, rounded: Any) -> None:
    with torch.inference_mode():
        exact, near = plain(input_ids=IDS).logits, rounded(input_ids=IDS).logits
    error = (near - exact).norm() / exact.norm()
    assert 0.005 < error < 0.06


def test_every_linear_layer_but_the_head_is_int8(plain: Any, rounded: Any) -> None:
    names = [name for name, layer in plain.named_modules() if type(layer) is nn.Linear]
    kept = [name for name, layer in rounded.named_modules() if type(layer) is nn.Linear]
    assert kept == ["lm_head"]
    assert len(names) == 4 * 7 + 1
    assert rounded.lm_head.weight is rounded.model.embed_tokens.weight
    assert rounded.lm_head.weight.dtype == torch.float32


def test_it_takes_less_memory(plain: Any, rounded: Any) -> None:
    def nbytes(network: Any) -> int:
        return sum(p.numel() * p.element_size() for p in network.parameters())

    assert nbytes(rounded) < 0.5 * nbytes(plain)


def test_rounding_twice_or_a_quantized_checkpoint_is_refused(plain: Any, rounded: Any) -> None:
    again = deepcopy(plain)
    again.config.quantization_config = {"quant_method": "gptq"}
    with pytest.raises(PinError, match="quantized already"):
        quantize(again)


def test_a_network_whose_weights_lie_elsewhere_is_refused(plain: Any) -> None:
    class Fused(nn.Module):
        def __init__(self, like: nn.Linear) -> None:
            super().__init__()
            self.weight = nn.Parameter(like.weight.repeat(4, 1))

    fused = deepcopy(plain)
    for layer in fused.model.layers:
        layer.mlp.down_proj = Fused(layer.mlp.down_proj)
    with pytest.raises(PinError, match=r"reaches only \d+% of the weights of LlamaForCausalLM"):
        quantize(fused)


def test_a_layer_in_two_places_stays_one_layer(plain: Any) -> None:
    tied = deepcopy(plain)
    tied.model.layers[1].mlp = tied.model.layers[0].mlp
    quantize(tied)
    assert tied.model.layers[1].mlp.up_proj is tied.model.layers[0].mlp.up_proj
    assert isinstance(tied.model.layers[1].mlp.up_proj, Int8Linear)


def test_a_pin_may_ask_for_int8_and_the_identity_says_so(tiny_model: LanguageModel) -> None:
    model = LanguageModel(parse_pin("bundled:tiny-chat?quantization=int8"))
    assert model.identity.quantization == INT8
    assert tiny_model.identity.quantization == "none"
    # Nothing that the one answered is ever taken for the other's.
    prompt = Prompt(id="p", text="Why?")
    assert model.key(prompt, (2, 16), 4, 0) != tiny_model.key(prompt, (2, 16), 4, 0)
    assert isinstance(model.network.model.layers[0].mlp.up_proj, Int8Linear)
    assert model.edits == ""
    assert model.nbytes < 0.5 * sum(p.nbytes for p in tiny_model.network.parameters())
