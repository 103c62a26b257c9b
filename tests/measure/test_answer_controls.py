"""Is the image used, is the proposition heard, is the answer read: what makes flips evidence."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hypothesis import given, settings

from measure.scripted_samples import (
    KINDS,
    any_samples,
    by_proposition,
    in_words,
    sample,
    samples,
    without_looking,
    yes_to_everything,
)
from pytest_promptchaos.measure.answer_controls import (
    answer_controls,
    as_notes,
    positive_control,
    unclear_answers,
)

if TYPE_CHECKING:
    from pytest_promptchaos.records import Condition, Polarity, Said, Sample


def silent(*_: object) -> Said:
    return "unclear"


def without_truth(every: list[Sample]) -> list[Sample]:
    return [replace(one, truth=None) for one in every]


def test_a_proposition_whose_truth_differs_must_change_the_answer() -> None:
    heard = positive_control(samples(by_proposition))
    assert (heard.role, heard.state, heard.value) == ("detection", "held", 1.0)
    deaf = positive_control(samples(yes_to_everything))
    assert (deaf.state, deaf.value) == ("failed", 0.0)
    assert deaf.words == (
        "base answers to two propositions on one image, one true and one false differ in 0 of 12 "
        "pairs: this model answers alike whatever it is asked about"
    )


def test_without_truths_any_two_propositions_of_an_image_will_do() -> None:
    heard = positive_control(without_truth(samples(by_proposition)))
    assert (heard.role, heard.state, heard.value) == ("note", "held", 1.0)


def test_without_truths_answers_may_rightly_be_alike_so_nothing_is_held_against_them() -> None:
    alike = positive_control(without_truth(samples(without_looking)))
    assert (alike.role, alike.state, alike.value) == ("note", "held", 0.0)
    assert alike.words == (
        "base answers to two propositions on one image differ in 0 of 12 pairs; no truth is "
        "known, so they may rightly be alike: declare truths"
    )


def test_one_proposition_or_one_truth_leaves_the_positive_control_absent() -> None:
    one = [sample(by_proposition, image=f"p{n}") for n in range(3)]
    assert positive_control(one).state == "absent"
    both = [sample(by_proposition, proposition=name) for name in ("a", "b")]
    found = positive_control(both)
    assert found.state == "absent"
    assert "one true and one false" in found.words


def test_unclear_answers_are_counted_by_condition_and_rule_and_fail_where_most_are() -> None:
    def speaker(sign: Polarity, how: Condition, there: bool, image: str, turn: int) -> Said:
        return "unclear" if how == "removed" else in_words(there, sign)

    one = unclear_answers([sample(speaker)])
    assert (one.state, one.value) == ("held", 0.0)
    assert one.words == (
        "7 of 22 answers are unclear (7 removed); most often: begins with 'unclear' (7x)"
    )
    every = unclear_answers(samples(silent))
    assert (every.state, every.value) == ("failed", 1.0)
    assert unclear_answers([]).words == "0 of 0 answers are unclear"


def test_chance_and_margins_are_noted_where_they_are_known() -> None:
    one = sample(by_proposition, kinds=KINDS[:2])
    told = tuple(
        replace(a, margin=-1.0 if a.phrasing == "present" else 2.0, mass=0.5) for a in one.answers
    )
    notes = {c.name: c.words for c in answer_controls([replace(one, answers=told)])}
    assert notes["truths"].startswith("1 of 1 propositions with a known truth hold")
    assert notes["margins"] == (
        "the yes-minus-no margin is against the answer in 1 of 2 clear ones; the declared tokens "
        "hold 50% of the probability (median)"
    )
    bare = {c.name for c in answer_controls(without_truth([one]))}
    assert not bare & {"truths", "margins"}


def test_as_notes_reliance_and_the_positive_control_void_nothing() -> None:
    before = answer_controls(samples(yes_to_everything))
    after = as_notes(before)
    assert {c.name for c in before if c.state == "failed"} == {"image reliance", "positive control"}
    assert {c.state for c in after} == {"held"}
    assert [c.words for c in before] == [c.words for c in after]
    read = as_notes((unclear_answers(samples(silent)),))
    assert read[0].state == "failed"


def test_reliance_is_judged_by_what_was_asked_for() -> None:
    alone = [
        replace(one, answers=tuple(a for a in one.answers if a.condition != "swapped"))
        for one in samples(by_proposition)
    ]
    assert answer_controls(alone)[0].state == "failed"
    assert answer_controls(alone, reliance="removed")[0].state == "held"


@settings(max_examples=40, deadline=None)
@given(any_samples())
def test_every_control_says_something_and_its_value_is_a_share(every: list[Sample]) -> None:
    for control in answer_controls(every):
        assert control.words
        assert control.value is None or 0.0 <= control.value <= 1.0
        assert control.state != "absent" or control.value is None
        assert control.state != "held" or control.value is not None
