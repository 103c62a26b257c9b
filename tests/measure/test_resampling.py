"""Bounds of a mean and a permutation test, against scipy's and against what must hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import ndtr
from scipy.stats import binomtest, bootstrap, permutation_test
from scipy.stats import t as student

from pytest_promptchaos.measure.resampling import (
    EXACT,
    mean_bounds,
    mean_of_means,
    sign_flip,
    student_bounds,
    unseen_reach,
)

SKEWED = np.random.default_rng(5).exponential(0.2, 24)
values = arrays(np.float64, 9, elements=st.integers(0, 20).map(lambda whole: whole / 10))


def stretched(samples: list[np.ndarray]) -> float:
    """The level at which scipy's BCa takes the quantile that ours stretches to."""
    plug_in, unbiased = (
        np.sqrt(sum(s.var(ddof=ddof) / len(s) for s in samples)) for ddof in (0, 1)
    )
    quantile = student.ppf(0.975, sum(len(s) - 1 for s in samples))
    return float(1 - 2 * ndtr(-quantile * unbiased / plug_in))


@pytest.mark.parametrize(
    "samples", [[SKEWED], [SKEWED[:7], SKEWED[7:]]], ids=["one sample", "two samples"]
)
def test_the_upper_bound_of_skewed_values_is_scipys_bca_at_the_stretched_level(
    samples: list[np.ndarray],
) -> None:
    reference = bootstrap(
        samples,
        lambda *parts, axis=-1: sum(part.mean(axis=axis) for part in parts) / len(parts),
        n_resamples=40_000,
        confidence_level=stretched(samples),
        method="BCa",
        vectorized=True,
        rng=np.random.default_rng(1),
    ).confidence_interval
    _, high = mean_bounds(*samples)
    assert high == pytest.approx(reference.high, rel=0.02)
    assert high > student_bounds(*samples)[1]


def test_symmetric_values_have_the_bounds_of_t() -> None:
    symmetric = np.linspace(-1.0, 1.0, 40)
    low, high = mean_bounds(symmetric)
    t_low, t_high = student_bounds(symmetric)
    assert low == pytest.approx(t_low, rel=0.04)
    assert high == pytest.approx(t_high, rel=0.04)


def test_many_data_sets_at_once_have_the_bounds_of_each_by_itself() -> None:
    many = np.random.default_rng(2).exponential(1.0, (5, 12))
    low, high = mean_bounds(many)
    alone = [mean_bounds(row) for row in many]
    assert low == pytest.approx([bound for bound, _ in alone])
    assert high == pytest.approx([bound for _, bound in alone])


def test_a_sample_without_spread_only_moves_the_mean() -> None:
    low, high = mean_bounds(SKEWED, np.full(24, 3.0))
    alone_low, alone_high = mean_bounds(SKEWED)
    assert mean_of_means(SKEWED, np.full(24, 3.0)) == pytest.approx((SKEWED.mean() + 3.0) / 2)
    assert low == pytest.approx((alone_low + 3.0) / 2, rel=0.05)
    assert high == pytest.approx((alone_high + 3.0) / 2, rel=0.05)


@settings(max_examples=60, deadline=None)
@given(values.filter(lambda row: np.ptp(row) > 0), st.floats(0.01, 100), st.floats(-5, 5))
def test_bounds_move_and_grow_with_the_values(row: np.ndarray, scale: float, shift: float) -> None:
    low, high = mean_bounds(row)
    assert low <= row.mean() <= high
    moved_low, moved_high = mean_bounds(scale * row + shift)
    assert moved_low == pytest.approx(scale * low + shift, rel=1e-6, abs=1e-6)
    assert moved_high == pytest.approx(scale * high + shift, rel=1e-6, abs=1e-6)


def test_few_flips_are_all_tried() -> None:
    # Whichever way the one difference is flipped, the sum is as far from 0 as the one seen.
    assert sign_flip(np.array([0.0, 3.0])) == 1.0
    assert sign_flip(np.ones(EXACT)) == 2 / 2**EXACT


def test_many_flips_agree_with_scipys_permutation_test() -> None:
    differences = np.random.default_rng(4).normal(0.3, 1.0, 24)
    reference = permutation_test(
        (differences, np.zeros(24)),
        lambda a, b, axis: (a - b).mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=40_000,
        rng=np.random.default_rng(0),
    )
    assert sign_flip(differences) == pytest.approx(reference.pvalue, abs=0.02)


@settings(max_examples=60, deadline=None)
@given(values)
def test_a_p_value_does_not_depend_on_which_system_came_first(row: np.ndarray) -> None:
    differences = row - 1.0
    p = float(sign_flip(differences))
    assert 0 < p <= 1
    assert p == float(sign_flip(-differences)) == float(sign_flip(differences[::-1]))


def test_what_was_not_seen_reaches_as_far_as_clopper_and_pearson_say() -> None:
    # Movements all the way are hits: two of 24, one-sided.
    moved = np.array([1.0, 1.0, *[0.0] * 22])
    upper = binomtest(2, 24, alternative="less").proportion_ci(0.95, method="exact").high
    assert unseen_reach(moved, 1.0) == pytest.approx(upper - 2 / 24)
    assert unseen_reach(0.5 * moved, 0.5) == pytest.approx(0.5 * (upper - 2 / 24))


def test_the_reach_shrinks_with_the_number_of_values_and_ends_with_the_ties() -> None:
    assert unseen_reach(np.zeros(96), 1.0) < unseen_reach(np.zeros(24), 1.0)
    assert unseen_reach(np.array([0.5] * 6 + [0.0] * 18), 1.0) == 0.0
    assert unseen_reach(np.zeros(24), 0.0) == pytest.approx(0.0)
    many = np.stack([np.zeros(24), np.arange(24.0)])
    assert unseen_reach(many, np.array([1.0, 24.0])).tolist() == [
        unseen_reach(row, farthest) for row, farthest in zip(many, (1.0, 24.0), strict=True)
    ]
