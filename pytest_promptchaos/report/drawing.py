"""Curves of one figure as static SVG, from one altair specification, no script.

Measured for this choice: the interactive bundle weighs 0.9 MB and takes 3 s to build, a static
picture 5 to 15 kB and 0.1 s. Hovering a point still shows its numbers (an SVG ``title``), the
numbers stand in a table beside the picture, and the page can forbid scripts altogether. Colours
are sentinels: the page's style sheet maps each to its light or dark twin.
"""

from __future__ import annotations

import re
from textwrap import wrap
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import altair as alt
import vl_convert

from pytest_promptchaos.report.legible import number, one_line
from pytest_promptchaos.report.parts import PARTS, part_rows, parted, shades

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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
PALE = 0.45
"""Opacity of points that a line of their own colour runs through."""
THEORY = "theory"
"""A series with this word in its name was computed, not measured: it has no marks either."""
GUIDE = "y ="
"""How the name of a line begins that a cloud is read against, as in ``y = x`` and ``y = 0``."""

TEXT, LINE = "#5a616b", "#dde1e6"
SIZE, WIDE = (270, 165, 11), (430, 190, 13)
"""Width, height and letters in pixels; letters of a wide picture stay legible on a phone."""
UP, ALONG = 28, 50
"""Letters of a title that fit beside and below a picture; a longer one takes more lines."""
LINES = 5
"""Lines of a title, so that one that says what its band is gets said to the end."""
CURVES, ZERO = "curves", "zero"
SVG = "http://www.w3.org/2000/svg"
COORDINATE = re.compile(r"-?\d+\.\d+")


def is_cloud(curve: Curve) -> bool:
    """Return whether the curve is a cloud of points, which no line joins."""
    return curve.mark == "points"


def is_guide(curve: Curve) -> bool:
    """Return whether the line was computed, or is one to read others against, as ``y = x`` is."""
    return THEORY in curve.series.split() or curve.series.startswith(GUIDE)


def marked(curve: Curve) -> bool:
    """Return whether every point of the curve gets a mark and its numbers on hovering."""
    return is_cloud(curve) or (len(curve.x) <= MARKED and not is_guide(curve))


def marked_among(curve: Curve, curves: Iterable[Curve]) -> bool:
    """Return whether the curve gets marks beside ``curves``: a fit through a cloud gets none."""
    return is_cloud(curve) or (marked(curve) and not _fits(curve, curves))


def _fits(curve: Curve, curves: Iterable[Curve]) -> bool:
    """Return whether the curve is a line through a cloud of its own series."""
    clouds = {other.series for other in curves if is_cloud(other)}
    return not is_cloud(curve) and curve.series in clouds


def wide(curves: Iterable[Curve]) -> bool:
    """Return whether the curves need a wide picture: for many points, or the names of parts."""
    return any(len(curve.x) > MARKED or parted(curve) for curve in curves)


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
    rows = [
        row
        for place, curve in enumerate(curves)
        for row in _rows(curve, place, series, marks=marked_among(curve, curves))
    ]
    datasets = {CURVES: rows, ZERO: [{"y": 0}], PARTS: part_rows(curves)}
    document = vl_convert.vegalite_to_svg({**specification, "datasets": datasets})
    return _embeddable(str(document), one_line(label))


def chart(curves: Sequence[Curve], *, series: Sequence[str]) -> alt.LayerChart:
    """Return the altair chart that fits the curves: points, lines between them, bands behind.

    It holds scales and titles, not the numbers: altair takes seconds to copy those, and panels
    of one figure share a chart. ``series`` orders colours, so that a name keeps its own. Zero is
    drawn for lines only: a cloud has its axes from its own points.
    """
    y = alt.Y("y:Q", title=_title(curves[0].y_label, UP), scale=_vertical(curves))
    nice = not wide(curves) or _clouded(curves)
    x_scale = alt.Scale(zero=False, nice=nice)
    axes = alt.Chart(alt.NamedData(name=CURVES)).encode(
        x=alt.X("x:Q", title=_title(curves[0].x_label, ALONG), axis=_axis(curves), scale=x_scale),
        y=y,
        color=alt.Color("series:O", scale=_scale(series, [light for light, _ in SERIES])),
        detail="curve:N",
    )
    # Spoken marks would put the titles into vega expressions; only points speak, by a data field.
    fitted = any(_fits(one, curves) for one in curves)
    point = axes.transform_filter("isValid(datum.words)").mark_point(
        filled=True, size=_size(curves), opacity=1, fillOpacity=PALE if fitted else 1
    )
    points = point.encode(
        shape=alt.Shape("series:O", scale=_scale(series, SHAPES)), description="words:N"
    )
    lines = tuple(_lines(axes, curves, series))
    over = (points, *lines) if fitted else (*lines, points)
    layers = [*_bands(axes, curves), *over]
    if not (_clouded(curves) or all(map(logarithmic, curves))):
        zero = alt.Chart(alt.NamedData(name=ZERO))
        layers.insert(0, zero.mark_rule(color=TEXT, aria=False).encode(y=y))
    size = WIDE if wide(curves) else SIZE
    return _styled([*(shades(size[2], TEXT) if any(map(parted, curves)) else ()), *layers], size)


def _bands(axes: alt.Chart, curves: Sequence[Curve]) -> Iterator[alt.Chart]:
    """Yield an area behind lines, and an upright stroke through each point of a cloud."""
    bound = axes.transform_calculate(y="datum.low")
    if not all(map(is_cloud, curves)):
        area = bound.transform_filter("datum.line && isValid(datum.low)")
        yield area.mark_area(opacity=0.16, aria=False).encode(y2="high:Q")
    if any(is_cloud(one) and one.low and one.high for one in curves):
        stroke = bound.transform_filter("!datum.line && isValid(datum.low)")
        yield stroke.mark_rule(opacity=0.5, aria=False).encode(y2="high:Q")


def _lines(axes: alt.Chart, curves: Sequence[Curve], series: Sequence[str]) -> Iterator[alt.Chart]:
    if all(map(is_cloud, curves)):
        return
    line = axes.transform_filter("datum.line")
    fitted = any(_fits(one, curves) for one in curves)
    thickness = 2.5 if fitted else 1.5 if wide(curves) else 2
    dash = alt.StrokeDash("series:O", scale=_scale(series, DASHES))
    yield line.mark_line(strokeWidth=thickness, aria=False).encode(strokeDash=dash)


def _clouded(curves: Iterable[Curve]) -> bool:
    return any(map(is_cloud, curves))


def _size(curves: Sequence[Curve]) -> int:
    points = max((len(curve.x) for curve in curves if marked(curve)), default=0)
    if _clouded(curves):
        return 40 if points <= MARKED else 22
    return 30 if points <= DENSE else 14


def _vertical(curves: Iterable[Curve]) -> alt.Scale:
    heights = [value for curve in curves for value in (*curve.y, *curve.low, *curve.high)]
    heights += [] if _clouded(curves) or all(map(logarithmic, curves)) else [0.0]
    return alt.Scale(domain=[min(heights), max(heights)], nice=True)


def _scale(series: Sequence[str], values: Sequence[Any]) -> alt.Scale:
    return alt.Scale(domain=list(range(len(series))), range=list(values[: len(series)]))


def _axis(curves: Sequence[Curve]) -> alt.Axis:
    whole = all(float(x).is_integer() for curve in curves for x in curve.x)
    count = 5 if _clouded(curves) else 8
    return alt.Axis(tickMinStep=1 if whole else 0, tickCount=count, labelFlush=False)


def _title(label: str, letters: int) -> str | list[str]:
    lines = wrap(one_line(label), letters, max_lines=LINES, placeholder=" \u2026")
    return lines if len(lines) > 1 else one_line(label)


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


def _rows(
    curve: Curve, place: int, series: Sequence[str], *, marks: bool
) -> list[dict[str, object]]:
    common = {"series": series.index(curve.series), "curve": place, "line": not is_cloud(curve)}
    rows: list[dict[str, object]] = []
    for position, (x, y) in enumerate(zip(curve.x, curve.y, strict=True)):
        row: dict[str, object] = {"x": x, "y": y, **common}
        if marks:
            row["words"] = _spoken(curve, position)
        if curve.low and curve.high:
            row |= {"low": curve.low[position], "high": curve.high[position]}
        rows.append(row)
    return rows


def _spoken(curve: Curve, position: int) -> str:
    """Return what hovering a point says: of a cloud's point first of all which one it is."""
    x, y = number(curve.x[position]), number(curve.y[position])
    if not is_cloud(curve):
        part = f" ({curve.labels[position]})" if parted(curve) else ""
        return one_line(f"{curve.series} {curve.x_label} {x}{part}: {y}")
    named = (*curve.labels[position : position + 1], curve.series)
    numbers = f"{curve.x_label} {x}, {curve.y_label} {y}"
    return one_line(": ".join(filter(None, (", ".join(filter(None, named)), numbers))))


def _embeddable(document: str, label: str) -> str:
    """Return the SVG without what only a lone file needs, its points titled for hovering."""
    ElementTree.register_namespace("", SVG)
    root = ElementTree.fromstring(document)
    for element in root.iter():
        words = element.get("aria-label", "")
        if element.get("aria-roledescription") == "point":
            ElementTree.SubElement(element, f"{{{SVG}}}title").text = words
            for name in ("stroke-width", "opacity"):  # a filled point needs neither
                element.attrib.pop(name, None)
        for name in [name for name in element.attrib if name.startswith(("aria-", "role"))]:
            del element.attrib[name]
        for name in ("d", "transform"):  # thousandths of a pixel are half of a long line's bytes
            if name in element.attrib:
                element.set(name, COORDINATE.sub(_tenths, element.get(name, "")))
    for name in ("width", "height", "class", "version"):
        root.attrib.pop(name, None)
    root.set("role", "img")
    root.set("aria-label", label)
    return ElementTree.tostring(root, encoding="unicode")


def _tenths(found: re.Match[str]) -> str:
    return f"{float(found[0]):.1f}"
