"""The states of two phrasings of one image: equal until language, then apart."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from dynamics.networks import IDS, LAYERS, llama
from dynamics.sighted_networks import MODELS, WIDTH
from pytest_promptchaos.dynamics.chain import chain_of, watch
from pytest_promptchaos.dynamics.passage import first_state, projection_of, with_first_state
from pytest_promptchaos.dynamics.sighted import sighted
from pytest_promptchaos.dynamics.trajectory import Trajectory, trajectory
from pytest_promptchaos.errors import DepthError

NAMES = sorted(MODELS)
TOWERS = {
    "llava": ("model.vision_tower.encoder.layers", 5, ["model.multi_modal_projector"]),
    "gemma3": ("model.vision_tower.encoder.layers", 5, ["model.multi_modal_projector"]),
    "qwen2_vl": ("model.visual.blocks", 5, ["model.visual.merger"]),
    "qwen3_vl": (
        "model.visual.blocks",
        5,
        [
            "model.visual.deepstack_merger_list.0",
            "model.visual.deepstack_merger_list.1",
            "model.visual.merger",
        ],
    ),
    "mllama": ("model.vision_model", 6, ["model.multi_modal_projector"]),
    "idefics3": ("model.vision_model.encoder.layers", 5, ["model.connector"]),
}
"""Where the tower's layers are, how many, and what projects."""


def places(found: Trajectory, part: str) -> list[str]:
    return [name for name, own in zip(found.names, found.parts, strict=True) if own == part]


def states(found: Trajectory, part: str) -> list[Any]:
    return [state for state, own in zip(found.states, found.parts, strict=True) if own == part]


@pytest.mark.parametrize("name", NAMES)
def test_tower_projector_and_language_follow_each_other(name: str) -> None:
    shown = MODELS[name]()
    found = trajectory(shown.network, shown.inputs())
    layers, depth, projector = TOWERS[name]
    assert [part for part, _ in groupby(found.parts)] == ["vision tower", "projector", "language"]
    left = [place for place in places(found, "vision tower") if not place.endswith(" (in)")]
    assert len(left) == depth
    assert all(place.startswith(layers) for place in left)
    assert places(found, "projector") == projector
    # Modules of a projector may lie side by side: none is known to lead to the next.
    led = {name for name, step in zip(found.names, found.steps, strict=True) if step}
    assert led.isdisjoint(projector)
    assert led >= set(left)
    assert not any(name.endswith(" (in)") for name in led)
    assert found.notes == ()


@pytest.mark.parametrize("name", NAMES)
def test_language_states_are_the_models_own(name: str) -> None:
    shown, inputs = MODELS[name](), MODELS[name]().inputs()
    with torch.no_grad():
        own = shown.network(**inputs, output_hidden_states=True, use_cache=False).hidden_states
    found = {state.tobytes() for state in states(trajectory(shown.network, inputs), "language")}
    for theirs in own[:-1]:
        assert theirs[0].double().numpy().tobytes() in found


def test_what_is_added_between_two_layers_is_a_place_of_its_own() -> None:
    shown = MODELS["qwen3_vl"]()
    found = trajectory(shown.network, shown.inputs())
    language = places(found, "language")
    assert [name.removeprefix("model.language_model.layers.") for name in language] == [
        *("0 (in)", "0", "1 (in)", "1", "2 (in)", "2")
    ]
    # No layer leads to what enters: three layers, three steps.
    led = [name for name, step in zip(found.names, found.steps, strict=True) if step]
    assert [name for name in led if name in language] == [
        f"model.language_model.layers.{layer}" for layer in range(3)
    ]
    before, after = states(found, "language")[1:3]
    changed = (before != after).any(axis=1)
    assert np.array_equal(changed, shown.seen())


@pytest.mark.parametrize("name", NAMES)
def test_two_phrasings_of_an_image_are_one_until_language(name: str) -> None:
    shown = MODELS[name]()
    one, two = (trajectory(shown.network, shown.inputs(question)) for question in (0, 1))
    assert one.names == two.names
    for part in ("vision tower", "projector"):
        for ours, theirs in zip(states(one, part), states(two, part), strict=True):
            assert np.array_equal(ours, theirs)
    assert not np.array_equal(states(one, "language")[-1][-1], states(two, "language")[-1][-1])


@pytest.mark.parametrize("name", NAMES)
def test_another_image_differs_from_the_tower_on(name: str) -> None:
    shown, inputs = MODELS[name](), MODELS[name]().inputs()
    one = trajectory(shown.network, inputs)
    two = trajectory(shown.network, {**inputs, "pixel_values": -inputs["pixel_values"]})
    for part in ("vision tower", "projector"):
        assert not np.array_equal(states(one, part)[-1], states(two, part)[-1])


def test_in_llava_the_projected_patches_enter_the_language_model() -> None:
    shown = MODELS["llava"]()
    found = trajectory(shown.network, shown.inputs())
    entering = states(found, "language")[0]
    assert np.array_equal(entering[shown.seen()], states(found, "projector")[0])
    assert states(found, "projector")[0].shape == (shown.image_tokens, WIDTH)


def test_a_text_model_has_language_places_alone_and_a_note() -> None:
    found = trajectory(llama(), {"input_ids": IDS})
    assert set(found.parts) == {"language"}
    assert len(found.states) == LAYERS + 1
    assert "no image tower" in found.notes[0]


def test_a_prompt_without_picture_has_language_places_alone_and_a_note() -> None:
    network = MODELS["llava"]().network
    found = trajectory(network, {"input_ids": IDS})
    assert set(found.parts) == {"language"}
    assert "shows no picture" in found.notes[0]


def test_without_picture_there_is_no_projector_to_change() -> None:
    shown, ids = MODELS["llava"](), IDS
    with sighted(shown.network, {"input_ids": ids}):
        first = chain_of(shown.network, watch(shown.network, ids))[0]
        with pytest.raises(DepthError, match="give a prompt with a picture"):
            projection_of(shown.network, ids, first)


@pytest.mark.parametrize("form", [lambda s: s, lambda s: (None, s, 1), lambda s: {"a": s, "b": 2}])
def test_the_first_state_of_any_output_is_found_and_replaced(form: Any) -> None:
    old, new = torch.ones(1, 2), torch.zeros(1, 2)
    found = first_state(form(old))
    assert found is old
    assert first_state(with_first_state(form(old), new)) is new


def test_no_state_is_found_where_none_is() -> None:
    assert first_state(None) is None
    assert first_state((torch.ones(3), torch.ones(2, 2, dtype=torch.long), nn.Identity())) is None
