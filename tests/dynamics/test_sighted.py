"""A network shown a picture sees it in every forward within, and is as it was behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from dynamics.networks import IDS, llama
from dynamics.sighted_networks import LAYERS, MODELS
from pytest_promptchaos.dynamics.chain import members
from pytest_promptchaos.dynamics.depth import decoder_depth, depth_growth
from pytest_promptchaos.dynamics.forward import code_of
from pytest_promptchaos.dynamics.sighted import image_tower, language_lists, shown_to, sighted
from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    from dynamics.sighted_networks import Shown

NAMES = sorted(MODELS)


@pytest.fixture(scope="module")
def shown() -> Shown:
    return MODELS["llava"]()


def asked(network: Any, ids: torch.Tensor) -> torch.Tensor:
    """What everything that follows depth calls."""
    with torch.no_grad():
        logits: torch.Tensor = network(
            input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False
        ).logits
    return logits


@pytest.mark.parametrize("name", NAMES)
def test_a_call_with_token_ids_alone_sees_the_picture(name: str) -> None:
    shown, inputs = MODELS[name](), MODELS[name]().inputs()
    with torch.no_grad():
        whole = shown.network(**inputs, use_cache=False).logits
    with sighted(shown.network, inputs):
        assert torch.equal(asked(shown.network, inputs["input_ids"]), whole)


def test_another_picture_gives_another_answer(shown: Shown) -> None:
    inputs = shown.inputs()
    other = {**inputs, "pixel_values": -inputs["pixel_values"]}
    with sighted(shown.network, inputs):
        one = asked(shown.network, inputs["input_ids"])
    with sighted(shown.network, other):
        assert not torch.equal(asked(shown.network, inputs["input_ids"]), one)


def test_the_inner_picture_counts_and_the_outer_comes_back(shown: Shown) -> None:
    inputs = shown.inputs()
    other = {**inputs, "pixel_values": -inputs["pixel_values"]}
    with sighted(shown.network, inputs):
        one = asked(shown.network, inputs["input_ids"])
        with sighted(shown.network, other):
            assert not torch.equal(asked(shown.network, inputs["input_ids"]), one)
        assert torch.equal(asked(shown.network, inputs["input_ids"]), one)


def test_nothing_is_left_behind_also_after_an_error(shown: Shown) -> None:
    before = code_of(shown.network)
    with pytest.raises(ZeroDivisionError), sighted(shown.network, shown.inputs()):
        raise ZeroDivisionError
    assert code_of(shown.network) == before
    assert not shown.network._forward_pre_hooks
    assert shown_to(shown.network) == ()


def test_the_code_is_the_same_for_every_picture_and_another_without(shown: Shown) -> None:
    blind = code_of(shown.network)
    codes = []
    for question in (0, 1):
        with sighted(shown.network, shown.inputs(question)):
            codes.append(code_of(shown.network))
    assert codes[0] == codes[1] != blind


def test_the_picture_of_another_prompt_is_refused(shown: Shown) -> None:
    with (
        sighted(shown.network, shown.inputs(0)),
        pytest.raises(DepthError, match="belongs to one prompt"),
    ):
        asked(shown.network, shown.inputs(1)["input_ids"])


@pytest.mark.parametrize("name", NAMES)
def test_language_layers_are_those_of_the_language_model(name: str) -> None:
    """The towers here have more layers than the language models."""
    network = MODELS[name]().network
    tower = image_tower(network)
    assert tower is not None
    assert not set(members(network)) & set(tower.modules())
    assert max(map(len, language_lists(network))) == LAYERS


def test_a_text_model_has_no_tower_and_all_its_lists() -> None:
    network = llama()
    assert image_tower(network) is None
    assert members(network) == list(network.model.layers)


# -- depth of a prompt with a picture ------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_depth_starts_from_the_states_of_the_picture(name: str) -> None:
    shown, inputs = MODELS[name](), MODELS[name]().inputs()
    with torch.no_grad():
        own = shown.network(**inputs, output_hidden_states=True, use_cache=False).hidden_states
    with sighted(shown.network, inputs):
        depth = decoder_depth(shown.network, inputs["input_ids"])
    assert len(depth.steps) == LAYERS
    assert torch.equal(depth.state, own[0])
    text = torch.from_numpy(~shown.seen())  # a model may add to image tokens between two layers
    assert torch.equal(depth.reference[0][:, text], own[1][:, text])


@pytest.mark.parametrize("name", NAMES)
def test_growth_from_image_tokens_and_from_text_tokens_are_told_apart(name: str) -> None:
    shown, inputs = MODELS[name](), MODELS[name]().inputs()
    with sighted(shown.network, inputs):
        image, text = (
            depth_growth(shown.network, inputs["input_ids"], tangents=2, positions=mask)
            for mask in (shown.seen(), ~shown.seen())
        )
    assert np.isfinite([image.profile, text.profile]).all()
    assert not np.allclose(image.profile, text.profile)


def test_a_text_model_under_no_picture_is_as_ever() -> None:
    network = llama()
    alone = depth_growth(network, IDS, tangents=2).profile
    with sighted(network, {"input_ids": IDS, "attention_mask": torch.ones_like(IDS)}):
        assert np.array_equal(depth_growth(network, IDS, tangents=2).profile, alone)
