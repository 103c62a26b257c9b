"""Two shares over the same images: their intervals, difference and ratio."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from statsmodels.stats.proportion import proportion_confint

from pytest_promptchaos.measure.share_contrast import (
    clustered_share,
    difference_bounds,
    ratio_bounds,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_promptchaos.measure.share_contrast import Share

COUNTS = st.lists(
    st.tuples(*[st.integers(0, 5)] * 4).map(lambda c: (c[0], c[0] + c[1], c[2], c[2] + c[3])),
    min_size=2,
    max_size=12,
).filter(lambda rows: all(sum(row[i] > 0 for row in rows) > 1 for i in (1, 3)))


def shares(rows: list[tuple[int, int, int, int]]) -> tuple[Share, Share]:
    columns = np.array(rows, dtype=np.float64).T
    return clustered_share(columns[0], columns[1]), clustered_share(columns[2], columns[3])


def drawn(
    rng: np.random.Generator, images: int, flips: float, stable: tuple[float, float], alike: float
) -> tuple[Share, Share]:
    """Nine pairs an image; ``stable`` with and without a flip; alike within an image.

    Drawn again where fewer than two images flip, which has no interval.
    """
    latent = rng.normal(size=(images, 1)) * alike**0.5
    height = norm.cdf(latent + rng.normal(size=(images, 9)) * (1 - alike) ** 0.5)
    flipped = rng.random((images, 9)) < flips
    hit = height < np.where(flipped, *stable)
    if np.sum(flipped.any(axis=1)) < 2:
        return drawn(rng, images, flips, stable, alike)
    counted = [np.sum(w, axis=1).astype(float) for w in (hit & flipped, flipped, hit & ~flipped)]
    return clustered_share(*counted[:2]), clustered_share(counted[2], 9 - counted[1])


# -- known answers --------------------------------------------------------------------------------


def test_a_share_is_pooled_over_images() -> None:
    assert clustered_share(np.array([1.0, 3.0]), np.array([1.0, 7.0])).value == 0.5


def test_one_pair_an_image_is_wilson_with_students_t() -> None:
    hits = np.array([1.0] * 30 + [0.0] * 20)
    found = clustered_share(hits, np.ones(50))
    assert found.worth == pytest.approx(50 * 49 / 50 * (1.959964 / 2.009575) ** 2, rel=1e-5)
    wilson = proportion_confint(0.6 * found.worth, found.worth, method="wilson")
    assert (found.low, found.high) == pytest.approx(wilson)


def test_pairs_that_are_always_alike_within_an_image_are_worth_one() -> None:
    hits = np.array([6.0] * 12 + [0.0] * 12)
    found, single = clustered_share(hits, np.full(24, 6.0)), clustered_share(hits / 6, np.ones(24))
    assert found.worth == pytest.approx(single.worth)


def test_where_all_are_equal_an_image_is_worth_one_pair() -> None:
    found = clustered_share(np.full(10, 9.0), np.full(10, 9.0))
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(0.661, abs=1e-3)


def test_one_image_has_no_interval() -> None:
    found = clustered_share(np.array([3.0, 0.0]), np.array([4.0, 0.0]))
    assert (found.value, found.low, found.high, found.images) == (0.75, None, None, 1)
    with pytest.raises(ValueError, match="one image"):
        difference_bounds(found, found)
    with pytest.raises(ValueError, match="a share of nothing"):
        clustered_share(np.zeros(2), np.zeros(2))


def test_the_difference_of_independent_shares_is_newcombes() -> None:
    # Two sets of images: the errors of one set are 0 where the other's are not.
    rows = [(i % 2, 1, 0, 0) for i in range(60)] + [(0, 0, i % 3 > 0, 1) for i in range(60)]
    a, b = shares([(int(w), int(x), int(y), int(z)) for w, x, y, z in rows])
    assert a.low is not None
    assert b.high is not None
    down, up = a.value - a.low, b.high - b.value
    low, _ = difference_bounds(a, b)
    assert low == pytest.approx(a.value - b.value - (down**2 + up**2) ** 0.5)


# -- simulations ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("images", "flips", "stable", "alike"),
    [
        (24, 0.2, (0.87, 0.88), 0.3),
        (24, 0.2, (0.5, 0.8), 0.6),
        (24, 0.03, (0.9, 0.9), 0.3),
        (8, 0.3, (0.9, 0.7), 0.3),
    ],
)
def test_the_bounds_hold_the_truth_as_often_as_they_say(
    images: int, flips: float, stable: tuple[float, float], alike: float
) -> None:
    rng = np.random.default_rng(0)
    held: list[bool] = []
    ratio: list[bool] = []
    for a, b in (drawn(rng, images, flips, stable, alike) for _ in range(300)):
        low, high = difference_bounds(a, b)
        held.append(low <= stable[0] - stable[1] <= high)
        low, high = ratio_bounds(a, b)
        ratio.append(low <= stable[0] / stable[1] <= high)
    # Monte-Carlo standard error 1.3 points.
    assert np.mean(held) >= 0.92
    assert np.mean(ratio) >= 0.92


# -- properties -----------------------------------------------------------------------------------


@given(rows=COUNTS)
@settings(deadline=None)
def test_a_value_lies_within_its_bounds_and_they_within_theirs(
    rows: list[tuple[int, int, int, int]],
) -> None:
    a, b = shares(rows)
    for one in (a, b):
        assert one.low is not None
        assert one.high is not None
        assert 0 <= one.low <= one.value <= one.high <= 1
    low, high = difference_bounds(a, b)
    assert -1 <= low <= a.value - b.value <= high <= 1


@given(rows=COUNTS)
@settings(deadline=None)
def test_the_ratio_holds_one_where_the_difference_holds_zero(
    rows: list[tuple[int, int, int, int]],
) -> None:
    a, b = shares(rows)
    if b.value == 0:
        return
    low, high = difference_bounds(a, b)
    least, most = ratio_bounds(a, b)
    assert 0 <= least <= a.value / b.value <= most
    if min(abs(low), abs(high), abs(least - 1), abs(most - 1)) > 1e-9:
        assert (low <= 0 <= high) == (least <= 1 <= most)


@given(rows=COUNTS)
@settings(deadline=None)
def test_turned_around_the_difference_changes_its_sign(
    rows: list[tuple[int, int, int, int]],
) -> None:
    a, b = shares(rows)
    low, high = difference_bounds(a, b)
    assert difference_bounds(b, a) == pytest.approx((-high, -low))


@given(rows=COUNTS, seed=st.integers(0, 9))
@settings(deadline=None)
def test_images_have_no_order(rows: list[tuple[int, int, int, int]], seed: int) -> None:
    order = np.random.default_rng(seed).permutation(len(rows))
    a, b = shares(rows)
    c, d = shares([rows[i] for i in order])
    assert difference_bounds(a, b) == pytest.approx(difference_bounds(c, d))


def test_more_images_narrow_a_share() -> None:
    def width(times: int) -> float:
        hits: NDArray[np.float64] = np.tile([1.0, 2.0, 3.0, 0.0], times)
        found = clustered_share(hits, np.full(len(hits), 3.0))
        assert found.low is not None
        assert found.high is not None
        return found.high - found.low

    assert width(20) < width(5) < width(2)
