"""The bootstrap of rank correlations, against loops over scipy's spearmanr."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import ConstantInputWarning, norm, spearmanr

from pytest_promptchaos.measure.rank_bootstrap import (
    AT_ONCE,
    bias_corrected,
    cluster_bootstrap,
    pooled_bootstrap,
    pooled_family,
    resampled_rhos,
    rhos_of_counts,
    within_rhos,
)
from pytest_promptchaos.measure.ranks import holm, spearman
from pytest_promptchaos.records import Hypothesis

if TYPE_CHECKING:
    from collections.abc import Iterable

ROWS, CLUSTERS, RESAMPLES = 90, 18, 300
FAMILY = [
    Hypothesis(predictor="mean", outcome="rate"),
    Hypothesis(predictor="mean", outcome="collapsed"),
    Hypothesis(predictor="slope", outcome="rate"),
]

tied = arrays(np.float64, 10, elements=st.integers(0, 4).map(float))
drawn = arrays(np.int64, (7, 10), elements=st.integers(0, 9))


@pytest.fixture(scope="module")
def columns() -> dict[str, np.ndarray]:
    """Five rows for each of 18 predictors, outcomes with ties, as published tables have them."""
    rng = np.random.default_rng(3)
    mean, slope = np.repeat(rng.normal(size=(2, CLUSTERS)), ROWS // CLUSTERS, axis=1)
    rate = np.round(np.clip(0.4 * mean + rng.normal(size=ROWS), 0, 1) * 40) / 40
    collapsed = (rate > 0).astype(float)
    return {"mean": mean, "slope": slope, "rate": rate, "collapsed": collapsed}


@pytest.fixture(scope="module")
def clusters() -> np.ndarray:
    return np.repeat(np.arange(CLUSTERS), ROWS // CLUSTERS)


def looped(x: np.ndarray, y: np.ndarray, resamples: Iterable[np.ndarray]) -> np.ndarray:
    """Spearman's rho of every resample, one after another."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantInputWarning)
        return np.array([spearmanr(x[rows], y[rows]).statistic for rows in resamples])


def straightforward(rhos: np.ndarray, observed: float) -> tuple[float, float]:
    """The published bounds: z0 from the share strictly below, percentiles of all resamples."""
    below = np.clip(np.mean(rhos < observed), 1e-10, 1 - 1e-10)
    moved = 2 * norm.ppf(below)
    low, high = (np.percentile(rhos, 100 * norm.cdf(moved + norm.ppf(p))) for p in (0.025, 0.975))
    return float(low), float(high)


# -- rows resampled ------------------------------------------------------------------------------


def test_the_family_is_the_published_loop(columns: dict[str, np.ndarray]) -> None:
    found = pooled_family(columns, FAMILY, resamples=RESAMPLES, seed=42)
    rng = np.random.default_rng(42)
    for pooled, hypothesis in zip(found, FAMILY, strict=True):
        x, y = columns[hypothesis.predictor], columns[hypothesis.outcome]
        rhos = looped(x, y, (rng.integers(0, ROWS, size=ROWS) for _ in range(RESAMPLES)))
        bounds = straightforward(rhos, spearmanr(x, y).statistic)
        assert (pooled.hypothesis, pooled.n) == (hypothesis, ROWS)
        assert (pooled.interval.rho, pooled.p) == pytest.approx(spearman(x, y), abs=1e-12)
        assert (pooled.interval.low, pooled.interval.high) == pytest.approx(bounds, abs=1e-12)
        assert (pooled.interval.resamples, pooled.interval.undefined) == (RESAMPLES, 0)
    assert [one.holm for one in found] == holm([one.p for one in found]).tolist()


def test_one_generator_runs_through_the_family(columns: dict[str, np.ndarray]) -> None:
    first, _, third = pooled_family(columns, FAMILY, resamples=RESAMPLES)
    alone = [pooled_family(columns, [h], resamples=RESAMPLES)[0] for h in FAMILY]
    assert first.interval == alone[0].interval
    assert third.interval != alone[2].interval
    other, *_ = pooled_family(columns, FAMILY, resamples=RESAMPLES, seed=7)
    assert other.interval.low != first.interval.low


def test_the_pieces_that_a_bootstrap_runs_in_do_not_show(columns: dict[str, np.ndarray]) -> None:
    x, y = columns["slope"], columns["rate"]
    resamples = AT_ONCE // ROWS + 3
    indices = np.random.default_rng(42).integers(0, ROWS, (resamples, ROWS))
    rhos = resampled_rhos(x, y, indices)
    assert len(rhos) == resamples
    assert rhos[-4:].tolist() == resampled_rhos(x, y, indices[-4:]).tolist()
    found = pooled_bootstrap(x, y, np.random.default_rng(42), resamples=resamples)
    assert (found.low, found.high) == bias_corrected(rhos, found.rho)


def test_resamples_may_be_smaller_than_the_table(columns: dict[str, np.ndarray]) -> None:
    x, y = columns["slope"], columns["rate"]
    indices = np.random.default_rng(0).integers(0, ROWS, (20, 30))
    assert resampled_rhos(x, y, indices) == pytest.approx(looped(x, y, indices), abs=1e-12)
    assert resampled_rhos(x, y, indices[:0]).shape == (0,)


def test_resamples_without_a_rho_are_counted_and_left_out_of_the_bounds() -> None:
    x, y = np.arange(8.0), np.array([0.0, 0, 0, 0, 0, 0, 0, 1])
    found = pooled_bootstrap(x, y, np.random.default_rng(1), resamples=2000)
    rng = np.random.default_rng(1)
    rhos = looped(x, y, (rng.integers(0, 8, size=8) for _ in range(2000)))
    # The one row that differs is missed by (7/8)^8 = 34 % of resamples.
    assert found.undefined == np.isnan(rhos).sum()
    assert 0.30 < found.undefined / found.resamples < 0.39
    defined = rhos[~np.isnan(rhos)]
    bounds = bias_corrected(defined, spearmanr(x, y).statistic)
    assert (found.low, found.high) == pytest.approx(bounds, abs=1e-12)


# -- bounds --------------------------------------------------------------------------------------


def test_bounds_without_bias_are_plain_percentiles() -> None:
    rhos = np.linspace(-1.0, 1.0, 2001)
    assert bias_corrected(rhos, 0.0) == pytest.approx((-0.95, 0.95), abs=2e-3)
    assert bias_corrected(rhos, 0.0, level=0.5) == pytest.approx((-0.5, 0.5), abs=2e-3)


def test_bounds_lean_to_where_resamples_are_few() -> None:
    rhos = np.linspace(-1.0, 1.0, 2001)
    # Three quarters of them are below 0.5.
    shares = norm.cdf(2 * norm.ppf(0.75) + norm.ppf([0.025, 0.975]))
    assert np.array(bias_corrected(rhos, 0.5)) == pytest.approx(2 * shares - 1, abs=2e-3)


def test_where_all_resamples_lie_on_one_side_the_bounds_are_the_outermost() -> None:
    rhos = np.linspace(0.1, 0.2, 50)
    assert bias_corrected(rhos, 0.9) == pytest.approx((0.2, 0.2))
    assert bias_corrected(rhos, -0.9) == pytest.approx((0.1, 0.1))


def test_a_resample_that_equals_the_observed_is_not_below_it_whatever_its_rounding() -> None:
    rhos = np.array([0.1, 0.2, 0.3, 0.3, 0.4])
    rounded = rhos.copy()
    rounded[2:4] -= 1e-16
    assert bias_corrected(rounded, 0.3) == pytest.approx(bias_corrected(rhos, 0.3), abs=1e-12)


def test_no_resample_with_a_rho_is_no_interval() -> None:
    with pytest.raises(ValueError, match="none of 3 resamples has a rank correlation"):
        bias_corrected(np.full(3, np.nan), 0.5)


# -- clusters resampled --------------------------------------------------------------------------


def test_a_cluster_enters_a_resample_with_all_its_rows(
    columns: dict[str, np.ndarray], clusters: np.ndarray
) -> None:
    x, y = columns["slope"], columns["rate"]
    found = cluster_bootstrap(x, y, clusters, resamples=RESAMPLES, seed=5)
    rhos = looped(x, y, whole_clusters(clusters, seed=5))
    assert found.rho == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)
    bounds = straightforward(rhos, found.rho)
    assert (found.low, found.high) == pytest.approx(bounds, abs=1e-12)


def test_clusters_of_unequal_size_make_resamples_of_unequal_size() -> None:
    rng = np.random.default_rng(6)
    clusters = np.repeat(np.arange(6), [1, 2, 9, 4, 3, 11])
    x, y = rng.normal(size=(2, 30))
    resamples = list(whole_clusters(clusters, seed=42))
    assert len({len(rows) for rows in resamples}) > 10
    found = cluster_bootstrap(x, y, clusters, resamples=RESAMPLES)
    bounds = straightforward(looped(x, y, resamples), found.rho)
    assert (found.low, found.high) == pytest.approx(bounds, abs=1e-12)


def test_rows_that_repeat_their_cluster_widen_the_interval(clusters: np.ndarray) -> None:
    rng = np.random.default_rng(8)
    per_cluster = rng.normal(size=(2, CLUSTERS))
    x, y = per_cluster[:, clusters]
    rows = pooled_bootstrap(x, y, np.random.default_rng(42), resamples=2000)
    whole = cluster_bootstrap(x, y, clusters, resamples=2000)
    # Five equal rows each: sqrt(5) = 2.2 times as wide.
    assert 1.7 < (whole.high - whole.low) / (rows.high - rows.low) < 2.7


def test_with_strata_it_is_the_correlation_inside_them(
    columns: dict[str, np.ndarray], clusters: np.ndarray
) -> None:
    x, y, strata = columns["slope"], columns["rate"], clusters % 3
    found = cluster_bootstrap(x, y, clusters, strata=strata, resamples=RESAMPLES, seed=5)
    counts = np.array(
        [np.bincount(rows, minlength=ROWS) for rows in whole_clusters(clusters, seed=5)]
    )
    assert found.rho == within_rhos(x, y, strata, np.ones((1, ROWS)))[0]
    bounds = straightforward(within_rhos(x, y, strata, counts), found.rho)
    assert (found.low, found.high) == pytest.approx(bounds, abs=1e-12)


def whole_clusters(clusters: np.ndarray, *, seed: int) -> Iterable[np.ndarray]:
    """Yield the rows of every resample of whole clusters."""
    rng, count = np.random.default_rng(seed), int(clusters.max()) + 1
    for _ in range(RESAMPLES):
        names = rng.integers(0, count, count)
        yield np.concatenate([np.flatnonzero(clusters == name) for name in names])


# -- what is refused -----------------------------------------------------------------------------


def test_nan_is_refused_everywhere() -> None:
    x, y = np.array([1.0, math.nan, 3.0]), np.arange(3.0)
    counts = np.ones((2, 3), dtype=int)
    with pytest.raises(ValueError, match="x holds NaN 1 time, first at 1"):
        resampled_rhos(x, y, np.zeros((1, 3), dtype=int))
    with pytest.raises(ValueError, match="y holds NaN"):
        rhos_of_counts(y, x, counts)
    with pytest.raises(ValueError, match="x holds NaN"):
        within_rhos(x, y, np.zeros(3), counts)
    with pytest.raises(ValueError, match="clusters holds NaN"):
        cluster_bootstrap(y, y, x)
    with pytest.raises(ValueError, match="x holds NaN"):
        pooled_family({"x": x, "y": y}, [Hypothesis(predictor="x", outcome="y")])


def test_what_never_varies_is_refused(columns: dict[str, np.ndarray], clusters: np.ndarray) -> None:
    still = np.full(ROWS, 2.0)
    with pytest.raises(ValueError, match="x is 2 in all 90 rows"):
        pooled_bootstrap(still, columns["rate"], np.random.default_rng(0))
    with pytest.raises(ValueError, match="does not vary in any row"):
        cluster_bootstrap(still, columns["rate"], clusters)
    with pytest.raises(ValueError, match="does not vary inside any stratum"):
        cluster_bootstrap(columns["mean"], columns["rate"], clusters, strata=clusters)


def test_one_cluster_cannot_be_resampled(columns: dict[str, np.ndarray]) -> None:
    with pytest.raises(ValueError, match="all 90 rows are one cluster"):
        cluster_bootstrap(columns["mean"], columns["rate"], np.zeros(ROWS))
    with pytest.raises(ValueError, match=r"clusters has shape \(3,\): give one for each of 90"):
        cluster_bootstrap(columns["mean"], columns["rate"], np.zeros(3))


def test_counts_are_one_per_row_and_never_negative() -> None:
    with pytest.raises(ValueError, match=r"counts has shape \(2, 4\): give \(resamples, 3\)"):
        rhos_of_counts([1, 2, 3], [1, 2, 3], np.ones((2, 4)))
    with pytest.raises(ValueError, match="counts holds -1"):
        within_rhos([1, 2, 3], [1, 2, 3], [0, 0, 1], np.array([[1, -1, 1]]))


# -- what holds for all --------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(tied, tied, drawn)
def test_every_resample_has_scipys_rho(x: np.ndarray, y: np.ndarray, rows: np.ndarray) -> None:
    expected = looped(x, y, rows)
    assert resampled_rhos(x, y, rows) == pytest.approx(expected, abs=1e-12, nan_ok=True)
    counts = np.array([np.bincount(one, minlength=10) for one in rows])
    assert rhos_of_counts(x, y, counts) == pytest.approx(expected, abs=1e-12, nan_ok=True)


@settings(max_examples=100, deadline=None)
@given(tied, tied, drawn, arrays(np.int64, 10, elements=st.integers(0, 2)))
def test_resamples_are_symmetric_and_know_order_alone(
    x: np.ndarray, y: np.ndarray, rows: np.ndarray, strata: np.ndarray
) -> None:
    counts = np.array([np.bincount(one, minlength=10) for one in rows])

    def by_rows(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return resampled_rhos(a, b, rows)

    def inside(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return within_rhos(a, b, strata, counts)

    for measured in (by_rows, inside):
        rhos = measured(x, y)
        assert measured(y, x) == pytest.approx(rhos, abs=1e-12, nan_ok=True)
        assert measured(np.exp(x), y**3 - 5) == pytest.approx(rhos, abs=1e-12, nan_ok=True)
        assert measured(-x, y) == pytest.approx(-rhos, abs=1e-12, nan_ok=True)
        assert (np.abs(rhos[~np.isnan(rhos)]) <= 1).all()


@settings(max_examples=60, deadline=None)
@given(arrays(np.float64, 60, elements=st.floats(-1, 1)), st.floats(-1, 1))
def test_bounds_are_in_order_and_among_the_resamples(rhos: np.ndarray, observed: float) -> None:
    low, high = bias_corrected(rhos, observed)
    assert rhos.min() <= low <= high <= rhos.max()
