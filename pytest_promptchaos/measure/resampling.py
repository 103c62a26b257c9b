"""Resampling: bounds of a mean from bootstrap samples, and a p value from flips of signs.

Array functions only. The last axis holds the values; leading axes are many data sets at once, so
that a simulation of thousands of data sets takes one call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import t as student

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Values: TypeAlias = NDArray[np.float64]
    Bounds: TypeAlias = tuple[Values, Values]

RESAMPLES = 4000
RESOLUTION = 1e-12
"""A spread below this is rounding of float64 distances, and no spread."""
EXACT = 13
"""Up to this many pairs every flip of signs is tried: 2^13 = 8,192."""
FLIPS = 9999


def mean_bounds(*samples: Values, level: float = 0.95, seed: int = 0) -> Bounds:
    """Return the bounds of the mean of the samples' means, each of shape (...).

    Every sample is an array (..., n_p), n_p its own number of values, and at least one of them
    spreads. The bounds are the wider of Student's t and of the BCa bootstrap, 4,000 resamples
    with a fixed seed. BCa's normal quantile is first stretched to that of t times (unbiased /
    plug-in standard error): for symmetric values the two then agree, where plain BCa is 7 % too
    narrow at n = 24. Sources: B. Efron, J. Am. Stat. Assoc. 82 (1987) 171-185,
    doi:10.1080/01621459.1987.10478410; T. Hesterberg, Am. Stat. 69 (2015) 371-386 (expanded
    percentiles), doi:10.1080/00031305.2015.1089789.

    >>> low, high = mean_bounds(np.array([1.0, 2.0, 3.0]))
    >>> low.round(2), high.round(2)
    (np.float64(-0.48), np.float64(4.48))
    """
    t_low, t_high = student_bounds(*samples, level=level)
    low, high = _bca(samples, level, seed)
    return np.minimum(low, t_low), np.maximum(high, t_high)


def student_bounds(*samples: Values, level: float = 0.95) -> Bounds:
    """Return the t bounds of the mean of the samples' means, each of shape (...).

    Formula: mean -+ t(sum_p (n_p - 1)) * se, se^2 = (1/P^2) sum_p var(s_p) / n_p.

    >>> low, high = student_bounds(np.array([1.0, 2.0, 3.0]))
    >>> low.round(2), high.round(2)
    (np.float64(-0.48), np.float64(4.48))
    """
    value, reach = mean_of_means(*samples), _quantile(samples, level) * _error(samples, 1)
    return value - reach, value + reach


def mean_of_means(*samples: Values) -> Values:
    """Return the mean over samples of their means along the last axis, shape (...).

    >>> mean_of_means(np.zeros(9), np.ones(1)).item()
    0.5
    """
    return np.asarray(np.mean([s.mean(axis=-1) for s in samples], axis=0), dtype=np.float64)


def sign_flip(differences: Values, *, seed: int = 0) -> Values:
    """Return the two-sided p of the sign-flip test that differences have mean 0, shape (...).

    ``differences`` (..., n) holds one value per prompt. Formula: the share of sign flips whose
    mean is at least as far from 0 as the one seen. Exact (all 2^n flips) up to ``EXACT`` values;
    above that of ``FLIPS`` random flips and the one seen, so that p is never 0. It errs in 5 % of
    tests, or less where many differences tie, if a difference and its negative are equally likely:
    as they are when nothing tells the two systems apart. Source: E. J. G. Pitman, Suppl. J. R.
    Stat. Soc. 4 (1937) 119-130, doi:10.2307/2984124.

    >>> sign_flip(np.ones(5)).item() * 32
    2.0
    """
    count = differences.shape[-1]
    exact = count <= EXACT
    signs = _all_signs(count) if exact else _random_signs(count, seed)
    seen = np.abs(differences.sum(axis=-1, keepdims=True))
    # Sums that are equal on paper differ by rounding: such a flip is as extreme as what was seen.
    rounding = RESOLUTION * np.abs(differences).sum(axis=-1, keepdims=True)
    as_extreme = (np.abs(differences @ signs) >= seen - rounding).sum(axis=-1)
    one = 0 if exact else 1
    return np.asarray((as_extreme + one) / (signs.shape[1] + one), dtype=np.float64)


# -- bootstrap ----------------------------------------------------------------------------------


def _error(samples: Sequence[Values], ddof: int) -> Values:
    """Return the standard error of a mean of means; a single value adds none."""
    squared = [
        _power(s, 2).sum(axis=-1) / (max(s.shape[-1] - ddof, 1) * s.shape[-1]) for s in samples
    ]
    return np.asarray(np.sqrt(np.sum(squared, axis=0)) / len(samples), dtype=np.float64)


def _power(sample: Values, power: int) -> Values:
    return np.asarray((sample - sample.mean(axis=-1, keepdims=True)) ** power, dtype=np.float64)


def _quantile(samples: Sequence[Values], level: float) -> float:
    freedom = sum(s.shape[-1] - 1 for s in samples)
    return float(student.ppf((1 + level) / 2, freedom))


def _bca(samples: Sequence[Values], level: float, seed: int) -> Bounds:
    """Return the stretched BCa bounds; samples without spread add neither width nor skew."""
    value = mean_of_means(*samples)[..., np.newaxis]
    resampled = _resampled(samples, seed)
    # Half of the resamples that tie with the value count as below it: distances tie often.
    below = (resampled < value - RESOLUTION).mean(-1) + (resampled <= value + RESOLUTION).mean(-1)
    bias = ndtri(np.clip(below / 2, 1 / RESAMPLES, 1 - 1 / RESAMPLES))
    cubes, squares = (
        np.sum([_power(s, power).sum(axis=-1) / s.shape[-1] ** power for s in samples], axis=0)
        for power in (3, 2)
    )
    acceleration = cubes / (6 * squares**1.5)
    stretched = _quantile(samples, level) * _error(samples, 1) / _error(samples, 0)
    ordered = np.sort(resampled, axis=-1)
    return (
        _at(ordered, _share_below(-stretched, bias, acceleration)),
        _at(ordered, _share_below(stretched, bias, acceleration)),
    )


def _share_below(z: Values, bias: Values, acceleration: Values) -> Values:
    """Return the share of resamples below a bound: Phi(z0 + (z0 + z) / (1 - a (z0 + z)))."""
    moved = bias + z
    shrunk = 1 - acceleration * moved
    # At or past the pole of the formula the bound is the outermost resample.
    outermost = np.where(moved > 0, np.inf, -np.inf)
    ratio = np.divide(moved, shrunk, out=outermost, where=shrunk > 0)
    return np.asarray(ndtr(bias + ratio), dtype=np.float64)


def _at(ordered: Values, below: Values) -> Values:
    """Return the value of ``ordered`` (..., B) that a share ``below`` (...) lies under."""
    place = below * (ordered.shape[-1] - 1)
    lower = np.floor(place).astype(np.int64)[..., np.newaxis]
    upper = np.minimum(lower + 1, ordered.shape[-1] - 1)
    low, high = (np.take_along_axis(ordered, at, axis=-1)[..., 0] for at in (lower, upper))
    return np.asarray(low + (place - lower[..., 0]) * (high - low), dtype=np.float64)


def _resampled(samples: Sequence[Values], seed: int) -> Values:
    """Return ``RESAMPLES`` bootstrap means of the samples' means, shape (..., B)."""
    rng = np.random.default_rng(seed)
    drawn = [s @ _shares(rng, s.shape[-1]) for s in samples]
    return np.asarray(np.sum(drawn, axis=0) / len(samples), dtype=np.float64)


def _shares(rng: np.random.Generator, count: int) -> Values:
    """Return how often each of ``count`` values is drawn per resample, in shares, (count, B)."""
    drawn = rng.integers(0, count, (RESAMPLES, count)) + count * np.arange(RESAMPLES)[:, np.newaxis]
    times = np.bincount(drawn.ravel(), minlength=RESAMPLES * count)
    return np.asarray(times.reshape(RESAMPLES, count).T / count, dtype=np.float64)


# -- flips of signs -----------------------------------------------------------------------------


def _all_signs(count: int) -> Values:
    """Return every pattern of signs, shape (count, 2^count)."""
    bits = (np.arange(2**count) >> np.arange(count)[:, np.newaxis]) & 1
    return np.asarray(1.0 - 2.0 * bits, dtype=np.float64)


def _random_signs(count: int, seed: int) -> Values:
    """Return ``FLIPS`` random patterns of signs, shape (count, FLIPS)."""
    return np.random.default_rng(seed).choice(np.array([-1.0, 1.0]), size=(count, FLIPS))
