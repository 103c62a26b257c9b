"""Two shares over the same images: each with its interval, and their difference and ratio.

Bounds follow from formulas and not from resampling: a resample of images cannot show what few
flips did not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy.special import stdtrit
from scipy.stats import norm
from statsmodels.stats.proportion import proportion_confint

from pytest_promptchaos.measure.intervals import LEVEL, MIN_CLUSTERS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values: TypeAlias = NDArray[np.float64]
    Bounds: TypeAlias = tuple[float, float]

_Z = float(norm.ppf((1 + LEVEL) / 2))


@dataclass(frozen=True, kw_only=True)
class Share:
    """A share of pairs with what its interval needs.

    ``low`` and ``high`` are Wilson's bounds for ``worth`` independent pairs, absent for one image;
    ``errors`` (images,) is what each image adds to the error of the share.
    """

    value: float
    low: float | None
    high: float | None
    worth: float
    images: int
    errors: Values


def clustered_share(hits: Values, totals: Values) -> Share:
    """Return a pooled share over images, from hits and totals of each image (images,).

    Formula: p = sum hits / sum totals, with Wilson's bounds for n = p (1 - p) / v pairs, at most
    all and at least one, times (z / t)^2: v = k / (k - 1) sum_i (hits_i - p totals_i)^2 / N^2 over
    the k images with any pair, z and t the 97.5 % quantiles of the normal and of Student's t with
    k - 1 degrees. Where fewer than ``MIN_CLUSTERS`` images hold the rarer outcome their spread
    knows too little, and n is at most k. Source: E. L. Korn and B. I. Graubard, Survey Methodology
    24 (1998) 193-201. Raises ``ValueError`` without any pair.

    >>> share = clustered_share(np.full(10, 2.0), np.full(10, 2.0))
    >>> share.value, round(share.low, 3)
    (1.0, 0.661)
    """
    total, images = float(totals.sum()), int(np.count_nonzero(totals))
    if not images:
        raise ValueError("a share of nothing: no image has such a pair")
    value = float(hits.sum() / total)
    few = images / max(images - 1, 1)
    errors = np.sqrt(few) * (hits - value * totals) / total
    if images < 2:
        return Share(value=value, low=None, high=None, worth=1.0, images=images, errors=errors)
    variance = float(errors @ errors)
    worth = float(value * (1 - value) / variance if variance > 0 else total)
    rarer = hits if value < 0.5 else totals - hits
    most = total if np.count_nonzero(rarer) >= MIN_CLUSTERS else images
    few_degrees = float(_Z / stdtrit(images - 1, (1 + LEVEL) / 2)) ** 2
    worth = float(np.clip(worth, 1.0, most)) * few_degrees
    low, high = proportion_confint(value * worth, worth, alpha=1 - LEVEL, method="wilson")
    return Share(
        value=value,
        low=min(max(float(low), 0.0), value),
        high=max(min(float(high), 1.0), value),
        worth=worth,
        images=images,
        errors=errors,
    )


def difference_bounds(first: Share, second: Share) -> Bounds:
    """Return the 95 % bounds of the difference of two shares over the same images, in [-1, 1].

    Formula: d - sqrt(a^2 + b^2 - 2 r a b), a the way from the first share to its lower bound, b
    that from the second to its upper one, r the correlation of their errors over images; the upper
    bound likewise. With 24 images of nine pairs and 20 % flips it held the true difference in at
    least 94 % of 600 simulations, with 3 % flips in 99 %, with 6 to 12 images in 96 to 99 %; the
    percentiles of 1,000 resamples of images in at least 89 %, in 51 %, and in 75 to 92 %. Source:
    G. Y. Zou and A. Donner, Stat. Med. 27 (2008) 1693-1702, doi:10.1002/sim.3095.

    >>> few, many = (clustered_share(np.full(20, k), np.full(20, 4.0)) for k in (1.0, 3.0))
    >>> low, high = difference_bounds(few, many)
    >>> round(low, 3), round(high, 3)
    (-0.622, -0.341)
    """
    down, up, other_down, other_up, r = _reach(first, second)
    low = np.sqrt(max(down**2 + other_up**2 - 2 * r * down * other_up, 0.0))
    high = np.sqrt(max(up**2 + other_down**2 - 2 * r * up * other_down, 0.0))
    middle = first.value - second.value
    return max(middle - float(low), -1.0), min(middle + float(high), 1.0)


def ratio_bounds(first: Share, second: Share) -> Bounds:
    """Return the 95 % bounds of the ratio of two shares over the same images, at least 0.

    They hold 1 exactly where those of the difference hold 0: they are the ratios R for which those
    of first - R second, as in :func:`difference_bounds`, touch 0. The second share must be above
    0. Source: A. Donner and G. Y. Zou, Stat. Methods Med. Res. 21 (2012) 347-359,
    doi:10.1177/0962280210383082.

    >>> few, all_ = (clustered_share(np.full(20, k), np.full(20, 4.0)) for k in (1.0, 4.0))
    >>> low, high = ratio_bounds(few, all_)
    >>> 0 < low < 0.25 < high < 1
    True
    """
    down, up, other_down, other_up, r = _reach(first, second)
    p, q = first.value, second.value
    wide, rest = q**2 - other_up**2, p**2 - down**2
    cross = p * q - r * down * other_up
    root = cross + np.sqrt(max(cross**2 - wide * rest, 0.0))
    low = rest / root if root > 0 else 0.0
    wide, rest = q**2 - other_down**2, p**2 - up**2
    cross = p * q - r * up * other_down
    high = (cross + np.sqrt(max(cross**2 - wide * rest, 0.0))) / wide
    return max(float(min(low, p / q)), 0.0), float(max(high, p / q))


def _reach(first: Share, second: Share) -> tuple[float, float, float, float, float]:
    """Return how far both shares reach down and up, and how their errors go together."""
    if first.low is None or first.high is None or second.low is None or second.high is None:
        raise ValueError("one image has no interval of a share")
    scale = float(np.sqrt((first.errors @ first.errors) * (second.errors @ second.errors)))
    together = float(np.clip(first.errors @ second.errors / scale, -1, 1)) if scale > 0 else 0.0
    down, up = first.value - first.low, first.high - first.value
    return down, up, second.value - second.low, second.high - second.value, together
