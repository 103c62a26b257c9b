"""Text and numbers as a reader sees them: nothing invisible, nothing that breaks a document."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_promptchaos.records import Limit, Measurement

NONCHARACTERS = "".join(
    f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000)
)
# Forbidden in XML 1.0 or HTML, or able to reorder or hide the text around them.
UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069"
    f"\ud800-\udfff\ufdd0-\ufdef\ufeff{NONCHARACTERS}]"
)
EDGE_SPACES = re.compile(r"^ +| +$| {2,}", re.MULTILINE)
PLAIN_DIGITS = 3
MOST_DIGITS = 9


def legible(text: str) -> str:
    r"""Return the text with every unprintable character spelled out as an escape.

    Newlines and tabs stay. Escaped are the characters that XML 1.0 or HTML forbid, lone
    surrogates, and those that hide or reorder the text around them.

    >>> legible("bell \x07, right-to-left \u202e")
    'bell \\x07, right-to-left \\u202e'
    """
    return UNSAFE.sub(lambda found: _escape(found[0]), text)


def _escape(character: str) -> str:
    point = ord(character)
    if character == "\r":
        return "\\r"
    if point <= 0xFF:
        return f"\\x{point:02x}"
    return f"\\u{point:04x}" if point <= 0xFFFF else f"\\U{point:08x}"


def spelled(text: str) -> str:
    r"""Return the text with the white space that an edit may have touched made visible.

    Spaces at the edge of a line and repeated spaces become middle dots, a newline is preceded
    by an arrow, a tab becomes an arrow, a no-break space its escape.

    >>> spelled("a  b\u00a0c ")
    'a··b\\xa0c·'
    """
    dotted = EDGE_SPACES.sub(lambda spaces: "\u00b7" * len(spaces[0]), legible(text))
    return dotted.replace("\n", "\u21b5\n").replace("\t", "\u21e5").replace("\u00a0", "\\xa0")


def token_spelled(token: str) -> str:
    r"""Return one output token with all of its white space visible.

    >>> token_spelled(" the\n")
    '·the↵'
    """
    return spelled(token).replace(" ", "\u00b7").replace("\u21b5\n", "\u21b5")


def one_line(text: str) -> str:
    """Return the text on one line, runs of white space as one space."""
    return " ".join(legible(text).split())


def shortened(text: str, limit: int) -> str:
    """Return the text cut to ``limit`` characters, with the count of what was cut.

    >>> shortened("abcdefgh", 5)
    'abcde … (3 characters more)'
    """
    if len(text) <= limit:
        return text
    return f"{text[:limit]} \u2026 ({len(text) - limit} characters more)"


def number(value: float, *, beside: Iterable[float | None] = ()) -> str:
    """Return the number with three decimals, or three digits outside 0.001 to 1000.

    A value next to a limit must not round onto it: digits are added until ``value`` reads
    differently from every number in ``beside`` that it differs from.

    >>> number(0.2137), number(1.2e-9), number(0.15004), number(0.15004, beside=[0.15])
    ('0.214', '1.20e-09', '0.150', '0.15004')
    """
    others = [other for other in beside if other is not None and other != value]
    for digits in range(PLAIN_DIGITS, MOST_DIGITS):
        text = _rounded(value, digits)
        if text not in [_rounded(other, digits) for other in others]:
            return text
    return repr(value)


def _rounded(value: float, digits: int) -> str:
    if value == int(value) and abs(value) < 10**6:
        return str(int(value))
    if 10**-3 <= abs(value) < 10**3:
        return f"{value:.{digits}f}"
    return f"{value:.{digits - 1}e}"


def value_words(measurement: Measurement, limit: Limit | None = None) -> str:
    """Return the value in digits, or ``"not measured"``."""
    if measurement.value is None:
        return "not measured"
    return number(measurement.value, beside=_bounds(limit))


def interval_words(measurement: Measurement, limit: Limit | None = None) -> str:
    """Return the interval as ``"[low, high]"``, or nothing where there is none."""
    if measurement.low is None or measurement.high is None:
        return ""
    beside = _bounds(limit)
    return f"[{number(measurement.low, beside=beside)}, {number(measurement.high, beside=beside)}]"


def limit_words(limit: Limit) -> str:
    """Return the limit in words, such as ``"at most 0.15"`` or ``"0.886 to 0.926"``."""
    if limit.at_least is not None and limit.at_most is not None:
        told = f"{limit.at_least:g} to {limit.at_most:g}"
    elif limit.at_most is not None:
        told = f"at most {limit.at_most:g}"
    else:
        told = f"at least {limit.at_least:g}"
    return told + (" (relative)" if limit.relative else "")


def _bounds(limit: Limit | None) -> tuple[float | None, ...]:
    return () if limit is None else (limit.at_most, limit.at_least)


def level_words(level: float) -> str:
    """Return the level of an interval in per cent, such as ``"95 %"``."""
    return f"{100 * level:.3g} %"


def plural(count: int, noun: str) -> str:
    """Return the count with its noun, such as ``"1 run"`` or ``"2 runs"``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
