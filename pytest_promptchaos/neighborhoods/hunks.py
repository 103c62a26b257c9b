"""The difference of two texts in pieces that can be taken or left one by one, and in words.

A word is one piece, so that a swapped word stays one swap; of added or removed layout and marks
every character is a piece of its own, so that two trailing spaces are two.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import accumulate, groupby, takewhile
from typing import TYPE_CHECKING

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

    Pieces do not overlap and stand in reading order; all of them together give ``edited``. Words
    are aligned with words, layout with layout and marks with marks, at the least cost; time grows
    with the product of the lengths of what changed.

    >>> hunks("a quick way", "a fast way  ")
    (Hunk(start=2, end=7, text='fast'), Hunk(start=11, end=11, text=' '),
     Hunk(start=11, end=11, text=' '))
    """
    found: list[Hunk] = []
    place = 0
    for before, after in _pieces(_TOKEN.findall(center), _TOKEN.findall(edited)):
        if before != after:
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


def _pieces(a: Sequence[str], b: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield the texts side by side, cut into what is kept and what can be taken alone."""
    for kind, run in groupby(_aligned(a, b), key=_kind):
        pairs = list(run)
        if kind == "both":
            yield from pairs
        elif kind == "came":
            yield from (("", phrase) for phrase in _phrases([after for _, after in pairs]))
        else:
            yield from ((phrase, "") for phrase in _phrases([before for before, _ in pairs]))


def _kind(pair: tuple[str, str]) -> str:
    before, after = pair
    return "both" if before and after else "came" if after else "went"


def _aligned(a: Sequence[str], b: Sequence[str]) -> list[tuple[str, str]]:
    """Return the tokens side by side, ``""`` where one has none, at the least total cost."""
    head = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))
    back = zip(reversed(a[head:]), reversed(b[head:]), strict=False)
    tail = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], back))
    old, new = a[head : len(a) - tail], b[head : len(b) - tail]
    kept = [(token, token) for token in a[:head]]
    return [*kept, *_cheapest(old, new), *((token, token) for token in a[len(a) - tail :])]


def _cheapest(a: Sequence[str], b: Sequence[str]) -> list[tuple[str, str]]:
    """Return the alignment of least cost (Needleman and Wunsch, 1970)."""
    cost = [[0, *accumulate(map(_gap, b))]]
    for before in a:
        above, row = cost[-1], [cost[-1][0] + _gap(before)]
        for column, after in enumerate(b):
            paired = above[column] + _swap(before, after)
            row.append(min(paired, above[column + 1] + _gap(before), row[-1] + _gap(after)))
        cost.append(row)
    found: list[tuple[str, str]] = []
    i, j = len(a), len(b)
    while i or j:
        here = cost[i][j]
        if i and j and here == cost[i - 1][j - 1] + _swap(a[i - 1], b[j - 1]):
            i, j = i - 1, j - 1
            found.append((a[i], b[j]))
        elif i and here == cost[i - 1][j] + _gap(a[i - 1]):
            i -= 1
            found.append((a[i], ""))
        else:
            j -= 1
            found.append(("", b[j]))
    return found[::-1]


def _gap(token: str) -> int:
    """Return what it costs that a token came or went."""
    return 4 if _is_word(token) else 2


def _swap(before: str, after: str) -> int:
    """Return what it costs that a token became another: less than going and coming."""
    if before == after:
        return 0
    if _sort(before) != _sort(after):
        return _gap(before) + _gap(after) + 1
    return 1 if before.casefold() == after.casefold() else _gap(before)


def _sort(token: str) -> str:
    """Return whether a token is a word, layout, or a mark."""
    return "word" if _is_word(token) else "layout" if token.isspace() else "mark"


def _phrases(tokens: Sequence[str]) -> list[str]:
    """Return a run that came or went in pieces: words each with what stands before it.

    A word without its space would run into the next one. What is left over goes to the last.
    """
    if not any(map(_is_word, tokens)):
        return list(tokens)
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
    """Whether two hunks that touch are one change: layout, or words or marks that came or went."""
    first, second = (center[one.start : one.end] + one.text for one in (a, b))
    if first.isspace() or second.isspace():
        return first.isspace() and second.isspace()
    came_or_went = a.start == b.end or not (a.text or b.text)
    return came_or_went and any(map(_is_word, first)) == any(map(_is_word, second))


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
