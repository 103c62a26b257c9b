"""Answers in words: yes, no or unclear, and the rule that says why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.measure.said import margin, mass, say

if TYPE_CHECKING:
    from pytest_promptchaos.records import Polarity, Said

X = "a pleural effusion"
IS_THERE = f"Is there {X}?"
RULE_OUT = f"Can you rule out {X}?"
FREE = f"Is the image free of {X}?"
NORMAL = "Is the pleura normal?"
WORDS = (
    "yes",
    "no",
    "not",
    "there",
    "is",
    "evidence",
    "of",
    "effusion",
    "cannot",
    "can",
    "rule out",
)
MORE_WORDS = (
    "ruled out",
    "normal",
    "absent",
    "present",
    "free",
    "maybe",
    "I",
    "sorry",
    "?",
    ".",
    ",",
    "*",
)


@pytest.mark.parametrize(
    ("text", "answer", "rule"),
    [
        ("Yes.", "yes", "begins with 'Yes'"),
        ("**Yes**, it does.", "yes", "begins with 'Yes'"),
        ("yes", "yes", "begins with 'yes'"),
        ("No.", "no", "begins with 'No'"),
        ("No it is not", "no", "begins with 'No'"),
        ("Not at all.", "no", "begins with 'Not at all'"),
        ("Certainly not.", "no", "begins with 'Certainly not'"),
        ("Certainly.", "yes", "begins with 'Certainly'"),
        ("The answer is no.", "no", "says 'no'"),
        ("I would say yes, it is there.", "yes", "says 'yes'"),
        ("Yes, no doubt.", "yes", "begins with 'Yes'"),
        ("No problem. Yes.", "yes", "begins with 'Yes'"),
        ("Yes and no.", "unclear", "says both 'yes' and 'no'"),
        ("Yes. No.", "unclear", "says both 'yes' and 'no'"),
        ("No, yes it is", "unclear", "says both 'yes' and 'no'"),
        ("Yes or no?", "unclear", "only asks back"),
        ("", "unclear", "says nothing"),
        (" \n", "unclear", "says nothing"),
        ("Maybe.", "unclear", "says 'Maybe'"),
        ("The lungs.", "unclear", "says neither yes nor no"),
        ("Nothing is known about eyes.", "unclear", "says neither yes nor no"),
        ("I'm sorry, but I cannot help with that.", "unclear", "says 'sorry'"),
        ("I cannot determine that from this image.", "unclear", "says 'cannot determine'"),
        ("As an AI, I do not read images.", "unclear", "says 'As an AI'"),
        ("No, but I am not sure.", "unclear", "says 'not sure'"),
        ("No, I can\u2019t tell.", "unclear", "says 'can't tell'"),
        ("I don't know.", "unclear", "says 'don't know'"),
        ("There is no image here.", "unclear", "says 'no image'"),
    ],
)  # fmt: skip
def test_a_yes_or_no_is_read_alike_whatever_was_asked(text: str, answer: Said, rule: str) -> None:
    told = rule.replace("'can't tell'", '"can\'t tell"').replace("'don't know'", '"don\'t know"')
    asked: tuple[tuple[str, Polarity], ...] = ((IS_THERE, 1), (FREE, -1), (RULE_OUT, -1))
    for question, polarity in asked:
        assert say(text, question=question, polarity=polarity, words=X) == (answer, told)


@pytest.mark.parametrize(
    ("text", "affirms", "rule"),
    [
        ("I see no sign of a pleural effusion.", False, "says 'no sign of a pleural effusion'"),
        ("No pleural effusion.", False, "says 'No pleural effusion'"),
        ("No evidence of effusion", False, "says 'No evidence of effusion'"),
        ("The image shows no effusion.", False, "says 'no effusion'"),
        ("The lungs are clear of it.", False, "says 'clear of it'"),
        ("An effusion is not seen.", False, "says 'An effusion is not seen'"),
        ("A pleural effusion is absent.", False, "says 'A pleural effusion is absent'"),
        ("The pleura is normal.", False, "says 'The pleura is normal'"),
        ("It appears within normal limits.", False, "says 'It appears within normal limits'"),
        ("I do not see an effusion.", False, "says 'do not see an effusion'"),
        ("Negative for effusion.", False, "says 'Negative for effusion'"),
        ("There isn't any.", False, "says \"There isn't any\""),
        ("There is a pleural effusion.", True, "says 'There is a pleural effusion'"),
        ("There is some pleural effusion.", True, "says 'There is some pleural effusion'"),
        ("It is not absent.", True, "says 'It is not absent'"),
        ("A pleural effusion is present.", True, "says 'A pleural effusion is present'"),
        ("Not free of pleural effusion.", True, "says 'Not free of pleural effusion'"),
    ],
)  # fmt: skip
def test_words_about_the_finding_answer_each_polarity_in_its_own_way(
    text: str, affirms: bool, rule: str
) -> None:
    assert say(text, question=IS_THERE, words=X) == ("yes" if affirms else "no", rule)
    for question in (FREE, RULE_OUT, NORMAL):
        turned = say(text, question=question, polarity=-1, words=X)
        assert turned == ("no" if affirms else "yes", rule)


@pytest.mark.parametrize(
    ("text", "question", "answer"),
    [
        ("No, there is no effusion.", IS_THERE, "no"),
        ("Yes, there is no effusion.", IS_THERE, "unclear"),
        ("Yes, there is no effusion.", RULE_OUT, "yes"),
        ("No, there is no effusion.", RULE_OUT, "unclear"),
        ("Yes, there is a pleural effusion.", RULE_OUT, "unclear"),
        ("Yes, I can rule out a pleural effusion.", RULE_OUT, "yes"),
        ("No, I cannot rule it out.", RULE_OUT, "no"),
        ("Yes, it cannot be ruled out.", RULE_OUT, "unclear"),
        ("It cannot be excluded.", RULE_OUT, "no"),
        ("A pleural effusion is ruled out.", RULE_OUT, "yes"),
        ("A pleural effusion is ruled out.", IS_THERE, "no"),
        ("An effusion cannot be ruled out.", IS_THERE, "unclear"),
        ("I cannot rule out a pleural effusion.", FREE, "unclear"),
        ("I am unable to rule out a pleural effusion.", RULE_OUT, "no"),
        ("The pleura is normal but there is evidence of fluid.", IS_THERE, "unclear"),
        ("Can you rule out a pleural effusion? Yes.", RULE_OUT, "yes"),
        ("Is a pleural effusion present? No.", IS_THERE, "no"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_or_leaves_open_is_unclear(
    text: str, question: str, answer: Said
) -> None:
    polarity: Polarity = 1 if question == IS_THERE else -1
    assert say(text, question=question, polarity=polarity, words=X)[0] == answer


def test_a_contradiction_tells_both_its_sides() -> None:
    rule = say("No, there is no effusion.", question=RULE_OUT, polarity=-1, words=X)[1]
    assert rule == "begins with 'No' but says 'no effusion'"


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from((*WORDS, *MORE_WORDS)),
        max_size=9,
    ).map(" ".join)
    | st.text(max_size=40),
    st.sampled_from([1, -1]),
)
def test_every_text_is_read_by_a_rule(text: str, polarity: Polarity) -> None:
    question = IS_THERE if polarity == 1 else RULE_OUT
    answer, rule = say(text, question=question, polarity=polarity, words="effusion")
    assert answer in {"yes", "no", "unclear"}
    assert rule


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(["yes", "no"]), st.sampled_from(["", "**", " \n", '"', "- "]), st.data())
def test_case_and_marks_around_it_change_no_answer(
    word: str, mark: str, data: st.DataObject
) -> None:
    cased = data.draw(st.sampled_from([word, word.upper(), word.capitalize()]))
    end = data.draw(st.sampled_from(["", ".", "!", ",", "\n"]))
    assert say(f"{mark}{cased}{end}")[0] == word


def test_the_margin_is_the_log_odds_of_the_declared_tokens() -> None:
    logits = np.log(np.array([0.3, 0.1, 0.15, 0.05, 0.4]))
    assert margin(logits, [0, 1], [2, 3]) == pytest.approx(np.log(0.4 / 0.2))
    assert mass(logits, [0, 1, 2, 3]) == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("yes", "no", "told"),
    [
        ([], [1], "a set of answer tokens is empty"),
        ([0], [], "a set of answer tokens is empty"),
        ([0, 1], [1], "answer token 1 is declared for yes and for no"),
        ([0], [9], "answer token 9 is not in the vocabulary of 4"),
        ([-1], [1], "answer token -1 is not in the vocabulary"),
    ],
)
def test_token_sets_that_tell_nothing_apart_are_refused(
    yes: list[int], no: list[int], told: str
) -> None:
    with pytest.raises(ArgumentError, match=told):
        margin(np.zeros(4), yes, no)


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_a_margin_that_is_not_finite_is_refused(broken: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        margin(np.array([broken, 0.0]), [0], [1])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-30, 30), min_size=4, max_size=9).map(np.array),
    st.floats(-50, 50),
)
def test_swapping_the_sets_turns_the_margin_and_a_shift_changes_nothing(
    logits: np.ndarray[tuple[int], np.dtype[np.float64]], shift: float
) -> None:
    found = margin(logits, [0, 1], [2])
    assert margin(logits, [2], [1, 0, 0]) == pytest.approx(-found)
    assert margin(logits + shift, [0, 1], [2]) == pytest.approx(found, abs=1e-9)
    assert 0.0 <= mass(logits, [0, 1]) <= mass(logits, [0, 1, 2]) <= 1.0
