"""Intervals: bias-corrected and accelerated bootstrap beside Student's t, clustered by prompt.

The prompt is the unit, because neighbors of one prompt resemble each other. With at least
``MIN_CLUSTERS`` prompts the prompts are resampled. With fewer, resampling prompts says nothing,
so the neighbors are resampled within each prompt, and the interval speaks of these prompts only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import bootstrap, permutation_test
from scipy.stats import t as student
from statsmodels.stats.proportion import proportion_confint

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MIN_CLUSTERS = 5
RESAMPLES = 4000
LEVEL = 0.95
RESOLUTION = 1e-12
"""A spread below this is rounding of float64 distances, and no spread."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A mean with the bounds of its interval. ``words`` say what it was taken over.

    ``unit`` names what was resampled and ``count`` how many there were: more of these, and of
    nothing else, would narrow it. A single value has no bounds.
    """

    value: float
    low: float | None
    high: float | None
    words: str
    unit: str
    count: int


def clustered_mean(
    groups: Sequence[NDArray[np.float64]], *, largest: float | None = None, seed: int = 0
) -> Interval:
    """Return the mean of the groups' means with its 95 % interval.

    ``groups`` holds one array of distances per prompt. Formula: (1/P) sum_p mean(g_p). The bounds
    are the wider of scipy's BCa bootstrap (4,000 resamples, fixed seed) and Student's t, because
    either is too narrow for a few skewed values (with six exponential ones even this covers about
    87 %, with twelve about 90 %). When all values are equal neither knows a width:
    with n equal values a share of up to 1 - 0.05^(1/n) of neighbors may still move, and as far as
    ``largest``, so that is the bound; without ``largest`` there is none. Raises ``ValueError``
    without any value.

    >>> import numpy as np
    >>> round(clustered_mean([np.zeros(12)], largest=1.0).high, 3)
    0.221
    """
    filled = [np.asarray(g, dtype=np.float64) for g in groups if len(g)]
    if not filled:
        raise ValueError("no values to take a mean of")
    neighbors = np.concatenate(filled)
    means = np.array([g.mean() for g in filled])
    if np.ptp(neighbors) <= RESOLUTION:
        return _all_equal(neighbors, largest)
    spread_within = any(np.ptp(g) > RESOLUTION for g in filled)
    lone = min(len(g) for g in filled) < 2
    if np.ptp(means) > RESOLUTION and (len(filled) >= MIN_CLUSTERS or lone or not spread_within):
        few = "" if len(filled) >= MIN_CLUSTERS else ", which are few"
        return _spread((means,), f"{len(means)} prompts{few}", "prompts", seed)
    plural = "prompt" if len(filled) == 1 else "prompts"
    told = f"{len(neighbors)} neighbors within {len(filled)} {plural}, not over prompts"
    return _spread(tuple(filled), told, "neighbors", seed)


def _all_equal(values: NDArray[np.float64], largest: float | None) -> Interval:
    """Return equal values with the bound that their number allows."""
    value, count = float(values[0]), len(values)
    if count == 1 or largest is None:
        words = "a single neighbor" if count == 1 else f"{count} equal values"
        return Interval(
            value=value,
            low=None,
            high=None,
            words=f"{words}: no interval",
            unit="neighbors",
            count=count,
        )
    unseen = 1 - 0.05 ** (1 / count)
    return Interval(
        value=value,
        low=value * (1 - unseen),
        high=value + unseen * max(largest - value, 0.0),
        words=f"all {count} neighbors equal; up to {unseen:.0%} of others may still move (95 %)",
        unit="neighbors",
        count=count,
    )


def _spread(samples: tuple[NDArray[np.float64], ...], told: str, unit: str, seed: int) -> Interval:
    """Return the mean of the samples' means with the wider of its BCa and t bounds."""
    value = float(np.mean([s.mean() for s in samples]))
    low, high = _student(samples, value)
    words = f"95 % t over {told}"
    varying = tuple(s for s in samples if np.ptp(s) > RESOLUTION)
    if min(len(s) for s in varying) >= 3:
        resampled = _bca(
            varying,
            sum(float(s.mean()) for s in samples) - sum(float(s.mean()) for s in varying),
            len(samples),
            seed,
        )
        if np.isfinite(resampled).all():
            low, high = min(low, resampled[0]), max(high, resampled[1])
            words = f"95 %, the wider of BCa and t, over {told}"
    # No mean of distances lies below the smallest of them that a resample can hold.
    floor = float(np.mean([s.min() for s in samples]))
    count = sum(len(s) for s in samples)
    return Interval(
        value=value, low=max(low, min(floor, value)), high=high, words=words, unit=unit, count=count
    )


def _student(samples: tuple[NDArray[np.float64], ...], value: float) -> tuple[float, float]:
    """Return the t bounds of a mean of means: se^2 = sum_p var(s_p)/n_p / P^2."""
    error = np.sqrt(sum(s.var(ddof=1) / len(s) for s in samples)) / len(samples)
    freedom = sum(len(s) - 1 for s in samples)
    reach = float(student.ppf((1 + LEVEL) / 2, freedom) * error)
    return value - reach, value + reach


def _bca(
    varying: tuple[NDArray[np.float64], ...], fixed: float, count: int, seed: int
) -> tuple[float, float]:
    """Return the BCa bounds of the mean of ``count`` means, of which some are ``fixed``.

    A sample without spread adds no uncertainty, and scipy's acceleration divides by its spread.
    """

    def mean_of_means(*parts: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
        total: NDArray[np.float64] = sum(
            (part.mean(axis=axis) for part in parts[1:]), parts[0].mean(axis=axis)
        )
        return (total + fixed) / count

    result = bootstrap(
        varying,
        mean_of_means,
        n_resamples=RESAMPLES,
        vectorized=True,
        method="BCa",
        confidence_level=LEVEL,
        rng=np.random.default_rng(seed),
    )
    low, high = result.confidence_interval
    return float(low), float(high)


def share(hits: int, total: int) -> Interval:
    """Return ``hits / total`` with its 95 % Wilson interval; raises ``ValueError`` for total 0.

    >>> round(share(0, 12).high, 3)
    0.242
    """
    if total <= 0:
        raise ValueError("a share of nothing")
    low, high = proportion_confint(hits, total, method="wilson")
    # Wilson's bounds touch 0 and 1 up to rounding; a share outside [0, 1] would be absurd.
    return Interval(
        value=hits / total,
        low=max(float(low), 0.0),
        high=min(float(high), 1.0),
        words=f"95 % Wilson over {total} neighbors",
        unit="neighbors",
        count=total,
    )


def paired_sign_flip(
    first: NDArray[np.float64], second: NDArray[np.float64], *, seed: int = 0
) -> float:
    """Return the two-sided p of the paired sign-flip permutation test on the mean difference.

    ``first`` and ``second`` hold one value per prompt, in the same order. Exact for up to 13
    pairs, 9,999 random flips above that. Pairs without a difference keep their place.

    >>> import numpy as np
    >>> paired_sign_flip(np.arange(5.0), np.arange(5.0))
    1.0
    """
    if not np.any(first != second):
        return 1.0
    result = permutation_test(
        (np.asarray(first), np.asarray(second)),
        lambda a, b, axis: (a - b).mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=9999,
        rng=np.random.default_rng(seed),
    )
    return float(result.pvalue)
