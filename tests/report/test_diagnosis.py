from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from pytest_promptchaos.records import Diagnosis, Outcome
from pytest_promptchaos.report.diagnosis import (
    MEANINGS,
    diagnoses_words,
    diagnosis,
    diagnosis_line,
    failed_controls,
    meaning,
)
from report.conftest import verdict


def test_every_diagnosis_has_words_of_its_own() -> None:
    assert set(MEANINGS) == set(get_args(Diagnosis))
    assert len(set(MEANINGS.values())) == len(MEANINGS)


@pytest.mark.parametrize("name", get_args(Diagnosis))
def test_the_words_do_not_need_the_word(name: Diagnosis) -> None:
    assert name not in meaning(name)
    assert diagnosis_line(name) == f"{name}: {meaning(name)}"


def test_without_a_diagnosis_there_is_nothing_to_say() -> None:
    assert (meaning(None), diagnosis_line(None)) == ("", "")


def test_diagnoses_are_counted() -> None:
    made: tuple[Diagnosis | None, ...] = ("robust", "collapsed", None, "robust")
    assert diagnoses_words(verdict(diagnosis=one) for one in made) == "2 robust, 1 collapsed"
    assert diagnoses_words([verdict()]) == ""


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("name", get_args(Diagnosis))
def test_only_a_voided_verdict_leaves_no_diagnosis_open(outcome: Outcome, name: Diagnosis) -> None:
    open_and_voided = outcome is Outcome.INVALID and name == "undecided"
    said = verdict(outcome, diagnosis=name)
    assert diagnosis(said) == (None if open_and_voided else name)
    assert diagnoses_words([said]) == ("" if open_and_voided else f"1 {name}")


def test_controls_that_failed_are_named() -> None:
    failed = tuple(replace(one, state="failed") for one in verdict().controls[:2])
    assert failed_controls(verdict()) == ""
    assert failed_controls(verdict(controls=failed)) == "run to run, batch shape"
