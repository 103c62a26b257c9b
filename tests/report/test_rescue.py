from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_promptchaos.report.rescue import rescue_table
from report.neighborhoods import LAYERS, PLACES, rescue_map

SMALL = replace(
    rescue_map(),
    layers=("layer 0", "layer 1"),
    places=("prompt", "last token"),
    rescue=((0.0, 0.25), (1.3, -0.4)),
    null=(0.1, 0.2, 0.25),
    threshold=0.25,
)


def test_a_layer_is_a_row_and_a_place_a_column() -> None:
    found = rescue_table(rescue_map())
    assert tuple(row.layer for row in found.rows) == LAYERS
    assert found.places == PLACES
    assert {len(row.cells) for row in found.rows} == {len(PLACES)}


def test_the_shade_runs_from_nothing_to_a_full_rescue() -> None:
    shades = [[cell.shade for cell in row.cells] for row in rescue_table(SMALL).rows]
    assert shades == [[0, 2], [8, 0]]


def test_only_a_cell_above_the_null_is_outlined() -> None:
    beats = [[cell.beats for cell in row.cells] for row in rescue_table(SMALL).rows]
    assert beats == [[False, False], [True, False]]


def test_the_largest_rescue_is_named_beside_the_null() -> None:
    assert rescue_table(SMALL).words == (
        "Largest: 1.300 at layer 1, prompt. 1 of 4 cells is above 0.250, the 95 % quantile of the "
        "largest rescue of 3 random donors."
    )


def test_without_a_null_no_cell_is_outlined_and_that_is_said() -> None:
    found = rescue_table(replace(SMALL, null=(), threshold=None))
    assert not any(cell.beats for row in found.rows for cell in row.cells)
    assert found.words.endswith("No null of random donors was run, so that no cell is outlined.")


def test_an_absent_map_has_its_reason() -> None:
    absent = replace(SMALL, layers=(), places=(), rescue=(), reason="no margin to speak of")
    found = rescue_table(absent)
    assert (found.rows, found.words, found.reason) == ((), "", "no margin to speak of")


@pytest.mark.parametrize("direction", ["center into neighbor", "neighbor into center"])
def test_each_direction_says_how_it_is_read(direction: str) -> None:
    source, _, target = direction.partition(" into ")
    found = rescue_table(rescue_map(direction))
    assert found.reading.startswith(f"The {source}'s state put into the {target}'s run: 1 ")
