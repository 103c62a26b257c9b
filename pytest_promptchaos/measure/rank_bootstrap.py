"""The bootstrap of rank correlations: rows or whole clusters resampled, and what bounds follow.

Exact and without a sort per resample (:mod:`pytest_promptchaos.measure.ranks`). A resample in
which x or y is everywhere the same has no rho: it is NaN among the rhos, left out of the bounds,
and counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from scipy.special import ndtr, ndtri

from pytest_promptchaos.measure.ranks import (
    Cells,
    cells_of,
    holm,
    numbered,
    spearman,
    weighted_rhos,
    weighted_within,
)
from pytest_promptchaos.measure.resampling import RESOLUTION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.random import Generator
    from numpy.typing import ArrayLike, NDArray

    from pytest_promptchaos.measure.ranks import Values, Whole
    from pytest_promptchaos.records import Hypothesis

    Rhos: TypeAlias = Callable[[Cells, Values], Values]

RESAMPLES = 10_000
SEED = 42
LEAST_SHARE = 1e-10
"""Where every resample lies on one side, the bias is as if this share lay on the other."""
AT_ONCE = 2**15
"""Weights in one piece of work, resamples times rows: 256 KiB, which stays in the cache."""


@dataclass(frozen=True, kw_only=True)
class RankInterval:
    """A rank correlation with the bounds of its bootstrap.

    Of ``resamples`` drawn, ``undefined`` had no rho, because x or y never varied in them.
    """

    rho: float
    low: float
    high: float
    resamples: int
    undefined: int = 0


@dataclass(frozen=True, kw_only=True)
class PooledRho:
    """Spearman's rho of one hypothesis over all rows, its p alone and adjusted over the family."""

    hypothesis: Hypothesis
    interval: RankInterval
    p: float
    holm: float
    n: int


def resampled_rhos(x: ArrayLike, y: ArrayLike, indices: Whole) -> Values:
    """Return Spearman's rho of every resample, shape (B,), from the rows it drew (B, k).

    Equals ``scipy.stats.spearmanr(x[rows], y[rows])`` to rounding; NaN where x or y never varies
    among the rows drawn. Raises ``ValueError`` for NaN in x or y.

    >>> resampled_rhos([1, 2, 3], [1, 3, 2], np.array([[0, 1, 2], [0, 0, 1], [2, 2, 2]]))
    array([0.5, 1. , nan])
    """
    cells = cells_of(x, y)
    rows = np.asarray(indices)
    parts = _parts(len(rows), max(rows.shape[1], cells.count))
    return _joined([weighted_rhos(cells, cells.drawn(rows[part])) for part in parts])


def rhos_of_counts(x: ArrayLike, y: ArrayLike, counts: NDArray[Any]) -> Values:
    """Return Spearman's rho of every resample, shape (B,), from how often it holds each row (B, n).

    Resamples may differ in size. NaN where x or y never varies among the rows held, or there are
    none. Raises ``ValueError`` for NaN in x or y, counts of another shape, and counts below 0.

    >>> rhos_of_counts([1, 2, 3], [1, 3, 2], np.array([[1, 1, 1], [2, 1, 0], [0, 0, 4]]))
    array([0.5, 1. , nan])
    """
    return _of_counts(cells_of(x, y), counts, weighted_rhos)


def within_rhos(x: ArrayLike, y: ArrayLike, strata: ArrayLike, counts: NDArray[Any]) -> Values:
    """Return the within-stratum rank correlation of every resample, shape (B,).

    ``strata`` (n,) holds the stratum of each row, ``counts`` (B, n) how often a resample holds
    each row. Ranks are midranks over all rows of the resample together; their mean in each
    stratum of the resample is taken off; what is left is correlated (Pearson). In [-1, 1]; NaN
    where the ranks of x or y vary in no stratum. Raises ``ValueError`` as ``rhos_of_counts``.

    >>> x, y = [1, 2, 3, 11, 12, 13], [3, 2, 1, 13, 12, 11]
    >>> within_rhos(x, y, list("aaabbb"), np.array([[1, 1, 1, 1, 1, 1], [4, 0, 0, 0, 0, 1]]))
    array([-1., nan])
    """
    return _of_counts(cells_of(x, y, strata), counts, weighted_within)


def bias_corrected(rhos: Values, observed: float, *, level: float = 0.95) -> tuple[float, float]:
    """Return the bias-corrected percentile bounds of a statistic from its resamples (B,).

    Formula: z0 = Phi^-1(share of resamples below ``observed``), within 1e-10 of 0 and 1; bounds
    at the shares Phi(2 z0 -+ z) of the resamples, linear between neighbors; no acceleration. A
    resample that equals ``observed`` up to rounding is not below it. NaN resamples are left out;
    raises ``ValueError`` where there are no others. Source: B. Efron, Can. J. Stat. 9 (1981)
    139-158, doi:10.2307/3314608.

    >>> low, high = bias_corrected(np.linspace(0.0, 1.0, 1001), 0.5)
    >>> round(low, 3), round(high, 3)
    (0.025, 0.975)
    """
    defined = rhos[~np.isnan(rhos)]
    if not defined.size:
        raise ValueError(
            f"none of {len(rhos):,} resamples has a rank correlation, because x or y never varies "
            "in them: there is no interval; measure rows that differ"
        )
    below = np.clip(np.mean(defined < observed - RESOLUTION), LEAST_SHARE, 1 - LEAST_SHARE)
    shares = ndtr(2 * ndtri(below) + ndtri([(1 - level) / 2, (1 + level) / 2]))
    low, high = np.percentile(defined, 100 * shares)
    return float(low), float(high)


def pooled_bootstrap(
    x: ArrayLike, y: ArrayLike, rng: Generator, *, resamples: int = RESAMPLES
) -> RankInterval:
    """Return Spearman's rho over all rows with its bias-corrected bounds, rows resampled.

    The rows of a resample are ``rng.integers(0, n, n)``, resample after resample.

    >>> found = pooled_bootstrap([1, 2, 3, 4, 5], [2, 1, 4, 3, 5], np.random.default_rng(42))
    >>> round(found.rho, 9), found.undefined
    (0.8, 18)
    """
    rho, _ = spearman(x, y)
    cells = cells_of(x, y)
    n = len(cells.of_row)
    rhos = _joined(
        [
            weighted_rhos(cells, cells.drawn(rng.integers(0, n, (part.stop - part.start, n))))
            for part in _parts(resamples, n)
        ]
    )
    return _interval(rho, rhos)


def cluster_bootstrap(
    x: ArrayLike,
    y: ArrayLike,
    clusters: ArrayLike,
    *,
    strata: ArrayLike | None = None,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> RankInterval:
    """Return a rank correlation with its bias-corrected bounds, clusters of rows resampled.

    As many clusters as there are enter a resample, drawn with replacement, each with all its
    rows: rows that share a predictor are no evidence of their own, and a resample's size varies
    where clusters do. Without ``strata`` it is Spearman's rho over all rows, with them
    :func:`within_rhos`. Raises ``ValueError`` for fewer than two clusters, and where there is no
    rank correlation to begin with.

    >>> x, y = np.repeat([1, 2, 3, 4, 5, 6], 2), [1, 1, 2, 2, 4, 5, 3, 3, 6, 6, 5, 5]
    >>> found = cluster_bootstrap(x, y, clusters=x)
    >>> round(found.rho, 3), round(found.low, 3), round(found.high, 3), found.undefined
    (0.846, 0.2, 1.0, 1)
    """
    cells = cells_of(x, y, strata)
    rhos = weighted_rhos if strata is None else weighted_within
    observed = float(rhos(cells, cells.summed(np.ones((1, len(cells.of_row)))))[0])
    if np.isnan(observed):
        where = "in any row" if strata is None else "inside any stratum"
        raise ValueError(f"x or y does not vary {where}: there is no rank correlation to resample")
    drawn = _cluster_counts(clusters, len(cells.of_row), resamples, seed)
    return _interval(observed, _joined([rhos(cells, cells.summed(part)) for part in drawn]))


def pooled_family(
    columns: Mapping[str, NDArray[Any]],
    hypotheses: Sequence[Hypothesis],
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> tuple[PooledRho, ...]:
    """Return every hypothesis' pooled rho with p, Holm's p over the family and bootstrap bounds.

    ``columns`` maps names to columns (n,). One generator, ``default_rng(seed)``, runs through the
    family in its order, so that the bounds are those of the published loop over
    ``scipy.stats.spearmanr`` (https://github.com/Sohailm25/escape-velocity, phase3_bridge.py).
    Raises ``ValueError`` for NaN and for a column that is everywhere the same.

    >>> from pytest_promptchaos.records import Hypothesis
    >>> columns = {"x": np.arange(8.0), "y": np.array([1.0, 0, 3, 2, 5, 4, 7, 6])}
    >>> (found,) = pooled_family(columns, [Hypothesis(predictor="x", outcome="y")])
    >>> round(found.interval.rho, 3), round(found.interval.low, 3), found.p == found.holm
    (0.905, 0.78, True)
    """
    rng = np.random.default_rng(seed)
    pairs = [(columns[h.predictor], columns[h.outcome]) for h in hypotheses]
    p_values = [spearman(x, y)[1] for x, y in pairs]
    intervals = [pooled_bootstrap(x, y, rng, resamples=resamples) for x, y in pairs]
    return tuple(
        PooledRho(hypothesis=hypothesis, interval=interval, p=p, holm=float(adjusted), n=len(x))
        for hypothesis, (x, _), interval, p, adjusted in zip(
            hypotheses, pairs, intervals, p_values, holm(p_values), strict=True
        )
    )


# -- in pieces -----------------------------------------------------------------------------------


def _of_counts(cells: Cells, counts: NDArray[Any], rhos: Rhos) -> Values:
    """Return ``rhos`` of every row of counts (B, n), or raise for counts that are none."""
    rows = len(cells.of_row)
    held = np.asarray(counts)
    if held.ndim != 2 or held.shape[1] != rows:
        raise ValueError(f"counts has shape {held.shape}: give (resamples, {rows}), one per row")
    if (held < 0).any():
        raise ValueError(f"counts holds {held.min()}: a resample holds a row 0 times or more")
    return _joined([rhos(cells, cells.summed(held[part])) for part in _parts(len(held), rows)])


def _cluster_counts(
    clusters: ArrayLike, rows: int, resamples: int, seed: int
) -> Iterator[NDArray[Any]]:
    """Yield how often resamples of whole clusters hold each row, (b, n) at a time."""
    of_row = numbered(clusters, rows, "clusters")
    count = int(of_row.max()) + 1
    if count < 2:
        raise ValueError(f"all {rows} rows are one cluster: resampling it would say nothing")
    rng = np.random.default_rng(seed)
    for part in _parts(resamples, rows):
        drawn = rng.integers(0, count, (part.stop - part.start, count))
        places = drawn + count * np.arange(len(drawn))[:, np.newaxis]
        times = np.bincount(places.ravel(), minlength=drawn.size).reshape(drawn.shape)
        yield times[:, of_row]


def _parts(total: int, width: int) -> Iterator[slice]:
    """Yield pieces of ``total`` resamples of ``width`` weights each."""
    size = max(AT_ONCE // width, 1)
    for start in range(0, total, size):
        yield slice(start, min(start + size, total))


def _joined(pieces: Sequence[Values]) -> Values:
    return np.concatenate(pieces) if pieces else np.empty(0)


def _interval(rho: float, rhos: Values) -> RankInterval:
    low, high = bias_corrected(rhos, rho)
    undefined = int(np.isnan(rhos).sum())
    return RankInterval(rho=rho, low=low, high=high, resamples=len(rhos), undefined=undefined)
