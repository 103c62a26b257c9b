"""Whether two numbers go together inside the strata: a rank correlation and its permutation test.

Models differ in everything, so that over several models almost any two numbers go together. Inside
a stratum (a model, a condition) they need not. Ranks are taken over all rows, each stratum's mean
is taken away, and what is left is correlated. What could have come by chance is seen by moving the
predictors between clusters, because rows of a cluster share one and are no evidence of their own.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import permutations as orders
from math import lgamma, log, prod
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import rankdata

from pytest_promptchaos.measure.exchange import centered, exchangeable
from pytest_promptchaos.measure.resampling import RESOLUTION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.measure.exchange import Group, Labels, Values

PERMUTATIONS = 9_999
AT_ONCE = 2_000_000
"""Predictors of arrangements that are in memory together: 16 MB a copy."""
NO_SPREAD = 1e-6
"""Ranks that differ do so by a half or more; squares that sum to less than this are rounding."""


@dataclass(frozen=True, kw_only=True)
class Permuted:
    """A permutation test inside the strata.

    ``rho`` is what was seen and ``p`` the two-sided share of ``arrangements`` that are as far from
    0, the seen one among them; ``exact`` where these are all there are. ``movable`` clusters could
    exchange predictors, ``fixed`` had none to exchange with. ``least`` is the least p that so
    many arrangements can give, ``barren`` counts strata whose rows all have one predictor or one
    outcome, and that say nothing.
    """

    rho: float
    p: float
    arrangements: int
    exact: bool
    movable: int
    fixed: int
    least: float
    barren: int


def within_rho(x: Values, y: Values, strata: Labels) -> float | None:
    """Return the rank correlation of x and y inside the strata, in [-1, 1]; none without spread.

    Formula: r = corr(R(x) - mean of R(x) in the stratum, the same of y), R the midranks over all n
    rows. With one stratum it is Spearman's rho. It is blind to everything that differs between
    strata: adding a number to all x of a stratum changes it only as far as ranks interleave.

    >>> within_rho(np.array([1.0, 2, 11, 12]), np.array([2.0, 1, 12, 11]), np.array([0, 0, 1, 1]))
    -1.0
    """
    u, v = (centered(rankdata(values), strata) for values in (x, y))
    squares = u @ u, v @ v
    if min(squares) <= NO_SPREAD:
        return None
    return float(np.clip(u @ v / np.sqrt(squares[0] * squares[1]), -1.0, 1.0))


def varying(x: Values, strata: Labels) -> NDArray[np.bool_]:
    """Return for each stratum from 0 on whether its values differ, shape (S,).

    >>> varying(np.array([1.0, 2.0, 3.0, 3.0]), np.array([0, 0, 1, 1]))
    array([ True, False])
    """
    low, high = np.full(int(strata.max()) + 1, np.inf), np.full(int(strata.max()) + 1, -np.inf)
    np.minimum.at(low, strata, x)
    np.maximum.at(high, strata, x)
    return high > low


def permutation(
    x: Values,
    y: Values,
    clusters: Labels,
    strata: Labels,
    *,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Permuted | None:
    """Return the stratified permutation test of :func:`within_rho`; none where that has no value.

    All arguments (n,); ``clusters`` and ``strata`` are whole numbers from 0. Predictors change
    places between the clusters of :func:`exchangeable`. Where there are at most
    ``permutations`` + 1 arrangements all are tried, else ``permutations`` random ones and the seen
    one. It errs in 5 % of tests if, inside the strata, which cluster has which predictor has
    nothing to do with the outcome. That is not so where something else is shared over clusters
    (one seed prompt in several models): then cluster by that. Moving rows in the place of clusters
    errs in four of ten tests at 5 rows that share a predictor and half of their variance.

    >>> x, y, one = np.arange(5.0), np.arange(5.0), np.zeros(5, dtype=int)
    >>> round(permutation(x, y, np.arange(5), one).p * 120)
    2
    """
    seen = within_rho(x, y, strata)
    if seen is None:
        return None
    v = centered(rankdata(y), strata)
    groups = exchangeable(x, v, clusters, strata)
    as_far, tried, exact = _as_far(groups, abs(seen) * np.sqrt(v @ v), permutations, seed)
    movable = sum(len(g.codes) for g in groups if g.movable)
    both = varying(x, strata) & varying(y, strata)
    return Permuted(
        rho=seen,
        p=float(as_far / tried),
        arrangements=tried,
        exact=exact,
        movable=movable,
        fixed=len(np.unique(clusters)) - movable,
        least=max(1 / tried, float(np.exp(-_log_different(groups)))),
        barren=len(np.unique(strata)) - int(both.sum()),
    )


def permutation_ps(
    x: Values,
    y: Values,
    clusters: Labels,
    strata: Labels,
    *,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Values:
    """Return the p of :func:`permutation` of many outcomes y (S, n) at once, shape (S,).

    All meet the same arrangements of one predictor x (n,), which is what makes a simulation fast.

    >>> x, y, one = np.arange(5.0), np.array([np.arange(5.0), [3, 1, 4, 0, 2]]), np.zeros(5, int)
    >>> (permutation_ps(x, y, np.arange(5), one) * 120).round().tolist()
    [2.0, 82.0]
    """
    v = centered(rankdata(y, axis=-1), strata)
    u = centered(rankdata(x), strata)
    groups = exchangeable(x, v, clusters, strata)
    as_far, tried, _ = _as_far(groups, np.abs(v @ u) / np.sqrt(u @ u), permutations, seed)
    return np.asarray(as_far / tried, dtype=np.float64)


# -- arrangements -------------------------------------------------------------------------------


def _log_different(groups: Sequence[Group]) -> float:
    """Return the logarithm of how many arrangements differ; equal predictors make no difference."""
    found = 0.0
    for group in groups:
        alike = Counter(map(bytes, group.codes)).values()
        found += lgamma(len(group.codes) + 1) - sum(lgamma(times + 1) for times in alike)
    return found


def _all_moves(groups: Sequence[Group]) -> Iterator[list[Labels]]:
    """Yield every arrangement of all groups together, one array (B, C) per group."""
    own = [np.array(list(orders(range(len(g.codes)))), dtype=np.int64) for g in groups]
    place, moves = np.arange(prod(map(len, own))), []
    for one in own:
        moves.append(one[place % len(one)])
        place = place // len(one)
    yield moves


def _random_moves(groups: Sequence[Group], count: int, seed: int) -> Iterator[list[Labels]]:
    """Yield ``count`` random arrangements in pieces, one array (b, C) per group."""
    rng = np.random.default_rng(seed)
    most = max(AT_ONCE // sum(g.codes.size for g in groups), 1)
    for start in range(0, count, most):
        size = min(most, count - start)
        yield [rng.permuted(np.tile(np.arange(len(g.codes)), (size, 1)), axis=1) for g in groups]


def _as_far(
    groups: Sequence[Group], seen: Values, permutations: int, seed: int
) -> tuple[Values, int, bool]:
    """Return how many arrangements are as far from 0 as the seen one, of how many, and if of all.

    ``seen`` and the counts (...) have the leading axes of the groups' responses. What is compared
    is the sum of responses times predictors' ranks in units of their spread.
    """
    exact = sum(lgamma(len(g.codes) + 1) for g in groups) <= log(permutations + 1) + RESOLUTION
    moves = _all_moves(groups) if exact else _random_moves(groups, permutations, seed)
    slots = _Slots(
        strata=np.concatenate([np.broadcast_to(g.strata, g.codes.shape).ravel() for g in groups]),
        weights=np.concatenate([g.weights.ravel() for g in groups]),
        balanced=all(g.balanced for g in groups),
    )
    met = np.concatenate([g.responses.reshape(*g.responses.shape[:-2], -1) for g in groups], -1)
    # What is equal on paper differs by rounding: such an arrangement is as far as what was seen.
    bound = seen - RESOLUTION * np.abs(met).sum(axis=-1)
    # The seen arrangement is one of all, and joins those that are drawn.
    found, tried = np.full(seen.shape, 0 if exact else 1), 0 if exact else 1
    for move in moves:
        found = found + (np.abs(_scaled(groups, move, slots) @ met.T) >= bound).sum(axis=0)
        tried += len(move[0])
    return found, tried, exact


@dataclass(frozen=True, kw_only=True)
class _Slots:
    """Stratum and rows of every slot of all groups together, shape (K,).

    Where groups are ``balanced``, moving changes neither a rank nor a mean.
    """

    strata: Labels
    weights: Values
    balanced: bool


def _scaled(groups: Sequence[Group], moves: Sequence[Labels], slots: _Slots) -> Values:
    """Return the predictors' ranks of every arrangement in units of their spread, shape (B, K)."""
    count = len(moves[0])
    codes = np.concatenate(
        [g.codes[m].reshape(count, -1) for g, m in zip(groups, moves, strict=True)], axis=1
    )
    if slots.balanced:
        whole = _midranks(codes[:1], slots.weights)[0]
        return np.asarray(whole[codes] / np.sqrt(_spread(whole[codes[:1]], slots)))
    ranks = np.take_along_axis(_midranks(codes, slots.weights), codes, axis=1)
    spread = _spread(ranks, slots)
    # An arrangement can leave no spread where strata differ in size: then nothing goes together.
    known = np.where(spread > NO_SPREAD, spread, np.inf)
    return np.asarray(ranks / np.sqrt(known)[:, np.newaxis], dtype=np.float64)


def _midranks(codes: Labels, weights: Values) -> Values:
    """Return the midrank of every unique predictor (B, U), codes (B, K), weights (K,) in rows."""
    unique = int(codes.max()) + 1
    offset = codes + unique * np.arange(len(codes))[:, np.newaxis]
    rows = np.broadcast_to(weights, codes.shape).ravel()
    held = np.bincount(offset.ravel(), weights=rows, minlength=unique * len(codes))
    held = held.reshape(len(codes), unique)
    return np.asarray(np.cumsum(held, axis=1) - held / 2 + 0.5, dtype=np.float64)


def _spread(ranks: Values, slots: _Slots) -> Values:
    """Return the sum of squares of ranks (B, K) about their stratum's mean, shape (B,)."""
    members = np.eye(int(slots.strata.max()) + 1)[slots.strata]
    rows = np.maximum(slots.weights @ members, 1)
    # Centered first: sums of squares of ranks lose digits otherwise.
    means = (ranks * slots.weights) @ members / rows
    return np.asarray(((ranks - means[:, slots.strata]) ** 2) @ slots.weights, dtype=np.float64)
