"""Turns of different conversations, put together: does what they say differ between them at all?

A model that says the same thing in every conversation is called collapsed in all of them, and so
is one whose texts an embedder cannot tell apart. Neither is a loop that a conversation runs into.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from pytest_promptchaos.records import Control

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.measure.timelines import Detectors
    from pytest_promptchaos.records import Conversation

    Vectors: TypeAlias = Mapping[str, NDArray[np.floating]]

Judged: TypeAlias = Literal["incidence", "rate"]
FEWEST = 3
"""Seed prompts that are needed for a turn to be compared with none of its own: the detector looks
two turns back."""
SHUFFLES = 20
OTHERS = "turns of other conversations"
"""The name of the control that shows what sameness everywhere would look like."""
RESOLUTION = "embedder between conversations"
"""The name of the control that the embedder tells apart what is said in different words."""


def mixed_turns(
    members: Sequence[Sequence[int]], turns: int, rng: np.random.Generator
) -> list[list[int]]:
    """Return sequences of turns from different groups: for each, whose turn stands at each place.

    ``members`` holds the conversations of every group (a seed prompt), by number; there are as
    many sequences as conversations, each of ``turns`` numbers. A sequence goes round the groups in
    a random order, so that neighbors up to ``len(members) - 1`` turns apart come from different
    groups, and takes a random conversation of the group whose turn it is. Where groups are of one
    size every turn of every conversation is used once: the turns are shuffled at their number.

    >>> mixed_turns([[0], [1], [2]], 4, np.random.default_rng(0))
    [[2, 0, 1, 2], [0, 1, 2, 0], [1, 2, 0, 1]]
    """
    count = len(members)
    order = rng.permutation(count)
    shuffled = [[rng.permutation(members[group]) for group in order] for _ in range(turns)]
    return [
        [
            int(group[row // count % len(group)])
            for turn, groups in enumerate(shuffled)
            for group in (groups[(row + turn) % count],)
        ]
        for row in range(sum(map(len, members)))
    ]


@dataclass(frozen=True, kw_only=True)
class Mixed:
    """What the detector says of turns from different conversations, means over shuffles.

    ``incidence`` and ``rate`` are those of the shuffled sequences; the ``unsaid`` ones are of
    what only the embeddings call collapsed, where the words do not repeat. ``sequences`` counts
    those of one shuffle; ``left_out`` conditions have fewer than three seed prompts.
    """

    incidence: float = 0.0
    rate: float = 0.0
    unsaid_incidence: float = 0.0
    unsaid_rate: float = 0.0
    sequences: int = 0
    left_out: tuple[str, ...] = ()


def mix(
    conversations: Sequence[Conversation],
    vectors: Vectors,
    detectors: Detectors,
    *,
    shuffles: int = SHUFFLES,
    seed: int = 0,
) -> Mixed:
    """Return what the detector says of turns of different conversations of a condition.

    Over all conditions with enough seed prompts; ``vectors`` maps the id of a conversation to the
    embeddings of its turns.
    """
    rng = np.random.default_rng(seed)
    conditions: dict[str, dict[str, list[Conversation]]] = {}
    for one in conversations:
        of_condition = conditions.setdefault(one.condition, {})
        of_condition.setdefault(one.seed_prompt.id, []).append(one)
    enough = [list(seeds.values()) for seeds in conditions.values() if len(seeds) >= FEWEST]
    found = [
        _found(whose, vectors, detectors)
        for _ in range(shuffles)
        for seeds in enough
        for whose in _shuffled(seeds, rng)
    ]
    left_out = tuple(name for name, seeds in conditions.items() if len(seeds) < FEWEST)
    if not found:
        return Mixed(left_out=left_out)
    incidence, rate, unsaid_incidence, unsaid_rate = np.mean(found, axis=0).tolist()
    return Mixed(
        incidence=incidence,
        rate=rate,
        unsaid_incidence=unsaid_incidence,
        unsaid_rate=unsaid_rate,
        sequences=len(found) // shuffles,
        left_out=left_out,
    )


def _shuffled(
    seeds: Sequence[Sequence[Conversation]], rng: np.random.Generator
) -> list[list[Conversation]]:
    """Return sequences of conversations: whose turn stands at each number."""
    every = [one for of_seed in seeds for one in of_seed]
    numbers = iter(range(len(every)))
    members = [[next(numbers) for _ in of_seed] for of_seed in seeds]
    # Up to where all of them go: a turn that was not spoken has nothing to take its place.
    turns = min(len(one.turns) for one in every)
    return [[every[number] for number in row] for row in mixed_turns(members, turns, rng)]


def _found(
    whose: Sequence[Conversation], vectors: Vectors, detectors: Detectors
) -> tuple[float, float, float, float]:
    """Return incidence and rate of one sequence, and those of what its words do not say."""
    if not whose:
        return 0.0, 0.0, 0.0, 0.0
    found = detectors.by_meaning(
        np.stack([vectors[one.id][turn] for turn, one in enumerate(whose)])
    )
    if not found.any():
        return 0.0, 0.0, 0.0, 0.0
    said = detectors.by_words([one.turns[turn].text for turn, one in enumerate(whose)])
    return 1.0, float(found.mean()), float(not said.any()), float((found & ~said).mean())


def sameness_controls(
    mixed: Mixed, observed: float | None, *, of: Judged, claimed: bool
) -> tuple[Control, Control]:
    """Return what turns of different conversations show: the sameness, and the embedder's own.

    Both values are of the judged kind, incidence or rate, so that they compare with it.

    The sameness is a note where little collapse is claimed. As a floor it would make a verdict
    invalid as soon as it is above ``at_most``; but a model that falls into one stock phrase in
    every conversation has collapsed, and must be failed, not excused as noise. Shown, it can turn
    no verdict green, because what it finds is in the judged number too. Where collapse itself is
    ``claimed`` (``at_least``), it is a floor: sameness everywhere is no loop of a conversation.

    The second control is a floor in any case. Its value is the part of the first in which
    different words are called the same, which is the embedder's doing, or that of texts made after
    one pattern, and no repetition that anyone said.
    """
    if not mixed.sequences:
        told = (
            f"not measured: fewer than {FEWEST} seed prompts in {', '.join(mixed.left_out)}, and a "
            "turn would be compared with one of its own"
        )
        absent = Control(name=OTHERS, role="note", state="absent", words=told)
        return absent, Control(name=RESOLUTION, role="floor", state="absent", words=told)
    value = mixed.incidence if of == "incidence" else mixed.rate
    unsaid = mixed.unsaid_incidence if of == "incidence" else mixed.unsaid_rate
    told = _in_rows(of, value, observed)
    if observed is not None and observed > 0 and value >= observed / 2:
        told += "; at least half is sameness of all conversations, not a loop of one"
    if mixed.left_out:
        told += f"; without {', '.join(mixed.left_out)}: fewer than {FEWEST} seed prompts"
    rows = "rows of turns taken from different conversations"
    among = f"in {unsaid:.3f} of {rows}" if of == "incidence" else f"of {rows}, {unsaid:.3f} of the"
    words = f"{among} turns are called collapsed although their words do not repeat"
    role: Literal["floor", "note"] = "floor" if claimed else "note"
    return (
        Control(name=OTHERS, role=role, state="held", words=told, value=value),
        Control(name=RESOLUTION, role="floor", state="held", words=words, value=unsaid),
    )


def _in_rows(of: Judged, value: float, observed: float | None) -> str:
    """Return in words how rows of turns from everywhere collapse, and how conversations do."""
    rows = "turns taken from different conversations and put in a row"
    if of == "incidence":
        real = "" if observed is None else f"; the real conversations in {observed:.3f}"
        return f"{rows} collapse in {value:.3f} of rows{real}"
    real = "" if observed is None else f"; of those of the real conversations, {observed:.3f}"
    return f"of {rows}, {value:.3f} are collapsed{real}"
