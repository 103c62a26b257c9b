"""Does the answer follow the image? Another one must change it where another is true of it."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from measure.scripted_samples import (
    any_samples,
    by_proposition,
    in_words,
    sample,
    samples,
    without_looking,
)
from pytest_promptchaos.measure.reliance import (
    changed_by_removal,
    changed_by_swap,
    image_perturbed,
    image_reliance,
    truths_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_promptchaos.measure.quadrants import Reliance
    from pytest_promptchaos.records import Answer, Condition, Polarity, Said, Sample


def silent(*_: object) -> Said:
    return "unclear"


def asking_for_the_image(
    sign: Polarity, how: Condition, there: bool, image: str, turn: int
) -> Said:
    return "unclear" if how == "removed" else in_words(there, sign)


def changed(every: list[Sample], how: Callable[[Answer], Answer]) -> list[Sample]:
    return [replace(one, answers=tuple(map(how, one.answers))) for one in every]


def without_truth(every: list[Sample]) -> list[Sample]:
    return [replace(one, truth=None) for one in every]


def without(every: list[Sample], *conditions: Condition) -> list[Sample]:
    return [
        replace(one, answers=tuple(a for a in one.answers if a.condition not in conditions))
        for one in every
    ]


# -- one sample -----------------------------------------------------------------------------------


def swapping(*saids: Said, truth: bool | None = True) -> Sample:
    """One sample whose base answer is yes, and what was said of other images."""
    one = sample(by_proposition)
    swap = next(a for a in one.answers if a.condition == "swapped")
    swaps = [replace(swap, said=said, change=f"q{n}") for n, said in enumerate(saids)]
    return replace(one, truth=truth, answers=(*without([one], "swapped")[0].answers, *swaps))


@pytest.mark.parametrize(
    ("saids", "changes"),
    [
        (("no", "no", "yes", "yes"), True),
        (("no", "yes", "yes"), False),
        (("no", "yes", "unclear"), True),
        (("unclear",), None),
        ((), None),
    ],
)
def test_of_swaps_with_the_opposite_truth_half_must_change_the_answer(
    saids: tuple[Said, ...], changes: bool | None
) -> None:
    one = swapping(*saids)
    assert changed_by_swap(one, truths_of([one])) is changes


@pytest.mark.parametrize(
    ("saids", "changes"),
    [(("no", "yes", "yes"), True), (("yes", "yes"), None), (("unclear", "yes"), None)],
)
def test_where_truths_are_not_known_an_unchanged_swap_shows_nothing(
    saids: tuple[Said, ...], changes: bool | None
) -> None:
    one = swapping(*saids, truth=None)
    assert changed_by_swap(one, truths_of([one])) is changes
    other = replace(sample(by_proposition, image="q0"), truth=None)
    known = swapping(*saids[:1])
    assert changed_by_swap(known, truths_of([known, other])) is (True if "no" in saids else None)


def test_without_the_image_an_unclear_answer_is_no_proof_either_way() -> None:
    assert changed_by_removal(sample(by_proposition)) is True
    assert changed_by_removal(sample(without_looking)) is False
    assert changed_by_removal(sample(asking_for_the_image)) is None
    assert changed_by_removal(without([sample(by_proposition)], "removed")[0]) is None


# -- all samples ----------------------------------------------------------------------------------


def test_a_model_that_looks_changes_with_the_image_and_not_with_its_brightness() -> None:
    found = image_reliance(samples(by_proposition))
    assert (found.role, found.state, found.value) == ("gate", "held", 1.0)
    assert "changes the base answer in 24 of 24 samples (48 of 48 swaps)" in found.words
    assert "a perturbed one in 0 of 120 answers" in found.words


def test_a_model_that_ignores_the_image_is_told() -> None:
    found = image_reliance(samples(without_looking))
    assert (found.state, found.value) == ("failed", 0.0)
    assert found.words.endswith(": this model ignores the image")
    passages = image_reliance(samples(without_looking), image="passage")
    assert passages.words.endswith(": this model ignores the passage")
    unknown = image_reliance(without_truth(samples(without_looking)))
    assert unknown.state == "failed"
    assert unknown.words.endswith("or the others show the same: declare truths (truth=)")


@pytest.mark.parametrize(("looking", "state"), [(1, "failed"), (29, "failed"), (30, "held")])
def test_one_image_that_is_answered_otherwise_is_no_reliance(looking: int, state: str) -> None:
    """Of 60 images, this many are looked at; swaps have the opposite truth."""
    seen = (
        samples(by_proposition, images=looking) + samples(without_looking, images=60)[2 * looking :]
    )
    found = image_reliance(seen)
    assert found.state == state
    assert found.value == pytest.approx(looking / 60)
    mostly = "so this model mostly ignores the image"
    assert (mostly in found.words) is (state == "failed")


def test_without_truths_few_changes_may_be_all_that_there_are_to_see() -> None:
    seen = samples(by_proposition, images=1) + samples(without_looking, images=60)[2:]
    assert image_reliance(without_truth(seen)).state == "held"


def test_changes_no_more_frequent_than_under_perturbations_say_nothing_of_the_image() -> None:
    drawn = random.Random(1)

    def speaker(*_: object) -> Said:
        return drawn.choice(["yes", "no"])

    def restless(one: Answer) -> Answer:
        return replace(one, said="no") if one.condition == "perturbed" else one

    every = [one for one in samples(speaker, images=40) if one.as_is[0].said == "yes"]
    found = image_reliance(changed(every, restless))
    assert found.state == "failed"
    assert "no more often, so the changes say nothing" in found.words


@pytest.mark.parametrize("reliance", ["swapped", "both", "removed", "either"])
def test_without_a_usable_swap_only_a_clear_answer_without_the_image_shows_reliance(
    reliance: Reliance,
) -> None:
    alone = without(samples(by_proposition), "swapped")
    found = image_reliance(alone, reliance=reliance)
    assert found.state == ("held" if reliance in {"removed", "either"} else "failed")
    if found.state == "held":
        assert found.words.endswith("without the image 12 of 24 clear base answers change")
    for speaker in (without_looking, asking_for_the_image):
        blind = image_reliance(without(samples(speaker), "swapped"), reliance=reliance)
        assert (blind.state, blind.value) == ("failed", None)
        assert blind.words == (
            "no other image was shown, so nothing shows that answers rest on the image: show "
            "images for which the truth differs, and ask with swaps=3"
        )


def test_without_a_clear_answer_nothing_shows_reliance() -> None:
    found = image_reliance(samples(silent))
    assert found.state == "failed"
    assert "none of 48 answers to swapped images can be compared" in found.words
    assert image_reliance([]).state == "absent"


def test_perturbations_are_told_by_change() -> None:
    one = sample(by_proposition)
    dim = tuple(replace(a, said="no") if a.change == "brightness -20 %" else a for a in one.answers)
    found = image_perturbed([one, replace(one, id="dim", answers=dim)])
    assert found.value == pytest.approx(1 / 10)
    assert "1 of 10 base answers change" in found.words
    assert "brightness +20 % 0, brightness -20 % 1" in found.words
    assert image_perturbed(samples(silent)).state == "absent"


@settings(max_examples=40, deadline=None)
@given(any_samples(), st.randoms())
def test_the_order_of_samples_does_not_matter(every: list[Sample], shuffle: random.Random) -> None:
    mixed = list(every)
    shuffle.shuffle(mixed)
    assert image_reliance(mixed) == image_reliance(every)
