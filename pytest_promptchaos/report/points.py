"""The numbers of a panel as rows of a table: what is drawn, for those who cannot see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_promptchaos.report.drawing import marked
from pytest_promptchaos.report.legible import number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_promptchaos.records import Curve
    from pytest_promptchaos.report.charts import Panel

NUMBERS = 80
"""Rows of a panel's table; of more points they are taken at equal distances."""


def columns(panel: Panel) -> list[str]:
    """Return what the columns of the panel's table of numbers are called."""
    if not panel.clouds:
        series = [curve.series or curve.y_label for curve in panel.curves]
        return [panel.curves[0].x_label, *series]
    curve = panel.clouds[0]
    return ["point", *(["series"] if _told_apart(panel) else []), curve.x_label, curve.y_label]


def point_rows(panel: Panel) -> list[tuple[str, ...]]:
    """Return the panel's numbers as rows of words under :func:`columns`.

    At most :data:`NUMBERS` rows: where there are more points, every second, third, ... of them,
    those of marked curves alone where there are any.
    """
    return _cloud_rows(panel) if panel.clouds else _line_rows(panel)


def _cloud_rows(panel: Panel) -> list[tuple[str, ...]]:
    every = [(curve, place) for curve in panel.pointed for place in range(len(curve.x))]
    told = _told_apart(panel)
    return [
        (
            curve.labels[place] if curve.labels else str(place + 1),
            *([curve.series] if told else []),
            number(curve.x[place]),
            _words(curve, place),
        )
        for curve, place in every[:: -(-len(every) // NUMBERS)]
    ]


def _told_apart(panel: Panel) -> bool:
    return len({curve.series for curve in panel.pointed}) > 1


def _line_rows(panel: Panel) -> list[tuple[str, ...]]:
    measured = [curve for curve in panel.curves if marked(curve)] or panel.curves
    every = sorted({x for curve in measured for x in curve.x})
    step = -(-len(every) // NUMBERS)
    places = [{x: place for place, x in enumerate(curve.x)} for curve in panel.curves]
    both = list(zip(panel.curves, places, strict=True))
    return [
        (_place(x, both), *(_words(curve, at.get(x)) for curve, at in both)) for x in every[::step]
    ]


def _place(x: float, both: Sequence[tuple[Curve, Mapping[float, int]]]) -> str:
    """Return the place on the x axis, with the part that a line's label puts it in."""
    parts = [curve.labels[at[x]] for curve, at in both if curve.labels and x in at]
    return f"{number(x)}, {parts[0]}" if parts else number(x)


def _words(curve: Curve, place: int | None) -> str:
    if place is None:
        return ""
    if not (curve.low and curve.high):
        return number(curve.y[place])
    return f"{number(curve.y[place])} [{number(curve.low[place])}, {number(curve.high[place])}]"
