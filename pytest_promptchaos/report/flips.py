"""Which answers contradict the first phrasing's, and how often each kind of phrasing does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_promptchaos.records import contradict
from pytest_promptchaos.report.layers import Span
from pytest_promptchaos.report.legible import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.records import Answer, Measurement, Sample
    from pytest_promptchaos.report.answers import Asking

FLIPS = "flip_rate"
"""The measurement whose parts are the kinds of phrasings."""
PER = 100.0


@dataclass(frozen=True, kw_only=True)
class KindRow:
    """One kind of phrasing: how often it contradicts the first phrasing, and where on the bar.

    ``base`` tells the first phrasings, which the others are held against: they cannot flip.
    ``place`` and ``reach`` are the share and its interval in per cent of the bar.
    """

    kind: str
    polarity: str
    example: str
    base: bool
    asked: int
    flipped: int
    unclear: int
    measured: Measurement | None
    place: float | None
    reach: Span | None


def kind_rows(asking: Asking) -> tuple[KindRow, ...]:
    """Return a row per kind and polarity, those that flip most first, the first phrasings last."""
    taken = asking.taken(FLIPS)
    parts = {one.name: one for one in taken.breakdown} if taken else {}
    found: dict[tuple[str, int, bool], list[tuple[Sample, Answer]]] = {}
    for sample in asking.samples:
        for place, answer in enumerate(sample.as_is):
            key = (answer.kind, answer.polarity, place == 0)
            found.setdefault(key, []).append((sample, answer))
    rows = [_kind_row(*key, asked, parts.get(key[0])) for key, asked in found.items()]
    return tuple(sorted(rows, key=lambda row: (row.base, -row.flipped / row.asked)))


def _kind_row(
    kind: str,
    polarity: int,
    base: bool,
    asked: Sequence[tuple[Sample, Answer]],
    measured: Measurement | None,
) -> KindRow:
    flipped = sum(contradict(sample.as_is[0], answer) for sample, answer in asked)
    share = None if base else measured.value if measured else flipped / len(asked)
    return KindRow(
        kind=one_line(kind),
        polarity="yes affirms" if polarity == 1 else "yes denies",
        example=asked[0][1].question,
        base=base,
        asked=len(asked),
        flipped=flipped,
        unclear=sum(answer.affirms is None for _, answer in asked),
        measured=None if base else measured,
        place=None if share is None else round(PER * share, 1),
        reach=None if base or measured is None else _reach(measured),
    )


def _reach(one: Measurement) -> Span | None:
    if one.low is None or one.high is None:
        return None
    low, high = max(0.0, one.low), min(1.0, one.high)
    return Span(start=round(PER * low, 1), width=round(PER * (high - low), 1))
