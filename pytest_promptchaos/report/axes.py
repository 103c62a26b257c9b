"""What stands next to the judged number: the other axis, and the same at other lengths."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_promptchaos.records import Measurement, Verdict

RESPONSES = ("response to a changed meaning", "responsiveness")
"""The axis beside stability: how far a changed meaning moves the answers."""
STABILITY = ("semantic distance", "token edit distance")
"""What a verdict on the response has beside it, the first that was measured."""
TOGETHER = {"flip_rate": "ideal_share", "ideal_share": "flip_rate"}
"""Of answers to propositions, what is never read without the other."""
AT_LENGTH = re.compile(r"(?P<name>.+) at (?P<tokens>\d+) tokens")


@dataclass(frozen=True, kw_only=True)
class LengthRow:
    """One measurement at every length that was compared; absent where it was not taken there."""

    name: str
    cells: tuple[Measurement | None, ...]


@dataclass(frozen=True, kw_only=True)
class LengthTable:
    """Measurements by output length: one column per number of tokens."""

    lengths: tuple[int, ...]
    judged: int | None
    rows: tuple[LengthRow, ...]


def other_axis(verdict: Verdict) -> Measurement | None:
    """Return the response beside a stability, the stability beside a response, or nothing.

    A model that answers everything alike is stable, so neither number is read alone; nor is a low
    flip rate without the share of samples that rest on what is shown.
    """
    judged = verdict.measurement.name
    axis = STABILITY if judged in RESPONSES else RESPONSES
    wanted = (TOGETHER[judged],) if judged in TOGETHER else axis
    found = {one.name: one for one in verdict.also}
    return next((found[name] for name in wanted if name in found), None)


def length_table(verdict: Verdict) -> LengthTable | None:
    """Return what was measured at several output lengths, the judged number among it."""
    found: dict[str, dict[int, Measurement]] = {}
    for name, tokens, one in _by_length(verdict):
        found.setdefault(name, {})[tokens] = one
    if not found:
        return None
    judged = verdict.settings.get("horizon")
    judged = judged if isinstance(judged, int) and verdict.measurement.name in found else None
    if judged is not None:
        found[verdict.measurement.name].setdefault(judged, verdict.measurement)
    lengths = tuple(sorted({tokens for row in found.values() for tokens in row}))
    return LengthTable(
        lengths=lengths,
        judged=judged,
        rows=tuple(
            LengthRow(name=name, cells=tuple(row.get(tokens) for tokens in lengths))
            for name, row in found.items()
        ),
    )


def _by_length(verdict: Verdict) -> Iterator[tuple[str, int, Measurement]]:
    for one in verdict.also:
        if told := AT_LENGTH.fullmatch(one.name):
            yield told["name"], int(told["tokens"]), one
