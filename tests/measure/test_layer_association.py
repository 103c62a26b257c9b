"""Growth and attention over layers: known orders, every order tried, and how often chance wins."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import spearmanr

from pytest_promptchaos.measure.layer_association import (
    LayerAssociation,
    association,
    association_measurement,
    association_points,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

TABLES = arrays(np.float64, (3, 5), elements=st.integers(0, 6).map(float)).filter(
    lambda table: bool((np.ptp(table, axis=1) > 0).all())
)


def found(growth: NDArray[np.float64], mass: NDArray[np.float64]) -> LayerAssociation:
    answer = association(growth, mass)
    assert not isinstance(answer, str), answer
    return answer


def rows(*values: list[float]) -> NDArray[np.float64]:
    return np.array(values)


def plain(growth: NDArray[np.float64], mass: NDArray[np.float64]) -> float:
    return float(np.mean([spearmanr(g, m).statistic for g, m in zip(growth, mass, strict=True)]))


# -- known answers --------------------------------------------------------------------------------


def test_the_same_order_in_every_sample_is_one() -> None:
    growth = rows([0.1, 0.5, 0.2, 0.4], [1.0, 5.0, 2.0, 4.0])
    assert found(growth, growth * 3).rho == pytest.approx(1.0)
    assert found(growth, -growth).rho == pytest.approx(-1.0)


def test_rho_is_the_mean_of_spearmans_of_each_sample() -> None:
    growth, mass = np.random.default_rng(0).normal(size=(2, 4, 6))
    answer = found(growth, mass)
    assert answer.rho == pytest.approx(plain(growth, mass))
    assert answer.rhos.mean() == pytest.approx(answer.rho)


def test_every_order_of_few_layers_is_tried() -> None:
    growth, mass = np.random.default_rng(1).normal(size=(2, 3, 4))
    answer = found(growth, mass)
    drawn = [plain(growth, mass[:, list(order)]) for order in permutations(range(4))]
    as_far = np.mean(np.abs(drawn) >= abs(answer.rho) - 1e-9)
    assert (answer.orders, answer.exact, answer.least) == (24, True, 1 / 24)
    assert answer.p == pytest.approx(as_far)


def test_a_thousand_samples_of_three_layers_make_no_small_p() -> None:
    growth = np.tile([0.1, 0.2, 0.3], (1000, 1))
    answer = found(growth, growth)
    assert answer.p == pytest.approx(2 / 6)
    measured = association_measurement(growth, growth)
    assert "so that none could fall below 0.05" in measured.interval


def test_many_layers_meet_random_orders_and_the_one_seen() -> None:
    growth = np.random.default_rng(0).normal(size=(2, 12))
    answer = found(growth, growth)
    assert (answer.orders, answer.exact) == (10_000, False)
    assert answer.p == answer.least == 1e-4
    assert found(growth, growth).p == answer.p


def test_two_lines_over_depth_go_together_and_nothing_is_left_without_them() -> None:
    line = np.tile(np.arange(6.0), (3, 1))
    answer = found(line, line**2)
    assert answer.rho == pytest.approx(1.0)
    assert (answer.detrended, answer.p_detrended) == (None, None)
    (left,) = association_measurement(line, line**2).breakdown
    assert left.reason is not None
    assert left.reason.startswith("growth or attention is a straight line over depth")


def test_what_goes_together_beside_the_line_is_still_seen_without_it() -> None:
    bump = np.array([0.0, 0.0, 9.0, 0.0, 0.0, 8.0, 0.0]) + np.arange(7) * 0.5
    answer = found(bump[np.newaxis], bump[np.newaxis])
    assert answer.detrended == pytest.approx(1.0)
    assert answer.p_detrended is not None
    assert answer.p_detrended < 0.01


def test_below_five_layers_no_line_is_taken_out() -> None:
    growth = rows([0.1, 0.5, 0.2, 0.4])
    assert found(growth, growth).detrended is None
    (left,) = association_measurement(growth, growth).breakdown
    assert left.reason == "4 layers: a line taken out leaves too few"


# -- what is left out -----------------------------------------------------------------------------


def test_a_layer_without_growth_is_left_out_for_all() -> None:
    nan = float("nan")
    growth = rows([nan, 0.1, 0.3, 0.2], [0.9, 0.1, 0.3, 0.2], [nan, nan, nan, 0.2])
    answer = found(growth, np.tile([9.0, 1.0, 3.0, 2.0], (3, 1)))
    assert (answer.samples, answer.layers) == ((0, 1), (1, 2, 3))
    assert answer.rho == pytest.approx(1.0)


def test_a_sample_that_is_everywhere_the_same_is_left_out() -> None:
    growth = rows([0.2, 0.2, 0.2], [0.1, 0.3, 0.2])
    assert found(growth, rows([1.0, 2.0, 3.0], [1.0, 3.0, 2.0])).samples == (1,)


def test_attention_that_differs_by_rounding_has_no_order() -> None:
    growth = np.random.default_rng(0).normal(size=(3, 6))
    mass = 1 + 1e-7 * np.random.default_rng(1).normal(size=(3, 6))
    assert isinstance(association(growth, mass), str)


NAN = float("nan")


@pytest.mark.parametrize(
    ("growth", "why"),
    [
        (np.full((4, 6), NAN), "no more than 0 of 6 layers have a growth in any of 4 samples"),
        (rows([0.1, 0.2], [0.2, 0.1]), "no more than 2 of 2 layers have a growth in any of 2"),
        # A model of three layers: both phrasings enter the first one in the same state.
        (
            rows(*[[NAN, 0.1, 0.2]] * 6),
            "no more than 2 of 3 layers have a growth in any of 6 samples, and an association over "
            "layers needs 3: a layer that both phrasings enter in the same state has none",
        ),
        (
            rows([NAN, 0.1, 0.3, 0.2], [0.1, NAN, 0.3, 0.2]),
            "only 2 of 4 layers have a growth in all of 2 samples",
        ),
        (np.full((2, 5), 0.3), "in each of 2 samples growth or attention is the same in all layer"),
        (np.empty((0, 5)), "no samples"),
    ],
)
def test_what_has_no_answer_is_an_absence_with_a_reason(
    growth: NDArray[np.float64], why: str
) -> None:
    measured = association_measurement(growth, np.random.default_rng(0).random(growth.shape))
    assert measured.value is None
    assert measured.reason is not None
    assert measured.reason.startswith(why)
    assert measured.n == len(growth)


def test_tables_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"give \(samples, layers\)"):
        association(np.ones((2, 3)), np.ones((2, 4)))


# -- how often chance wins ------------------------------------------------------------------------


def errors(layers: int, samples: int, *, together: bool = True) -> float:
    """How often p is below 0.05 where profiles that all samples share have nothing in common."""
    rng, ps = np.random.default_rng(0), []
    for _ in range(300):
        shared = 3 * rng.normal(size=(2, 1, layers))
        growth, mass = shared + rng.normal(size=(2, samples, layers))
        answer = association(growth, mass, permutations=499)
        assert not isinstance(answer, str)
        ps.append(answer.p)
    return float(np.mean(np.array(ps) <= 0.05))


@pytest.mark.parametrize(("layers", "samples"), [(5, 20), (6, 8), (12, 8), (12, 1)])
def test_it_errs_in_no_more_than_one_of_twenty(layers: int, samples: int) -> None:
    # Monte-Carlo standard error 1.3 points.
    assert errors(layers, samples) <= 0.08


def test_a_planted_association_is_found() -> None:
    rng = np.random.default_rng(0)
    profile = np.array([0.0, 0.1, 3.0, 0.2, 2.0, 0.1, 1.0, 0.0])
    growth, mass = profile + rng.normal(0, 0.3, size=(2, 10, 8))
    answer = found(growth, mass)
    assert answer.rho > 0.5
    assert answer.p < 0.01


# -- as nouns -------------------------------------------------------------------------------------


def test_a_measurement_says_its_p_and_what_was_permuted() -> None:
    growth, mass = np.random.default_rng(0).normal(size=(2, 4, 6))
    measured, answer = association_measurement(growth, mass), found(growth, mass)
    assert measured.value == pytest.approx(answer.rho)
    assert measured.interval == (
        f"p = {answer.p:.3g} against all 720 orders of 6 layers, the least there is 0.0014; "
        "mean over 4 samples"
    )
    assert (measured.resampled, measured.resampled_n) == ("layers", 6)
    (left,) = measured.breakdown
    assert left.value == pytest.approx(answer.detrended)


def test_points_are_layers_with_their_means() -> None:
    growth = rows([0.1, float("nan"), float("nan")], [0.3, 0.4, float("nan")])
    curve = association_points(growth, rows([1.0, 2.0, 3.0], [3.0, 4.0, 5.0]), "abc")
    assert curve is not None
    assert (curve.labels, curve.mark) == (("a", "b"), "points")
    assert curve.x == pytest.approx((2.0, 4.0))
    assert curve.y == pytest.approx((0.2, 0.4))
    assert association_points(np.full((1, 2), np.nan), np.ones((1, 2)), "ab") is None


# -- properties -----------------------------------------------------------------------------------


@given(growth=TABLES, mass=TABLES, seed=st.integers(0, 99))
@settings(deadline=None, max_examples=50)
def test_the_order_of_layers_and_of_samples_does_not_matter(
    growth: NDArray[np.float64], mass: NDArray[np.float64], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    layers, samples = rng.permutation(5), rng.permutation(3)
    answer, moved = found(growth, mass), found(
        growth[samples][:, layers], mass[samples][:, layers]
    )  # fmt: skip
    assert (answer.rho, answer.p) == pytest.approx((moved.rho, moved.p), abs=1e-9)
    assert -1 <= answer.rho <= 1
    assert answer.least <= answer.p <= 1


@given(growth=TABLES, mass=TABLES)
@settings(deadline=None, max_examples=50)
def test_only_order_within_a_sample_counts(
    growth: NDArray[np.float64], mass: NDArray[np.float64]
) -> None:
    answer = found(growth, mass)
    stretched = found(growth**3 + np.array([[1.0], [50.0], [-7.0]]), np.exp(mass))
    assert stretched.rho == pytest.approx(answer.rho)
    assert stretched.p == pytest.approx(answer.p)
