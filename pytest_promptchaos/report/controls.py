"""The controls of a report: what guarded which system, those that failed first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_promptchaos.report.labels import compared_systems

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.records import Control
    from pytest_promptchaos.report.overview import Judged

ORDER = ("failed", "absent", "held")
"""The states, what a reader needs first."""


@dataclass(frozen=True, kw_only=True)
class ControlTally:
    """One control over all verdicts of a model, or of models on which it went alike.

    ``words`` are those of the worst.
    """

    name: str
    models: tuple[str, ...]
    noted: int
    held: int
    failed: int
    absent: int
    words: str


def control_of(one: Judged, control: Control) -> tuple[str, str]:
    """Return what the control is called and which system it guards.

    A comparison holds the controls of several systems, each with its system behind its name.
    """
    for system in compared_systems(one.verdict):
        if control.name.endswith(f", {system}"):
            return control.name.removesuffix(f", {system}"), system
    return control.name, one.model


def control_tallies(verdicts: Sequence[Judged]) -> tuple[ControlTally, ...]:
    """Return every control with the models on which it went alike, those that failed first.

    The control of a system that several verdicts of one test share was run once, and counts so.
    """
    found: dict[tuple[str, str, str], list[Control]] = {}
    seen: set[tuple[str, str, Control]] = set()
    for one in verdicts:
        for control in one.verdict.controls:
            name, model = control_of(one, control)
            shared = (one.record.node_id, model, control)
            if name != control.name and shared in seen:
                continue
            seen.add(shared)
            # A note says something of its own each time: no other note stands for it.
            own = control.words if control.role == "note" else ""
            found.setdefault((name, model, own), []).append(control)
    alike: dict[ControlTally, list[str]] = {}
    for (name, model, _), controls in found.items():
        alike.setdefault(_tally(name, controls), []).append(model)
    tallies = [replace(one, models=tuple(models)) for one, models in alike.items()]
    return tuple(sorted(tallies, key=lambda one: (not one.failed, one.name, one.models)))


def _tally(name: str, controls: Sequence[Control]) -> ControlTally:
    states = Counter(control.state for control in controls)
    worst = min(controls, key=_rank)
    noted = worst.role == "note"
    return ControlTally(
        name=name,
        models=(),
        noted=states["held"] if noted else 0,
        held=0 if noted else states["held"],
        failed=states["failed"],
        absent=states["absent"],
        words=worst.words,
    )


def _rank(control: Control) -> tuple[int, float]:
    """Return how far from the worst: a floor is the worse the higher, a detection the lower."""
    value = control.value or 0.0
    return ORDER.index(control.state), value if control.role == "detection" else -value
