"""An association inside the strata, and what could have come by chance."""

from __future__ import annotations

import time
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from measure.published_design import DESIGN, drawn
from pytest_promptchaos.measure.exchange import exchangeable
from pytest_promptchaos.measure.rank_bootstrap import within_rhos
from pytest_promptchaos.measure.strata import permutation, permutation_ps, varying, within_rho

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Labels = NDArray[np.int64]
    Values = NDArray[np.float64]


def ints(*values: int) -> Labels:
    return np.array(values, dtype=np.int64)


def one(count: int) -> Labels:
    return np.zeros(count, dtype=np.int64)


# -- the estimate -------------------------------------------------------------------------------


def test_in_one_stratum_it_is_spearmans_rho() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 40)).round(1)
    assert within_rho(x, y, one(40)) == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)


def test_it_is_the_correlation_of_ranks_with_a_covariate_per_stratum() -> None:
    x, y = drawn(np.random.default_rng(1), inside=0.4)
    whole = np.ones((1, len(x)))
    expected = within_rhos(x, y, DESIGN.strata, whole)[0]
    assert within_rho(x, y, DESIGN.strata) == pytest.approx(expected, abs=1e-12)


def test_what_lies_between_the_strata_does_not_enter() -> None:
    strata = np.repeat(ints(0, 1, 2), 4)
    inner = np.tile([1.0, 2.0, 3.0, 4.0], 3)
    against = np.tile([4.0, 3.0, 2.0, 1.0], 3)
    apart = 10.0 * strata
    assert spearmanr(inner + apart, against + apart).statistic > 0.7
    assert within_rho(inner + apart, against + apart, strata) == pytest.approx(-1.0)


def test_nothing_that_varies_inside_a_stratum_has_no_association() -> None:
    strata = ints(0, 0, 1, 1)
    still = np.array([1.0, 1, 2, 2])
    assert within_rho(still, np.arange(4.0), strata) is None
    assert within_rho(np.arange(4.0), still, strata) is None
    assert permutation(still, np.arange(4.0), strata, strata) is None
    assert varying(np.array([1.0, 1, 2, 3]), strata).tolist() == [False, True]


# -- who may change places ----------------------------------------------------------------------


def test_clusters_that_share_strata_move_together_through_all_of_them() -> None:
    x, y = drawn(np.random.default_rng(2))
    groups = exchangeable(x, y, DESIGN.clusters, DESIGN.strata)
    assert sorted((len(g.codes), tuple(g.strata)) for g in groups) == [
        (36, (0, 1)),
        (36, (2,)),
        (36, (3,)),
    ]
    shared = next(g for g in groups if len(g.strata) == 2)
    assert (shared.codes[:, 0] == shared.codes[:, 1]).all()
    assert (shared.weights == 5).all()


def test_seed_prompts_move_with_what_they_have_in_every_model() -> None:
    x, y = drawn(np.random.default_rng(2))
    (group,) = exchangeable(x, y, DESIGN.seeds, DESIGN.strata)
    assert group.codes.shape == (36, 4)
    rows = (DESIGN.seeds == 7) & (DESIGN.strata == 3)
    assert np.unique(x)[group.codes[7, 3]] == x[rows][0]


def test_predictors_that_differ_in_a_cluster_move_between_clusters_of_one_size() -> None:
    clusters, x = ints(0, 0, 1, 1, 2, 2, 2), np.arange(7.0)
    found = permutation(x, x, clusters, one(7))
    assert found is not None
    assert (found.movable, found.fixed, found.arrangements) == (2, 1, 2)
    # With one predictor each, clusters of any size may change places.
    whole = permutation(clusters.astype(float), x, clusters, one(7))
    assert whole is not None
    assert (whole.movable, whole.fixed, whole.arrangements) == (3, 0, 6)


def test_clusters_without_a_partner_are_counted_and_stay() -> None:
    # Cluster 9 alone is in both strata, cluster 8 alone in the second: 8 and 9 cannot move.
    clusters, strata = ints(0, 1, 2, 3, 9, 9, 8), ints(0, 0, 0, 0, 0, 1, 1)
    found = permutation(np.array([1.0, 2, 3, 4, 5, 5, 6]), np.arange(7.0), clusters, strata)
    assert found is not None
    assert (found.movable, found.fixed, found.arrangements, found.exact) == (4, 2, 24, True)


def test_a_stratum_of_one_cluster_says_nothing_and_is_counted() -> None:
    clusters, strata = ints(0, 1, 2, 3, 4, 4), ints(0, 0, 0, 0, 1, 1)
    x, y = np.array([1.0, 2, 3, 4, 9, 9]), np.array([2.0, 1, 4, 3, 0, 9])
    found = permutation(x, y, clusters, strata)
    assert found is not None
    assert (found.barren, found.fixed) == (1, 1)


def test_a_hundred_clusters_without_partners_leave_one_arrangement() -> None:
    clusters = np.repeat(np.arange(100), np.arange(1, 101))
    x = np.arange(float(len(clusters)))
    found = permutation(x, x, clusters, one(len(x)))
    assert found is not None
    assert (found.p, found.arrangements, found.movable, found.fixed) == (1.0, 1, 0, 100)


# -- the p --------------------------------------------------------------------------------------


def looped(
    x: NDArray[np.float64], y: NDArray[np.float64], clusters: Labels, strata: Labels
) -> float:
    """The p of every arrangement of one predictor per cluster, all clusters in the same strata."""
    names = np.unique(clusters)
    own = np.array([x[clusters == name][0] for name in names])
    places = np.searchsorted(names, clusters)
    seen = abs(within_rho(x, y, strata) or 0.0)
    rhos = [
        within_rho(own[list(order)][places], y, strata) or 0.0
        for order in permutations(range(len(own)))
    ]
    return float(np.mean(np.abs(rhos) >= seen - 1e-9))


@pytest.mark.parametrize("sizes", [(2, 2, 2, 2, 2), (1, 3, 2, 5, 2)])
def test_few_arrangements_are_all_tried_and_ranked_by_their_own_rows(
    sizes: tuple[int, ...],
) -> None:
    rng = np.random.default_rng(3)
    clusters = np.tile(np.repeat(np.arange(5), sizes), 2)
    strata = np.repeat(ints(0, 1), sum(sizes))
    own, y = rng.normal(size=5), rng.normal(size=len(clusters)) + 3 * strata
    x = own[clusters]
    found = permutation(x, y, clusters, strata)
    assert found is not None
    assert (found.exact, found.arrangements) == (True, 120)
    assert found.p == pytest.approx(looped(x, y, clusters, strata), abs=1e-12)


@pytest.mark.parametrize("repeats", [ints(5), np.arange(36) % 4 + 3])
def test_random_arrangements_give_the_rhos_that_moving_by_hand_gives(repeats: Labels) -> None:
    rng = np.random.default_rng(4)
    clusters = np.repeat(np.arange(36), np.broadcast_to(repeats, 36))
    strata = clusters // 18
    own, y = rng.normal(size=36), rng.normal(size=len(clusters))
    tested = permutation(own[clusters], y, clusters, strata, permutations=999, seed=0)
    by_hand = []
    for _ in range(999):
        moved = np.concatenate([rng.permutation(18), 18 + rng.permutation(18)])
        by_hand.append(within_rho(own[moved][clusters], y, strata) or 0.0)
    assert tested is not None
    expected = np.mean(np.abs(by_hand) >= abs(tested.rho))
    # Two shares of 999 draws differ by 4 standard errors of 2.2 points once in 16,000 seeds.
    assert tested.p == pytest.approx(expected, abs=0.09)


def test_the_seen_arrangement_is_one_of_those_counted() -> None:
    x, y = drawn(np.random.default_rng(5), inside=2.0)
    found = permutation(x, y, DESIGN.clusters, DESIGN.strata, permutations=999)
    assert found is not None
    assert (found.p, found.arrangements, found.least) == (1 / 1000, 1000, 1 / 1000)


def test_equal_predictors_make_fewer_arrangements() -> None:
    # 2 of 12 clusters differ from the others: 66 arrangements, whatever is drawn.
    x = np.array([1.0, 1.0, *[0.0] * 10])
    found = permutation(x, np.arange(12.0), np.arange(12), one(12))
    assert found is not None
    assert found.least == pytest.approx(1 / 66)
    # No draw can beat it: both extreme clusters hold the extreme outcomes in 2 of 66.
    assert found.p == pytest.approx(2 / 66, abs=0.008)


def test_thousands_of_permutations_of_the_published_size_take_well_under_a_second() -> None:
    x, y = drawn(np.random.default_rng(6))
    spent = []
    for _ in range(3):
        started = time.perf_counter()
        permutation(x, y, DESIGN.clusters, DESIGN.strata)
        spent.append(time.perf_counter() - started)
    assert min(spent) < 0.5


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(0, 10_000))
def test_order_of_rows_and_size_of_values_do_not_matter(random: object, seed: int) -> None:
    rng = np.random.default_rng(seed)
    clusters = rng.integers(0, 9, 30)
    strata = clusters % 2
    x, y = rng.normal(size=9)[clusters], rng.normal(size=30)
    rows = rng.permutation(30)
    plain, moved = (
        permutation(a, b, clusters[r], strata[r], permutations=199)
        for a, b, r in ((x, y, np.arange(30)), (np.exp(x)[rows], (y**3)[rows], rows))
    )
    flipped = permutation(-x, y, clusters, strata, permutations=199)
    assert plain is not None
    assert moved is not None
    assert flipped is not None
    assert (moved.p, moved.movable, moved.fixed) == (plain.p, plain.movable, plain.fixed)
    assert moved.rho == pytest.approx(plain.rho, abs=1e-12)
    assert flipped.rho == pytest.approx(-plain.rho, abs=1e-12)
    assert flipped.p == plain.p


# -- how often it cries wolf --------------------------------------------------------------------


def alarms(
    clusters: Labels, *, batches: int = 40, shared_by_seed: float = 0.0, permutations: int = 499
) -> float:
    """The share of tables without an association inside the models whose p is at most 5 %.

    100 tables of outcomes meet each of 40 predictors: 4,000 simulations, whose Monte-Carlo
    standard error is half a point.
    """
    rng, found = np.random.default_rng(1), []
    for seed in range(batches):
        x, _ = drawn(rng, shared_by_seed=shared_by_seed)
        y = np.array([drawn(rng, shared_by_seed=shared_by_seed)[1] for _ in range(100)])
        p = permutation_ps(x, y, clusters, DESIGN.strata, permutations=permutations, seed=seed)
        found.append(np.mean(p <= 0.05))
    return float(np.mean(found))


def test_many_outcomes_at_once_have_the_p_of_each() -> None:
    rng = np.random.default_rng(7)
    x, y = drawn(rng)[0], np.array([drawn(rng)[1] for _ in range(4)])
    at_once = permutation_ps(x, y, DESIGN.clusters, DESIGN.strata, permutations=199)
    one_by_one = [
        permutation(x, outcome, DESIGN.clusters, DESIGN.strata, permutations=199) for outcome in y
    ]
    assert at_once.tolist() == [found.p for found in one_by_one if found is not None]


def test_it_errs_in_five_percent_of_tests() -> None:
    assert 0.04 <= alarms(DESIGN.clusters) <= 0.06


def test_moving_rows_in_the_place_of_clusters_errs_in_two_of_five() -> None:
    # Rows share their predictor and half of their variance with four others.
    assert alarms(np.arange(len(DESIGN.strata)), batches=4, permutations=199) > 0.3


def test_strata_that_share_clusters_must_move_together() -> None:
    assert alarms(DESIGN.strata * 36 + DESIGN.seeds) > 0.09


def test_what_seed_prompts_share_over_models_takes_seed_prompts_as_clusters() -> None:
    assert alarms(DESIGN.clusters, shared_by_seed=2.0) > 0.10
    assert 0.04 <= alarms(DESIGN.seeds, shared_by_seed=2.0) <= 0.06
