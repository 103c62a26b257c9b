"""One forward of a model, watched or steered at its layers' calls."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pytest_promptchaos.dynamics.sighted import is_sight, shown_to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from torch.nn import Module
    from transformers import PreTrainedModel

    Enter = Callable[["Place", "Arguments"], Tensor | None]
    Leave = Callable[["Place", Any], None]

_HIDDEN = "hidden_states"


@dataclass(frozen=True)
class Place:
    """Which call of a forward: the layer, and how often it was called before (some are shared)."""

    layer: Module
    earlier: int


@dataclass(frozen=True)
class Arguments:
    """What a layer was called with; ``key`` is the place of the hidden state among it."""

    positional: tuple[Any, ...]
    named: Mapping[str, Any]

    @property
    def key(self) -> int | str | None:
        """The place of the hidden state: first by position, else by its name, else by its form."""
        if self.positional:
            return 0
        if _HIDDEN in self.named:
            return _HIDDEN
        return next((name for name, value in self.named.items() if _is_hidden(value)), None)

    @property
    def hidden(self) -> Any:
        """Return the hidden state, or what stands in its place."""
        if isinstance(self.key, int):
            return self.positional[self.key]
        return None if self.key is None else self.named[self.key]

    @property
    def others(self) -> tuple[Any, ...]:
        """Return everything but the hidden state."""
        named = {name: value for name, value in self.named.items() if name != self.key}
        return (self.positional[1:], named)

    def with_hidden(self, state: Tensor) -> Arguments:
        """Return the same arguments with another hidden state."""
        if isinstance(self.key, str):
            return Arguments(self.positional, {**self.named, self.key: state})
        return Arguments((state, *self.positional[1:]), self.named)


def hidden_of(output: Any, shape: tuple[int, ...]) -> Tensor | None:
    """Return the hidden state in what a layer returned: the first tensor of that shape."""
    if isinstance(output, Tensor):
        return output if output.shape == shape else None
    values = output.values() if isinstance(output, dict) else output
    if not isinstance(output, (tuple, list, dict)):
        return None
    return next((v for v in values if isinstance(v, Tensor) and v.shape == shape), None)


def forward(
    network: PreTrainedModel,
    input_ids: Tensor,
    layers: Iterable[Module],
    enter: Enter | None = None,
    leave: Leave | None = None,
    *,
    gradients: bool = False,
) -> None:
    """Run the model's ordinary forward and tell of every call of ``layers``.

    ``enter`` may return another hidden state for the call to go on with; either may raise to end
    the forward early. ``gradients`` keeps what reverse mode needs.
    """
    begun: Counter[Module] = Counter()
    open_calls: list[Place] = []

    def before(layer: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        place = Place(layer, begun[layer])
        begun[layer] += 1
        open_calls.append(place)
        given = Arguments(args, kwargs)
        state = enter(place, given) if enter else None
        if state is None:
            return None
        taken = given.with_hidden(state)
        return taken.positional, dict(taken.named)

    def after(_: Module, __: tuple[Any, ...], output: Any) -> None:
        place = open_calls.pop()
        if leave:
            leave(place, output)

    with ExitStack() as hooks:
        for layer in layers:
            hooks.callback(layer.register_forward_pre_hook(before, with_kwargs=True).remove)
            hooks.callback(layer.register_forward_hook(after).remove)
        with torch.set_grad_enabled(gradients):
            network(input_ids=input_ids, attention_mask=torch.ones_like(input_ids), use_cache=False)


def _is_hidden(value: Any) -> bool:
    """Say whether an argument has the form of a hidden state."""
    return isinstance(value, Tensor) and value.is_floating_point() and value.dim() >= 3


def code_of(network: Module) -> tuple[object, ...]:
    """Return what tells whether a network's code is still the same: its parts, hooks, patches.

    Weights may change; what they are multiplied by, and in which order, may not. A picture that
    it is shown leads through other code, whichever picture it is.
    """
    parts = tuple(
        (
            id(part),
            type(part),
            id(part.__dict__.get("forward")),
            tuple(part._forward_hooks),
            tuple(key for key, hook in part._forward_pre_hooks.items() if not is_sight(hook)),
        )
        for part in network.modules()
    )
    return (shown_to(network), *parts)
