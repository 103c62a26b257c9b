"""The HTML report: one self-contained page without script, image file or network.

The page forbids scripts and requests to itself (a content security policy), so that a model's
output cannot act in it. It stays under :data:`LARGEST` bytes: where the records are too many, it
is made again with less detail per verdict and says what was left out; the evidence file beside
it holds everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pytest_promptchaos.report import charts, drawing, legible
from pytest_promptchaos.report.axes import length_table, other_axis
from pytest_promptchaos.report.bars import bar
from pytest_promptchaos.report.beside import beside
from pytest_promptchaos.report.cards import card_views, uncarded
from pytest_promptchaos.report.controls import control_tallies
from pytest_promptchaos.report.diagnosis import diagnoses_words, diagnosis, failed_controls, meaning
from pytest_promptchaos.report.distances import distance_words
from pytest_promptchaos.report.evidence import put_in_place
from pytest_promptchaos.report.heatmap import distance_key, heatmaps
from pytest_promptchaos.report.layers import SIGNS, layer_table, layers_line
from pytest_promptchaos.report.ledger import ledger
from pytest_promptchaos.report.overview import (
    broken,
    is_comparison,
    is_system,
    judged,
    models,
    name_of_test,
    side_names,
    tally,
    verdict_name,
)
from pytest_promptchaos.report.points import columns, point_rows
from pytest_promptchaos.report.sidebyside import difference_words, side_by_side
from pytest_promptchaos.report.unmeasured import gaps, times_words

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from pytest_promptchaos.records import Pair, Record, Verdict

FOLDER = Path(__file__).parent
EVIDENCE_NAME = "promptchaos-records.json"
LARGEST = 2_400_000
"""Bytes. The promise is 3 MB for 10,000 measurements."""

NAMED = 12
"""Models that a control names, of those on which it went alike; the others are counted."""


@dataclass(frozen=True, kw_only=True)
class Detail:
    """How much of the records the page holds; counts, and characters per text.

    ``branches`` are branch cards per verdict, ``maps`` layers of a rescue map, ``ledger`` rows of
    the validity ledger.
    """

    cards: int
    branches: int
    maps: int
    folded: int
    rows: int
    pairs: int
    neighbors: int
    ledger: int
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
        characters=200,
        lines=60,
    ),
)


def page(records: Sequence[Record], *, evidence_name: str = EVIDENCE_NAME) -> str:
    """Return the page. ``evidence_name`` is the file beside it that holds the full data."""
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
        "figures": charts.figures(verdicts),
        "ledger": ledger(verdicts),
        "diagnoses": diagnoses_words(one.verdict for one in verdicts),
        "controls": control_tallies(verdicts),
        "environment": _environment(records),
        "gaps": gaps(verdicts),
        "runs_measured": sum(verdict.runs_measured for verdict in asked),
        "runs_reused": sum(verdict.runs_reused for verdict in asked),
    }
    return _smallest_loss(facts)


def write_page(records: Sequence[Record], path: str | os.PathLike[str]) -> None:
    """Write :func:`page` of the records to ``path``."""
    put_in_place(page(records), path)


def _smallest_loss(facts: Mapping[str, object]) -> str:
    template = _templates().get_template("page.html.jinja")
    text = ""
    for detail in DETAILS:
        text = template.render(facts, detail=detail)
        if len(text.encode()) <= LARGEST:
            break
    return text


def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )
    environment.filters |= {
        "number": legible.number,
        "plural": legible.plural,
        "shortened": legible.shortened,
        "value_words": legible.value_words,
        "interval_words": legible.interval_words,
        "level_words": legible.level_words,
        "limit_words": legible.limit_words,
        "verdict_name": verdict_name,
        "name_of_test": name_of_test,
        "bar": bar,
        "diagnosis": diagnosis,
        "failed_controls": failed_controls,
        "meaning": meaning,
        "other_axis": other_axis,
        "length_table": length_table,
        "card_views": card_views,
        "uncarded": uncarded,
        "token_spelled": legible.token_spelled,
        "beside": beside,
        "layer_table": layer_table,
        "layers_line": layers_line,
        "side_by_side": side_by_side,
        "difference_words": difference_words,
        "compared_pairs": compared_pairs,
        "distance_key": distance_key,
        "distance_words": distance_words,
        "is_comparison": is_comparison,
        "side_names": side_names,
        "next_step": next_step,
        "times_words": times_words,
        "columns": columns,
        "point_rows": point_rows,
        "picture": Markup,
    }
    environment.globals |= {
        "SERIES": drawing.SERIES,
        "DASHES": drawing.DASHES,
        "POINTS": drawing.POINTS,
        "TEXT": drawing.TEXT,
        "LINE": drawing.LINE,
        "SIGNS": SIGNS,
        "NAMED": NAMED,
    }
    return environment


def _printable(value: object) -> object:
    # The one gate for all text of the records: Markup is ours, everything else may be a model's.
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return legible.legible(value)


def compared_pairs(verdict: Verdict) -> list[Pair]:
    """Return the pairs with two different outputs, the one that shows the number best first."""
    compared = [pair for pair in verdict.pairs if pair.tokens_b or pair.output_b]
    changed = [pair for pair in compared if pair.branch or pair.output_a != pair.output_b]
    return sorted(changed, key=lambda pair: pair.neighbor_id != verdict.worst)


def next_step(verdict: Verdict) -> str:
    """Return what to do next: the last paragraph of the explanation, if it has several."""
    paragraphs = verdict.explanation.strip().split("\n\n")
    if len(paragraphs) == 1:
        return ""
    return dedent(paragraphs[-1].removeprefix("next:\n"))


def _environment(records: Sequence[Record]) -> dict[str, str]:
    values: dict[str, dict[str, None]] = {}
    for record in records:
        for name, value in record.environment.items():
            values.setdefault(name, {})[value] = None
    return {name: "; ".join(values[name]) for name in sorted(values)}
