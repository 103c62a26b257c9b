"""Two ways to size and renew k tangents: each by its own norm, or all by a thin QR."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, TypeAlias

import torch
from torch import Tensor

if TYPE_CHECKING:
    import numpy as np
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
