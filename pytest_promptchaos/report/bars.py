"""A verdict's number, interval and limit as positions on one small bar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_promptchaos.report.legible import (
    interval_words,
    level_words,
    limit_words,
    number,
    value_words,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_promptchaos.records import Limit, Verdict

MARGIN, AROUND = 0.08, 0.6
"""Room at the ends, in lengths of what lies between; two limits have their words outside."""
NEAR = 22
"""Per cent from an end of the bar within which a limit's words need its room."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A limit on the bar, in per cent: its place, and where what it forbids begins and how wide.

    ``side`` says on which side of the place its words have room.
    """

    place: float
    words: str
    beyond: float
    width: float
    side: str


@dataclass(frozen=True, kw_only=True)
class Bar:
    """Places in per cent of the bar's length; ``low`` and ``width`` are absent with the interval.

    ``words`` say the same to those who cannot see the bar.
    """

    value: float
    low: float | None
    width: float | None
    limits: tuple[Mark, ...]
    start: str
    end: str
    words: str


def bar(verdict: Verdict) -> Bar | None:
    """Return the bar of the verdict's measurement, or nothing where there is no value."""
    measurement, limit = verdict.measurement, verdict.limit
    if measurement.value is None:
        return None
    bounds = [one for one in (limit.at_least, limit.at_most) if one is not None]
    start, end = _scale([measurement.value, measurement.low, measurement.high], bounds)
    limits = tuple(_marks(limit, start, end))
    low, high = _place(measurement.low, start, end), _place(measurement.high, start, end)
    taken = NEAR * len(limits)
    return Bar(
        value=_share(measurement.value, start, end),
        low=low if high is not None else None,
        width=round(high - low, 2) if low is not None and high is not None else None,
        limits=limits,
        start="" if any(mark.place < taken for mark in limits) else number(start),
        end="" if any(mark.place > 100 - taken for mark in limits) else number(end),
        words=value_line(verdict),
    )


def _marks(limit: Limit, start: float, end: float) -> Iterator[Mark]:
    both = limit.at_least is not None and limit.at_most is not None
    for words, bound in (("at least", limit.at_least), ("at most", limit.at_most)):
        if bound is None:
            continue
        place = _share(bound, start, end)
        below = words == "at least"
        outside = "left" if below else "right"
        yield Mark(
            place=place,
            words=f"{words} {bound:g}",
            beyond=0.0 if below else place,
            width=place if below else round(100 - place, 2),
            side=outside if both else _side(place),
        )


def value_line(verdict: Verdict) -> str:
    """Return number, interval and limit in one line of words."""
    measurement, limit = verdict.measurement, verdict.limit
    words = [f"{measurement.name} {value_words(measurement, limit)}"]
    if interval := interval_words(measurement, limit):
        words.append(f"{level_words(measurement.level)} interval {interval}")
    return ", ".join([*words, f"limit {limit_words(limit)}"])


def _side(place: float) -> str:
    return "right" if place < NEAR else "left" if place > 100 - NEAR else ""


def _scale(numbers: list[float | None], bounds: list[float]) -> tuple[float, float]:
    """Return the ends of the bar: from zero past one limit, or around two, wherever they lie."""
    known = [one for one in numbers if one is not None]
    if len(bounds) > 1:
        start, end = min(*known, *bounds), max(*known, *bounds)
        margin = AROUND * ((end - start) or 1.0)
        return start - margin, end + margin
    start, end = min(0.0, *known, *bounds), max(0.0, *known, *bounds)
    margin = MARGIN * ((end - start) or 1.0)
    return (start - margin if start < 0 else start), end + margin


def _place(number: float | None, start: float, end: float) -> float | None:
    return None if number is None else _share(number, start, end)


def _share(number: float, start: float, end: float) -> float:
    return round(100 * (number - start) / (end - start), 2)
