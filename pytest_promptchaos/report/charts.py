"""Curves become pictures: static SVG from one altair specification each, no script.

Measured for this choice: the interactive bundle weighs 0.9 MB and takes 3 s to build, a static
picture 5 to 15 kB and 0.1 s. Hovering a point still shows its numbers (an SVG ``title``), the
numbers stand in a table beside the picture, and the page can forbid scripts altogether. Colours
are sentinels: the page's style sheet maps each to its light or dark twin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import altair as alt
import vl_convert

from pytest_promptchaos.report.legible import number, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_promptchaos.records import Curve
    from pytest_promptchaos.report.overview import Judged

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

TEXT, LINE = "#5a616b", "#dde1e6"
WIDTH, HEIGHT = 270, 165
CURVES, ZERO = "curves", "zero"
PANELS_PER_FIGURE = 6
PANELS = 12
"""At 0.1 s each, so that the end of a session stays short."""

SVG = "http://www.w3.org/2000/svg"


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One picture: the curves of one name from one verdict."""

    title: str
    svg: str
    curves: tuple[Curve, ...]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """All panels of one curve name and axes, on one scale; ``series`` is the legend."""

    name: str
    series: tuple[str, ...]
    panels: tuple[Panel, ...]
    left_out: int


def figures(verdicts: Sequence[Judged], *, panels: int = PANELS) -> tuple[Figure, ...]:
    """Return a figure per curve name and axes, its panels in the order of the verdicts.

    At most ``panels`` pictures are drawn in all, shared evenly between the figures, and at most
    six series in each; ``left_out`` counts the curves that were not drawn.
    """
    kinds = dict.fromkeys(map(_kind, (c for one in verdicts for c in one.verdict.curves if c.x)))
    share = min(PANELS_PER_FIGURE, max(1, panels // max(1, len(kinds))))
    return tuple(_figure(kind, verdicts, share) for kind in list(kinds)[:panels])


def _kind(curve: Curve) -> tuple[str, str, str]:
    # One name over other axes (another metric) is another figure: panels share their scale.
    return curve.name, curve.y_label, curve.x_label


def _figure(kind: tuple[str, str, str], verdicts: Sequence[Judged], share: int) -> Figure:
    # Two checks around one prompt may carry the same curves: one picture then shows both.
    found = tuple(dict.fromkeys((_title(one), _of_kind(one, kind)) for one in verdicts))
    every = [curve for _, curves in found for curve in curves]
    series = tuple(dict.fromkeys(curve.series for curve in every))[: len(SERIES)]
    visible = [(title, [one for one in curves if one.series in series]) for title, curves in found]
    shown = [(title, curves) for title, curves in visible if curves][:share]
    drawn = [curve for _, curves in shown for curve in curves]
    specification = chart(drawn, series=series).to_dict()
    return Figure(
        name=f"{kind[0]}: {kind[1]}",
        series=series,
        panels=tuple(_panel(specification, title, curves, series) for title, curves in shown),
        left_out=len(every) - len(drawn),
    )


def _panel(
    specification: dict[str, object], title: str, curves: Sequence[Curve], series: Sequence[str]
) -> Panel:
    label = f"{curves[0].name}, {title}"
    svg = picture(specification, curves, series=series, label=label)
    return Panel(title=title, svg=svg, curves=tuple(curves))


def _title(one: Judged) -> str:
    return one_line(f"{one.model}: {one.verdict.id}")


def _of_kind(one: Judged, kind: tuple[str, str, str]) -> tuple[Curve, ...]:
    return tuple(curve for curve in one.verdict.curves if _kind(curve) == kind and curve.x)


def point_rows(panel: Panel) -> list[tuple[str, ...]]:
    """Return the panel's numbers as rows of words: x, then every curve with its band."""
    every = sorted({x for curve in panel.curves for x in curve.x})
    return [(number(x), *(_point_words(curve, x) for curve in panel.curves)) for x in every]


def _point_words(curve: Curve, x: float) -> str:
    if x not in curve.x:
        return ""
    place = curve.x.index(x)
    if not (curve.low and curve.high):
        return number(curve.y[place])
    return f"{number(curve.y[place])} [{number(curve.low[place])}, {number(curve.high[place])}]"


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
    axes = alt.Chart(alt.NamedData(name=CURVES)).encode(
        x=alt.X("x:Q", title=one_line(curves[0].x_label), axis=_axis(curves)),
        y=y,
        color=alt.Color("series:O", scale=_scale(series, [light for light, _ in SERIES])),
        detail="curve:N",
    )
    band = axes.transform_filter("isValid(datum.low)").transform_calculate(y="datum.low")
    line = axes.mark_line(strokeWidth=2, aria=False)
    point = axes.mark_point(filled=True, size=30, opacity=1)
    # Spoken marks would put the titles into vega expressions; only points speak, by a data field.
    return _styled(
        alt.Chart(alt.NamedData(name=ZERO)).mark_rule(color=TEXT, aria=False).encode(y=y),
        band.mark_area(opacity=0.16, aria=False).encode(y2="high:Q"),
        line.encode(strokeDash=alt.StrokeDash("series:O", scale=_scale(series, DASHES))),
        point.encode(
            shape=alt.Shape("series:O", scale=_scale(series, SHAPES)), description="words:N"
        ),
    )


def _vertical(curves: Iterable[Curve]) -> alt.Scale:
    heights = [value for curve in curves for value in (*curve.y, *curve.low, *curve.high)]
    return alt.Scale(domain=[min(0.0, *heights), max(0.0, *heights)], nice=True)


def _scale(series: Sequence[str], values: Sequence[Any]) -> alt.Scale:
    return alt.Scale(domain=list(range(len(series))), range=list(values[: len(series)]))


def _axis(curves: Iterable[Curve]) -> alt.Axis:
    whole = all(float(x).is_integer() for curve in curves for x in curve.x)
    return alt.Axis(tickMinStep=1 if whole else 0, tickCount=8)


def _styled(*layers: alt.Chart) -> alt.LayerChart:
    axis = alt.AxisConfig(
        labelColor=TEXT,
        titleColor=TEXT,
        titleFontWeight="normal",
        labelFontSize=11,
        titleFontSize=11,
        titlePadding=7,
        gridColor=LINE,
        domainColor=LINE,
        tickColor=LINE,
    )
    return alt.LayerChart(
        layer=list(layers),
        width=WIDTH,
        height=HEIGHT,
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
    rows: list[dict[str, object]] = []
    for position, (x, y) in enumerate(zip(curve.x, curve.y, strict=True)):
        words = f"{curve.series} {curve.x_label} {number(x)}: {number(y)}"
        row: dict[str, object] = {"x": x, "y": y, "series": rank, "curve": place}
        row["words"] = one_line(words)
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
    for name in ("width", "height", "class", "version"):
        root.attrib.pop(name, None)
    root.set("role", "img")
    root.set("aria-label", label)
    return ElementTree.tostring(root, encoding="unicode")
