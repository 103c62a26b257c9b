"""The states that a prompt with a picture passes through: vision tower, projector, language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import torch

from pytest_promptchaos.dynamics.chain import chain_of, watch
from pytest_promptchaos.dynamics.passage import passage_of
from pytest_promptchaos.dynamics.sighted import image_tower, sighted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor
    from torch.nn import Module
    from transformers import PreTrainedModel

    from pytest_promptchaos.dynamics.chain import Seen
    from pytest_promptchaos.dynamics.passage import Passage

    States = NDArray[np.float64]
    Entry = tuple["PartName", str, States, bool]

PartName: TypeAlias = Literal["vision tower", "projector", "language"]
TOWER: PartName = "vision tower"
PROJECTOR: PartName = "projector"
LANGUAGE: PartName = "language"


@dataclass(frozen=True, kw_only=True, eq=False)
class Trajectory:
    """The states of one prompt at every place that it passes, first place first.

    ``parts`` and ``names`` say where: the part of the model, and the dotted name of the layer that
    the state leaves, with `` (in)`` behind it for the state that enters. ``states`` holds one array
    (tokens, width) per place, float64; in the tower and the projector tokens are patches, tiles
    one after the other. ``steps`` say of each place whether a layer of its part leads to it from
    the place before: none does to a state that enters, nor to what a module of the projector
    returns, because several of them may lie side by side. ``notes`` say in words which parts were
    not found.
    """

    parts: tuple[PartName, ...]
    names: tuple[str, ...]
    states: tuple[NDArray[np.float64], ...]
    steps: tuple[bool, ...]
    notes: tuple[str, ...]


def trajectory(network: PreTrainedModel, inputs: Mapping[str, Tensor]) -> Trajectory:
    """Return the states of one prompt through vision tower, projector and language layers.

    ``inputs`` are all that the forward takes for it, ``input_ids`` (1, T) among them. Layers are
    found by watching one forward: in the tower the members of module lists that return the shape
    they took, in the language model its decoder layers, between them whatever is called with
    weights of its own. What enters a layer is a place of its own only where it is not what the
    one before left. A model without a picture, or a prompt without one, has language places
    alone, and ``notes`` say so.

    Raises:
        DepthError: where no language layers are called on hidden states.
    """
    ids = inputs["input_ids"]
    with sighted(network, inputs):
        calls = chain_of(network, watch(network, ids))
        tower = image_tower(network)
        passage = None if tower is None else passage_of(network, tower, ids, calls[0])
    names = {part: name for name, part in network.named_modules()}
    entries = (*(_picture(passage, names) if passage else ()), *_language(calls, names))
    parts, places, states, steps = zip(*entries, strict=True)
    notes = _notes(tower, parts)
    return Trajectory(parts=parts, names=places, states=states, steps=steps, notes=notes)


def _notes(tower: Module | None, parts: Sequence[PartName]) -> tuple[str, ...]:
    """Return what is said of parts that were not found."""
    if tower is None:
        return ("the model names no image tower: its language layers alone are followed",)
    if TOWER not in parts and PROJECTOR not in parts:
        return ("no layer of the image tower was called: the prompt shows no picture",)
    missing = [part for part in (TOWER, PROJECTOR) if part not in parts]
    return tuple(f"no {part} place was found between picture and language" for part in missing)


def _language(calls: Sequence[Seen], names: Mapping[Module, str]) -> Iterator[Entry]:
    """Yield the states around every language layer."""
    before: Tensor | None = None
    for call in calls:
        name = names[call.place.layer]
        if before is None or not torch.equal(before, call.entering):
            yield LANGUAGE, f"{name} (in)", _plain(call.layout.rows(call.entering)), False
        yield LANGUAGE, name, _plain(call.layout.rows(call.leaving)), True
        before = call.leaving


def _picture(passage: Passage, names: Mapping[Module, str]) -> Iterator[Entry]:
    """Yield the states around every layer of the tower, then those behind the projector."""
    before: Tensor | None = None
    for call in passage.tower:
        if call.entering is None or call.same_shape is None:
            continue
        name = names[call.module]
        if before is None or not torch.equal(before, call.entering):
            yield TOWER, f"{name} (in)", _plain(call.entering), False
        yield TOWER, name, _plain(call.same_shape), True
        before = call.same_shape
    for module, state in passage.projected:
        yield PROJECTOR, names[module], _plain(state), False


def _plain(state: Tensor) -> NDArray[np.float64]:
    """Return states of any shape (..., width) as float64 rows (tokens, width)."""
    rows = state.detach().reshape(-1, state.shape[-1])
    found: NDArray[np.float64] = rows.double().cpu().numpy()
    return found
