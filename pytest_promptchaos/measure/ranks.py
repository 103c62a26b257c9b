"""Ranks: midranks, Spearman's rho with its p, Holm's adjustment, and rho of weighted rows.

Array functions only. A resample is its rows weighted by how often each was drawn, so its ranks
need no sort of their own: rows are sorted once into cells (:class:`Cells`), and sums of weights
over the groups of tied values tell every rank.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from scipy.stats import rankdata, spearmanr

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Values: TypeAlias = NDArray[np.float64]
    Whole: TypeAlias = NDArray[np.int64]

FEWEST_ROWS = 3
"""Two rows are always in perfect order, and their rho has no p."""


def midranks(values: ArrayLike) -> Values:
    """Return the ranks from 1 along the last axis of values (..., n); ties share their mean rank.

    Raises ``ValueError`` for NaN, which has no rank.

    >>> midranks([[5.0, 2.0, 5.0], [1.0, 2.0, 3.0]]).tolist()
    [[2.5, 1.0, 2.5], [1.0, 2.0, 3.0]]
    """
    numbers = np.asarray(values, dtype=np.float64)
    refuse_nan(numbers, "values")
    return np.asarray(rankdata(numbers, axis=-1), dtype=np.float64)


def spearman(x: ArrayLike, y: ArrayLike) -> tuple[float, float]:
    """Return Spearman's rho of x and y (n,), in [-1, 1], and its two-sided p.

    Both are those of ``scipy.stats.spearmanr``: p of Student's t with n - 2 degrees of freedom.
    Raises ``ValueError`` for NaN, fewer than three rows, lengths that differ, and where x or y
    is the same in every row.

    >>> rho, p = spearman([1, 2, 3, 4, 5], [2, 1, 4, 3, 5])
    >>> round(rho, 9), round(p, 3)
    (0.8, 0.104)
    """
    columns = paired_columns(x, y)
    for name, column in zip("xy", columns, strict=True):
        if np.all(column == column[0]):
            raise ValueError(
                f"{name} is {column[0]:g} in all {len(column)} rows: what never varies has no "
                "rank correlation; leave this pair out"
            )
    found = spearmanr(*columns)
    return float(found.statistic), float(found.pvalue)


def holm(p_values: ArrayLike) -> Values:
    """Return the p values (m,) of a family adjusted by Holm's step-down method, each in [0, 1].

    The k-th smallest of m is multiplied by m - k + 1, is never below a smaller one's and never
    above 1. Equals ``multipletests`` of statsmodels, which collects all garbage at every call.
    Raises ``ValueError`` for NaN: what could not be tested is no member of the family. Source:
    S. Holm, Scand. J. Stat. 6 (1979) 65-70.

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    family = np.asarray(p_values, dtype=np.float64)
    refuse_nan(family, "p_values")
    order = np.argsort(family, kind="stable")
    stepped = np.maximum.accumulate(family[order] * np.arange(len(family), 0, -1))
    adjusted = np.empty_like(family)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted


# -- rows with weights ---------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, eq=False)
class Cells:
    """The m distinct rows of (x, y), or of (x, y, stratum), sorted by x, then y, then stratum.

    ``of_row`` (n,) holds the cell of every row and ``by_cell`` (n,) the rows in order of cells,
    those of each from ``starts`` (m,). ``x``, ``y``, ``stratum`` (m,) number a cell's group of
    equal values from the smallest; the groups of x begin at the cells ``x_starts``, those of y at
    ``y_starts`` in the order ``by_y``.
    """

    of_row: Whole
    by_cell: Whole
    starts: Whole
    x: Whole
    y: Whole
    stratum: Whole
    x_starts: Whole
    by_y: Whole
    y_starts: Whole

    @property
    def count(self) -> int:
        """How many cells there are."""
        return len(self.x)

    def drawn(self, indices: Whole) -> Values:
        """Return how often resamples hold each cell (B, m), from the rows they drew (B, k)."""
        resamples = len(indices)
        places = self.of_row.take(indices)
        places += self.count * np.arange(resamples)[:, np.newaxis]
        times = np.bincount(places.ravel(), minlength=resamples * self.count)
        return times.reshape(resamples, self.count).astype(np.float64)

    def summed(self, weights: NDArray[Any]) -> Values:
        """Return the weight of each cell (B, m), from weights of the rows (B, n)."""
        ordered = weights[:, self.by_cell].astype(np.float64)
        return np.asarray(np.add.reduceat(ordered, self.starts, axis=1), dtype=np.float64)


def cells_of(x: ArrayLike, y: ArrayLike, strata: ArrayLike | None = None) -> Cells:
    """Return the cells of x, y and, if given, strata (n,), from one sort.

    Raises ``ValueError`` for NaN, fewer than three rows, and lengths that differ.

    >>> cells = cells_of([3, 1, 3, 1], [0, 0, 0, 5])
    >>> cells.of_row.tolist(), cells.x.tolist(), cells.y.tolist()
    ([2, 0, 2, 1], [0, 0, 1], [0, 1, 0])
    """
    columns = dict(zip("xy", paired_columns(x, y), strict=True))
    rows = len(columns["x"])
    labels = columns | {"strata": np.zeros(rows) if strata is None else strata}
    codes = [numbered(column, rows, name) for name, column in labels.items()]
    sizes = tuple(int(code.max()) + 1 for code in codes)
    # A row's number in the table of all combinations; most combinations never occur.
    distinct, of_row = np.unique(np.ravel_multi_index(codes, sizes), return_inverse=True)
    x_cell, y_cell, stratum = np.unravel_index(distinct, sizes)
    by_y, by_cell = np.argsort(y_cell, kind="stable"), np.argsort(of_row, kind="stable")
    return Cells(
        of_row=of_row,
        by_cell=by_cell,
        starts=_starts(of_row[by_cell]),
        x=x_cell,
        y=y_cell,
        stratum=stratum,
        x_starts=_starts(x_cell),
        by_y=by_y,
        y_starts=_starts(y_cell[by_y]),
    )


def weighted_rhos(cells: Cells, weights: Values) -> Values:
    """Return Spearman's rho of weighted cells (B, m), shape (B,); NaN where x or y never varies.

    Formula: with u and v the doubled ranks of the groups less their mean (whole numbers), w the
    weights, n their sum and c the weights of the groups, rho = 3 sum w u v /
    sqrt((n^3 - sum c_x^3)(n^3 - sum c_y^3)). The sums are exact while n^3 < 2^53.

    >>> cells = cells_of([1, 2, 3], [1, 3, 2])
    >>> weighted_rhos(cells, np.array([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0], [2.0, 0.0, 0.0]]))
    array([0.5, 1. , nan])
    """
    x_sizes, y_sizes = _group_sizes(cells, weights)
    u = centered_ranks(x_sizes).take(cells.x, axis=1)
    v = centered_ranks(y_sizes).take(cells.y, axis=1)
    cross = np.einsum("bm,bm,bm->b", weights, u, v)
    return _ratio(3 * cross, _spread(x_sizes), _spread(y_sizes))


def weighted_within(cells: Cells, weights: Values) -> Values:
    """Return the correlation (B,) of ranks centered by stratum, of weighted cells (B, m).

    Ranks are taken over all rows of a resample together, then their mean in each stratum is taken
    off, and what is left is correlated (Pearson): what x and y have in common inside the strata,
    the differences between them aside. NaN where the ranks of x or y vary in no stratum.

    >>> x, y = [1, 2, 3, 11, 12, 13], [3, 2, 1, 13, 12, 11]
    >>> cells = cells_of(x, y, strata=list("aaabbb"))
    >>> weighted_within(cells, np.ones((1, 6))), weighted_rhos(cells, np.ones((1, 6))).round(3)
    (array([-1.]), array([0.543]))
    """
    x_sizes, y_sizes = _group_sizes(cells, weights)
    member = np.eye(int(cells.stratum.max()) + 1)[cells.stratum]
    sizes = weights @ member
    u, v = (
        _centered(centered_ranks(groups).take(of, axis=1), weights, member, sizes, cells.stratum)
        for groups, of in ((x_sizes, cells.x), (y_sizes, cells.y))
    )
    cross, x_spread, y_spread = (
        np.einsum("bm,bm,bm->b", weights, a, b) for a, b in ((u, v), (u, u), (v, v))
    )
    return _ratio(cross, x_spread, y_spread)


def centered_ranks(sizes: Values) -> Values:
    """Return the doubled midranks less their mean, of groups of tied values of sizes (..., g).

    The groups are in order of their values; a group of size 0 has a rank that no row takes.

    >>> centered_ranks(np.array([1.0, 2.0, 1.0])).tolist()
    [-3.0, 0.0, 3.0]
    """
    ends = np.cumsum(sizes, axis=-1)
    return np.asarray(2 * ends - sizes - ends[..., -1:], dtype=np.float64)


def paired_columns(x: ArrayLike, y: ArrayLike) -> tuple[Values, Values]:
    """Return x and y as columns of floats, one row each for each, or raise ``ValueError``.

    >>> paired_columns([1, 2], [True, False])
    Traceback (most recent call last):
    ValueError: 2 rows: a rank correlation needs 3
    """
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"x has shape {a.shape}, y {b.shape}: give two columns of one length")
    if len(a) < FEWEST_ROWS:
        raise ValueError(f"{len(a)} rows: a rank correlation needs {FEWEST_ROWS}")
    refuse_nan(a, "x")
    refuse_nan(b, "y")
    return a, b


def numbered(labels: ArrayLike, rows: int, name: str) -> Whole:
    """Return the label of each row as a number from 0, in the order of the labels, shape (n,).

    Raises ``ValueError`` for NaN, and for anything but one label for each row.

    >>> numbered(["b", "a", "b"], 3, "strata").tolist()
    [1, 0, 1]
    """
    column = np.asarray(labels)
    if column.shape != (rows,):
        raise ValueError(f"{name} has shape {column.shape}: give one for each of {rows} rows")
    if column.dtype.kind == "f":
        refuse_nan(column, name)
    return np.unique(column, return_inverse=True)[1]


def refuse_nan(values: NDArray[Any], name: str) -> None:
    """Raise ``ValueError`` where values hold NaN, saying how many and where the first one is.

    >>> refuse_nan(np.array([1.0, np.nan]), "x")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: x holds NaN 1 time, first at 1: NaN has no place in an order; ...
    """
    absent = np.argwhere(np.isnan(values))
    if len(absent):
        first = ", ".join(map(str, absent[0].tolist()))
        times = "1 time" if len(absent) == 1 else f"{len(absent):,} times"
        raise ValueError(
            f"{name} holds NaN {times}, first at {first}: NaN has no place in an order; "
            "leave such rows out, and count them"
        )


def _starts(numbers: Whole) -> Whole:
    """Return where each run of equal numbers begins."""
    return np.flatnonzero(np.diff(numbers, prepend=-1))


def _group_sizes(cells: Cells, weights: Values) -> tuple[Values, Values]:
    """Return the weights of the groups of x and of y, shapes (B, groups)."""
    by_y = weights.take(cells.by_y, axis=1)
    return (
        np.add.reduceat(weights, cells.x_starts, axis=1),
        np.add.reduceat(by_y, cells.y_starts, axis=1),
    )


def _spread(sizes: Values) -> Values:
    """Return three times the sum of squares of the centered ranks: n^3 - sum c^3, shape (B,)."""
    total = sizes.sum(axis=1)
    return np.asarray(total**3 - np.einsum("bg,bg,bg->b", sizes, sizes, sizes), dtype=np.float64)


def _centered(
    ranks: Values, weights: Values, member: Values, sizes: Values, stratum: Whole
) -> Values:
    """Return ranks (B, m) less their mean in each stratum; an empty stratum has none to take."""
    means = np.divide((weights * ranks) @ member, sizes, out=np.zeros_like(sizes), where=sizes > 0)
    ranks -= means.take(stratum, axis=1)
    return ranks


def _ratio(cross: Values, x_spread: Values, y_spread: Values) -> Values:
    """Return cross / sqrt(x_spread y_spread), NaN where there is no spread."""
    both = x_spread * y_spread
    rhos = np.divide(cross, np.sqrt(both), out=np.full_like(cross, np.nan), where=both > 0)
    return np.asarray(np.clip(rhos, -1.0, 1.0), dtype=np.float64)
