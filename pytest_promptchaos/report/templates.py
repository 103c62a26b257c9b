"""The page's templates: what they may call, and the one gate that all text passes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pytest_promptchaos.report import (
    answers,
    bridges,
    drawing,
    flips,
    focus,
    legible,
    replies,
    selfplay,
)
from pytest_promptchaos.report.axes import length_table, other_axis
from pytest_promptchaos.report.bars import bar
from pytest_promptchaos.report.beside import beside
from pytest_promptchaos.report.cards import card_views, uncarded
from pytest_promptchaos.report.diagnosis import (
    diagnosis,
    explained,
    failed_controls,
    meaning,
    next_step,
)
from pytest_promptchaos.report.distances import distance_words
from pytest_promptchaos.report.heatmap import distance_key
from pytest_promptchaos.report.layers import SIGNS, layer_table, layers_line
from pytest_promptchaos.report.overview import (
    is_comparison,
    name_of_test,
    side_names,
    verdict_name,
)
from pytest_promptchaos.report.points import columns, point_rows
from pytest_promptchaos.report.sidebyside import compared_pairs, difference_words, side_by_side
from pytest_promptchaos.report.timelines import pictures, row_words
from pytest_promptchaos.report.transcripts import transcripts
from pytest_promptchaos.report.unmeasured import times_words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FOLDER = Path(__file__).parent
NAMED = 12
"""Models that a control names, of those on which it went alike; the others are counted."""

FILTERS: Mapping[str, Callable[..., object]] = {
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
    "explained": explained,
    "times_words": times_words,
    "columns": columns,
    "point_rows": point_rows,
    "picture": Markup,
    "association_of": bridges.association_of,
    "shown": bridges.shown,
    "shown_value": bridges.shown_value,
    "shown_limit": bridges.shown_limit,
    "counted": bridges.counted,
    "alone": bridges.alone,
    "standing": bridges.standing,
    "standing_meaning": bridges.standing_meaning,
    "bucket_rows": selfplay.bucket_rows,
    "stopped_words": selfplay.stopped_words,
    "timelines": pictures,
    "row_words": row_words,
    "transcripts": transcripts,
    "measured_rows": answers.measured_rows,
    "reading": answers.reading,
    "quadrant_table": answers.quadrant_table,
    "kind_rows": flips.kind_rows,
    "questioned": replies.questioned,
    "contradiction": replies.contradiction,
    "overlays": focus.beside_each_other,
}

GLOBALS: Mapping[str, object] = {
    "SERIES": drawing.SERIES,
    "DASHES": drawing.DASHES,
    "POINTS": drawing.POINTS,
    "TEXT": drawing.TEXT,
    "LINE": drawing.LINE,
    "SIGNS": SIGNS,
    "NAMED": NAMED,
}


def templates() -> Environment:
    """Return the environment in which the page is rendered."""
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )
    environment.filters |= FILTERS
    environment.globals |= GLOBALS
    return environment


def _printable(value: object) -> object:
    # The one gate for all text of the records: Markup is ours, everything else may be a model's.
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return legible.legible(value)
