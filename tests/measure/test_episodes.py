"""Labels -> episodes: first turn and its censoring, depth, escape and recollapse."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.measure.episodes import (
    Episode,
    entrenchment,
    episodes,
    escapes,
    first_turn,
    recollapses,
)


def turns(marks: str) -> list[bool]:
    """Return labels from marks: ``#`` is a collapsed turn."""
    return [mark == "#" for mark in marks]


# -- known answers ------------------------------------------------------------------------------


def test_an_escape_and_a_recollapse_told_by_hand() -> None:
    #               123456789012345
    labels = turns("....##......###")
    assert episodes(labels) == (
        Episode(onset=5, last=6, escape=7),
        Episode(onset=13, last=15, escape=None),
    )
    assert first_turn(labels) == 5
    assert entrenchment(labels) == Episode(onset=13, last=15, escape=None)
    # Collapsed turns with a next one: 5 stays, 6 escapes, 13 and 14 stay; 15 is the last.
    assert escapes(labels) == (False, True, False, False)
    # Free from turn 7 up to 12: six turns, then collapsed again.
    assert recollapses(labels) == ((6, True),)


def test_a_conversation_that_never_collapses() -> None:
    labels = turns("." * 40)
    assert [*episodes(labels), *escapes(labels), *recollapses(labels)] == []
    assert entrenchment(labels) is None
    assert first_turn(labels) == 41
    assert first_turn(labels, censor="last") == 40
    assert first_turn(labels, censor="exclude") is None


def test_censoring_at_the_last_turn_collides_with_a_collapse_there() -> None:
    at_last, never = turns("." * 39 + "#"), turns("." * 40)
    assert first_turn(at_last, censor="last") == first_turn(never, censor="last") == 40
    assert (first_turn(at_last), first_turn(never)) == (40, 41)


def test_a_collapse_at_the_last_turn_has_no_next_turn() -> None:
    labels = turns("....#")
    assert escapes(labels) == ()
    assert recollapses(labels) == ()
    assert entrenchment(labels) == Episode(onset=5, last=5, escape=None)


def test_an_escape_to_the_end_is_censored() -> None:
    # Free at turns 7, 8 and 9, the last of which is 2 turns after the escape; turn 10, which
    # would be the third, was never spoken.
    assert recollapses(turns("....##...")) == ((2, False),)
    assert recollapses(turns("....##.")) == ((0, False),)


def test_the_depth_is_that_of_the_longest_episode_the_first_of_equals() -> None:
    assert entrenchment(turns("....##.###.###")) == Episode(onset=8, last=10, escape=11)


@pytest.mark.parametrize("censor", ["after", "last", "exclude"])
def test_a_collapse_is_censored_by_nothing(censor: str) -> None:
    assert first_turn(turns("....##.."), censor=censor) == 5  # type: ignore[arg-type]


# -- properties ---------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.lists(st.booleans(), max_size=40))
def test_episodes_are_the_collapsed_turns_and_nothing_else(labels: list[bool]) -> None:
    covered = [turn for one in episodes(labels) for turn in range(one.onset, one.last + 1)]
    assert covered == [turn for turn, label in enumerate(labels, start=1) if label]


@settings(deadline=None)
@given(st.lists(st.booleans(), max_size=40))
def test_every_escape_is_followed_by_turns_that_are_free(labels: list[bool]) -> None:
    ended = [one for one in episodes(labels) if one.escape]
    found = recollapses(labels)
    assert len(found) == len(ended) == sum(escapes(labels))
    for one, (later, again) in zip(ended, found, strict=True):
        assert one.escape is not None
        turn = one.escape + later
        assert not any(labels[one.escape - 1 : turn - 1])
        assert labels[turn - 1] is again
        assert again or turn == len(labels)
