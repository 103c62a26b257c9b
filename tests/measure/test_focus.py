"""Focus maps: how attention becomes a map, what is a sink, and what is no focus at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given as of
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pytest_promptchaos.errors import ArgumentError, FocusError
from pytest_promptchaos.measure.focus import (
    FocusMap,
    Provenance,
    SinkRule,
    Sinks,
    find_sinks,
    focus,
    given,
    image_mass,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray


def attention(*shares: float) -> NDArray[np.float64]:
    """One layer, one head, one asking token."""
    return np.array(shares)[np.newaxis, np.newaxis, np.newaxis]


WEIGHTS = arrays(
    np.float64, st.tuples(*[st.integers(1, 3)] * 3, st.integers(2, 9)), elements=st.floats(0, 0.1)
).filter(lambda w: np.ptp(w.mean(axis=(0, 1, 2))) > 1e-4 * w.max() + 1e-6)


# -- known answers --------------------------------------------------------------------------------


def test_a_focus_is_attention_scaled_to_sum_to_one() -> None:
    found = focus(attention(0.02, 0.06), sinks=None)
    assert found.values.tolist() == pytest.approx([0.25, 0.75])
    assert found.provenance.mass == pytest.approx(0.08)


def test_heads_are_averaged_or_their_maximum_is_taken() -> None:
    weights = np.array([[[[0.4, 0.0]], [[0.0, 0.2]]]])
    assert image_mass(weights).tolist() == pytest.approx([0.2, 0.1])
    assert image_mass(weights, heads="max").tolist() == pytest.approx([0.4, 0.2])


def test_layers_are_chosen_and_averaged_over() -> None:
    weights = np.array([attention(0.4, 0.0)[0], attention(0.0, 0.2)[0]])
    assert image_mass(weights).tolist() == pytest.approx([0.2, 0.1])
    assert image_mass(weights, layers=[1]).tolist() == pytest.approx([0.0, 0.2])
    assert focus(weights, layers=[-1], sinks=None).provenance.layers == (1,)


def test_asking_tokens_are_averaged_over_or_the_last_one_is_taken() -> None:
    weights = np.array([[[[0.4, 0.0], [0.0, 0.2]]]])
    assert image_mass(weights).tolist() == pytest.approx([0.2, 0.1])
    assert image_mass(weights, rows="last").tolist() == pytest.approx([0.0, 0.2])
    assert focus(weights, rows="last", sinks=None).provenance.rows == 1


def test_a_map_says_where_it_comes_from() -> None:
    sinks = Sinks(tokens=(0,), words="1 sinks removed (tokens [0])")
    found = focus(attention(0.5, 0.1, 0.3), sinks=sinks, query="the question")
    assert found.provenance.words == (
        "attention of the question, mean over heads, mean over layer 0; 90.0% of it on the image, "
        "40.0% without sinks; 1 sinks removed (tokens [0])"
    )
    assert given([1.0, 2.0], query="the heart").provenance.words == (
        "a given map of the heart; sinks kept"
    )


def test_mass_is_a_share_of_attention_also_where_heads_are_joined_by_their_maximum() -> None:
    weights = np.array([[[[0.9, 0.0]], [[0.0, 0.8]]]])
    assert focus(weights, heads="max", sinks=None).provenance.mass == pytest.approx(0.85)


# -- sinks ----------------------------------------------------------------------------------------


def test_a_token_far_above_the_median_on_every_image_is_a_sink() -> None:
    maps = np.full((5, 9), 0.01)
    maps[:, 4] = 0.5
    found = find_sinks(maps)
    assert (found.tokens, found.beyond, found.maps) == ((4,), 0, 5)
    assert found.words == (
        "1 sinks removed (tokens [4]): above 10 times the median token's attention over 5 images"
    )


def test_a_focus_that_moves_from_image_to_image_is_no_sink() -> None:
    maps = np.full((30, 36), 0.01)
    maps[np.arange(30), np.arange(30)] = 0.5
    assert find_sinks(maps).tokens == ()
    # The rule on one map alone would remove it, so it has to be asked to.
    assert find_sinks(maps[3], SinkRule(fewest=1)).tokens == (3,)


@pytest.mark.parametrize(("images", "taken"), [(1, ()), (2, ()), (3, (14,))])
def test_below_three_images_no_sink_can_be_told_from_a_focus(
    images: int, taken: tuple[int, ...]
) -> None:
    maps = np.full((images, 36), 0.001)
    maps[:, 14] = 0.3
    found = find_sinks(maps)
    assert (found.tokens, found.maps) == (taken, images)
    if not taken:
        assert found.words == (
            f"sinks kept: {images} image{'s' if images > 1 else ''}, and below 3 none is told from "
            "what is shown"
        )


def test_no_more_sinks_are_removed_than_the_rule_allows_and_the_others_are_counted() -> None:
    maps = np.full((1, 20), 0.01)
    maps[0, :6] = [0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    found = find_sinks(maps, SinkRule(times=5, most=2, fewest=1))
    assert (found.tokens, found.beyond) == ((4, 5), 4)
    assert "4 more exceed it and stay" in found.words


def test_sinks_can_be_kept_and_that_is_said() -> None:
    maps = np.full((1, 9), 0.01)
    maps[0, 2] = 0.9
    assert find_sinks(maps, None).tokens == ()
    assert focus(maps[np.newaxis, np.newaxis], sinks=None).provenance.sinks.words == "sinks kept"


def test_where_the_median_token_draws_nothing_the_rule_says_so() -> None:
    found = find_sinks(np.array([[0.0, 0.0, 0.0, 0.4]] * 3))
    assert (found.tokens, found.words) == (
        (),
        "no sinks: the median token's attention over 3 images is 0",
    )


def test_a_removed_sink_is_zero_and_the_rest_sums_to_one() -> None:
    sinks = Sinks(tokens=(1,), words="token 1")
    found = focus(attention(0.1, 0.6, 0.3), sinks=sinks)
    assert found.values.tolist() == pytest.approx([0.25, 0.0, 0.75])
    assert (found.provenance.mass, found.provenance.kept) == pytest.approx((1.0, 0.4))
    assert found.kept.tolist() == [True, False, True]


@pytest.mark.parametrize("rule", [(1.0, 4, 3), (float("inf"), 4, 3), (10.0, 0, 3), (10.0, 4, 0)])
def test_a_rule_that_could_take_any_token_or_none_is_refused(rule: tuple[float, int, int]) -> None:
    times, most, fewest = rule
    with pytest.raises(ArgumentError, match="above 1, most and fewest at least 1"):
        SinkRule(times=times, most=most, fewest=fewest)


# -- what is no focus -----------------------------------------------------------------------------


def test_a_uniform_attention_map_is_an_error() -> None:
    with pytest.raises(FocusError, match=r"0\.0625 at each of 16 image tokens: a constant map"):
        focus(np.full((2, 3, 1, 16), 1 / 64), sinks=None)


def test_a_map_that_is_uniform_up_to_float32_rounding_is_an_error() -> None:
    noise = np.random.default_rng(0).normal(size=(2, 3, 1, 16)) * 1e-8
    with pytest.raises(FocusError, match="a constant map"):
        focus((np.full((2, 3, 1, 16), 1 / 64) * (1 + noise)).astype(np.float32), sinks=None)


def test_a_map_that_is_constant_without_its_sink_is_an_error() -> None:
    with pytest.raises(FocusError, match="a constant map"):
        focus(attention(0.1, 0.1, 0.7), sinks=Sinks(tokens=(2,), words="token 2"))


def test_no_attention_at_all_is_an_error() -> None:
    with pytest.raises(FocusError, match="is 0 at each of 4 image tokens"):
        focus(attention(0.0, 0.0, 0.0, 0.0), sinks=None)


def test_a_single_image_token_has_no_focus() -> None:
    with pytest.raises(FocusError, match="1 image tokens"):
        focus(attention(0.3), sinks=None)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (attention(0.1, -0.1), "1 of 2 attention weights are negative or not finite"),
        (attention(0.1, float("nan")), "1 of 2 attention weights are negative or not finite"),
        (attention(0.9, 0.4), "a row of attention sums to 1.3"),
        (np.empty((0, 2, 1, 4)), "holds nothing"),
        (np.empty((2, 2, 1, 0)), "holds nothing"),
    ],
)
def test_what_is_no_attention_is_an_error(weights: NDArray[np.float64], words: str) -> None:
    with pytest.raises(FocusError, match=words):
        focus(weights, sinks=None)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([], "has no image token"),
        ([0.2, -0.1], "holds -0.1"),
        ([0.2, float("inf")], "1 values that are not finite"),
        ([3.0, 3.0], "a constant map"),
    ],
)
def test_a_given_map_is_held_to_the_same(values: list[float], words: str) -> None:
    with pytest.raises(FocusError, match=words):
        given(values)


def test_a_map_cannot_be_made_around_the_checks() -> None:
    origin = Provenance(source="given", query="x", sinks=Sinks(tokens=(), words="sinks kept"))
    with pytest.raises(FocusError, match="a constant map"):
        FocusMap(values=np.full(4, 0.25), provenance=origin)
    with pytest.raises(ValueError, match=r"a grid of \(2, 3\) for 4 image tokens"):
        FocusMap(values=np.array([0.1, 0.2, 0.3, 0.4]), provenance=origin, grid=(2, 3))


@pytest.mark.parametrize("layers", [[2], [-3], []])
def test_a_layer_that_is_not_there_is_an_error(layers: list[int]) -> None:
    with pytest.raises(ArgumentError, match="among the 2 layers"):
        image_mass(np.full((2, 1, 1, 3), 0.1), layers=layers)


def test_weights_need_four_axes() -> None:
    with pytest.raises(ValueError, match=r"give \(layers, heads, rows, tokens\)"):
        image_mass(np.full((2, 3), 0.1))


# -- properties -----------------------------------------------------------------------------------


@of(weights=WEIGHTS, scale=st.floats(0.1, 1.0))
@settings(deadline=None)
def test_a_focus_sums_to_one_and_does_not_know_how_much_attention_there_was(
    weights: NDArray[np.float64], scale: float
) -> None:
    found = focus(weights, sinks=None)
    assert found.values.sum() == pytest.approx(1.0)
    assert found.values.min() >= 0
    assert focus(weights * scale, sinks=None).values == pytest.approx(found.values, abs=1e-9)


@of(weights=WEIGHTS, seed=st.integers(0, 9))
@settings(deadline=None)
def test_the_order_of_layers_heads_and_asking_tokens_does_not_matter(
    weights: NDArray[np.float64], seed: int
) -> None:
    rng, moved = np.random.default_rng(seed), weights
    for axis in range(3):
        moved = rng.permutation(moved, axis=axis)
    assert image_mass(moved) == pytest.approx(image_mass(weights), abs=1e-12)


@of(
    maps=arrays(
        np.float64, st.tuples(st.integers(1, 4), st.integers(3, 12)), elements=st.floats(0, 1)
    ),
    most=st.integers(1, 5),
)
@settings(deadline=None)
def test_two_tokens_always_stay_and_no_sink_is_below_a_token_that_stays(
    maps: NDArray[np.float64], most: int
) -> None:
    found, mean = find_sinks(maps, SinkRule(times=1.5, most=most, fewest=1)), maps.mean(axis=0)
    assert len(found.tokens) <= min(most, maps.shape[1] - 2)
    left = np.delete(mean, list(found.tokens))
    assert all(mean[token] >= left.max() for token in found.tokens)
