"""The terminal summary: a short table per model, and where the documents lie."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, NamedTuple

from pytest_promptchaos.report.bridges import (
    INVALID,
    STANDINGS,
    SUPPORTED,
    association_of,
    basis_lines,
    counted,
    judged_bridges,
    session_bridges,
    shown,
    shown_limit,
    shown_value,
    standing,
    summary_words,
)
from pytest_promptchaos.report.diagnosis import (
    MEANINGS,
    UNEXPECTED,
    diagnosis,
    failed_controls,
    unexpected,
)
from pytest_promptchaos.report.fitting import columns, cut, padded, wrapped
from pytest_promptchaos.report.legible import (
    interval_words,
    one_line,
    plural,
)
from pytest_promptchaos.report.overview import (
    GREEN,
    SYSTEMS,
    Standing,
    broken,
    is_system,
    judged,
    models,
    name_of_test,
    tally_words,
    verdict_name,
)
from pytest_promptchaos.report.replies import contradiction_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_promptchaos.records import Record, Verdict
    from pytest_promptchaos.report.overview import Judged

ROWS_PER_MODEL = 20
BENEATH = 3
"""Lines of a reason beneath a row, or of what a broken test said."""
TABLE_WIDTH = 84
"""Below this width a verdict takes a short paragraph instead of a table row."""

ROBUST = "robust"
"""The one diagnosis that asks nothing of the reader: it stands beside the outcome.

So does the one standing of an association that does, ``supported``.
"""
HEADER = ("outcome", "check", "value", "limit", "n")
COUNTED = "n: how many entered the value, of all that were tried"
MARKUP: dict[Standing, dict[str, bool]] = {
    Standing.FAILED: {"red": True},
    Standing.UNEXPECTED: {"red": True},
    Standing.INVALID: {"purple": True},
    Standing.INCONCLUSIVE: {"yellow": True},
    Standing.EXPECTED: {"green": True},
    Standing.CAUGHT: {"green": True},
    Standing.PASSED: {"green": True},
}

WIDEST = 120
"""Wider terminals get no wider table: a line must be read in one glance."""


class Line(NamedTuple):
    """One line of the summary and the markup that pytest's ``TerminalWriter`` takes."""

    text: str
    markup: dict[str, bool]


def summary_lines(
    records: Sequence[Record], *, width: int = 100, written: Mapping[str, str] | None = None
) -> list[Line]:
    """Return the summary, no line wider than ``width`` columns (at least 40, at most 120 used).

    ``written`` maps a document's name (``"report"``) to the place where it lies; a place is never
    cut, because a cut path cannot be opened.
    """
    width = min(width, WIDEST)
    verdicts = judged(records)
    lines = [
        line
        for label in (*models(records), SYSTEMS)
        for line in _model_lines(label, [one for one in verdicts if one.model == label], width)
    ]
    lines += map(_plain, (*_meanings(verdicts, width), *_count_meaning(verdicts, width)))
    lines += map(_plain, _bridge_lines(records, width))
    lines += [line for record in broken(records) for line in _broken_lines(record, width)]
    asked = [one.verdict for one in verdicts if not is_system(one.verdict)]
    if any(one.runs_measured or one.runs_reused for one in asked):
        lines += map(_plain, textwrap.wrap(_runs_words(asked), width))
    return lines + [_plain(f"{name}: {place}") for name, place in (written or {}).items()]


def _meanings(verdicts: Sequence[Judged], width: int) -> Iterator[str]:
    """Yield what each diagnosis and standing that a reader must act on means, once."""
    made = {diagnosis(one.verdict) for one in verdicts}
    for name, meaning in MEANINGS.items():
        if name in made and name != ROBUST:
            yield from textwrap.wrap(f"{name}: {meaning}", width, subsequent_indent="  ")
    worth = {standing(one.verdict) for one in verdicts}
    for standing_name, said in STANDINGS.items():
        if standing_name in worth and standing_name != SUPPORTED:
            yield from textwrap.wrap(f"{standing_name}: {said}", width, subsequent_indent="  ")


def _bridge_lines(records: Sequence[Record], width: int) -> Iterator[str]:
    """Yield what every judged bridge rests on, and a line per bridge of the session's own."""
    told = [line for bridge in judged_bridges(records) for line in basis_lines(bridge)]
    for line in (*told, *map(summary_words, session_bridges(records))):
        yield from (cut(part, width) for part in textwrap.wrap(line, width, subsequent_indent="  "))


def _count_meaning(verdicts: Sequence[Judged], width: int) -> list[str]:
    """Return what "2 of 3" in the column n says, where a row has it."""
    told = any(" of " in _n_words(one.verdict) for one in verdicts)
    return textwrap.wrap(COUNTED, width, subsequent_indent="  ") if told else []


def _plain(text: str) -> Line:
    return Line(text, {})


def _broken_lines(record: Record, width: int) -> Iterator[Line]:
    """Yield what broke a test off; an interruption to its end, because it says how to go on."""
    first = record.message.partition("\n")[0]
    words = one_line(f"{record.status.upper()} {record.node_id}: {first}")
    most = None if record.status == "interrupted" else BENEATH
    yield from (Line(line, {"red": True}) for line in wrapped(words, width, most))


def _runs_words(verdicts: Sequence[Verdict]) -> str:
    measured = sum(verdict.runs_measured for verdict in verdicts)
    reused = sum(verdict.runs_reused for verdict in verdicts)
    return f"{plural(measured, 'run')} measured, {reused} reused from the evidence store"


def _model_lines(label: str, verdicts: Sequence[Judged], width: int) -> Iterator[Line]:
    if not verdicts:
        return
    head = one_line(f"{label}: {tally_words(verdicts)}")
    yield Line(cut(head, width), {"bold": True})
    shown = verdicts[:ROWS_PER_MODEL]
    yield from _table(shown, width) if width >= TABLE_WIDTH else _paragraphs(shown, width)
    if hidden := verdicts[ROWS_PER_MODEL:]:
        yield _plain(cut(f"  and {len(hidden)} more: {tally_words(hidden)}", width))


def _table(verdicts: Sequence[Judged], width: int) -> Iterator[Line]:
    rows = [_cells(one) for one in verdicts]
    widths = [max(map(columns, column)) for column in zip(HEADER, *rows, strict=True)]
    fixed = sum(widths) - widths[1] + 2 * len(HEADER)
    widths[1] = min(widths[1], width - fixed)
    yield _plain(_row(HEADER, widths))
    for one, row in zip(verdicts, rows, strict=True):
        yield Line(_row(row, widths), MARKUP[one.standing])
        room = width - widths[0] - 4
        for beneath in wrapped(_beneath(one), room, BENEATH):
            yield _plain(f"  {'':{widths[0]}}  {beneath}")


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    filled = (padded(cell, width) for cell, width in zip(cells, widths, strict=True))
    return ("  " + "  ".join(filled)).rstrip()


def _cells(one: Judged) -> tuple[str, ...]:
    verdict = one.verdict
    return (
        ", ".join(filter(None, (_outcome_word(one.standing), _quiet_word(verdict)))),
        one_line(_named(one)),
        _value_cell(verdict),
        shown_limit(verdict),
        _n_words(verdict),
    )


def _quiet_word(verdict: Verdict) -> str:
    """Return the diagnosis or standing that asks nothing of the reader."""
    told = (diagnosis(verdict), standing(verdict))
    return next((name for name in (ROBUST, SUPPORTED) if name in told), "")


def _named(one: Judged) -> str:
    """Return the test and the verdict; a check of a suite is called like its test, once."""
    test, verdict = name_of_test(one), one.verdict
    # Ahead of what a narrow column cuts: without its prompts this row would read as another does.
    told = f"{test}, {one.prompts}" if one.prompts else test
    if verdict.id == test:
        return f"{told}: {verdict.check}"
    if verdict.id.startswith(f"{test}:"):
        return f"{told}: {verdict.check}, {verdict.id.removeprefix(f'{test}:')}"
    return f"{told}: {verdict_name(verdict)}"


def _outcome_word(standing: Standing) -> str:
    # Colour may be off, so what asks for a reader stands out by its letters too.
    quiet = standing in GREEN
    return standing.value if quiet else standing.value.upper()


def _value_cell(verdict: Verdict) -> str:
    return f"{shown_value(verdict)} {interval_words(shown(verdict), verdict.limit)}".rstrip()


def _n_words(verdict: Verdict) -> str:
    if verdict.bridge is not None and association_of(verdict):
        return f"{verdict.bridge.unique} unique"
    n, effective = verdict.measurement.n, verdict.measurement.effective_n
    return str(n) if n == effective else f"{effective} of {n}"


def _beneath(one: Judged) -> str:
    """Return the line beneath a row: a diagnosis that asks for a reader, and what shows it best."""
    if found := association_of(one.verdict):
        # The two columns that are held together fill the row alone, and would be cut there.
        why = found.words if found.standing == INVALID else ""
        rests = f"n {counted(one.verdict)}"
        parts = [f"{found.hypothesis.name}: {found.standing}", why, rests, _expected(one)]
        return one_line("; ".join(filter(None, parts)))
    if unexpected(one.verdict):
        return _expected(one)
    told = diagnosis(one.verdict)
    asking = None if told == ROBUST else told
    # Where a control failed, and no diagnosis says what for, it is the control that asks.
    voided = failed_controls(one.verdict) if one.standing is Standing.INVALID and not told else ""
    return (
        _reason_words(one.verdict)
        if voided
        else "; ".join(filter(None, (asking, _worst_words(one))))
    )


def _expected(one: Judged) -> str:
    return f"expected to fail: {UNEXPECTED}" if unexpected(one.verdict) else ""


def _worst_words(one: Judged) -> str:
    if not one.green and (told := contradiction_words(one.verdict)):
        return f"worst: {told}"
    edits = {pair.neighbor_id: pair.edit for pair in one.verdict.pairs}
    edit = edits.get(one.verdict.worst or "")
    if one.green or edit is None:
        return _reason_words(one.verdict)
    return f"worst: {one_line(edit)}"


def _reason_words(verdict: Verdict) -> str:
    if failed := failed_controls(verdict):
        return f"control failed: {failed}"
    return one_line(verdict.measurement.reason or "")


def _paragraphs(verdicts: Sequence[Judged], width: int) -> Iterator[Line]:
    for one in verdicts:
        outcome, check, value, limit, n = _cells(one)
        yield Line(cut(f"  {outcome}: {check}", width), MARKUP[one.standing])
        words = [f"{value}, limit {limit}, n {n}", _beneath(one)]
        for paragraph in filter(None, words):
            lines = textwrap.wrap(paragraph, width - 4, max_lines=BENEATH, placeholder=" ...")
            yield from (_plain(cut(f"    {line}", width)) for line in lines)
