from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_promptchaos.records import Limit, Outcome, Verdict
from pytest_promptchaos.report.heatmap import COLUMNS, ROWS, Cell, Heatmap, heatmaps
from pytest_promptchaos.report.html import page
from pytest_promptchaos.report.overview import judged
from report.conftest import depth, pairs, record, verdict
from report.markup import HTML, parsed, section, words


def only(*verdicts: Verdict) -> Heatmap:
    (found,) = heatmaps(judged([record(*verdicts)]))
    return found


def cell(found: Heatmap, rung: str, kind: str = "", model: str = "small") -> Cell:
    (row,) = [row for row in found.rows if (row.rung, row.kind) == (rung, kind)]
    seen = row.cells[found.models.index(model)]
    assert seen is not None
    return seen


def test_a_rung_shows_its_own_interval_and_effective_n() -> None:
    seen = cell(only(verdict()), "format")
    assert (seen.value, seen.low, seen.high) == pytest.approx((0.22, 0.154, 0.286))
    assert (seen.n, seen.erased) == (3, 1)


def test_a_kind_of_edit_shows_its_neighbors() -> None:
    first, second = pairs(1.0)[:1] * 2
    second = replace(second, neighbor_id="b", distances={"semantic": 0.11})
    seen = cell(only(verdict(pairs=(first, second))), "format", "doubled inner space")
    assert (seen.value, seen.low, seen.high, seen.n) == pytest.approx((0.21, 0.11, 0.31, 2))


def test_an_erased_edit_has_no_number_but_its_reason() -> None:
    seen = cell(only(verdict()), "format", "trailing space")
    assert (seen.value, seen.n, seen.erased) == (None, 0, 1)
    assert seen.reason == "erased by the template"


def test_text_that_nobody_reviewed_is_counted_and_stays_out_of_a_mean_with_others() -> None:
    reviewed = replace(pairs(1.0)[0], kind="generated", origin="generated", reviewer="R. Reader")
    draft = replace(reviewed, neighbor_id="draft", distances={"semantic": 0.9}, gates=False)
    both = cell(only(verdict(pairs=(reviewed, draft))), "format", "generated")
    assert (both.value, both.n, both.unreviewed) == pytest.approx((0.31, 1, 1))
    alone = cell(only(verdict(pairs=(draft,))), "format", "generated")
    assert (alone.value, alone.n, alone.unreviewed) == pytest.approx((0.9, 1, 1))


def test_a_rung_without_a_value_has_its_reason() -> None:
    seen = cell(only(verdict()), "small_semantic")
    assert (seen.value, seen.reason) == (None, "none of 2 neighbors differs for the model")


def test_a_neighbor_measured_by_two_checks_counts_once() -> None:
    once, twice = only(verdict()), only(verdict(), verdict(id="again"))
    assert twice == once


def test_two_prompts_are_averaged_and_their_intervals_spanned() -> None:
    other = verdict(
        Outcome.PASSED, pairs=tuple(replace(one, prompt_id="emma") for one in pairs(0.2))
    )
    seen = cell(only(verdict(), other), "format")
    assert seen.value == pytest.approx((0.22 + 0.044) / 2)
    assert (seen.low, seen.high) == pytest.approx((0.7 * 0.044, 1.3 * 0.22))
    assert seen.n == 6


def test_a_prompt_that_a_larger_check_covers_counts_once() -> None:
    both = tuple(replace(one, prompt_id=name) for name in ("dune", "emma") for one in pairs(1.0))
    seen = cell(only(verdict(Outcome.PASSED), verdict(pairs=both)), "format")
    assert (seen.value, seen.n) == pytest.approx((0.22, 3))


def test_the_identical_rung_is_a_row_of_its_own() -> None:
    same = replace(pairs(1.0)[0], rung="identical", kind="identical", distances={"semantic": 0.0})
    found = only(verdict(pairs=(same, *pairs(1.0))))
    assert (found.rows[0].rung, found.rows[0].kind) == ("identical", "")
    assert cell(found, "identical").value == 0


def test_rows_follow_the_ladder() -> None:
    rungs = list(dict.fromkeys(row.rung for row in only(verdict()).rows))
    assert rungs == [
        "format",
        "punctuation",
        "synonym",
        "paraphrase",
        "small_semantic",
        "positive_control",
    ]


def test_the_shade_grows_with_the_value_and_ends_at_the_largest_small_edit() -> None:
    found = only(verdict())
    assert found.top == pytest.approx(0.31)
    assert cell(found, "punctuation", "quotes style").shade == 0
    assert cell(found, "format", "doubled inner space").shade == 8
    assert cell(found, "positive_control").shade == 8


def test_only_a_small_edit_above_the_limit_is_marked() -> None:
    found = only(verdict())
    assert cell(found, "format").over
    assert not cell(found, "format", "tab indent").over
    assert not cell(found, "positive_control").over


def test_different_limits_leave_nothing_marked() -> None:
    found = only(verdict(), verdict(id="b", limit=Limit(name="semantic distance", at_most=0.2)))
    assert found.limit is None
    assert not cell(found, "format").over


def test_models_stand_side_by_side_and_gaps_stay_empty() -> None:
    found = only(verdict(), verdict(name="large", pairs=pairs(0.2)[:1]))
    assert found.models == ("small", "large")
    (row,) = [row for row in found.rows if row.kind == "quotes style"]
    assert row.cells[1] is None


def test_a_check_without_rungs_has_no_heatmap() -> None:
    assert heatmaps(judged([record(depth(Outcome.PASSED, "small", 1))])) == ()


def at(horizon: int, **changes: object) -> Verdict:
    settings = {"metric": "semantic", "horizon": horizon, **changes}
    return verdict(id=f"at {horizon}", settings=settings)


def names(*verdicts: Verdict, order: tuple[str, ...] = ()) -> list[str]:
    return [one.name for one in heatmaps(judged([record(*verdicts)]), order)]


def test_every_length_has_a_table_of_its_own_the_shortest_first() -> None:
    assert names(at(64), at(16)) == [
        "semantic distance at 16 tokens",
        "semantic distance at 64 tokens",
    ]
    assert names(at(64), at(64)) == ["semantic distance"]


def test_other_knobs_that_change_the_numbers_are_told_too() -> None:
    assert names(at(64, temperature=0.7), at(64, temperature=1.5)) == [
        "semantic distance at temperature 0.7",
        "semantic distance at temperature 1.5",
    ]
    assert names(at(64), at(64, metric="token_edit")) == [
        "semantic distance by semantic",
        "semantic distance by token_edit",
    ]


def test_one_name_over_two_units_is_two_tables_each_with_its_own_verdicts() -> None:
    other = replace(verdict().measurement, unit="1 - cosine, 0 to 2, from small")
    plain, drifted = heatmaps(judged([record(verdict(), verdict(name="large", measurement=other))]))
    assert (plain.models, drifted.models) == (("small",), ("large",))


def test_models_stand_in_the_order_that_is_asked_for() -> None:
    records = [record(verdict(Outcome.PASSED), verdict(name="large"))]
    assert [one.models for one in heatmaps(judged(records))] == [("large", "small")]
    ordered = heatmaps(judged(records), ("small", "large"))
    assert [one.models for one in ordered] == [("small", "large")]


def bounded(low: float, high: float, unit: str = "1 - cosine, 0 to 2") -> Cell:
    whole = verdict().measurement
    first = replace(whole.breakdown[0], low=low, high=high)
    return cell(only(verdict(measurement=replace(whole, unit=unit, breakdown=(first,)))), "format")


@pytest.mark.parametrize(
    ("unit", "low", "high"),
    [
        ("1 - cosine, 0 to 2", -0.1, 2.0),
        ("1 - cosine between prompts minus within, sampled answers", -3.457, 4.048),
        ("share of tokens, 0 to 1", -0.2, 0.9),
    ],
)
def test_an_interval_wider_than_its_scale_is_of_too_few(unit: str, low: float, high: float) -> None:
    seen = bounded(low, high, unit)
    assert (seen.low, seen.high, seen.few) == (None, None, True)
    assert seen.value == pytest.approx(0.22)


@pytest.mark.parametrize("unit", ["1 - cosine, 0 to 2", "nats", ""])
def test_an_interval_within_its_scale_or_without_one_is_shown(unit: str) -> None:
    seen = bounded(0.0, 1.9 if unit.startswith("1") else 7.0, unit)
    assert (seen.low, seen.few) == (0.0, False)


def test_a_table_without_a_number_has_no_scale() -> None:
    whole = verdict().measurement
    absent = tuple(
        replace(one, value=None, low=None, high=None, reason="not read") for one in whole.breakdown
    )
    nothing = verdict(measurement=replace(whole, breakdown=absent), pairs=(), curves=())
    assert not only(nothing).measured
    assert "on a scale from" not in page([record(nothing)])
    assert "on a scale from" in page([record(verdict(curves=()))])


def test_too_few_is_said_in_place_of_the_bounds() -> None:
    whole = verdict().measurement
    first = replace(whole.breakdown[0], low=-3.457, high=4.048, effective_n=2)
    shown = page([record(verdict(measurement=replace(whole, breakdown=(first,)), curves=()))])
    rows = section(parsed(shown), "edits").iter(f"{HTML}tr")
    assert "format 0.220 ▲ too few n 2, 1 erased" in [words(row) for row in rows]


def test_what_does_not_fit_is_counted() -> None:
    many = tuple(replace(pairs(1.0)[0], kind=f"kind {n}", neighbor_id=str(n)) for n in range(200))
    wide = [verdict(name=f"model {n}", pairs=()) for n in range(COLUMNS + 3)]
    assert only(verdict(pairs=many)).rows_left_out == 206 - ROWS
    assert only(*wide).models_left_out == 3
