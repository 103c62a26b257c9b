"""What the page shows of depth checks and of known systems."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_promptchaos.report.html import page
from report.conftest import record
from report.dynamics import dynamics_records, layered, system
from report.markup import HTML, parsed, section, with_class, words

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


@pytest.fixture(scope="module")
def dynamics() -> Element:
    return parsed(page(dynamics_records()))


@pytest.fixture(scope="module")
def deep_card() -> Element:
    (found,) = with_class(parsed(page([record(replace(layered(), curves=()))])), "article", "card")
    return found


def test_a_page_of_depth_and_systems_is_strict_html5(dynamics: Element) -> None:
    ids = [one.get("id") for one in dynamics.iter() if one.get("id")]
    assert len(ids) == len(set(ids))
    assert "2 models · 36 runs measured, 12 reused from the evidence store · 3 checks of known" in (
        words(next(dynamics.iter(f"{HTML}header")))
    )


def test_every_layer_has_its_row(deep_card: Element) -> None:
    (table,) = with_class(deep_card, "table", "layers")
    rows = [words(row) for row in table.iter(f"{HTML}tr")]
    assert rows[0] == "Layer Growth (nats) Around zero Random initialization Mark"
    assert rows[1] == "▲ layer 0 1.930 [1.880, 1.980] 0.900 [0.780, 1.020] outside expands"
    assert rows[3] == "· layer 2 0.020 [-0.030, 0.070] 0.300 [0.180, 0.420] outside undecided"
    assert rows[8] == "▲ layer 7 0.190 [0.140, 0.240] 0.113 [-0.007, 0.232] expands"
    assert len(with_class(table, "tr", "expands")) == 3


def test_the_layers_that_expand_are_named_above_their_table(deep_card: Element) -> None:
    assert "Layers 3 expand (0-1, 7), 3 contract" in words(deep_card)


def test_without_a_null_there_is_no_column_for_it() -> None:
    bare = replace(layered(null=False), curves=())
    (table,) = with_class(parsed(page([record(bare)])), "table", "layers")
    assert words(next(table.iter(f"{HTML}tr"))) == "Layer Growth (nats) Around zero Mark"


def test_a_deep_model_folds_its_layers(dynamics: Element) -> None:
    summaries = [words(one) for one in dynamics.iter(f"{HTML}summary")]
    assert summaries.count("All 96 layers") == 1
    assert "All 8 layers" not in summaries


def test_what_was_measured_beside_stands_in_a_table_with_its_parts_folded(
    deep_card: Element,
) -> None:
    seen = words(deep_card)
    assert "11 measurements beside it Measurement Value Unit" in seen
    assert "sigma_1 3.810 [3.810, 3.810] n 10 nats" in seen
    assert "kaplan_yorke_dimension not measured: more than 10 dimensions" in seen
    assert "10 parts of spectrum lambda_1 0.250 [0.240, 0.260]" in seen
    assert "falls through 0 between layer 2 and layer 3 2.150" in seen


def test_a_system_is_no_model_of_the_page(dynamics: Element) -> None:
    assert "steps:" not in words(section(dynamics, "environment"))
    (card,) = [one for one in with_class(dynamics, "article", "card") if "henon" in words(one)]
    assert words(card).startswith("failed system: henon henon known systems henon: lambda_1")


def test_a_page_of_systems_alone_counts_no_runs() -> None:
    seen = words(next(parsed(page([record(system("henon"))])).iter(f"{HTML}header")))
    assert "1 check of known systems · started" in seen
    assert "runs measured" not in seen
