"""Where the answer begins: two outputs aligned to the start of their answers.

At a marker where both have one, else behind what the model writes whatever it is asked, else not
at all. Outputs are printable tokens; joined they are the text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Literal

from pytest_promptchaos.measure.pairs import END

if TYPE_CHECKING:
    from collections.abc import Sequence

ANSWER_TOKENS = 8
"""Tokens that must be left where the horizon cuts the answer behind a scaffold: the shortest
prefix that divergence is read at. An answer that came to its end is whole, however short."""


@dataclass(frozen=True, kw_only=True)
class Marker:
    """Text that the answer follows. ``closes`` says that it ends a thought written before it."""

    name: str
    pattern: re.Pattern[str]
    closes: bool = False


def _heading(words: str) -> re.Pattern[str]:
    """Return the pattern of a heading on a line of its own or before a colon, bold or not."""
    words = rf"(?:the[ \t]+)?{words}(?:[ \t]+is)?"
    colon = r"(?:\*\*|__)?[ \t]*:(?:\*\*|__)?"
    plain, marked = rf"{words}{colon}", rf"(?:#{{1,6}}[ \t]+)?(?:\*\*|__)?{words}"
    alone = rf"(?:#{{1,6}}[ \t]+(?:\*\*|__)?|\*\*|__){words}(?:\*\*|__)?[ \t]*$"
    return re.compile(rf"^[ \t>]*(?:{plain}|{marked}{colon}|{alone})", re.I | re.M)


MARKERS = (
    Marker(name="</think>", pattern=re.compile(r"</think(?:ing)?>"), closes=True),
    Marker(name="[/THINK]", pattern=re.compile(r"\[/THINK\]"), closes=True),
    Marker(
        name="final channel",
        pattern=re.compile(r"<\|channel\|>\s*final\s*(?:<\|message\|>)?"),
        closes=True,
    ),
    Marker(name="final answer heading", pattern=_heading(r"final[ \t]+(?:answer|response)")),
    Marker(name="answer heading", pattern=_heading("answer")),
)
"""In the order in which they are looked for."""
_OPENS = re.compile(r"\s*(?:<think(?:ing)?>|\[THINK\]|<\|channel\|>\s*analysis)")


def without_end(tokens: Sequence[str]) -> list[str]:
    """Return the tokens of an output without the one that ends it.

    >>> without_end(["Yes", "<end>"])
    ['Yes']
    """
    return [token for token in tokens if token != END]


def answer_start(text: str, markers: Sequence[Marker] = MARKERS) -> int | None:
    r"""Return the position of the first character of the answer, or ``None`` without a marker.

    The first marker of ``markers`` that occurs decides: a closing one by its last occurrence,
    because thoughts come in turns, a heading by its first, because text may go on to a next
    question. White space behind it is passed over; a text that ends there has its length.

    >>> answer_start("<think>Two and two.</think> 4")
    28
    >>> answer_start("We add. **Final answer:** 4") is None
    True
    >>> answer_start("We add.\n**Final answer:** 4")
    26
    """
    found = _found(text, markers)
    return None if found is None else found[1]


def never_answers(text: str, markers: Sequence[Marker] = MARKERS) -> bool:
    """Return whether a text opens a thought that no closing marker ends.

    >>> never_answers("<think>Let me see"), never_answers("Let me <think>")
    (True, False)
    """
    return _OPENS.match(text) is not None and not _closes(text, markers)


def shared_preamble(outputs: Sequence[Sequence[str]]) -> int:
    """Return how many tokens the outputs for different requests begin with in common.

    What is the same whatever is asked is scaffold. Equal outputs count once: where all are equal,
    nothing tells a preamble from an answer, and 0 comes back.

    >>> shared_preamble([["Sure", "!", "4"], ["Sure", "!", "Rome"], ["Sure", "!", "4"]])
    2
    >>> shared_preamble([["4"], ["4"]])
    0
    """
    distinct = {tuple(output) for output in outputs}
    if len(distinct) < 2:
        return 0
    # Of sorted sequences the first and the last share what all of them share.
    return _common_prefix(min(distinct), max(distinct))


@dataclass(frozen=True, kw_only=True)
class Alignment:
    """Two outputs from the start of their answers, or the ``reason`` why they are not usable.

    ``start_a`` and ``start_b`` are indices of tokens, ``length_a`` and ``length_b`` numbers of
    tokens without the end token, ``tokens_a`` and ``tokens_b`` the answers' tokens with it, of a
    token that holds the marker too only what is behind it; an empty answer has none. ``by`` is
    what the start was found by.
    """

    usable: bool
    by: Literal["marker", "preamble", "whole output"]
    start_a: int
    start_b: int
    length_a: int
    length_b: int
    tokens_a: tuple[str, ...] = ()
    tokens_b: tuple[str, ...] = ()
    text_a: str = ""
    text_b: str = ""
    reason: str = ""

    @property
    def scaffold(self) -> float:
        """The share of both outputs' tokens that comes before the answers, 0 to 1."""
        length = self.length_a + self.length_b
        return (self.start_a + self.start_b) / length if length else 0.0


def aligned(
    a: Sequence[str],
    b: Sequence[str],
    *,
    preamble: int = 0,
    markers: Sequence[Marker] = MARKERS,
) -> Alignment:
    """Return two outputs, given as printable tokens, from the start of their answers.

    By marker where both have one; else behind the ``preamble`` (:func:`shared_preamble`), as far
    as both still have it in common; else as they are. An output that ended is whole, though
    nothing is left of it. Not usable where a thought never ends, or where an answer was cut at
    the horizon with fewer than ``ANSWER_TOKENS`` tokens.

    >>> aligned(["Sure", ":", " 4", "<end>"], ["Sure", ":", " four", "<end>"], preamble=2).text_b
    ' four'
    >>> aligned(["<think>", "Well"], ["4", "<end>"]).reason
    'the center never ends its thought'
    """
    words_a, words_b = without_end(a), without_end(b)
    text_a, text_b = "".join(words_a), "".join(words_b)
    thinks = _thinks(text_a, text_b, markers)
    marked = _both_marked(text_a, text_b, markers)
    by: Literal["marker", "preamble", "whole output"]
    if marked is not None:
        by, at = "marker", marked
        start_a, start_b = _token_at(words_a, at[0]), _token_at(words_b, at[1])
    else:
        start_a = start_b = min(preamble, _common_prefix(words_a, words_b))
        by = "preamble" if start_a else "whole output"
        at = (len("".join(words_a[:start_a])), len("".join(words_b[:start_b])))
    reason = thinks or _too_short(a, words_a, start_a, "center")
    reason = reason or _too_short(b, words_b, start_b, "neighbor")
    return Alignment(
        usable=not reason,
        by=by,
        start_a=start_a,
        start_b=start_b,
        length_a=len(words_a),
        length_b=len(words_b),
        tokens_a=_answer(a, words_a, at[0]),
        tokens_b=_answer(b, words_b, at[1]),
        text_a=text_a[at[0] :],
        text_b=text_b[at[1] :],
        reason=reason,
    )


def _both_marked(text_a: str, text_b: str, markers: Sequence[Marker]) -> tuple[int, int] | None:
    """Return where both answers begin, by marker; an empty output begins where it ends."""
    found_a, found_b = answer_start(text_a, markers), answer_start(text_b, markers)
    if found_a is None and found_b is None:
        return None
    found_a = 0 if found_a is None and not text_a else found_a
    found_b = 0 if found_b is None and not text_b else found_b
    return None if found_a is None or found_b is None else (found_a, found_b)


def _found(text: str, markers: Sequence[Marker]) -> tuple[Marker, int] | None:
    for marker in markers:
        matches = list(marker.pattern.finditer(text))
        if matches:
            end = (matches[-1] if marker.closes else matches[0]).end()
            return marker, end + len(text[end:]) - len(text[end:].lstrip())
    return None


def _closes(text: str, markers: Sequence[Marker]) -> bool:
    return any(marker.closes and marker.pattern.search(text) for marker in markers)


def _thinks(text_a: str, text_b: str, markers: Sequence[Marker]) -> str:
    """Return who never ends its thought, in words; empty where both do or neither thinks.

    A template may open the thought in the prompt: then only the other's closing marker tells.
    """
    either = _closes(text_a, markers) or _closes(text_b, markers)
    for who, text in (("center", text_a), ("neighbor", text_b)):
        if never_answers(text, markers) or (either and text and not _closes(text, markers)):
            return f"the {who} never ends its thought"
    return ""


def _too_short(tokens: Sequence[str], words: Sequence[str], start: int, who: str) -> str:
    left, ended = len(words) - start, len(tokens) > len(words)
    if left < ANSWER_TOKENS and (start or not left) and not ended:
        return f"the {who} has {left} tokens of answer before the horizon; {ANSWER_TOKENS} needed"
    return ""


def _answer(tokens: Sequence[str], words: Sequence[str], position: int) -> tuple[str, ...]:
    """Return the tokens from a character on, the one that holds it cut there, and the end token.

    An empty answer has none, not even its end: else it would be half of an answer of one token.
    """
    place = _token_at(words, position)
    if place == len(words):
        return ()
    inside = position - sum(map(len, words[:place]))
    return (tokens[place][inside:], *tokens[place + 1 :])


def _token_at(tokens: Sequence[str], position: int) -> int:
    """Return the index of the token that holds a character; their number for the text's end."""
    ends = list(accumulate(len(token) for token in tokens))
    return bisect_right(ends, position)


def _common_prefix(a: Sequence[str], b: Sequence[str]) -> int:
    shortest = min(len(a), len(b))
    return next((i for i in range(shortest) if a[i] != b[i]), shortest)
