"""Answers read from text: by a named rule, or by a pattern.

An extractor takes a text and returns the answer in one canonical spelling, so that two answers
are equal as strings exactly when they say the same; ``None`` where it finds no answer.
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from difflib import get_close_matches
from typing import TYPE_CHECKING, TypeAlias

from pytest_promptchaos.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Extractor: TypeAlias = Callable[[str], str | None]

PATTERN = "regex:"


def extractor(name: str) -> Extractor:
    r"""Return the extractor of a name in ``EXTRACTORS``, or that of ``regex:PATTERN``.

    A pattern is searched for in the whole text; its first group is the answer, or all of it where
    it has no group. Raises ``ArgumentError`` for an unknown name and for a pattern that is none.

    >>> extractor("number")("That makes 1,234.50 in all.")
    '1234.5'
    >>> extractor(r"regex:(\w+) books")("I know seven books.")
    'seven'
    """
    if name.startswith(PATTERN):
        return _by_pattern(name.removeprefix(PATTERN))
    if name in EXTRACTORS:
        return EXTRACTORS[name]
    near = get_close_matches(name, EXTRACTORS, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else "."
    raise ArgumentError(
        f"there is no answer extractor {name!r}{meant} Take one of {', '.join(EXTRACTORS)}, "
        f"{PATTERN}PATTERN, or a function from text to str or None"
    )


def number(text: str) -> str | None:
    """Return the last number of a text as a plain decimal, because reasoning comes before it.

    >>> number("3 - 4 = -1"), number("It costs $2,500.00."), number("none")
    ('-1', '2500', None)
    """
    found = _NUMBER.findall(text.replace("\u2212", "-"))
    if not found:
        return None
    value = Decimal(found[-1].replace(",", "")).normalize()
    return f"{value:f}" if value else "0"


def yes_no(text: str) -> str | None:
    """Return ``"yes"``, ``"no"`` or ``"unclear"``; ``None`` for a text that says none of them.

    The first word decides where it is one of yes, no and their kin. Else, whichever of the two
    is said; both are unclear, and so are words of doubt alone ("maybe", "cannot tell").

    >>> yes_no("Yes, no doubt."), yes_no("There is no cat."), yes_no("Yes or no?"), yes_no("A cat")
    ('yes', 'no', 'yes', None)
    """
    opening = re.match(r"\W*(\w+)", text)
    for answer, words in (("yes", _YES), ("no", _NO)):
        if opening and words.fullmatch(opening[1]):
            return answer
    said = [answer for answer, words in (("yes", _YES), ("no", _NO)) if words.search(text)]
    if len(said) == 1:
        return said[0]
    return "unclear" if said or _DOUBT.search(text) else None


def first_line(text: str) -> str | None:
    r"""Return the first line that is not empty, without the white space around it.

    >>> first_line("\n Dune. \nOr Emma.")
    'Dune.'
    """
    return next(_lines(text), None)


def last_line(text: str) -> str | None:
    r"""Return the last line that is not empty, without the white space around it.

    >>> last_line("Dune. \n Or Emma.\n")
    'Or Emma.'
    """
    lines = list(_lines(text))
    return lines[-1] if lines else None


def json_value(text: str) -> str | None:
    """Return the whole text, or the first object or list in it, as canonical JSON.

    Keys are sorted and white space is dropped, so that equal values are equal strings.

    >>> json_value('Here: {"b": 1, "a": [1, 2]} as asked'), json_value("no { here")
    ('{"a":[1,2],"b":1}', None)
    """
    decoder = json.JSONDecoder(parse_constant=_refuse_constant)
    places = (0, *(match.start() for match in re.finditer(r"[{\[]", text)))
    for place, whole in zip(places, (True, *[False] * len(places)), strict=False):
        try:
            value, end = decoder.raw_decode(text.strip() if whole else text, place)
        except ValueError:
            continue
        if not whole or end == len(text.strip()):
            return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return None


def choice(text: str) -> str | None:
    """Return the chosen letter, A to D.

    Looked for in this order: behind the word answer ("the answer is (b)"), a letter on its own or
    with its mark at the start of a line ("B)", "B."), and a letter in brackets or bold.

    >>> choice("The answer is (b)."), choice("C) Paris"), choice("it is **D**"), choice("A cat.")
    ('B', 'C', 'D', None)
    """
    for pattern in _CHOICES:
        found = pattern.search(text)
        if found:
            return found[1].upper()
    return None


EXTRACTORS: Mapping[str, Extractor] = {
    "number": number,
    "yes_no": yes_no,
    "first_line": first_line,
    "last_line": last_line,
    "json": json_value,
    "choice": choice,
}

_NUMBER = re.compile(r"(?<![\w.)])-?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_YES = re.compile(r"\b(?:yes|yeah|yep|yup)\b", re.I)
_NO = re.compile(r"\b(?:no|nope|nah)\b", re.I)
_DOUBT = re.compile(
    r"\b(?:maybe|perhaps|unclear|unsure|not sure|unknown|cannot tell|can't tell)\b", re.I
)
_CHOICES = (
    re.compile(r"\banswer(?:\s+is)?\s*:?\s*[(\[*_]*([A-D])\b(?![ \t]+\w)", re.I),
    re.compile(r"^\s*[(\[*_]*([A-D])(?:[)\].:]|[*_]{2}|\s*$)", re.M),
    re.compile(r"(?:\(|\[|\*\*)([A-D])(?:\)|\]|\*\*)"),
)


def _by_pattern(pattern: str) -> Extractor:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ArgumentError(
            f"the pattern of the answer extractor {PATTERN + pattern!r} is none: {error}"
        ) from error
    if not pattern:
        raise ArgumentError(f"{PATTERN!r} names no pattern: write it behind the colon")

    def extract(text: str) -> str | None:
        found = compiled.search(text)
        return found[1 if compiled.groups else 0] if found else None

    return extract


def _lines(text: str) -> Iterator[str]:
    return (line.strip() for line in text.splitlines() if line.strip())


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
