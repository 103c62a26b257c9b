"""Labels of turns -> when a conversation first collapses, how deep, and whether it gets out.

Array functions only. An episode is a row of collapsed turns that no longer row holds. Turns count
from 1, and labels have shape (T,), turn 1 first.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.records import Censor


@dataclass(frozen=True, kw_only=True)
class Episode:
    """A row of collapsed turns from ``onset`` to ``last``, both in it.

    ``escape`` is the turn after it, the first that is not collapsed; ``None`` where the episode
    runs to the end of the conversation, so that its length is at least what is seen.
    """

    onset: int
    last: int
    escape: int | None

    @property
    def length(self) -> int:
        """How many turns it has been seen to last."""
        return self.last - self.onset + 1


def episodes(labels: Sequence[bool]) -> tuple[Episode, ...]:
    """Return the episodes of a conversation in order.

    >>> [(e.onset, e.last, e.escape) for e in episodes([False, True, True, False, True])]
    [(2, 3, 4), (5, 5, None)]
    """
    found, count = [], len(labels)
    onsets = [t for t in range(count) if labels[t] and (t == 0 or not labels[t - 1])]
    for onset in onsets:
        end = next((t for t in range(onset, count) if not labels[t]), count)
        escape = end + 1 if end < count else None
        found.append(Episode(onset=onset + 1, last=end, escape=escape))
    return tuple(found)


def first_turn(labels: Sequence[bool], *, censor: Censor = "after") -> int | None:
    """Return the first collapsed turn, from 1, or what stands for it where there is none.

    A conversation that never collapses is censored: ``"after"`` counts it as the turn after its
    last, ``"last"`` as its last turn, as published, which is also where a collapse at the last
    turn counts; ``"exclude"`` gives ``None``.

    >>> first_turn([False] * 4), first_turn([False] * 4, censor="last"), first_turn([False, True])
    (5, 4, 2)
    """
    found = [bool(label) for label in labels]
    if True in found:
        return found.index(True) + 1
    return {"after": len(found) + 1, "last": len(found), "exclude": None}[censor]


def entrenchment(labels: Sequence[bool]) -> Episode | None:
    """Return the longest episode, the first of equals, whose length is the entrenchment depth.

    ``None`` where nothing collapses: such a conversation has no depth, and is not one of depth 0.
    Where its ``escape`` is ``None`` it is censored: the depth is at least its length. The two
    periodic turns ahead of the first label are not counted.

    >>> entrenchment([False, True, False, True, True]).length
    2
    """
    found = episodes(labels)
    return max(found, key=lambda one: one.length) if found else None


def escapes(labels: Sequence[bool]) -> tuple[bool, ...]:
    """Return, for every collapsed turn that has a next one, whether that next one is free.

    Their share is the escape probability of one turn: P(not collapsed at t + 1 | collapsed at t).
    A collapsed last turn is censored and not in it, because nobody saw what came next.

    >>> escapes([False, True, True, False, True])
    (False, True)
    """
    return tuple(not after for now, after in pairwise(labels) if now)


def recollapses(labels: Sequence[bool]) -> tuple[tuple[int, bool], ...]:
    """Return, for every escape, (turns after it, whether the next episode begins then).

    The escape is turn 0 of its own clock. Where no episode follows, the time to recollapse is
    censored at the last turn: that one was seen free, the turn after it was never spoken; an
    escape at the last turn is censored at 0. After a loop is left, a label needs three periodic
    turns again, so that the shortest time is 3 turns under the matching reading of the drift
    clause; under the other it may be 1.

    >>> recollapses([True, False, False, True, False])
    ((2, True), (0, False))
    """
    found = episodes(labels)
    return tuple(
        (later.onset - one.escape, True) if later else (len(labels) - one.escape, False)
        for one, later in zip_longest(found, found[1:])
        if one.escape
    )
