from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_promptchaos.records import Measurement
from pytest_promptchaos.report.layers import (
    FOLDED,
    SIGNS,
    LayerTable,
    Span,
    layer_table,
    layers_line,
    mark,
)
from report.conftest import verdict
from report.dynamics import expanding, fresh, layered, measured


def table(*also: Measurement) -> LayerTable:
    found = layer_table(verdict(also=also))
    assert found is not None
    return found


def test_a_verdict_without_layers_has_no_table() -> None:
    absent = Measurement(name="expanding_layers", unit="layers", reason="one tangent")
    assert layer_table(verdict()) is None
    assert layer_table(verdict(also=(absent,))) is None


@pytest.mark.parametrize(
    ("value", "reach", "word"),
    [
        (0.2, 0.1, "expands"),
        (0.1, 0.1, "undecided"),
        (0.0, 0.1, "undecided"),
        (-0.1, 0.1, "undecided"),
        (-0.2, 0.1, "contracts"),
    ],
)
def test_a_layer_is_marked_by_its_whole_interval(value: float, reach: float, word: str) -> None:
    assert mark(measured("layer 0", value, reach)) == word
    assert word in SIGNS


def test_without_an_interval_no_layer_is_marked() -> None:
    assert mark(Measurement(name="layer 0", unit="nats", value=2.0)) == "undecided"


def test_a_row_holds_growth_interval_and_its_place_around_zero() -> None:
    found = table(expanding((-0.9, 2.9), reach=0.1))
    first, second = found.rows
    assert found.zero == 25.0
    assert (first.name, first.growth, first.interval) == ("layer 0", "-0.900", "[-1, -0.800]")
    assert (first.bar, first.reach) == (Span(start=2.5, width=22.5), Span(start=0.0, width=5.0))
    assert (second.bar, second.reach) == (Span(start=25.0, width=72.5), Span(start=95.0, width=5.0))
    assert [row.mark for row in found.rows] == ["contracts", "expands"]


def test_layers_that_all_grow_begin_at_zero() -> None:
    assert table(expanding((0.5, 1.0))).zero == 0
    assert table(expanding((-0.5, -1.0))).zero == 100


def test_a_model_that_moves_nothing_has_a_table_too() -> None:
    (row,) = table(expanding((0.0,), reach=0.0)).rows
    assert (row.growth, row.bar, row.mark) == ("0", Span(start=0.0, width=0.0), "undecided")


@pytest.mark.parametrize(
    "name", ["null_expanding_layers", "expanding_layers of random initializations"]
)
def test_the_null_stands_beside_its_layer_by_name(name: str) -> None:
    null = replace(fresh(3), name=name, breakdown=fresh(3).breakdown[1:])
    found = table(expanding((0.95, 0.45, 0.0)), null)
    assert found.null
    assert [row.null for row in found.rows] == ["", "0.450", "0.300"]
    assert [row.null_interval for row in found.rows] == ["", "[0.330, 0.570]", "[0.180, 0.420]"]
    assert [row.outside for row in found.rows] == [False, False, True]


def test_many_layers_are_folded() -> None:
    assert not table(expanding((0.1,) * FOLDED)).folded
    assert table(expanding((0.1,) * (FOLDED + 1))).folded


def test_which_layers_expand_is_read_from_the_explanation() -> None:
    said = layers_line(layered())
    assert said.startswith("3 expand (0-1, 7), 3 contract")
    assert layers_line(verdict()) == ""
