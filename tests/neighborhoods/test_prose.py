"""How a prompt is read: words and their names, gaps, marks, and what is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.neighborhoods.prose import ordinal, overlaps, read, spread


def test_words_are_cut_out_of_the_marks_around_them() -> None:
    assert [word.text for word in read('(So) "what", 3.14 - **then**?!').words] == [
        "So",
        "what",
        "3.14",
        "-",
        "then",
    ]


def test_a_name_is_short_and_unambiguous() -> None:
    names = [word.name for word in read(f"a b a {'x' * 99}").words]
    assert names == ["the first 'a'", "'b'", "the second 'a'", f"'{'x' * 29}…'"]


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("Well, go: now; yes. What? No!", [",", ":", ";", ".", "?", "!"]),
        ("See Dr. Who, e.g. at 3.14 p.m. or so.", [",", "."]),
        ("1. First item.", ["."]),
        ("Wait... what?!", []),
    ],
)
def test_marks_close_a_word_and_stand_alone(text: str, marks: list[str]) -> None:
    assert [mark.character for mark in read(text).marks] == marks


def test_a_gap_is_one_space_on_one_line() -> None:
    gaps = read("one two  three\nfour five\u00a0six").gaps
    assert [(gap.after.text, gap.before.text) for gap in gaps] == [("one", "two"), ("four", "five")]


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("say 'it' now", ["'it'"]),
        ("the dogs' bowl and the cats' bowl", []),
        ('5" and 6" tall', []),
        ("'don't stop' it", ["'don't stop'"]),
        ('`"code"` and "prose"', ['"prose"']),
    ],
)
def test_quotes_are_told_from_apostrophes_inches_and_code(text: str, quoted: list[str]) -> None:
    assert [text[start:end] for start, end in read(text).quotes] == quoted


def test_two_prices_are_no_formula() -> None:
    assert read("It costs $1.10 in total, the bat $1.00 more.").left_alone == ()
    assert read("Is $a + b$ even?").left_alone == ((3, 10),)


@pytest.mark.parametrize(
    ("number", "word"),
    [(1, "first"), (9, "ninth"), (10, "10th"), (11, "11th"), (21, "21st"), (112, "112th")],
)
def test_ordinal(number: int, word: str) -> None:
    assert ordinal(number) == word


def test_a_span_overlaps_what_it_touches() -> None:
    spans = [(2, 4), (6, 9)]
    touched = [place for place in range(11) if overlaps(spans, place, place + 1)]
    assert touched == [2, 3, 6, 7, 8]


def test_few_changes_of_a_short_prompt_are_all_kept() -> None:
    assert spread(range(100), 1_000) == range(100)
    assert list(spread(range(100), 10**9)) == [0, 12, 25, 37, 50, 62, 75, 87]


@given(st.text())
@settings(deadline=None)
def test_every_word_gap_and_mark_lies_where_it_says(text: str) -> None:
    prose = read(text)
    assert [text[word.token_start : word.token_end] for word in prose.words] == text.split()
    assert all(text[word.start : word.end] == word.text for word in prose.words)
    assert all(text[gap.start] == " " for gap in prose.gaps)
    assert all(text[mark.start] == mark.character for mark in prose.marks)
