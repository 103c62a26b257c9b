"""The calls of one forward that make up a model's depth, found by watching, not by architecture."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from pytest_promptchaos.dynamics.forward import Arguments, Place, forward, hidden_of
from pytest_promptchaos.dynamics.layout import Layout, layout_of
from pytest_promptchaos.dynamics.sighted import language_lists
from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch.nn import Module
    from transformers import PreTrainedModel


@dataclass(frozen=True, kw_only=True, eq=False)
class Seen:
    """A call that returned a hidden state of the shape that it took.

    ``number`` counts such calls in the order of their return. ``entering`` and ``leaving`` are in
    the model's own layout.
    """

    number: int
    place: Place
    arguments: Arguments
    layout: Layout
    entering: Tensor
    leaving: Tensor

    def replay(self, state: Tensor) -> Tensor:
        """Return what the layer alone makes of rows ``state`` with the captured arguments."""
        given = copied(self.arguments).with_hidden(self.layout.hidden(state))
        leaving = hidden_of(self.place.layer(*given.positional, **given.named), self.layout.shape)
        assert leaving is not None
        return self.layout.rows(leaving)


def watch(
    network: PreTrainedModel,
    input_ids: Tensor,
    replaced: Mapping[Place, Callable[[Tensor], Tensor]] | None = None,
) -> list[Seen]:
    """Return the calls of all members of module lists on hidden states, from one forward.

    With an image tower they are those of the language model alone.

    ``replaced`` maps a place to what is done to the hidden state that enters there.
    """
    begun: dict[Place, tuple[Arguments, Tensor]] = {}
    seen: list[Seen] = []

    def enter(place: Place, given: Arguments) -> Tensor | None:
        state = given.hidden
        if not isinstance(state, Tensor):
            return None
        other = (replaced or {}).get(place)
        state = other(state) if other else state
        # Cloned, because a layer may add to its input in place.
        begun[place] = (copied(given), state.detach().clone())
        return state if other else None

    def leave(place: Place, output: Any) -> None:
        if place not in begun:
            return
        given, entering = begun.pop(place)
        layout = layout_of(entering.shape, input_ids.shape[1])
        leaving = hidden_of(output, entering.shape)
        if layout is not None and leaving is not None:
            seen.append(
                Seen(
                    number=len(seen),
                    place=place,
                    arguments=given,
                    layout=layout,
                    entering=entering,
                    leaving=leaving.detach().clone(),
                )
            )

    forward(network, input_ids, members(network), enter, leave)
    return seen


def members(network: PreTrainedModel) -> list[Module]:
    """Return the members of all module lists of the language model, each once."""
    return list(dict.fromkeys(member for parts in _lists(network) for member in parts))


def chain_of(network: PreTrainedModel, seen: Sequence[Seen]) -> tuple[Seen, ...]:
    """Return the calls of the list with the most members called, then with the most calls.

    Of equals it is the one that returns last: where attention, norms and feed-forward parts lie in
    lists of their own, only the last of them returns a whole state. Lists of one kind of layer
    that take turns, as in a recurrent depth, count as one.

    Raises:
        DepthError: when no module list is called on hidden states.
    """
    runs = _runs(network, seen)
    if not runs:
        raise DepthError(
            f"{type(network).__name__} has no list of layers that are called on hidden states of "
            "shape (1, tokens, width) and return others: its depth cannot be followed"
        )
    longest = max(runs, key=_extent)
    together = [longest, *(run for run in runs if _take_turns(longest, run))]
    return tuple(call for call in seen if any(call in run for run in together))


def copied(value: Any) -> Any:
    """Return the value with containers of its own, for a layer may leave something in them."""
    if isinstance(value, Arguments):
        return Arguments(copied(value.positional), copied(dict(value.named)))
    if type(value) in (tuple, list):
        return type(value)(copied(item) for item in value)
    if isinstance(value, Mapping):
        own: Any = copy.copy(value)
        own.update({key: copied(item) for key, item in value.items()})
        return own
    return value


def _lists(network: PreTrainedModel) -> list[list[Module]]:
    """Return the members of every module list of the language model."""
    return [list(part) for part in language_lists(network)]


def _runs(network: PreTrainedModel, seen: Sequence[Seen]) -> list[tuple[Seen, ...]]:
    """Return, for every module list and layout of hidden states, the calls of its members."""
    runs = []
    for parts in map(set, _lists(network)):
        calls = [call for call in seen if call.place.layer in parts]
        layouts = dict.fromkeys(call.layout for call in calls)
        runs += [tuple(call for call in calls if call.layout == layout) for layout in layouts]
    return runs


def _extent(run: Sequence[Seen]) -> tuple[int, int, int]:
    """Return how many layers a run calls, how often, and when it ends."""
    return len({call.place.layer for call in run}), len(run), run[-1].number


def _take_turns(one: Sequence[Seen], two: Sequence[Seen]) -> bool:
    """Say whether two runs of one kind of layer alternate, both called again and again."""
    kinds = {(type(call.place.layer), call.layout) for call in (*one, *two)}
    again = all(any(call.place.earlier for call in run) for run in (one, two))
    one, two = sorted((one, two), key=lambda run: run[0].number)
    between = two[0].number < one[-1].number < two[-1].number
    return len(kinds) == 1 and again and between
