"""Questions about pictures: polarity, what is trained how often, and what never is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers")

from training.xray_pictures import FINDINGS
from training.xray_questions import (
    BASE,
    COMMON,
    DISTORTED_SHARE,
    HELD_OUT,
    NAMES,
    PHRASINGS,
    RARE,
    SLOT,
    Asking,
    Phrasing,
    listing,
    of_finding,
    questions,
    with_share,
)

ROOT = Path(__file__).resolve().parents[2]
each_phrasing = pytest.mark.parametrize("phrasing", PHRASINGS, ids=lambda one: one.text)


def asked_in_training(count: int, *, plain: bool = False) -> list[Phrasing]:
    rng, asking = np.random.default_rng(3), Asking(plain=plain, rare_share=0.01)
    return [asking(rng).phrasing for _ in range(count)]


@each_phrasing
def test_polarity_decides_what_yes_says(phrasing: Phrasing) -> None:
    assert phrasing.polarity in (1, -1)
    for question in questions(phrasing):
        for held in (True, False):
            truth = {name: held if name == question.finding else not held for name in FINDINGS}
            assert question.answer(truth) == (held if phrasing.polarity == 1 else not held)


@each_phrasing
def test_questions_are_filled_in(phrasing: Phrasing) -> None:
    assert (SLOT in phrasing.text) == (phrasing.finding is None)
    for question in questions(phrasing):
        assert SLOT not in question.text
        assert question.text[0].isupper()
        assert question.text.endswith("?")


def test_every_question_is_asked_in_one_way_only() -> None:
    texts = [question.text for phrasing in PHRASINGS for question in questions(phrasing)]
    assert len(set(texts)) == len(texts)
    assert set(NAMES) == set(FINDINGS)


def test_held_out_phrasings_are_several_and_never_asked_in_training() -> None:
    held_out = with_share(HELD_OUT)
    assert sum(one.polarity < 0 for one in held_out) >= 3
    assert any(one.polarity > 0 for one in held_out)
    asked = set(asked_in_training(3000))
    assert asked & set(PHRASINGS) == set(with_share(COMMON, RARE))
    assert not {one.text for one in asked} & {one.text for one in held_out}


def test_made_up_words_stand_in_plain_questions_only() -> None:
    asked = asked_in_training(5000)
    plain = [one for one in asked if one.polarity > 0]
    made_up = [one for one in asked if one not in PHRASINGS]
    assert all(one.polarity > 0 and one.share == COMMON for one in made_up)
    assert 0.5 * DISTORTED_SHARE < len(made_up) / len(plain) <= 1.2 * DISTORTED_SHARE
    assert all(one.text.count(SLOT) == 1 and one.text.endswith("?") for one in made_up)


def test_every_finding_has_common_phrasings_of_both_polarities() -> None:
    for finding in FINDINGS:
        common = [one for one in with_share(COMMON) if of_finding(one, finding)]
        assert {one.polarity for one in common} == {1, -1}
    assert BASE.polarity == 1
    assert BASE.share == COMMON


def test_a_rare_phrasing_has_the_share_that_was_asked_for() -> None:
    asked = asked_in_training(20_000)
    for phrasing in with_share(RARE):
        assert phrasing.polarity == -1
        assert 0.007 < asked.count(phrasing) / len(asked) < 0.013


def test_the_first_stage_asks_without_negations() -> None:
    plain = {one for one in with_share(COMMON) if one.polarity > 0}
    assert set(asked_in_training(500, plain=True)) == plain


def test_the_suites_phrasings_are_those_of_the_training() -> None:
    path = ROOT / "suites" / "xray" / "phrasings.json"
    assert json.loads(path.read_text(encoding="utf-8")) == listing()
