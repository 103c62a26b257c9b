"""Whether replayed layers are the model's own: same state, same derivative, nothing around them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import torch

from pytest_promptchaos.dynamics.forward import code_of
from pytest_promptchaos.dynamics.linearize import linearize
from pytest_promptchaos.dynamics.parity import (
    finite_difference,
    refuse_dropped_derivative,
    relative_difference,
    tolerance,
)
from pytest_promptchaos.dynamics.tangent import draw_tangents
from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor
    from transformers import PreTrainedModel

    from pytest_promptchaos.dynamics.capture import Call
    from pytest_promptchaos.dynamics.linearize import Step

_SEEN: WeakKeyDictionary[PreTrainedModel, set[tuple[object, ...]]] = WeakKeyDictionary()


def check_once(
    network: PreTrainedModel,
    input_ids: Tensor,
    *,
    ordinary: Sequence[Call],
    steps: Sequence[Step],
    precision: torch.dtype,
) -> None:
    """Raise ``DepthError`` where the replayed layers are not the model's, or not differentiable.

    Checked once per network and way that a forward takes through its code: that each
    replayed layer gives what the ordinary forward gave, and that its derivative agrees with a
    finite difference.
    """
    seen, way = _SEEN.setdefault(network, set()), _way(network, input_ids)
    if way not in seen:
        _refuse_other_steps(steps, ordinary, precision)
        seen.add(way)


def _way(network: PreTrainedModel, input_ids: Tensor) -> tuple[object, ...]:
    """Return what decides through which code a forward goes, as far as can be told."""
    return (
        network.dtype,
        str(network.device),
        getattr(network.config, "_attn_implementation", None),
        getattr(network.config, "_experts_implementation", None),
        (input_ids.shape[1] - 1).bit_length(),
        code_of(network),
    )


def _refuse_other_steps(
    steps: Sequence[Step], ordinary: Sequence[Call], precision: torch.dtype
) -> None:
    """Raise ``DepthError`` where a replayed layer is another function, or its derivative is."""
    with torch.no_grad():
        for step, call in zip(steps, ordinary, strict=True):
            _refuse_another_step(step, call, precision)
            try:
                _refuse_another_derivative(step, call, precision)
            except DepthError as fact:
                raise DepthError(f"{call.name}: {fact}") from fact.__cause__


def _refuse_another_step(step: Step, call: Call, precision: torch.dtype) -> None:
    """Raise ``DepthError`` where one replayed layer differs from the model's own forward."""
    difference = relative_difference(_replayed(step, call), call.leaving)
    if not difference <= tolerance(precision):
        raise DepthError(
            f"{call.name} replayed with its own arguments differs from the model's forward by "
            f"{difference:.1e} (relative, at most {tolerance(precision):.1e}): its growth would "
            "be another model's"
        )


def _refuse_another_derivative(step: Step, call: Call, precision: torch.dtype) -> None:
    """Raise ``DepthError`` where a layer's tangent contradicts a finite difference."""
    tangent = draw_tangents(call.entering.shape, 1, seed=0).to(call.entering) * call.scale
    _, moved = linearize(step, call.entering, tangent)
    finite = finite_difference(step, call.entering, tangent[0], precision)
    refuse_dropped_derivative(moved[0], finite)


def _replayed(step: Step, call: Call) -> Tensor:
    """Return the replayed layer's output; raise ``DepthError`` if it cannot be called again."""
    try:
        return step(call.entering)
    except Exception as error:
        raise DepthError(
            f"{call.name} cannot be called again with the arguments of the model's own forward "
            f"({type(error).__name__}: {error}); it may keep state between calls"
        ) from error
