"""Times to an event, some of them censored -> the share without it, with a band."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta
from statsmodels.stats.proportion import proportion_confint

from measure.talks import talk, vectors_of
from pytest_promptchaos.measure.survival import recollapse_curves, survival, survival_curves
from pytest_promptchaos.measure.timelines import Detectors
from pytest_promptchaos.records import Timeline

# -- known answers ------------------------------------------------------------------------------


def test_the_estimate_and_its_band_told_by_hand() -> None:
    # Five conversations: events at turns 5, 7 and 9, one censored at 7, one at 9.
    # S(5) = 4/5; at turn 7 four are at risk: S(7) = 4/5 * 3/4 = 3/5; at turn 9 two: S(9) = 3/10.
    share, low, high = survival([5, 7, 7, 9, 9], [True, True, False, True, False], [4, 5, 6, 7, 9])
    np.testing.assert_allclose(share, [1.0, 0.8, 0.8, 0.6, 0.3], atol=1e-12)
    # Nobody was lost before turn 7: three of five, Clopper and Pearson.
    three = proportion_confint(3, 5, method="beta")
    assert (low[3], high[3]) == pytest.approx(three, abs=1e-12)
    # At 9, Beta(4, 2) times Beta(2, 1): mean 2/3 * 2/3 = 4/9, square 10/21 * 1/2 = 5/21, so that
    # the beta of these moments has the size (4/9 * 5/9) / (5/21 - 16/81) - 1 = 117/23.
    assert high[4] == pytest.approx(beta.ppf(0.975, 4 / 9 * 117 / 23, 5 / 9 * 117 / 23), abs=1e-12)


def test_where_none_or_all_had_the_event_the_bound_is_exact() -> None:
    share, low, high = survival([9] * 10, [False] * 10, [1, 9])
    assert share.tolist() == [1.0, 1.0] == high.tolist()
    np.testing.assert_allclose(low, 0.025 ** (1 / 10))
    share, low, high = survival([5] * 10, [True] * 10, [5])
    assert (share[0], low[0]) == (0.0, 0.0)
    assert high[0] == pytest.approx(1 - 0.025 ** (1 / 10))


def test_the_band_knows_no_more_than_those_that_are_still_seen() -> None:
    # Nineteen were last seen at turn 1, and one alone is followed to turn 5, where it collapses.
    share, low, high = survival([1] * 19 + [5], [False] * 19 + [True], [1, 4, 5])
    assert share.tolist() == [1.0, 1.0, 0.0]
    np.testing.assert_allclose(low, [0.025 ** (1 / 20), 0.025, 0.0])
    np.testing.assert_allclose(high, [1.0, 1.0, 0.975])


def test_where_no_event_is_possible_the_share_is_certain() -> None:
    share, low, high = survival([5, 9, 9], [True, False, False], [0, 4, 5], certain=4)
    assert low[:2].tolist() == [1.0, 1.0] == high[:2].tolist() == share[:2].tolist()
    assert low[2] < share[2] < high[2]
    with pytest.raises(ValueError, match="an event at 4: up to 4 none is possible"):
        survival([4, 9], [True, False], [4], certain=4)


def test_nothing_has_no_curve() -> None:
    with pytest.raises(ValueError, match="0 times and 0 events"):
        survival([], [], [1])
    with pytest.raises(ValueError, match="1 times and 2 events"):
        survival([1], [True, False], [1])
    assert list(survival_curves([])) == [] == list(recollapse_curves([]))


def test_a_curve_per_condition_falls_where_conversations_collapse() -> None:
    said = [
        talk("aaaaaaaa", "p0"),
        talk("abcdefgh", "p1"),
        talk("abcdefgh", "p0", condition="ROT"),
        talk("", "p1", condition="ROT", asked=8, stopped="no room"),
    ]
    vectors = vectors_of(said)
    homo, rotation = survival_curves([Detectors().timeline(one, vectors[one.id]) for one in said])
    assert (homo.series, rotation.series) == ("HOMO", "ROT")
    assert homo.x == tuple(range(9))
    assert homo.y == (1.0,) * 5 + (0.5,) * 4
    # Turn 5 is the first that can be called collapsed, so that the four before are certain.
    assert homo.low[:5] == (1.0,) * 5
    assert max(homo.low[5:]) < 0.5
    assert rotation.y == (1.0,) * 9


def test_an_escape_that_lasts_is_censored_at_the_end() -> None:
    # Both escape at turn 7: the first is collapsed again 6 turns later, at turn 13, the second was
    # last seen free at turn 15, 8 turns later.
    said = [talk("aaaaaabcdeeeeee", "p0"), talk("aaaaaabcdefghij", "p1")]
    vectors = vectors_of(said)
    (curve,) = recollapse_curves([Detectors().timeline(one, vectors[one.id]) for one in said])
    assert curve.x == tuple(range(9))
    assert curve.y == (1.0,) * 6 + (0.5,) * 3


def test_who_was_not_seen_at_a_turn_is_not_at_risk_there() -> None:
    # The first escapes at turn 6 and is collapsed again at turn 9, 3 turns later. The second
    # escapes at turn 7 and ends at turn 9: its own third turn after the escape was never spoken,
    # so that one of one recollapses there, and not one of two.
    (curve,) = recollapse_curves([line("....#...#"), line(".....#...")])
    assert curve.x == (0.0, 1.0, 2.0, 3.0)
    assert curve.y == (1.0, 1.0, 1.0, 0.0)


def test_an_escape_at_the_last_turn_has_no_turn_after_it() -> None:
    assert list(recollapse_curves([line("....##."), line(".....#.")])) == []


def line(marks: str) -> Timeline:
    """Return a timeline from marks: ``#`` is a collapsed turn."""
    return Timeline(
        condition="HOMO",
        seed_id=marks,
        bucket="",
        repeat=0,
        asked=len(marks),
        collapsed=tuple(mark == "#" for mark in marks),
    )


# -- properties ---------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 12), st.booleans()), min_size=1, max_size=30))
def test_a_curve_falls_from_one_and_stays_within_its_band(found: list[tuple[int, bool]]) -> None:
    times, seen = [time for time, _ in found], [event for _, event in found]
    share, low, high = survival(times, seen, list(range(14)))
    assert share[0] == 1.0
    assert (np.diff(share) <= 1e-12).all()
    assert ((low <= share + 1e-12) & (share <= high + 1e-12)).all()
    assert (low >= 0).all()
    assert (high <= 1).all()


@settings(deadline=None)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=30))
def test_without_censoring_it_is_the_share_that_lies_later(times: list[int]) -> None:
    share, low, high = survival(times, [True] * len(times), list(range(1, 14)))
    later = np.array([np.sum(np.array(times) > at) for at in range(1, 14)])
    np.testing.assert_allclose(share, later / len(times), atol=1e-12)
    exact = proportion_confint(later, len(times), method="beta")
    np.testing.assert_allclose([low, high], exact, atol=1e-8)


def test_the_band_holds_the_truth_at_every_turn() -> None:
    # Each of twelve goes on with probability 0.9 at every turn from 5 on; where it ends is random.
    rng, at = np.random.default_rng(0), [5, 8, 12, 16]
    held = []
    for _ in range(400):
        event, end = 4 + rng.geometric(0.1, 12), rng.integers(3, 21, 12)
        times, seen = np.minimum(event, end).tolist(), (event <= end).tolist()
        _, low, high = survival(times, seen, at, certain=4)
        truth = 0.9 ** (np.array(at) - 4)
        held.append((low <= truth) & (truth <= high))
    assert (np.mean(held, axis=0) >= 0.95).all()
