"""Two ways to size and renew k tangents: each by its own norm, or all by a thin QR."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Mode: TypeAlias = Literal["independent", "orthogonal"]
Sizes: TypeAlias = "Callable[[Tensor], NDArray[np.float64]]"
Renew: TypeAlias = Callable[[Tensor], Tensor]


def norms(tangents: Tensor) -> Tensor:
    """Return each tangent's joint norm over all its axes, shape (k,), float64."""
    sizes: Tensor = torch.linalg.vector_norm(tangents.double().flatten(1), dim=1)
    return sizes


def column(values: Tensor, like: Tensor) -> Tensor:
    """Return ``values`` (k,) shaped to broadcast over tangents (k, ...)."""
    return values.reshape(-1, *[1] * (like.dim() - 1))


def _log_norms(tangents: Tensor) -> NDArray[np.float64]:
    """Return the logs of the joint norms, shape (k,); ``-inf`` for a zero tangent."""
    return norms(tangents).log().cpu().numpy()


def _shrink(tangents: Tensor) -> Tensor:
    """Return the tangents divided by their norms, rounded to powers of two.

    Dividing by a power of two is exact, so no cadence changes a single bit in any dtype.
    """
    scale = torch.exp2(norms(tangents).log2().round())
    return tangents / column(scale, tangents).to(tangents)


def _thin_qr(tangents: Tensor) -> tuple[Tensor, Tensor]:
    """Return Q (n, k) and R (k, k) of the tangents as columns, in float64."""
    orthonormal, upper = torch.linalg.qr(tangents.double().flatten(1).T)
    return orthonormal, upper


def _log_diagonal(tangents: Tensor) -> NDArray[np.float64]:
    """Return ``log|diag R|``, shape (k,); ``-inf`` where rounding is all that is left."""
    _, upper = _thin_qr(tangents)
    diagonal, columns = upper.diagonal().abs(), torch.linalg.vector_norm(upper, dim=0)
    lost = diagonal <= 8 * torch.finfo(tangents.dtype).eps * columns
    return diagonal.masked_fill(lost, 0.0).log().cpu().numpy()


def _orthonormalize(tangents: Tensor) -> Tensor:
    """Return orthonormal tangents that span, in order, what the given ones span."""
    orthonormal, _ = _thin_qr(tangents)
    return orthonormal.T.reshape(tangents.shape).to(tangents)


MODES: dict[str, tuple[Sizes, Renew]] = {
    "independent": (_log_norms, _shrink),
    "orthogonal": (_log_diagonal, _orthonormalize),
}
"""Per mode: the logs of the tangents' sizes, and the tangents renewed."""


def start(tangents: Tensor, mode: Mode) -> tuple[Tensor, NDArray[np.float64]]:
    """Return the tangents as they enter the first step, and the logs of their sizes."""
    log_sizes, renew = MODES[mode]
    if not np.isfinite(log_sizes(tangents)).all():
        raise ValueError("a tangent is zero, not finite, or a combination of the ones before it")
    moving = renew(tangents)
    return moving, log_sizes(moving)


def require_sizes(log_sizes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``log_sizes``, all finite; raises ``DepthError`` for a tangent that is gone."""
    gone = np.flatnonzero(~np.isfinite(log_sizes))
    if len(gone):
        raise DepthError(
            f"tangent {gone[0]} vanishes in it: its direction is mapped to zero, or onto what the "
            "tangents before it span already; use fewer tangents or a smaller cadence"
        )
    return log_sizes
