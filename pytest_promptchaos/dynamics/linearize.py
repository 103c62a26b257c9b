"""One step of forward-mode AD: a state and k tangents in, a state and k tangents out."""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.func import jvp, vmap

from pytest_promptchaos.dynamics.carried import carry
from pytest_promptchaos.dynamics.families import load_forward_rules
from pytest_promptchaos.errors import DepthError

Step: TypeAlias = Callable[[Tensor], Tensor]

_LOG = logging.getLogger(__name__)
_TORCH = str(Path(torch.__file__).parent)
_OPERATION = re.compile(r"forward AD with (\w+)|aten::(\w+)|vmap over (\w+)|calling (\.\w+\(\))")


def linearize(
    step: Step, state: Tensor, tangents: Tensor, chunk: int | None = None
) -> tuple[Tensor, Tensor]:
    """Return ``step(state)`` and the tangents (k, ...) moved by the step's Jacobian.

    The state is computed once for all tangents, or once per ``chunk`` of them. A step is followed
    by :func:`~pytest_promptchaos.dynamics.carried.carry`, else by ``torch.func``. Raises
    ``DepthError`` naming the operation that neither can follow.

    >>> after, moved = linearize(lambda x: x**2, torch.tensor([3.0]), torch.tensor([[1.0], [2.0]]))
    >>> after.item(), moved.flatten().tolist()
    (9.0, [6.0, 12.0])
    """
    parts = [_moved(step, state, rows) for rows in torch.split(tangents, chunk or len(tangents))]
    if len(parts) == 1:
        return parts[0]
    return parts[0][0], torch.cat([moved for _, moved in parts])


def _moved(step: Step, state: Tensor, tangents: Tensor) -> tuple[Tensor, Tensor]:
    """Return the step's value and its moved tangents by the first way that can follow it."""
    load_forward_rules()
    try:
        after, moved = carry(step, state, tangents)
        if moved.sum().isfinite() or not after.sum().isfinite():
            return after, moved
        # A slope of zero times a tangent without bound has no value; torch selects instead.
        _LOG.debug("torch.func follows a step, because a tangent is not finite")
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        # Whatever it was, torch.func has the last word: it knows more operations, or names the one.
        _LOG.debug("torch.func follows a step, because: %s", error)
    return by_functorch(step, state, tangents)


def by_functorch(step: Step, state: Tensor, tangents: Tensor) -> tuple[Tensor, Tensor]:
    """Return what :func:`linearize` does, by ``vmap`` over ``jvp``; raises ``DepthError``."""
    load_forward_rules()

    def along(tangent: Tensor) -> Any:
        return jvp(step, (state,), (tangent,))

    # out_dims None for the state is a guard, too: vmap refuses it if the state became batched.
    travel = vmap(along, out_dims=(None, 0))  # type: ignore[arg-type]  # torch documents None
    try:
        after, moved = travel(tangents)
    except Exception as error:
        raise DepthError(
            f"forward-mode AD cannot follow {_operation(error)} ({_first_line(error)}); "
            "use an implementation made of plain torch operations (eager or math attention)"
        ) from error
    return after, moved


def _operation(error: Exception) -> str:
    """Return the operation that torch names in ``error``, else the line that called it."""
    if found := _OPERATION.search(str(error)):
        return next(group for group in found.groups() if group)
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if not frame.filename.startswith(_TORCH)]
    return f"`{ours[-1].line}` in {ours[-1].name}"


def _first_line(error: Exception) -> str:
    """Return the first sentence of torch's own message."""
    return (str(error).splitlines() or [type(error).__name__])[0].split(". ")[0]
