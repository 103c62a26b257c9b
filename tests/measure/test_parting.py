"""Where two phrasings part: distances of states, growth over depth, and where it turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pytest_promptchaos.measure.parting import (
    Parted,
    aligned,
    divergence,
    growth_measurements,
    growths,
    part_growths,
    parting_curves,
    turns_positive,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

TOWER, LANGUAGE = "vision tower", "language"
PARTS = (TOWER,) * 3 + ("projector",) + (LANGUAGE,) * 4
GROWTHS = arrays(
    np.float64,
    st.integers(1, 8),
    elements=st.sampled_from([-0.5, -0.1, 0.0, 0.2, 0.7, float("nan")]),
)


def through(start: NDArray[np.float64], factors: list[float]) -> list[NDArray[np.float64]]:
    """States of linear maps a I, one after another."""
    return [start * factor for factor in np.cumprod([1.0, *factors])]


def phrasings(
    gaps: list[float],
    *,
    image: str = "p1",
    series: str = "phrasings that flip",
    parts: Sequence[str] = PARTS,
    steps: Sequence[bool] | None = None,
) -> Parted:
    """Two inputs whose relative distance is about each of ``gaps``."""
    a = [np.array([1.0, 0.0]) for _ in gaps]
    b = [np.array([np.cos(gap), np.sin(gap)]) for gap in gaps]
    return Parted(image=image, series=series, divergence=divergence(a, b, parts, steps=steps))


def apart(seed: int, image: str) -> Parted:
    """The tower is the same in both; the language layers grow by half a nat each, with noise."""
    noise = np.random.default_rng(seed).normal(0, 0.05, 4)
    return phrasings(
        [0.0] * 5 + (0.01 * np.exp(0.5 * np.arange(3) + noise[:3])).tolist(), image=image
    )


# -- known answers --------------------------------------------------------------------------------


def test_identical_states_are_at_distance_zero() -> None:
    states = [np.random.default_rng(0).normal(size=(3, 4)) for _ in PARTS]
    found = divergence(states, states, PARTS)
    assert found.raw.tolist() == found.relative.tolist() == [0.0] * 8
    assert found.cosine.tolist() == [1.0] * 8


def test_opposite_states_are_as_far_as_can_be() -> None:
    found = divergence([np.ones((2, 3))], [-np.ones((2, 3))], [LANGUAGE])
    assert (found.relative.item(), found.cosine.item()) == pytest.approx((2.0, -1.0))


def test_the_smallest_states_have_a_direction_too() -> None:
    tiny = np.array([1e-300, 0.0])
    found = divergence([tiny], [tiny[::-1]], [LANGUAGE])
    assert (found.relative.item(), found.cosine.item()) == pytest.approx((2**0.5, 0.0))


def test_a_state_of_zero_is_as_far_from_any_other_as_can_be() -> None:
    found = divergence([np.zeros(2)], [np.ones(2)], [LANGUAGE])
    assert (found.relative.item(), found.cosine.item()) == (2.0, 0.0)


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_growth_of_a_linear_map_is_the_log_of_its_factor(factor: float) -> None:
    rng = np.random.default_rng(0)
    a, b = (through(rng.normal(size=(2, 5)), [factor] * 3) for _ in range(2))
    found = divergence(a, b, [LANGUAGE] * 4)
    assert growths(found, of="raw") == pytest.approx(np.log([factor] * 3))
    # The states grow just as much, so that nothing grows in relation to them.
    assert growths(found) == pytest.approx([0.0] * 3, abs=1e-12)


def test_growth_of_a_rotation_is_zero() -> None:
    turn = np.array([[0.0, 1.0], [-1.0, 0.0]])
    a, b = np.array([1.0, 0.2]), np.array([0.7, 0.1])
    found = divergence([a, a @ turn], [b, b @ turn], [LANGUAGE] * 2)
    assert growths(found, of="raw") == pytest.approx([0.0], abs=1e-12)


def test_identical_states_have_no_growth_and_never_minus_infinity() -> None:
    found = phrasings([0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.2, 0.2]).divergence
    growth = growths(found)
    assert np.isnan(growth[:5]).all()
    assert growth[5:] == pytest.approx([np.log(2), 0.0], rel=1e-2)


def test_a_distance_that_is_rounding_does_not_grow() -> None:
    found = phrasings([1e-7] * 5 + [0.1, 0.2, 0.4]).divergence
    assert np.isnan(growths(found)[:5]).all()
    assert np.isfinite(growths(found, identical=1e-9)[4:]).all()


def test_nothing_grows_from_one_part_into_the_next() -> None:
    found = phrasings([0.1, 0.2, 0.4, 0.1, 0.3, 0.6, 0.6, 0.3]).divergence
    growth = growths(found)
    assert np.isnan(growth[[2, 3]]).all()
    assert part_growths(growth, found, TOWER) == pytest.approx(np.log([2, 2]), rel=2e-2)
    assert part_growths(growth, found, "projector").size == 0
    assert part_growths(growth, found, LANGUAGE) == pytest.approx(np.log([2, 1, 0.5]), abs=3e-2)


# Two layers with something added between them, which moves neither phrasing from the other.
ADDED = {"parts": (LANGUAGE,) * 4, "steps": (False, True, False, True)}


def test_what_is_added_between_two_layers_is_no_layer() -> None:
    found = phrasings([0.1, 0.2, 0.2, 0.4], **ADDED).divergence  # type: ignore[arg-type]
    growth = growths(found)
    assert np.isnan(growth).tolist() == [False, True, False]
    assert part_growths(growth, found, LANGUAGE) == pytest.approx(np.log([2, 2]), rel=2e-2)


def test_what_is_added_neither_dilutes_the_mean_nor_holds_back_the_turn() -> None:
    pairs = [phrasings([0.1, 0.2, 0.2, 0.4], image=f"p{i}", **ADDED) for i in range(3)]  # type: ignore[arg-type]
    mean, turn = growth_measurements(pairs)
    assert mean.value == pytest.approx(np.log(2), rel=2e-2)
    assert turn.value == 0


def test_modules_side_by_side_do_not_grow_from_one_to_the_next() -> None:
    aside = phrasings([0.1, 0.2, 0.4], parts=("projector",) * 3, steps=(False,) * 3)
    mean, turn = growth_measurements([aside])
    assert mean.reason == turn.reason
    assert mean.reason == (
        "3 places, not known to be a chain: nothing there grows from layer to layer"
    )


def test_of_every_place_it_is_said_whether_a_layer_leads_to_it() -> None:
    with pytest.raises(ValueError, match="1 steps, 2 parts"):
        divergence([np.ones(2)] * 2, [np.ones(2)] * 2, PARTS[:2], steps=[True])


# -- tokens ---------------------------------------------------------------------------------------


def test_phrasings_of_different_length_are_compared_at_the_last_token() -> None:
    a, b = np.arange(12.0).reshape(6, 2), np.arange(8.0).reshape(4, 2)
    one = aligned([np.ones((9, 3)), a], [TOWER, LANGUAGE])
    other = aligned([np.ones((9, 3)), b], [TOWER, LANGUAGE])
    assert one[1].tolist() == [[10.0, 11.0]]
    assert divergence(one, other, [TOWER, LANGUAGE]).raw == pytest.approx([0.0, 32**0.5])


def test_or_at_the_tokens_of_the_image() -> None:
    image = np.array([False, True, True, False])
    (kept,) = aligned([np.arange(8.0).reshape(4, 2)], [LANGUAGE], tokens=image)
    assert kept.tolist() == [[2.0, 3.0], [4.0, 5.0]]


def test_states_of_different_lengths_are_not_compared() -> None:
    with pytest.raises(ValueError, match="place 1: states of shapes"):
        divergence(
            [np.ones((2, 2)), np.ones((6, 2))], [np.ones((2, 2)), np.ones((4, 2))], PARTS[:2]
        )


def test_every_place_needs_its_part_and_finite_states() -> None:
    with pytest.raises(ValueError, match="1 states, 2 parts"):
        divergence([np.ones(2)], [np.ones(2)], PARTS[:2])
    with pytest.raises(ValueError, match="not finite; run the model in float32"):
        divergence([np.ones(2)], [np.array([1.0, np.inf])], PARTS[:1])


# -- where growth turns ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("growth", "turn"),
    [
        ([-0.1, 0.2, 0.3], 1),
        ([0.1, -0.2, 0.3], 2),
        ([0.1, 0.2, 0.3], 0),
        ([0.1, 0.2, -0.3], None),
        ([0.1, 0.0, 0.3], 2),
        ([float("nan"), 0.2, float("nan"), 0.1], 1),
        ([float("nan")], None),
        ([], None),
    ],
)
def test_growth_turns_where_it_is_positive_and_stays(growth: list[float], turn: int | None) -> None:
    assert turns_positive(np.array(growth)) == turn


@given(growth=GROWTHS)
@settings(deadline=None)
def test_from_the_turn_on_everything_grows_and_the_layer_before_does_not(
    growth: NDArray[np.float64],
) -> None:
    turn, defined = turns_positive(growth), growth[~np.isnan(growth)]
    if turn is None:
        assert not defined.size or defined[-1] <= 0
        return
    after = growth[turn:]
    assert (after[~np.isnan(after)] > 0).all()
    before = growth[:turn][~np.isnan(growth[:turn])]
    assert not before.size or before[-1] <= 0


# -- over images ----------------------------------------------------------------------------------


def test_growth_by_part_is_a_mean_over_images_and_absent_where_states_are_identical() -> None:
    pairs = [apart(seed, f"p{seed // 2}") for seed in range(16)]
    by_name = {one.name: one for one in growth_measurements(pairs)}
    language = by_name["growth in the language layers, phrasings that flip"]
    assert language.value == pytest.approx(0.5, abs=0.05)
    assert language.low is not None
    assert language.high is not None
    assert 0.3 < language.low < 0.5 < language.high < 0.7
    assert (language.n, language.effective_n) == (16, 16)
    assert (language.resampled, language.resampled_n) == ("images", 8)
    assert "8 images" in language.interval
    tower = by_name["growth in the vision tower, phrasings that flip"]
    assert tower.reason == ("both states are identical in all 16 pairs: no growth to speak of")
    projector = by_name["growth in the projector, phrasings that flip"]
    assert projector.reason == "a single place: nothing there grows from layer to layer"


def test_the_turn_is_counted_from_the_first_layer_of_its_part() -> None:
    pairs = [phrasings([0.0] * 4 + [0.4, 0.2, 0.3, 0.5], image=f"p{i}") for i in range(4)]
    pairs.append(phrasings([0.0] * 4 + [0.4, 0.2, 0.3, 0.1], image="p4"))
    by_name = {one.name: one for one in growth_measurements(pairs)}
    turn = by_name["turn to growth in the language layers, phrasings that flip"]
    assert (turn.value, turn.n, turn.effective_n) == (1.0, 5, 4)
    never = growth_measurements(pairs[-1:])[-1]
    assert never.reason == "in none of 1 pairs growth stays positive"


def test_series_are_never_mixed() -> None:
    pairs = [apart(0, "p0"), phrasings([0.1] * 8, image="p0", series="image perturbed")]
    names = [one.name for one in growth_measurements(pairs)]
    assert "growth in the vision tower, image perturbed" in names
    assert [curve.series for curve in parting_curves(pairs)] == [
        "phrasings that flip",
        "image perturbed",
    ]


def test_a_curve_names_the_part_of_every_place_and_has_a_band_over_images() -> None:
    (curve,) = parting_curves([apart(seed, f"p{seed}") for seed in range(8)])
    assert curve.labels == PARTS
    assert curve.y[:5] == (0.0,) * 5
    assert curve.low[:5] == curve.high[:5] == (0.0,) * 5
    for low, middle, high in zip(curve.low[5:], curve.y[5:], curve.high[5:], strict=True):
        assert 0 < low < middle < high <= 2


def test_a_single_pair_has_a_curve_without_a_band() -> None:
    (curve,) = parting_curves([apart(0, "p0")])
    assert (curve.low, curve.high) == ((), ())


def test_pairs_of_different_places_are_not_averaged() -> None:
    short = Parted(
        image="p1",
        series="phrasings that flip",
        divergence=divergence([np.ones(2)], [np.ones(2)], [LANGUAGE]),
    )
    with pytest.raises(ValueError, match="pairs of different places"):
        parting_curves([apart(0, "p0"), short])


def test_without_pairs_there_is_nothing() -> None:
    assert parting_curves([]) == ()
    assert growth_measurements([]) == ()


# -- properties -----------------------------------------------------------------------------------

STATES = arrays(np.float64, (3, 2, 4), elements=st.floats(-5, 5))


@given(a=STATES, b=STATES)
@settings(deadline=None)
def test_distance_is_symmetric_and_within_its_bounds(
    a: NDArray[np.float64], b: NDArray[np.float64]
) -> None:
    found, turned = (divergence(list(x), list(y), [LANGUAGE] * 3) for x, y in ((a, b), (b, a)))
    assert (found.relative >= 0).all()
    assert (found.relative <= 2).all()
    assert (np.abs(found.cosine) <= 1).all()
    assert found.relative == pytest.approx(turned.relative)
    assert growths(found) == pytest.approx(growths(turned), nan_ok=True, abs=1e-9)


@given(a=STATES, b=STATES)
@settings(deadline=None)
def test_growths_add_up_to_the_log_ratio_of_the_ends(
    a: NDArray[np.float64], b: NDArray[np.float64]
) -> None:
    found = divergence(list(a), list(b), [LANGUAGE] * 3)
    growth = growths(found, of="raw")
    assert not np.isinf(growth).any()
    if not np.isnan(growth).any():
        assert growth.sum() == pytest.approx(np.log(found.raw[-1] / found.raw[0]), abs=1e-9)
