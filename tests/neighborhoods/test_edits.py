"""What is edited, how it is said, and what is left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.neighborhoods.edits import format_edits, punctuation_edits
from pytest_promptchaos.neighborhoods.layout import EDGE_KINDS, FORMAT
from pytest_promptchaos.neighborhoods.marks import PUNCTUATION

if TYPE_CHECKING:
    from pytest_promptchaos.neighborhoods.edits import Edit

DUNE = "Recommend a book like Dune."

TOKENS = """
    The the a cat, don't don\u2019t 3.14 e.g. why? I "is" `x` https://a.b/c?d=e. (so) - {n} \u00e9t!
"""
PROMPTS = st.one_of(
    st.text(), st.lists(st.sampled_from([*TOKENS.split(), "`x  = 1`", "\n"])).map(" ".join)
)


def of_kind(edits: tuple[Edit, ...], kind: str) -> dict[str, str]:
    """Return the edited texts of one kind by the words that describe them."""
    return {edit.words: edit.text for edit in edits if edit.kind == kind}


def without_space(text: str) -> str:
    return "".join(text.split())


def letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            "trailing_space",
            {
                "added 1 trailing space": DUNE + " ",
                "added 2 trailing spaces": DUNE + "  ",
                "added 3 trailing spaces": DUNE + "   ",
                "added 4 trailing spaces": DUNE + "    ",
            },
        ),
        (
            "leading_space",
            {
                "added 1 leading space": " " + DUNE,
                "added 2 leading spaces": "  " + DUNE,
                "added 3 leading spaces": "   " + DUNE,
                "added 4 leading spaces": "    " + DUNE,
            },
        ),
        (
            "trailing_newline",
            {
                "added 1 trailing newline": DUNE + "\n",
                "added 2 trailing newlines": DUNE + "\n\n",
                "added 3 trailing newlines": DUNE + "\n\n\n",
            },
        ),
        (
            "leading_newline",
            {
                "added 1 leading newline": "\n" + DUNE,
                "added 2 leading newlines": "\n\n" + DUNE,
            },
        ),
        ("crlf_suffix", {"added a trailing carriage return and newline": DUNE + "\r\n"}),
        ("tab_indent", {"indented the prompt with a tab": "\t" + DUNE}),
    ],
)
def test_edges(kind: str, expected: dict[str, str]) -> None:
    assert of_kind(format_edits(DUNE), kind) == expected
    assert kind in EDGE_KINDS


@pytest.mark.parametrize(
    ("kind", "words", "between"),
    [
        ("doubled_space", "doubled the space after '{}'", "  "),
        ("tripled_space", "tripled the space after '{}'", "   "),
        ("line_wrap", "broke the line after '{}'", "\n"),
        ("blank_line_wrap", "put a blank line after '{}'", "\n\n"),
        ("tab_after_space", "added a tab behind the space after '{}'", " \t"),
        ("no_break_space", "made the space after '{}' a no-break space", "\u00a0"),
    ],
)
def test_every_gap_between_two_words(kind: str, words: str, between: str) -> None:
    assert of_kind(format_edits("Name a cat"), kind) == {
        words.format("Name"): f"Name{between}a cat",
        words.format("a"): f"Name a{between}cat",
    }


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (
            "space_before_mark",
            "Well, why?",
            {
                "put a space before the ',' after 'Well'": "Well , why?",
                "put a space before the '?' after 'why'": "Well, why ?",
            },
        ),
        (
            "space_after_mark",
            "Well, why?",
            {"doubled the space behind the ',' after 'Well'": "Well,  why?"},
        ),
        (
            "doubled_mark",
            "Well, why?",
            {
                "doubled the ',' after 'Well'": "Well,, why?",
                "doubled the '?' after 'why'": "Well, why??",
            },
        ),
        (
            "parenthesized_word",
            "Name a book that won't bore me, never.",
            {
                "put 'Name' in parentheses": "(Name) a book that won't bore me, never.",
                "put 'book' in parentheses": "Name a (book) that won't bore me, never.",
                "put 'bore' in parentheses": "Name a book that won't (bore) me, never.",
            },
        ),
        (
            "doubled_word",
            "The end of option A is near",
            {
                "wrote 'The' twice": "The the end of option A is near",
                "wrote 'of' twice": "The end of of option A is near",
                "wrote 'is' twice": "The end of option A is is near",
            },
        ),
        (
            "first_letter_case",
            DUNE,
            {"lower-cased the first letter of 'Recommend'": "r" + DUNE[1:]},
        ),
        ("first_letter_case", "why?", {"capitalized the first letter of 'why'": "Why?"}),
        ("first_letter_case", "SQL or not?", {}),
        ("first_letter_case", "I'm lost.", {}),
        ("first_letter_case", "Polish my shoes.", {}),
        (
            "quote_style",
            "Is \"Dune\" or 'Emma' mine?",
            {
                "made the straight quotes around 'Dune' curly": (
                    "Is \u201cDune\u201d or 'Emma' mine?"
                ),
                "made the straight quotes around 'Emma' curly": (
                    'Is "Dune" or \u2018Emma\u2019 mine?'
                ),
            },
        ),
        (
            "quote_style",
            "\u201cDune\u201d isn\u2019t long",
            {
                "made the curly quotes around 'Dune' straight": '"Dune" isn\u2019t long',
                "made the apostrophe of 'isn\u2019t' straight": "\u201cDune\u201d isn't long",
            },
        ),
        ("quote_style", 'Run print("hi") now', {}),
        ("final_mark_dropped", DUNE, {"dropped the final '.'": DUNE[:-1]}),
        ("final_mark_dropped", "Why? \n", {"dropped the final '?'": "Why \n"}),
        ("final_mark_dropped", "Why?!", {}),
        ("final_mark_dropped", "List these:", {}),
        ("final_mark_swapped", DUNE, {"replaced the final '.' by '!'": DUNE[:-1] + "!"}),
        ("final_mark_swapped", "Why?", {"replaced the final '?' by '.'": "Why."}),
    ],
)
def test_punctuation(kind: str, text: str, expected: dict[str, str]) -> None:
    assert of_kind(punctuation_edits(text), kind) == expected


def test_a_repeated_word_is_named_by_its_occurrence() -> None:
    edits = of_kind(format_edits("the cat and the dog"), "doubled_space")
    assert edits["doubled the space after the first 'the'"] == "the  cat and the dog"
    assert edits["doubled the space after the second 'the'"] == "the cat and the  dog"


def test_every_kind_applies_to_an_ordinary_prompt() -> None:
    text = 'The cat, "Tom", won\'t come home: why is that?'
    assert {edit.kind for edit in format_edits(text)} == set(FORMAT)
    assert {edit.kind for edit in punctuation_edits(text)} == set(PUNCTUATION)


@pytest.mark.parametrize(
    "kept",
    [
        "3.14",
        "10:30",
        "1,000",
        "e.g.",
        "U.S.",
        "https://example.org/a?b=c,d",
        "www.example.org",
        "me@example.org",
        "`x  = 1, 2`",
        "```\nfor x in y:\n    go (x)\n```",
        "{name}",
        '{"a": {"b": [1, 2]}}',
        "[1, [2, 3]]",
        "<image of you>",
        "$a + b$",
    ],
)
def test_numbers_addresses_and_code_are_left_alone(kept: str) -> None:
    text = f"Please read {kept} and tell me about the cat, then stop."
    edits = [*format_edits(text), *punctuation_edits(text)]
    assert len(edits) > 50
    assert [edit.words for edit in edits if kept not in edit.text] == []


def test_only_the_quotation_marks_of_quoted_text_change() -> None:
    text = 'Translate "the cat, the dog" please.'
    changed = {
        edit.kind
        for edit in (*format_edits(text), *punctuation_edits(text))
        if '"the cat, the dog"' not in edit.text
    }
    assert changed == {"quote_style"}


def test_a_contraction_changes_its_apostrophe_and_nothing_else() -> None:
    text = "Why don't they sing?"
    lost = [edit for edit in punctuation_edits(text) if "don't" not in edit.text]
    assert [edit.text for edit in lost] == ["Why don\u2019t they sing?"]


@pytest.mark.parametrize("text", ["    x = 1", "| a | b |", "```\nx\n```"])
def test_a_leading_block_is_not_indented(text: str) -> None:
    kinds = {edit.kind for edit in format_edits(text)}
    assert kinds == {"trailing_space", "trailing_newline", "leading_newline", "crlf_suffix"}


def test_a_heading_and_a_list_item_are_not_wrapped() -> None:
    wrapped = of_kind(format_edits("# A title\n- an item\nplain text, 3 words"), "line_wrap")
    assert list(wrapped) == ["broke the line after 'plain'", "broke the line after '3'"]


def test_a_long_prompt_gives_evenly_spaced_positions() -> None:
    doubled = of_kind(format_edits("word " * 20_000 + "end"), "doubled_space")
    assert len(doubled) == 19
    assert list(doubled)[1] == "doubled the space after the 1053rd 'word'"


@pytest.mark.parametrize("text", ["", "  \n"])
def test_nothing_to_edit(text: str) -> None:
    assert format_edits(text) == punctuation_edits(text) == ()


@given(PROMPTS)
@settings(deadline=None)
def test_every_edit_differs_from_the_prompt_and_from_every_other(text: str) -> None:
    for edits in (format_edits(text), punctuation_edits(text)):
        texts = [edit.text for edit in edits]
        assert text not in texts
        assert len(set(texts)) == len(texts)
        assert all(edit.words for edit in edits)


@given(PROMPTS)
@settings(deadline=None)
def test_a_format_edit_keeps_every_character_that_is_not_space(text: str) -> None:
    assert {without_space(edit.text) for edit in format_edits(text)} <= {without_space(text)}


@given(PROMPTS)
@settings(deadline=None)
def test_a_punctuation_edit_keeps_the_letters(text: str) -> None:
    kept = {letters(e.text) for e in punctuation_edits(text) if e.kind != "doubled_word"}
    assert kept <= {letters(text)}
