"""Whether two numbers go together over prompts: Spearman's rank correlation with its interval."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import norm, spearmanr

from pytest_promptchaos.measure.intervals import LEVEL, MIN_CLUSTERS
from pytest_promptchaos.records import Measurement

if TYPE_CHECKING:
    from collections.abc import Sequence


def rank_bounds(rho: float, count: int) -> tuple[float, float]:
    """Return the 95 % bounds of Spearman's rho over ``count`` points, in [-1, 1].

    Formula: tanh(artanh(rho) -+ z sqrt((1 + rho^2 / 2) / (count - 3))). Source: D. G. Bonett and
    T. A. Wright, Psychometrika 65 (2000) 23-28, doi:10.1007/BF02294183. Raises ``ValueError``
    for fewer than four points, and for a perfect order, whose artanh is infinite.

    >>> low, high = rank_bounds(0.0, 28)
    >>> round(low, 3), round(high, 3)
    (-0.373, 0.373)
    """
    if count < 4:
        raise ValueError(f"{count} points have no interval of a rank correlation: take four")
    if abs(rho) >= 1:
        raise ValueError(f"{count} points in perfect order know no other rank correlation")
    reach = norm.ppf((1 + LEVEL) / 2) * np.sqrt((1 + rho**2 / 2) / (count - 3))
    middle = np.arctanh(rho)
    return float(np.tanh(middle - reach)), float(np.tanh(middle + reach))


def rank_correlation(
    name: str, x: Sequence[float], y: Sequence[float], *, over: str
) -> Measurement:
    """Return Spearman's rho of two numbers, with its interval and how many points it rests on.

    ``over`` names the points ("prompts"). Absent below ``MIN_CLUSTERS`` points, and where one of
    the two numbers is everywhere the same. A perfect order has no interval.

    >>> rank_correlation("m", [1, 2, 3, 4, 5], [2, 4, 8, 16, 32], over="prompts").value
    1.0
    """
    count, unit = len(x), "Spearman's rho, -1 to 1"
    still = count and (np.ptp(x) == 0 or np.ptp(y) == 0)
    if count < MIN_CLUSTERS or still:
        few = f"{count} {over}: a rank correlation needs {MIN_CLUSTERS}"
        reason = f"one of the two is the same for all {count} {over}" if still else few
        return Measurement(name=name, unit=unit, reason=reason, n=count)
    # Ranks in perfect order give 1 up to rounding.
    rho = round(float(spearmanr(x, y).statistic), 12)
    perfect = abs(rho) == 1
    low, high = (None, None) if perfect else rank_bounds(rho, count)
    order = f"no interval: {count} {over} in perfect order know no other rank correlation"
    return Measurement(
        name=name,
        unit=unit,
        value=rho,
        low=low,
        high=high,
        interval=order if perfect else f"95 % Fisher z over {count} {over}",
        resampled=over,
        resampled_n=count,
        n=count,
        effective_n=count,
    )
