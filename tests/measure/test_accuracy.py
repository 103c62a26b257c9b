"""Right answers, with the image and without, and what stays the same without it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
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
from pytest_promptchaos.measure.accuracy import (
    accuracy,
    accuracy_bounds,
    follows_truth,
    text_only_agreement,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.records import Condition, Control, Polarity, Said, Sample


def test_yes_to_everything_is_right_of_what_is_there_in_its_positive_phrasings() -> None:
    found = accuracy([sample(yes_to_everything, image=f"p{n}") for n in range(6)])
    assert found.value == pytest.approx(4 / 7)
    assert {part.name: part.value for part in found.breakdown} == {
        kind: float(polarity == 1) for kind, polarity in KINDS
    }


def test_accuracy_without_the_image_is_that_of_the_text_alone() -> None:
    every = samples(by_proposition)
    assert accuracy(every).value == 1.0
    # Without the image it affirms nothing, which is right of the absent half.
    bare = accuracy(every, condition="removed")
    assert (bare.name, bare.value) == ("text_only_accuracy", 0.5)
    assert text_only_agreement(every).value == 0.5


def test_what_is_never_looked_at_stays_the_same_without_it() -> None:
    found = text_only_agreement(samples(without_looking))
    assert found.value == 1.0
    assert {part.value for part in found.breakdown} == {1.0}
    assert len(found.breakdown) == len(KINDS)


def test_to_say_that_there_is_nothing_to_see_is_not_to_agree() -> None:
    def speaker(sign: Polarity, how: Condition, there: bool, image: str, turn: int) -> Said:
        return "unclear" if how == "removed" else in_words(there, sign)

    assert text_only_agreement(samples(speaker)).value == 0.0


def test_unknown_truths_are_counted_and_left_out() -> None:
    every = samples(by_proposition)
    found = accuracy([replace(one, truth=None) if n < 6 else one for n, one in enumerate(every)])
    assert (found.value, found.n, found.effective_n) == (1.0, 24, 18)
    assert "6 of 24 samples left out: no clear answer, or no known truth" in found.interval
    without = accuracy([replace(one, truth=None) for one in every])
    assert without.reason == "no truth is known of 24 samples"


def test_no_clear_answer_has_no_accuracy_and_bounds_of_everything() -> None:
    def speaker(*_: object) -> Said:
        return "unclear"

    every = samples(speaker)
    assert accuracy(every).reason == "none of the clear answers is to a known truth"
    assert [bound.value for bound in accuracy_bounds(every)] == [0.0, 1.0, 0.0, 1.0]
    assert text_only_agreement(every).reason == "no clear answer was asked again without the image"


def test_what_was_not_asked_without_the_image_is_absent() -> None:
    one = sample(by_proposition)
    shown = replace(one, answers=tuple(a for a in one.answers if a.condition != "removed"))
    assert accuracy([shown], condition="removed").reason == "nothing was asked like that"
    assert text_only_agreement([shown]).value is None


# -- is it what is in the image? -------------------------------------------------------------------


def guard(every: Sequence[Sample]) -> Control:
    (found,) = follows_truth(every, accuracy(every))
    return found


def of_truths(affirmed_true: int, true: int, affirmed_false: int, false: int) -> list[Sample]:
    """One sample per image: so many that hold, and that do not, of which so many are affirmed."""

    def of(truth: bool, affirmed: int, number: int) -> list[Sample]:
        def speaker(sign: Polarity, how: Condition, there: bool, image: str, turn: int) -> Said:
            return in_words(int(image[1:]) < affirmed, sign)

        return [sample(speaker, image=f"{truth:d}{n}", truth=truth) for n in range(number)]

    return of(True, affirmed_true, true) + of(False, affirmed_false, false)


def test_right_answers_follow_what_is_in_the_image() -> None:
    found = guard(samples(by_proposition))
    assert (found.role, found.state, found.value) == ("gate", "held", 1.0)
    assert guard(samples(by_proposition, images=2)).state == "held"


def test_wrong_answers_follow_the_image_and_not_what_is_in_it() -> None:
    found = guard(of_truths(0, 20, 20, 20))
    assert (found.state, found.value) == ("failed", 0.0)
    assert found.words == (
        "0% of answers are right (up to 9%), where always affirming, or always denying, would get "
        "50%; true propositions are affirmed in 0%, false ones in 100%: answers do not follow what "
        "is in the images"
    )


@pytest.mark.parametrize(
    ("affirmed_true", "affirmed_false", "state"),
    [(24, 54, "held"), (15, 135, "failed"), (30, 0, "held"), (0, 0, "held")],
)
def test_where_few_propositions_hold_false_alarms_do_not_hide_what_is_seen(
    affirmed_true: int, affirmed_false: int, state: str
) -> None:
    """Of 300, 30 hold. Denying all is right in 90 %; 24 of 30 seen and 54 false alarms, in 82 %."""
    assert guard(of_truths(affirmed_true, 30, affirmed_false, 270)).state == state


def test_one_truth_everywhere_tells_nothing_and_none_yields_nothing() -> None:
    one_sided = [one for one in samples(by_proposition) if one.truth]
    assert guard(one_sided).state == "absent"
    unknown = [replace(one, truth=None) for one in one_sided]
    assert not list(follows_truth(unknown, accuracy(unknown)))


@settings(max_examples=30, deadline=None)
@given(any_samples())
def test_bounds_enclose_every_accuracy(every: list[Sample]) -> None:
    found = (accuracy(every), accuracy(every, condition="removed"))
    bounds = accuracy_bounds(every)
    for rate, low, high in zip(found, bounds[::2], bounds[1::2], strict=True):
        if low.value is not None and high.value is not None:
            assert 0.0 <= low.value <= high.value <= 1.0
            assert rate.value is None or low.value - 1e-12 <= rate.value <= high.value + 1e-12
