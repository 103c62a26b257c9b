"""The 9 kinds of punctuation edit: what a copy editor would mend, the words and order kept."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_promptchaos.neighborhoods.prose import MARKS, Change, clipped, overlaps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pytest_promptchaos.neighborhoods.prose import Prose, Word

_SMALL_WORD = re.compile("a|an|the|of|to|in|on|at|by|for|with|from|and|or|as|is|are")
_KEEP_BARE = re.compile(
    "that|this|than|then|with|from|what|when|where|which|whose|does|have|been|will|would|could"
    "|should|must|only|never|without|except|unless|every|each|none|more|most|less|least"
    "|.*n['\u2019]t"
)
"""Four letters or more, but parentheses around them would change or blur what is asked."""

_SHORTEST_PARENTHESIZED = 4
_CASE_MATTERS = re.compile("polish|turkey|china|march|may|august|job|reading|nice")
_FINAL_SWAP = {".": "!", "!": ".", "?": "."}
_STRAIGHT_TO_CURLY = {'"': ("\u201c", "\u201d"), "'": ("\u2018", "\u2019")}
_CURLY_TO_STRAIGHT = {"\u201c": ('"', '"'), "\u2018": ("'", "'")}
_APOSTROPHE = re.compile(r"(?<=[^\W\d_])['\u2019](?=[^\W\d_])")


def _space_before_mark(prose: Prose) -> Iterator[Change]:
    for mark in prose.marks:
        words = f"put a space before the '{mark.character}' after {mark.word.name}"
        yield Change(words, mark.start, mark.start, " ")


def _space_after_mark(prose: Prose) -> Iterator[Change]:
    spaced = {gap.start for gap in prose.gaps}
    for mark in prose.marks:
        after = mark.start + 1
        if after in spaced:
            words = f"doubled the space behind the '{mark.character}' after {mark.word.name}"
            yield Change(words, after, after, " ")


def _doubled_mark(prose: Prose) -> Iterator[Change]:
    for mark in prose.marks:
        words = f"doubled the '{mark.character}' after {mark.word.name}"
        yield Change(words, mark.start, mark.start, mark.character)


def _parenthesized_word(prose: Prose) -> Iterator[Change]:
    for word in prose.words:
        if _is_content(word) and _stands_bare(prose, word):
            words = f"put {word.name} in parentheses"
            yield Change(words, word.start, word.end, f"({word.text})")


def _is_content(word: Word) -> bool:
    long_enough = len(word.text) >= _SHORTEST_PARENTHESIZED
    return word.plain and long_enough and not _KEEP_BARE.fullmatch(word.text.lower())


def _stands_bare(prose: Prose, word: Word) -> bool:
    """Whether nothing but one closing mark clings to the word."""
    closing = prose.text[word.end : word.token_end]
    return word.start == word.token_start and closing in {"", *MARKS}


def _doubled_word(prose: Prose) -> Iterator[Change]:
    for gap in prose.gaps:
        word = gap.after
        # Inside a line, "A" can be a label, as in "option A".
        typed = word.text if word.opens_line else word.text.lower()
        bare = word.start == word.token_start and word.end == word.token_end
        small = _SMALL_WORD.fullmatch(typed.lower()) is not None and typed == word.text
        if word.free and bare and small:
            yield Change(f"wrote {word.name} twice", gap.start, gap.start, f" {typed.lower()}")


def _first_letter_case(prose: Prose) -> Iterator[Change]:
    word = prose.words[0]
    first, rest = word.text[0], word.text[1:]
    swapped = first.swapcase()
    one_letter = len(swapped) == 1 and swapped.swapcase() == first
    pronoun = first == "I" and not rest[:1].isalpha()
    lower = word.text.lower()
    capital_is_style = rest == lower[1:] and not _CASE_MATTERS.fullmatch(lower)
    if word.plain and one_letter and capital_is_style and not pronoun:
        verb = "lower-cased" if first.isupper() else "capitalized"
        words = f"{verb} the first letter of {word.name}"
        yield Change(words, word.start, word.start + 1, swapped)


def _quote_style(prose: Prose) -> Iterator[Change]:
    yield from _quotation_marks(prose)
    for word in prose.words:
        for match in _APOSTROPHE.finditer(prose.text, word.start, word.end):
            if not overlaps(prose.left_alone, *match.span()):
                style, new = ("curly", "\u2019") if match[0] == "'" else ("straight", "'")
                words = f"made the apostrophe of {word.name} {style}"
                yield Change(words, *match.span(), new)


def _quotation_marks(prose: Prose) -> Iterator[Change]:
    for start, end in prose.quotes:
        mark, inner = prose.text[start], prose.text[start + 1 : end - 1]
        if mark in _STRAIGHT_TO_CURLY:
            opening, closing = _STRAIGHT_TO_CURLY[mark]
            words = f"made the straight quotes around '{clipped(inner)}' curly"
        else:
            opening, closing = _CURLY_TO_STRAIGHT[mark]
            words = f"made the curly quotes around '{clipped(inner)}' straight"
        # Behind these two, it is an argument or a value of unfenced code.
        if not prose.text.endswith(("(", "="), 0, start):
            yield Change(words, start, end, opening + inner + closing)


def _final_mark_dropped(prose: Prose) -> Iterator[Change]:
    for mark in prose.marks[-1:]:
        if mark.final and mark.character in _FINAL_SWAP:
            yield Change(f"dropped the final '{mark.character}'", mark.start, mark.start + 1, "")


def _final_mark_swapped(prose: Prose) -> Iterator[Change]:
    for mark in prose.marks[-1:]:
        if mark.final and mark.character in _FINAL_SWAP:
            new = _FINAL_SWAP[mark.character]
            words = f"replaced the final '{mark.character}' by '{new}'"
            yield Change(words, mark.start, mark.start + 1, new)


PUNCTUATION: Mapping[str, Callable[[Prose], Iterator[Change]]] = {
    "space_before_mark": _space_before_mark,
    "space_after_mark": _space_after_mark,
    "doubled_mark": _doubled_mark,
    "parenthesized_word": _parenthesized_word,
    "doubled_word": _doubled_word,
    "first_letter_case": _first_letter_case,
    "quote_style": _quote_style,
    "final_mark_dropped": _final_mark_dropped,
    "final_mark_swapped": _final_mark_swapped,
}
