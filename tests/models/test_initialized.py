"""``?initialization=SEED``: the same architecture before any training, which is another model."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import pytest
import torch

from pytest_promptchaos.dynamics.initialization import random_initializations
from pytest_promptchaos.errors import PinError
from pytest_promptchaos.models.initialized import initialized
from pytest_promptchaos.models.language import LanguageModel
from pytest_promptchaos.models.pins import parse_pin
from pytest_promptchaos.records import Prompt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

DUNE = Prompt(id="dune", text="Recommend a book like Dune.")


def model(seed: int, options: str = "") -> LanguageModel:
    return LanguageModel(parse_pin(f"bundled:tiny-chat?initialization={seed}{options}"))


def weights(network: torch.nn.Module) -> Mapping[str, Tensor]:
    return dict(network.named_parameters()) | dict(network.named_buffers())


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    mine, others = weights(one), weights(other)
    assert mine.keys() == others.keys()
    alike = (
        a.dtype == b.dtype and torch.equal(a, b)
        for a, b in ((mine[name], others[name]) for name in mine)
    )
    return all(alike)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_weights_are_those_of_the_null_of_depth_checks(dtype: str) -> None:
    trained = LanguageModel(parse_pin(f"bundled:tiny-chat?dtype={dtype}"))
    drawn = random_initializations(trained.network, 2, seed=3)
    for seed in (3, 4):
        fresh = next(drawn)
        assert same(model(seed, f"&dtype={dtype}").network, fresh)
        assert not same(trained.network, fresh)


def test_it_is_loaded_as_the_trained_one_is(tiny_model: LanguageModel) -> None:
    one, trained = model(0).network, tiny_model.network
    assert not one.training
    assert not any(weight.requires_grad for weight in one.parameters())
    assert one.dtype == trained.dtype
    assert one.config._attn_implementation == trained.config._attn_implementation
    assert one.generation_config.to_diff_dict() == trained.generation_config.to_diff_dict()


def test_its_seed_tells_it_from_all_others(tiny_model: LanguageModel) -> None:
    models = [tiny_model, model(0), model(1)]
    for what in ("name", "pin", "fingerprint"):
        assert len({getattr(one.identity, what) for one in models}) == 3
    assert len({one.key(DUNE, (1, 16), 8, 0) for one in models}) == 3
    assert not same(models[1].network, models[2].network)
    assert models[1].identity.name == "tiny-chat (initialization 0)"
    assert models[1].identity.pin == "bundled:tiny-chat?initialization=0"
    assert models[1].identity.template == tiny_model.identity.template
    assert models[1].render(DUNE) == tiny_model.render(DUNE)


def test_unloaded_weights_come_back_the_same() -> None:
    one = model(5)
    before = deepcopy(one.network)
    one.unload()
    assert same(one.network, before)
    assert one.edits == ""


def test_no_generator_moves_and_no_default_changes() -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    assert same(model(7, "&dtype=bfloat16").network, model(7, "&dtype=bfloat16").network)
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_default_dtype() == torch.float32


def test_it_answers_and_rounds_to_int8_like_any_other() -> None:
    for one in (model(0), model(0, "&quantization=int8")):
        ((run,),) = one.runs([(DUNE, 0)], shape=(1, 16), horizon=4)
        assert len(run.output_ids) > 0
    assert one.identity.quantization.startswith("int8")


def test_a_quantized_checkpoint_has_no_random_weights(tiny_model: LanguageModel) -> None:
    config = deepcopy(tiny_model.config)
    config.quantization_config = {"quant_method": "gptq"}
    with pytest.raises(PinError, match="the checkpoint is quantized"):
        initialized(config, dtype=torch.float32, attention="sdpa", seed=0, pin="dir:x")
