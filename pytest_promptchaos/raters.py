"""How far the detector and the raters agree, and the raters among themselves.

Labels are of whole conversations or of single turns, and the two are never mixed. Agreement of
the detector with raters is one thing and agreement among raters another: each has its own kind.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

from pytest_promptchaos.errors import TableError
from pytest_promptchaos.label_files import Labels, read_labels, some, written
from pytest_promptchaos.measure.agreement import agreement

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Literal

    from pytest_promptchaos.label_files import Thing
    from pytest_promptchaos.records import Agreement, Timeline

__all__ = ["Labels", "agreements_of", "consensus", "read_labels"]

DETECTOR, CONSENSUS = "detector", "consensus of raters"


class _Said(NamedTuple):
    """Who says what of which things."""

    name: str
    of: Mapping[Thing, bool]


def agreements_of(labels: Labels, timelines: Sequence[Timeline]) -> tuple[Agreement, ...]:
    """Return how far the detector agrees with every rater, and how far the raters among themselves.

    First the detector against each rater and, of several, against their consensus (what more than
    half of at least two of them say; ties are left out and counted), kind ``detector and
    labels``; then every pair of raters over all that both labeled, kind ``raters``. Conversations
    and turns apart. Intervals are clustered by seed prompt. The words count what has no partner.
    Raises ``TableError`` where two timelines are of one conversation.
    """
    found: list[Agreement] = []
    for things in ("conversations", "turns"):
        raters = _raters(labels, of_turns=things == "turns")
        if raters:
            seen = _Said(DETECTOR, _detected(timelines, of_turns=things == "turns"))
            found += _with_detector(seen, raters, things, labels.unreadable)
    for things in ("conversations", "turns"):
        for pair in combinations(_raters(labels, of_turns=things == "turns"), 2):
            found.append(_agreement("raters", *pair, things))
    return tuple(found)


def _raters(labels: Labels, *, of_turns: bool) -> list[_Said]:
    """Return what every rater says of conversations, or of turns, raters in order of names."""
    said: dict[str, dict[Thing, bool]] = {}
    for label in labels.labels:
        if (label.turn is not None) is of_turns:
            said.setdefault(label.rater, {})[label.thing] = label.collapsed
    return [_Said(name, said[name]) for name in sorted(said)]


def _detected(timelines: Sequence[Timeline], *, of_turns: bool) -> dict[Thing, bool]:
    """Return what the judged detector says of every conversation, or of every turn of it."""
    once: set[Thing] = set()
    found: dict[Thing, bool] = {}
    for one in timelines:
        whole: Thing = (one.condition, one.seed_id, one.repeat, None)
        if whole in once:
            raise TableError(
                f"two timelines are of {written(whole)}: give every group of speakers a "
                "condition of its own"
            )
        once.add(whole)
        if of_turns:
            found |= {(*whole[:3], turn): hit for turn, hit in enumerate(one.collapsed, start=1)}
        elif one.turns:
            found[whole] = one.first is not None
    return found


def _with_detector(
    detector: _Said, raters: Sequence[_Said], things: str, unreadable: Sequence[str]
) -> Iterator[Agreement]:
    """Yield the agreement of the detector with every rater, then with what most of them say."""
    lost = f"{len(unreadable):,} labels cannot be read ({some(unreadable)})." if unreadable else ""
    for rater in raters:
        yield _agreement("detector and labels", detector, rater, things, lost)
    if len(raters) > 1:
        agreed, ties = consensus({rater.name: rater.of for rater in raters})
        told = some([written(thing) for thing in ties])
        split = f"{len(ties):,} {things} are left out, the raters being split ({told})."
        notes = (split if ties else "", lost)
        yield _agreement("detector and labels", detector, _Said(CONSENSUS, agreed), things, *notes)


def consensus(said: Mapping[str, Mapping[Thing, bool]]) -> tuple[dict[Thing, bool], list[Thing]]:
    """Return what more than half of at least two raters say of a thing, and where they are split.

    >>> thing = ("HOMO_A", "planning_0", 0, None)
    >>> consensus({"x": {thing: True}, "y": {thing: False}, "z": {thing: True}})
    ({('HOMO_A', 'planning_0', 0, None): True}, [])
    """
    votes: dict[Thing, list[bool]] = {}
    for own in said.values():
        for thing, collapsed in own.items():
            votes.setdefault(thing, []).append(collapsed)
    shared = {thing: cast for thing, cast in votes.items() if len(cast) > 1}
    ties = [thing for thing, cast in shared.items() if 2 * sum(cast) == len(cast)]
    most = {thing: 2 * sum(cast) > len(cast) for thing, cast in shared.items()}
    for thing in ties:
        del most[thing]
    return most, ties


def _agreement(
    kind: Literal["detector and labels", "raters"],
    first: _Said,
    second: _Said,
    things: str,
    *notes: str,
) -> Agreement:
    """Return the agreement over what both label, clustered by seed prompt."""
    both = [thing for thing in first.of if thing in second.of]
    told = (_alone(first, second, things), _alone(second, first, things), *notes)
    return agreement(
        kind,
        first.name,
        second.name,
        [first.of[thing] for thing in both],
        [second.of[thing] for thing in both],
        clusters=[seed_id for _, seed_id, _, _ in both],
        things=things,
        note=" ".join(filter(None, told)),
    )


def _alone(one: _Said, other: _Said, things: str) -> str:
    """Return in words what one labels and the other does not; empty where there is nothing."""
    alone = [written(thing) for thing in one.of if thing not in other.of]
    if not alone:
        return ""
    counted = f"{len(alone):,} of {len(one.of):,} {things} of {one.name}"
    return f"{counted} have no label of {other.name} ({some(alone)})."
