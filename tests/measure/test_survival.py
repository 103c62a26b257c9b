"""Times to an event, some of them censored -> the share without it, with a band."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from measure.talks import talk, vectors_of
from pytest_promptchaos.measure.survival import recollapse_curves, survival, survival_curves
from pytest_promptchaos.measure.timelines import Detectors

# -- known answers ------------------------------------------------------------------------------


def test_the_estimate_and_its_band_told_by_hand() -> None:
    # Five conversations: events at turns 5, 7 and 9, one censored at 7, one at 9.
    # S(5) = 4/5; at turn 7 four are at risk: S(7) = 4/5 * 3/4 = 3/5; at turn 9 two: S(9) = 3/10.
    share, low, high = survival([5, 7, 7, 9, 9], [True, True, False, True, False], [4, 5, 6, 7, 9])
    np.testing.assert_allclose(share, [1.0, 0.8, 0.8, 0.6, 0.3], atol=1e-12)
    # Greenwood at 7: S^2 (1/(5*4) + 1/(4*3)) = 0.36 * 2/15 = 0.048.
    reach = 1.959963984540054 * np.sqrt(0.048) / (0.6 * -np.log(0.6))
    assert low[3] == pytest.approx(0.6 ** np.exp(reach), abs=1e-12)
    assert high[3] == pytest.approx(0.6 ** np.exp(-reach), abs=1e-12)


def test_where_none_or_all_had_the_event_the_bound_is_exact() -> None:
    share, low, high = survival([9] * 10, [False] * 10, [0, 9])
    assert share.tolist() == [1.0, 1.0] == high.tolist()
    np.testing.assert_allclose(low, 0.025 ** (1 / 10))
    share, low, high = survival([5] * 10, [True] * 10, [5])
    assert (share[0], low[0]) == (0.0, 0.0)
    assert high[0] == pytest.approx(1 - 0.025 ** (1 / 10))


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
    assert rotation.y == (1.0,) * 9


def test_an_escape_that_lasts_is_censored_at_the_end() -> None:
    # Both escape at turn 7: the first is collapsed again at turn 13, the second free for 9 turns.
    said = [talk("aaaaaabcdeeeeee", "p0"), talk("aaaaaabcdefghij", "p1")]
    vectors = vectors_of(said)
    (curve,) = recollapse_curves([Detectors().timeline(one, vectors[one.id]) for one in said])
    assert curve.y == (1.0,) * 6 + (0.5,) * 4


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
    share, _, _ = survival(times, [True] * len(times), list(range(14)))
    later = [np.mean(np.array(times) > at) for at in range(14)]
    np.testing.assert_allclose(share, later, atol=1e-12)
