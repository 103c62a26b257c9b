"""Whether a step under forward-mode AD is still the step: same state, and the true derivative."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def relative_difference(ours: Tensor, reference: Tensor) -> float:
    """Return the worst relative difference over rows, ``|ours - reference| / |reference|``.

    A row is the last axis (one token of a hidden state): a joint norm would let one token of
    huge norm hide an error in all others.

    >>> relative_difference(torch.tensor([[1.0, 0.0], [0.0, 3.0]]), torch.eye(2))
    2.0
    """
    rows = torch.linalg.vector_norm(ours.double() - reference.double(), dim=-1)
    size = torch.linalg.vector_norm(reference.double(), dim=-1)
    return float((rows / size.clamp_min(torch.finfo(torch.float64).tiny)).max())


def tolerance(dtype: torch.dtype) -> float:
    """Return the largest relative difference of two equal states: half the dtype's digits.

    >>> tolerance(torch.float64) < 1e-7 < tolerance(torch.float32) < 1e-3
    True
    """
    return float(torch.finfo(dtype).eps ** 0.5)


def refuse_another_orbit(after: Tensor, plain: Tensor, precision: torch.dtype) -> float:
    """Return the relative difference of the two states; raise ``DepthError`` if it is too large."""
    difference, allowed = relative_difference(after, plain), tolerance(precision)
    # Negated, so that a difference that is no number is refused, too.
    if not difference <= allowed:
        raise DepthError(
            f"the state under forward-mode AD differs from the plain one by {difference:.1e} "
            f"(relative, at most {allowed:.1e}): its tangents belong to another "
            "orbit; try another dtype or attention implementation"
        )
    return difference


@dataclass(frozen=True, kw_only=True, eq=False)
class FiniteDifference:
    """A tangent moved by a finite difference, the rounding of each row, and its relative error."""

    moved: Tensor
    rounding: Tensor
    error: float


def finite_difference(
    step: Callable[[Tensor], Tensor], state: Tensor, tangent: Tensor, precision: torch.dtype
) -> FiniteDifference:
    """Return ``(step(state + h * tangent) - step(state - h * tangent)) / 2h``.

    ``h`` moves a typical row by ``sqrt(eps)`` of itself. ``eps`` is that of ``precision``, and
    never finer than float32, because many norms and rotations compute in float32 whatever the
    dtype around them. Central, because one-sided curvature would drown a slope near zero.
    """
    eps = max(torch.finfo(precision).eps, torch.finfo(torch.float32).eps)
    amplitude = eps**0.5 * (_typical_row(state) or 1.0) / _typical_row(tangent)
    ahead, behind = step(state + amplitude * tangent), step(state - amplitude * tangent)
    return FiniteDifference(
        moved=(ahead.double() - behind.double()) / (2 * amplitude),
        rounding=4 * eps * _rows(ahead) / amplitude,
        error=eps**0.25,
    )


def refuse_dropped_derivative(moved: Tensor, finite: FiniteDifference) -> None:
    """Raise ``DepthError`` where a finite difference contradicts the tangent that AD moved.

    The median over rows decides: a router that sends a few tokens to other experts under a
    finite perturbation is no dropped derivative.
    """
    expected, error = _rows(moved), _rows(finite.moved - moved.double())
    allowed = finite.error * expected + finite.rounding
    reached = (expected > 0) | (error > allowed)
    if not reached.any() or float((error - allowed)[reached].median()) <= 0:
        return
    share = float((error / (error + expected))[reached].median())
    raise DepthError(
        f"its tangent contradicts a finite difference ({share:.0%} of it is missing or wrong): an "
        "operation in it has no derivative and torch did not say so, such as a custom kernel "
        "or .item(); switch that kernel off"
    )


def _rows(values: Tensor) -> Tensor:
    """Return the norms of the last axis, flat, in float64."""
    sizes: Tensor = torch.linalg.vector_norm(values.double(), dim=-1)
    return sizes.flatten()


def _typical_row(values: Tensor) -> float:
    """Return the median norm of the rows that are not zero; 0 where all are."""
    rows = _rows(values)
    return float(rows[rows > 0].median()) if bool(rows.any()) else 0.0
