"""Intervals: bias-corrected and accelerated bootstrap, clustered by prompt.

The prompt is the unit, because neighbors of one prompt resemble each other. With at least
``MIN_CLUSTERS`` prompts the prompts are resampled. With fewer, resampling prompts says nothing,
so the neighbors are resampled within each prompt, and the interval speaks of these prompts only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import bootstrap, permutation_test
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
    """A mean with the bounds of its interval. ``words`` say what was resampled.

    A single value has no bounds: nothing can be said about its spread.
    """

    value: float
    low: float | None
    high: float | None
    words: str


def clustered_mean(groups: Sequence[NDArray[np.float64]], *, seed: int = 0) -> Interval:
    """Return the mean of the groups' means with its 95 % BCa interval.

    ``groups`` holds one array of distances per prompt, none empty. Formula: (1/P) sum_p mean(g_p);
    bounds by scipy's BCa bootstrap with 4,000 resamples and a fixed seed. When all values that
    are resampled are equal the bootstrap has no width; the words say so. Raises ``ValueError``
    without any value.

    >>> import numpy as np
    >>> clustered_mean([np.array([0.0, 0.0, 0.0])]).high
    0.0
    """
    filled = [np.asarray(g, dtype=np.float64) for g in groups if len(g)]
    if not filled:
        raise ValueError("no values to take a mean of")
    if len(filled) >= MIN_CLUSTERS:
        means = np.array([g.mean() for g in filled])
        return _bca((means,), f"95 % BCa over {len(means)} prompts", seed)
    if min(len(g) for g in filled) < 2:
        return _lone(filled, seed)
    count = sum(len(g) for g in filled)
    plural = "prompt" if len(filled) == 1 else "prompts"
    words = f"95 % BCa over {count} neighbors within {len(filled)} {plural}, not over prompts"
    return _bca(tuple(filled), words, seed)


def _lone(groups: Sequence[NDArray[np.float64]], seed: int) -> Interval:
    """Return the mean where a prompt has a single neighbor, whose spread nobody knows.

    Keeping that prompt fixed would claim a width that was never measured, so the prompts are
    resampled, few as they are.
    """
    means = np.array([g.mean() for g in groups])
    if len(means) == 1:
        words = "a single neighbor: no interval"
        return Interval(value=float(means[0]), low=None, high=None, words=words)
    return _bca((means,), f"95 % BCa over {len(means)} prompts, which are few", seed)


def _bca(samples: tuple[NDArray[np.float64], ...], words: str, seed: int) -> Interval:
    value = float(np.mean([s.mean() for s in samples]))
    varying = tuple(s for s in samples if np.ptp(s) > RESOLUTION)
    if not varying:
        return Interval(
            value=value, low=value, high=value, words=f"{words}: all equal, so it has no width"
        )
    # A sample without spread adds no uncertainty, and scipy's acceleration divides by its spread.
    fixed = sum(float(s.mean()) for s in samples if np.ptp(s) <= RESOLUTION)
    count = len(samples)
    if min(len(s) for s in varying) < 3:
        low, high = _range(varying, fixed, count)
        return Interval(value=value, low=low, high=high, words=f"range, too few for {words}")

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
    low, high = (float(b) for b in result.confidence_interval)
    if not (np.isfinite(low) and np.isfinite(high)):
        low, high = _range(varying, fixed, count)
        words = f"range, BCa undefined here; asked for {words}"
    return Interval(value=value, low=min(low, value), high=max(high, value), words=words)


def _range(
    samples: tuple[NDArray[np.float64], ...], fixed: float, count: int
) -> tuple[float, float]:
    low = (fixed + sum(float(s.min()) for s in samples)) / count
    high = (fixed + sum(float(s.max()) for s in samples)) / count
    return low, high


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
