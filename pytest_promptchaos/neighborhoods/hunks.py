"""The difference of two texts in pieces that can be taken or left one by one, and in words.

A word is one piece, so that a swapped word stays one swap; of added or removed layout and marks
every character is a piece of its own, so that two trailing spaces are two.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby, zip_longest
from typing import TYPE_CHECKING

from rapidfuzz.distance import Indel

from pytest_promptchaos.neighborhoods.prose import clipped, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_promptchaos.neighborhoods.prose import Prose

_TOKEN = re.compile(r"\w+(?:['\u2019-]\w+)*|\s|[^\w\s]")
_NAMES = {
    " ": "space",
    "\n": "newline",
    "\t": "tab",
    "\r\n": "carriage return and newline",
    "\r": "carriage return",
    "\u00a0": "no-break space",
}


@dataclass(frozen=True)
class Hunk:
    """``text[start:end]`` of the center becomes ``text``."""

    start: int
    end: int
    text: str


def hunks(center: str, edited: str) -> tuple[Hunk, ...]:
    """Return the difference of two texts as the smallest pieces that make sense alone.

    Pieces do not overlap and stand in reading order; all of them together give ``edited``.

    >>> hunks("a quick way", "a fast way  ")
    (Hunk(start=2, end=7, text='fast'), Hunk(start=11, end=11, text=' '),
     Hunk(start=11, end=11, text=' '))
    """
    a, b = _TOKEN.findall(center), _TOKEN.findall(edited)
    found: list[Hunk] = []
    place = 0
    for old, new in _blocks(a, b):
        if old == new:
            place += len("".join(old))
            continue
        for before, after in _pieces(old, new):
            found.append(Hunk(place, place + len(before), after))
            place += len(before)
    return tuple(found)


def applied(center: str, taken: Iterable[Hunk]) -> str:
    """Return the center with some of its hunks, which stand in reading order.

    >>> applied("a way", [Hunk(0, 1, "one"), Hunk(5, 5, "!")])
    'one way!'
    """
    pieces, place = [], 0
    for hunk in taken:
        pieces += [center[place : hunk.start], hunk.text]
        place = hunk.end
    return "".join([*pieces, center[place:]])


def listed(words: Sequence[str]) -> str:
    """Return the parts of an edit as one phrase.

    >>> listed(["wrote 'a' twice", "added a tab", "dropped the '?'"])
    "wrote 'a' twice, added a tab and dropped the '?'"
    """
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def difference(center: str, edited: str) -> str:
    """Return in words what was changed; empty for two equal texts.

    >>> difference("a quick way", "a fast way  ")
    "replaced 'quick' by 'fast' and added 2 trailing spaces"
    >>> difference("Why not?", "Why  not")
    "added 1 space after 'Why' and removed the '?' after 'not'"
    """
    prose = read(center)
    told = [_told(prose, hunk) for hunk in _joined(center, hunks(center, edited))]
    return listed(told) if told else ""


# -- pieces -------------------------------------------------------------------------------------


def _blocks(a: Sequence[str], b: Sequence[str]) -> Iterator[tuple[list[str], list[str]]]:
    """Yield runs of kept tokens (twice the same) and runs of changed ones, by turns."""
    operations = Indel.opcodes(a, b)
    for kept, run in groupby(operations, key=lambda operation: operation.tag == "equal"):
        steps = list(run)
        old = list(a[steps[0].src_start : steps[-1].src_end])
        new = list(b[steps[0].dest_start : steps[-1].dest_end])
        yield (old, old) if kept else (old, new)


def _pieces(old: Sequence[str], new: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield what of a changed run can be taken alone, as (before, after)."""
    single = not any(map(_is_word, (*old, *new)))
    if single or len(old) == len(new):
        pairs = zip_longest(old, new, fillvalue="")
        yield from ((before, after) for before, after in pairs if before != after)
    elif not old:
        yield from (("", phrase) for phrase in _phrases(new))
    elif not new:
        yield from ((phrase, "") for phrase in _phrases(old))
    else:
        yield "".join(old), "".join(new)


def _phrases(tokens: Sequence[str]) -> list[str]:
    """Return the words of a run, each with what stands before it; what is left goes to the last.

    A word that came or went without its space would run into the next one.
    """
    found = [""]
    for token in tokens:
        found[-1] += token
        if _is_word(token):
            found.append("")
    tail = found.pop()
    found[-1] += tail
    return found


def _is_word(token: str) -> bool:
    return token[0].isalnum() or token[0] == "_"


# -- words --------------------------------------------------------------------------------------


def _joined(center: str, parts: Iterable[Hunk]) -> list[Hunk]:
    """Return hunks with those that touch and are alike made one, for the telling of them."""
    joined: list[Hunk] = []
    for hunk in parts:
        last = joined[-1] if joined else None
        if last is not None and last.end == hunk.start and _alike(center, last, hunk):
            joined[-1] = Hunk(last.start, hunk.end, last.text + hunk.text)
        else:
            joined.append(hunk)
    return joined


def _alike(center: str, a: Hunk, b: Hunk) -> bool:
    """Whether two hunks that touch are one change: both layout, or both added, or both removed."""
    both = center[a.start : b.end] + a.text + b.text
    added, removed = a.start == b.end, not (a.text or b.text)
    return both.isspace() or ((added or removed) and not any(map(str.isspace, both)))


def _told(prose: Prose, hunk: Hunk) -> str:
    old, new = prose.text[hunk.start : hunk.end], hunk.text
    if (old + new).isspace():
        return _layout(prose, hunk, old, new)
    if not old:
        return f"added '{clipped(new.strip())}'{_where(prose, hunk.start)}"
    if not new:
        the = "" if any(map(_is_word, old.strip())) else "the "
        return f"removed {the}'{clipped(old.strip())}'{_where(prose, hunk.start)}"
    return f"replaced '{clipped(old)}' by '{clipped(new)}'"


def _layout(prose: Prose, hunk: Hunk, old: str, new: str) -> str:
    if old and new:
        return f"replaced {_counted(old)}{_where(prose, hunk.start)} by {_counted(new)}"
    verb = "added" if new else "removed"
    if not prose.text[hunk.end :].strip():
        return f"{verb} {_counted(old + new, 'trailing ')}"
    if not prose.text[: hunk.start].strip():
        return f"{verb} {_counted(old + new, 'leading ')}"
    return f"{verb} {_counted(old + new)}{_where(prose, hunk.start)}"


def _counted(layout: str, where: str = "") -> str:
    r"""Return whitespace in words, as in ``2 trailing spaces``.

    >>> _counted("  ", "trailing "), _counted("\r\n"), _counted(" \t")
    ('2 trailing spaces', '1 carriage return and newline', '1 space and 1 tab')
    """
    runs = [(c, len(list(run))) for c, run in groupby(_LAYOUT.findall(layout))]
    told = [f"{n} {where}{_NAMES.get(c, repr(c))}{'s' if n > 1 else ''}" for c, n in runs]
    return listed(told)


_LAYOUT = re.compile(r"\r\n|\s")


def _where(prose: Prose, place: int) -> str:
    """Return after which word a place is; nothing before the first one."""
    before = [word for word in prose.words if word.end <= place]
    return f" after {before[-1].name}" if before else " at the start"
