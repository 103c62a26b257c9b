"""Flips are counted on propositions: three estimators, their bounds, and the noise floor."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from measure.scripted_samples import (
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
from pytest_promptchaos.measure.flips import against_base, flips, inconsistent, pairwise
from pytest_promptchaos.records import Sample

if TYPE_CHECKING:
    from pytest_promptchaos.records import Answer, Condition, Measurement, Polarity, Said

POSITIVE = tuple(kind for kind, polarity in KINDS if polarity == 1)
NEGATED = tuple(kind for kind, polarity in KINDS if polarity == -1)
affirmed = st.sampled_from([True, False, None])


def asked(*answers: tuple[Polarity, Said], image: str = "p1", name: str = "s") -> Sample:
    """A sample whose phrasings, of these polarities, were answered so."""
    return Sample(
        id=name,
        shown=image,
        proposition="x",
        truth=None,
        answers=tuple(answer(f"k{n}", sign, said) for n, (sign, said) in enumerate(answers)),
    )


# -- what a flip is -------------------------------------------------------------------------------


def test_yes_and_yes_of_opposite_polarity_is_a_flip_and_yes_and_no_is_none() -> None:
    contradiction = flips([asked((1, "yes"), (-1, "yes"))])
    assert (contradiction.flip_rate.value, contradiction.inconsistent.value) == (1.0, 1.0)
    agreement = flips([asked((1, "yes"), (-1, "no"))])
    assert (agreement.flip_rate.value, agreement.inconsistent.value) == (0.0, 0.0)


def test_yes_and_no_of_one_polarity_is_a_flip_whatever_the_words_of_the_text() -> None:
    one = asked((1, "yes"), (1, "no"))
    assert flips([one]).pairwise.value == 1.0
    same = replace(one, answers=tuple(replace(a, text="It is so.") for a in one.answers))
    assert flips([same]).pairwise.value == 1.0


def test_three_estimators_of_one_sample() -> None:
    """Five agree and two do not: 2 of 6 against the base, 10 of 21 pairs, and not consistent."""
    affirms = [True, True, True, True, True, False, False]
    assert against_base(affirms) == pytest.approx(2 / 6)
    assert pairwise(affirms) == pytest.approx(10 / 21)
    assert inconsistent(affirms) == 1.0
    # Where the base is the odd one out, all others flip against it.
    assert against_base([False, *[True] * 6]) == 1.0
    assert pairwise([False, *[True] * 6]) == pytest.approx(6 / 21)


# -- scripted models ------------------------------------------------------------------------------


def test_yes_to_everything_flips_on_the_negated_phrasings_and_on_no_other() -> None:
    found = flips(samples(yes_to_everything))
    parts = {part.name: part.value for part in found.flip_rate.breakdown}
    assert parts == dict.fromkeys(POSITIVE[1:], 0.0) | dict.fromkeys(NEGATED, 1.0)
    assert found.flip_rate.value == pytest.approx(3 / 6)
    assert found.pairwise.value == pytest.approx(4 * 3 / 21)
    assert found.inconsistent.value == 1.0
    assert found.parse_rate.value == 1.0


def test_an_answer_by_proposition_and_one_without_looking_never_flip() -> None:
    for speaker in (by_proposition, without_looking):
        found = flips(samples(speaker))
        for rate in (found.flip_rate, found.pairwise, found.inconsistent):
            assert (rate.value, rate.low) == (0.0, 0.0)
            # Twelve images of which none flips do not say that no image ever would.
            assert rate.high == pytest.approx(1 - 0.05 ** (1 / 12))
            assert {part.value for part in rate.breakdown} == {0.0}


def test_random_answers_flip_half_of_the_time_and_nearly_always_somewhere() -> None:
    drawn = random.Random(0)

    def speaker(*_: object) -> Said:
        return drawn.choice(["yes", "no"])

    found = flips(samples(speaker, images=60))
    for rate in (found.flip_rate, found.pairwise):
        assert rate.value == pytest.approx(0.5, abs=0.05)
        assert rate.low is not None
        assert rate.high is not None
        assert rate.low < 0.5 < rate.high
    assert found.inconsistent.value == pytest.approx(1 - 2**-6, abs=0.04)
    assert found.again.value == pytest.approx(0.5, abs=0.1)


def test_unclear_half_of_the_time_is_left_out_of_the_value_and_told_by_the_bounds() -> None:
    """Right where it answers, and it answers every second question."""

    def speaker(sign: Polarity, condition: Condition, there: bool, image: str, turn: int) -> Said:
        return "unclear" if turn % 2 else in_words(there, sign)

    found = flips(samples(speaker))
    assert found.flip_rate.value == found.pairwise.value == found.inconsistent.value == 0.0
    bounds = {bound.name: bound.value for bound in found.bounds}
    # Of seven answers three are unclear: 3 of 6 comparisons, and all pairs but those of the four.
    assert bounds == {
        "flip_rate, unclear counted as agreeing": 0.0,
        "flip_rate, unclear counted as flipping": pytest.approx(3 / 6),
        "pairwise_flip_rate, unclear counted as agreeing": 0.0,
        "pairwise_flip_rate, unclear counted as flipping": pytest.approx((21 - 6) / 21),
        "inconsistent_samples, unclear counted as agreeing": 0.0,
        "inconsistent_samples, unclear counted as flipping": 1.0,
    }
    assert found.parse_rate.value == pytest.approx(4 / 7)
    assert "72 of 144 comparisons left out: an answer is unclear" in found.flip_rate.interval
    parts = {part.name: part.value for part in found.parse_rate.breakdown}
    assert (parts["presence"], parts["present"]) == (1.0, 0.0)
    silent = {part.name: part.reason for part in found.flip_rate.breakdown if part.reason}
    assert silent == dict.fromkeys(
        ("present", "shows", "absent"), "none of 24 samples has two clear answers to compare"
    )


def test_leaving_the_negated_phrasings_unanswered_passes_no_limit_on_flips() -> None:
    def speaker(sign: Polarity, condition: Condition, there: bool, image: str, turn: int) -> Said:
        return "unclear" if sign == -1 else in_words(there, sign)

    found = flips(samples(speaker))
    assert (found.flip_rate.value, found.judged.value) == (0.0, 0.0)
    assert found.flip_rate.high == pytest.approx(1 - 0.05 ** (1 / 12))
    assert found.judged.high is not None
    assert found.judged.high > 3 / 6
    assert "unclear counted as flipping" in found.judged.interval


def test_where_all_is_clear_the_rate_itself_is_judged() -> None:
    found = flips(samples(yes_to_everything))
    assert found.judged == found.flip_rate


# -- what is counted ------------------------------------------------------------------------------


def test_an_image_counts_once_however_many_propositions_are_asked_of_it() -> None:
    flipping = [asked((1, "yes"), (1, "no"), image="p1", name=f"a{n}") for n in range(9)]
    calm = asked((1, "yes"), (1, "yes"), image="p2", name="b")
    found = flips([*flipping, calm]).flip_rate
    assert found.value == 0.5
    assert (found.n, found.effective_n) == (10, 10)


def test_intervals_are_clustered_by_image_and_not_narrowed_by_more_samples_of_each() -> None:
    """Images that flip in all samples or in none: nine samples of each are worth one."""

    def of_each(count: int) -> Measurement:
        return flips(
            [
                asked((1, "yes"), (1, "no" if p < 3 else "yes"), image=f"p{p}", name=f"{p}/{n}")
                for p in range(12)
                for n in range(count)
            ]
        ).flip_rate

    nine, two = of_each(9), of_each(2)
    assert (nine.value, nine.low, nine.high) == (two.value, two.low, two.high)
    assert (nine.resampled, nine.resampled_n) == ("images", 12)
    assert "over 12 images" in nine.interval


def test_one_sample_per_image_has_a_wilson_interval() -> None:
    every = [
        asked((1, "yes"), (1, "no" if p < 3 else "yes"), image=f"p{p}", name=str(p))
        for p in range(12)
    ]
    found = flips(every).flip_rate
    assert found.interval == "95 % Wilson over 12 images"
    assert found.low == pytest.approx(0.0889, abs=1e-4)
    assert found.high == pytest.approx(0.5323, abs=1e-4)


def test_one_image_speaks_of_itself_only() -> None:
    last: tuple[Said, ...] = ("yes", "no", "no", "yes")
    every = [asked((1, "yes"), (1, "no"), (1, said), name=str(n)) for n, said in enumerate(last)]
    found = flips(every).flip_rate
    assert "4 samples within 1 image, not over images" in found.interval
    assert (found.resampled, found.resampled_n) == ("samples", 4)


def test_a_single_sample_with_some_flips_has_no_interval() -> None:
    found = flips([asked((1, "yes"), (1, "no"), (1, "yes"))]).flip_rate
    assert (found.value, found.low, found.high) == (0.5, None, None)
    assert found.interval == "a single sample: no interval"


def test_passages_are_called_passages() -> None:
    found = flips(samples(by_proposition), images="passages").flip_rate
    assert "all 12 passages equal" in found.interval
    assert found.resampled == "passages"


# -- empty cases ----------------------------------------------------------------------------------


def test_no_samples_is_absent_with_its_reason() -> None:
    found = flips([])
    for rate in (found.flip_rate, found.pairwise, found.inconsistent, *found.bounds):
        assert (rate.value, rate.reason) == (None, "no sample was asked in two phrasings")
    assert found.parse_rate.reason == "nothing was asked"
    assert found.again.state == "absent"


def test_one_phrasing_cannot_flip() -> None:
    found = flips([asked((1, "yes"))])
    assert found.flip_rate.reason == "no sample was asked in two phrasings"
    assert (found.flip_rate.n, found.parse_rate.value) == (0, 1.0)


def test_all_unclear_is_absent_between_bounds_of_everything() -> None:
    every = [asked((1, "unclear"), (-1, "unclear"), image=f"p{n}", name=str(n)) for n in range(6)]
    found = flips(every)
    for rate in (found.flip_rate, found.pairwise, found.inconsistent):
        assert rate.reason == "none of 6 samples has two clear answers to compare"
        assert (rate.n, rate.effective_n) == (6, 0)
    assert [bound.value for bound in found.bounds] == [0.0, 1.0] * 3
    assert found.parse_rate.value == 0.0


def test_an_unclear_base_leaves_the_pairs_of_the_others() -> None:
    one = asked((1, "unclear"), (1, "yes"), (1, "no"), (-1, "no"))
    found = flips([one])
    assert found.flip_rate.reason == "none of 1 samples has two clear answers to compare"
    assert found.pairwise.value == pytest.approx(2 / 3)
    assert found.inconsistent.value == 1.0


def test_samples_left_out_are_counted_in_words() -> None:
    every = [asked((1, "yes"), (1, "no"), image=f"p{n}", name=str(n)) for n in range(5)]
    every.append(asked((1, "unclear"), (1, "no"), image="p9", name="vague"))
    found = flips(every).flip_rate
    assert (found.value, found.n, found.effective_n) == (1.0, 6, 5)
    assert "1 of 6 samples left out: no two clear answers to compare" in found.interval


# -- noise ----------------------------------------------------------------------------------------


def test_the_base_asked_again_is_the_noise_floor() -> None:
    first = sample(by_proposition)
    other = replace(
        first, id="noisy", answers=(*first.answers, answer("presence", 1, "no", "again"))
    )
    found = flips([first, other]).again
    assert (found.role, found.state) == ("floor", "held")
    assert found.value == pytest.approx(1 / 3)
    assert "1 of 3 answers are read otherwise, 1 worded otherwise" in found.words


def test_not_asked_again_is_told() -> None:
    assert flips([asked((1, "yes"), (1, "yes"))]).again.state == "absent"


# -- refusals -------------------------------------------------------------------------------------


def test_samples_that_would_count_wrongly_are_refused() -> None:
    one = asked((1, "yes"), (1, "no"))
    with pytest.raises(ValueError, match="two samples have the id 's'"):
        flips([one, one])
    with pytest.raises(ValueError, match="'s' has no as-is answer"):
        flips([replace(one, answers=())])
    twice: tuple[Answer, ...] = (*one.answers, one.answers[1])
    with pytest.raises(ValueError, match=r"2 answers to the phrasing 'k1' under .* 'as is'"):
        flips([replace(one, answers=twice)])


# -- properties -----------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(st.lists(affirmed, min_size=1, max_size=9))
def test_bounds_of_a_sample_enclose_its_value(affirms: list[bool | None]) -> None:
    for estimator in (against_base, pairwise, inconsistent):
        value, low, high = (estimator(affirms, unclear) for unclear in (None, False, True))
        assert (low is None) == (len(affirms) < 2)
        if low is not None and high is not None:
            assert 0.0 <= low <= high <= 1.0
            assert value is None or low <= value <= high
            assert (None in affirms) or low == value == high


@settings(max_examples=200, deadline=None)
@given(st.lists(affirmed, min_size=1, max_size=9), st.randoms())
def test_only_which_phrasing_is_the_base_matters(
    affirms: list[bool | None], shuffle: random.Random
) -> None:
    others = affirms[1:]
    shuffle.shuffle(others)
    mixed = [affirms[0], *others]
    every = list(affirms)
    shuffle.shuffle(every)
    for unclear in (None, False, True):
        assert against_base(mixed, unclear) == against_base(affirms, unclear)
        assert pairwise(every, unclear) == pairwise(affirms, unclear)
        assert inconsistent(every, unclear) == inconsistent(affirms, unclear)


@settings(max_examples=40, deadline=None)
@given(any_samples())
def test_bounds_enclose_every_rate(every: list[Sample]) -> None:
    found = flips(every)
    rates = (found.flip_rate, found.pairwise, found.inconsistent)
    for rate, low, high in zip(rates, found.bounds[::2], found.bounds[1::2], strict=True):
        if low.value is not None and high.value is not None:
            assert low.value <= high.value
            assert rate.value is None or low.value - 1e-12 <= rate.value <= high.value + 1e-12
        if rate.value is not None and rate.low is not None and rate.high is not None:
            assert 0.0 <= rate.low <= rate.value <= rate.high <= 1.0
        assert rate.effective_n <= rate.n <= len(every)


@settings(max_examples=25, deadline=None)
@given(any_samples(), st.randoms())
def test_the_order_of_samples_and_phrasings_does_not_matter(
    every: list[Sample], shuffle: random.Random
) -> None:
    mixed = []
    for one in every:
        others = list(one.answers[1:])
        shuffle.shuffle(others)
        mixed.append(replace(one, answers=(one.answers[0], *others)))
    shuffle.shuffle(mixed)
    before, after = flips(every), flips(mixed)
    for name in ("flip_rate", "pairwise", "inconsistent", "parse_rate"):
        assert _sorted(getattr(before, name)) == _sorted(getattr(after, name))
    assert before.bounds == after.bounds
    assert before.again == after.again


@settings(max_examples=25, deadline=None)
@given(any_samples())
def test_turning_a_polarity_together_with_its_answer_changes_nothing(every: list[Sample]) -> None:
    turned = [replace(one, answers=tuple(map(_turned, one.answers))) for one in every]
    before, after = flips(every), flips(turned)
    assert (before.flip_rate, before.pairwise) == (after.flip_rate, after.pairwise)
    assert (before.inconsistent, before.bounds) == (after.inconsistent, after.bounds)
    assert before.parse_rate == after.parse_rate


def _turned(one: Answer) -> Answer:
    said: dict[Said, Said] = {"yes": "no", "no": "yes", "unclear": "unclear"}
    return replace(one, polarity=1 if one.polarity == -1 else -1, said=said[one.said])


def _sorted(found: Measurement) -> Measurement:
    return replace(found, breakdown=tuple(sorted(found.breakdown, key=lambda part: part.name)))
