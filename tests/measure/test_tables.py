"""Columns of a table: whatever it is made of, typed, censored and grouped, nothing guessed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.errors import TableError
from pytest_promptchaos.measure.tables import (
    column_named,
    columns_of,
    equal_rows,
    first_turns,
    groups,
    labelled,
    last_turns,
    missing,
    numbers,
)

COLUMNS: dict[str, list[object]] = {"x": [1.5, 2.5], "who": ["a", "b"]}


class Frame:
    """What a data frame looks like: columns by name, each a sequence."""

    def __init__(self, names: list[str]) -> None:
        self.columns = names

    def __getitem__(self, name: str) -> list[object]:
        return COLUMNS[name]


@pytest.mark.parametrize(
    "table",
    [
        COLUMNS,
        {"x": np.array([1.5, 2.5]), "who": np.array(["a", "b"])},
        np.array([(1.5, "a"), (2.5, "b")], dtype=[("x", "f8"), ("who", "U1")]),
        [{"x": 1.5, "who": "a"}, {"x": 2.5, "who": "b"}],
        Frame(["x", "who"]),
    ],
    ids=["lists", "arrays", "structured", "rows", "frame"],
)
def test_any_kind_of_table_gives_the_same_columns(table: object) -> None:
    assert columns_of(table) == COLUMNS


def test_a_data_frame_is_read_without_importing_its_library() -> None:
    frame = pytest.importorskip("pandas").DataFrame(COLUMNS)
    assert columns_of(frame) == COLUMNS


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"x": [1, 2], "y": [1]}, "different lengths ('x' 2, 'y' 1)"),
        ({"x": []}, "no rows"),
        ({}, "no rows"),
        ([], "of type list: pass columns by name"),
        (7, "of type int: pass columns by name"),
        ({3: [1]}, "a column is named 3"),
        ({"x": "text"}, "column 'x' is 'text'"),
        ({"x": np.zeros((2, 2))}, r"column 'x' is of shape (2, 2)"),
        (Frame(["x", "x"]), "two columns are named 'x'"),
        ([{"x": 1}, {"y": 1}], "row 2 and row 1 do not have the same columns (x, y)"),
    ],
)
def test_what_is_no_table_is_an_error_that_says_why(table: object, said: str) -> None:
    with pytest.raises(TableError) as caught:
        columns_of(table)
    assert said in str(caught.value)


def test_text_among_numbers_names_column_row_and_value() -> None:
    columns = {
        "condition": ["A", "A"],
        "seed_id": ["s", "t"],
        "repeat_index": ["0", "1"],
        "lambda1_mean": ["0.1", "0,2"],
    }
    with pytest.raises(TableError) as caught:
        numbers(columns, "lambda1_mean")
    assert str(caught.value) == (
        "column 'lambda1_mean', row 2 (condition A, seed_id t, repeat_index 1): '0,2' is no "
        "number: correct the cell, or leave it empty where nothing was measured"
    )


@pytest.mark.parametrize("text", ["1_000", "high", "0x10", "1 2"])
def test_only_what_a_table_means_as_a_number_is_one(text: str) -> None:
    with pytest.raises(TableError, match="is no number"):
        numbers({"x": [text]}, "x")


@pytest.mark.parametrize("cells", [["true", "false"], [True, False], [1, 0], ["1", "0.0"]])
def test_flags_are_ones_and_zeros_however_they_are_written(cells: list[object]) -> None:
    assert numbers({"has_collapse": cells}, "has_collapse").tolist() == [1.0, 0.0]


def test_a_flag_among_other_numbers_is_an_error() -> None:
    with pytest.raises(TableError, match=r"column 'x', row 1: 0\.3 stands in a column of true"):
        numbers({"x": [0.3, "true"]}, "x")


def test_an_empty_cell_is_not_there_and_is_counted() -> None:
    columns: dict[str, list[object]] = {"x": ["0.5", "", None, float("nan"), "NA", "inf"]}
    values = numbers(columns, "x")
    assert np.isnan(values).tolist() == [False, True, True, True, True, False]
    told = "column 'x' holds no finite number in 5 of 6 rows, first in row 2"
    assert missing(columns, "x", values) == told
    assert missing({"x": [1.0]}, "x", np.array([1.0])) == ""


def test_a_missing_column_names_the_nearest_one() -> None:
    with pytest.raises(TableError, match="no column 'lambda_mean': did you mean 'lambda1_mean'"):
        column_named({"lambda1_mean": [1], "seed_id": [2]}, "lambda_mean")
    with pytest.raises(TableError, match=r"nor 'has_collapse'.*the table has 'x'"):
        column_named({"x": [1]}, "collapse_incidence")


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("lambda1_var", "layerwise_variance_mean"),
        ("lambda1_slope", "profile_slope_mean"),
        ("collapse_incidence", "has_collapse"),
    ],
)
def test_preregistered_names_are_those_of_the_published_columns(name: str, column: str) -> None:
    assert column_named({column: [1]}, name) == column
    assert column_named({column: [1], name: [2]}, name) == name


def test_a_turn_that_never_came_is_the_one_after_the_last_the_last_or_nothing() -> None:
    first, last = np.array([5.0, np.nan, 40.0]), np.array([40.0, 40.0, 40.0])
    assert first_turns(first, last, "after").tolist() == [5.0, 41.0, 40.0]
    assert first_turns(first, last, "last").tolist() == [5.0, 40.0, 40.0]
    assert np.isnan(first_turns(first, last, "exclude")).tolist() == [False, True, False]


def test_the_last_turn_is_that_of_the_conversation_before_that_of_the_plan() -> None:
    turns, name = last_turns({"max_turns": [40], "total_turns": ["17"]})
    assert (turns.tolist(), name) == ([17.0], "total_turns")
    with pytest.raises(
        TableError, match=r"add a column 'total_turns' or 'max_turns', or .*exclude"
    ):
        last_turns({"x": [1]})
    with pytest.raises(TableError, match="column 'max_turns', row 2: 0 is no number of turns"):
        last_turns({"max_turns": [40, 0]})


def test_rows_are_of_one_group_when_all_their_cells_are_equal() -> None:
    columns: dict[str, list[object]] = {"model": ["b", "a", "b"], "run": [1, 1, 2]}
    places, names = groups(columns, ["model", "run"])
    assert (places.tolist(), names) == ([1, 0, 2], ("a / 1", "b / 1", "b / 2"))
    with pytest.raises(TableError, match="column 'model', row 2: the cell is empty"):
        groups({"model": ["a", ""]}, ["model"])


cells = st.lists(st.sampled_from([0.0, 1.0, 2.5, -3.0]), min_size=1, max_size=20)


@settings(deadline=None)
@given(cells)
def test_equal_rows_have_equal_numbers_and_all_numbers_are_used(values: list[float]) -> None:
    found = equal_rows([np.array(values), np.array(values) ** 2])
    assert len(set(zip(found.tolist(), values, strict=True))) == len(set(values))
    assert set(found.tolist()) == set(range(len(set(values))))


@settings(deadline=None)
@given(st.lists(st.text(max_size=3), min_size=1, max_size=20))
def test_labels_are_found_again_from_their_places(labels: list[str]) -> None:
    places, known = labelled(labels)
    assert [known[place] for place in places] == labels


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=10))
def test_numbers_survive_being_written(values: list[float]) -> None:
    assert numbers({"x": [repr(value) for value in values]}, "x").tolist() == values
