"""The difference of two texts: pieces that can be taken one by one, and words for them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.neighborhoods.edits import format_edits, punctuation_edits
from pytest_promptchaos.neighborhoods.hunks import applied, difference, hunks

RICE = "What is a quick way to cook rice?"
TEXTS = st.text(alphabet="ab \n\t.,'\u00e9", max_size=24)


@pytest.mark.parametrize(
    ("edited", "words"),
    [
        ("What is a fast way to cook rice?", "replaced 'quick' by 'fast'"),
        ("What is a quick way to cook rice?  ", "added 2 trailing spaces"),
        ("\t" + RICE, "added 1 leading tab"),
        (RICE + "\r\n", "added 1 trailing carriage return and newline"),
        ("What is a quick way\nto cook rice?", "replaced 1 space after 'way' by 1 newline"),
        ("What is a quick way to cook rice", "removed the '?' after 'rice'"),
        ("What is a quick way to cook rice???", "added '??' after 'rice'"),
        ("What is a way to cook rice?", "removed 'quick' after 'a'"),
        ("What is a very quick way to cook rice?", "added 'very' after 'a'"),
        (
            "What is a (quick) way to cook rice? ",
            "added '(' after 'a', added ')' after 'quick' and added 1 trailing space",
        ),
        (
            "Now: what is a quick way to cook rice?",
            "added 'Now:' at the start and replaced 'What' by 'what'",
        ),
        (
            "What is a fast method for  rice?",
            "replaced 'quick' by 'fast', replaced 'way' by 'method', replaced 'to' by 'for' and "
            "removed 'cook' after 'to'",
        ),
        (RICE, ""),
    ],
)
def test_a_difference_is_said_in_words(edited: str, words: str) -> None:
    assert difference(RICE, edited) == words


def test_spaces_are_pieces_and_words_are_not_split() -> None:
    assert len(hunks(RICE, RICE + "    ")) == 4
    assert len(hunks(RICE, RICE.replace("quick", "fast"))) == 1


def test_an_added_word_brings_its_space() -> None:
    (hunk,) = hunks("a way", "a quick way")
    assert hunk.text.strip() == "quick"
    assert applied("a way", [hunk]) == "a quick way"


@given(TEXTS, TEXTS)
@settings(deadline=None)
def test_all_pieces_make_the_edit_and_none_leave_the_center(center: str, edited: str) -> None:
    pieces = hunks(center, edited)
    assert applied(center, pieces) == edited
    assert applied(center, []) == center
    assert bool(pieces) == (center != edited) == bool(difference(center, edited))
    places = [(piece.start, piece.end) for piece in pieces]
    assert places == sorted(places)


@pytest.mark.parametrize("edit", [*format_edits(RICE), *punctuation_edits(RICE)])
def test_every_edit_of_the_ladder_has_words(edit: object) -> None:
    text = getattr(edit, "text")  # noqa: B009
    assert difference(RICE, text)
