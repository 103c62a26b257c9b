"""Text in the columns of a terminal: measured, padded, cut and wrapped."""

from __future__ import annotations

import textwrap
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def columns(text: str) -> int:
    r"""Return how many columns the text takes: two for a wide letter, none for a combining mark.

    >>> columns("\u6587 a")
    4
    """
    return sum(map(_columns_of, text))


def _columns_of(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in {"W", "F"} else 1


def padded(text: str, width: int) -> str:
    """Return the text cut or filled up to ``width`` columns."""
    shown = cut(text, width)
    return shown + " " * (width - columns(shown))


def cut(text: str, width: int) -> str:
    """Return the text in at most ``width`` columns, with three dots where it was cut.

    >>> cut("a long row", 8)
    'a lon...'
    """
    line = text.rstrip()
    if columns(line) <= width:
        return line
    while line and columns(line) > width - 3:
        line = line[:-1]
    return f"{line}..."


def wrapped(text: str, width: int, most: int | None = None) -> Iterator[str]:
    """Yield the text in lines of at most ``width`` columns, ``most`` of them, indented after one.

    >>> list(wrapped("run it again to go on", 14))
    ['run it again', '  to go on']
    """
    lines = textwrap.wrap(text, width, subsequent_indent="  ", max_lines=most, placeholder=" ...")
    yield from (cut(line, width) for line in lines)
