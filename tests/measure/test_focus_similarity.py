"""How alike two focus maps are: the same, disjoint, and what lies between; and the nulls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given as of
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.distance import jensenshannon

from pytest_promptchaos.errors import FocusError
from pytest_promptchaos.measure.focus import Sinks, focus, given
from pytest_promptchaos.measure.focus_similarity import (
    Null,
    Similarity,
    identical_null,
    other_image_null,
    similarity,
    ssim,
    ssim_window,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_promptchaos.measure.focus import FocusMap

MAPS = arrays(np.float64, 36, elements=st.floats(0, 1)).filter(lambda m: np.ptp(m) > 1e-3)


def random_map(seed: int, grid: tuple[int, int] = (6, 6)) -> FocusMap:
    values = np.random.default_rng(seed).gamma(0.5, size=grid[0] * grid[1])
    return given(values, grid=grid)


def with_sink(values: list[float], token: int) -> FocusMap:
    weights = np.array(values)[np.newaxis, np.newaxis, np.newaxis] / (2 * sum(values))
    return focus(weights, sinks=Sinks(tokens=(token,), words=f"token {token}"))


def plain_ssim(
    a: NDArray[np.float64], b: NDArray[np.float64], keep: NDArray[np.bool_], side: int
) -> float:
    """The definition, place by place."""
    both = np.concatenate([a[keep], b[keep]])
    light, contrast = ((k * (both.max() - both.min())) ** 2 for k in (0.01, 0.03))
    found, half = [], side // 2
    for i, j in np.argwhere(keep):
        window = np.s_[max(i - half, 0) : i + half + 1, max(j - half, 0) : j + half + 1]
        x, y = a[window][keep[window]], b[window][keep[window]]
        shared = np.mean((x - x.mean()) * (y - y.mean()))
        found.append(
            (2 * x.mean() * y.mean() + light)
            * (2 * shared + contrast)
            / (x.mean() ** 2 + y.mean() ** 2 + light)
            / (x.var() + y.var() + contrast)
        )
    return float(np.mean(found))


# -- known answers --------------------------------------------------------------------------------


def test_a_map_is_itself() -> None:
    found = similarity(random_map(0), random_map(0))
    assert (found.cosine, found.js, found.ssim) == (1.0, 0.0, 1.0)


def test_disjoint_maps_have_nothing_in_common() -> None:
    left, right = np.zeros((6, 6)), np.zeros((6, 6))
    left[:, :2], right[:, 4:] = 1.0, 1.0
    found = similarity(given(left.ravel(), grid=(6, 6)), given(right.ravel(), grid=(6, 6)))
    assert found.cosine == 0.0
    assert found.js == pytest.approx(np.log(2), abs=1e-15)
    assert found.ssim is not None
    assert found.ssim < 0.3


def test_cosine_of_two_maps_at_sixty_degrees() -> None:
    assert similarity(given([1.0, 0.0]), given([1.0, 3**0.5])).cosine == pytest.approx(0.5)


def test_js_is_in_nats_and_no_square_root() -> None:
    a, b = random_map(1), random_map(2)
    assert similarity(a, b).js == pytest.approx(jensenshannon(a.values, b.values) ** 2)


def test_js_of_the_smallest_numbers_there_are_is_finite() -> None:
    tiny = np.nextafter(0.0, 1.0)
    assert similarity(given([1.0, tiny]), given([1.0, 0.0])).js == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_ssim_is_its_definition_place_by_place(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.gamma(1.0, size=(2, 7, 9))
    keep = rng.random((7, 9)) > 0.1
    for side in (3, 5):
        assert ssim(a, b, keep, side=side) == pytest.approx(plain_ssim(a, b, keep, side))


def test_ssim_of_a_map_and_its_mirror_in_brightness_is_negative() -> None:
    grid = np.random.default_rng(0).random((8, 8))
    assert ssim(grid, 1 - grid, np.ones((8, 8), dtype=bool), side=3) < -0.5


def test_a_shifted_spot_has_a_low_ssim_and_a_spot_of_other_height_a_higher_one() -> None:
    def spot(place: int, height: float) -> FocusMap:
        values = np.full((8, 8), 0.1)
        values[place, place] = height
        return given(values.ravel(), grid=(8, 8))

    higher, elsewhere = similarity(spot(2, 1), spot(2, 1.5)), similarity(spot(2, 1), spot(5, 1))
    assert higher.ssim is not None
    assert elsewhere.ssim is not None
    assert higher.ssim > elsewhere.ssim


@pytest.mark.parametrize(
    ("a", "b", "reason"),
    [
        (given([1, 2, 3]), given([3, 2, 1]), "no SSIM: the image tokens form no grid"),
        (
            given(range(16), grid=(4, 4)),
            given(range(16), grid=(2, 8)),
            "no SSIM: grids of (4, 4) and (2, 8)",
        ),
        (
            given(range(9), grid=(3, 3)),
            given(range(9), grid=(3, 3)),
            "no SSIM: no window is smaller than a grid of 3 x 3",
        ),
    ],
)
def test_ssim_is_absent_with_a_reason(a: FocusMap, b: FocusMap, reason: str) -> None:
    found = similarity(a, b)
    assert (found.ssim, found.reason) == (None, reason)
    assert set(found.named) == {"cosine", "JS (nats)"}


def test_a_window_is_odd_and_smaller_than_its_grid() -> None:
    for shorter in range(4, 40):
        side = ssim_window((shorter, 40))
        assert side is not None
        assert side % 2 == 1
        assert 3 <= side < shorter


def test_more_is_more_alike_in_every_likeness() -> None:
    found = Similarity(cosine=0.9, js=float(np.log(2)) / 4, ssim=0.3)
    assert found.likeness("cosine") == 0.9
    assert found.likeness("js") == pytest.approx(0.75)
    assert found.likeness("ssim") == 0.3


# -- sinks and sizes ------------------------------------------------------------------------------


def test_a_sink_of_either_map_is_left_out_of_both() -> None:
    one, other = with_sink([1, 3, 90, 5], 2), given([1, 3, 70, 5])
    assert similarity(one, other).cosine == 1.0
    # Both kept: the sink alone would make maps of opposite order alike.
    kept = similarity(given([1, 3, 90, 5]), given([5, 1, 90, 3])).cosine
    assert kept > 0.99
    assert similarity(with_sink([1, 3, 90, 5], 2), with_sink([5, 1, 90, 3], 2)).cosine < 0.7


def test_maps_of_different_sizes_are_not_compared() -> None:
    with pytest.raises(FocusError, match="maps of 2 and 3 image tokens"):
        similarity(given([1, 2]), given([1, 2, 3]))


def test_a_map_of_which_nothing_is_left_is_an_error() -> None:
    with pytest.raises(FocusError, match="is left without the sinks of both"):
        similarity(given([0, 0, 9.0]), with_sink([1.0, 2.0, 90.0], 2))


def test_maps_that_are_constant_without_the_others_sink_are_an_error() -> None:
    with pytest.raises(FocusError, match="a constant map"):
        similarity(given([1.0, 1.0, 9.0]), with_sink([1.0, 2.0, 90.0], 2))


# -- nulls ----------------------------------------------------------------------------------------


def test_other_images_are_asked_the_same_question() -> None:
    maps = {(image, question): random_map(i) for i, (image, question) in enumerate(
        [("p1", "is"), ("p2", "is"), ("p3", "is"), ("p1", "no"), ("p2", "no")]
    )}  # fmt: skip
    found = other_image_null(maps)
    assert len(found.pairs) == 3 + 1
    assert found.name == "same question, another image (4 of 4 pairs)"
    assert found.pairs[0] == similarity(maps["p1", "is"], maps["p2", "is"])


def test_many_pairs_are_drawn_and_that_is_said_and_repeats() -> None:
    maps = {(f"p{i}", "is"): random_map(i) for i in range(20)}
    found = other_image_null(maps, most=50)
    assert len(found.pairs) == 50
    assert found.name == "same question, another image (50 of 190 pairs)"
    assert other_image_null(maps, most=50) == found


def test_maps_of_unequal_sizes_are_counted_as_left_out() -> None:
    maps = {
        ("p1", "is"): given([1, 2]),
        ("p2", "is"): given([1, 2, 3]),
        ("p3", "is"): given([2, 1]),
    }
    found = other_image_null(maps)
    assert (len(found.pairs), found.left_out) == (1, 2)


def test_the_same_prompt_again_is_identical() -> None:
    found = identical_null([(random_map(i), random_map(i)) for i in range(3)])
    assert found.values("cosine").tolist() == [1.0] * 3
    assert found.quantile("js") == 1.0


def test_a_null_without_pairs_has_no_quantile() -> None:
    assert Null(name="none", pairs=()).quantile("cosine") is None
    assert identical_null([(given([1, 2]), given([2, 1]))]).quantile("ssim") is None


# -- properties -----------------------------------------------------------------------------------


@of(a=MAPS, b=MAPS)
@settings(deadline=None, max_examples=60)
def test_similarity_is_symmetric_and_within_its_bounds(
    a: NDArray[np.float64], b: NDArray[np.float64]
) -> None:
    x, y = given(a, grid=(6, 6)), given(b, grid=(6, 6))
    found, turned = similarity(x, y), similarity(y, x)
    assert 0 <= found.cosine <= 1
    assert 0 <= found.js <= np.log(2)
    assert found.ssim is not None
    assert -1 <= found.ssim <= 1
    assert tuple(found.named.values()) == pytest.approx(tuple(turned.named.values()), abs=1e-12)


@of(a=MAPS, b=MAPS, scale=st.floats(0.01, 100))
@settings(deadline=None, max_examples=60)
def test_similarity_does_not_depend_on_the_scale_of_a_map(
    a: NDArray[np.float64], b: NDArray[np.float64], scale: float
) -> None:
    x, y = given(a, grid=(6, 6)), given(b, grid=(6, 6))
    found = similarity(given(a * scale, grid=(6, 6)), y).named
    assert found == pytest.approx(similarity(x, y).named, abs=1e-8)


@of(a=MAPS, b=MAPS, seed=st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_cosine_and_js_do_not_know_where_tokens_lie(
    a: NDArray[np.float64], b: NDArray[np.float64], seed: int
) -> None:
    order = np.random.default_rng(seed).permutation(36)
    found, moved = similarity(given(a), given(b)), similarity(given(a[order]), given(b[order]))
    assert (found.cosine, found.js) == pytest.approx((moved.cosine, moved.js), abs=1e-12)
