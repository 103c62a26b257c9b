from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_promptchaos.records import Outcome, Record
from pytest_promptchaos.report.overview import (
    SYSTEMS,
    Standing,
    broken,
    in_order,
    judged,
    models,
    name_of_test,
    standing_of,
    tally,
    tally_words,
    verdict_name,
)
from report.bridges import session_record
from report.conftest import record, verdict
from report.dynamics import shape, system


@pytest.mark.parametrize(
    ("outcome", "expect", "standing"),
    [
        (Outcome.PASSED, "passed", Standing.PASSED),
        (Outcome.FAILED, "passed", Standing.FAILED),
        (Outcome.INCONCLUSIVE, "passed", Standing.INCONCLUSIVE),
        (Outcome.INVALID, "passed", Standing.INVALID),
        (Outcome.FAILED, "failed", Standing.EXPECTED),
        (Outcome.PASSED, "failed", Standing.UNEXPECTED),
        (Outcome.INCONCLUSIVE, "failed", Standing.INCONCLUSIVE),
        (Outcome.INVALID, "failed", Standing.INVALID),
    ],
)
def test_an_outcome_stands_against_what_was_expected(
    outcome: Outcome, expect: str, standing: Standing
) -> None:
    assert standing_of(verdict(outcome, expect=expect)) is standing


def test_what_needs_a_reader_comes_first(records: tuple[Record, ...]) -> None:
    standings = [one.standing for one in judged(records)]
    order = list(Standing)
    assert standings == sorted(standings, key=order.index)
    assert [one.green for one in judged(records)] == [False] * 3 + [True] * 4


def test_the_tally_counts_every_verdict_once(records: tuple[Record, ...]) -> None:
    assert sum(tally(judged(records)).values()) == sum(len(one.verdicts) for one in records)
    assert tally_words(judged(records)) == (
        "1 failed, 1 invalid, 1 inconclusive, 1 expected failure, 3 passed"
    )


def test_a_record_without_a_telling_verdict_is_broken(records: tuple[Record, ...]) -> None:
    bare = record(status="failed")
    interrupted = record(verdict(), status="interrupted")
    assert broken(records) == (records[-1],)
    assert broken([bare, interrupted, record(verdict()), record(status="passed")]) == (
        bare,
        interrupted,
    )


def test_a_test_is_called_without_its_model_and_the_models_options() -> None:
    (one,) = judged([record(verdict())])
    node = "tests/test_books.py::test_dune[bundled:small?dtype=bfloat16]"
    optioned = replace(one, record=replace(one.record, node_id=node))
    other = replace(one, record=replace(one.record, node_id=node.replace("small", "other")))
    assert name_of_test(one) == name_of_test(optioned) == "test_dune"
    assert name_of_test(other) == "test_dune[bundled:other?dtype=bfloat16]"


def test_every_verdict_has_the_label_of_its_model() -> None:
    half = verdict(model=replace(verdict().model, dtype="bfloat16"))
    records = [record(verdict(), half)]
    assert list(models(records)) == ["small float32", "small bfloat16"]
    assert [one.model for one in judged(records)] == ["small float32", "small bfloat16"]


def prompts(*asked: str) -> list[str]:
    told = [verdict(id="worst_neighbor-4", settings={"prompts": one}) for one in asked]
    return [one.prompts for one in judged([record(*told)])]


def test_prompts_are_named_where_only_they_tell_verdicts_apart() -> None:
    assert prompts("fr", "wall") == ["fr", "wall"]
    assert prompts("fr", "fr") == ["", ""]
    assert prompts("fr") == [""]
    assert prompts("fr, wall, dune, emma", "fr") == ["fr, wall and 2 more", "fr"]


def test_verdicts_that_are_called_otherwise_need_no_prompts() -> None:
    named = [verdict(id=f"worst({one})", settings={"prompts": one}) for one in ("fr", "wall")]
    assert [one.prompts for one in judged([record(*named)])] == ["", ""]
    models_apart = [verdict(name=one, settings={"prompts": one}) for one in ("small", "large")]
    assert [one.prompts for one in judged([record(one) for one in models_apart])] == ["", ""]


def test_an_id_that_tells_its_check_stands_alone() -> None:
    assert verdict_name(verdict()) == "stable_neighborhood(dune)"
    assert verdict_name(verdict(id="books")) == "stable_neighborhood: books"


def test_the_limits_of_one_profile_are_told_apart() -> None:
    variance, slope = shape()
    assert verdict_name(variance) == "depth_profile: shape:profile_variance"
    unnamed = replace(slope, id="depth_profile(dune)")
    assert verdict_name(unnamed) == "depth_profile(dune), profile_slope"


def test_systems_stand_together_and_are_no_models() -> None:
    records = [record(verdict()), record(system("henon"), system("lorenz"))]
    assert [one.model for one in judged(records)] == ["small", SYSTEMS, SYSTEMS]
    assert list(models(records)) == ["small"]


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.INVALID])
def test_a_verdict_that_its_test_caught_asks_nothing_of_the_reader(outcome: Outcome) -> None:
    assert standing_of(verdict(outcome), test_passed=True) is Standing.CAUGHT
    assert standing_of(verdict(outcome)) is not Standing.CAUGHT


def test_a_test_that_broke_beside_a_green_verdict_is_broken() -> None:
    green = verdict(Outcome.PASSED)
    broke = Record(node_id="t", status="failed", verdicts=(green,), environment={}, message="boom")
    assert broken([broke]) == (broke,)


def test_a_parameter_that_is_the_model_with_its_options_is_not_told_again() -> None:
    pin = "bundled:small?initialization=0"
    found = verdict()
    one = replace(found, model=replace(found.model, pin=pin))
    assert [name_of_test(shown) for shown in judged([record(one, node="depth")])] == ["depth"]


def test_records_stand_by_node_id_and_the_session_last() -> None:
    tests = [record(verdict(), node=name) for name in ("b", "a")]
    names = [one.node_id for one in in_order([session_record(), *tests])]
    assert names == [*sorted(one.node_id for one in tests), "promptchaos::session-bridge"]
