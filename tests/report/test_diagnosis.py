from __future__ import annotations

from typing import get_args

import pytest

from pytest_promptchaos.records import Diagnosis
from pytest_promptchaos.report.diagnosis import (
    MEANINGS,
    diagnoses_words,
    diagnosis_line,
    meaning,
)
from report.conftest import verdict


def test_every_diagnosis_has_words_of_its_own() -> None:
    assert set(MEANINGS) == set(get_args(Diagnosis))
    assert len(set(MEANINGS.values())) == len(MEANINGS)


@pytest.mark.parametrize("diagnosis", get_args(Diagnosis))
def test_the_words_do_not_need_the_word(diagnosis: Diagnosis) -> None:
    assert diagnosis not in meaning(diagnosis)
    assert diagnosis_line(diagnosis) == f"{diagnosis}: {meaning(diagnosis)}"


def test_without_a_diagnosis_there_is_nothing_to_say() -> None:
    assert (meaning(None), diagnosis_line(None)) == ("", "")


def test_diagnoses_are_counted() -> None:
    made: tuple[Diagnosis | None, ...] = ("robust", "collapsed", None, "robust")
    assert diagnoses_words(verdict(diagnosis=one) for one in made) == "2 robust, 1 collapsed"
    assert diagnoses_words([verdict()]) == ""
