"""Intervals: bias-corrected and accelerated bootstrap beside Student's t, clustered by prompt.

The prompt is the unit, because neighbors of one prompt resemble each other. With at least
``MIN_CLUSTERS`` prompts the prompts are resampled. With fewer, resampling prompts says nothing,
so the neighbors are resampled within each prompt, and the interval speaks of these prompts only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from statsmodels.stats.proportion import proportion_confint

from pytest_promptchaos.measure.resampling import (
    RESOLUTION,
    mean_bounds,
    mean_of_means,
    sign_flip,
    student_bounds,
    unseen_reach,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

MIN_CLUSTERS = 5
LEVEL = 0.95
FEWEST = 3
"""Values that resampling needs: two show one width and no shape."""


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
    groups: Sequence[NDArray[np.float64]],
    *,
    largest: float | None = None,
    smallest: float = 0.0,
    seed: int = 0,
) -> Interval:
    """Return the mean of the groups' means with its 95 % interval.

    ``groups`` holds one array of distances per prompt. Formula: (1/P) sum_p mean(g_p). The bounds
    are those of :func:`mean_bounds`. At 24 prompts they hold the true mean in 94 to 97 % of
    simulations for normal, exponential and mostly unchanged distances, in 92 % for a log-normal
    tail; with 6 prompts of skewed distances in 86 to 91 % (``python -m benchmarks.coverage``).
    Where values tie they know too little of a width: with n equal units a share of up to
    1 - 0.05^(1/n) of others may still move, as far as ``largest`` or ``smallest``, so those are
    the bounds; and where all but a few of the units tie, the bounds reach at least
    :func:`unseen_reach` beyond the mean, so that a tiny movement does not make it certain: at 24
    prompts of which two in three never move that holds it in 97 to 99 %. Without ``largest``
    equal values have no bounds, and ties no reach. The units are the prompts from
    ``MIN_CLUSTERS`` on: were one prompt in 20 to move with all its neighbors, 24 prompts would
    show none of it in 29 %. Raises ``ValueError`` without any value.

    >>> round(clustered_mean([np.zeros(12)], largest=1.0).high, 3)
    0.221
    """
    filled = [np.asarray(g, dtype=np.float64) for g in groups if len(g)]
    if not filled:
        raise ValueError("no values to take a mean of")
    neighbors = np.concatenate(filled)
    means = np.array([g.mean() for g in filled])
    if np.ptp(neighbors) <= RESOLUTION:
        by_prompt = len(filled) >= MIN_CLUSTERS
        equal = means if by_prompt else neighbors
        return _all_equal(equal, largest, smallest, by_prompt=by_prompt)
    spread_within = any(np.ptp(g) > RESOLUTION for g in filled)
    lone = min(len(g) for g in filled) < 2
    if np.ptp(means) > RESOLUTION and (len(filled) >= MIN_CLUSTERS or lone or not spread_within):
        few = "" if len(filled) >= MIN_CLUSTERS else ", which are few"
        found = _spread((means,), f"{len(means)} prompts{few}", "prompts", seed)
        return _tied(found, means, largest, smallest)
    plural = "prompt" if len(filled) == 1 else "prompts"
    told = f"{len(neighbors)} neighbors within {len(filled)} {plural}, not over prompts"
    found = _spread(tuple(filled), told, "neighbors", seed)
    return _tied(found, neighbors, largest, smallest)


def _all_equal(
    values: NDArray[np.float64], largest: float | None, smallest: float, *, by_prompt: bool
) -> Interval:
    """Return equal values with the bound that their number allows."""
    value, count = float(values[0]), len(values)
    unit = "prompts" if by_prompt else "neighbors"
    if count == 1 or largest is None:
        words = "a single neighbor" if count == 1 else f"{count} equal values"
        words, low, high = f"{words}: no interval", None, None
    else:
        unseen = 1 - 0.05 ** (1 / count)
        words = f"all {count} {unit} equal; up to {unseen:.0%} of others may still move (95 %)"
        low = value - unseen * max(value - smallest, 0.0)
        high = value + unseen * max(largest - value, 0.0)
    return Interval(value=value, low=low, high=high, words=words, unit=unit, count=count)


def _tied(
    found: Interval, values: NDArray[np.float64], largest: float | None, smallest: float
) -> Interval:
    """Return an interval that reaches at least as far as what ties do not show."""
    if largest is None or found.low is None or found.high is None:
        return found
    # No further than a mean can be: neighbors are pooled here, and prompts differ in their number.
    low = max(found.value - float(unseen_reach(-values, -smallest)), min(smallest, found.low))
    high = min(found.value + float(unseen_reach(values, largest)), max(largest, found.high))
    if low >= found.low and high <= found.high:
        return found
    return replace(
        found,
        low=min(low, found.low),
        high=max(high, found.high),
        words=f"{found.words}; wider, because most are equal and others may still move",
    )


def _spread(samples: tuple[NDArray[np.float64], ...], told: str, unit: str, seed: int) -> Interval:
    """Return the mean of the samples' means with its bounds."""
    value, floor = float(mean_of_means(*samples)), float(np.mean([s.min() for s in samples]))
    varying = [len(s) for s in samples if np.ptp(s) > RESOLUTION]
    resampled = min(varying) >= FEWEST
    if resampled:
        low, high = mean_bounds(*samples, level=LEVEL, seed=seed)
    else:
        low, high = student_bounds(*samples, level=LEVEL)
    method = "95 %, the wider of BCa and t," if resampled else "95 % t"
    return Interval(
        value=value,
        # No mean of distances lies below the smallest of them that a resample can hold.
        low=max(float(low), min(floor, value)),
        high=float(high),
        words=f"{method} over {told}",
        unit=unit,
        count=sum(len(s) for s in samples),
    )


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

    ``first`` and ``second`` hold one value per prompt, in the same order; the rest is
    :func:`sign_flip`. Pairs without a difference keep their place.

    >>> paired_sign_flip(np.arange(5.0), np.arange(5.0))
    1.0
    """
    return float(sign_flip(np.asarray(first) - np.asarray(second), seed=seed))
