"""Text in the columns of a terminal."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pytest_promptchaos.report.fitting import columns, cut, padded, wrapped


def test_a_wide_letter_takes_two_columns_and_a_combining_mark_none() -> None:
    assert (columns("文"), columns("e\u0301"), columns("ab")) == (2, 1, 2)


def test_what_is_wrapped_to_the_end_loses_no_word() -> None:
    told = "INTERRUPTED tests/test_a.py::test_b: 3 runs are kept; the next run goes on from there"
    lines = list(wrapped(told, 40))
    assert " ".join(" ".join(lines).split()) == told
    assert max(map(columns, lines)) <= 40


def test_lines_beyond_the_most_are_cut_with_dots() -> None:
    assert list(wrapped("one two three four", 9, 2)) == ["one two", "  ..."]


@given(st.text(), st.integers(4, 60))
def test_a_padded_text_fills_its_column(text: str, width: int) -> None:
    assert columns(padded(text, width)) == width
    assert columns(cut(text, width)) <= width
