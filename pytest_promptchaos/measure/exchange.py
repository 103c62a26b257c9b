"""Which clusters may exchange their predictors: those that lie in the strata alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Values: TypeAlias = NDArray[np.float64]
    Labels: TypeAlias = NDArray[np.int64]

ALIKE = 1e-9
"""Predictors that differ by less are one: what is computed twice differs in the last digits."""


def centered(values: Values, strata: Labels) -> Values:
    """Return values (..., n) minus the mean of their stratum.

    >>> centered(np.array([1.0, 3.0, 10.0]), np.array([0, 0, 1]))
    array([-1.,  1.,  0.])
    """
    members = np.eye(int(strata.max()) + 1)[strata]
    means = values @ members / np.maximum(members.sum(axis=0), 1)
    return np.asarray(values - means[..., strata], dtype=np.float64)


def equal_values(values: Values) -> Labels:
    """Return which of values (n,) are equal to about 9 significant digits, shape (n,).

    The numbers run from 0 in the order of the values. Two that follow each other in that order
    are equal where they differ by at most ``ALIKE`` times the larger of their own size and the
    median size of all: rounding is relative to the terms of a sum, also where the sum is near 0.
    NaN is equal to nothing.

    >>> equal_values(np.array([2.0, 1.0, 2.0 + 1e-12, np.nan]))
    array([1, 0, 1, 2])
    """
    order = np.argsort(values, kind="stable")
    ascending = values[order]
    size = np.abs(ascending)
    finite = size[np.isfinite(size)]
    typical = float(np.median(finite)) if len(finite) else 0.0
    with np.errstate(invalid="ignore"):
        same = ascending[1:] - ascending[:-1] <= ALIKE * np.maximum(size[1:], typical)
    labels = np.empty(len(values), dtype=np.int64)
    labels[order] = np.concatenate([[0], np.cumsum(~same)])
    return labels


def cluster_count(count: int) -> str:
    """Return a number of clusters in words.

    >>> cluster_count(1), cluster_count(1_080)
    ('1 cluster', '1,080 clusters')
    """
    return f"{count:,} cluster{'' if count == 1 else 's'}"


def same_groups(first: Labels, second: Labels) -> bool:
    """Return whether two labels of the same rows (n,) part them alike, whatever their numbers.

    >>> same_groups(np.array([0, 0, 1]), np.array([5, 5, 3]))
    True
    """
    both = len(np.unique(np.stack([first, second], axis=1), axis=0))
    return both == len(np.unique(first)) == len(np.unique(second))


@dataclass(frozen=True, kw_only=True)
class Group:
    """Clusters that may exchange their predictors, because they lie in the strata alike.

    ``codes`` (C, K) say which of the sorted unique predictors each of C clusters has in each of K
    slots; a slot is a stratum, or a row of one where predictors vary inside a cluster's stratum.
    ``weights`` (C, K) count the rows of a slot, ``responses`` (..., C, K) sum what its rows meet,
    and ``strata`` (K,) name its stratum.
    """

    codes: Labels
    weights: Values
    responses: Values
    strata: Labels

    @property
    def movable(self) -> bool:
        """Whether moving the predictors changes anything: two clusters with different ones."""
        return len(self.codes) > 1 and bool((self.codes != self.codes[0]).any())

    @property
    def balanced(self) -> bool:
        """Whether the clusters have equally many rows, so that moving changes no rank."""
        return bool((self.weights == self.weights[0]).all())


def exchangeable(
    x: Values, responses: Values, clusters: Labels, strata: Labels
) -> tuple[Group, ...]:
    """Return the groups of clusters whose predictors x (n,) may change places.

    ``responses`` (..., n) are what the predictors meet. Clusters are of one group when they have
    rows in the same strata. A cluster moves as a whole, with what it has in all of its strata:
    strata that share clusters are permuted together, and predictors and outcomes that a cluster
    shares over its strata stay shared. Where predictors differ inside a cluster's stratum, they
    move in the order of their rows, so that the clusters of a group then have equally many rows in
    each of their strata.

    >>> x, strata = np.array([3.0, 3.0, 5.0, 7.0]), np.array([0, 1, 0, 0])
    >>> clusters = np.array([0, 0, 1, 2])
    >>> [group.codes.tolist() for group in exchangeable(x, x, clusters, strata)]
    [[[1], [2]], [[0, 0]]]
    """
    order = np.lexsort((np.arange(len(x)), strata, clusters))
    rows = _Rows(
        clusters=np.unique(clusters, return_inverse=True)[1][order],
        strata=strata[order],
        codes=np.unique(x, return_inverse=True)[1][order],
        weights=np.ones(len(x)),
        responses=responses[..., order],
    )
    kinds = np.unique(_signatures(rows), axis=0, return_inverse=True)[1].reshape(-1)
    return tuple(group for alike in _members(kinds) for group in _slotted(rows, alike))


@dataclass(frozen=True, kw_only=True)
class _Rows:
    """Rows, or cells of rows, sorted by cluster and stratum; (n,), and responses (..., n)."""

    clusters: Labels
    strata: Labels
    codes: Labels
    weights: Values
    responses: Values

    def at(self, chosen: NDArray[np.bool_]) -> _Rows:
        return _Rows(**{name: values[..., chosen] for name, values in vars(self).items()})


def _signatures(rows: _Rows) -> NDArray[np.bool_]:
    """Return which strata each cluster has rows in, shape (C, S)."""
    present = np.zeros((int(rows.clusters.max()) + 1, int(rows.strata.max()) + 1), dtype=bool)
    present[rows.clusters, rows.strata] = True
    return present


def _members(groups: Labels) -> Iterator[NDArray[np.bool_]]:
    """Yield for every group which clusters are of it."""
    return (groups == group for group in range(int(groups.max()) + 1))


def _slotted(rows: _Rows, members: NDArray[np.bool_]) -> Iterator[Group]:
    """Yield the clusters of one signature, parted by their numbers of rows where these matter."""
    theirs = rows.at(members[rows.clusters])
    cells = _cells(theirs)
    if cells is not None:
        yield _group(cells, int(members.sum()))
        return
    names, places = np.unique(theirs.clusters, return_inverse=True)
    sizes = np.zeros((len(names), int(theirs.strata.max()) + 1), dtype=np.int64)
    np.add.at(sizes, (places, theirs.strata), 1)
    kinds = np.unique(sizes, axis=0, return_inverse=True)[1].reshape(-1)
    for alike in _members(kinds):
        yield _group(theirs.at(alike[places]), int(alike.sum()))


def _cells(rows: _Rows) -> _Rows | None:
    """Return one row per cluster and stratum; none where predictors differ inside one."""
    new = _changes(rows.clusters) | _changes(rows.strata)
    if (_changes(rows.codes) & ~new).any():
        return None
    starts = np.flatnonzero(new)
    weights, sums = (np.add.reduceat(v, starts, axis=-1) for v in (rows.weights, rows.responses))
    return _Rows(
        clusters=rows.clusters[starts],
        strata=rows.strata[starts],
        codes=rows.codes[starts],
        weights=weights,
        responses=sums,
    )


def _changes(labels: Labels) -> NDArray[np.bool_]:
    """Return where a label is another than the one before it; the first is."""
    return np.concatenate([[True], labels[1:] != labels[:-1]])


def _group(rows: _Rows, count: int) -> Group:
    return Group(
        codes=rows.codes.reshape(count, -1),
        weights=rows.weights.reshape(count, -1),
        responses=rows.responses.reshape(*rows.responses.shape[:-1], count, -1),
        strata=rows.strata.reshape(count, -1)[0],
    )
