"""What the columns of a table say of its conversations, and where they contradict each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.errors import ArgumentError, TableError
from pytest_promptchaos.measure.sensitivity import FIRST
from pytest_promptchaos.measure.tables import column_named, numbers, row_named

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_promptchaos.measure.tables import Columns
    from pytest_promptchaos.records import BridgePlan

RATE, INCIDENCE = "collapse_rate", "has_collapse"
SHORT = "conversations that stopped early"
"""The exclusion that every table with turns made and turns asked for has by itself."""


def own_columns(cells: Columns, plan: BridgePlan) -> dict[str, str]:
    """Return the names that a plan's hypotheses use -> the columns of the table that they ask for.

    Raises ``TableError`` for a column that is not there, and ``ArgumentError`` for a hypothesis of
    a column with itself, which two names of one column hide.
    """
    found = {}
    for one in plan.hypotheses:
        for name in (one.predictor, one.outcome):
            try:
                found[name] = column_named(cells, name)
            except TableError as error:
                raise TableError(f"{error}{_elsewhere(cells, plan)}") from error
        if found[one.predictor] == found[one.outcome]:
            raise ArgumentError(
                f"{one.name}: both are the column {found[one.outcome]!r}, and what is held against "
                "itself always goes with itself: name two columns"
            )
    return found


def _elsewhere(cells: Columns, plan: BridgePlan) -> str:
    """Return what is said where a table has one side of every hypothesis and nothing of the other.

    That is a file of depth features without that of collapses, or the other way round.
    """
    sides = [{one.predictor for one in plan.hypotheses}, {one.outcome for one in plan.hypotheses}]
    here = [[_is_there(cells, name) for name in side] for side in sides]
    if not any(all(a) and not any(b) for a, b in (here, here[::-1])):
        return ""
    kind = "outcomes" if all(here[0]) else "depth features"
    return (
        f"; it has none of the {kind}: where they are in a second file, name the second file "
        "(promptchaos bridge DEPTH.csv COLLAPSE.csv), or pass both as a pair"
    )


def _is_there(cells: Columns, name: str) -> bool:
    try:
        column_named(cells, name)
    except TableError:
        return False
    return True


def check_agrees(cells: Columns, plan: BridgePlan) -> None:
    """Raise ``TableError`` where a plan asks for collapses, and columns contradict each other."""
    if not {FIRST, INCIDENCE, RATE} & {one.outcome for one in plan.hypotheses}:
        return
    first = numbers(cells, FIRST) if FIRST in cells else None
    if first is not None:
        _check_turns(cells, first)
    if INCIDENCE not in cells:
        return
    said = numbers(cells, INCIDENCE)
    known = ~np.isnan(said)
    if first is not None:
        _check_alike(cells, FIRST, known & ((said > 0) == np.isnan(first)))
    if RATE in cells:
        rate = numbers(cells, RATE)
        _check_alike(cells, RATE, known & ~np.isnan(rate) & ((said > 0) != (rate > 0)))


def _check_turns(cells: Columns, first: NDArray[np.float64]) -> None:
    """Raise ``TableError`` for a first turn that is no turn of its conversation."""
    odd = np.flatnonzero(np.isinf(first) | (first < 1))
    if len(odd):
        place = int(odd[0])
        raise TableError(
            f"column {FIRST!r}, {row_named(cells, place)}: {cells[FIRST][place]!r} is no turn: "
            "turns count from 1, and a conversation that never collapsed has an empty cell"
        )
    name = next((one for one in ("total_turns", "max_turns") if one in cells), None)
    odd = np.flatnonzero(first > numbers(cells, name)) if name else odd
    if len(odd):
        place = int(odd[0])
        raise TableError(
            f"{row_named(cells, place)}: {FIRST} is {cells[FIRST][place]!r} and {name} is "
            f"{cells[str(name)][place]!r}, in {len(odd):,} of {len(first):,} rows: a conversation "
            "collapses in one of its turns, and one that never did has an empty cell"
        )


def _check_alike(cells: Columns, name: str, contradicts: NDArray[np.bool_]) -> None:
    """Raise ``TableError`` where a column says that a conversation collapsed and one does not."""
    odd = np.flatnonzero(contradicts)
    if len(odd):
        place = int(odd[0])
        raise TableError(
            f"{row_named(cells, place)}: {INCIDENCE} is {cells[INCIDENCE][place]!r} and {name} is "
            f"{cells[name][place]!r}, in {len(odd):,} of {len(contradicts):,} rows: one of the two "
            "columns is wrong"
        )


def stopped_early(cells: Columns) -> NDArray[np.bool_]:
    """Return which conversations (n,) made fewer turns than were asked; none of an unknown length.

    Their rate is over fewer turns, and their first collapse had fewer to come in.
    """
    if not {"total_turns", "max_turns"} <= set(cells):
        return np.zeros(len(next(iter(cells.values()))), dtype=bool)
    return numbers(cells, "total_turns") < numbers(cells, "max_turns")


def ended_early(early: NDArray[np.bool_]) -> str:
    """Return what is said of those that never collapsed and (n,) stopped early; empty for none."""
    return f"; {int(early.sum()):,} of them ended before max_turns" if early.any() else ""


def short_words(short: NDArray[np.bool_]) -> list[str]:
    """Return in words how many conversations (n,) stopped early; nothing where none did."""
    if not short.any():
        return []
    return [
        f"{int(short.sum()):,} of {len(short):,} conversations stopped early, before max_turns: "
        "rho without them stands among the other handlings"
    ]
