"""The failing edits of earlier runs, kept in the evidence store to be tried first.

They are kept by the system and not by its weights: a model that was mended or trained on is just
the one to try them on, while its int8 copy has failures of its own. Nothing is believed of them:
each is run and seen again. What this very run found is left alone, because no result may depend on
which test came first, nor on the worker that it ran in.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING, Any

from pytest_promptchaos.errors import StoreError
from pytest_promptchaos.neighborhoods.edits import Edit
from pytest_promptchaos.records import address

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_promptchaos.booking import Subject
    from pytest_promptchaos.records import Rung
    from pytest_promptchaos.search.trials import Trials
    from pytest_promptchaos.session import Session

KIND = "failing_edit"
NEWEST = 8
"""How many of them are tried, so that they cannot eat the budget."""
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"
"""As a session's id begins."""


@dataclass(frozen=True)
class FailingEdit:
    """What a search found: the single edits of its worst neighbor, and of the smallest."""

    worst: tuple[Edit, ...]
    smallest: tuple[Edit, ...]
    minimal: bool


@dataclass(frozen=True, kw_only=True)
class Finder:
    """Who found an edit: the moment, the session, and pytest-xdist's run and worker, if any."""

    moment: str
    session: str
    run: str
    worker: str

    def before(self, session: Session) -> bool:
        """Return whether this was another run, and over when ``session`` began."""
        here = _finder(session)
        another_worker = bool(self.run) and self.run == here.run and self.worker != here.worker
        if self.session == here.session or another_worker:
            return False
        # A session's id begins with the moment at which it began.
        return self.moment <= session.id[: len(self.moment)]


def failing_edits(trials: Trials, rungs: Sequence[Rung]) -> list[FailingEdit]:
    """Return what earlier runs found around this prompt on these rungs, the newest first."""
    found = [
        one
        for one, finder in _stored(trials)
        if finder.before(trials.session)
        and all(edit.rung in rungs for edit in (*one.worst, *one.smallest))
    ]
    return found[: -NEWEST - 1 : -1]


def remember(trials: Trials, found: FailingEdit) -> None:
    """Keep a failing edit for the next run, unless it is kept already."""
    session = trials.session
    finder = _finder(session)
    known = list(_stored(trials))
    if any(one.smallest == found.smallest for one, _ in known):
        return
    plain = {"found": asdict(found), "finder": asdict(finder)}
    try:
        for number in count(len(known)):
            session.store.put(_address(trials, number), KIND, plain, {})
            # Another worker may have taken the number: the store keeps what came first.
            if _at(trials, number) in {(found, finder), None}:
                return
    except StoreError as error:
        session.unstored.append(str(error))


def _stored(trials: Trials) -> Iterator[tuple[FailingEdit, Finder]]:
    """Yield the kept edits, oldest first; the store is append-only, so they are numbered."""
    for number in count():
        one = _at(trials, number)
        if one is None:
            return
        yield one


def _at(trials: Trials, number: int) -> tuple[FailingEdit, Finder] | None:
    evidence = trials.session.store.get(_address(trials, number))
    if evidence is None:
        return None
    plain: dict[str, Any] = dict(evidence.plain)
    found = plain["found"]
    edit = FailingEdit(
        worst=tuple(Edit(**edit) for edit in found["worst"]),
        smallest=tuple(Edit(**edit) for edit in found["smallest"]),
        minimal=found["minimal"],
    )
    return edit, Finder(**plain["finder"])


def _finder(session: Session) -> Finder:
    return Finder(
        moment=f"{datetime.now(UTC):{_MOMENT}}",
        session=session.id,
        run=os.environ.get("PYTEST_XDIST_TESTRUNUID", ""),
        worker=os.environ.get("PYTEST_XDIST_WORKER", ""),
    )


def _address(trials: Trials, number: int) -> str:
    turns = [[message.role, message.content] for message in trials.center.messages]
    where = {"messages": turns, "target": trials.place.index}
    return address(f"{KIND}/2", system=_system(trials.model), **where, number=number)


def _system(model: Subject) -> list[str]:
    """Return what tells a system from others of the same files, and a trained one from none."""
    who = model.identity
    options = [who.dtype, who.quantization, who.thinking, who.attention, who.device]
    return [model.pin.text, *options]
