"""Two groups of draws: equal ones are not told apart, separated ones are, and nothing between."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.stats import energy_distance as scipy_energy
from scipy.stats import kstest

from pytest_promptchaos.measure.energy import (
    contrast,
    cosine_matrix,
    energy_distance,
    energy_test,
    holm,
    split_means,
    token_edit_matrix,
    witnesses,
)

Floats = NDArray[np.float64]


def line(*points: float) -> Floats:
    """The distances of points on a line."""
    return np.abs(np.subtract.outer(points, points))


def plane(rng: np.random.Generator, *counts: int, apart: float = 0.0, wide: float = 1.0) -> Floats:
    """The Euclidean distances of two normal clouds."""
    first, second = (rng.normal(size=(count, 2)) for count in counts)
    points = np.concatenate([first, apart + wide * second])
    gaps: Floats = np.linalg.norm(points[:, np.newaxis] - points, axis=-1)
    return gaps


def test_two_point_masses_have_twice_their_distance_as_energy() -> None:
    assert energy_distance(line(0, 0, 0, 5, 5), 3) == 10.0


@pytest.mark.parametrize("count", [4, 6, 8])
def test_two_point_masses_reach_the_smallest_exact_p(count: int) -> None:
    # The observed split and, of equal groups, its mirror image.
    distances = line(*[0.0] * count, *[1.0] * count)
    assert energy_test(distances, count) == pytest.approx(2 / comb(2 * count, count))


def test_two_point_masses_of_thirty_reach_the_smallest_sampled_p() -> None:
    assert energy_test(line(*[0.0] * 30, *[1.0] * 30), 30) == 1 / 5000


def test_answers_that_are_all_alike_are_one_distribution() -> None:
    assert energy_distance(np.zeros((60, 60)), 30) == 0.0
    assert energy_test(np.zeros((60, 60)), 30) == 1.0
    assert energy_test(np.zeros((8, 8)), 4) == 1.0


def test_the_same_seed_gives_the_same_p() -> None:
    distances = plane(np.random.default_rng(0), 20, 20)
    assert energy_test(distances, 20, seed=3) == energy_test(distances, 20, seed=3)


def test_groups_of_unequal_size_are_compared_too() -> None:
    assert energy_test(line(0, 0, 0, 0, 0, 7, 7), 5) == pytest.approx(1 / comb(7, 2))


def test_an_empty_group_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be told apart as 0 and 3"):
        energy_test(np.zeros((3, 3)), 0)


def test_equal_distributions_give_uniform_p_and_five_percent_false_alarms() -> None:
    rng = np.random.default_rng(7)
    found = np.array([energy_test(plane(rng, 5, 7), 5) for _ in range(4000)])
    assert 0.04 <= (found <= 0.05).mean() <= 0.06
    # One p of 792 relabelings stands for an interval of that width.
    assert kstest(found - rng.uniform(0, 1 / comb(12, 5), len(found)), "uniform").pvalue > 0.01


def test_random_relabelings_keep_the_five_percent() -> None:
    rng = np.random.default_rng(8)
    found = np.array([energy_test(plane(rng, 10, 10), 10, seed=s) for s in range(600)])
    assert 0.03 <= (found <= 0.05).mean() <= 0.07


def test_equal_distributions_have_no_excess_on_average() -> None:
    rng = np.random.default_rng(9)
    found = [energy_distance(plane(rng, 8, 8), 8) for _ in range(2000)]
    assert abs(np.mean(found)) < 3 * np.std(found) / np.sqrt(len(found))


def test_a_wider_distribution_with_the_same_middle_is_told_apart() -> None:
    distances = plane(np.random.default_rng(1), 30, 30, wide=4.0)
    assert energy_test(distances, 30) < 0.001


def test_for_semantic_distances_the_test_sees_more_than_means() -> None:
    """Two opposite answers against two other opposite ones: the mean embedding is the same."""
    rng = np.random.default_rng(2)
    noise = rng.normal(scale=0.05, size=(60, 3))
    signs = np.repeat([[1.0], [-1.0]], 15, axis=0)
    a = np.hstack([signs, np.zeros((30, 2))])
    b = np.hstack([np.zeros((30, 1)), signs, np.zeros((30, 1))])
    distances = cosine_matrix(np.concatenate([a, b]) + noise)
    assert contrast(distances, 30, metric="semantic").p < 0.001
    assert energy_test(distances, 30) > 0.05


@settings(deadline=None, max_examples=30)
@given(
    arrays(np.float64, st.integers(2, 12), elements=st.floats(-5, 5)),
    arrays(np.float64, st.integers(2, 12), elements=st.floats(-5, 5)),
)
def test_the_biased_form_is_scipys(x: Floats, y: Floats) -> None:
    n, m = len(x), len(y)
    labels = (np.arange(n + m) < n)[np.newaxis]
    within_a, within_b, between = (float(p[0]) for p in split_means(line(*x, *y), labels))
    biased = 2 * between - within_a * (n - 1) / n - within_b * (m - 1) / m
    assert biased == pytest.approx(scipy_energy(x, y) ** 2, abs=1e-9)


def test_within_and_between_are_those_of_the_groups() -> None:
    found = contrast(line(0, 2, 10, 11), 2, metric="token_edit")
    assert (found.within_a, found.within_b, found.between) == (2.0, 1.0, 9.5)
    assert (found.within, found.excess, found.energy) == (1.5, 8.0, 16.0)


def test_two_copies_of_a_text_are_at_distance_zero() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(5, 384)).astype(np.float32)
    found = cosine_matrix(np.concatenate([vectors, vectors]))
    assert (np.diag(found[:5, 5:]) == 0.0).all()
    assert (found == found.T).all()
    assert found.min() >= 0.0


def test_token_edits_are_those_of_every_pair() -> None:
    found = token_edit_matrix([(1, 2, 3), (1, 2, 3), (), (1, 2)])
    assert found[0].tolist() == [0.0, 0.0, 1.0, pytest.approx(1 / 3)]
    assert (found == found.T).all()


def test_the_answers_shown_are_those_that_tell_the_groups_apart() -> None:
    # Most answers are at 0 in both groups; only the second also says 9.
    assert witnesses(line(0, 0, 0, 0, 0, 9), 3) == (0, 5)


def test_holm_multiplies_and_keeps_the_order() -> None:
    assert holm([0.04, 0.01, 0.5]) == pytest.approx([0.08, 0.03, 0.5])
    assert holm([]) == []
