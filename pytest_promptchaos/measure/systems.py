"""Several systems on the same prompts: who is told from whom, and who is not.

There is no ranking. Two systems are told apart by a paired test or they are not, and those that
are not share a group.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import t as student

from pytest_promptchaos.measure.energy import holm
from pytest_promptchaos.measure.intervals import Interval, clustered_mean, paired_sign_flip

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LEVEL = 0.05
"""A Holm-corrected p below this tells two systems apart."""


@dataclass(frozen=True, kw_only=True)
class Paired:
    """Two systems on the same prompts, by their places in the order given.

    ``difference`` is the mean over prompts of second minus first, with its interval; ``p`` that of
    the two-sided sign-flip permutation, ``corrected`` after Holm over all pairs of systems.
    """

    first: int
    second: int
    difference: Interval
    p: float
    corrected: float

    @property
    def apart(self) -> bool:
        """Whether the two are told apart."""
        return self.corrected < LEVEL


def smallest_p(prompts: int) -> float:
    """Return the smallest p that a paired sign-flip test of so many prompts can reach, in (0, 1].

    All differences alike are one of 2^n flips, and all of them flipped are as far.

    >>> smallest_p(5), smallest_p(6)
    (0.0625, 0.03125)
    """
    return min(1.0, 2.0 ** (1 - prompts))


def paired_difference(first: Floats, second: Floats) -> Interval:
    """Return the mean of ``second - first`` over prompts with its 95 % interval.

    Both have shape (prompts,). Student's t, and where it is wider the bootstrap of
    :func:`clustered_mean`. One prompt, or differences that are all equal, have no bounds.

    >>> paired_difference(np.zeros(3), np.array([1.0, 2.0, 3.0])).value
    2.0
    """
    gap = np.asarray(second, dtype=np.float64) - np.asarray(first, dtype=np.float64)
    mean = clustered_mean([gap[index : index + 1] for index in range(len(gap))])
    low, high = mean.low, mean.high
    if low is not None and high is not None:
        # A difference may lie below all that were seen, where a distance may not.
        reach = float(student.ppf(0.975, len(gap) - 1) * gap.std(ddof=1) / np.sqrt(len(gap)))
        low, high = min(low, mean.value - reach), max(high, mean.value + reach)
    words = mean.words.replace("neighbor", "prompt")
    return Interval(
        value=mean.value, low=low, high=high, words=words, unit="prompts", count=len(gap)
    )


def pairwise(values: Floats, *, seed: int = 0) -> tuple[Paired, ...]:
    """Return every pair of systems with its paired test, Holm's correction over all of them.

    ``values`` has shape (systems, prompts): one mean per prompt, the same prompts in each row.

    >>> [round(pair.corrected, 3) for pair in pairwise(np.array([[0.0] * 9, [1.0] * 9, [1.0] * 9]))]
    [0.012, 0.012, 1.0]
    """
    places = list(combinations(range(len(values)), 2))
    found = [paired_sign_flip(values[i], values[j], seed=seed) for i, j in places]
    return tuple(
        Paired(
            first=i,
            second=j,
            difference=paired_difference(values[i], values[j]),
            p=p,
            corrected=corrected,
        )
        for (i, j), p, corrected in zip(places, found, holm(found), strict=True)
    )


def groups(count: int, apart: Collection[tuple[int, int]]) -> tuple[tuple[int, ...], ...]:
    """Return the largest groups of systems none of which are told apart, in the order given.

    ``apart`` holds pairs of places below ``count``. A system may stand in several groups: being
    told apart is not transitive. It is the compact letter display, by insertion and absorption.
    Source: H.-P. Piepho, J. Comput. Graph. Stat. 13 (2004) 456-466, doi:10.1198/1061860043515.

    >>> groups(3, [(0, 2)])
    ((0, 1), (1, 2))
    >>> groups(2, [])
    ((0, 1),)
    """
    found: set[frozenset[int]] = {frozenset(range(count))}
    for i, j in apart:
        split = {one for one in found if i in one and j in one}
        found = (found - split) | {one - {k} for one in split for k in (i, j)}
        found = {one for one in found if not any(one < other for other in found)}
    return tuple(sorted(tuple(sorted(one)) for one in found))


def group_words(labels: Sequence[str], tested: Sequence[Paired], prompts: int) -> str:
    """Return the groups in words, with what so few prompts could have shown.

    >>> group_words(["a", "b"], pairwise(np.zeros((2, 4))), 4)
    'not told apart: [a, b]; n = 4 prompts (the smallest possible p is 0.12 before Holm: none can be told apart); no ranking'
    """  # noqa: E501 - the words come on one line
    apart = [(pair.first, pair.second) for pair in tested if pair.apart]
    shown = ", ".join(
        f"[{', '.join(labels[place] for place in one)}]" for one in groups(len(labels), apart)
    )
    least = smallest_p(prompts)
    few = least * len(tested) >= LEVEL
    told = f" (the smallest possible p is {least:.2g} before Holm: none can be told apart)"
    return f"not told apart: {shown}; n = {prompts} prompts{told if few else ''}; no ranking"
