"""Embeddings -> labels: loops of one and of two turns, and what each reading of drift says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from measure.talks import pointing
from pytest_promptchaos.measure.detector import (
    Drift,
    Thresholds,
    labels,
    similarities,
    sustained,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_promptchaos.measure.detector import Cosines

DRIFTS: list[Drift] = ["matching", "both"]


def labelled(letters: str, drift: Drift) -> list[int]:
    """Return the labelled turns, from 1."""
    found = labels(*similarities(pointing(letters)), drift=drift)
    return (np.flatnonzero(found) + 1).tolist()


# -- known answers ------------------------------------------------------------------------------

BY_HAND = {
    # What is said, the turns labelled under matching, the turns labelled under both.
    "nothing is said twice": ("abcdefgh", [], []),
    # turns 4-7 repeat the turn before (s1 = 1), turn 4 not the second before; third in a row: 6.
    "period 1": ("abcccccd", [6, 7], [6, 7]),
    # turns 3, 4, 5 repeat the turn before: the earliest label that there is.
    "period 1 from the first turn": ("aaaaa", [5], [5]),
    # turns 5-8 repeat the second before (s2 = 1); s1 = 0 all along, so d1 = 1 > 0.08.
    "period 2": ("xyababab", [7, 8], []),
    "period 2 from the first turn": ("ababab", [5, 6], []),
    # turns 4, 5 by the second lag, 6 and 7 by the first: a row by either. Turn 6 has s2 = 0.
    "from period 2 into period 1": ("xababbb", [6, 7], [7]),
    # two in a row are not three: turns 3 and 4 are periodic, 5 is not, 6 and 7 are, 8 is not.
    "never three in a row": ("xaaabbbc", [], []),
    # 5 and 6 labelled, 7 to 12 free; 11, 12, 13 are periodic: labelled again from 13 on.
    "escape and recollapse": ("aaaaaabcdeeeeee", [5, 6, 13, 14, 15], [5, 6, 13, 14, 15]),
    # turns 5, 6, 7 periodic, and 7 is the last.
    "collapse at the last turn": ("abcdddd", [7], [7]),
    # period 3 is neither lag's.
    "period 3": ("abcabcabc", [], []),
}


@pytest.mark.parametrize(("letters", "matching", "both"), BY_HAND.values(), ids=BY_HAND.keys())
def test_labels_told_by_hand(letters: str, matching: list[int], both: list[int]) -> None:
    assert labelled(letters, "matching") == matching
    assert labelled(letters, "both") == both


def turning(cosine: float, turns: int) -> NDArray[np.float64]:
    """Return vectors that turn by one angle per turn: s1 = cosine, s2 = 2 cosine^2 - 1."""
    angles = np.arccos(cosine) * np.arange(turns)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


@pytest.mark.parametrize(
    ("cosine", "matching", "both"),
    [
        (0.98, True, True),  # s2 = 0.921, d2 = 0.079: little drift at both lags
        (0.95, True, False),  # s2 = 0.805, d2 = 0.195: drifts away over two turns
        (0.91, False, False),  # s1 below 0.92, s2 = 0.656
    ],
)
def test_a_slow_turn_drifts_over_two_turns(cosine: float, matching: bool, both: bool) -> None:
    s1, s2 = similarities(turning(cosine, 6))
    assert labels(s1, s2).tolist() == [False] * 4 + [matching] * 2
    assert labels(s1, s2, drift="both").tolist() == [False] * 4 + [both] * 2


def given_cosines(s1: float, s2: float) -> tuple[Cosines, Cosines]:
    absent = [True, True, False, False, False]
    return np.ma.MaskedArray([s1] * 5, mask=absent), np.ma.MaskedArray([s2] * 5, mask=absent)


@pytest.mark.parametrize(
    ("s1", "s2", "collapsed"),
    [(0.92, 0.0, True), (0.919, 0.0, False), (0.0, 0.90, True), (0.0, 0.899, False)],
)
def test_a_turn_on_a_threshold_is_periodic(s1: float, s2: float, collapsed: bool) -> None:
    assert labels(*given_cosines(s1, s2))[-1] == collapsed


def test_the_drift_bounds_have_a_say_of_their_own() -> None:
    strict = Thresholds(d1=0.01, d2=0.01)
    assert not labels(*given_cosines(0.95, 0.95), thresholds=strict).any()
    assert labels(*given_cosines(0.95, 0.995), thresholds=strict)[-1]
    assert not labels(*given_cosines(0.95, 0.995), drift="both", thresholds=strict).any()


def test_the_first_two_turns_have_no_cosines_and_a_zero_vector_has_none() -> None:
    s1, s2 = similarities(np.array([[1.0, 0], [1, 0], [1, 0], [0, 0], [2, 0], [3, 0]]))
    assert s1.tolist() == [None, None, 1.0, None, None, 1.0]
    assert s2.tolist() == [None, None, 1.0, None, 1.0, None]


@pytest.mark.parametrize("turns", [0, 1, 2, 4])
def test_too_few_turns_are_never_labelled(turns: int) -> None:
    found = labels(*similarities(np.ones((turns, 3))))
    assert found.tolist() == [False] * turns


def test_the_earliest_turn_follows_from_how_many_are_needed_in_a_row() -> None:
    assert Thresholds().earliest == 5
    four = Thresholds(sustained=4)
    assert four.earliest == 6
    found = labels(*similarities(np.ones((7, 3))), thresholds=four)
    assert found.tolist() == [False] * 5 + [True] * 2


def test_a_row_that_is_broken_begins_again() -> None:
    hits = [True, True, False, True, True, True]
    assert sustained(hits, 3).tolist() == [False] * 5 + [True]


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(ValueError, match=r"threshold s1 is 92.*in \[-1, 1\]"):
        Thresholds(s1=92)
    with pytest.raises(ValueError, match="sustained is 0"):
        Thresholds(sustained=0)
    with pytest.raises(ValueError, match="one row per turn"):
        similarities(np.ones(5))
    with pytest.raises(ValueError, match="not finite"):
        similarities(np.array([[1.0], [np.nan]]))
    with pytest.raises(ValueError, match="5 values of s1 and 3 of s2"):
        labels(given_cosines(1, 1)[0], given_cosines(1, 1)[1][:3])


# -- properties ---------------------------------------------------------------------------------

LETTERS = st.text("abc", min_size=1, max_size=24)
NOISE = st.sampled_from([0.0, 0.1, 0.25, 0.4])


@st.composite
def embedded(draw: st.DrawFn) -> NDArray[np.float64]:
    """Return loops of three directions under more or less noise, about the thresholds."""
    letters, noise = draw(LETTERS), draw(NOISE)
    shift = draw(arrays(np.float64, (len(letters), 3), elements=st.floats(-1, 1)))
    return pointing(letters)[:, :3] + noise * shift


def clear_of_thresholds(s1: Cosines, s2: Cosines) -> bool:
    """Return whether rounding cannot move a cosine over its threshold."""
    away = [*abs(s1.compressed() - 0.92), *abs(s2.compressed() - 0.90)]
    return min(away, default=1.0) > 1e-9


def as_defined(vectors: NDArray[np.float64], drift: Drift) -> list[bool]:
    """Return the labels by the words of the definition, turn by turn."""

    def cosine(a: int, b: int) -> float:
        lengths = np.linalg.norm(vectors[a - 1]) * np.linalg.norm(vectors[b - 1])
        return float(vectors[a - 1] @ vectors[b - 1] / lengths) if lengths else -1.0

    count = len(vectors)
    periodic = {
        t: (cosine(t, t - 1) >= 0.92, cosine(t, t - 2) >= 0.90) for t in range(3, count + 1)
    }
    found = []
    for t in range(1, count + 1):
        row = t >= 5 and all(any(periodic[u]) for u in (t - 2, t - 1, t))
        found.append(row and (drift == "matching" or all(periodic[t])))
    return found


@settings(deadline=None)
@given(embedded(), st.sampled_from(DRIFTS))
def test_the_labels_are_those_of_the_definition(vectors: NDArray[np.float64], drift: Drift) -> None:
    s1, s2 = similarities(vectors)
    assume(clear_of_thresholds(s1, s2))
    assert labels(s1, s2, drift=drift).tolist() == as_defined(vectors, drift)


@settings(deadline=None)
@given(embedded(), embedded(), st.sampled_from(DRIFTS), st.integers(0, 24))
def test_a_label_needs_no_later_turn(
    vectors: NDArray[np.float64],
    others: NDArray[np.float64],
    drift: Drift,
    cut: int,
) -> None:
    whole = labels(*similarities(vectors), drift=drift)
    begun = labels(*similarities(vectors[:cut]), drift=drift)
    elsewhere = labels(*similarities(np.vstack([vectors[:cut], others])), drift=drift)
    kept = min(cut, len(vectors))
    assert whole[:kept].tolist() == begun.tolist() == elsewhere[:kept].tolist()


@settings(deadline=None)
@given(embedded(), st.integers(0, 2**32 - 1), st.floats(0.1, 10), st.sampled_from(DRIFTS))
def test_a_rotation_and_a_scale_change_no_label(
    vectors: NDArray[np.float64],
    seed: int,
    scale: float,
    drift: Drift,
) -> None:
    s1, s2 = similarities(vectors)
    assume(clear_of_thresholds(s1, s2))
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    turned = similarities(scale * vectors @ rotation)
    assert labels(*turned, drift=drift).tolist() == labels(s1, s2, drift=drift).tolist()


@settings(deadline=None)
@given(
    embedded(),
    st.builds(
        Thresholds,
        s1=st.floats(0, 1),
        s2=st.floats(0, 1),
        d1=st.floats(0, 1),
        d2=st.floats(0, 1),
        sustained=st.integers(1, 4),
    ),
)
def test_matching_labels_all_that_both_labels(
    vectors: NDArray[np.float64], thresholds: Thresholds
) -> None:
    s1, s2 = similarities(vectors)
    both = labels(s1, s2, drift="both", thresholds=thresholds)
    assert not (both & ~labels(s1, s2, thresholds=thresholds)).any()
