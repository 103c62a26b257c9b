"""Curves of all verdicts -> figures: what is drawn together, on one scale, with one legend."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import repeat
from typing import TYPE_CHECKING

from pytest_promptchaos.report.drawing import (
    SERIES,
    chart,
    is_cloud,
    marked,
    marked_among,
    picture,
    wide,
)
from pytest_promptchaos.report.pooling import pictures_by_kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_promptchaos.records import Curve
    from pytest_promptchaos.report.overview import Judged
    from pytest_promptchaos.report.pooling import Kind, Picture

PANELS_PER_FIGURE = 6
PANELS = 24
"""At 0.1 s each, so that the end of a session stays short."""
CLOUD, CLOUDS = 400, 2400
"""Points of a cloud that are drawn, and of all clouds together: at 200 bytes each, half a page."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One picture: curves of one name, from one verdict or from several side by side.

    ``note`` is the series of a picture's only cloud, which needs no legend. ``drawn`` counts the
    points that a picture with clouds shows, all those of a line among them.
    """

    title: str
    svg: str
    curves: tuple[Curve, ...]
    drawn: int
    note: str = ""

    @property
    def clouds(self) -> tuple[Curve, ...]:
        """Those of the curves that are clouds of points."""
        return tuple(filter(is_cloud, self.curves))

    @property
    def pointed(self) -> tuple[Curve, ...]:
        """Those of the curves whose single points are measured: not guides, nor fits to a cloud."""
        return tuple(one for one in self.curves if marked_among(one, self.curves))

    @property
    def points(self) -> int:
        """How many places on the x axis have a number; beside a cloud, how many points."""
        if self.clouds:
            return sum(len(curve.x) for curve in self.pointed)
        return len({x for curve in self.curves for x in curve.x})


@dataclass(frozen=True, kw_only=True)
class Key:
    """One entry of a legend: whether its points carry marks, and whether a line joins them."""

    name: str
    marked: bool
    lined: bool = True


@dataclass(frozen=True, kw_only=True)
class Figure:
    """All panels of one curve name and axes, on one scale, with their legend."""

    kind: Kind
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
    kinds = dict(list(pictures_by_kind(verdicts).items())[:panels])
    pictures = list(kinds.values())
    shares = _shares([len(one) for one in pictures], panels)
    room = _room(pictures, shares)
    return tuple(
        _figure(kind, found, share, room)
        for kind, found, share in zip(kinds, pictures, shares, strict=False)
    )


def _room(pictures: Sequence[Sequence[Picture]], shares: Sequence[int]) -> int:
    """Return how many points a cloud may draw, so that all of them stay a part of the page."""
    shown = (one for found, share in zip(pictures, shares, strict=True) for one in found[:share])
    clouds = sum(any(map(is_cloud, curves)) for _, curves in shown)
    return min(CLOUD, CLOUDS // max(1, clouds))


def _shares(wanted: Sequence[int], panels: int) -> list[int]:
    """Return how many panels each figure gets, one after the other until none are left."""
    shares = [0] * len(wanted)
    for size in range(PANELS_PER_FIGURE):
        for place, count in enumerate(wanted):
            if count > size and sum(shares) < panels:
                shares[place] += 1
    return shares


def _figure(kind: Kind, found: Sequence[Picture], share: int, room: int) -> Figure:
    pictures, notes = _unnamed(found)
    every = [curve for _, curves in pictures for curve in curves]
    series = tuple(dict.fromkeys(curve.series for curve in every))[: len(SERIES)]
    visible = [(one, tuple(c for c in curves if c.series in series)) for one, curves in pictures]
    shown = [(title, curves) for title, curves in visible if curves][:share]
    drawn = [curve for _, curves in shown for curve in curves]
    specification = chart(drawn, series=series).to_dict()
    panels = [panel_of(specification, *one, series=series, room=room) for one in shown]
    return Figure(
        kind=kind,
        name=f"{kind[0]}: {kind[1]}",
        legend=tuple(key_of(name, drawn) for name in series),
        wide=wide(drawn),
        panels=tuple(map(_noted, panels, notes)),
        left_out=len(every) - len(drawn),
    )


def _unnamed(found: Sequence[Picture]) -> tuple[Sequence[Picture], Iterable[str]]:
    """Return pictures of one cloud each without the cloud's series, and those beside them.

    Such a series says something about its own picture, as a correlation does: it tells no two
    curves apart, and needs no colour.
    """
    if not all(len(curves) == 1 and is_cloud(curves[0]) for _, curves in found):
        return found, repeat("")
    bare = [(title, (replace(curves[0], series=""),)) for title, curves in found]
    return bare, [curves[0].series for _, curves in found]


def _noted(panel: Panel, note: str) -> Panel:
    return replace(panel, note=note)


def key_of(series: str, drawn: Sequence[Curve]) -> Key:
    """Return the legend's entry of a series: what its curves look like."""
    alike = [one for one in drawn if one.series == series]
    lined = not alike or not all(map(is_cloud, alike))
    return Key(name=series, marked=any(map(marked, alike)), lined=lined)


def panel_of(
    specification: dict[str, object],
    title: str,
    curves: Sequence[Curve],
    *,
    series: Sequence[str],
    room: int,
) -> Panel:
    """Return the picture of the curves, their clouds thinned to ``room`` points in all."""
    step = -(-sum(len(one.x) for one in curves if is_cloud(one)) // room)
    shown = [_thinned(one, step) if is_cloud(one) else one for one in curves]
    label = f"{curves[0].name}, {title}"
    svg = picture(specification, shown, series=series, label=label)
    drawn = sum(len(one.x) for one in shown if marked_among(one, shown))
    return Panel(title=title, svg=svg, curves=tuple(curves), drawn=drawn)


def _thinned(curve: Curve, step: int) -> Curve:
    """Return the cloud with every ``step``-th of its points."""
    names = ("x", "y", "low", "high", "labels")
    return replace(curve, **{name: getattr(curve, name)[::step] for name in names})
