"""Growth in infinitely wide random tanh networks, and how a finite width shifts it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Function = Callable[[NDArray[np.float64]], NDArray[np.float64]]

# Equally spaced, because the trapezoidal rule errs by less than 1e-9 up to radius 20, where 101
# Gauss-Hermite nodes are off by 0.02 nats at radius 4: the poles of tanh come near the axis as
# the variance grows. L. N. Trefethen and J. A. C. Weideman, SIAM Review 56 (2014) 385.
_NODES = np.linspace(-10, 10, 2001)
_WEIGHTS = np.exp(-(_NODES**2) / 2) / np.exp(-(_NODES**2) / 2).sum()


@dataclass(frozen=True, kw_only=True)
class MeanField:
    """What the theory says of one layer: variance q of what enters tanh, chi, and growth in nats.

    ``chi`` is the mean factor by which a squared distance grows, ``growth`` is ``0.5 ln chi``.
    ``per_width`` divided by the width is how far a layer of finite width lies below it.
    """

    variance: float
    chi: float
    growth: float
    per_width: float


def mean_field(radius: float) -> MeanField:
    """Return the theory for infinite width and depth, weights of variance ``radius**2 / width``.

    Formula: ``q = radius^2 E[tanh(sqrt(q) z)^2]`` at its stable fixed point, and
    ``chi = radius^2 E[phi'(sqrt(q) z)^2]`` with phi' the slope of tanh and z standard normal.
    Growth is 0 at radius 1, below it ``ln radius``. Sources: B. Poole et al., Advances in Neural
    Information Processing Systems 29 (2016), arXiv:1606.05340; for fixed couplings in continuous
    time, H. Sompolinsky et al., Phys. Rev. Lett. 61 (1988) 259.

    >>> round(mean_field(0.5).growth, 6), round(mean_field(1.5).growth, 4)
    (-0.693147, 0.0652)
    """
    return _at(radius, _fixed_point(radius))


def mean_field_profile(radius: float, layers: int, mean_square: float = 1.0) -> tuple[float, ...]:
    """Return the growth in each of the first ``layers`` layers, in nats, at infinite width.

    The input's numbers have the mean square ``mean_square``. The first layers differ from the
    limit, and near radius 1 so do all layers of a network of common depth.
    """
    return tuple(_at(radius, q).growth for q in _variances(radius, layers, mean_square))


def _variances(radius: float, layers: int, mean_square: float) -> Iterator[float]:
    """Yield the variance of what enters tanh, layer by layer."""
    for _ in range(layers):
        variance = radius**2 * mean_square
        yield variance
        mean_square = _expected(lambda h: np.tanh(h) ** 2, variance)


def _fixed_point(radius: float) -> float:
    """Return the stable q: 0 up to radius 1, where the iteration would take for ever to say so."""
    if radius <= 1:
        return 0.0
    variance, before = radius**2, 0.0
    while abs(variance - before) > 1e-13 * variance:
        before = variance
        variance = radius**2 * _expected(lambda h: np.tanh(h) ** 2, before)
    return variance


def _at(radius: float, variance: float) -> MeanField:
    """Return chi and growth where the variance of what enters tanh is ``variance``.

    ``per_width``: the squared length after a layer is a sum of width terms ``phi'(h)^2 g^2`` with
    g standard normal, so the mean of its log lies below the log of its mean by half its relative
    variance, ``(3 E[phi'^4] / E[phi'^2]^2 - 1) / (2 width)``, and growth is half the log.
    """
    second = _expected(lambda h: _slope(h) ** 2, variance)
    fourth = _expected(lambda h: _slope(h) ** 4, variance)
    chi = radius**2 * second
    return MeanField(
        variance=variance,
        chi=chi,
        growth=float(0.5 * np.log(chi)),
        per_width=(3 * fourth / second**2 - 1) / 4,
    )


def _slope(h: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 - np.tanh(h) ** 2


def _expected(function: Function, variance: float) -> float:
    """Return ``E[function(sqrt(variance) z)]`` for standard normal z."""
    return float(_WEIGHTS @ function(np.sqrt(variance) * _NODES))
