"""Ranks, Spearman's rho with its p, and Holm's adjustment, against scipy and statsmodels."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import pearsonr, rankdata, spearmanr
from statsmodels.stats.multitest import multipletests

from pytest_promptchaos.measure.ranks import (
    cells_of,
    centered_ranks,
    holm,
    midranks,
    numbered,
    spearman,
    weighted_rhos,
    weighted_within,
)

tied = arrays(np.float64, 12, elements=st.integers(0, 4).map(float))
times = arrays(np.int64, 12, elements=st.integers(0, 3))


def varies(column: np.ndarray) -> bool:
    return bool(np.ptp(column) > 0)


# -- known answers -------------------------------------------------------------------------------


def test_tied_values_share_their_mean_rank() -> None:
    assert midranks([10, 20, 20, 30]).tolist() == [1.0, 2.5, 2.5, 4.0]
    assert midranks([-math.inf, 0.0, -0.0, math.inf]).tolist() == [1.0, 2.5, 2.5, 4.0]


@pytest.mark.parametrize("rows", [3, 24, 720])
def test_rho_and_p_are_scipys(rows: int) -> None:
    rng = np.random.default_rng(rows)
    x, y = rng.integers(0, 100, rows), rng.normal(size=rows)
    rho, p = spearman(x, y)
    reference = spearmanr(x, y)
    assert rho == pytest.approx(reference.statistic, abs=1e-12)
    assert p == pytest.approx(reference.pvalue, abs=1e-12)


@pytest.mark.parametrize("count", [1, 2, 6, 50])
def test_holm_is_that_of_statsmodels(count: int) -> None:
    family = np.random.default_rng(count).integers(0, 60, count) / 1000
    assert holm(family) == pytest.approx(multipletests(family, method="holm")[1], abs=1e-12)


def test_holm_multiplies_the_smallest_by_their_number_and_never_falls() -> None:
    family = [0.01, 0.04, 0.03, 0.005, 0.9, 1e-40]
    # By hand: 0.005 x 5, 0.01 x 4, 0.03 x 3, 0.04 x 2 < 0.09, 0.9 x 1, 1e-40 x 6.
    assert holm(family) == pytest.approx([0.04, 0.09, 0.09, 0.025, 0.9, 6e-40], rel=1e-12)
    assert holm([0.6, 0.7]).tolist() == [1.0, 1.0]
    assert holm([]).tolist() == []


def test_the_published_family_has_the_published_adjusted_p_values() -> None:
    # bridge_results.json of github.com/Sohailm25/escape-velocity, all 720 conversations.
    raw = [2.1287574870828885e-11, 7.641547429702184e-12, 0.33684800629731876]
    raw += [4.828336661643351e-49, 8.729618716172424e-55, 3.038098650388147e-48]
    adjusted = [4.257514974165777e-11, 2.2924642289106553e-11, 0.33684800629731876]
    adjusted += [2.4141683308216755e-48, 5.237771229703454e-54, 1.2152394601552587e-47]
    assert holm(raw) == pytest.approx(adjusted, rel=1e-12)


def test_perfect_orders_are_one_exactly() -> None:
    cells = cells_of(np.arange(50.0), np.arange(50.0) ** 3)
    assert weighted_rhos(cells, np.ones((1, 50))).tolist() == [1.0]
    opposed = cells_of(np.arange(50.0), -np.arange(50.0))
    assert weighted_rhos(opposed, np.ones((1, 50))).tolist() == [-1.0]


def test_a_group_that_no_row_is_in_moves_no_rank() -> None:
    assert centered_ranks(np.array([1.0, 0.0, 2.0]))[[0, 2]].tolist() == [-2.0, 1.0]


def test_ranks_are_exact_up_to_a_hundred_thousand_rows() -> None:
    x = np.random.default_rng(0).integers(0, 50_000, 100_000)
    y = x + np.random.default_rng(1).integers(0, 30_000, 100_000)
    cells = cells_of(x, y)
    found = weighted_rhos(cells, cells.summed(np.ones((1, 100_000))))
    assert found[0] == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)


def test_a_difference_between_strata_is_no_correlation_inside_them() -> None:
    rng = np.random.default_rng(9)
    strata = np.repeat([0, 1, 2], 40)
    x, y = 10.0 * strata + rng.normal(size=(2, 120))
    cells, once = cells_of(x, y, strata), np.ones((1, 120))
    assert weighted_rhos(cells, once)[0] > 0.85
    assert abs(weighted_within(cells, once)[0]) < 0.2
    opposed = cells_of(x, 20.0 * strata - x, strata)
    assert weighted_rhos(opposed, once)[0] > 0.7
    assert weighted_within(opposed, once)[0] < -0.95


def test_one_stratum_is_none() -> None:
    rng = np.random.default_rng(10)
    x, y = rng.integers(0, 9, (2, 40))
    cells = cells_of(x, y, np.zeros(40))
    weights = cells.summed(rng.integers(0, 3, (50, 40)))
    alone = weighted_within(cells, weights)
    assert alone == pytest.approx(weighted_rhos(cells, weights), abs=1e-12)


def test_labels_are_numbered_in_their_order() -> None:
    assert numbered(["HOMO_B", "HOMO_A", "HOMO_B"], 3, "strata").tolist() == [1, 0, 1]


# -- what has no rank correlation ----------------------------------------------------------------


def test_nan_has_no_rank_and_the_error_says_where_it_is() -> None:
    with pytest.raises(ValueError, match="values holds NaN 1 time, first at 1, 0"):
        midranks([[1.0, 2.0], [math.nan, 1.0]])
    with pytest.raises(ValueError, match="y holds NaN 2 times, first at 1"):
        spearman([1, 2, 3], [1, math.nan, math.nan])
    with pytest.raises(ValueError, match="p_values holds NaN"):
        holm([0.1, math.nan])
    with pytest.raises(ValueError, match="strata holds NaN"):
        cells_of([1, 2, 3], [1, 2, 3], [0.0, math.nan, 1.0])


def test_a_column_that_never_varies_has_no_rho() -> None:
    with pytest.raises(ValueError, match="y is 2 in all 3 rows"):
        spearman([1, 2, 3], [2, 2, 2])


def test_columns_must_be_two_of_one_length() -> None:
    with pytest.raises(ValueError, match=r"x has shape \(3,\), y \(4,\)"):
        spearman([1, 2, 3], [1, 2, 3, 4])
    with pytest.raises(ValueError, match="2 rows: a rank correlation needs 3"):
        spearman([1, 2], [1, 2])
    with pytest.raises(ValueError, match=r"strata has shape \(2,\): give one for each of 3 rows"):
        cells_of([1, 2, 3], [1, 2, 3], ["a", "b"])


# -- what holds for all --------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(tied)
def test_midranks_keep_the_sum_of_the_ranks(column: np.ndarray) -> None:
    assert midranks(column).sum() == 12 * 13 / 2


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=9))
def test_holm_raises_every_p_and_keeps_their_order(family: list[float]) -> None:
    adjusted = holm(family)
    order = np.argsort(family, kind="stable")
    assert (adjusted >= family).all()
    assert (np.diff(adjusted[order]) >= 0).all()
    assert adjusted.max() <= 1.0
    assert adjusted.min() == pytest.approx(min(min(family) * len(family), 1.0))


@settings(max_examples=150, deadline=None)
@given(tied, tied, times)
def test_weights_are_copies_of_rows(x: np.ndarray, y: np.ndarray, copies: np.ndarray) -> None:
    cells = cells_of(x, y)
    found = weighted_rhos(cells, cells.summed(copies[np.newaxis]))[0]
    many_x, many_y = np.repeat(x, copies), np.repeat(y, copies)
    if copies.sum() < 2 or not (varies(many_x) and varies(many_y)):
        assert np.isnan(found)
    else:
        assert found == pytest.approx(spearmanr(many_x, many_y).statistic, abs=1e-12)


@settings(max_examples=150, deadline=None)
@given(tied, tied, arrays(np.int64, 12, elements=st.integers(0, 2)), times)
def test_inside_the_strata_it_is_the_correlation_of_ranks_less_their_stratum_mean(
    x: np.ndarray, y: np.ndarray, strata: np.ndarray, copies: np.ndarray
) -> None:
    cells = cells_of(x, y, strata)
    found = weighted_within(cells, cells.summed(copies[np.newaxis]))[0]
    rows = np.repeat(np.arange(12), copies)
    inside = [centered(rankdata(column[rows]), strata[rows]) for column in (x, y)]
    if len(rows) < 2 or not all(np.abs(column).max() > 1e-9 for column in inside):
        assert np.isnan(found)
    else:
        assert found == pytest.approx(pearsonr(*inside).statistic, abs=1e-12)


def centered(ranks: np.ndarray, strata: np.ndarray) -> np.ndarray:
    means = {stratum: ranks[strata == stratum].mean() for stratum in set(strata.tolist())}
    return np.array([rank - means[s] for rank, s in zip(ranks, strata.tolist(), strict=True)])


@settings(max_examples=100, deadline=None)
@given(tied, tied)
def test_rho_is_symmetric_and_knows_order_alone(x: np.ndarray, y: np.ndarray) -> None:
    assume(varies(x) and varies(y))
    rho, p = spearman(x, y)
    assert spearman(y, x) == pytest.approx((rho, p), abs=1e-12)
    assert spearman(np.exp(x), y**3 + y) == pytest.approx((rho, p), abs=1e-12)
    assert spearman(-x, y) == pytest.approx((-rho, p), abs=1e-12)
