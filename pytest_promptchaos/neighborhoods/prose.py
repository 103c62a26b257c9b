"""What of a prompt may be edited: its words, the gaps between them, its marks.

Code, placeholders, tags, addresses and quoted text are left alone: an edit there would change
what is asked, not how. Only whitespace and the marks ``. , ; : ? !`` are known, so in a
language written without spaces few edits inside the text apply.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MARKS = ".,;:?!"

_LEAVE_ALONE = re.compile(
    r"""
    (?P<verbatim>
        ```.*?(?:```|\Z) | ~~~.*?(?:~~~|\Z) | `[^`\n]+`       # fenced and inline code
      | ^(?:\ {4}|\t)[^\n]* | ^\ *\|[^\n]*                    # indented code, table rows
      | \{(?:[^{}]|\{[^{}]*+\})*+\}                           # placeholders, JSON
      | \[(?:[^\[\]]|\[[^\[\]]*+\])*+\]                       # lists, links
      | <[A-Za-z/!|][^<>\n]*>                                 # tags, special tokens
      | \$[^\s$](?:[^$\n]*[^\s$])?\$(?!\d)                    # formulas
      | (?:(?<![\w+.-])[A-Za-z][\w+.-]*+://|\bwww\.)\S+?      # addresses
        (?=[.,;:?!)"'\u201d\u2019]*(?:\s|\Z))
      | (?<![\w.+-])[\w.+-]++@[\w-]+(?:\.[\w-]+)+
    )
  | (?P<quote>
        (?<![\w"])"(?=[^\s"])[^"\n]*(?<=\S)"(?!\w)
      | \u201c[^\u201d\n]+\u201d
      | (?<![\w'])'(?=[^\s'])[^\n]*?(?<=\S)'(?!\w)
      | \u2018[^\n]+?\u2019(?!\w)
    )
    """,
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)
_TOKEN = re.compile(r"\S+")
_PLAIN = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
_AROUND = MARKS + "()[]{}<>\"'\u201c\u201d\u2018\u2019*_…"
_ABBREVIATION = re.compile(r"(?:[^\W\d_]\.)+|(?i:dr|mr|mrs|ms|prof|vs|etc|cf|approx)\.")
_NUMBERING = re.compile(r"(?:\d+|[^\W\d_])[.:]")
_BLOCK = re.compile(r"#{1,6}|[-*+>]|\d+[.)]")
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
_LONGEST_NAME = 30

_CHARACTERS_PER_KIND = 2_000_000

T = TypeVar("T")


@dataclass(frozen=True)
class Word:
    """A run of non-space characters. ``start`` and ``end`` exclude the marks around it.

    ``name`` is how a sentence refers to it: ``'the'``, or ``the second 'the'`` where it repeats.
    """

    text: str
    start: int
    end: int
    token_start: int
    token_end: int
    name: str
    free: bool
    opens_line: bool

    @property
    def plain(self) -> bool:
        """Whether it may be edited and consists of letters, apostrophes and hyphens only."""
        return self.free and _PLAIN.fullmatch(self.text) is not None


@dataclass(frozen=True)
class Gap:
    """A single space between two words of one line that may be edited."""

    start: int
    after: Word
    before: Word
    wraps: bool


@dataclass(frozen=True)
class Mark:
    """A punctuation mark that closes a word and may be edited."""

    start: int
    character: str
    word: Word
    final: bool


@dataclass(frozen=True)
class Prose:
    """A prompt, read. ``quotes`` are the spans of quoted text, quotation marks included."""

    text: str
    words: tuple[Word, ...]
    gaps: tuple[Gap, ...]
    marks: tuple[Mark, ...]
    quotes: tuple[tuple[int, int], ...]
    left_alone: tuple[tuple[int, int], ...]

    @property
    def may_be_indented(self) -> bool:
        """Whether an indent moves words, and not the first line of a code block or a table."""
        first = self.words[0]
        return first.free or any(start == first.token_start for start, _ in self.quotes)


class Change(NamedTuple):
    """``text[start:end]`` becomes ``text``; ``words`` say so to a person."""

    words: str
    start: int
    end: int
    text: str


def read(text: str) -> Prose:
    """Return the words, gaps, marks and quotes of a prompt."""
    found = tuple(_LEAVE_ALONE.finditer(text))
    left_alone = tuple(match.span() for match in found)
    words = tuple(_words(text, left_alone))
    return Prose(
        text=text,
        words=words,
        gaps=tuple(_gaps(text, words, left_alone)),
        marks=tuple(_marks(text, words, left_alone)),
        quotes=tuple(match.span() for match in found if match.lastgroup == "quote"),
        left_alone=left_alone,
    )


def spread(changes: Sequence[T], length: int) -> Sequence[T]:
    """Return at most 2,000,000 // ``length`` changes (but 8), evenly spaced over the prompt.

    Every position of a prompt under about 3,000 characters is kept. A longer one would need
    memory with the square of its length for neighbors of which a handful is drawn.
    """
    limit = max(8, _CHARACTERS_PER_KIND // max(1, length))
    if len(changes) <= limit:
        return changes
    return [changes[index * len(changes) // limit] for index in range(limit)]


def clipped(passage: str) -> str:
    """Return at most 30 characters of a passage, for a sentence that names it."""
    return passage if len(passage) <= _LONGEST_NAME else passage[: _LONGEST_NAME - 1] + "…"


def ordinal(number: int) -> str:
    """Return ``second`` for 2 and ``21st`` for 21."""
    if number <= len(_ORDINALS):
        return _ORDINALS[number - 1]
    teen = number % 100 in (11, 12, 13)
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def overlaps(spans: Sequence[tuple[int, int]], start: int, end: int) -> bool:
    """Return whether ``[start, end)`` touches one of the spans, which are sorted and disjoint."""
    index = bisect_left(spans, (end, 0)) - 1
    return index >= 0 and spans[index][1] > start


def _words(text: str, left_alone: Sequence[tuple[int, int]]) -> Iterator[Word]:
    tokens = [(match.span(), _core(match)) for match in _TOKEN.finditer(text)]
    total = Counter(text[start:end] for _, (start, end) in tokens)
    seen: Counter[str] = Counter()
    previous_end = 0
    for (token_start, token_end), (start, end) in tokens:
        core = text[start:end]
        seen[core] += 1
        yield Word(
            text=core,
            start=start,
            end=end,
            token_start=token_start,
            token_end=token_end,
            name=_name(core, seen[core] if total[core] > 1 else 0),
            free=not overlaps(left_alone, token_start, token_end),
            opens_line=previous_end == 0 or "\n" in text[previous_end:token_start],
        )
        previous_end = token_end


def _core(token: re.Match[str]) -> tuple[int, int]:
    raw = token.group()
    core = raw.strip(_AROUND)
    if not core:
        return token.span()
    start = token.start() + raw.index(core)
    return start, start + len(core)


def _name(core: str, occurrence: int) -> str:
    shown = f"'{clipped(core)}'"
    return f"the {ordinal(occurrence)} {shown}" if occurrence else shown


def _gaps(text: str, words: Sequence[Word], left_alone: Sequence[tuple[int, int]]) -> Iterator[Gap]:
    in_block = False
    for after, before in pairwise(words):
        if after.opens_line:
            in_block = _BLOCK.fullmatch(text[after.token_start : after.token_end]) is not None
        single = text[after.token_end : before.token_start] == " "
        if single and not overlaps(left_alone, after.token_end, before.token_start):
            # Wrapped before a digit or a dash, a sentence would turn into a list item.
            wraps = not in_block and text[before.token_start].isalpha()
            yield Gap(after.token_end, after, before, wraps)


def _marks(
    text: str, words: Sequence[Word], left_alone: Sequence[tuple[int, int]]
) -> Iterator[Mark]:
    end = len(text.rstrip())
    for word in words:
        place = word.token_end - 1
        single = place > word.token_start and text[place - 1] not in MARKS
        closes = text[place] in MARKS and single and not _belongs_to(text, word)
        if closes and not overlaps(left_alone, place, place + 1):
            yield Mark(place, text[place], word, word.token_end == end)


def _belongs_to(text: str, word: Word) -> bool:
    token = text[word.token_start : word.token_end].lstrip("(")
    numbering = word.opens_line and _NUMBERING.fullmatch(token) is not None
    return numbering or _ABBREVIATION.fullmatch(token) is not None
