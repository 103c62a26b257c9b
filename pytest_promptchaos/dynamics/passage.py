"""The way of the picture, from the tower's first layer to the first language layer."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pytest_promptchaos.dynamics.forward import Arguments, Place, forward, hidden_of
from pytest_promptchaos.dynamics.sighted import image_tower
from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch.nn import Module
    from transformers import PreTrainedModel

    from pytest_promptchaos.dynamics.chain import Seen


@dataclass(frozen=True, eq=False)
class Passed:
    """One call on the way of the picture that lies in no other.

    ``entering`` is its hidden state, ``same_shape`` what left in that one's shape, ``leaving`` the
    first state that left in any shape; copies, because a layer may add to its input in place.
    """

    module: Module
    entering: Tensor | None
    same_shape: Tensor | None
    leaving: Tensor | None

    @property
    def is_step(self) -> bool:
        """Whether a state of the same shape left."""
        return self.same_shape is not None

    @property
    def width(self) -> int | None:
        """The features of the first state that left."""
        return None if self.leaving is None else self.leaving.shape[-1]


@dataclass(frozen=True, eq=False)
class Passage:
    """The calls of the tower's layers, and what the modules of the projector return."""

    tower: tuple[Passed, ...]
    projected: tuple[tuple[Module, Tensor], ...]


class _Arrived(Exception):  # noqa: N818  # no error: it ends a forward that has come far enough
    """The first language layer is called."""


def projection_of(network: PreTrainedModel, ids: Tensor, first: Seen) -> tuple[Module, Tensor]:
    """Return the module that projects the picture, and the states that it returns.

    ``first`` is the call of the first language layer. Raises ``DepthError`` where there is none,
    or the last of them is called more than once.
    """
    tower = image_tower(network)
    projected = () if tower is None else passage_of(network, tower, ids, first).projected
    if not projected:
        raise DepthError(
            f"no module of {type(network).__name__} was found that projects the prompt's picture: "
            "give a prompt with a picture, and a model with an image tower"
        )
    module, state = projected[-1]
    if sum(other is module for other, _ in projected) > 1:
        raise DepthError(
            "the projector is called more than once in one forward: changes of the picture are "
            "followed for one image without crops"
        )
    return module, state


def passage_of(network: PreTrainedModel, tower: Module, ids: Tensor, first: Seen) -> Passage:
    """Return the way of the picture that a prompt shows, up to the first language layer's call.

    In the tower it is the members of module lists, behind it whatever is called with weights of
    its own. Where nothing is called between tower and language, the projector is the tower's own
    last module that returns states of the language model's width, with members of its lists that
    return them from half way up.
    """
    layers = {
        member: None
        for part in tower.modules()
        if isinstance(part, torch.nn.ModuleList)
        for member in part
    }
    between, behind = _candidates(network, tower, tuple(layers), first.place.layer)
    passed = _pass(network, ids, [*layers, *between, *behind], first.place.layer)
    steps = [n for n, call in enumerate(passed) if call.module in layers and call.is_step]
    later = passed[min(steps, default=0) :]
    outside = [call for call in later if call.module in set(between)]
    width = first.entering.shape[-1]
    fitting = [call for call in later if not call.is_step and call.width == width]
    sideways = [call for call in fitting if call.module in layers]
    last = [call for call in passed[max(steps, default=0) + 1 :] if call in fitting][-1:]
    found = outside or [*(call for call in sideways if call not in last), *last]
    return Passage(
        tuple(passed[step] for step in steps),
        tuple((call.module, call.leaving) for call in found if call.leaving is not None),
    )


def _candidates(
    network: PreTrainedModel, tower: Module, layers: Sequence[Module], first: Module
) -> tuple[list[Module], list[Module]]:
    """Return the modules with weights that may project: those outside the tower, and inside it.

    Neither holds what is on the way itself (the tower, its layers, the language layers), nor the
    embeddings, nor any part of a language model that the tower is no part of.
    """
    decoder = network.get_decoder()
    language = set(decoder.modules()) if tower not in set(decoder.modules()) else set()
    own = set(tower.modules())
    aside = {inner for layer in layers for inner in layer.modules()}
    aside |= language | set(network.get_input_embeddings().modules())
    way = {tower, first, *layers}
    holders = {part for part in network.modules() if any(inner in way for inner in part.modules())}
    free = [
        part
        for part in network.modules()
        if part not in aside and part not in holders and any(True for _ in part.parameters())
    ]
    return [part for part in free if part not in own], [part for part in free if part in own]


def _pass(
    network: PreTrainedModel, ids: Tensor, modules: Sequence[Module], first: Module
) -> list[Passed]:
    """Return the calls of ``modules`` that lie in no other, up to the first language layer."""
    passed: list[Passed] = []
    entered: list[Tensor | None] = []

    def enter(place: Place, given: Arguments) -> None:
        if place.layer is first:
            raise _Arrived
        state = given.hidden
        entered.append(state.clone() if isinstance(state, Tensor) and not entered else None)

    def leave(place: Place, output: Any) -> None:
        entering = entered.pop()
        if not entered:
            same = None if entering is None else hidden_of(output, entering.shape)
            passed.append(Passed(place.layer, entering, _kept(same), _kept(first_state(output))))

    with suppress(_Arrived):
        forward(network, ids, dict.fromkeys([*modules, first]), enter, leave)
    return passed


def _kept(state: Tensor | None) -> Tensor | None:
    return None if state is None else state.clone()


def first_state(output: Any) -> Tensor | None:
    """Return the first tensor of features in what a module returned."""
    values = output.values() if isinstance(output, dict) else output
    listed = values if isinstance(values, Iterable) else ()
    for value in [output] if isinstance(output, Tensor) else listed:
        if isinstance(value, Tensor) and value.is_floating_point() and value.dim() >= 2:
            return value
    return None


def with_first_state(output: Any, state: Tensor) -> Any:
    """Return what a module returned with another first tensor of features."""
    if isinstance(output, Tensor):
        return state
    old = first_state(output)
    if isinstance(output, dict):
        other = copy(output)
        for key, value in output.items():
            if value is old:
                other[key] = state
        return other
    return type(output)([state if value is old else value for value in output])
