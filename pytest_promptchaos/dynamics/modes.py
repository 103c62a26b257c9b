"""Sizes of k tangents and how they are renewed: each by its own norm, or all by a thin QR.

A tangent is cut into parts that have one size each: the whole state, or every row of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

Mode: TypeAlias = Literal["independent", "orthogonal"]
Unit: TypeAlias = Literal["state", "row"]

MODES: tuple[Mode, ...] = ("independent", "orthogonal")
UNITS: tuple[Unit, ...] = ("state", "row")


def norms(tangents: Tensor) -> Tensor:
    """Return each tangent's joint norm over all its axes, shape (k,), float64."""
    sizes: Tensor = torch.linalg.vector_norm(tangents.flatten(1), dim=1, dtype=torch.float64)
    return sizes


def column(values: Tensor, like: Tensor) -> Tensor:
    """Return ``values`` (k,) shaped to broadcast over tangents (k, ...)."""
    return values.reshape(-1, *[1] * (like.dim() - 1))


def parts_of(tangents: Tensor, unit: Unit) -> Tensor:
    """Return the tangents (k, ...) as vectors that have one size each, shape (k, R, n).

    For ``unit="state"`` R is 1 and n counts all numbers of the state; for ``"row"`` the last axis
    is the vector, and R counts the rows.
    """
    count = len(tangents)
    if unit == "state":
        return tangents.reshape(count, 1, -1)
    return tangents.reshape(count, -1, tangents.shape[-1])


@dataclass(frozen=True, kw_only=True, eq=False)
class Gauge:
    """How tangents are sized and renewed along their way.

    ``carrying`` (R,) says which parts carry a tangent at the start, ``everywhere`` that all do.
    The others are carried along, neither sized nor renewed: in an ensemble they stay zero, and
    under causal attention a token after the last one that carries never acts back on it.
    """

    mode: Mode
    unit: Unit
    carrying: Tensor
    everywhere: bool

    def measure(self, tangents: Tensor) -> tuple[NDArray[np.float64], Callable[[], Tensor]]:
        """Return the logs of the sizes, shape (k, R), and what renews these tangents.

        A size is the norm, or ``|diag R|`` of the part's own thin QR in orthogonal mode; its log
        is ``-inf`` for a tangent that is gone.
        """
        parts = self._held(tangents)
        if self.mode == "independent":
            sizes = _part_norms(parts)
            return _logs(sizes), partial(self._shrunk, tangents, sizes)
        orthonormal, sizes = _thin_qr(parts)
        return _logs(sizes), partial(self._put, tangents, orthonormal)

    def log_norms(self, tangents: Tensor) -> NDArray[np.float64]:
        """Return the logs of the norms, shape (k, R).

        Just after renewal these are the sizes in either mode: Q's own R differs from the identity
        only by the rounding of Q's columns, and in second order by that of their angles.
        """
        return _logs(_part_norms(self._held(tangents)))

    def size(self, state: Tensor, mask: Tensor | None) -> float:
        """Return the geometric mean of the norms of the state's parts: of one, that norm."""
        kept = state if mask is None else state * mask.to(state)
        return float(_part_norms(self._held(kept.unsqueeze(0))).log().mean().exp())

    def require(self, log_sizes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return ``log_sizes``, all finite; raises ``DepthError`` for a tangent that is gone."""
        gone = np.argwhere(~np.isfinite(log_sizes))
        if len(gone):
            tangent, part = gone[0]
            row = f" in row {int(self.carrying.nonzero()[part])}" if self.unit == "row" else ""
            raise DepthError(
                f"tangent {tangent} vanishes in it{row}: its direction is mapped to zero, or onto "
                "what the tangents before it span already; use fewer tangents or a smaller cadence"
            )
        return log_sizes

    def _held(self, tangents: Tensor) -> Tensor:
        """Return the parts that carry a tangent, (k, R, n); no copy where all of them do."""
        parts = parts_of(tangents, self.unit)
        if parts.shape[1] != len(self.carrying):
            raise DepthError(
                f"it turns {len(self.carrying)} rows into {parts.shape[1]}: rows keep no size of "
                "their own through it; measure the state as one"
            )
        return parts if self.everywhere else parts[:, self.carrying]

    def _shrunk(self, tangents: Tensor, sizes: Tensor) -> Tensor:
        """Return the tangents with every part divided by its own size.

        A whole state is divided by its norm rounded to a power of two, which is exact, so no
        cadence changes a single bit in any dtype. Rows may mix, and then their ratio matters:
        they are divided by their norms themselves.
        """
        scale = torch.exp2(sizes.log2().round()) if self.unit == "state" else sizes
        return self._put(tangents, self._held(tangents) / scale.unsqueeze(-1).to(tangents))

    def _put(self, tangents: Tensor, held: Tensor) -> Tensor:
        """Return the tangents with the parts that carry replaced by ``held``."""
        if self.everywhere:
            return held.reshape(tangents.shape).to(tangents)
        parts = parts_of(tangents, self.unit).clone()
        parts[:, self.carrying] = held.to(tangents)
        return parts.reshape(tangents.shape)


def gauge_of(tangents: Tensor, mode: Mode, unit: Unit) -> Gauge:
    """Return the gauge for tangents (k, ...) as they are at the start.

    A state has one part, which carries; a zero tangent in it is refused, not left out.
    """
    carrying = torch.ones(1, dtype=torch.bool, device=tangents.device)
    if unit == "row":
        carrying = parts_of(tangents, unit).ne(0).any(dim=-1).any(dim=0)
    return Gauge(mode=mode, unit=unit, carrying=carrying, everywhere=bool(carrying.all()))


def start(gauge: Gauge, tangents: Tensor) -> tuple[Tensor, NDArray[np.float64]]:
    """Return the tangents as they enter the first step, and the logs of their sizes.

    Raises ``ValueError`` for a tangent without a size in a part that carries one.
    """
    logs, renewed = gauge.measure(tangents)
    if not logs.size or not np.isfinite(logs).all():
        raise ValueError("a tangent is zero, not finite, or a combination of the ones before it")
    moving = renewed()
    return moving, gauge.log_norms(moving)


def _part_norms(parts: Tensor) -> Tensor:
    """Return the norms of parts (k, R, n), shape (k, R), float64."""
    sizes: Tensor = torch.linalg.vector_norm(parts, dim=-1, dtype=torch.float64)
    return sizes


def _logs(sizes: Tensor) -> NDArray[np.float64]:
    return sizes.log().cpu().numpy()


def _thin_qr(parts: Tensor) -> tuple[Tensor, Tensor]:
    """Return Q as parts (k, R, n), and ``|diag R|`` (k, R), 0 where only rounding is left."""
    count, _, size = parts.shape
    if count > size:
        raise DepthError(
            f"it leaves {size} dimensions, and {count} orthogonal tangents do not exist in them; "
            "use fewer tangents"
        )
    orthonormal, upper = torch.linalg.qr(parts.double().permute(1, 2, 0))
    diagonal = upper.diagonal(dim1=-2, dim2=-1).abs()
    lost = diagonal <= 8 * torch.finfo(parts.dtype).eps * torch.linalg.vector_norm(upper, dim=-2)
    return orthonormal.permute(2, 0, 1), diagonal.masked_fill(lost, 0.0).T
