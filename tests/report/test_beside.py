from __future__ import annotations

from dataclasses import replace

from pytest_promptchaos.report.beside import beside
from report.bridges import bridge_verdicts
from report.conftest import verdict
from report.dynamics import layered, measured


def test_everything_beside_the_judged_number_keeps_its_order() -> None:
    found = layered()
    assert [one.name for one in beside(found)] == [one.name for one in found.also]


def test_layers_that_have_a_table_come_without_their_parts() -> None:
    parts = {one.name: len(one.breakdown) for one in beside(layered())}
    assert (parts["expanding_layers"], parts["null_expanding_layers"]) == (0, 0)
    assert (parts["spectrum"], parts["attribution"]) == (10, 3)


def test_a_rate_by_prompt_is_shown_and_a_distance_by_rung_is_not() -> None:
    by_prompt = replace(measured("lambda_1", 0.1, 0.02), breakdown=(measured("dune", 0.1, 0.02),))
    assert [one.name for one in beside(verdict(measurement=by_prompt))] == ["lambda_1"]
    assert beside(verdict()) == ()


def test_the_numbers_of_an_association_stand_in_its_own_table_alone() -> None:
    found = bridge_verdicts()[0]
    assert found.bridge is not None
    (one,) = found.bridge.associations
    own = verdict().measurement
    assert own not in beside(found)
    assert beside(replace(found, also=(one.pooled, own, one.within))) == (own,)
