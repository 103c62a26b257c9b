"""The HTML report: one self-contained page without script, image file or network.

The page forbids scripts and requests to itself (a content security policy), so that a model's
output cannot act in it. It stays under :data:`LARGEST` bytes: where the records are too many, it
is made again with less detail per verdict and says what was left out; the evidence file beside
it holds everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_promptchaos.report.answers import answer_kinds, askings
from pytest_promptchaos.report.associations import scatters
from pytest_promptchaos.report.bridges import bridge_view, judged_bridges, session_bridges
from pytest_promptchaos.report.charts import figures
from pytest_promptchaos.report.controls import control_tallies
from pytest_promptchaos.report.diagnosis import diagnoses_words
from pytest_promptchaos.report.evidence import put_in_place
from pytest_promptchaos.report.heatmap import heatmaps
from pytest_promptchaos.report.ledger import ledger
from pytest_promptchaos.report.overview import (
    broken,
    in_order,
    is_system,
    judged,
    models,
    tally,
)
from pytest_promptchaos.report.pooling import selfplay_kinds
from pytest_promptchaos.report.reliability import reliability, unlabeled
from pytest_promptchaos.report.selfplay import condition_rows, plays
from pytest_promptchaos.report.templates import templates
from pytest_promptchaos.report.unmeasured import gaps

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from pytest_promptchaos.records import Record
    from pytest_promptchaos.report.overview import Judged

EVIDENCE_NAME = "promptchaos-records.json"
LARGEST = 2_400_000
"""Bytes. The promise is 3 MB for 10,000 measurements."""


@dataclass(frozen=True, kw_only=True)
class Detail:
    """How much of the records the page holds; counts, and characters per text.

    ``branches`` are branch cards per verdict, ``maps`` layers of a rescue map, ``ledger`` rows of
    the validity ledger, ``timelines`` conversations that are drawn per condition,
    ``conversations`` rows of their table, ``transcripts`` those shown in full, and ``agreements``
    the panels of one kind; ``askings`` are sets of answers, ``overlays`` and ``samples`` what is
    shown of each.
    """

    cards: int
    branches: int
    maps: int
    folded: int
    rows: int
    pairs: int
    neighbors: int
    ledger: int
    timelines: int
    conversations: int
    transcripts: int
    agreements: int
    askings: int
    overlays: int
    samples: int
    characters: int
    lines: int


DETAILS = (
    Detail(
        cards=40,
        branches=4,
        maps=100,
        folded=80,
        rows=1500,
        pairs=3,
        neighbors=40,
        ledger=300,
        timelines=400,
        conversations=200,
        transcripts=3,
        agreements=24,
        askings=8,
        overlays=4,
        samples=24,
        characters=900,
        lines=300,
    ),
    Detail(
        cards=25,
        branches=2,
        maps=40,
        folded=25,
        rows=800,
        pairs=2,
        neighbors=12,
        ledger=150,
        timelines=200,
        conversations=60,
        transcripts=1,
        agreements=12,
        askings=4,
        overlays=3,
        samples=10,
        characters=400,
        lines=150,
    ),
    Detail(
        cards=10,
        branches=1,
        maps=0,
        folded=0,
        rows=300,
        pairs=1,
        neighbors=0,
        ledger=40,
        timelines=60,
        conversations=0,
        transcripts=0,
        agreements=6,
        askings=2,
        overlays=1,
        samples=4,
        characters=200,
        lines=60,
    ),
)


def page(records: Sequence[Record], *, evidence_name: str = EVIDENCE_NAME) -> str:
    """Return the page. ``evidence_name`` is the file beside it that holds the full data."""
    records = in_order(records)
    verdicts = judged(records)
    asked = [one.verdict for one in verdicts if not is_system(one.verdict)]
    systems = models(records)
    facts = {
        "records": records,
        "evidence_name": evidence_name,
        "attention": [one for one in verdicts if not one.green],
        "others": [one for one in verdicts if one.green],
        "broken": broken(records),
        "tally": tally(verdicts),
        "models": systems,
        "systems": len(verdicts) - len(asked),
        "heatmaps": heatmaps(verdicts, tuple(systems)),
        **_drawn(verdicts),
        **_bridges(records),
        "ledger": ledger(verdicts),
        "diagnoses": diagnoses_words(one.verdict for one in verdicts),
        "controls": control_tallies(verdicts),
        "environment": _environment(records),
        "gaps": gaps(verdicts),
        "runs_measured": sum(verdict.runs_measured for verdict in asked),
        "runs_reused": sum(verdict.runs_reused for verdict in asked),
    }
    return _smallest_loss(facts)


def _drawn(verdicts: Sequence[Judged]) -> dict[str, object]:
    """Return what the page holds of self-play and of answers, and the curves of all else."""
    drawn, played, asked = figures(verdicts), selfplay_kinds(verdicts), answer_kinds(verdicts)
    found, asking = plays(verdicts), askings(verdicts)
    return {
        "plays": found,
        "condition_rows": condition_rows(found),
        "play_figures": [one for one in drawn if one.kind in played],
        "askings": asking,
        "answer_figures": [one for one in drawn if one.kind in asked - played],
        "figures": [one for one in drawn if one.kind not in played | asked],
        "reliability": reliability(verdicts),
        "unlabeled": unlabeled(verdicts),
    }


def _bridges(records: Sequence[Record]) -> dict[str, object]:
    """Return what the page holds of bridges: those that were judged, and the session's own."""
    judged_ones, own = judged_bridges(records), session_bridges(records)
    return {
        "bridges": [bridge_view(one) for one in judged_ones],
        "session_bridges": [bridge_view(one) for one in own],
        "scatters": scatters(tuple(dict.fromkeys((*judged_ones, *own)))),
    }


def write_page(records: Sequence[Record], path: str | os.PathLike[str]) -> None:
    """Write :func:`page` of the records to ``path``."""
    put_in_place(page(records), path)


def _smallest_loss(facts: Mapping[str, object]) -> str:
    template = templates().get_template("page.html.jinja")
    text = ""
    for detail in DETAILS:
        text = template.render(facts, detail=detail)
        if len(text.encode()) <= LARGEST:
            break
    return text


def _environment(records: Sequence[Record]) -> dict[str, str]:
    values: dict[str, dict[str, None]] = {}
    for record in records:
        for name, value in record.environment.items():
            values.setdefault(name, {})[value] = None
    return {name: "; ".join(values[name]) for name in sorted(values)}
