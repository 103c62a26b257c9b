from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_promptchaos.records import Measurement
from pytest_promptchaos.report.axes import RESPONSES, length_table, other_axis
from report.conftest import verdict
from report.neighborhoods import at_length, in_depth, responsiveness


def test_stability_is_read_beside_the_response() -> None:
    found = other_axis(in_depth())
    assert found is not None
    assert (found.name, found.value) == ("responsiveness", 0.41)


def test_the_response_is_read_beside_stability() -> None:
    stable = replace(responsiveness(0.1), name="token edit distance")
    found = other_axis(verdict(measurement=responsiveness(0.4), also=(stable,)))
    assert found is stable


@pytest.mark.parametrize("name", RESPONSES)
def test_the_response_is_known_by_its_names(name: str) -> None:
    moved = replace(responsiveness(0.4), name=name)
    assert other_axis(verdict(also=(moved,))) is moved


def test_where_the_other_axis_was_not_measured_there_is_none() -> None:
    assert other_axis(verdict()) is None
    assert other_axis(verdict(measurement=responsiveness(0.4))) is None


def test_lengths_are_columns_and_measurements_rows() -> None:
    found = length_table(in_depth())
    assert found is not None
    assert (found.lengths, found.judged) == ((16, 32, 64), 64)
    values = {row.name: [one and one.value for one in row.cells] for row in found.rows}
    assert values == {
        "semantic distance": [0.08, 0.14, 0.2137],
        "answer-aligned semantic distance": [None, None, 0.19],
    }


def test_a_number_that_was_taken_at_the_judged_length_is_not_replaced() -> None:
    there = at_length("semantic distance", 64, 0.5)
    found = length_table(verdict(also=(there,)))
    assert found is not None
    assert found.rows[0].cells == (there,)


def test_one_length_alone_needs_no_table() -> None:
    other = Measurement(name="share of outputs changed", unit="share", value=0.5)
    assert length_table(verdict(also=(other,))) is None
