"""The parts of a model beneath a line through its depth: shaded places, each with its name."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import altair as alt

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_promptchaos.records import Curve

PARTS = "parts"
MOST = 6
"""More runs of one label than this are no parts of a model, and are not shaded."""
ABOVE = -4
"""Pixels: how far above the picture the name of a part stands, and of the next one."""
APART = 16
SHADE = "#8d96a2"
"""Neither the grid's grey nor a colour of the series; it is pale on either ground."""


def parted(curve: Curve) -> bool:
    """Return whether the line's labels name parts: few runs of places with one label each."""
    runs = sum(1 for _ in groupby(curve.labels))
    return curve.mark == "line" and 0 < runs <= MOST and runs < max(2, len(curve.labels))


def part_rows(curves: Iterable[Curve]) -> list[dict[str, object]]:
    """Return where every part begins and ends on the x axis, half way to the neighboring places."""
    curve = next(filter(parted, curves), None)
    if curve is None:
        return []
    rows: list[dict[str, object]] = []
    for name, places in groupby(range(len(curve.x)), key=lambda place: curve.labels[place]):
        first, *rest = places
        last = rest[-1] if rest else first
        start, end = _between(curve.x, first - 1), _between(curve.x, last)
        middle = (start + end) / 2
        words = " ".join(name.split())
        odd = len(rows) % 2
        rows.append({"start": start, "end": end, "middle": middle, "words": words, "odd": odd})
    return rows


def _between(x: Sequence[float], place: int) -> float:
    """Return the middle between a place and the next one; the ends of the axis at its ends."""
    if place < 0 or place + 1 >= len(x):
        return x[max(0, min(place, len(x) - 1))]
    return (x[place] + x[place + 1]) / 2


def shades(letters: int, colour: str) -> Sequence[alt.Chart]:
    """Return the layers under the lines: every second part shaded, a rule between, the names.

    Names stand above the picture in two rows by turns: a projector is one place wide.
    """
    parts = alt.Chart(alt.NamedData(name=PARTS))
    along = alt.X("start:Q")
    shaded = parts.transform_filter("datum.odd").encode(x=along, x2="end:Q")
    rules = parts.encode(x=along)
    names = parts.encode(x=alt.X("middle:Q"), text="words:N")
    rows = ("!datum.odd", ABOVE), ("datum.odd", ABOVE - APART)
    return (
        shaded.mark_rect(color=SHADE, opacity=0.22, aria=False),
        rules.mark_rule(color=colour, strokeDash=[2, 3], aria=False),
        *(
            names.transform_filter(which).mark_text(
                y=height, color=colour, fontSize=letters, baseline="bottom", aria=False
            )
            for which, height in rows
        ),
    )
