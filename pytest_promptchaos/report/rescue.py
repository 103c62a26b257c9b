"""A rescue map as a shaded table: where one run's inner state brings back its choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_promptchaos.report.legible import number, plural

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_promptchaos.records import RescueMap

SHADES = 8
READINGS: Mapping[str, str] = {
    "center into neighbor": "The center's state put into the neighbor's run: 1 brings back the "
    "center's token, 0 changes nothing.",
    "neighbor into center": "The neighbor's state put into the center's run: 1 brings about the "
    "neighbor's token, 0 changes nothing.",
}


@dataclass(frozen=True, kw_only=True)
class RescueCell:
    """One patch: the share of the choice that it restores, 0 to 8 as a shade.

    ``beats`` says that it is above what random donors reach.
    """

    value: str
    shade: int
    beats: bool


@dataclass(frozen=True, kw_only=True)
class RescueRow:
    """One layer with a cell per place."""

    layer: str
    cells: tuple[RescueCell, ...]


@dataclass(frozen=True, kw_only=True)
class RescueTable:
    """One direction of patching; without rows ``reason`` says why."""

    direction: str
    reading: str
    places: tuple[str, ...]
    rows: tuple[RescueRow, ...]
    words: str
    reason: str


def rescue_table(found: RescueMap) -> RescueTable:
    """Return the map as a table, layers from the first to the last."""
    threshold = found.threshold
    rows = zip(found.layers, found.rescue, strict=False)
    return RescueTable(
        direction=found.direction,
        reading=READINGS[found.direction],
        places=found.places,
        rows=tuple(
            RescueRow(layer=layer, cells=tuple(_cell(value, threshold) for value in values))
            for layer, values in rows
        ),
        words=_words(found),
        reason=found.reason,
    )


def _cell(value: float, threshold: float | None) -> RescueCell:
    shade = round(SHADES * min(1.0, max(0.0, value)))
    beats = threshold is not None and value > threshold
    return RescueCell(value=f"{value:.2f}", shade=shade, beats=beats)


def _words(found: RescueMap) -> str:
    """Return the largest rescue, and how it compares with random donors."""
    cells = [
        (value, layer, place)
        for layer, values in zip(found.layers, found.rescue, strict=False)
        for place, value in zip(found.places, values, strict=False)
    ]
    if not cells:
        return ""
    value, layer, place = max(cells, key=lambda cell: cell[0])
    largest = f"Largest: {number(value)} at {layer}, {place}."
    if found.threshold is None:
        return f"{largest} No null of random donors was run, so that no cell is outlined."
    beating = sum(one > found.threshold for one, _, _ in cells)
    donors = plural(len(found.null), "random donor")
    bar = f"{number(found.threshold)}, the 95 % quantile of the largest rescue of {donors}"
    verb = "is" if beating == 1 else "are"
    return f"{largest} {beating} of {plural(len(cells), 'cell')} {verb} above {bar}."
