"""The profile of growth over depth: its mean, its shape, and where it changes sign.

A growth array has shape (k, L): the log growth, in nats, of k tangents in each of L layers. Its
mean over tangents is a profile, one number per layer; it is no spectrum.

Every interval is a jackknife t-interval over the rows, which are tangents or prompts. For the
rate, the slopes and one layer's growth, which are linear in the rows, it is the ordinary
t-interval; a bootstrap of ten values is too narrow.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.stats import t as student

from pytest_promptchaos.measure.intervals import LEVEL

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Statistic = Callable[[NDArray[np.float64]], float]
    Bounds = tuple[NDArray[np.float64], NDArray[np.float64]]


def mean_profile(growth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean log growth of each layer, shape (L,), in nats, from growth (k, L).

    >>> mean_profile(np.array([[0.0, 1.0], [2.0, 3.0]])).tolist()
    [1.0, 2.0]
    """
    profile: NDArray[np.float64] = growth.mean(axis=0)
    return profile


def exponent(growth: NDArray[np.float64]) -> float:
    """Return lambda_1, the finite-time growth rate in nats per layer, from growth (k, L).

    Formula: ``(1/L) sum_l g_l``, where ``g_l`` is the mean over tangents. Any real number; zero
    where perturbations keep their size. Source: G. Benettin et al., Meccanica 15 (1980) 9-20.

    >>> round(exponent(np.log([[2.0, 0.5], [2.0, 2.0]])), 4)
    0.3466
    """
    return float(mean_profile(growth).mean())


def profile_variance(growth: NDArray[np.float64]) -> float:
    """Return the variance over layers (ddof 0) of the mean profile, in squared nats, >= 0.

    The noise of k tangents inflates it by about its own variance divided by k:
    :func:`profile_variance_debiased` takes that away.

    >>> profile_variance(np.array([[0.0, 2.0], [0.0, 2.0]]))
    1.0
    """
    return float(mean_profile(growth).var())


def profile_variance_debiased(growth: NDArray[np.float64]) -> float:
    """Return the variance over layers of the profile that infinitely many tangents would show.

    In squared nats; unbiased, so it may fall below 0 where a flat profile is all noise. Formula:
    the mean, over pairs of different tangents, of the covariance over layers of their growths,
    ``(k var(mean_i g_i) - mean_i var(g_i)) / (k - 1)``; noise shared by no two tangents cancels.
    Raises ``ValueError`` for one tangent, whose noise and profile are one thing.

    >>> profile_variance_debiased(np.array([[0.0, 2.0], [2.0, 0.0]]))
    -1.0
    """
    count = len(growth)
    if count < 2:
        raise ValueError("one tangent does not tell its noise from the profile: take at least two")
    within = float(growth.var(axis=1).mean())
    return (count * profile_variance(growth) - within) / (count - 1)


def profile_slope(
    growth: NDArray[np.float64], *, over: Literal["layer", "depth"] = "layer"
) -> float:
    """Return the least-squares slope of the mean profile, in nats per layer or per whole depth.

    ``over="layer"`` takes the layer index l as abscissa, ``over="depth"`` the fraction l / L:
    only the second compares models of different depth. Raises ``ValueError`` for one layer.

    >>> profile_slope(np.array([[0.0, 1.0, 2.0]])), profile_slope(np.eye(2)[:1], over="depth")
    (1.0, -2.0)
    """
    layers = growth.shape[1]
    if layers < 2:
        raise ValueError("one layer has no slope: at least two are needed")
    abscissa = np.arange(layers) / (layers if over == "depth" else 1)
    centered = abscissa - abscissa.mean()
    return float(centered @ mean_profile(growth) / (centered @ centered))


def largest_growth(growth: NDArray[np.float64]) -> float:
    """Return the mean log growth of the layer that grows most, in nats.

    >>> largest_growth(np.array([[0.0, 3.0, 1.0]]))
    3.0
    """
    return float(mean_profile(growth).max())


def zero_crossings(profile: NDArray[np.float64]) -> tuple[tuple[int, int], ...]:
    """Return the pairs of layers between which a profile (L,) changes sign, in order.

    A layer whose growth is exactly zero has no sign and is passed over: the pair then names the
    layers on both sides of it.

    >>> zero_crossings(np.array([0.4, 0.1, -0.2, 0.0, 0.3]))
    ((1, 2), (2, 4))
    """
    signed = np.flatnonzero(profile)
    return tuple(
        (int(before), int(after))
        for before, after in pairwise(signed)
        if profile[before] * profile[after] < 0
    )


def crossing_depth(profile: NDArray[np.float64], before: int, after: int) -> float:
    """Return where the straight line between two layers' growths is zero, as a layer index.

    >>> crossing_depth(np.array([3.0, -1.0]), 0, 1)
    0.75
    """
    fall = profile[before] / (profile[before] - profile[after])
    return float(before + fall * (after - before))


def jackknife_interval(
    units: NDArray[np.float64], statistic: Statistic, *, least: int = 2
) -> tuple[float, float] | None:
    """Return the bounds of the 95 % jackknife t-interval of ``statistic(units)``.

    ``units`` has shape (n, L). With ``s_i`` the statistic without unit i, the standard error is
    ``sqrt((n - 1) / n * sum((s_i - mean(s))**2))``, on n - 1 degrees of freedom. ``None`` below
    ``least`` units, which show no spread: one more than the statistic itself needs. Source: B.
    Efron, The Jackknife (1982), doi:10.1137/1.9781611970319.

    >>> low, high = jackknife_interval(np.array([[0.0], [1.0], [2.0]]), exponent)
    >>> round(low, 3), round(high, 3)
    (-1.484, 3.484)
    """
    count = len(units)
    if count < least:
        return None
    without = np.array([statistic(np.delete(units, i, axis=0)) for i in range(count)])
    error = np.sqrt((count - 1) * without.var())
    reach = float(student.ppf((1 + LEVEL) / 2, count - 1) * error)
    value = statistic(units)
    return value - reach, value + reach


def layer_bounds(units: NDArray[np.float64], *, together: bool = False) -> Bounds | None:
    """Return the lower and the upper 95 % t bounds of every layer's mean growth, each (L,).

    Each layer by itself, or ``together``: then all L intervals hold at once in 95 % of
    measurements (Bonferroni: each is taken at ``1 - 0.05 / L``). ``None`` for one unit. Source:
    O. J. Dunn, J. Am. Stat. Assoc. 56 (1961) 52-64, doi:10.1080/01621459.1961.10482090.

    >>> low, high = layer_bounds(np.array([[0.0, 5.0], [1.0, 5.0], [2.0, 5.0]]))
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([-1.484, 5.0], [3.484, 5.0])
    """
    count, layers = units.shape
    if count < 2:
        return None
    missed = (1 - LEVEL) / (layers if together else 1)
    error = units.std(axis=0, ddof=1) / np.sqrt(count)
    reach = student.ppf(1 - missed / 2, count - 1) * error
    profile = mean_profile(units)
    return profile - reach, profile + reach
