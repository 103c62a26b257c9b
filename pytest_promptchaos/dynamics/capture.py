"""The decoder layers of a model as it calls them itself: what enters, what leaves, with what."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch.nn import Module
    from transformers import PreTrainedModel

_HIDDEN = "hidden_states"
_NUDGE = 1e-2


@dataclass(frozen=True, kw_only=True, eq=False)
class Call:
    """One layer's call during a forward: its arguments, and the hidden state in and out.

    ``arguments`` are everything but the hidden state, by position (as ``"1"``) or by name.
    """

    name: str
    layer: Module
    by_name: bool
    arguments: Mapping[str, Any]
    entering: Tensor
    leaving: Tensor

    def replay(self, state: Tensor) -> Tensor:
        """Return what the layer makes of ``state`` with the captured arguments."""
        positional = [value for name, value in self.arguments.items() if name.isdecimal()]
        named = {name: value for name, value in self.arguments.items() if not name.isdecimal()}
        if self.by_name:
            named[_HIDDEN] = state
        else:
            positional.insert(0, state)
        leaving: Tensor = _hidden(self.layer(*positional, **named))
        return leaving


def capture(network: PreTrainedModel, input_ids: Tensor) -> tuple[Call, ...]:
    """Return the calls of the decoder layers, first layer first, from one ordinary forward.

    The decoder layers are the longest ``ModuleList`` whose members were each called once, in
    order, with a hidden state of shape (1, T, width), and whose hidden states form a chain.

    Raises:
        DepthError: when there is no such list, or the chain is broken between two layers.
    """
    calls = _record(network, input_ids)
    runs = [run for run in _runs(network, calls) if all(_is_hidden(c, input_ids) for c in run)]
    if not runs:
        raise DepthError(
            f"{type(network).__name__} has no list of layers that are called once each, in order, "
            "on hidden states of shape (1, tokens, width): its depth cannot be followed"
        )
    chain = max(runs, key=len)
    for before, after in pairwise(chain):
        if not torch.equal(before.leaving, after.entering):
            raise DepthError(
                f"the hidden state changes between {before.name} and {after.name}: the model's "
                "forward works on it outside its layers, so the layers alone are not its depth"
            )
    return chain


def refuse_dependent_arguments(
    network: PreTrainedModel, input_ids: Tensor, chain: Sequence[Call]
) -> None:
    """Raise ``DepthError`` where an argument of a layer depends on the hidden state.

    Such an argument (the first layer's values, a cache shared between layers) carries a tangent
    that replaying with captured arguments would lose. The state entering the first layer is
    nudged, and every argument must come out the same, bit for bit.
    """
    with _hook(chain[0].layer.register_forward_pre_hook(_nudge, with_kwargs=True)):
        nudged = capture(network, input_ids)
    for call, again in zip(chain, nudged, strict=True):
        for name, value in call.arguments.items():
            if not _same(value, again.arguments[name]):
                raise DepthError(
                    f"argument {name!r} of {call.name} depends on the hidden state: a tangent "
                    "flows through it outside the layers, and would be lost"
                )


@contextmanager
def _hook(*handles: Any) -> Iterator[None]:
    """Remove the hooks on leaving."""
    with ExitStack() as stack:
        for handle in handles:
            stack.callback(handle.remove)
        yield


def _record(network: PreTrainedModel, input_ids: Tensor) -> list[Call]:
    """Return every call of a member of a ``ModuleList`` on a tensor, in order of return."""
    members = _members(network)
    entered: dict[Module, Tensor] = {}
    calls: list[Call] = []

    def enter(layer: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        state = args[0] if args else kwargs.get(_HIDDEN)
        if isinstance(state, Tensor):
            # Cloned, because a layer may add to its input in place.
            entered[layer] = state.detach().clone()

    def leave(layer: Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        leaving = _hidden(output)
        if layer in entered and isinstance(leaving, Tensor):
            calls.append(
                Call(
                    name=members[layer],
                    layer=layer,
                    by_name=not args,
                    arguments=_others(args, kwargs),
                    entering=entered.pop(layer),
                    leaving=leaving.detach().clone(),
                )
            )

    hooks = [layer.register_forward_pre_hook(enter, with_kwargs=True) for layer in members]
    hooks += [layer.register_forward_hook(leave, with_kwargs=True) for layer in members]
    with _hook(*hooks), torch.no_grad():
        network(input_ids=input_ids, attention_mask=torch.ones_like(input_ids), use_cache=False)
    return calls


def _members(network: PreTrainedModel) -> dict[Module, str]:
    """Return the members of all module lists with their dotted names."""
    lists = {
        name for name, part in network.named_modules() if isinstance(part, torch.nn.ModuleList)
    }
    return {
        part: name
        for name, part in network.named_modules()
        if name.rpartition(".")[0] in lists and name
    }


def _runs(network: PreTrainedModel, calls: Sequence[Call]) -> Iterator[tuple[Call, ...]]:
    """Yield, for every module list called once per member and in order, its calls."""
    for part in network.modules():
        if isinstance(part, torch.nn.ModuleList):
            members = list(part)
            run = tuple(call for call in calls if call.layer in members)
            if run and [call.layer for call in run] == members:
                yield run


def _is_hidden(call: Call, input_ids: Tensor) -> bool:
    """Say whether the call maps a hidden state of these tokens to one of the same shape."""
    shape = call.entering.shape
    return len(shape) == 3 and shape[:2] == input_ids.shape and call.leaving.shape == shape


def _others(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return all arguments but the hidden state, by position from 1 or by name."""
    named = {name: value for name, value in kwargs.items() if args or name != _HIDDEN}
    return {str(place): value for place, value in enumerate(args[1:], start=1)} | named


def _hidden(output: Any) -> Any:
    """Return the hidden state of a layer's output: the output, or the first of a tuple."""
    return output[0] if isinstance(output, tuple) and output else output


def _nudge(
    _: Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments with a slightly different hidden state.

    Neighboring features are mixed: a mere rescaling would be invisible behind a norm.
    """
    if args:
        return (_mixed(args[0]), *args[1:]), kwargs
    return args, kwargs | {_HIDDEN: _mixed(kwargs[_HIDDEN])}


def _mixed(state: Tensor) -> Tensor:
    """Return the state with one hundredth of each feature's neighbor added."""
    return state + _NUDGE * state.roll(1, dims=-1)


def _same(value: Any, other: Any) -> bool:
    """Say whether two arguments hold the same tensors, bit for bit, in the same places."""
    if isinstance(value, Tensor):
        return isinstance(other, Tensor) and torch.equal(value, other)
    if isinstance(value, dict):
        return value.keys() == other.keys() and all(_same(value[k], other[k]) for k in value)
    if isinstance(value, (tuple, list)):
        pairs = zip(value, other, strict=False)
        return len(value) == len(other) and all(_same(a, b) for a, b in pairs)
    return True
