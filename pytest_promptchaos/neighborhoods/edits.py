"""The mechanical edits: every small change of a prompt's layout and of its marks.

Two rungs, told apart by what a reader would have to look at to notice:

- ``format`` changes whitespace between words or around the prompt and nothing else: with all
  whitespace removed, the prompt is the same string.
- ``punctuation`` changes what a copy editor would mend: marks, the spaces beside marks, quotation
  marks, parentheses, the capital at the start, a small word typed twice. The words and their
  order stay. The capital belongs here, because it is a character that is seen, not layout.

Code, placeholders, addresses and quoted text inside a prompt are left alone (see ``prose``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_promptchaos.neighborhoods.layout import FORMAT
from pytest_promptchaos.neighborhoods.marks import PUNCTUATION
from pytest_promptchaos.neighborhoods.prose import read, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pytest_promptchaos.neighborhoods.prose import Change, Prose
    from pytest_promptchaos.records import Rung


@dataclass(frozen=True)
class Edit:
    """One edited prompt text, with the change in words that a person understands."""

    kind: str
    rung: Rung
    words: str
    text: str


def format_edits(text: str) -> tuple[Edit, ...]:
    """Return every layout edit of a prompt, by kind and then by position.

    Args:
        text: the prompt; whitespace around it is kept.

    Returns:
        Edits of 12 kinds. Each differs from ``text`` in whitespace only, and no two are equal. Of
        a prompt over about 3,000 characters, evenly spaced positions are taken.

    >>> [edit.words for edit in format_edits("Why not?") if edit.kind == "doubled_space"]
    ["doubled the space after 'Why'"]
    """
    return _edits(text, "format", FORMAT)


def punctuation_edits(text: str) -> tuple[Edit, ...]:
    """Return every edit of marks, quotes, capital and typing, by kind and then by position.

    Args:
        text: the prompt; whitespace around it is kept.

    Returns:
        Edits of 9 kinds. Each keeps the words and their order, apart from ``doubled_word``, and no
        two are equal. Of a prompt over about 3,000 characters, evenly spaced positions are taken.

    >>> [edit.text for edit in punctuation_edits("Why not?") if edit.kind == "doubled_mark"]
    ['Why not??']
    """
    return _edits(text, "punctuation", PUNCTUATION)


def _edits(
    text: str, rung: Rung, kinds: Mapping[str, Callable[[Prose], Iterator[Change]]]
) -> tuple[Edit, ...]:
    prose = read(text)
    if not prose.words:
        return ()
    found: dict[str, Edit] = {}
    for kind, changes in kinds.items():
        for words, start, end, new in spread(tuple(changes(prose)), len(text)):
            edited = text[:start] + new + text[end:]
            found.setdefault(edited, Edit(kind, rung, words, edited))
    found.pop(text, None)
    return tuple(found.values())
