"""Where two phrasings looked: a heat layer over the picture, drawn by hand as SVG.

The picture is embedded once and drawn twice. The focus is quantized into shades, one path each,
runs of equal cells as one rectangle, so that a grid of 24 x 24 takes about 8 kB. The cells that
hold half of the focus are outlined, so that colour is never the only carrier.
"""

from __future__ import annotations

import base64
import binascii
import re
import struct
from dataclasses import dataclass
from itertools import accumulate, groupby
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from pytest_promptchaos.report.legible import number, one_line, plural, shortened
from pytest_promptchaos.report.replies import meant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_promptchaos.records import Answer, Overlay, Said, Sample
    from pytest_promptchaos.report.answers import Asking

PNG = re.compile(r"data:image/png;base64,([A-Za-z0-9+/]+={0,2})")
SIGNATURE = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
LARGEST = 60_000
"""Characters of a picture that the page embeds; a thumbnail has half of that."""
SIDE = 240.0
"""The longer side of a picture, in pixels of the drawing."""
SHADES = 8
HALF = 0.5
"""Share of the focus that the outlined cells hold."""
NAMES: Mapping[str, tuple[str, str]] = {
    "cosine": ("cosine", "1: alike"),
    "JS (nats)": ("Jensen-Shannon divergence", "nats, 0: alike"),
    "SSIM": ("structural similarity", "1: alike"),
}


@dataclass(frozen=True, kw_only=True)
class Look:
    """One phrasing: the picture with its focus, the question, what was said and what it means."""

    question: str
    said: Said
    meant: str
    margin: float | None
    svg: Markup


@dataclass(frozen=True, kw_only=True)
class Beside:
    """Both phrasings of an overlay, with how alike they looked and where the focus is from."""

    shown: str
    proposition: str
    verdict: str
    looks: tuple[Look, Look]
    similarity: tuple[tuple[str, str, str], ...]
    most: str
    even: str
    grid: str
    provenance: str
    missing: str


@dataclass(frozen=True, kw_only=True)
class _Ground:
    """The picture under two layers, its size in the drawing, and the grid over it."""

    name: str
    picture: str
    width: float
    height: float
    rows: int
    columns: int
    top: float

    def x(self, column: float) -> str:
        return _short(column * self.width / self.columns)

    def y(self, row: float) -> str:
        return _short(row * self.height / self.rows)


def beside_each_other(asking: Asking, most: int, name: str) -> tuple[Beside, ...]:
    """Return at most so many overlays, those that flip first.

    ``name`` tells their pictures from others on the page.
    """
    samples = {one.id: one for one in asking.samples}
    return tuple(
        _beside(one, samples.get(one.sample), f"{name}-{place}")
        for place, one in enumerate(sorted(asking.overlays, key=_calm)[:most])
    )


def _calm(one: Overlay) -> bool:
    return one.flipped is not True


def _beside(one: Overlay, sample: Sample | None, name: str) -> Beside:
    ground = _ground(one, name)
    rows, columns = one.grid
    return Beside(
        shown=sample.shown if sample else one.sample,
        proposition=sample.proposition if sample else "",
        verdict={True: "flips", False: "agrees", None: "unclear"}[one.flipped],
        looks=(_look(one, sample, ground, first=True), _look(one, sample, ground, first=False)),
        similarity=tuple(_similar(*item) for item in one.similarity.items()),
        most=number(ground.top),
        even=number(1 / (rows * columns)),
        grid=f"{rows} x {columns}",
        provenance=one.provenance,
        missing="" if ground.picture else "The picture is not embedded: it is no PNG, or too large",
    )


def _similar(name: str, value: float) -> tuple[str, str, str]:
    words, reading = NAMES.get(name, (one_line(name.replace("_", " ")), ""))
    return words, number(value), reading


def _ground(one: Overlay, name: str) -> _Ground:
    width, height = _size(one.picture) or (one.grid[1], one.grid[0])
    scale = SIDE / max(width, height)
    return _Ground(
        name=name,
        picture=one.picture if _size(one.picture) else "",
        width=width * scale,
        height=height * scale,
        rows=one.grid[0],
        columns=one.grid[1],
        top=max((*one.focus_a, *one.focus_b), default=0.0),
    )


def _size(picture: str) -> tuple[int, int] | None:
    """Return width and height of a PNG in a data URI; nothing for anything else, or a large one.

    The evidence file may come from anywhere, and only this may reach a browser's image reader.
    """
    found = PNG.fullmatch(picture) if len(picture) <= LARGEST else None
    if found is None:
        return None
    try:
        head = base64.b64decode(found[1], validate=True)[: len(SIGNATURE) + 8]
    except binascii.Error:
        return None
    if len(head) < len(SIGNATURE) + 8 or not head.startswith(SIGNATURE):
        return None
    width, height = struct.unpack(">II", head[len(SIGNATURE) :])
    return (width, height) if width and height else None


def _look(one: Overlay, sample: Sample | None, ground: _Ground, *, first: bool) -> Look:
    question = one.question_a if first else one.question_b
    focus = one.focus_a if first else one.focus_b
    answer = _answer(sample, question)
    return Look(
        question=question,
        said=one.said_a if first else one.said_b,
        meant=meant(answer) if answer else "",
        margin=one.margin_a if first else one.margin_b,
        svg=_drawn(ground, focus, question, first=first),
    )


def _answer(sample: Sample | None, question: str) -> Answer | None:
    asked = sample.as_is if sample else ()
    return next((one for one in asked if one.question == question), None)


def _drawn(ground: _Ground, focus: Sequence[float], question: str, *, first: bool) -> Markup:
    size = f"{_short(ground.width)} {_short(ground.height)}"
    words = escape(_spoken(ground, focus, question))
    parts = [_picture(ground, first=first), *_heat(ground, focus), *_outline(ground, focus)]
    head = f'<svg class="focus" viewBox="0 0 {size}" role="img" aria-label="{words}">'
    return Markup(f"{head}{''.join(parts)}</svg>")  # all text is escaped, the picture is base64


def _picture(ground: _Ground, *, first: bool) -> str:
    size = f'width="{_short(ground.width)}" height="{_short(ground.height)}"'
    if not ground.picture:
        return f'<rect class="bare" {size}></rect>'
    if not first:
        return f'<use href="#{ground.name}"></use>'
    return (
        f'<image id="{ground.name}" {size} preserveAspectRatio="none" href="{ground.picture}">'
        "</image>"
    )


def _spoken(ground: _Ground, focus: Sequence[float], question: str) -> str:
    """Return what the picture shows to those who cannot see it."""
    if not focus:
        return f"Focus of {question}: none"
    best = max(range(len(focus)), key=focus.__getitem__)
    row, column = divmod(best, ground.columns)
    held = plural(len(half_of(focus)), "patch").replace("patchs", "patches")
    return one_line(
        f"Focus of {shortened(question, 120)}: most in row {row + 1}, column {column + 1} of "
        f"{ground.rows} x {ground.columns}; {held} of {len(focus)} hold half of it"
    )


def _heat(ground: _Ground, focus: Sequence[float]) -> Iterator[str]:
    """Yield a path per shade, on one scale for both phrasings."""
    places: dict[int, list[str]] = {}
    for row in range(ground.rows):
        cells = [_shade(value, ground.top) for value in _row(ground, focus, row)]
        for shade, start, length in _runs(cells):
            places.setdefault(shade, []).append(_rectangle(ground, row, start, length))
    for shade in sorted(places):
        if shade:
            yield f'<path class="h{shade}" d="{"".join(places[shade])}"></path>'


def _row(ground: _Ground, focus: Sequence[float], row: int) -> Sequence[float]:
    return focus[row * ground.columns : (row + 1) * ground.columns]


def _shade(value: float, top: float) -> int:
    return round(SHADES * max(0.0, value) / top) if top > 0 else 0


def _runs(shades: Iterable[int]) -> Iterator[tuple[int, int, int]]:
    place = 0
    for shade, alike in groupby(shades):
        length = len(list(alike))
        yield shade, place, length
        place += length


def _rectangle(ground: _Ground, row: int, start: int, length: int) -> str:
    left, right = ground.x(start), ground.x(start + length)
    return f"M{left} {ground.y(row)}H{right}V{ground.y(row + 1)}H{left}z"


def half_of(focus: Sequence[float]) -> frozenset[int]:
    """Return the fewest places that hold half of the focus together, the strongest first.

    >>> sorted(half_of([0.1, 0.4, 0.2, 0.3]))
    [1, 3]
    """
    strongest = sorted(range(len(focus)), key=lambda place: -focus[place])
    held = accumulate(focus[place] for place in strongest)
    enough = sum(one < HALF * sum(focus) for one in held) + 1
    return frozenset(strongest[:enough])


def _outline(ground: _Ground, focus: Sequence[float]) -> Iterator[str]:
    """Yield the border of the cells that hold half of the focus, light over dark."""
    inside = half_of(focus)
    drawn = "".join(
        side
        for place in sorted(inside)
        for side in _borders(ground, divmod(place, ground.columns), inside)
    )
    if drawn:
        yield f'<path class="casing" d="{drawn}"></path><path class="edge" d="{drawn}"></path>'


def _borders(ground: _Ground, at: tuple[int, int], inside: frozenset[int]) -> Iterator[str]:
    row, column = at
    left, right = ground.x(column), ground.x(column + 1)
    upper, lower = ground.y(row), ground.y(row + 1)
    sides = (
        (row - 1, column, f"M{left} {upper}H{right}"),
        (row + 1, column, f"M{left} {lower}H{right}"),
        (row, column - 1, f"M{left} {upper}V{lower}"),
        (row, column + 1, f"M{right} {upper}V{lower}"),
    )
    for beside_row, beside_column, drawn in sides:
        within = 0 <= beside_row < ground.rows and 0 <= beside_column < ground.columns
        if not within or beside_row * ground.columns + beside_column not in inside:
            yield drawn


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
