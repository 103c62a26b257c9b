"""Shrinking: the smallest part of an edit that still does what the whole edit did.

Delta debugging (Zeller and Hildebrandt, 2002), in batches, because a model answers many prompts
almost as fast as one. Nothing is drawn at random.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Generic, TypeVar

from pytest_promptchaos.neighborhoods.hunks import applied, difference, hunks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

ALONE_SHARE = 4
"""Every part is tried alone first where that costs at most one in so many of the budget."""


@dataclass(frozen=True)
class SubEdit:
    """The smallest part found of the edit between two texts.

    ``text`` is the center with that part, ``words`` say what it changes. ``tried`` counts the
    texts that were put to the test, ``parts`` the pieces that are left ``of`` how many.
    ``minimal`` says that leaving out any one of them was tried and undoes it; it is false where
    the budget ended first.
    """

    text: str
    words: str
    tried: int
    parts: int
    of: int
    minimal: bool


@dataclass(frozen=True)
class Shrunk(Generic[T]):
    """What is left of a list that fails; ``minimal`` as in ``SubEdit``."""

    items: tuple[T, ...]
    minimal: bool


def smallest_sub_edit(
    center: str,
    edited: str,
    fails: Callable[[Sequence[str]], Sequence[bool]],
    *,
    budget: int,
) -> SubEdit:
    """Return the smallest part of the edit between two texts that still fails.

    Args:
        center: the text before the edit; it does not fail.
        edited: the text after it; it fails, and is not tried again.
        fails: takes a batch of distinct texts and says of each whether it fails.
        budget: how many texts may be tried at most.

    Returns:
        A part of the edit that fails; the whole edit where no smaller part was found. Where the
        budget lasts, it is minimal in the sense of ``SubEdit.minimal``. It is always the same one.

    Raises:
        ValueError: the two texts are equal.

    >>> def fails(texts):
    ...     return ["fast" in text for text in texts]
    >>> found = smallest_sub_edit("a quick way", " a fast way  ", fails, budget=20)
    >>> found.words, found.text, found.minimal
    ("replaced 'quick' by 'fast'", 'a fast way', True)
    """
    if center == edited:
        raise ValueError(f"the text {center!r:.80} was not edited, so there is nothing to shrink")
    asked = Asked(fails, budget=budget, known={center: False, edited: True})
    parts = hunks(center, edited)
    shrunk = delta_debug(parts, lambda some: applied(center, some), asked)
    text = applied(center, shrunk.items)
    return SubEdit(
        text=text,
        words=difference(center, text),
        tried=asked.tried,
        parts=len(shrunk.items),
        of=len(parts),
        minimal=shrunk.minimal,
    )


class Asked:
    """A test of texts that is asked about each text once, and about at most ``budget`` of them."""

    def __init__(
        self,
        fails: Callable[[Sequence[str]], Sequence[bool]],
        *,
        budget: int,
        known: dict[str, bool],
    ) -> None:
        self._fails = fails
        self._known = known
        self._budget = budget
        self.tried = 0

    @property
    def left(self) -> int:
        """How many more texts it may ask about."""
        return max(self._budget - self.tried, 0)

    def __call__(self, texts: Sequence[str]) -> list[bool | None]:
        """Return for each text whether it fails, ``None`` where the budget was spent."""
        new = list(dict.fromkeys(t for t in texts if t not in self._known))[: self.left]
        if new:
            self.tried += len(new)
            self._known.update(zip(new, map(bool, self._fails(new)), strict=True))
        return [self._known.get(text) for text in texts]


def delta_debug(items: Sequence[T], build: Callable[[Sequence[T]], str], asked: Asked) -> Shrunk[T]:
    """Return the items that are left when no single one can be left out any more.

    Args:
        items: parts that fail together; an earlier one is preferred.
        build: makes the text that is put to the test from some of the parts, in their order.
        asked: the test, with its budget.

    Returns:
        A failing part of the items. Where the budget allows, one item that fails alone is found
        if there is any.
    """
    if len(items) * ALONE_SHARE <= asked.left:
        alone = _first_failing([(item,) for item in items], build, asked)
        if alone is not None:
            return Shrunk(alone, minimal=True)
    kept, pieces = tuple(items), 2
    while len(kept) > 1:
        chunks = _cut(kept, pieces)
        smaller = _first_failing(chunks, build, asked)
        if smaller is not None:
            kept, pieces = smaller, 2
            continue
        smaller = _first_failing(_without_each(chunks), build, asked)
        if smaller is not None:
            kept, pieces = smaller, max(len(chunks) - 1, 2)
        elif len(chunks) == len(kept):
            break
        else:
            pieces = 2 * len(chunks)
    rest = _without_each([(item,) for item in kept]) if len(kept) > 1 else []
    return Shrunk(kept, minimal=all(answer is False for answer in asked(list(map(build, rest)))))


def _first_failing(
    lists: Sequence[tuple[T, ...]], build: Callable[[Sequence[T]], str], asked: Asked
) -> tuple[T, ...] | None:
    answers = asked([build(one) for one in lists])
    return next((one for one, answer in zip(lists, answers, strict=True) if answer), None)


def _cut(items: tuple[T, ...], pieces: int) -> list[tuple[T, ...]]:
    """Return the items in so many runs of about equal length, at most one per item."""
    pieces = min(pieces, len(items))
    edges = [index * len(items) // pieces for index in range(pieces + 1)]
    return [items[a:b] for a, b in pairwise(edges)]


def _without_each(chunks: Sequence[tuple[T, ...]]) -> list[tuple[T, ...]]:
    """Return for each chunk the items of all others."""
    return [
        tuple(item for other, chunk in enumerate(chunks) if other != left_out for item in chunk)
        for left_out in range(len(chunks))
    ]
