"""A finding -> the common ways to ask about it, each with its polarity."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.errors import NeighborhoodError, PromptError
from pytest_promptchaos.neighborhoods.phrasings import FORMS, one_sided, proposition
from pytest_promptchaos.records import Phrasing


def test_every_form_is_a_question_with_the_polarity_of_its_words() -> None:
    asked = proposition("a pleural effusion", normal="pleura")
    assert [(one.kind, one.text, one.polarity) for one in asked.phrasings] == [
        ("presence", "Is there a pleural effusion?", 1),
        ("present", "Is a pleural effusion present?", 1),
        ("evidence", "Is there evidence of a pleural effusion?", 1),
        ("shows", "Does the image show a pleural effusion?", 1),
        ("free", "Is the image free of a pleural effusion?", -1),
        ("absent", "Is a pleural effusion absent?", -1),
        ("rule out", "Can you rule out a pleural effusion?", -1),
        ("ruled out", "Can a pleural effusion be ruled out?", -1),
        ("excluded", "Can a pleural effusion be excluded?", -1),
        ("no", "Is there no pleural effusion?", -1),
        ("normal", "Is the pleura normal?", -1),
    ]
    assert (asked.id, asked.words) == ("pleural-effusion", "a pleural effusion")
    assert not one_sided(asked)


def test_what_is_normal_is_asked_only_where_it_is_named() -> None:
    assert "normal" not in {one.kind for one in proposition("cardiomegaly").phrasings}
    asked = proposition("cardiomegaly", kinds=["presence", "normal"], normal="the heart size")
    assert asked.phrasings[1].text == "Is the heart size normal?"


def test_kinds_are_asked_in_their_order_and_the_first_is_the_base() -> None:
    asked = proposition("a nodule", kinds=["rule out", "presence"])
    assert [one.id for one in asked.phrasings] == ["rule out", "presence"]


@pytest.mark.parametrize(
    "written",
    [
        ("Do you see {x}?", 1, "see"),
        ["Do you see {x}?", "yes affirms", "see"],
        {"text": "Do you see {x}?", "polarity": 1, "kind": "see"},
        Phrasing(id="anything", text="Do you see {x}?", polarity=1, kind="see"),
    ],
)
def test_further_questions_stand_behind_those_of_the_kinds(written: Any) -> None:
    asked = proposition("a nodule", kinds=["presence"], phrasings=[written])
    assert asked.phrasings[1] == Phrasing(
        id="see", text="Do you see a nodule?", polarity=1, kind="see"
    )


def test_written_questions_alone_are_all_that_is_asked() -> None:
    asked = proposition("rain", phrasings=[("Does it rain?", 1), ("Is it dry?", "yes denies")])
    assert [(one.text, one.polarity) for one in asked.phrasings] == [
        ("Does it rain?", 1),
        ("Is it dry?", -1),
    ]
    assert [one.kind for one in asked.phrasings] == ["Does it rain?", "Is it dry?"]


def test_two_questions_of_one_kind_have_ids_of_their_own() -> None:
    asked = proposition(
        "rain",
        kinds=["presence"],
        phrasings=[("Do you see {x}?", 1, "presence"), ("Do we have {x}?", 1, "presence")],
    )
    assert [one.id for one in asked.phrasings] == ["presence", "presence 2", "presence 3"]
    assert {one.kind for one in asked.phrasings} == {"presence"}


def test_one_polarity_is_allowed_and_told() -> None:
    assert one_sided(proposition("rain", kinds=["presence", "present"]))


@pytest.mark.parametrize(
    ("knobs", "told"),
    [
        ({"kinds": ["presense", "free"]}, "kind of question 'presense'; did you mean 'presence'"),
        ({"kinds": ["zzz", "free"]}, "no kind of question 'zzz'. Take some of presence, present"),
        ({"kinds": "presence"}, r"a text: pass a list, as in ['presence']"),
        ({"kinds": ["free", "free"]}, "the kind 'free' is named twice"),
        ({"kinds": ["presence"]}, "asked about in 1 phrasing, so nothing can flip"),
        ({"kinds": []}, "asked about in 0 phrasings"),
        ({"kinds": ["presence", "normal"]}, "say what, as in normal='heart size'"),
        ({"kinds": ["presence", "free"], "normal": "sky"}, "kinds do not name 'normal'"),
        ({"phrasings": ["Does it rain?"]}, "the phrasing 'Does it rain?' has no polarity: write 1"),
        ({"phrasings": [("Does it rain?",)]}, "has no polarity"),
        ({"phrasings": [("Does it rain?", 0)]}, "has the polarity 0"),
        ({"phrasings": [("Does it rain?", True)]}, "has the polarity True"),
        ({"phrasings": [("Does it rain?", "yes")]}, "has the polarity 'yes'"),
        ({"phrasings": [("Rain?", 1, "a", "b")]}, "write its text, its polarity"),
        ({"phrasings": [{"text": "Rain?", "sign": 1}]}, "write its text, its polarity"),
        ({"phrasings": [7]}, "a phrasing is 7"),
        (
            {"kinds": ["presence"], "phrasings": [("is there  RAIN?", 1)]},
            "'is there  RAIN?' is asked twice, as 'presence' and as 'is there  RAIN?'",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused(knobs: Any, told: str) -> None:
    with pytest.raises(NeighborhoodError) as raised:
        proposition("rain", **knobs)
    assert told in str(raised.value)


@pytest.mark.parametrize("name", ["", "  ", None])
def test_a_finding_needs_a_name(name: Any) -> None:
    with pytest.raises(PromptError, match=r"a finding is .*: write a text"):
        proposition(name)


def test_a_question_needs_a_text() -> None:
    with pytest.raises(PromptError, match="a phrasing is ' '"):
        proposition("rain", phrasings=[(" ", 1), ("Dry?", -1)])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(sorted(FORMS)), min_size=2, unique=True),
    st.sampled_from(["rain", "a nodule", "An enlarged heart", "pleural fluid"]),
)
def test_questions_and_ids_are_distinct_and_keep_the_polarity_of_their_form(
    kinds: list[str], name: str
) -> None:
    asked = proposition(name, kinds=kinds, normal="view" if "normal" in kinds else None)
    assert [one.kind for one in asked.phrasings] == kinds
    assert len({one.id for one in asked.phrasings}) == len({one.text for one in asked.phrasings})
    for one in asked.phrasings:
        assert one.polarity == FORMS[one.kind][1]
        assert one.text.endswith("?")
        assert "{" not in one.text
        assert " no a" not in one.text


def test_a_slot_that_stands_for_nothing_is_refused() -> None:
    with pytest.raises(NeighborhoodError, match=r"holds \{y\}, which stands for nothing"):
        proposition("a nodule", kinds=["presence"], phrasings=[("Do you see {y}?", 1)])
