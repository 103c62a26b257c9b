from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_promptchaos.records import Outcome, Record
from pytest_promptchaos.report.overview import (
    SYSTEMS,
    Standing,
    broken,
    judged,
    models,
    name_of_test,
    standing_of,
    tally,
    tally_words,
    verdict_name,
)
from report.conftest import model, record, verdict
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


def test_a_model_is_called_by_its_name_until_two_share_it() -> None:
    small = verdict()
    other = verdict(model=replace(small.model, pin="dir:./small"))
    half = verdict(model=replace(small.model, dtype="bfloat16"))
    assert list(models([record(small)])) == ["small"]
    assert list(models([record(small, other)])) == ["bundled:small", "dir:./small"]
    labels = list(models([record(small, half)]))
    assert len(labels) == 2
    assert "bfloat16" in labels[1]


def test_systems_of_one_checkpoint_are_told_apart_by_what_differs() -> None:
    same = verdict().model
    systems = (same, replace(same, dtype="bfloat16"), replace(same, quantization="int8"))
    found = record(*(verdict(model=one) for one in systems))
    assert list(models([found])) == ["small, float32", "small, bfloat16", "small, float32, int8"]


def test_what_a_field_explains_in_brackets_stays_out_of_a_label() -> None:
    ways = ("int8 dynamic (per channel)", "int8 dynamic (per tensor)")
    first, second = (replace(verdict().model, quantization=way) for way in ways)
    assert list(models([record(verdict(), verdict(model=first))])) == [
        "small",
        "small, int8 dynamic",
    ]
    labels = list(models([record(verdict(model=first), verdict(model=second))]))
    assert [way in label for way, label in zip(ways, labels, strict=True)] == [True, True]


def test_only_models_of_one_name_are_told_apart() -> None:
    half = verdict(model=replace(verdict().model, dtype="bfloat16"))
    found = record(verdict(), half, verdict(name="large"))
    assert list(models([found])) == ["small, float32", "small, bfloat16", "large"]


def test_models_that_differ_in_their_files_alone_are_told_by_their_fingerprint() -> None:
    other = verdict(model=replace(verdict().model, fingerprint="0" * 64))
    assert list(models([record(verdict(), other)])) == [
        "small, 3f9a6b1d3f9a",
        "small, 000000000000",
    ]


def test_a_test_is_called_without_its_model_and_the_models_options() -> None:
    (one,) = judged([record(verdict())])
    node = "tests/test_books.py::test_dune[bundled:small?dtype=bfloat16]"
    optioned = replace(one, record=replace(one.record, node_id=node))
    other = replace(one, record=replace(one.record, node_id=node.replace("small", "other")))
    assert name_of_test(one) == name_of_test(optioned) == "test_dune"
    assert name_of_test(other) == "test_dune[bundled:other?dtype=bfloat16]"


def test_notes_and_versions_make_no_second_model() -> None:
    noted = verdict(model=model("small", notes=("another",), versions=()))
    assert list(models([record(verdict(), noted)])) == ["small"]


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
