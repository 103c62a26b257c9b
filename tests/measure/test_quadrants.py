"""Consistent or not, resting on the image or not: a model that never flips may be blind."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from measure.scripted_samples import (
    CHANGES,
    KINDS,
    answer,
    any_samples,
    by_proposition,
    in_words,
    sample,
    samples,
    without_looking,
    yes_to_everything,
)
from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.measure.flips import flips
from pytest_promptchaos.measure.quadrants import (
    SAME_TRUTH,
    UNCLEAR_BARE,
    UNCLEAR_BASE,
    Reliance,
    quadrants,
    shares,
)
from pytest_promptchaos.records import QUADRANTS

if TYPE_CHECKING:
    from measure.scripted_samples import Speaker
    from pytest_promptchaos.measure.quadrants import Quadrants
    from pytest_promptchaos.records import Answer, Condition, Measurement, Polarity, Said, Sample

RELIANCES: tuple[Reliance, ...] = get_args(Reliance)


def placed(speaker: Speaker, reliance: Reliance = "swapped", images: int = 12) -> list[Sample]:
    return list(quadrants(samples(speaker, images), reliance=reliance))


def names(every: list[Sample]) -> Counter[str | None]:
    return Counter(one.quadrant for one in every)


def four(found: Quadrants) -> tuple[Measurement, ...]:
    return (found.ideal, found.fragile, found.dangerous, found.worst)


def state(found: Quadrants, name: str) -> str:
    return next(one.state for one in found.controls if one.name == name)


# -- scripted models ------------------------------------------------------------------------------


@pytest.mark.parametrize("reliance", RELIANCES)
def test_an_answer_by_proposition_is_ideal(reliance: Reliance) -> None:
    # Without the image it affirms nothing: where the finding is absent, that changes no answer.
    every = placed(by_proposition, reliance)
    dangerous = 12 if reliance in {"removed", "both"} else 0
    assert names(every) == Counter(ideal=24 - dangerous, dangerous=dangerous)
    found = shares(every)
    assert found.ideal.value == 1 - dangerous / 24
    assert found.accuracy.value == 1.0
    assert state(found, "image reliance") == state(found, "positive control") == "held"


@pytest.mark.parametrize("reliance", RELIANCES)
def test_one_that_never_looks_is_dangerous_although_it_never_flips(reliance: Reliance) -> None:
    every = placed(without_looking, reliance)
    found = shares(every)
    assert flips(every).flip_rate.value == 0.0
    assert names(every) == Counter(dangerous=24)
    assert (found.dangerous.value, found.ideal.value) == (1.0, 0.0)
    assert found.ideal.high == pytest.approx(1 - 0.05 ** (1 / 12))
    assert found.text_only_agreement.value == 1.0
    assert (found.accuracy.value, found.text_only_accuracy.value) == (0.5, 0.5)
    reliance_control = next(one for one in found.controls if one.name == "image reliance")
    assert reliance_control.state == "failed"
    assert reliance_control.words.endswith("this model ignores the image")


def test_yes_to_everything_is_dangerous_also_where_negations_give_it_away() -> None:
    """It contradicts itself, as its flips say; but one word for all is as sure as it is blind."""
    positive = tuple(kind for kind in KINDS if kind[1] == 1)
    affirming = list(quadrants(samples(yes_to_everything, kinds=positive)))
    assert names(affirming) == Counter(dangerous=24)
    notes = [one.words for one in shares(affirming).controls if one.name == "polarities"]
    assert notes[0].startswith("24 of 24 samples are asked in one polarity only")
    both = placed(yes_to_everything)
    assert names(both) == Counter(dangerous=24)
    assert flips(both).inconsistent.value == 1.0
    found = shares(both)
    assert found.text_only_agreement.value == 1.0
    assert state(found, "image reliance") == state(found, "positive control") == "failed"


def test_a_model_that_sees_and_trips_over_words_is_fragile() -> None:
    def speaker(sign: Polarity, condition: Condition, there: bool, image: str, turn: int) -> Said:
        return "yes" if there and condition != "removed" else "no"

    every = placed(speaker)
    assert names(every) == Counter(fragile=24)
    assert shares(every).accuracy.value == pytest.approx(4 / 7)


def test_random_answers_are_worst_mostly() -> None:
    drawn = random.Random(0)

    def speaker(*_: object) -> Said:
        return drawn.choice(["yes", "no"])

    every = placed(speaker, images=100)
    counted = names(every)
    assert counted["worst"] > 0.7 * len(every)
    assert counted["ideal"] + counted["dangerous"] < 0.06 * len(every)


def test_unclear_half_of_the_time_is_not_consistent_and_bounds_tell() -> None:
    """Right where it answers: every second answer is unclear."""

    def speaker(sign: Polarity, condition: Condition, there: bool, image: str, turn: int) -> Said:
        return "unclear" if turn % 2 else in_words(there and condition != "removed", sign)

    every = placed(speaker)
    # The clear one of two swaps changes it, but so do two of five perturbations.
    assert names(every) == Counter(worst=24)
    found = shares(every)
    assert found.accuracy.value == 1.0
    bounds = {bound.name: bound.value for bound in found.bounds}
    assert bounds["accuracy, unclear counted as wrong"] == pytest.approx(4 / 7)
    assert bounds["accuracy, unclear counted as right"] == 1.0
    unclear = next(one for one in found.controls if one.name == "unclear answers")
    assert unclear.value == pytest.approx(3 / 7)
    assert unclear.state == "held"
    assert "says 'unclear'" not in unclear.words
    assert "begins with 'unclear'" in unclear.words


# -- one sample -----------------------------------------------------------------------------------


def test_a_sample_with_one_unclear_phrasing_is_not_consistent() -> None:
    one = sample(by_proposition)
    vague = replace(one, answers=(*one.answers, answer("else", 1, "unclear")))
    assert quadrants([one])[0].quadrant == "ideal"
    assert quadrants([vague])[0].quadrant == "fragile"


def test_an_unclear_base_answer_is_worst_with_its_reason() -> None:
    one = sample(by_proposition)
    found = quadrants([_said(one, "as is", ["unclear"])])[0]
    assert (found.quadrant, found.reason) == ("worst", UNCLEAR_BASE)


@pytest.mark.parametrize(
    ("swapped", "quadrant", "reason"),
    [
        (["no", "yes"], "ideal", ""),
        (["no", "yes", "yes"], "dangerous", ""),
        (["yes", "yes"], "dangerous", ""),
        (["unclear", "no"], "ideal", ""),
        (["unclear", "yes"], "dangerous", ""),
        (["unclear", "unclear"], None, "none of 2 answers to swapped images are clear"),
        (["unclear"], None, "none of 1 answers to swapped images is clear"),
        ([], None, "no usable swap"),
    ],
)
def test_half_of_the_swaps_must_change_the_answer_and_an_unclear_one_shows_nothing(
    swapped: list[Said], quadrant: str | None, reason: str
) -> None:
    one = _said(sample(by_proposition), "swapped", swapped)
    found = quadrants([one])[0]
    assert (found.quadrant, found.reason) == (quadrant, reason)


@pytest.mark.parametrize(
    ("perturbed", "quadrant"),
    [
        (["yes", "yes", "yes", "no"], "ideal"),
        (["yes", "yes", "yes", "no", "no"], "dangerous"),
        (["yes", "yes", "unclear", "unclear", "no"], "dangerous"),
        ([], "ideal"),
    ],
)
def test_an_answer_that_changes_with_everything_rests_on_nothing(
    perturbed: list[Said], quadrant: str
) -> None:
    one = _said(sample(by_proposition), "perturbed", perturbed)
    assert quadrants([one])[0].quadrant == quadrant


@pytest.mark.parametrize(
    ("swapped", "removed", "relies"),
    [
        ("no", "no", {"swapped": True, "removed": True, "either": True, "both": True}),
        ("no", "yes", {"swapped": True, "removed": False, "either": True, "both": False}),
        ("yes", "no", {"swapped": False, "removed": True, "either": True, "both": False}),
        ("yes", "unclear", {"swapped": False, "removed": None, "either": None, "both": False}),
        ("no", "unclear", {"swapped": True, "removed": None, "either": True, "both": None}),
        (None, "no", {"swapped": None, "removed": True, "either": True, "both": None}),
        (None, "yes", {"swapped": None, "removed": False, "either": None, "both": False}),
        ("no", None, {"swapped": True, "removed": None, "either": True, "both": None}),
        (None, None, dict.fromkeys(RELIANCES, None)),
    ],
)
def test_what_counts_as_reliance(
    swapped: Said | None, removed: Said | None, relies: dict[Reliance, bool | None]
) -> None:
    one = _said(sample(by_proposition), "swapped", [swapped] if swapped else [])
    one = _said(one, "removed", [removed] if removed else [])
    for reliance, expected in relies.items():
        found = quadrants([one], reliance=reliance)[0]
        named = {True: "ideal", False: "dangerous", None: None}[expected]
        assert found.quadrant == named
        assert bool(found.reason) == (expected is None)


@pytest.mark.parametrize(
    ("swapped", "quadrant", "reason"),
    [(["no", "yes", "yes"], "ideal", ""), (["yes", "yes"], None, SAME_TRUTH)],
)
def test_without_a_truth_an_unchanged_swap_is_no_reproach(
    swapped: list[Said], quadrant: str | None, reason: str
) -> None:
    one = _said(replace(sample(by_proposition), truth=None), "swapped", swapped)
    found = quadrants([one])[0]
    assert (found.quadrant, found.reason) == (quadrant, reason)


def test_a_right_model_is_never_dangerous_for_want_of_truths() -> None:
    """One image in ten shows the finding, so most others show what this one shows."""
    every = []
    for n in range(40):
        one = sample(by_proposition, image=f"p{n:02}", truth=n % 10 == 0)
        same = [in_words((n + k) % 10 == 0, 1) for k in (1, 2)]
        every.append(_said(replace(one, truth=None), "swapped", same))
    placed = list(quadrants(every))
    assert names(placed) == Counter({"ideal": 12, None: 28})
    found = shares(placed)
    assert (found.ideal.value, found.dangerous.value) == (1.0, 0.0)
    assert found.ideal.low == pytest.approx(0.1807, abs=1e-4)  # Wilson's, 12 of 40
    note = next(one for one in found.controls if one.name == "samples without a quadrant")
    assert note.words.endswith(f"{SAME_TRUTH} (28x)")


def test_a_refusal_without_the_image_is_a_reason_and_no_quadrant() -> None:
    one = _said(sample(by_proposition), "removed", ["unclear"])
    found = quadrants([one], reliance="removed")[0]
    assert (found.quadrant, found.reason) == (None, UNCLEAR_BARE)


def test_what_follows_the_image_and_not_what_is_in_it_is_told() -> None:
    def upside_down(sign: Polarity, how: Condition, there: bool, image: str, turn: int) -> Said:
        return in_words(not there, sign)

    found = shares(placed(upside_down))
    assert found.ideal.value == 1.0
    assert state(found, "image reliance") == "held"
    assert state(found, "accuracy") == "failed"
    assert state(shares(placed(by_proposition)), "accuracy") == "held"


def test_one_phrasing_is_no_consistency() -> None:
    found = quadrants([sample(by_proposition, kinds=KINDS[:1])])[0]
    assert (found.quadrant, found.reason) == (None, "asked in one phrasing only")


def test_an_unknown_reliance_is_refused() -> None:
    with pytest.raises(ArgumentError, match="reliance is 'cropped': take one of swapped, removed"):
        quadrants([], reliance="cropped")  # type: ignore[arg-type]


# -- shares ---------------------------------------------------------------------------------------


def test_shares_have_their_propositions_beside_them() -> None:
    every = [sample(by_proposition, image=f"p{n}", proposition="a") for n in range(6)]
    every += [sample(without_looking, image=f"p{n}", proposition="b") for n in range(6)]
    found = shares(quadrants(every))
    assert [part.value for part in four(found)] == [0.5, 0.0, 0.5, 0.0]
    assert {part.name: part.value for part in found.ideal.breakdown} == {"a": 1.0, "b": 0.0}
    assert (found.ideal.n, found.ideal.effective_n) == (12, 12)


def test_a_share_reaches_over_samples_without_a_quadrant_that_may_be_in_it() -> None:
    """Of 12 consistent samples 6 have no usable swap: the ideal share may be 1/2, or all."""
    seen = [sample(by_proposition, image=f"p{n:02}") for n in range(12)]
    every = quadrants([_said(one, "swapped", []) if n < 6 else one for n, one in enumerate(seen)])
    found = shares(every)
    assert (found.ideal.value, found.ideal.n, found.ideal.effective_n) == (1.0, 12, 6)
    assert found.ideal.low is not None
    # The lower Wilson bound of 6 of 12, where 6 of 6 alone would have 0.61.
    assert found.ideal.low == pytest.approx(0.2538, abs=1e-4)
    assert "6 of 12 samples have no quadrant" in found.ideal.interval
    assert found.dangerous.high == pytest.approx(0.7462, abs=1e-4)
    # None of them can be fragile, because all are consistent: 0 of 12.
    assert found.fragile.high == pytest.approx(found.worst.high or 0.0)
    note = next(one for one in found.controls if one.name == "samples without a quadrant")
    assert note.words == "6 of 12 samples have no quadrant: no usable swap (6x)"


def test_without_any_quadrant_the_shares_are_absent_with_the_reasons() -> None:
    found = shares(quadrants([_said(sample(by_proposition), "swapped", [])]))
    for part in four(found):
        assert part.reason == "none of 1 samples has a quadrant: no usable swap"
    assert shares(samples(by_proposition)).ideal.reason is not None


def test_no_samples_are_absent_everywhere() -> None:
    found = shares(())
    assert {part.reason for part in four(found)} == {"no sample was asked"}
    assert found.text_only_agreement.reason == "no clear answer was asked again without the image"
    assert found.accuracy.reason == "nothing was asked like that"
    assert {one.state for one in found.controls} <= {"absent", "held"}


# -- properties -----------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(any_samples(), st.sampled_from(RELIANCES))
def test_the_four_shares_sum_to_one_and_lie_within_their_intervals(
    every: list[Sample], reliance: Reliance
) -> None:
    found = four(shares(quadrants(every, reliance=reliance)))
    values = [part.value for part in found if part.value is not None]
    assert len(values) in {0, 4}
    assert not values or sum(values) == pytest.approx(1.0)
    for part in found:
        if part.value is not None and part.low is not None and part.high is not None:
            assert 0.0 <= part.low <= part.value <= part.high <= 1.0


@settings(max_examples=20, deadline=None)
@given(any_samples(), st.randoms())
def test_order_and_the_way_polarity_is_written_do_not_matter(
    every: list[Sample], shuffle: random.Random
) -> None:
    mixed = []
    for one in every:
        others = [_turned(other) for other in one.answers[1:]]
        shuffle.shuffle(others)
        mixed.append(replace(one, answers=(_turned(one.answers[0]), *others)))
    shuffle.shuffle(mixed)
    before = quadrants(every)
    after = {one.id: one for one in quadrants(mixed)}
    assert [(one.quadrant, one.reason) for one in before] == [
        (after[one.id].quadrant, after[one.id].reason) for one in before
    ]
    first, second = shares(before), shares(tuple(after.values()))
    for name in (*QUADRANTS, "text_only_agreement", "accuracy", "text_only_accuracy"):
        one, other = getattr(first, name), getattr(second, name)
        for number in ("value", "low", "high", "interval", "n", "effective_n"):
            assert getattr(one, number) == getattr(other, number)


def _turned(one: Answer) -> Answer:
    said: dict[Said, Said] = {"yes": "no", "no": "yes", "unclear": "unclear"}
    return replace(one, polarity=1 if one.polarity == -1 else -1, said=said[one.said])


def _said(one: Sample, condition: Condition, saids: list[Said]) -> Sample:
    """The sample with these answers to its base phrasing under a condition, in place of its own."""
    base = one.as_is[0]
    others = [other for other in one.answers[1:] if other.condition != condition]
    if condition == "as is":
        return replace(one, answers=(replace(base, said=saids[0]), *one.answers[1:]))
    given = [
        answer(base.phrasing, base.polarity, said, condition, change=CHANGES[place % 5])
        for place, said in enumerate(saids)
    ]
    return replace(one, answers=(base, *others, *given))
