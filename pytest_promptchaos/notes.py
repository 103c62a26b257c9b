"""What every check notes beside its guards: cleared settings, and rungs that were not run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_promptchaos.records import Control

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.booking import Subject
    from pytest_promptchaos.records import Neighborhood


def notes_on(model: Subject, neighborhoods: Sequence[Neighborhood]) -> tuple[Control, ...]:
    """Return what was cleared of the generation settings, and every rung without neighbors."""
    return (*_generation_note(model), *_unavailable(neighborhoods))


def _generation_note(model: Subject) -> tuple[Control, ...]:
    words = "; ".join(model.identity.notes) or "nothing to clear: the checkpoint asks for none"
    return (Control(name="generation settings", role="note", state="held", words=words),)


def _unavailable(neighborhoods: Sequence[Neighborhood]) -> tuple[Control, ...]:
    told: dict[str, list[str]] = {}
    for built in neighborhoods:
        for rung, why in built.unavailable:
            told.setdefault(f"{rung}: {why}", []).append(built.center.id)
    return tuple(
        Control(name="rung not run", role="note", state="absent", words=f"{why} ({', '.join(ids)})")
        for why, ids in told.items()
    )
