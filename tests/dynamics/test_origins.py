"""Changes of the picture and of the question reach the answer as far as finite ones do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dynamics.networks import IDS
from dynamics.sighted_networks import LAYERS, MAKERS, MODELS, llava, mllama
from pytest_promptchaos.dynamics.depth import depth_growth
from pytest_promptchaos.dynamics.origins import growth_from, reach_of_picture
from pytest_promptchaos.dynamics.passage import first_state, with_first_state
from pytest_promptchaos.dynamics.sighted import sighted
from pytest_promptchaos.dynamics.tangent import draw_tangents
from pytest_promptchaos.dynamics.trajectory import trajectory
from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    import torch

    from dynamics.sighted_networks import Shown

NAMES = sorted(MODELS)


def deaf(shown: Shown) -> Shown:
    """The same model with tokens that do not hear of each other."""
    for name, weight in shown.network.named_parameters():
        if "language_model" in name and "o_proj" in name:
            weight.data.zero_()
    return shown


@pytest.mark.parametrize("name", NAMES)
def test_both_origins_have_finite_growth_and_reach_the_answer(name: str) -> None:
    shown = MODELS[name]()
    for mask in (shown.seen(), ~shown.seen()):
        found = growth_from(shown.network, shown.inputs(), mask, tangents=2)
        assert found.profile.shape == (2, LAYERS)
        assert np.isfinite(found.profile).all()
        assert (found.reach > 0).all()
        assert len(found.names) == LAYERS


def test_the_profile_is_that_of_depth_growth() -> None:
    shown, inputs = MODELS["llava"](), MODELS["llava"]().inputs()
    found = growth_from(shown.network, inputs, shown.seen(), tangents=2)
    with sighted(shown.network, inputs):
        own = depth_growth(shown.network, inputs["input_ids"], tangents=2, positions=shown.seen())
    np.testing.assert_array_equal(found.profile, own.profile)


def test_a_picture_that_is_disconnected_reaches_nothing() -> None:
    shown = deaf(llava())
    image = growth_from(shown.network, shown.inputs(), shown.seen())
    text = growth_from(shown.network, shown.inputs(), ~shown.seen())
    assert not image.reach.any()
    assert (text.reach > 0).all()
    assert not reach_of_picture(shown.network, shown.inputs()).any()


def test_shut_gates_of_cross_attention_let_nothing_through() -> None:
    shown = mllama()
    assert reach_of_picture(shown.network, shown.inputs()).all()
    for name, weight in shown.network.named_parameters():
        if "language_model" in name and "gate" in name and weight.numel() == 1:
            weight.data.zero_()
    assert not reach_of_picture(shown.network, shown.inputs()).any()


def nudged(shown: Shown, inputs: dict[str, Any], projector: str, change: torch.Tensor) -> Any:
    """The answering token's last state when what the projector returns is a little different."""

    def nudge(_: Any, __: Any, output: Any) -> Any:
        state = first_state(output)
        assert state is not None
        return with_first_state(output, state + change.view(state.shape))

    hook = shown.network.get_submodule(projector).register_forward_hook(nudge)
    found = trajectory(shown.network, inputs).states[-1][-1]
    hook.remove()
    return found


@pytest.mark.parametrize("name", NAMES)
def test_the_reach_of_the_picture_is_that_of_a_finite_change(name: str) -> None:
    shown = MAKERS[name]()
    shown.network.double()
    inputs = {k: v.double() if v.is_floating_point() else v for k, v in shown.inputs().items()}
    places = trajectory(shown.network, inputs)
    at = places.parts.index("language") - 1
    features, answer = places.states[at], places.states[-1][-1]
    found = reach_of_picture(shown.network, inputs, tangents=2)
    for seed, ours in enumerate(found):
        # Norms compute in float32 whatever the dtype: a smaller change would drown in rounding.
        change = 3e-3 * draw_tangents(features.shape, 1, seed)[0]
        ahead, behind = (nudged(shown, inputs, places.names[at], s * change) for s in (1, -1))
        moved = np.linalg.norm(ahead - behind) / 6e-3
        expected = moved / np.linalg.norm(answer) * np.linalg.norm(features)
        assert ours == pytest.approx(expected, rel=1e-3)


def test_a_prompt_without_picture_has_no_picture_to_change() -> None:
    with pytest.raises(DepthError, match="give a prompt with a picture"):
        reach_of_picture(MODELS["llava"]().network, {"input_ids": IDS})
