"""A tensor that carries k tangents along: forward-mode AD with one value for all directions.

``torch.func`` can do the same with ``vmap(jvp(...))``, and does it where this file cannot; but it
linearizes in directions that are known to be zero (the weights), computes the value and the
tangents in calls of their own, and has no rule for fused attention. Here value and tangents lie
in one stack, so a linear operation is one call, and every other operation has the rule of
:mod:`pytest_promptchaos.dynamics.rules`, or, where that has none, the derivative of torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakSet

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class UncarriedError(Exception):
    """An operation would lose the tangents, such as writing into a tensor that carries none."""


class Waiting(NamedTuple):
    """Tangents that are ``tangents * slope``, not multiplied yet: a product may follow.

    What a gate makes of a tangent is mostly multiplied by something else at once; one sweep over
    all tangents then does both.
    """

    value: Tensor
    tangents: Tensor
    slope: Tensor


_UNFINISHED: WeakSet[Carried] = WeakSet()


def waiting(value: Tensor, tangents: Tensor, slope: Tensor) -> Carried:
    """Return a carried tensor whose tangents are a product that waits for its first use."""
    made = Carried(None, Waiting(value, tangents, slope))
    _UNFINISHED.add(made)
    return made


def finish() -> None:
    """Work out every product that waits: what it is made of is about to be overwritten."""
    for one in list(_UNFINISHED):
        one.stack  # noqa: B018 - asking is what works it out
    _UNFINISHED.clear()


class Carried(Tensor):
    """A value of any shape with k tangents; ``stack`` (k + 1, *shape) holds the value first.

    It has no memory of its own, so an operation without a rule fails instead of going on with a
    value that lost its tangents.
    """

    _stack: Tensor | None
    _waiting: Waiting | None

    @staticmethod
    def __new__(cls, stack: Tensor | None, waiting: Waiting | None = None) -> Carried:
        """Return the wrapper of a stack, which it does not copy, or of a product yet to come."""
        like = waiting.value if stack is None and waiting else stack[0]  # type: ignore[index]
        made: Carried = Tensor._make_wrapper_subclass(
            cls,
            like.shape,
            # The true strides: torch decides by them whether a reshape is a view.
            strides=like.stride(),
            dtype=like.dtype,
            device=like.device,
        )
        made._stack, made._waiting = stack, waiting
        return made

    @property
    def stack(self) -> Tensor:
        """The value and its tangents, (k + 1, *shape)."""
        if self._stack is None:
            assert self._waiting is not None
            value, tangents, slope = self._waiting
            self._stack = room(len(tangents) + 1, value)
            torch.mul(tangents, slope, out=self._stack[1:])
            self._waiting = None
        return self._stack

    @stack.setter
    def stack(self, stack: Tensor) -> None:
        self._stack, self._waiting = stack, None

    @property
    def waiting(self) -> Waiting | None:
        """The product that the tangents are, as long as nobody asked for its result."""
        return self._waiting

    @property
    def value(self) -> Tensor:
        """The value without its tangents."""
        return self._waiting.value if self._waiting else self.stack[0]

    @property
    def tangents(self) -> Tensor:
        """The tangents (k, *shape), a view."""
        return self.stack[1:]

    def __repr__(self) -> str:  # type: ignore[override]
        """Name shape and number of tangents: printing must not read the absent memory."""
        return f"Carried({tuple(self.value.shape)}, {len(self.stack) - 1} tangents)"

    @classmethod
    def __torch_function__(
        cls,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Catch whole functions whose parts would be slower, or would read absent memory."""
        from pytest_promptchaos.dynamics.rules import FUNCTIONS

        whole = FUNCTIONS.get(func)
        if whole is not None:
            return whole(*args, **(kwargs or {}))
        with torch._C.DisableTorchFunctionSubclass():
            return func(*args, **(kwargs or {}))

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]  # torch declares bare types
        cls,
        func: Any,
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Apply an operation to value and tangents by its rule."""
        from pytest_promptchaos.dynamics.rules import apply

        return apply(func, args, kwargs or {})


def carry(
    step: Callable[[Tensor], Tensor], state: Tensor, tangents: Tensor
) -> tuple[Tensor, Tensor]:
    """Return ``step(state)`` and the tangents (k, ...) moved by the step's Jacobian.

    Raises ``UncarriedError``, or whatever torch raises, for a step that cannot be followed so.

    >>> carry(lambda x: x**2, torch.tensor([3.0]), torch.tensor([[1.0], [2.0]]))[1].tolist()
    [[6.0], [12.0]]
    """
    with torch.no_grad():
        after = step(Carried(torch.cat([state.unsqueeze(0), tangents])))
    if isinstance(after, Carried):
        return after.value, after.tangents
    # A step whose result never met the state is constant: its derivative is zero.
    return after, after.new_zeros(len(tangents), *after.shape)


def values(tree: Any) -> Any:
    """Return a tree of arguments with every carried tensor replaced by its value."""
    return tree_map(lambda leaf: leaf.value if isinstance(leaf, Carried) else leaf, tree)


# -- stacks -------------------------------------------------------------------------------------


def aligned(stack: Tensor, dimensions: int) -> Tensor:
    """Return a stack whose parts have ``dimensions`` axes, new ones in front of the old."""
    missing = dimensions - (stack.dim() - 1)
    return stack.reshape(len(stack), *[1] * missing, *stack.shape[1:]) if missing else stack


def raised(value: Tensor, like: Carried) -> Tensor:
    """Return the stack of a tensor that carries nothing: the value, and zeros."""
    stack = value.new_zeros(len(like.stack), *value.shape)
    stack[0] = value
    return stack


def room(count: int, value: Tensor) -> Tensor:
    """Return a stack of ``count`` parts that begins with ``value``; the tangents are to come."""
    out = torch.empty((count, *value.shape), dtype=value.dtype, device=value.device)
    out[0] = value
    return out
