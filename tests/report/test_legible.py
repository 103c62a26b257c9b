from __future__ import annotations

from xml.etree import ElementTree

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.records import Limit, Measurement
from pytest_promptchaos.report.legible import (
    interval_words,
    legible,
    limit_words,
    number,
    one_line,
    plural,
    shortened,
    spelled,
    token_spelled,
    value_words,
)

ANY_TEXT = st.text(st.characters())
FINITE = st.floats(allow_nan=False, allow_infinity=False)


def test_ordinary_text_stays_as_it_is() -> None:
    text = "Grüße, 你好 \U0001f9d1\u200d\U0001f680\n\tindented"
    assert legible(text) == text


@pytest.mark.parametrize(
    ("character", "seen"),
    [
        ("\x00", "\\x00"),
        ("\x1b", "\\x1b"),
        ("\r", "\\r"),
        ("\x85", "\\x85"),
        ("\u202e", "\\u202e"),
        ("\u200b", "\\u200b"),
        ("\ufeff", "\\ufeff"),
        ("\ud800", "\\ud800"),
        ("\U0001ffff", "\\U0001ffff"),
    ],
)
def test_a_character_that_breaks_or_hides_is_spelled_out(character: str, seen: str) -> None:
    assert legible(f"a{character}b") == f"a{seen}b"


@given(ANY_TEXT)
@settings(deadline=None)
def test_any_text_becomes_content_of_xml_and_html(text: str) -> None:
    escaped = legible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert ElementTree.fromstring(f"<a>{escaped}</a>").text == (legible(text) or None)
    html5lib.HTMLParser(strict=True).parse(f"<!doctype html><title>a</title><p>{escaped}</p>")


def test_the_white_space_of_an_edit_is_visible() -> None:
    assert spelled("a  b ") == "a··b·"
    assert spelled(" a b\n\tc\u00a0d") == "·a b↵\n⇥c\\xa0d"
    assert token_spelled(" the\n") == "·the↵"


def test_a_cut_says_how_much_was_cut() -> None:
    assert shortened("abcdef", 6) == "abcdef"
    assert shortened("abcdef", 4) == "abcd … (2 characters more)"


def test_one_line_has_no_line_break() -> None:
    assert one_line(" a\n\n b\tc ") == "a b c"


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        (0.0, "0"),
        (3.0, "3"),
        (0.2137, "0.214"),
        (-0.05, "-0.050"),
        (1.2e-9, "1.20e-09"),
        (1234.5, "1.23e+03"),
    ],
)
def test_a_number_has_three_digits(value: float, seen: str) -> None:
    assert number(value) == seen


def test_a_value_never_rounds_onto_its_limit() -> None:
    limit = Limit(name="distance", at_most=0.15)
    close = Measurement(name="distance", unit="", value=0.15004, low=0.14996, high=0.2)
    assert value_words(close, limit) == "0.15004"
    assert interval_words(close, limit) == "[0.14996, 0.200]"


@given(FINITE, FINITE)
def test_two_numbers_that_differ_read_differently(value: float, limit: float) -> None:
    seen = number(value, beside=[limit])
    assert (seen == number(limit, beside=[value])) == (value == limit)


def test_what_is_absent_is_said_so() -> None:
    absent = Measurement(name="distance", unit="", reason="no embedder")
    assert value_words(absent) == "not measured"
    assert interval_words(absent) == ""


def test_limits_read_as_words() -> None:
    assert limit_words(Limit(name="a", at_most=0.15)) == "at most 0.15"
    assert limit_words(Limit(name="a", at_least=1, at_most=2)) == "1 to 2"
    assert limit_words(Limit(name="a", at_least=-0.5)) == "at least -0.5"
    assert limit_words(Limit(name="a", at_most=2, relative=True)) == "at most 2 (relative)"


def test_counts_agree_with_their_noun() -> None:
    assert [plural(n, "run") for n in (0, 1, 2)] == ["0 runs", "1 run", "2 runs"]
