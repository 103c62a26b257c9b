"""The conversations that are shown in full: who said what, which turns are collapsed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_promptchaos.report.timelines import row_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.records import Timeline


@dataclass(frozen=True, kw_only=True)
class TurnRow:
    """One turn; ``marks`` say what the detectors call it, ``speaker`` is empty where one spoke."""

    number: int
    speaker: str
    text: str
    marks: tuple[str, ...]
    s1: float | None
    s2: float | None

    @property
    def collapsed(self) -> bool:
        """Whether the judged detector calls the turn collapsed."""
        return "collapsed" in self.marks


@dataclass(frozen=True, kw_only=True)
class Transcript:
    """One conversation in full, with one line that tells it from the others."""

    name: str
    turns: tuple[TurnRow, ...]
    stopped: str


def transcripts(timelines: Sequence[Timeline], most: int) -> tuple[Transcript, ...]:
    """Return the conversations whose texts were kept, the most collapsed first."""
    kept = [one for one in timelines if one.texts]
    worst = sorted(kept, key=lambda one: (-one.rate, one.first or one.asked))
    return tuple(
        Transcript(name=row_words(one), turns=_rows(one), stopped=one.stopped)
        for one in worst[:most]
    )


def _rows(one: Timeline) -> tuple[TurnRow, ...]:
    several = len(set(one.speakers)) > 1
    return tuple(
        TurnRow(
            number=place + 1,
            speaker=one.speakers[place] if several and place < len(one.speakers) else "",
            text=text,
            marks=tuple(_marks(one, place)),
            s1=_at(one.s1, place),
            s2=_at(one.s2, place),
        )
        for place, text in enumerate(one.texts)
    )


def _marks(one: Timeline, place: int) -> list[str]:
    lanes = {
        "collapsed": one.collapsed,
        "by the other reading": one.otherwise,
        "repeats words": one.lexical,
    }
    return [name for name, flags in lanes.items() if place < len(flags) and flags[place]]


def _at(values: Sequence[float | None], place: int) -> float | None:
    return values[place] if place < len(values) else None
