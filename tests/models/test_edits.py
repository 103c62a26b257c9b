"""Weights that are no longer those of their files are noticed, and so is that they are back."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from torch import nn

from pytest_promptchaos.models import pinned
from pytest_promptchaos.models.edits import Untouched, digest_of
from pytest_promptchaos.models.language import LanguageModel
from pytest_promptchaos.models.pins import parse_pin


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))


def test_nothing_happened() -> None:
    layers = network()
    assert Untouched(layers).holds(layers)


def test_a_write_is_noticed_for_good() -> None:
    layers = network()
    before = Untouched(layers)
    with torch.no_grad():
        layers.get_parameter("0.weight").mul_(1.0)
    assert not before.holds(layers)


def test_a_weight_that_stands_for_another_is_noticed_until_the_first_is_back() -> None:
    layers = network()
    before, weight = Untouched(layers), layers.get_parameter("1.weight")
    layers[1].weight = nn.Parameter(weight.detach().clone())
    assert not before.holds(layers)
    layers[1].weight = weight
    assert before.holds(layers)


def test_weights_that_changed_places_or_number_are_noticed() -> None:
    layers = network()
    before = Untouched(layers)
    layers[0].weight, layers[1].weight = layers[1].weight, layers[0].weight
    assert not before.holds(layers)
    layers[0].weight, layers[1].weight = layers[1].weight, layers[0].weight
    layers.append(nn.Linear(2, 2))
    assert not before.holds(layers)


def test_no_weight_is_kept_alive() -> None:
    layers = network()
    before, weight = Untouched(layers), weakref.ref(layers[0].weight)
    del layers
    gc.collect()
    assert weight() is None
    assert not before.holds(network())


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return LanguageModel(parse_pin("bundled:tiny-chat"))


def test_evidence_of_replaced_weights_has_an_address_of_its_own(model: LanguageModel) -> None:
    head = model.network.get_input_embeddings()
    assert model.edits == ""
    weight = head.weight
    head.weight = nn.Parameter(weight.detach() * 2, requires_grad=False)
    twice = model.edits
    head.weight = nn.Parameter(weight.detach() * 3, requires_grad=False)
    assert len({"", twice, model.edits}) == 3
    head.weight = weight
    assert model.edits == ""


def test_weights_that_stay_as_edited_are_hashed_once(
    model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = []

    def counting(network: nn.Module) -> str:
        hashed.append(digest_of(network))
        return hashed[-1]

    monkeypatch.setattr(pinned, "digest_of", counting)
    weight = model.network.get_parameter("model.norm.weight")
    before = weight.detach().clone()
    with torch.no_grad():
        weight.mul_(2.0)
        twice = model.edits, model.edits
        weight.mul_(2.0)
        other = model.edits
        weight.copy_(before)
    assert twice == (hashed[0], hashed[0])
    assert other == hashed[1] != hashed[0]
    assert len(hashed) == 2
