"""What models said to themselves and to each other: every condition once, side by side."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from pytest_promptchaos.report.legible import one_line, plural
from pytest_promptchaos.report.overview import name_of_test
from pytest_promptchaos.report.turns import condition_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_promptchaos.records import Measurement, Timeline
    from pytest_promptchaos.report.overview import Judged

MEANINGS: Mapping[str, str] = {
    "collapse_incidence": "share of conversations with a collapsed turn",
    "collapse_rate": "share of turns that are collapsed, averaged over conversations",
    "first_collapse_turn": "the first collapsed turn",
    "entrenchment_depth": "how many turns a conversation's longest collapse lasts",
    "escape_probability": "chance per turn to leave a collapse",
    "time_to_recollapse": "turns from an escape to the next collapse, where one follows",
}
"""What the measurements of self-play say."""
LEXICAL = "lexical_"
"""How the name of a measurement begins that the detector of repeated words took."""
DIGITS = re.compile(r"\d[\d,.]*")


@dataclass(frozen=True, kw_only=True)
class Play:
    """The conversations of one or several verdicts, with everything measured of them."""

    name: str
    model: str
    timelines: tuple[Timeline, ...]
    measured: tuple[Measurement, ...]


@dataclass(frozen=True, kw_only=True)
class ConditionRow:
    """One measurement over all plays; absent where it was not taken."""

    name: str
    meaning: str
    cells: tuple[Measurement | None, ...]


@dataclass(frozen=True, kw_only=True)
class BucketRow:
    """The conversations of one kind of seed prompt."""

    bucket: str
    conversations: int
    collapsed: int
    rate: float
    first: float | None
    stopped: int


def plays(verdicts: Sequence[Judged]) -> tuple[Play, ...]:
    """Return the plays by name; verdicts on the same conversations are one, one name told apart.

    A measurement that two verdicts took alike counts once.
    """
    found: dict[tuple[Timeline, ...], list[Judged]] = {}
    for one in verdicts:
        if one.verdict.timelines:
            found.setdefault(one.verdict.timelines, []).append(one)
    names = Counter(condition_words(group[0].verdict) for group in found.values())
    made = [_play(timelines, group, names) for timelines, group in found.items()]
    return tuple(sorted(made, key=lambda play: play.name))


def _play(
    timelines: tuple[Timeline, ...], group: Sequence[Judged], names: Mapping[str, int]
) -> Play:
    name = condition_words(group[0].verdict)
    measured = {
        one.name: one
        for judged in reversed(group)
        for one in (judged.verdict.measurement, *judged.verdict.also)
    }
    order = [one.name for judged in group for one in _all(judged)]
    return Play(
        name=f"{name} ({name_of_test(group[0])})" if names[name] > 1 else name,
        model=group[0].model,
        timelines=timelines,
        measured=tuple(measured[one] for one in dict.fromkeys(order)),
    )


def _all(one: Judged) -> tuple[Measurement, ...]:
    return (one.verdict.measurement, *one.verdict.also)


def condition_rows(found: Sequence[Play]) -> tuple[ConditionRow, ...]:
    """Return a row per measurement, its cells in the order of the plays."""
    by_name = [{one.name: one for one in play.measured} for play in found]
    names = dict.fromkeys(name for play in by_name for name in play)
    return tuple(
        ConditionRow(
            name=one_line(name.replace("_", " ")),
            meaning=_meaning(name),
            cells=tuple(play.get(name) for play in by_name),
        )
        for name in names
    )


def _meaning(name: str) -> str:
    """Return what a measurement says, or how it was taken where it says the same as another."""
    told, reading, _ = name.removeprefix(LEXICAL).partition(", drift=")
    if told not in MEANINGS:
        return ""
    by = ["the same by the other reading of drift"] if reading else []
    by += ["the same by repeated words"] if name.startswith(LEXICAL) else []
    return ", ".join(by) or MEANINGS[told]


def bucket_rows(timelines: Sequence[Timeline]) -> tuple[BucketRow, ...]:
    """Return what happened by kind of seed prompt, and last over all where there are several."""
    buckets = {one.bucket or "no bucket": None for one in timelines}
    rows = [
        _bucket_row(name, [one for one in timelines if (one.bucket or "no bucket") == name])
        for name in buckets
    ]
    return (*rows, _bucket_row("all", timelines)) if len(rows) > 1 else tuple(rows)


def _bucket_row(name: str, timelines: Sequence[Timeline]) -> BucketRow:
    first = [one.first for one in timelines if one.first is not None]
    return BucketRow(
        bucket=name,
        conversations=len(timelines),
        collapsed=len(first),
        rate=sum(one.rate for one in timelines) / len(timelines),
        first=float(median(first)) if first else None,
        stopped=sum(bool(one.stopped) for one in timelines),
    )


def stopped_words(timelines: Sequence[Timeline]) -> tuple[str, ...]:
    """Return why conversations are shorter than asked, each reason counted with one example.

    Reasons that differ in their numbers alone are one.
    """
    reasons: dict[str, list[str]] = {}
    for one in timelines:
        if one.stopped:
            reasons.setdefault(DIGITS.sub("#", one.stopped), []).append(one.stopped)
    return tuple(_reason(alike) for alike in reasons.values())


def _reason(alike: Sequence[str]) -> str:
    such = " such as" if len(set(alike)) > 1 else ""
    return one_line(f"{plural(len(alike), 'conversation')} stopped early,{such} {alike[0]}")
