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
FIRST = "first_collapse_turn"
CENSORED: Mapping[str, str] = {
    "after": "counted as the turn after their last",
    "last": "counted as their last turn",
    "exclude": "left out",
}
"""What the first collapsed turn is of a conversation that never collapsed, by the setting."""
LEXICAL = "lexical_"
"""How the name of a measurement begins that the detector of repeated words took."""
READING = ", drift="
"""What stands between a measurement and the reading of drift that was not judged by."""
DIGITS = re.compile(r"\d[\d,.]*")


@dataclass(frozen=True, kw_only=True)
class Play:
    """The conversations of one or several verdicts, with everything measured of them.

    ``censor`` says how a conversation without a collapse enters its first collapsed turn.
    """

    name: str
    model: str
    timelines: tuple[Timeline, ...]
    measured: tuple[Measurement, ...]
    censor: str = ""


@dataclass(frozen=True, kw_only=True)
class ConditionCell:
    """One measurement of a play; ``other`` is the same by the other reading of drift.

    The notes say how many conversations it leaves open, and how they are counted.
    """

    measured: Measurement | None
    note: str
    other: Measurement | None
    other_note: str

    @property
    def alike(self) -> bool:
        """Whether both readings say the same, so that it is told once."""
        one, other = self.measured, self.other
        if one is None or other is None:
            return one is other
        return (_numbers(one), self.note) == (_numbers(other), self.other_note)


@dataclass(frozen=True, kw_only=True)
class ConditionRow:
    """One measurement over all plays; ``reading`` names the other reading of drift, if any."""

    name: str
    meaning: str
    reading: str
    cells: tuple[ConditionCell, ...]


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
        censor=str(group[0].verdict.settings.get("censor", "")),
    )


def _all(one: Judged) -> tuple[Measurement, ...]:
    return (one.verdict.measurement, *one.verdict.also)


def condition_rows(found: Sequence[Play]) -> tuple[ConditionRow, ...]:
    """Return a row per measurement, its cells in the order of the plays.

    What was taken by both readings of the drift clause is one row.
    """
    names = dict.fromkeys(one.name for play in found for one in play.measured)
    readings: dict[str, str] = {}
    for name in names:
        own, marked, reading = name.partition(READING)
        readings.setdefault(own, "")
        readings[own] = reading if marked else readings[own]
    return tuple(
        ConditionRow(
            name=one_line(name.replace("_", " ")),
            meaning=_meaning(name),
            reading=reading,
            cells=tuple(_cell(play, name, reading) for play in found),
        )
        for name, reading in readings.items()
    )


def _cell(play: Play, name: str, reading: str) -> ConditionCell:
    taken = {one.name: one for one in play.measured}
    first = name == FIRST
    return ConditionCell(
        measured=taken.get(name),
        note=_never(play, [one.collapsed for one in play.timelines]) if first else "",
        other=taken.get(f"{name}{READING}{reading}") if reading else None,
        other_note=_never(play, [one.otherwise for one in play.timelines]) if first else "",
    )


def _numbers(one: Measurement) -> tuple[object, ...]:
    return one.value, one.low, one.high, one.effective_n, one.reason


def _never(play: Play, labels: Sequence[tuple[bool, ...]]) -> str:
    """Return how many conversations never collapse, and how those enter the first turn."""
    never = sum(not any(one) for one in labels)
    handled = f", {CENSORED[play.censor]}" if never and play.censor in CENSORED else ""
    return f"never in {never} of {len(labels)}{handled}"


def _meaning(name: str) -> str:
    """Return what a measurement says, or how it was taken where it says the same as another."""
    told = name.removeprefix(LEXICAL)
    if told not in MEANINGS:
        return ""
    return "the same by repeated words" if name.startswith(LEXICAL) else MEANINGS[told]


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
