"""The way to a branch: both margins along what the outputs share, and JS beneath, as one SVG.

Written by hand instead of by the chart library, because a report may hold a hundred of them and
each takes the library 0.1 s. Colours are the sentinels of :mod:`drawing`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from pytest_promptchaos.report.drawing import LINE, SERIES, TEXT
from pytest_promptchaos.report.legible import number, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_promptchaos.records import BranchCard

LAST = 120
"""Steps before the branch that are drawn: more would be finer than a pixel of a phone."""
LEFT, RIGHT, WIDTH = 58, 418, 430
"""Pixels: where the drawing begins and ends, and the whole width."""
MARGINS, DIVERGENCE = (24, 110), (140, 190)
"""Top and bottom of the two panels, in pixels."""
HEIGHT = 228
LEAST = 1e-9
"""Nats; below it JS is the rounding of float32 logits."""
LETTERS = 12
DASH = "7 3"


@dataclass(frozen=True, kw_only=True)
class Trace:
    """A picture, what it shows in words, and how many earlier steps it leaves out.

    There is no picture of a single step: the words say as much.
    """

    svg: Markup | None
    words: str
    left_out: int
    measured: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Panel:
    """From steps and values to pixels, values from ``low`` at the bottom to ``high``."""

    first: int
    last: int
    low: float
    high: float
    top: int
    bottom: int

    def x(self, step: float) -> float:
        return round(LEFT + (RIGHT - LEFT) * (step - self.first) / (self.last - self.first), 1)

    def y(self, value: float) -> float:
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return round(self.bottom - (self.bottom - self.top) * min(1.0, max(0.0, share)), 1)


def trace(card: BranchCard) -> Trace | None:
    """Return the trace of a card, or nothing where no steps were recorded."""
    length = max(len(card.margins_a), len(card.margins_b), len(card.js))
    if not length:
        return None
    first = max(0, length - LAST)
    words = _words(card)
    names = {"center's margin": card.margins_a, "neighbor's margin": card.margins_b, "JS": card.js}
    return Trace(
        svg=_picture(card, first, length - 1, words) if length > 1 else None,
        words=words,
        left_out=first,
        measured=tuple(name for name, values in names.items() if values),
    )


def _picture(card: BranchCard, first: int, last: int, words: str) -> Markup:
    head = f'<svg class="trace" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{words}">'
    parts = (*_margins(card, first, last), *_divergence(card, first, last))
    return Markup(f"{head}{''.join(parts)}</svg>")  # made of numbers and our own words alone


def _words(card: BranchCard) -> str:
    """Return what the picture shows to those who cannot see it."""
    ends = {"center's": card.margins_a, "neighbor's": card.margins_b}
    told = [f"the {whose} margin {number(end[-1])} logits" for whose, end in ends.items() if end]
    if len(card.js) > 1:
        told.append(f"JS {number(card.js[0])} nats at the first token, {number(card.js[-1])} there")
    elif card.js:
        told.append(f"JS {number(card.js[0])} nats")
    shared = f"Along {plural(card.branch.step, 'shared token')} to the branch at token "
    return f"{shared}{card.branch.step + 1}: {', '.join(told)}"


def _margins(card: BranchCard, first: int, last: int) -> Iterator[str]:
    values = (*card.margins_a[first:], *card.margins_b[first:])
    if not values:
        return
    top, bottom = MARGINS
    highest = max(values) or 1.0
    panel = _Panel(first=first, last=last, low=0.0, high=highest, top=top, bottom=bottom)
    yield from _frame(panel, {"0": 0.0, number(highest): highest}, "margin (logits)")
    yield from _uprights(card, panel)
    yield _line(panel, card.margins_a, SERIES[0][0])
    yield _line(panel, card.margins_b, SERIES[1][0], dashed=True)
    yield from _ends(card, panel)


def _divergence(card: BranchCard, first: int, last: int) -> Iterator[str]:
    top, bottom = DIVERGENCE
    logs = [math.log10(max(one, LEAST)) for one in card.js]
    low = math.floor(min(logs[first:], default=-1.0))
    panel = _Panel(first=first, last=last, low=low, high=0.0, top=top, bottom=bottom)
    if logs:
        yield from _frame(panel, {f"1e{low}": low, "1": 0.0}, "JS (nats, logarithmic)")
        yield from _uprights(card, panel)
        yield _line(panel, logs, SERIES[2][0])
    yield _text(LEFT, bottom + 17, f"token {first + 1}", "start")
    yield _text(RIGHT, bottom + 17, f"token {last + 1}", "end")
    yield _text((LEFT + RIGHT) / 2, bottom + 33, "output token", "middle")


def _frame(panel: _Panel, ticks: dict[str, float], title: str) -> Iterator[str]:
    for words, value in ticks.items():
        height = panel.y(value)
        yield f'<path d="M{LEFT} {height}H{RIGHT}" stroke="{LINE}" fill="none"></path>'
        yield _text(LEFT - 6, height + 4, words, "end")
    yield _text(LEFT + 4, panel.top - 9, title, "start")


def _uprights(card: BranchCard, panel: _Panel) -> Iterator[str]:
    """Yield where the outputs part, and where the distributions were already apart before."""
    steps = {"3 3": card.branch.silent_at, "1 0": card.branch.step}
    for dash, step in steps.items():
        if step is not None and panel.first <= step <= panel.last:
            place = f"M{panel.x(step)} {panel.top}V{panel.bottom}"
            yield f'<path d="{place}" stroke="{TEXT}" stroke-dasharray="{dash}"></path>'


def _line(panel: _Panel, values: Sequence[float], colour: str, *, dashed: bool = False) -> str:
    places = [
        f"{panel.x(step)} {panel.y(value)}"
        for step, value in enumerate(values)
        if step >= panel.first
    ]
    if not places:
        return ""
    dash = f' stroke-dasharray="{DASH}"' if dashed else ""
    drawn = f"M{'L'.join(places)}"
    return f'<path d="{drawn}" stroke="{colour}" stroke-width="2" fill="none"{dash}></path>'


def _ends(card: BranchCard, panel: _Panel) -> Iterator[str]:
    """Yield both margins at the branch: a circle for the center, a square for the neighbor."""
    for whose, values, colour in (
        ("center", card.margins_a, SERIES[0][0]),
        ("neighbor", card.margins_b, SERIES[1][0]),
    ):
        if not values:
            continue
        x, y = panel.x(len(values) - 1), panel.y(values[-1])
        title = f"<title>{whose}, token {len(values)}: margin {number(values[-1])} logits</title>"
        circle = f'<circle cx="{x}" cy="{y}" r="4" fill="{colour}">{title}</circle>'
        square = f'<path d="M{x - 3.5} {y - 3.5}h7v7h-7Z" fill="{colour}">{title}</path>'
        yield circle if whose == "center" else square


def _text(x: float, y: float, words: str, anchor: str) -> str:
    return (
        f'<text x="{x}" y="{y}" fill="{TEXT}" font-size="{LETTERS}" '
        f'text-anchor="{anchor}">{words}</text>'
    )
