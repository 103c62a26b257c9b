"""Edits by models: how far each kind of edit moved each model, as a table of shaded cells."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from pytest_promptchaos.records import RUNGS, SMALL_RUNGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_promptchaos.records import Measurement, Pair, Verdict
    from pytest_promptchaos.report.overview import Judged

SHADES = 8
ROWS = 80
COLUMNS = 16
KNOBS: Mapping[str, str] = {
    "horizon": "at {} tokens",
    "metric": "by {}",
    "temperature": "at temperature {}",
    "top_p": "at top_p {}",
}
"""Settings under which one measurement gives other numbers, and how a table's name tells them."""
RANGE = re.compile(r"(?P<low>-?\d+) to (?P<high>\d+)")
REACHES: Mapping[str, float] = {"1 - cosine": 2.0, "share": 1.0}
"""As far as the values of a unit lie apart, by its beginning, where it names no range."""

Kind: TypeAlias = tuple[str, str, tuple[str, ...]]
"""What a table holds: a measurement's name, its unit, and the knobs it was taken under."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One edit on one model. ``shade`` is 0 to 8; ``over`` says that the limit is exceeded.

    On a rung ``low`` to ``high`` is the interval that was judged; on a kind of edit it is the
    smallest and the largest of its neighbors. ``n`` counts neighbors that entered the value;
    ``unreviewed`` those that nobody vouches for, which enter it only where there are no others.
    ``few`` says that there were too few for an interval: it would be wider than the scale.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    erased: int
    reason: str
    unreviewed: int = 0
    few: bool = False
    shade: int = 0
    over: bool = False


@dataclass(frozen=True, kw_only=True)
class Row:
    """A rung (``kind`` empty) or one kind of edit on it, with a cell per model."""

    rung: str
    kind: str
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True, kw_only=True)
class Heatmap:
    """One measurement over edits and models; ``top`` is the value of the darkest shade."""

    name: str
    unit: str
    models: tuple[str, ...]
    rows: tuple[Row, ...]
    top: float
    limit: float | None
    rows_left_out: int
    models_left_out: int

    @property
    def measured(self) -> bool:
        """Whether any cell has a number."""
        return any(cell and cell.value is not None for row in self.rows for cell in row.cells)


def distance_key(verdict: Verdict) -> str:
    """Return the name under which the pairs hold the quantity that was judged."""
    return str(verdict.settings.get("metric", verdict.measurement.name))


def by_rung(measurement: Measurement) -> bool:
    """Return whether the parts are rungs; a bucket of seed prompts may be called like one."""
    parts = measurement.breakdown
    return bool(parts) and all(part.name in RUNGS for part in parts)


def heatmaps(verdicts: Sequence[Judged], order: Sequence[str] = ()) -> tuple[Heatmap, ...]:
    """Return a heatmap per judged measurement whose breakdown is by rung.

    What was measured over other lengths or by another metric has a table of its own. The models
    stand in ``order``, else in that of the verdicts.
    """
    about: dict[Kind, list[Judged]] = {}
    for one in verdicts:
        if by_rung(one.verdict.measurement):
            about.setdefault(_kind(one), []).append(one)
    together = list(dict.fromkeys(kind[:2] for kind in about))
    kinds = sorted(about, key=lambda kind: (together.index(kind[:2]), _horizon(about[kind][0])))
    return tuple(_heatmap(_name(kind, kinds), kind[1], about[kind], order) for kind in kinds)


def _horizon(one: Judged) -> int:
    horizon = one.verdict.settings.get("horizon")
    return horizon if isinstance(horizon, int) else 0


def _kind(one: Judged) -> Kind:
    settings, measured = one.verdict.settings, one.verdict.measurement
    knobs = tuple(
        words.format(settings[knob]) if settings.get(knob) is not None else ""
        for knob, words in KNOBS.items()
    )
    return measured.name, measured.unit, knobs


def _name(kind: Kind, kinds: Sequence[Kind]) -> str:
    """Return the measurement's name, with the knobs that tell its tables apart."""
    name, unit, knobs = kind
    others = [found for other, its, found in kinds if (other, its) == (name, unit)]
    told = [knob for place, knob in enumerate(knobs) if len({one[place] for one in others}) > 1]
    return " ".join(filter(None, (name, *told)))


def _heatmap(name: str, unit: str, about: Sequence[Judged], order: Sequence[str]) -> Heatmap:
    found = dict.fromkeys(one.model for one in about)
    models = tuple(sorted(found, key=lambda one: order.index(one) if one in order else len(order)))
    columns = [[one for one in about if one.model == model] for model in models[:COLUMNS]]
    key = distance_key(about[0].verdict)
    rows = [row for rung in RUNGS for row in _rung_rows(rung, key, columns)]
    limits = {one.verdict.limit.at_most for one in about}
    limit = limits.pop() if len(limits) == 1 else None
    top = _top(rows, limit)
    return Heatmap(
        name=name,
        unit=unit,
        models=models[:COLUMNS],
        rows=tuple(_shaded(_bounded(row, unit), top, limit) for row in rows[:ROWS]),
        top=top,
        limit=limit,
        rows_left_out=max(0, len(rows) - ROWS),
        models_left_out=max(0, len(models) - COLUMNS),
    )


def _rung_rows(rung: str, key: str, columns: Sequence[Sequence[Judged]]) -> Iterable[Row]:
    pairs = [_pairs(rung, key, column) for column in columns]
    kinds = dict.fromkeys(pair.kind for column in pairs for pair in column)
    parts = [_parts(rung, column) for column in columns]
    if not any(parts) and rung != "identical":
        return  # not a part of what was judged, such as small edits beside a response
    if any(parts):
        whole = zip(parts, pairs, strict=True)
        yield Row(rung=rung, kind="", cells=tuple(_rung_cell(*one) for one in whole))
    for kind in kinds:
        whole_rung = kind == rung and not any(parts)
        alike = [[pair for pair in column if pair.kind == kind] for column in pairs]
        cells = tuple(_kind_cell(one, key) for one in alike)
        yield Row(rung=rung, kind="" if whole_rung else kind, cells=cells)


def _pairs(rung: str, key: str, column: Sequence[Judged]) -> list[Pair]:
    """Return the rung's pairs; one that several checks measured alike is counted once."""
    found = {
        (pair.prompt_id, pair.neighbor_id, pair.distances.get(key)): pair
        for one in column
        for pair in one.verdict.pairs
        if pair.rung == rung
    }
    return list(found.values())


def _parts(rung: str, column: Sequence[Judged]) -> list[Measurement]:
    """Return the rung's measurements, those of the most prompts first.

    A check around prompts that others already cover adds nothing, so that none counts twice.
    """
    covered: set[str] = set()
    found: list[Measurement] = []
    for one in sorted(column, key=lambda one: -len(_prompts(one))):
        if not found or not _prompts(one) <= covered:
            found += [part for part in one.verdict.measurement.breakdown if part.name == rung]
            covered |= _prompts(one)
    return found


def _prompts(one: Judged) -> set[str]:
    return {pair.prompt_id for pair in one.verdict.pairs}


def _rung_cell(parts: Sequence[Measurement], pairs: Sequence[Pair]) -> Cell | None:
    """Return the rung's mean over the verdicts, with the span of their intervals."""
    if not parts:
        return None
    values = [part.value for part in parts if part.value is not None]
    return Cell(
        value=sum(values) / len(values) if values else None,
        low=min((part.low for part in parts if part.low is not None), default=None),
        high=max((part.high for part in parts if part.high is not None), default=None),
        n=sum(part.effective_n for part in parts),
        erased=_erased(pairs),
        unreviewed=_unreviewed(pairs),
        reason=next((part.reason for part in parts if part.reason), ""),
    )


def _kind_cell(pairs: Sequence[Pair], key: str) -> Cell | None:
    if not pairs:
        return None
    measured = [p for p in pairs if key in p.distances and p.certification != "erased"]
    vouched = [pair for pair in measured if pair.gates] or measured
    values = [pair.distances[key] for pair in vouched]
    return Cell(
        value=sum(values) / len(values) if values else None,
        low=min(values) if len(values) > 1 else None,
        high=max(values) if len(values) > 1 else None,
        n=len(values),
        erased=_erased(pairs),
        reason="" if values else _absence(pairs),
        unreviewed=_unreviewed(pairs),
    )


def _absence(pairs: Sequence[Pair]) -> str:
    if _erased(pairs) == len(pairs):
        return "erased by the template"
    return next((reason for pair in pairs for _, reason in pair.missing), "not measured")


def _erased(pairs: Iterable[Pair]) -> int:
    return sum(pair.certification == "erased" for pair in pairs)


def _unreviewed(pairs: Iterable[Pair]) -> int:
    return sum(not pair.gates for pair in pairs)


def _top(rows: Iterable[Row], limit: float | None) -> float:
    # The positive control is large on purpose: scaling to it would whiten every small edit.
    values = [
        abs(cell.value)
        for row in rows
        if row.rung in SMALL_RUNGS
        for cell in row.cells
        if cell is not None and cell.value is not None
    ]
    return max([*values, abs(limit or 0.0)], default=0.0) or 1.0


def _bounded(row: Row, unit: str) -> Row:
    """Return the row without intervals that are wider than the unit's scale: they say nothing."""
    reach = _reach(unit)
    if row.kind or reach is None:
        return row
    return replace(row, cells=tuple(cell and _bounded_cell(cell, reach) for cell in row.cells))


def _bounded_cell(cell: Cell, reach: float) -> Cell:
    if cell.low is None or cell.high is None or cell.high - cell.low <= reach:
        return cell
    return replace(cell, low=None, high=None, few=True)


def _reach(unit: str) -> float | None:
    """Return how far apart two values of the unit can lie; nothing where it has no bounds.

    >>> _reach("share of tokens, 0 to 1"), _reach("1 - cosine between prompts"), _reach("nats")
    (1.0, 2.0, None)
    """
    if told := RANGE.search(unit):
        return float(told["high"]) - float(told["low"])
    return next((reach for start, reach in REACHES.items() if unit.startswith(start)), None)


def _shaded(row: Row, top: float, limit: float | None) -> Row:
    cells = tuple(cell and _shaded_cell(cell, row.rung, top, limit) for cell in row.cells)
    return Row(rung=row.rung, kind=row.kind, cells=cells)


def _shaded_cell(cell: Cell, rung: str, top: float, limit: float | None) -> Cell:
    value = cell.value
    if value is None:
        return cell
    over = limit is not None and value > limit and rung in SMALL_RUNGS
    shade = min(SHADES, round(SHADES * max(0.0, value) / top))
    return replace(cell, shade=shade, over=over)
