"""Many conversations from few seed prompts: their interval reaches as far as so few can tell.

A model that answers one seed prompt alike fifty times has shown one seed prompt. Below
``MIN_CLUSTERS`` of them the conversations are resampled, and where nearly all of these end alike
that says nothing of a width: the bound is then that of so many seed prompts, not of the repeats.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import betaincinv

from pytest_promptchaos.measure.intervals import LEVEL, MIN_CLUSTERS
from pytest_promptchaos.measure.resampling import RESOLUTION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.records import Measurement


def of_few(
    found: Measurement, groups: Mapping[str, Sequence[float]], *, least: float, most: float
) -> Measurement:
    """Return the mean over few seed prompts with bounds, and words, that know how few they are.

    ``groups`` maps a seed prompt to the values of its conversations, each from ``least`` to
    ``most``. With P seed prompts and the share s of conversations at their median, the bounds lie
    at least w (U(k) - k / P) of the way from the median to ``most`` above the mean, and likewise
    below it: k is the sum over seed prompts of how far each has gone from the median (0 to 1),
    U(k) the 95 % quantile of Beta(k + 1, P - k), which is 1 - 0.05^(1/P) where all are equal, and w
    is 1 from s = 7/8 on and 0 up to 3/4. So the bounds have no jump between a collapse in none and
    in one of many conversations. As it is, for ``MIN_CLUSTERS`` seed prompts and more and for a
    single value.

    >>> from pytest_promptchaos.records import Measurement
    >>> found = Measurement(name="m", unit="u", value=0.0, low=0.0, high=0.06)
    >>> round(of_few(found, {"tea": [0.0] * 50}, least=0.0, most=1.0).high, 2)
    0.95
    """
    prompts, value = len(groups), found.value
    pooled = np.array([one for values in groups.values() for one in values], dtype=np.float64)
    if value is None or len(pooled) < 2 or prompts >= MIN_CLUSTERS:
        return found
    median = float(np.median(pooled))
    still = float(np.mean(np.abs(pooled - median) <= RESOLUTION))
    means = np.array([np.mean(values) for values in groups.values()])
    weight = min(max(8 * still - 6, 0.0), 1.0)
    low = max(value - weight * _reach(median - means, median - least), least)
    high = min(value + weight * _reach(means - median, most - median), most)
    told = _told(found, len(pooled), prompts, equal=still == 1)
    if found.low is not None and found.high is not None:
        if low >= found.low and high <= found.high and still < 1:
            return replace(found, interval=told)
        # Where all are equal, the bounds before were those of the repeats.
        low, high = (low, high) if still == 1 else (min(low, found.low), max(high, found.high))
        if still < 1 and "; wider" not in told:
            told = f"{told}; wider, because most are equal and others may still differ"
    return replace(
        found, low=low, high=high, interval=told, resampled="seed prompts", resampled_n=prompts
    )


def _reach(gone: NDArray[np.float64], room: float) -> float:
    """Return how far beyond the mean seed prompts that were not seen may take it."""
    if room <= 0:
        return 0.0
    moved, count = float(np.clip(gone / room, 0.0, 1.0).sum()), len(gone)
    most = float(betaincinv(moved + 1, max(count - moved, RESOLUTION), LEVEL))
    return max(most - moved / count, 0.0) * room


def _told(found: Measurement, conversations: int, prompts: int, *, equal: bool) -> str:
    only = f"these {prompts} seed prompts only" if prompts > 1 else "this one seed prompt only"
    if equal:
        unseen = 1 - (1 - LEVEL) ** (1 / prompts)
        return (
            f"all {conversations} conversations equal, from {only}; up to {unseen:.0%} of others "
            "may still differ (95 %)"
        )
    within = found.resampled == "conversations"
    return f"{found.interval}: of {only}" if within else found.interval
