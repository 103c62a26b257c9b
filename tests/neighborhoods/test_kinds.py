"""Every kind of mechanical edit that the ladder promises: there, in words, with a lasting id."""

from __future__ import annotations

from collections import Counter

import pytest

from pytest_promptchaos.neighborhoods.edits import format_edits, punctuation_edits
from pytest_promptchaos.neighborhoods.ladder import neighborhood
from pytest_promptchaos.neighborhoods.layout import FORMAT
from pytest_promptchaos.neighborhoods.marks import PUNCTUATION

TEXT = 'Name a cat, or "a dog".'

NAMED = [
    ("trailing_space", 4, "2ae9d270b9bf", "added 1 trailing space", TEXT + " "),
    ("leading_space", 4, "843389d4d5ec", "added 1 leading space", " " + TEXT),
    ("trailing_newline", 3, "033a0b0fab2b", "added 1 trailing newline", TEXT + "\n"),
    ("leading_newline", 2, "acf2f2b98875", "added 1 leading newline", "\n" + TEXT),
    (
        "crlf_suffix",
        1,
        "9e20c3d299d1",
        "added a trailing carriage return and newline",
        TEXT + "\r\n",
    ),
    (
        "doubled_space",
        3,
        "2ac6949acdbd",
        "doubled the space after 'Name'",
        'Name  a cat, or "a dog".',
    ),
    (
        "tripled_space",
        4,
        "819e409ebd00",
        "tripled the space after 'Name'",
        'Name   a cat, or "a dog".',
    ),
    ("line_wrap", 3, "0503116b9fb6", "broke the line after 'Name'", 'Name\na cat, or "a dog".'),
    (
        "blank_line_wrap",
        3,
        "78fa2ab0ad60",
        "put a blank line after 'Name'",
        'Name\n\na cat, or "a dog".',
    ),
    ("tab_indent", 1, "3991641d6724", "indented the prompt with a tab", "\t" + TEXT),
    (
        "tab_after_space",
        4,
        "1a40c7ebf3b1",
        "added a tab behind the space after 'Name'",
        'Name \ta cat, or "a dog".',
    ),
    (
        "space_before_mark",
        2,
        "470f9138f2d9",
        "put a space before the ',' after 'cat'",
        'Name a cat , or "a dog".',
    ),
    (
        "space_after_mark",
        1,
        "ddb7eb1d5da6",
        "doubled the space behind the ',' after 'cat'",
        'Name a cat,  or "a dog".',
    ),
    (
        "doubled_mark",
        2,
        "71e67f1cd0d3",
        "doubled the ',' after 'cat'",
        'Name a cat,, or "a dog".',
    ),
    (
        "parenthesized_word",
        1,
        "644a1d8d746c",
        "put 'Name' in parentheses",
        '(Name) a cat, or "a dog".',
    ),
    ("doubled_word", 2, "3fde86bed9ec", "wrote the first 'a' twice", 'Name a a cat, or "a dog".'),
    (
        "first_letter_case",
        1,
        "d6f6ce2e7f02",
        "lower-cased the first letter of 'Name'",
        'name a cat, or "a dog".',
    ),
    (
        "quote_style",
        1,
        "770d982bb851",
        "made the straight quotes around 'a dog' curly",
        "Name a cat, or \u201ca dog\u201d.",
    ),
    ("final_mark_dropped", 1, "419876e2ac78", "dropped the final '.'", 'Name a cat, or "a dog"'),
    (
        "final_mark_swapped",
        1,
        "6ebd8fe33c12",
        "replaced the final '.' by '!'",
        'Name a cat, or "a dog"!',
    ),
    (
        "no_break_space",
        4,
        "e7dbfab1ae46",
        "made the space after 'Name' a no-break space",
        'Name\u00a0a cat, or "a dog".',
    ),
]
"""The 16 published kinds, then the additions; (kind, edits of the text, first one's id, words)."""

EVERY = {
    n.edit: n for n in neighborhood(TEXT, rungs=["format", "punctuation"], per_rung=99).neighbors
}


def test_the_sixteen_published_kinds_and_five_more_are_all_there_are() -> None:
    assert len(NAMED) == 16 + 5
    assert {kind for kind, *_ in NAMED} == {*FORMAT, *PUNCTUATION}


@pytest.mark.parametrize(("kind", "count", "name", "words", "text"), NAMED)
def test_a_kind_has_words_and_an_id_that_stays(
    kind: str, count: int, name: str, words: str, text: str
) -> None:
    neighbor = EVERY[words]
    assert (neighbor.kind, neighbor.prompt.text, neighbor.id) == (kind, text, name)
    assert Counter(n.kind for n in EVERY.values())[kind] == count


def test_no_two_edits_of_a_prompt_are_said_in_the_same_words() -> None:
    edits = [*format_edits(TEXT), *punctuation_edits(TEXT)]
    assert len(EVERY) == len(edits) == sum(count for _, count, *_ in NAMED)


def test_a_kind_keeps_its_id_when_others_are_not_drawn() -> None:
    few = neighborhood(TEXT, rungs=["punctuation"], per_rung=3, seed=5)
    assert [n.id for n in few.neighbors] == [EVERY[n.edit].id for n in few.neighbors]
