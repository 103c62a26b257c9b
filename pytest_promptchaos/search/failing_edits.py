"""The failing edits of earlier searches, kept in the evidence store to be tried first.

They are kept by the model's pin, not by its weights: a model that was mended or trained on is
just the one to try them on. Nothing is believed of them: each is run and seen again.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

from pytest_promptchaos.errors import StoreError
from pytest_promptchaos.neighborhoods.edits import Edit
from pytest_promptchaos.records import address

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_promptchaos.records import Rung
    from pytest_promptchaos.search.trials import Trials

KIND = "failing_edit"
NEWEST = 8
"""How many of them are tried, so that they cannot eat the budget."""


@dataclass(frozen=True)
class FailingEdit:
    """What a search found: the single edits of its worst neighbor, and of the smallest."""

    worst: tuple[Edit, ...]
    smallest: tuple[Edit, ...]
    minimal: bool


def failing_edits(trials: Trials, rungs: Sequence[Rung]) -> list[FailingEdit]:
    """Return what earlier searches found around this prompt on these rungs, the newest first."""
    found = [
        one
        for one in _stored(trials)
        if all(edit.rung in rungs for edit in (*one.worst, *one.smallest))
    ]
    return found[: -NEWEST - 1 : -1]


def remember(trials: Trials, found: FailingEdit) -> None:
    """Keep a failing edit for the next search, unless it is kept already."""
    known = list(_stored(trials))
    if any(one.smallest == found.smallest for one in known):
        return
    session = trials.session
    try:
        session.store.put(_address(trials, len(known)), KIND, asdict(found), {})
    except StoreError as error:
        session.unstored.append(str(error))


def _stored(trials: Trials) -> Iterator[FailingEdit]:
    """Yield the kept edits, oldest first; the store is append-only, so they are numbered."""
    for number in count():
        evidence = trials.session.store.get(_address(trials, number))
        if evidence is None:
            return
        plain: dict[str, Any] = dict(evidence.plain)
        yield FailingEdit(
            worst=tuple(Edit(**edit) for edit in plain["worst"]),
            smallest=tuple(Edit(**edit) for edit in plain["smallest"]),
            minimal=plain["minimal"],
        )


def _address(trials: Trials, number: int) -> str:
    turns = [[message.role, message.content] for message in trials.center.messages]
    where = {"model": trials.model.pin.text, "messages": turns, "target": trials.place.index}
    return address(f"{KIND}/1", **where, number=number)
