"""Curves of all verdicts -> figures: what is drawn together, on one scale, with one legend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from pytest_promptchaos.report.drawing import SERIES, chart, marked, picture, wide
from pytest_promptchaos.report.legible import number, one_line, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.records import Curve
    from pytest_promptchaos.report.overview import Judged

PANELS_PER_FIGURE = 6
PANELS = 12
"""At 0.1 s each, so that the end of a session stays short."""
NUMBERS = 80
"""Rows of a panel's table of numbers; of a longer line they are taken at equal distances."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One picture: the curves of one name from one verdict."""

    title: str
    svg: str
    curves: tuple[Curve, ...]

    @property
    def points(self) -> int:
        """How many places on the x axis have a number."""
        return len({x for curve in self.curves for x in curve.x})


@dataclass(frozen=True, kw_only=True)
class Key:
    """One entry of a legend; ``marked`` says whether its points carry marks."""

    name: str
    marked: bool


@dataclass(frozen=True, kw_only=True)
class Figure:
    """All panels of one curve name and axes, on one scale, with their legend."""

    name: str
    legend: tuple[Key, ...]
    wide: bool
    panels: tuple[Panel, ...]
    left_out: int


def figures(verdicts: Sequence[Judged], *, panels: int = PANELS) -> tuple[Figure, ...]:
    """Return a figure per curve name and axes, its panels in the order of the verdicts.

    At most ``panels`` pictures are drawn in all, shared evenly between the figures, what one has
    no use for going to the others; at most six series in each. ``left_out`` counts the curves
    that were not drawn.
    """
    kinds = dict.fromkeys(map(_kind, (c for one in verdicts for c in one.verdict.curves if c.x)))
    pictures = [_pictures(kind, verdicts) for kind in list(kinds)[:panels]]
    shares = _shares([len(one) for one in pictures], panels)
    return tuple(map(_figure, kinds, pictures, shares))


def _shares(wanted: Sequence[int], panels: int) -> list[int]:
    """Return how many panels each figure gets, one after the other until none are left."""
    shares = [0] * len(wanted)
    for size in range(PANELS_PER_FIGURE):
        for place, count in enumerate(wanted):
            if count > size and sum(shares) < panels:
                shares[place] += 1
    return shares


Kind: TypeAlias = tuple[str, str, str]
Picture: TypeAlias = "tuple[str, tuple[Curve, ...]]"


def _kind(curve: Curve) -> Kind:
    # One name over other axes (another metric) is another figure: panels share their scale.
    return curve.name, curve.y_label, curve.x_label


def _pictures(kind: Kind, verdicts: Sequence[Judged]) -> tuple[Picture, ...]:
    """Return title and curves of every picture; curves of one model that are alike make one."""
    found: dict[tuple[str, tuple[Curve, ...]], list[str]] = {}
    for one in verdicts:
        found.setdefault((one.model, _of_kind(one, kind)), []).append(one.verdict.id)
    return tuple(
        (_title(model, list(dict.fromkeys(names))), curves)
        for (model, curves), names in found.items()
        if curves
    )


def _title(model: str, names: Sequence[str]) -> str:
    more = f" and {plural(len(names) - 1, 'more verdict')}" if len(names) > 1 else ""
    return one_line(f"{model}: {names[0]}{more}")


def _figure(kind: Kind, found: Sequence[Picture], share: int) -> Figure:
    every = [curve for _, curves in found for curve in curves]
    series = tuple(dict.fromkeys(curve.series for curve in every))[: len(SERIES)]
    visible = [(title, [one for one in curves if one.series in series]) for title, curves in found]
    shown = [(title, curves) for title, curves in visible if curves][:share]
    drawn = [curve for _, curves in shown for curve in curves]
    specification = chart(drawn, series=series).to_dict()
    return Figure(
        name=f"{kind[0]}: {kind[1]}",
        legend=tuple(_key(name, drawn) for name in series),
        wide=wide(drawn),
        panels=tuple(_panel(specification, title, curves, series) for title, curves in shown),
        left_out=len(every) - len(drawn),
    )


def _key(series: str, drawn: Sequence[Curve]) -> Key:
    return Key(name=series, marked=any(marked(one) for one in drawn if one.series == series))


def _panel(
    specification: dict[str, object], title: str, curves: Sequence[Curve], series: Sequence[str]
) -> Panel:
    label = f"{curves[0].name}, {title}"
    svg = picture(specification, curves, series=series, label=label)
    return Panel(title=title, svg=svg, curves=tuple(curves))


def _of_kind(one: Judged, kind: Kind) -> tuple[Curve, ...]:
    return tuple(curve for curve in one.verdict.curves if _kind(curve) == kind and curve.x)


def point_rows(panel: Panel) -> list[tuple[str, ...]]:
    """Return the panel's numbers as rows of words: x, then every curve with its band.

    At most :data:`NUMBERS` rows: where there are more points, every second, third, ... of them,
    those of marked curves alone where there are any.
    """
    measured = [curve for curve in panel.curves if marked(curve)] or panel.curves
    every = sorted({x for curve in measured for x in curve.x})
    step = -(-len(every) // NUMBERS)
    places = [{x: place for place, x in enumerate(curve.x)} for curve in panel.curves]
    columns = list(zip(panel.curves, places, strict=True))
    return [
        (number(x), *(_words(curve, at.get(x)) for curve, at in columns)) for x in every[::step]
    ]


def _words(curve: Curve, place: int | None) -> str:
    if place is None:
        return ""
    if not (curve.low and curve.high):
        return number(curve.y[place])
    return f"{number(curve.y[place])} [{number(curve.low[place])}, {number(curve.high[place])}]"
