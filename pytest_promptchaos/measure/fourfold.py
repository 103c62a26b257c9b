"""The fourfold table of two yes-or-no labelings, and what can be said of it.

Array functions only. Counts and shares are of a fourfold table, (4,): called collapsed by both,
by the first only, by the second only, by neither. A coefficient takes the shares and returns its
value with its slope in every share, from which the delta method takes an interval.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy.special import ndtri, stdtrit
from statsmodels.stats.proportion import proportion_confint

from pytest_promptchaos.measure.intervals import LEVEL, MIN_CLUSTERS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Values: TypeAlias = NDArray[np.float64]
    Coefficient: TypeAlias = Callable[[Values], tuple[float, Values]]

_Z = float(ndtri((1 + LEVEL) / 2))
_HALF = 0.5


def fourfold(a: Sequence[bool], b: Sequence[bool]) -> Values:
    """Return the counts (4,) of a fourfold table of two labelings, each of shape (n,).

    Raises ``ValueError`` where they are not equally long.

    >>> fourfold([True, True, False], [True, False, False]).tolist()
    [1.0, 1.0, 0.0, 1.0]
    """
    if len(a) != len(b):
        raise ValueError(f"{len(a)} labels beside {len(b)}: two labelings are of the same things")
    cell = 3 - (2 * np.asarray(a, dtype=np.int64) + np.asarray(b, dtype=np.int64))
    return np.bincount(cell, minlength=4).astype(np.float64)


def raw(shares: Values) -> tuple[float, Values]:
    """Return the share of things labeled alike, 0 to 1, with its slope (4,).

    >>> raw(np.array([0.4, 0.1, 0.2, 0.3]))[0]
    0.7
    """
    return float(shares[0] + shares[3]), np.array([1.0, 0.0, 0.0, 1.0])


def pabak(shares: Values) -> tuple[float, Values]:
    """Return kappa adjusted for prevalence and bias, -1 to 1, with its slope (4,).

    Formula: 2 po - 1, po the :func:`raw` agreement: kappa's value were both labels as frequent
    with both. Source: T. Byrt, J. Bishop and J. B. Carlin, J. Clin. Epidemiol. 46 (1993) 423-429,
    doi:10.1016/0895-4356(93)90018-V.

    >>> round(pabak(np.array([0.8, 0.1, 0.05, 0.05]))[0], 12)
    0.7
    """
    value, slope = raw(shares)
    return 2 * value - 1, 2 * slope


def prevalence(shares: Values) -> tuple[float, Values]:
    """Return the mean share that the two labelings call collapsed, 0 to 1, with its slope (4,).

    >>> round(prevalence(np.array([0.4, 0.1, 0.2, 0.3]))[0], 12)
    0.55
    """
    slope = np.array([1.0, 0.5, 0.5, 0.0])
    return float(shares @ slope), slope


def positive(shares: Values) -> tuple[float, Values]:
    """Return the agreement on what is collapsed, 0 to 1, with its slope (4,).

    Formula: 2a / (2a + b + c), the share of one labeling's "collapsed" that the other repeats,
    averaged over both. NaN where neither calls anything collapsed. Source: D. V. Cicchetti and
    A. R. Feinstein, J. Clin. Epidemiol. 43 (1990) 551-558, doi:10.1016/0895-4356(90)90159-M.

    >>> round(positive(np.array([0.8, 0.1, 0.05, 0.05]))[0], 3)
    0.914
    """
    both, apart = shares[0], shares[1] + shares[2]
    called = 2 * both + apart
    if called <= 0:
        return np.nan, np.zeros(4)
    slope = np.array([apart, -both, -both, 0.0]) * 2 / called**2
    return float(2 * both / called), slope


def negative(shares: Values) -> tuple[float, Values]:
    """Return the agreement on what is not collapsed, 0 to 1, with its slope (4,).

    Formula: 2d / (2d + b + c), :func:`positive` with the labels swapped.

    >>> round(negative(np.array([0.8, 0.1, 0.05, 0.05]))[0], 3)
    0.4
    """
    value, slope = positive(shares[::-1])
    return value, slope[::-1]


def chance(shares: Values) -> float:
    """Return the share of things that two labelings with these margins label alike by chance.

    Formula: p q + (1 - p)(1 - q) for the shares p and q that each calls collapsed.

    >>> chance(np.array([0.4, 0.1, 0.2, 0.3]))
    0.5
    """
    p, q = shares[0] + shares[1], shares[0] + shares[2]
    return float(p * q + (1 - p) * (1 - q))


def kappa(shares: Values) -> tuple[float, Values]:
    """Return Cohen's kappa, -1 to 1, with its slope (4,).

    Formula: (po - pe) / (1 - pe), po the share labeled alike and pe the :func:`chance`. NaN where
    both call everything, or nothing, collapsed: chance alone agrees on all. Source: J. Cohen,
    Educ. Psychol. Meas. 20 (1960) 37-46, doi:10.1177/001316446002000104.

    >>> round(kappa(np.array([20, 5, 10, 15]) / 50)[0], 12)
    0.4
    """
    p, q = shares[0] + shares[1], shares[0] + shares[2]
    slope = (2 * q - 1) * np.array([1.0, 1.0, 0.0, 0.0])
    slope += (2 * p - 1) * np.array([1.0, 0.0, 1.0, 0.0])
    return _beyond(shares, chance(shares), slope)


def ac1(shares: Values) -> tuple[float, Values]:
    """Return Gwet's AC1, -1 to 1, with its slope (4,).

    Formula: (po - pe) / (1 - pe) with pe = 2 w (1 - w), w the :func:`prevalence`: chance agrees
    on few things where one label is rare. Source: K. L. Gwet, Br. J. Math. Stat. Psychol. 61
    (2008) 29-48, doi:10.1348/000711006X126600.

    >>> round(ac1(np.array([118, 5, 2, 0]) / 125)[0], 4)
    0.9408
    """
    called, slope = prevalence(shares)
    return _beyond(shares, 2 * called * (1 - called), (2 - 4 * called) * slope)


def _beyond(shares: Values, expected: float, slope: Values) -> tuple[float, Values]:
    """Return the agreement beyond what is expected, whose own slope is ``slope``."""
    if 1 - expected < 1e-12:
        return np.nan, np.zeros(4)
    alike, alike_slope = raw(shares)
    value = (alike - expected) / (1 - expected)
    return float(value), (alike_slope - slope * (1 - value)) / (1 - expected)


# -- intervals ------------------------------------------------------------------------------------


def delta_bounds(coefficient: Coefficient, counts: Values) -> tuple[float, float]:
    """Return the 95 % bounds of kappa or AC1, the wider of two delta-method intervals.

    Formula: value -+ 1.96 s, s^2 = (sum_i p_i g_i^2 - (sum_i p_i g_i)^2) / n with g the slopes;
    for kappa that is the variance of J. L. Fleiss, J. Cohen and B. S. Everitt, Psychol. Bull. 72
    (1969) 323-327, doi:10.1037/h0028106. Once with the counts, once with half a thing added to
    every cell, and cut at -1 and 1. The first alone trusts empty cells: of 24 things with shares
    0.93, 0.03, 0.03, 0.01 it holds the true kappa in 19 % of simulations, at n = 60 in 42 %, at
    180 in 81 %; the two together in 92, 97 and 93 %.

    >>> low, high = delta_bounds(kappa, np.array([20.0, 5.0, 10.0, 15.0]))
    >>> round(low, 3), round(high, 3)
    (0.138, 0.649)
    """
    bounds = [_one_delta(coefficient, counts + more) for more in (0.0, _HALF)]
    low, high = min(low for low, _ in bounds), max(high for _, high in bounds)
    return max(low, -1.0), min(high, 1.0)


def _one_delta(coefficient: Coefficient, counts: Values) -> tuple[float, float]:
    total = counts.sum()
    shares = counts / total
    value, slope = coefficient(shares)
    reach = _Z * float(np.sqrt(max(shares @ (slope - shares @ slope) ** 2 / total, 0.0)))
    return value - reach, value + reach


def _wilson(hits: float, total: float) -> tuple[float, float]:
    """Return Wilson's bounds; the counts may be effective ones, and no whole numbers."""
    low, high = proportion_confint(hits, total, alpha=1 - LEVEL, method="wilson")
    return max(float(low), 0.0), min(float(high), 1.0)


def raw_bounds(counts: Values) -> tuple[float, float]:
    """Return Wilson's 95 % bounds of the raw agreement."""
    return _wilson(counts[0] + counts[3], counts.sum())


def pabak_bounds(counts: Values) -> tuple[float, float]:
    """Return the 95 % bounds of PABAK: those of the raw agreement, doubled, less 1."""
    low, high = raw_bounds(counts)
    return 2 * low - 1, 2 * high - 1


def prevalence_bounds(counts: Values) -> tuple[float, float]:
    """Return Wilson's 95 % bounds of the prevalence, as if each thing had one label.

    Two labels of a thing know more than one, unless they are always alike: so it is never too
    narrow.
    """
    return _wilson(prevalence(counts)[0], counts.sum())


def positive_bounds(counts: Values) -> tuple[float, float]:
    """Return the 95 % bounds of :func:`positive`.

    Of the n - d things that either calls collapsed, a share s = a / (n - d) is so called by both,
    with Wilson's bounds; the agreement is 2 s / (1 + s), which grows with s, so it takes them over.

    >>> [round(bound, 3) for bound in positive_bounds(np.array([8.0, 1.0, 1.0, 5.0]))]
    [0.658, 0.971]
    """
    low, high = _wilson(counts[0], counts[:3].sum())
    return 2 * low / (1 + low), 2 * high / (1 + high)


def negative_bounds(counts: Values) -> tuple[float, float]:
    """Return the 95 % bounds of :func:`negative`, those of :func:`positive` with labels swapped."""
    return positive_bounds(counts[::-1])


def effective_share(coefficient: Coefficient, by_cluster: Values) -> float:
    """Return the share of the things that are worth an independent one, above 0 and at most 1.

    ``by_cluster`` (C, 4) holds the counts of every cluster. Formula: v / w (z / t)^2,
    v the delta-method variance of independent things and w that of whole clusters, z and t the
    97.5 % quantiles of the normal and of Student's t with C - 1 degrees. Where fewer than
    ``MIN_CLUSTERS`` clusters hold a disagreement, their spread knows too little: every cluster is
    then worth one thing. Where 24 prompts of 40 turns each have a raw agreement of their own,
    Beta(4, 1), 95 % intervals so hold the true raw agreement, kappa, AC1 and positive agreement
    in 94 % of simulations, with 8 prompts too; those of independent turns in 51 to 56 %. With 2
    to 4 prompts, Beta(4, 1) or Beta(0.4, 0.1), they hold raw agreement, kappa and AC1 in 98 to
    100 %; those of independent turns in 15 to 54 %.
    Source: E. L. Korn and B. I. Graubard, Survey Methodology 24 (1998) 193-201.

    >>> effective_share(raw, np.array([[3.0, 0.0, 0.0, 2.0]] * 6))
    0.2
    """
    clusters, total = len(by_cluster), by_cluster.sum()
    if np.count_nonzero(by_cluster[:, 1:3].sum(axis=1)) < MIN_CLUSTERS:
        return float(clusters / total)
    shares = by_cluster.sum(axis=0) / total
    slope = coefficient(shares)[1]
    around = slope - shares @ slope
    alone = total * (shares @ around**2)
    together = clusters / (clusters - 1) * ((by_cluster @ around) ** 2).sum()
    # Clusters that spread less than independent things would are luck, not knowledge.
    ratio = min(alone / together, 1.0) if together > 0 else 1.0
    return float(ratio * (_Z / stdtrit(clusters - 1, (1 + LEVEL) / 2)) ** 2)
