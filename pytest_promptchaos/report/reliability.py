"""How far collapse labels can be relied on: two-by-two counts and agreement, by who labeled."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from pytest_promptchaos.report.layers import Span
from pytest_promptchaos.report.legible import plural
from pytest_promptchaos.report.selfplay import plays

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_promptchaos.records import Agreement, Measurement
    from pytest_promptchaos.report.overview import Judged

Kind: TypeAlias = Literal["detector and labels", "raters", "two detectors"]

HEADINGS: Mapping[Kind, str] = {
    "detector and labels": "The detector against labels",
    "raters": "Raters among themselves",
    "two detectors": "Two detectors",
}
ABOUT: Mapping[Kind, str] = {
    "detector and labels": "whether the detector finds what people call a collapse",
    "raters": "whether people agree on what a collapse is: where they do not, no detector can be "
    "right",
    "two detectors": "whether two ways to detect a collapse agree: both can be wrong alike",
}
UNLABELED = (
    "No labels by people were given, so nothing here says whether the detector is right. Give a "
    "file of labels to hold it against them."
)
NAMES = ("raw", "kappa", "pabak", "ac1", "positive", "negative", "prevalence")
SPOKEN: Mapping[str, str] = {
    "raw": "raw agreement",
    "kappa": "Cohen's kappa",
    "pabak": "PABAK",
    "ac1": "Gwet's AC1",
    "positive": "positive agreement",
    "negative": "negative agreement",
    "prevalence": "prevalence",
}
EXPLAINED: Mapping[str, str] = {
    "raw": "share of the things that both call alike",
    "kappa": "agreement beyond chance; low where almost all are alike",
    "pabak": "kappa as it would be at a prevalence of one half",
    "ac1": "agreement beyond chance, steady where almost all are alike",
    "positive": "of what either calls collapsed, how much both do",
    "negative": "of what either calls not collapsed, how much both do",
    "prevalence": "share that is called collapsed",
}


@dataclass(frozen=True, kw_only=True)
class AgreementRow:
    """One statistic with its interval and its place on a bar that all statistics share."""

    name: str
    meaning: str
    measured: Measurement
    place: float | None
    reach: Span | None


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One agreement: the counts and a row per statistic; ``zero`` is a place in per cent.

    ``condition`` says whose conversations were labeled, ``counted`` how many things of which kind.
    """

    condition: str
    counted: str
    agreement: Agreement
    rows: tuple[AgreementRow, ...]
    zero: float


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """All agreements of one kind."""

    heading: str
    about: str
    panels: tuple[Panel, ...]


def reliability(verdicts: Sequence[Judged]) -> tuple[Reliability, ...]:
    """Return the agreements by kind, the detector against labels first, none of them twice.

    Those of one condition stand together, the conditions by name.
    """
    found = _by_condition(verdicts)
    return tuple(
        Reliability(
            heading=heading,
            about=ABOUT[kind],
            panels=tuple(_panel(name, one) for name, one in found if one.kind == kind),
        )
        for kind, heading in HEADINGS.items()
        if any(one.kind == kind for _, one in found)
    )


def _by_condition(verdicts: Sequence[Judged]) -> list[tuple[str, Agreement]]:
    names = {play.timelines: play.name for play in plays(verdicts)}
    found = dict.fromkeys(
        (names.get(one.verdict.timelines, ""), agreement)
        for one in verdicts
        for agreement in one.verdict.agreements
    )
    return sorted(found, key=lambda pair: pair[0])


def _counted(one: Agreement) -> str:
    """Return how many things were labeled, by the name that the agreement gives them."""
    told = " ".join((one.words, *(getattr(one, name).interval for name in NAMES)))
    found = re.search(rf"\b(?:{one.n}|{one.n:,}) (?P<things>(?!of\b)[a-z]+)", told)
    return f"{one.n} {found['things']}" if found else plural(one.n, "thing")


def unlabeled(verdicts: Sequence[Judged]) -> str:
    """Return that no labels held the detector to account; empty where some did."""
    held = any(a.kind == "detector and labels" for one in verdicts for a in one.verdict.agreements)
    return "" if held else UNLABELED


def _panel(condition: str, one: Agreement) -> Panel:
    measured = {name: getattr(one, name) for name in NAMES}
    start = min([0.0, *_numbers(measured.values())])
    return Panel(
        condition=condition,
        counted=_counted(one),
        agreement=one,
        rows=tuple(_row(name, found, start) for name, found in measured.items()),
        zero=_place(0.0, start),
    )


def _numbers(measured: Iterable[Measurement]) -> list[float]:
    return [n for one in measured for n in (one.value, one.low) if n is not None]


def _row(name: str, found: Measurement, start: float) -> AgreementRow:
    reach = None
    if found.low is not None and found.high is not None:
        low, high = _place(found.low, start), _place(found.high, start)
        reach = Span(start=low, width=round(high - low, 1))
    place = None if found.value is None else _place(found.value, start)
    return AgreementRow(
        name=SPOKEN[name], meaning=EXPLAINED[name], measured=found, place=place, reach=reach
    )


def _place(value: float, start: float) -> float:
    """Return where a number lies between ``start`` and 1, in per cent."""
    return round(100 * (value - start) / (1.0 - start), 1)
