"""Hypothesis strategies: neighbors of a prompt that shrink toward the smallest edit.

Hypothesis is imported here and nowhere else in the package, so that only those who draw pay.
"""

from __future__ import annotations

from functools import partial
from numbers import Integral
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from pytest_promptchaos.errors import ArgumentError, NeighborhoodError
from pytest_promptchaos.neighborhoods.compose import (
    check_drawn,
    conflict,
    joined,
    neighbor_of,
    part_of,
    small_edits,
)
from pytest_promptchaos.neighborhoods.ladder import as_prompt
from pytest_promptchaos.neighborhoods.messages import place_of
from pytest_promptchaos.records import SMALL_RUNGS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis.strategies import SearchStrategy

    from pytest_promptchaos.neighborhoods.compose import Part
    from pytest_promptchaos.neighborhoods.messages import Place, Target
    from pytest_promptchaos.records import Neighbor, Prompt, Rung


def neighbors(
    prompt: str | Prompt,
    rungs: Sequence[Rung] = SMALL_RUNGS,
    *,
    most: int = 3,
    target: Target = None,
) -> SearchStrategy[Neighbor]:
    """Return a strategy for neighbors of a prompt: single edits, and up to ``most`` at once.

    A failing example shrinks toward fewer edits, then toward the smaller rung, then toward the
    smaller edit of a kind: one trailing space before two. What was drawn is not yet certified:
    a template may erase it.

    Args:
        prompt: a text or a ``Prompt``.
        rungs: where edits come from, of ``format``, ``punctuation`` and ``synonym``.
        most: how many edits one neighbor may hold.
        target: the message to edit, as for ``neighborhood``.

    Raises:
        NeighborhoodError: no rung, an unknown or authored one, or a prompt without a place to edit.
        ArgumentError: ``most`` is no whole number, or under 1.

    >>> from hypothesis import find
    >>> drawn = neighbors("What is a quick way to cook rice?")
    >>> find(drawn, lambda neighbor: neighbor.prompt.text.endswith("  ")).edit
    'added 2 trailing spaces'
    """
    _check_most(most)
    check_drawn(rungs)
    center = as_prompt(prompt)
    place = place_of(center, target)
    choices = _choices(place.text, rungs)
    if not choices:
        raise NeighborhoodError(
            f"{place.named} of {center.id!r} has no place for an edit on {', '.join(rungs)}: "
            "allow more rungs"
        )
    # Always two numbers: what takes fewer counts as smaller, whatever it is.
    variants = st.integers(0, max(map(len, choices)) - 1)
    part = st.tuples(st.sampled_from(choices), variants).map(_chosen)
    drawn = st.lists(part, min_size=1, max_size=int(most), unique=True)
    return drawn.map(partial(_neighbor, center, place))


def _check_most(most: object) -> None:
    if isinstance(most, bool) or not isinstance(most, Integral) or int(most) < 1:
        told = "a neighbor holds a whole number of edits, 1 or more"
        raise ArgumentError(f"most is {most!r:.80}: {told}")


def _choices(text: str, rungs: Sequence[Rung]) -> list[list[Part]]:
    """Return the edits of each kind at each place, both in the order in which drawing shrinks."""
    found: dict[tuple[str, int, int], list[Part]] = {}
    for part in (part_of(text, edit) for edit in small_edits(text, rungs)):
        found.setdefault((part.edit.kind, part.start, part.end), []).append(part)
    return [sorted(parts, key=lambda part: part.size) for parts in found.values()]


def _chosen(drawn: tuple[Sequence[Part], int]) -> Part:
    parts, number = drawn
    return parts[number % len(parts)]


def _neighbor(center: Prompt, place: Place, drawn: Sequence[Part]) -> Neighbor:
    """Return the neighbor with the drawn parts; what excludes an earlier one is left out."""
    kept: list[Part] = []
    for part in drawn:
        if not any(conflict(place.text, part, other) for other in kept):
            kept.append(part)
    return neighbor_of(center, joined(place.text, kept), place)
