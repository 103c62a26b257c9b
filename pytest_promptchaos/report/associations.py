"""A scatter per hypothesis: points by stratum with a line through each, one legend for all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_promptchaos.report.bridges import alone
from pytest_promptchaos.report.charts import CLOUD, CLOUDS, Figure, key_of, panel_of
from pytest_promptchaos.report.drawing import SERIES, chart
from pytest_promptchaos.report.legible import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.records import Association, Bridge, Curve
    from pytest_promptchaos.report.charts import Panel

SCATTERS = 18
"""Pictures of all bridges together, at 0.1 s each."""


def scatters(bridges: Sequence[Bridge]) -> dict[Bridge, Figure]:
    """Return a figure per bridge that has points, a panel per hypothesis.

    At most :data:`SCATTERS` hypotheses are drawn in all, and six strata in each: first those of
    bridges over several strata, because only they show what is between and what is inside. The
    curves that are left out are counted, and a figure may have no panel left.
    """
    drawn = [one for bridge in bridges for one in bridge.associations if one.curves][:SCATTERS]
    room = min(CLOUD, CLOUDS // max(1, len(drawn)))
    left, found = SCATTERS, {}
    for bridge in sorted(bridges, key=alone):
        asked = [one for one in bridge.associations if one.curves]
        if asked:
            found[bridge] = _figure(bridge, asked, asked[:left], room)
            left -= len(asked[:left])
    return found


def _figure(
    bridge: Bridge, asked: Sequence[Association], shown: Sequence[Association], room: int
) -> Figure:
    every = [curve for one in asked for curve in one.curves]
    series = tuple(dict.fromkeys(curve.series for curve in every))[: len(SERIES)]
    panels = [_panel(one, series, room) for one in shown]
    drawn = [curve for panel in panels for curve in panel.curves]
    return Figure(
        kind=(bridge.name, "", ""),
        name=bridge.name,
        legend=tuple(key_of(name, drawn) for name in series if drawn),
        wide=True,
        panels=tuple(panels),
        left_out=len(every) - len(drawn),
    )


def _panel(one: Association, series: Sequence[str], room: int) -> Panel:
    curves: list[Curve] = [curve for curve in one.curves if curve.series in series]
    title = one_line(f"{one.hypothesis.name}: {one.standing}")
    specification = chart(curves, series=series).to_dict()
    return panel_of(specification, title, curves, series=series, room=room)
