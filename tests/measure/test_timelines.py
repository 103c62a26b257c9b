"""A conversation as the detectors see it."""

from __future__ import annotations

import numpy as np
import pytest

from measure.talks import pointing, talk, vectors_of
from pytest_promptchaos.measure.detector import Thresholds
from pytest_promptchaos.measure.timelines import Detectors, both_detectors, with_texts


def test_a_timeline_holds_both_readings_the_words_and_the_cosines() -> None:
    said = talk("ababab", "p3", 2, bucket="planning", asked=9, stopped="no room")
    line = Detectors().timeline(said, pointing("ababab"), ((1, 0.1), (6, 0.2)))
    assert (line.condition, line.seed_id, line.repeat, line.bucket) == ("HOMO", "p3", 2, "planning")
    assert (line.asked, line.turns, line.stopped) == (9, 6, "no room")
    assert line.collapsed == (False,) * 4 + (True,) * 2 == line.lexical
    assert line.otherwise == (False,) * 6
    assert line.s1 == (None, None, 0.0, 0.0, 0.0, 0.0)
    assert line.s2 == (None, None, 1.0, 1.0, 1.0, 1.0)
    assert line.growth == ((1, 0.1), (6, 0.2))
    assert line.texts == () == line.speakers


def test_the_other_reading_is_the_one_that_is_not_judged() -> None:
    line = Detectors(drift="both").timeline(talk("ababab"), pointing("ababab"))
    assert line.first is None
    assert line.otherwise.index(True) == 4


def test_both_detectors_ask_for_as_many_turns_in_a_row() -> None:
    four = Detectors(thresholds=Thresholds(sustained=4))
    line = four.timeline(talk("aaaaaa"), pointing("aaaaaa"))
    assert line.collapsed == line.lexical == (False,) * 5 + (True,)


@pytest.mark.parametrize("shape", [(0,), (0, 384)])
def test_a_conversation_without_a_turn_has_an_empty_timeline(shape: tuple[int, ...]) -> None:
    line = Detectors().timeline(talk("", asked=5, stopped="no room"), np.zeros(shape))
    assert (line.collapsed, line.s1, line.lexical) == ((), (), ())


def test_the_texts_are_kept_of_as_many_as_are_asked_for_the_most_collapsed_first() -> None:
    said = [talk(letters, f"p{i}") for i, letters in enumerate(["abcdef", "aaaaaa", "abbbbb"])]
    vectors = vectors_of(said)
    lines = [Detectors().timeline(one, vectors[one.id]) for one in said]
    # Two collapsed turns of p1, one of p2, none of p0.
    assert [bool(one.texts) for one in with_texts(lines, said, 1)] == [False, True, False]
    assert [bool(one.texts) for one in with_texts(lines, said, 2)] == [False, True, True]
    kept = with_texts(lines, said, 3)
    assert [len(one.texts) for one in kept] == [6, 6, 6]
    assert kept[1].speakers == ("scripted:parrot",) * 6
    assert not any(one.texts for one in with_texts(lines, said, 0))


def test_detectors_are_held_against_each_other_on_turns_that_can_be_labelled() -> None:
    said = [talk("aaaaaa", "p0"), talk("abcdefg", "p1"), talk("abc", "p2")]
    vectors = vectors_of(said)
    lines = [Detectors().timeline(one, vectors[one.id]) for one in said]
    judged, lexical = both_detectors(lines)
    # Turns 5 and 6 of the first, 5, 6 and 7 of the second, none of the third.
    assert judged == [True, True, False, False, False] == lexical
