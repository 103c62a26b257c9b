"""Answers read from text: by a named rule, or by a pattern.

An extractor takes a text and returns the answer in one canonical spelling, so that two answers
are equal as strings exactly when they say the same; ``None`` where it finds no answer.
"""

from __future__ import annotations

import json
import math
import re
from decimal import Context, Decimal
from difflib import get_close_matches
from fractions import Fraction
from typing import TYPE_CHECKING, TypeAlias

from pytest_promptchaos.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Extractor: TypeAlias = Callable[[str], str | None]

PATTERN = "regex:"
DIGITS = 40
"""A decimal of more digits is written with its exponent: 1e9999 would fill a page."""
EXACT = 2**53
"""Below this every whole float is one integer."""


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

    A fraction is its value: 3/4 is 0.75, and 1/3 stays 1/3, in lowest terms. A time, a date and a
    version are read whole, as one value of their own kind: 9:05, 2024-05-03, 1.5.2. What stands in
    one word with letters (v1.5, B12) is no number.

    >>> number("3 - 4 = -1"), number("It costs $2,500.00."), number("none")
    ('-1', '2500', None)
    >>> number("1 1/2 cups"), number("at 09:05"), number("on 2024-5-3"), number("2 of 6, or 2/6")
    ('1.5', '9:05', '2024-05-03', '1/3')
    """
    plain = _TEX_FRACTION.sub(r"\1/\2", text.replace("\u2212", "-"))
    found = list(_NUMBER.finditer(plain))
    return _spelled(found[-1]) if found else None


def yes_no(text: str) -> str | None:
    """Return ``"yes"``, ``"no"`` or ``"unclear"``; ``None`` for a text that says none of them.

    Ways of speaking that hold a no and say none ("no problem", "no doubt") are passed over. The
    first word decides where it is one of yes, no and their kin, and so does an opening that
    denies ("not at all", "certainly not"). Else, whichever of the two is said; both are unclear,
    and so are words of doubt alone ("maybe", "cannot tell").

    >>> yes_no("Yes, no doubt."), yes_no("There is no cat."), yes_no("Yes or no?"), yes_no("A cat")
    ('yes', 'no', 'yes', None)
    >>> yes_no("No problem, yes it is"), yes_no("Not at all."), yes_no("No idea.")
    ('yes', 'no', 'unclear')
    """
    said = _SPEAKING.sub("", text)
    for answer, opening in (("yes", _OPENS_YES), ("no", _OPENS_NO)):
        if opening.match(said):
            return answer
    both = (("yes", _YES), ("no", _NO))
    found = [answer for answer, words in both if words.search(said)]
    if len(found) == 1:
        return found[0]
    return "unclear" if found or _DOUBT.search(text) else None


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

    Keys are sorted, white space is dropped, and 1.0 is 1, so that equal values are equal strings.

    >>> json_value('Here: {"b": 1.0, "a": [1, 2]} as asked'), json_value("no { here")
    ('{"a":[1,2],"b":1}', None)
    """
    decoder = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_number_of)
    places = (0, *(match.start() for match in re.finditer(r"[{\[]", text)))
    for place, whole in zip(places, (True, *[False] * len(places)), strict=False):
        try:
            value, end = decoder.raw_decode(text.strip() if whole else text, place)
        except (ValueError, RecursionError):
            # Brackets opened by the hundred are a loop of the model, and no value.
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

_PLAIN = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+"
_TEX_FRACTION = re.compile(rf"\\[dt]?frac\s*\{{\s*(-?(?:{_PLAIN}))\s*\}}\s*\{{\s*({_PLAIN})\s*\}}")
_NUMBER = re.compile(
    rf"""(?<![\w.)])(?<!\d[:/])(?:
        (?P<date>\d{{4}}-\d{{1,2}}-\d{{1,2}}|\d{{1,2}}-\d{{1,2}}-\d{{4}})(?![\d-])
      | (?P<whole>\d+(?:/\d+){{2,}}|\d+(?:\.\d+){{2,}})
      | (?P<time>\d+(?::\d+)+)(?:[ ]?(?P<half>[ap])\.?m\b)?
      | (?P<sign>-?)(?:(?P<ones>\d+)[ ](?=\d+/))?(?P<above>{_PLAIN})[ ]?/[ ]?(?P<below>{_PLAIN})
      | (?P<plain>-?(?:{_PLAIN})(?:[eE][+-]?\d+)?)
    )""",
    re.X | re.I,
)
_SPEAKING = re.compile(
    r"\b(?:no (?:problem|doubt|worries|question|wonder|matter|idea|trouble)|whether or no)\b", re.I
)
_OPENS_YES = re.compile(r"\W*(?:yes|yeah|yep|yup)\b", re.I)
_OPENS_NO = re.compile(
    r"\W*(?:no|nope|nah|not (?:at all|really|in the least)|by no means"
    r"|(?:certainly|absolutely|definitely|surely|probably|of course) not)\b",
    re.I,
)
_YES = re.compile(r"\b(?:yes|yeah|yep|yup)\b", re.I)
_NO = re.compile(r"\b(?:no|nope|nah)\b", re.I)
_DOUBT = re.compile(
    r"\b(?:maybe|perhaps|unclear|unsure|not sure|unknown|no idea|cannot tell|can['\u2019]t tell"
    r"|do(?: not|n['\u2019]t) know)\b",
    re.I,
)
_CHOICES = (
    re.compile(r"\banswer(?:\s+is)?\s*:?\s*[(\[*_]*([A-D])\b(?![ \t]+\w)", re.I),
    re.compile(r"^\s*[(\[*_]*([A-D])(?:[)\].:]|[*_]{2}|\s*$)", re.M),
    re.compile(r"(?:\(|\[|\*\*)([A-D])(?:\)|\]|\*\*)"),
)


def _spelled(found: re.Match[str]) -> str | None:
    """Return a number, a fraction, a time, a date or a version in its one spelling."""
    if found["date"]:
        return "-".join(f"{int(part):02}" for part in found["date"].split("-"))
    if found["whole"]:
        return found["whole"]
    if found["time"]:
        hour, _, rest = found["time"].partition(":")
        half = f" {found['half'].lower()}m" if found["half"] else ""
        return f"{int(hour)}:{rest}{half}"
    if found["plain"]:
        return _decimal(found["plain"])
    above, below = (Fraction(found[part].replace(",", "")) for part in ("above", "below"))
    if not below:
        return None
    value = (int(found["ones"] or 0) + above / below) * (-1 if found["sign"] else 1)
    return _lowest(value)


def _decimal(spelled: str) -> str | None:
    """Return a decimal without idle zeros, and one of very many digits with its exponent."""
    plain = spelled.replace(",", "")
    try:
        value = Decimal(plain).normalize(Context(prec=len(plain)))
    except ArithmeticError:
        # An exponent beyond what a decimal holds.
        return None
    return "0" if not value else f"{value:f}" if abs(value.adjusted()) <= DIGITS else f"{value:e}"


def _lowest(value: Fraction) -> str:
    """Return a fraction as a decimal where it has an end, else in lowest terms."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest > 1:
        return str(value)
    digits = len(str(value.numerator)) + value.denominator.bit_length()
    decimal = Context(prec=digits).divide(Decimal(value.numerator), Decimal(value.denominator))
    return _decimal(f"{decimal:f}") or "0"


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


def _number_of(spelled: str) -> int | float:
    """Return a number of JSON: a whole one as an int, so that 1.0 is written like 1."""
    value = float(spelled)
    if not math.isfinite(value):
        raise ValueError(f"{spelled} is beyond the largest float")
    return int(value) if value.is_integer() and abs(value) < EXACT else value
