"""Several edits of one prompt at once: where each of them acts, and which exclude each other.

An edit holds the whole edited text; its place is recovered by comparing that with the center.
Layout is taken by whole runs of whitespace, so that one against two trailing spaces, or a doubled
space against a line break, are choices for one place.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import combinations, takewhile
from typing import TYPE_CHECKING

from pytest_promptchaos.errors import NeighborhoodError
from pytest_promptchaos.neighborhoods.draw import digest
from pytest_promptchaos.neighborhoods.edits import Edit, format_edits, punctuation_edits
from pytest_promptchaos.neighborhoods.hunks import Hunk, applied, listed
from pytest_promptchaos.neighborhoods.lexicon import synonym_edits
from pytest_promptchaos.neighborhoods.messages import place_of, rewritten
from pytest_promptchaos.records import RUNGS, Neighbor, Prompt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pytest_promptchaos.neighborhoods.messages import Place
    from pytest_promptchaos.records import Origin, Rung

COMPOSED = "composed"
"""The kind of an edit that is made of several."""

_EDITS: Mapping[Rung, Callable[[str], tuple[Edit, ...]]] = {
    "format": format_edits,
    "punctuation": punctuation_edits,
    "synonym": synonym_edits,
}
_WORDS_BETWEEN_SYNONYMS = 2
"""The lexicon's rules read up to two words on either side of a swap."""


@dataclass(frozen=True)
class Part:
    """An edit and what it does: ``center[start:end]`` becomes ``text``."""

    edit: Edit
    start: int
    end: int
    text: str

    @property
    def size(self) -> tuple[int, int]:
        """How large the edit is: its rung, then the characters that it takes and puts."""
        return RUNGS.index(self.edit.rung), self.end - self.start + len(self.text)


@dataclass(frozen=True)
class Site:
    """A stretch of the center with the edits that overlap there, smallest first."""

    start: int
    end: int
    parts: tuple[Part, ...]


def small_edits(text: str, rungs: Sequence[Rung]) -> tuple[Edit, ...]:
    """Return every single edit of a text on these rungs, smallest rung first, then by kind.

    Raises:
        NeighborhoodError: no rung, an unknown one, or one whose neighbors are authored, not made
            from the text.

    >>> [edit.words for edit in small_edits("Recommend a book like Dune.", ["synonym"])]
    ["replaced 'Recommend' by 'Suggest'"]
    """
    check_drawn(rungs)
    return tuple(edit for rung, edits in _EDITS.items() if rung in rungs for edit in edits(text))


def check_drawn(rungs: object) -> None:
    """Raise ``NeighborhoodError`` unless ``rungs`` names rungs whose edits are made from a text."""
    made = tuple(_EDITS)
    if isinstance(rungs, str) or not isinstance(rungs, Collection):
        raise NeighborhoodError(f"rungs is {rungs!r:.80}: pass a list of names, as in ['format']")
    if not rungs:
        raise NeighborhoodError(
            f"rungs is empty, so there would be no edit to try: name some of {', '.join(made)}"
        )
    for rung in rungs:
        if rung in RUNGS and rung not in made:
            raise NeighborhoodError(
                f"the rung {rung!r} cannot be drawn from: edits are made from the prompt only on "
                f"{', '.join(made)}"
            )
        if rung not in made:
            close = get_close_matches(str(rung), made, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"it takes {', '.join(made)}"
            raise NeighborhoodError(f"there is no rung {rung!r}: {hint}")


def part_of(center: str, edit: Edit) -> Part:
    """Return where an edit of the center acts, taken as far left as it can be.

    Raises:
        NeighborhoodError: the edit leaves the center as it is.

    >>> part = part_of("Why not?", Edit("doubled_mark", "punctuation", "", "Why not??"))
    >>> part.start, part.end, part.text
    (7, 7, '?')
    >>> part = part_of("Why not?", Edit("doubled_space", "format", "", "Why  not?"))
    >>> part.start, part.end, part.text
    (3, 4, '  ')
    """
    edited = edit.text
    if edited == center:
        raise NeighborhoodError(f"the edit {edit.kind!r} ({edit.words}) leaves the prompt as it is")
    # The end first: a doubled mark then stands before its mark, and not behind it at the edge.
    behind = _common(reversed(center), reversed(edited))
    before = min(_common(center, edited), min(len(center), len(edited)) - behind)
    end, new = len(center) - behind, edited[before : len(edited) - behind]
    if (center[before:end] + new).isspace():
        left = len(center[:before].rstrip())
        right = len(center) - len(center[end:].lstrip())
        new = center[left:before] + new + center[end:right]
        before, end = left, right
    return Part(edit, before, end, new)


def conflict(center: str, a: Part, b: Part) -> bool:
    """Return whether two parts exclude each other.

    They do where they overlap, and where two of one rung touch: a mark that is doubled and then
    dropped would be no edit. Two swapped words must stand far enough apart that neither is in the
    other's context.
    """
    if (b.start, b.end) < (a.start, a.end):
        a, b = b, a
    if (a.start, a.end) == (b.start, b.end) or b.start < a.end:
        return True
    if a.edit.rung == b.edit.rung == "synonym":
        return len(center[a.end : b.start].split()) < _WORDS_BETWEEN_SYNONYMS
    return b.start == a.end and a.edit.rung == b.edit.rung


def sites(center: str, edits: Iterable[Edit]) -> tuple[Site, ...]:
    """Return the places of the center that edits act on, in reading order.

    Edits of different sites may still exclude each other, see :func:`conflict`.

    >>> found = sites("Why not?", format_edits("Why not?"))
    >>> [(site.start, site.end) for site in found]
    [(0, 0), (3, 4), (8, 8)]
    """
    parts = sorted((part_of(center, edit) for edit in edits), key=lambda p: (p.start, p.end))
    groups: list[list[Part]] = []
    reach = -1
    for part in parts:
        same = groups and (part.start, part.end) == (groups[-1][-1].start, groups[-1][-1].end)
        if not same and part.start >= reach:
            groups.append([])
        groups[-1].append(part)
        reach = max(reach, part.end)
    return tuple(
        Site(group[0].start, max(p.end for p in group), tuple(sorted(group, key=_by_size)))
        for group in groups
    )


def compose(center: Prompt | str, edits: Sequence[Edit]) -> Edit:
    """Return the one edit that does all of these, which are edits of the same center.

    Its words are those of the parts in reading order, its rung is the largest of theirs and its
    kind is ``composed``; a single edit comes back as it is.

    Raises:
        NeighborhoodError: no edits, or two that exclude each other.

    >>> spaces, _, _, _ = (e for e in format_edits("Why not?") if e.kind == "trailing_space")
    >>> swap = next(e for e in punctuation_edits("Why not?") if e.kind == "first_letter_case")
    >>> edit = compose("Why not?", [spaces, swap])
    >>> edit.text, edit.rung
    ('why not? ', 'punctuation')
    >>> edit.words
    "lower-cased the first letter of 'Why' and added 1 trailing space"
    """
    text = center if isinstance(center, str) else center.text
    return joined(text, [part_of(text, edit) for edit in edits])


def joined(center: str, parts: Sequence[Part]) -> Edit:
    """Return the one edit that does all of these parts, as :func:`compose` does."""
    if not parts:
        raise NeighborhoodError("no edits were given to compose: pass at least one")
    if len(parts) == 1:
        return parts[0].edit
    for a, b in combinations(parts, 2):
        if conflict(center, a, b):
            raise NeighborhoodError(
                f"two edits exclude each other: {a.edit.words} ({a.edit.kind}) and {b.edit.words} "
                f"({b.edit.kind}); leave one of them out"
            )
    ordered = sorted(parts, key=lambda part: (part.start, part.end))
    return Edit(
        kind=COMPOSED,
        rung=max((part.edit.rung for part in parts), key=RUNGS.index),
        words=listed([part.edit.words for part in ordered]),
        text=applied(center, [Hunk(part.start, part.end, part.text) for part in ordered]),
    )


def neighbor_of(center: Prompt, edit: Edit, place: Place | None = None) -> Neighbor:
    """Return the neighbor that an edit of one message makes, by default of the last message.

    It has the id that the ladder gives to the same text on the same rung.
    """
    chosen = place or place_of(center)
    lexical: Origin = "lexicon" if edit.rung == "synonym" else "mechanical"
    return Neighbor(
        id=digest(center.id, edit.rung, edit.text, *chosen.parts)[:12],
        prompt=rewritten(center, chosen, edit.text),
        rung=edit.rung,
        kind=edit.kind,
        edit=edit.words,
        origin=lexical,
        target=chosen.words,
    )


def _common(a: Iterable[str], b: Iterable[str]) -> int:
    """Return how many characters two texts begin with together."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))


def _by_size(part: Part) -> tuple[tuple[int, int], str, str]:
    return part.size, part.edit.kind, part.text
