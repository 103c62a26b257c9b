"""Collapse timelines: a row per conversation, a cell per turn, one SVG per condition.

Written by hand like :mod:`trace`: runs of equal cells are one rectangle of one path per row, so
that 720 conversations of 40 turns take about 0.2 MB. Each row has three lanes, one beneath the
other, so that no mark hides another and colour is never the only carrier.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from pytest_promptchaos.report.legible import number, one_line, plural, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_promptchaos.records import Timeline

LEFT, RIGHT, WIDTH = 8, 448, 456
"""Pixels: where turn 1 begins, where the last turn ends, and the whole width."""
LETTERS, HEADING, AXIS = 13, 22, 34
"""Pixels: size of letters, height of a bucket's name, and of the axis below."""
PITCHES = ((40, 14.0), (100, 9.0))
"""How high a row is, in pixels, up to how many rows; more rows are :data:`LOWEST` high."""
LOWEST = 6.0
BETWEEN = 2.0
"""Pixels between the conversations of one seed prompt and those of the next."""
LANES = (("collapsed", 0.0, 0.46), ("otherwise", 0.48, 0.18), ("lexical", 0.68, 0.18))
"""The lanes of a row: whose turns, where it begins and how high it is, in shares of a row."""
TICKS = (1, 5, 10)


@dataclass(frozen=True, kw_only=True)
class Timelines:
    """The picture of one condition, what it shows in words, and how many rows it leaves out."""

    condition: str
    svg: Markup
    words: str
    shown: int
    left_out: int


@dataclass(frozen=True, kw_only=True)
class _Scale:
    """From turns and rows to pixels."""

    asked: int
    pitch: float

    def x(self, turn: float) -> str:
        """Return the left edge of a turn, counted from 0."""
        return _short(LEFT + (RIGHT - LEFT) * turn / self.asked)

    def width(self, turns: int) -> str:
        return _short((RIGHT - LEFT) * turns / self.asked)


def pictures(timelines: Sequence[Timeline], most: int) -> tuple[Timelines, ...]:
    """Return a picture per condition, of ``most`` conversations each at most."""
    conditions = dict.fromkeys(one.condition for one in timelines)
    return tuple(
        _condition(name, [one for one in timelines if one.condition == name], most)
        for name in conditions
    )


def _condition(name: str, timelines: Sequence[Timeline], most: int) -> Timelines:
    shown = _spread(timelines, most)
    words = _words(name, timelines)
    return Timelines(
        condition=name,
        svg=_picture(shown, words),
        words=words,
        shown=len(shown),
        left_out=len(timelines) - len(shown),
    )


def _spread(timelines: Sequence[Timeline], most: int) -> list[Timeline]:
    """Return at most so many of them, at equal distances, those of one bucket together."""
    step = -(-len(timelines) // max(1, most))
    order = {bucket: place for place, bucket in enumerate(dict.fromkeys(map(_bucket, timelines)))}
    return sorted(timelines[::step], key=lambda one: (order[_bucket(one)], one.seed_id, one.repeat))


def _bucket(one: Timeline) -> str:
    return one.bucket


def _words(name: str, timelines: Sequence[Timeline]) -> str:
    """Return what the picture shows to those who cannot see it."""
    collapsed = sum(one.first is not None for one in timelines)
    stopped = sum(bool(one.stopped) for one in timelines)
    return one_line(
        f"{name}: {collapsed} of {plural(len(timelines), 'conversation')} collapsed, "
        f"{stopped} stopped early; numbers by kind of seed prompt stand in the table below"
    )


def _picture(timelines: Sequence[Timeline], words: str) -> Markup:
    pitch = next((height for most, height in PITCHES if len(timelines) <= most), LOWEST)
    scale = _Scale(asked=max(one.asked for one in timelines), pitch=pitch)
    parts: list[str] = []
    top = 0.0
    for bucket, found in groupby(timelines, key=_bucket):
        parts.append(_text(LEFT, top + HEADING - 7, bucket or "all seed prompts"))
        top += HEADING
        for place, (_, repeats) in enumerate(groupby(found, key=lambda one: one.seed_id)):
            top += BETWEEN * bool(place)
            for one in repeats:
                parts.append(_row(one, top, scale))
                top += pitch
    parts += _axis(scale, top)
    label = escape(words)
    head = f'<svg class="timelines" viewBox="0 0 {WIDTH} {_short(top + AXIS)}" role="img" '
    return Markup(f'{head}aria-label="{label}">{"".join(parts)}</svg>')  # all text is escaped


def _row(one: Timeline, top: float, scale: _Scale) -> str:
    """Return a conversation: its spoken turns, its lanes, its first collapse, and its stop."""
    high = _short(0.86 * scale.pitch)
    y = _short(top)
    drawn = [_path("spoken", f"M{scale.x(0)} {y}h{scale.width(one.turns)}v{high}H{scale.x(0)}z")]
    for lane, begin, share in LANES:
        at, height = _short(top + begin * scale.pitch), _short(share * scale.pitch)
        places = [
            f"M{scale.x(start)} {at}h{scale.width(length)}v{height}h-{scale.width(length)}z"
            for start, length in runs(getattr(one, lane))
        ]
        drawn += [_path(lane, "".join(places))] if places else []
    if one.first is not None:
        drawn.append(_path("first", f"M{scale.x(one.first - 1)} {y}h2v{high}h-2z"))
    if one.stopped:
        drawn.append(_path("stop", f"M{scale.x(one.turns)} {y}h3v{high}h-3z"))
    return f"<g><title>{escape(row_words(one))}</title>{''.join(drawn)}</g>"


def runs(flags: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Yield where every run of true flags begins, and how long it is.

    >>> list(runs([False, True, True, False, True]))
    [(1, 2), (4, 1)]
    """
    place = 0
    for flag, alike in groupby(flags):
        length = len(list(alike))
        if flag:
            yield place, length
        place += length


def row_words(one: Timeline) -> str:
    """Return a conversation in one line: which it is, how much of it collapsed, and its end."""
    first = f", first at turn {one.first}" if one.first else ""
    end = f", stopped: {shortened(one.stopped, 120)}" if one.stopped else ""
    told = f"{sum(one.collapsed)} of {plural(one.turns, 'turn')} collapsed"
    return one_line(f"{one.seed_id}, repeat {one.repeat}: {told}{first}{end}")


def _axis(scale: _Scale, top: float) -> Iterator[str]:
    last = scale.asked
    step = next((size for size in (1, 5, 10, 20, 50) if last / size <= 8), 100)
    ticks = dict.fromkeys([1, *range(step, last - step // 2, step), last])
    for turn in ticks:
        middle = (turn - 0.5) * (RIGHT - LEFT) / last + LEFT
        yield _text(middle, top + 16, number(turn), "middle")
    yield _text((LEFT + RIGHT) / 2, top + 31, "turn", "middle")


def _path(name: str, drawn: str) -> str:
    return f'<path class="{name}" d="{drawn}"></path>'


def _text(x: float, y: float, words: str, anchor: str = "start") -> str:
    said = escape(shortened(one_line(words), 60))
    place = f'x="{_short(x)}" y="{_short(y)}"'
    return f'<text {place} font-size="{LETTERS}" text-anchor="{anchor}">{said}</text>'


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
