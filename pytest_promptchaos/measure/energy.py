"""Two groups of sampled answers: how far apart, beyond how far each is from itself.

A sampled answer differs from the next one to the same prompt. So the distance between the answers
to two prompts says nothing until the distance within each is taken off.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING, Literal

import numpy as np
from statsmodels.stats.multitest import multipletests

from pytest_promptchaos.measure.distances import token_edit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

OutputMetric = Literal["semantic", "token_edit"]
"""Distances of whole outputs, by name; they need no answer to be read from them."""
LARGEST: Mapping[OutputMetric, float] = {"semantic": 2.0, "token_edit": 1.0}
"""As far as two outputs can lie apart; an excess of one over another lies in minus to plus it."""
PERMUTATIONS = 4999
"""Random relabelings where all of them are too many."""
EXACT = 13_000
"""Up to this many relabelings every one is tried: 8 draws against 8 have 12,870."""
TIE = 1e-12
"""Statistics this near to each other are equal up to the order of their sums."""


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """Two groups of answers under one distance.

    ``within`` is the mean of the two groups' own mean distances, over distinct pairs; ``between``
    that of every answer of one to every answer of the other; ``p`` that of the energy test.
    """

    within_a: float
    within_b: float
    between: float
    p: float

    @property
    def within(self) -> float:
        """How far answers to one prompt lie apart, mean of both prompts."""
        return (self.within_a + self.within_b) / 2

    @property
    def excess(self) -> float:
        """Between minus within: 0 on average for one distribution, also below by chance."""
        return self.between - self.within

    @property
    def energy(self) -> float:
        """The energy distance 2E|X-Y| - E|X-X'| - E|Y-Y'|, without bias: twice the excess."""
        return 2 * self.excess


def cosine_matrix(vectors: NDArray[np.floating]) -> Floats:
    """Return 1 - cos between all rows, in [0, 2], shape (n, n); equal rows are at exactly 0.

    >>> cosine_matrix(np.array([[1.0, 0.0], [0.0, 2.0], [2.0, 0.0]])).tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    wide = np.asarray(vectors, dtype=np.float64)
    norms = np.linalg.norm(wide, axis=1, keepdims=True)
    unit = np.divide(wide, norms, out=np.zeros_like(wide), where=norms > 0)
    # Rounding would leave two copies of a text some 1e-16 apart.
    _, which = np.unique(wide, axis=0, return_inverse=True)
    same = which.ravel()[:, np.newaxis] == which.ravel()
    found: Floats = np.where(same, 0.0, np.clip(1.0 - unit @ unit.T, 0.0, 2.0))
    return (found + found.T) / 2


def token_edit_matrix(outputs: Sequence[Sequence[int]]) -> Floats:
    """Return the token edit distance between all outputs, in [0, 1], shape (n, n).

    >>> token_edit_matrix([[1, 2], [1, 2], [1, 3]]).tolist()
    [[0.0, 0.0, 0.5], [0.0, 0.0, 0.5], [0.5, 0.5, 0.0]]
    """
    distinct = list(dict.fromkeys(tuple(output) for output in outputs))
    small = np.zeros((len(distinct), len(distinct)))
    for i, j in combinations(range(len(distinct)), 2):
        small[i, j] = small[j, i] = token_edit(distinct[i], distinct[j])
    place = {output: index for index, output in enumerate(distinct)}
    rows = [place[tuple(output)] for output in outputs]
    return small[np.ix_(rows, rows)]


def split_means(distances: Floats, labels: NDArray[np.bool_]) -> tuple[Floats, Floats, Floats]:
    """Return within a, within b and between, each of shape (splits,).

    ``distances`` has shape (n, n) and a zero diagonal; each row of ``labels``, shape (splits, n),
    marks the members of group a. Within is over distinct pairs; a group of one is at 0.

    >>> points = np.abs(np.subtract.outer([0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]))
    >>> [part.tolist() for part in split_means(points, np.array([[True, True, False, False]]))]
    [[0.0], [0.0], [1.0]]
    """
    a = labels.astype(np.float64)
    b = 1.0 - a
    n_a, n_b = a.sum(1), b.sum(1)
    reach_a = a @ distances
    total_a = (reach_a * a).sum(1)
    between = (reach_a * b).sum(1)
    total_b = distances.sum() - total_a - 2 * between
    pairs_a, pairs_b = n_a * (n_a - 1), n_b * (n_b - 1)
    return (
        np.divide(total_a, pairs_a, out=np.zeros_like(total_a), where=pairs_a > 0),
        np.divide(total_b, pairs_b, out=np.zeros_like(total_b), where=pairs_b > 0),
        between / (n_a * n_b),
    )


def energy_distance(distances: Floats, count_a: int) -> float:
    """Return 2E|X-Y| - E|X-X'| - E|Y-Y'| of the first ``count_a`` against the rest, unbiased.

    ``distances`` is (n, n) with a zero diagonal. Means within a group are over distinct pairs, so
    that one distribution gives 0 on average, and below 0 about as often as above. It characterizes
    the distributions where the distance is of strictly negative type, as the Euclidean is; for
    1 - cos, half a squared one, it sees means only. Source: G. J. Szekely and M. L. Rizzo,
    J. Stat. Plan. Inference 143 (2013) 1249-1272, doi:10.1016/j.jspi.2013.03.018.

    >>> apart = np.abs(np.subtract.outer([0.0, 0.0, 3.0, 3.0], [0.0, 0.0, 3.0, 3.0]))
    >>> energy_distance(apart, 2)
    6.0
    """
    return float(_energies(distances, _first(len(distances), count_a))[0])


def energy_test(distances: Floats, count_a: int, *, seed: int = 0) -> float:
    """Return the one-sided p that the first ``count_a`` and the rest are one distribution.

    The share of relabelings whose energy distance is at least the observed one: every relabeling
    up to 13,000 of them, else 4,999 seeded random ones and the observed one. ``distances`` is
    (n, n), shape and use as in :func:`energy_distance`. Raises ``ValueError`` for an empty group.

    >>> apart = np.abs(np.subtract.outer([0.0] * 4 + [3.0] * 4, [0.0] * 4 + [3.0] * 4))
    >>> round(energy_test(apart, 4), 4)
    0.0286
    """
    n = len(distances)
    if not 0 < count_a < n:
        raise ValueError(f"{n} answers cannot be told apart as {count_a} and {n - count_a}")
    observed = energy_distance(distances, count_a)
    exact = comb(n, count_a) <= EXACT
    labels = _every(n, count_a) if exact else _random(n, count_a, seed)
    reached = _energies(distances, labels) >= observed - TIE
    return float(reached.mean()) if exact else float((1 + reached.sum()) / (1 + len(labels)))


def _energies(distances: Floats, labels: NDArray[np.bool_]) -> Floats:
    within_a, within_b, between = split_means(distances, labels)
    found: Floats = 2 * between - within_a - within_b
    return found


def _first(n: int, count_a: int) -> NDArray[np.bool_]:
    labels: NDArray[np.bool_] = (np.arange(n) < count_a)[np.newaxis]
    return labels


@lru_cache(maxsize=4)
def _every(n: int, count_a: int) -> NDArray[np.bool_]:
    chosen = np.array(list(combinations(range(n), count_a)))
    labels = np.zeros((len(chosen), n), dtype=bool)
    np.put_along_axis(labels, chosen, values=True, axis=1)
    return labels


def _random(n: int, count_a: int, seed: int) -> NDArray[np.bool_]:
    start = np.broadcast_to(_first(n, count_a), (PERMUTATIONS, n))
    return np.random.default_rng(seed).permuted(start, axis=1)


def contrast(distances: Floats, count_a: int, *, metric: OutputMetric, seed: int = 0) -> Contrast:
    """Return within, between and p of the first ``count_a`` answers against the rest.

    For ``metric="semantic"`` the test takes the root of 1 - cos, which is Euclidean up to a
    factor: 1 - cos itself would see two groups of the same mean as one.
    """
    labels = _first(len(distances), count_a)
    within_a, within_b, between = (float(part[0]) for part in split_means(distances, labels))
    tested = np.sqrt(distances) if metric == "semantic" else distances
    p = energy_test(tested, count_a, seed=seed)
    return Contrast(within_a=within_a, within_b=within_b, between=between, p=p)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values corrected for their number by Holm's step-down method, in order.

    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    if not len(p_values):
        return []
    return [float(p) for p in multipletests(list(p_values), method="holm")[1]]


def witnesses(distances: Floats, count_a: int) -> tuple[int, int]:
    """Return the answer of each group that tells them apart best, as indices into ``distances``.

    It is the one that is nearest to its own group and farthest from the other: the largest mean
    distance to the other group minus that to its own, the first of ties.

    >>> points = np.abs(np.subtract.outer([0.0, 5.0, 5.0, 5.0], [0.0, 5.0, 5.0, 5.0]))
    >>> witnesses(points, 2)
    (0, 2)
    """
    to_a, to_b = distances[:, :count_a].mean(axis=1), distances[:, count_a:].mean(axis=1)
    telling = to_b - to_a
    return int(np.argmax(telling[:count_a])), count_a + int(np.argmin(telling[count_a:]))
