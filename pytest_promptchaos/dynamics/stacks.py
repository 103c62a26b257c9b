"""A user's own step or stack of layers as a list of steps, tried out before it is measured."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import Module

from pytest_promptchaos.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_promptchaos.dynamics.linearize import Step

_RANDOM = (torch.nn.modules.dropout._DropoutNd, torch.nn.modules.batchnorm._BatchNorm)


@dataclass(frozen=True, kw_only=True, eq=False)
class Stack:
    """Steps with their names in words, and the sha256 of their parameters (``"none"`` without).

    ``repeated`` says that it is one step again and again.
    """

    name: str
    steps: tuple[Step, ...]
    names: tuple[str, ...]
    fingerprint: str
    repeated: bool


def stack_of(step_or_stack: object, count: int | None) -> Stack:
    """Return the steps: one applied ``count`` times, or those of a stack for ``count=None``.

    A stack is any iterable of callables, such as ``torch.nn.Sequential``, ``ModuleList`` or a
    list. With ``count`` anything that can be called is one step, a ``Sequential`` too.

    Raises:
        ArgumentError: for what is neither, for a count where there is nothing to repeat, and for
            layers in training mode that act at random there.
    """
    parts = [step_or_stack] if count is not None else _members(step_or_stack)
    for place, part in enumerate(parts):
        _refuse_no_step(part, place)
    steps: Any = tuple(parts) * (count or 1)
    names = tuple(map(_name, parts))
    numbered = [f"step {place}" for place in range(len(steps))]
    if count is None:
        numbered = [f"{place} {name}" for place, name in enumerate(names)]
    return Stack(
        name=_name(step_or_stack),
        steps=steps,
        names=tuple(numbered),
        fingerprint=_fingerprint(parts),
        repeated=count is not None,
    )


def states_of(states: object) -> tuple[Tensor, ...]:
    """Return the initial states: a tensor or an array is one, a list or a tuple holds several.

    Raises:
        ArgumentError: for no state, one without an axis, or one whose numbers are not of a
            floating type; states have no derivative in whole numbers.
    """
    several = states if isinstance(states, list | tuple) else [states]
    found = tuple(map(_state, several))
    if not found:
        raise ArgumentError("no state was given: pass a tensor, an array, or a list of several")
    for place, state in enumerate(found):
        if any(torch.equal(state, other) for other in found[:place]):
            raise ArgumentError(
                f"state {place} is given twice: it would count as another sample; drop the copy"
            )
    if len({(state.shape, state.dtype) for state in found}) > 1:
        shapes = ", ".join(f"{tuple(state.shape)} {_kind(state)}" for state in found)
        raise ArgumentError(
            f"the states differ in shape or type, so they share no growth: {shapes}"
        )
    return found


def try_out(stack: Stack, state: Tensor) -> None:
    """Take all steps plainly once.

    Raises:
        ArgumentError: naming the step that fails, returns no tensor, changes the type of the
            numbers, gives NaN or infinity, or cannot be repeated because it changes the shape.
    """
    with torch.no_grad():
        for name, step in zip(stack.names, stack.steps, strict=True):
            with _naming_failure(name, state):
                after: object = step(state)
            state = _next(name, state, after, same_shape=stack.repeated)


def _members(stack: object) -> list[object]:
    """Return the callables of a stack."""
    if not isinstance(stack, Iterable):
        raise ArgumentError(
            f"{_name(stack)} is one step and no stack of layers: say how often it is applied, "
            "steps=100"
        )
    members = list(stack)
    if not members:
        raise ArgumentError("the stack has no layers: growth needs at least one step")
    return members


def _refuse_no_step(part: object, place: int) -> None:
    """Raise ``ArgumentError`` for a part that is no step from a state to the next."""
    if not callable(part):
        raise ArgumentError(
            f"step {place} is a {type(part).__name__} and cannot be called: a step is a function "
            "or a module that takes a state and returns the next"
        )
    if isinstance(part, Module):
        random = [type(m).__name__ for m in part.modules() if isinstance(m, _RANDOM) and m.training]
        if random:
            raise ArgumentError(
                f"step {place} holds {random[0]} in training mode, where it acts at random or on "
                "the batch: call .eval() first"
            )


def _name(step: object) -> str:
    """Return the qualified name of a function, the class of anything else."""
    named = step if hasattr(step, "__qualname__") else type(step)
    return str(getattr(named, "__qualname__", named)).replace("<locals>.", "")


def _fingerprint(parts: Sequence[object]) -> str:
    """Return the sha256 over the names, shapes and bytes of all parameters and buffers."""
    digest, found = hashlib.sha256(), False
    for place, part in enumerate(parts):
        for name, values in part.state_dict().items() if isinstance(part, Module) else ():
            found = True
            plain = values.detach().cpu().contiguous()
            digest.update(f"{place}.{name} {tuple(plain.shape)} {plain.dtype};".encode())
            digest.update(plain.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest() if found else "none"


def _state(value: object) -> Tensor:
    """Return one state as a tensor; its type and device stay as they are."""
    if isinstance(value, np.ndarray):
        value = torch.from_numpy(np.ascontiguousarray(value))
    if not isinstance(value, Tensor) or not value.dim() or not value.numel():
        told = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
        raise ArgumentError(
            f"a state is {told}: pass a tensor or an array with one axis or more, such as "
            "torch.zeros(100), or a list of such states"
        )
    if not value.is_floating_point():
        raise ArgumentError(
            f"a state holds {_kind(value)}, but growth is a derivative: pass a floating type, "
            "such as state.double()"
        )
    if not torch.isfinite(value).all():
        raise ArgumentError("a state holds NaN or infinity: nothing can be followed from there")
    return value.detach()


def _kind(state: Tensor) -> str:
    return str(state.dtype).removeprefix("torch.")


@contextmanager
def _naming_failure(name: str, state: Tensor) -> Iterator[None]:
    """Put the step and its state in front of what the step raised."""
    try:
        yield
    except Exception as error:
        raise ArgumentError(
            f"{name} fails on a state of shape {tuple(state.shape)} and type {_kind(state)} "
            f"({type(error).__name__}: {error}); pass a state that it takes"
        ) from error


def _next(name: str, state: Tensor, after: object, *, same_shape: bool) -> Tensor:
    """Return what a step made of a state, if it is a state that can be followed."""
    if not isinstance(after, Tensor):
        raise ArgumentError(
            f"{name} returns a {type(after).__name__}, but the next state is one tensor: wrap it, "
            "as in lambda state: cell(inputs, state)[0]"
        )
    if after.dtype != state.dtype or after.device != state.device:
        raise ArgumentError(
            f"{name} turns {_kind(state)} on {state.device.type} into {_kind(after)} on "
            f"{after.device.type}: keep one type and device, as in state.to(the parameters)"
        )
    if same_shape and after.shape != state.shape:
        raise ArgumentError(
            f"{name} turns shape {tuple(state.shape)} into {tuple(after.shape)}: a step that is "
            "repeated keeps the shape; pass a stack of layers for one that does not"
        )
    if not torch.isfinite(after).all():
        raise ArgumentError(
            f"the state after {name} holds NaN or infinity: the orbit escapes, so begin elsewhere "
            "or take fewer steps"
        )
    return after
