"""Curves of one figure as static SVG, from one altair specification, no script.

Measured for this choice: the interactive bundle weighs 0.9 MB and takes 3 s to build, a static
picture 5 to 15 kB and 0.1 s. Hovering a point still shows its numbers (an SVG ``title``), the
numbers stand in a table beside the picture, and the page can forbid scripts altogether. Colours
are sentinels: the page's style sheet maps each to its light or dark twin.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import altair as alt
import vl_convert

from pytest_promptchaos.report.legible import number, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_promptchaos.records import Curve

SERIES = (
    ("#2457c5", "#86abff"),
    ("#b4510f", "#f0a163"),
    ("#11795a", "#5cc9a1"),
    ("#8d3bad", "#d19ff0"),
    ("#b0215e", "#f58fb6"),
    ("#4d5b6b", "#a9b6c4"),
)
"""Colours of the series, (light, dark); each has 3:1 contrast or more on its background."""

DASHES = ([1, 0], [7, 3], [2, 3], [9, 3, 2, 3], [4, 2], [1, 2])
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
"""Colour is never the only carrier: every series has its own dash and its own point too."""

POINTS = (
    "M13 6a4 4 0 1 0 8 0a4 4 0 1 0 -8 0",
    "M13.5 2.5h7v7h-7Z",
    "M17 2L21.5 10H12.5Z",
    "M17 1L22 6L17 11L12 6Z",
    "M15.5 1.5h3v3h3v3h-3v3h-3v-3h-3v-3h3Z",
    "M17 10L21.5 2H12.5Z",
)
"""The shapes again as paths for the page's legend, centred on (17, 6)."""

MARKED = 60
"""A line of more points than this has no marks: they would touch, at 200 bytes each."""
DENSE = 30
"""From so many points on, marks are small, or neighbors would touch in a narrow picture."""
THEORY = "theory"
"""A series with this word in its name was computed, not measured: it has no marks either."""

TEXT, LINE = "#5a616b", "#dde1e6"
SIZE, WIDE = (270, 165, 11), (430, 190, 13)
"""Width, height and letters in pixels; letters of a wide picture stay legible on a phone."""
CURVES, ZERO = "curves", "zero"
SVG = "http://www.w3.org/2000/svg"
COORDINATE = re.compile(r"-?\d+\.\d+")


def marked(curve: Curve) -> bool:
    """Return whether every point of the curve gets a mark and its numbers on hovering."""
    return len(curve.x) <= MARKED and THEORY not in curve.series.split()


def wide(curves: Iterable[Curve]) -> bool:
    """Return whether the curves need a wide picture: one has more points than can be marked."""
    return any(len(curve.x) > MARKED for curve in curves)


def logarithmic(curve: Curve) -> bool:
    """Return whether zero means nothing on the curve's y axis: it is a log10 of a positive number.

    The label tells, not the data: a network that contracts everywhere has negative growth only,
    and zero is the line that it is read against; a log10 distance may well rise above 1.
    """
    return "log10" in curve.y_label


def picture(
    specification: dict[str, object], curves: Sequence[Curve], *, series: Sequence[str], label: str
) -> str:
    """Return the curves as one SVG element under a chart's specification, with a spoken label."""
    rows = [row for place, curve in enumerate(curves) for row in _rows(curve, place, series)]
    datasets = {CURVES: rows, ZERO: [{"y": 0}]}
    document = vl_convert.vegalite_to_svg({**specification, "datasets": datasets})
    return _embeddable(str(document), one_line(label))


def chart(curves: Sequence[Curve], *, series: Sequence[str]) -> alt.LayerChart:
    """Return the altair chart that fits the curves: a line with points each, bands behind.

    It holds scales and titles, not the numbers: altair takes seconds to copy those, and panels
    of one figure share a chart. ``series`` orders colours, so that a name keeps its own.
    """
    y = alt.Y("y:Q", title=one_line(curves[0].y_label), scale=_vertical(curves))
    x_scale = alt.Scale(zero=False, nice=not wide(curves))
    axes = alt.Chart(alt.NamedData(name=CURVES)).encode(
        x=alt.X("x:Q", title=one_line(curves[0].x_label), axis=_axis(curves), scale=x_scale),
        y=y,
        color=alt.Color("series:O", scale=_scale(series, [light for light, _ in SERIES])),
        detail="curve:N",
    )
    zero = alt.Chart(alt.NamedData(name=ZERO)).mark_rule(color=TEXT, aria=False).encode(y=y)
    band = axes.transform_filter("isValid(datum.low)").transform_calculate(y="datum.low")
    line = axes.mark_line(strokeWidth=1.5 if wide(curves) else 2, aria=False)
    # Spoken marks would put the titles into vega expressions; only points speak, by a data field.
    point = axes.transform_filter("isValid(datum.words)").mark_point(
        filled=True, size=_size(curves), opacity=1
    )
    layers = [
        band.mark_area(opacity=0.16, aria=False).encode(y2="high:Q"),
        line.encode(strokeDash=alt.StrokeDash("series:O", scale=_scale(series, DASHES))),
        point.encode(
            shape=alt.Shape("series:O", scale=_scale(series, SHAPES)), description="words:N"
        ),
    ]
    layers[:0] = [] if all(map(logarithmic, curves)) else [zero]
    return _styled(layers, WIDE if wide(curves) else SIZE)


def _size(curves: Iterable[Curve]) -> int:
    points = max((len(curve.x) for curve in curves if marked(curve)), default=0)
    return 30 if points <= DENSE else 14


def _vertical(curves: Iterable[Curve]) -> alt.Scale:
    heights = [value for curve in curves for value in (*curve.y, *curve.low, *curve.high)]
    heights += [] if all(map(logarithmic, curves)) else [0.0]
    return alt.Scale(domain=[min(heights), max(heights)], nice=True)


def _scale(series: Sequence[str], values: Sequence[Any]) -> alt.Scale:
    return alt.Scale(domain=list(range(len(series))), range=list(values[: len(series)]))


def _axis(curves: Iterable[Curve]) -> alt.Axis:
    whole = all(float(x).is_integer() for curve in curves for x in curve.x)
    return alt.Axis(tickMinStep=1 if whole else 0, tickCount=8, labelFlush=False)


def _styled(layers: Sequence[alt.Chart], size: tuple[int, int, int]) -> alt.LayerChart:
    width, height, letters = size
    axis = alt.AxisConfig(
        labelColor=TEXT,
        titleColor=TEXT,
        titleFontWeight="normal",
        labelFontSize=letters,
        titleFontSize=letters,
        titlePadding=7,
        gridColor=LINE,
        domainColor=LINE,
        tickColor=LINE,
    )
    return alt.LayerChart(
        layer=list(layers),
        width=width,
        height=height,
        background="transparent",
        config=alt.Config(
            font="sans-serif",
            axis=axis,
            view=alt.ViewConfig(stroke=None),
            legend=alt.LegendConfig(disable=True),
        ),
    )


def _rows(curve: Curve, place: int, series: Sequence[str]) -> list[dict[str, object]]:
    rank = series.index(curve.series)
    spoken = marked(curve)
    rows: list[dict[str, object]] = []
    for position, (x, y) in enumerate(zip(curve.x, curve.y, strict=True)):
        row: dict[str, object] = {"x": x, "y": y, "series": rank, "curve": place}
        if spoken:
            row["words"] = one_line(f"{curve.series} {curve.x_label} {number(x)}: {number(y)}")
        if curve.low and curve.high:
            row |= {"low": curve.low[position], "high": curve.high[position]}
        rows.append(row)
    return rows


def _embeddable(document: str, label: str) -> str:
    """Return the SVG without what only a lone file needs, its points titled for hovering."""
    ElementTree.register_namespace("", SVG)
    root = ElementTree.fromstring(document)
    for element in root.iter():
        words = element.get("aria-label", "")
        if element.get("aria-roledescription") == "point":
            ElementTree.SubElement(element, f"{{{SVG}}}title").text = words
        for name in [name for name in element.attrib if name.startswith(("aria-", "role"))]:
            del element.attrib[name]
        if "d" in element.attrib:  # thousandths of a pixel are half of a long line's bytes
            element.set(
                "d", COORDINATE.sub(lambda found: f"{float(found[0]):.1f}", element.get("d", ""))
            )
    for name in ("width", "height", "class", "version"):
        root.attrib.pop(name, None)
    root.set("role", "img")
    root.set("aria-label", label)
    return ElementTree.tostring(root, encoding="unicode")
