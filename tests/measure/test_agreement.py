"""Agreement of two labelings: published tables first, and what kappa alone would hide."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.proportion import proportion_confint

from pytest_promptchaos.measure.agreement import agreement
from pytest_promptchaos.measure.fourfold import (
    ac1,
    delta_bounds,
    effective_share,
    kappa,
    negative,
    pabak,
    positive,
    prevalence,
    raw,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_promptchaos.records import Agreement, Measurement

THE_STUDY = (157, 7, 6, 10)
"""Two language models that rated 180 windows of github.com/Sohailm25/escape-velocity
(kappa_metrics.json): kappa 0.5663, raw agreement 92.8 %, PABAK 0.856."""

tables = st.tuples(*[st.integers(0, 40)] * 4).filter(lambda cells: sum(cells) > 0)


def labelings(cells: tuple[int, ...]) -> tuple[list[bool], list[bool]]:
    """Two labelings with these counts: both, first only, second only, neither."""
    pairs = [(True, True), (True, False), (False, True), (False, False)]
    rows = [pair for pair, count in zip(pairs, cells, strict=True) for _ in range(count)]
    return [a for a, _ in rows], [b for _, b in rows]


def of(*cells: int) -> Agreement:
    return agreement("raters", "first", "second", *labelings(cells), things="windows")


def all_of(found: Agreement) -> list[Measurement]:
    beyond = [found.kappa, found.pabak, found.ac1]
    return [found.raw, *beyond, found.positive, found.negative, found.prevalence]


# -- known answers --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        # Cohen's kappa in Wikipedia: 50 grant proposals, po = 0.7, pe = 0.5.
        ((20, 5, 10, 15), 0.4),
        # Feinstein and Cicchetti 1990, doi:10.1016/0895-4356(90)90158-L: the first paradox, ...
        ((40, 9, 6, 45), 0.70),
        ((80, 10, 5, 5), 0.32),
        # ... and the second: both agree on 60 %, the less balanced has the higher kappa.
        ((45, 15, 25, 15), 0.13),
        ((25, 35, 5, 35), 0.26),
        # Gerstman, Epidemiology Kept Simple, table 10.3: 19,790 X-rays.
        ((1467, 782, 1309, 16232), 0.52),
        # Gwet 2008, doi:10.1348/000711006X126600: below 0 with 94 % agreement.
        ((118, 5, 2, 0), -0.02),
        # Sim and Wright 2005, doi:10.1093/ptj/85.3.257: 39 patients.
        ((22, 2, 4, 11), 0.67),
    ],
)
def test_kappa_is_that_of_published_tables(cells: tuple[int, ...], expected: float) -> None:
    value = of(*cells).kappa.value
    assert value is not None
    assert round(value, 2) == expected


def test_the_interval_of_kappa_holds_the_published_one() -> None:
    # 0.667 +- 1.96 x 0.124 as counted; with half a thing more in every cell from 0.388 on.
    found = of(22, 2, 4, 11).kappa
    assert found.low == pytest.approx(0.388, abs=5e-4)
    assert found.high == pytest.approx(0.909, abs=5e-4)


def test_gwets_own_example_agrees_where_kappa_is_negative() -> None:
    found = of(118, 5, 2, 0)
    assert found.ac1.value == pytest.approx(0.9408, abs=5e-5)
    assert found.kappa.value == pytest.approx(-0.0234, abs=5e-5)
    # As counted, the interval would end at 0.0007: the empty cell is not known to stay empty.
    assert found.kappa.high is not None
    assert found.kappa.high > 0.2


def test_positive_and_negative_agreement_part_where_one_label_is_rare() -> None:
    # 2 x 80 / 175 and 2 x 5 / 25.
    found = of(80, 10, 5, 5)
    assert found.positive.value == pytest.approx(160 / 175)
    assert found.negative.value == pytest.approx(0.4)
    assert found.pabak.value == pytest.approx(0.7)


def test_the_study_has_a_low_kappa_and_a_high_agreement_and_the_words_say_so() -> None:
    found = of(*THE_STUDY)
    assert found.kappa.value == pytest.approx(0.5663, abs=5e-5)
    assert found.raw.value == pytest.approx(0.928, abs=5e-4)
    assert found.pabak.value == pytest.approx(0.856, abs=5e-4)
    assert found.ac1.value == pytest.approx(0.9133, abs=5e-5)
    assert found.negative.value == pytest.approx(20 / 33)
    assert found.n == 180
    assert found.words == (
        "180 windows are labeled by both first and second. 91% of the labels are 'collapsed', so "
        "chance alone would agree on 83%: kappa falls to 0.566 though the raw agreement is 92.8%, "
        "PABAK 0.856 and AC1 0.913. On the rare label they agree to 0.606."
    )


def test_a_rare_collapse_is_as_extreme_as_a_frequent_one() -> None:
    found = of(*reversed(THE_STUDY))
    assert "91% of the labels are 'not collapsed'" in found.words
    assert "On the rare label they agree to 0.606." in found.words


def test_of_balanced_labels_the_words_count_what_is_labeled() -> None:
    assert of(40, 9, 6, 45).words == "100 windows are labeled by both first and second."
    assert of(0, 0, 0, 1).words.startswith("1 window is labeled by both first and second. ")


def test_a_labeling_that_calls_far_more_collapsed_is_named() -> None:
    assert of(25, 35, 5, 35).words.endswith("first calls 60% of them collapsed, second 30%.")


# -- what a table does not know -------------------------------------------------------------------


def test_one_label_for_everything_is_agreement_and_no_test_of_it() -> None:
    found = of(45, 0, 0, 0)
    assert found.kappa.value is None
    assert found.kappa.reason == (
        "both give every thing the same one label: chance alone agrees on all of them"
    )
    assert found.negative.reason == "both call everything collapsed"
    assert (found.raw.value, found.ac1.value) == (1.0, 1.0)
    assert "that is agreement, and no test of it" in found.words
    assert of(0, 0, 0, 9).positive.reason == "neither calls anything collapsed"


def test_nothing_labeled_by_both_leaves_every_coefficient_absent() -> None:
    found = of(0, 0, 0, 0)
    assert {one.reason for one in all_of(found)} == {"no windows carry both labels"}
    assert found.words == "No windows are labeled by both first and second."


def test_perfect_agreement_is_not_certain() -> None:
    for one in all_of(of(12, 0, 0, 12)):
        assert one.low is not None
        assert one.low < (one.value or 0.0)


def test_labelings_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="2 labels beside 1"):
        agreement("raters", "x", "y", [True, False], [True])
    with pytest.raises(ValueError, match="1 clusters of 2 labels"):
        agreement("raters", "x", "y", [True, False], [True, True], clusters=["a"])


# -- clusters -------------------------------------------------------------------------------------


def test_copies_of_one_conversation_count_as_one() -> None:
    # 30 prompts of 40 equal turns each know as much as 30 turns, up to Student's t.
    a, b = labelings((20, 4, 3, 3))
    many = agreement(
        "raters",
        "x",
        "y",
        [one for one in a for _ in range(40)],
        [one for one in b for _ in range(40)],
        clusters=[place for place in range(30) for _ in range(40)],
        things="turns",
    )
    few = agreement("raters", "x", "y", a, b)
    for wide, narrow in zip(all_of(many), all_of(few), strict=True):
        assert wide.value == pytest.approx(narrow.value)
        assert width(wide) == pytest.approx(width(narrow), rel=0.15)
    assert many.raw.resampled == "seed prompts"
    assert many.raw.resampled_n == 30
    assert "1200 turns of 30 seed prompts" in many.raw.interval


def width(one: Measurement) -> float:
    assert one.low is not None
    assert one.high is not None
    return one.high - one.low


def test_disagreements_of_a_few_prompts_make_every_prompt_count_as_one() -> None:
    by_prompt = np.array([[35.0, 5.0, 0.0, 0.0]] + [[40.0, 0.0, 0.0, 0.0]] * 11)
    assert effective_share(raw, by_prompt) == pytest.approx(1 / 40)


def test_of_a_handful_of_prompts_each_counts_as_one() -> None:
    a, b = labelings((5, 1, 1, 5))
    found = agreement("raters", "x", "y", a, b, clusters=[0, 1, 2] * 4, things="turns")
    assert found.raw.interval == (
        "95 % Wilson over 12 turns of 3 seed prompts, worth 3 independent ones"
    )
    assert (found.raw.low, found.raw.high) == pytest.approx(
        proportion_confint(3 * 10 / 12, 3, method="wilson")
    )
    assert (found.raw.resampled, found.raw.resampled_n) == ("seed prompts", 3)


def test_one_prompt_has_no_interval_and_says_why() -> None:
    a, b = labelings((5, 1, 1, 5))
    for one in all_of(agreement("raters", "x", "y", a, b, clusters=["p0"] * 12, things="turns")):
        assert one.value is not None
        assert (one.low, one.high) == (None, None)
        assert one.interval == (
            "no interval: all 12 turns are of one seed prompt and depend on each other"
        )
    assert agreement("raters", "x", "y", [True], [True], clusters=["p0"]).raw.low is not None


@pytest.mark.parametrize("prompts", [2, 3, 4])
def test_the_intervals_of_a_handful_of_prompts_hold_the_truth(prompts: int) -> None:
    rng, held = np.random.default_rng(0), []
    for _ in range(200):
        alike = rng.random((prompts, 40)) < rng.beta(4, 1, prompts)[:, np.newaxis]
        first = rng.random((prompts, 40)) < 0.5
        a, b = first.ravel().tolist(), (first == alike).ravel().tolist()
        clusters = np.repeat(np.arange(prompts), 40).tolist()
        one = agreement("raters", "x", "y", a, b, clusters=clusters).raw
        held.append((one.low or 0.0) <= 0.8 <= (one.high or 0.0))
    assert np.mean(held) > 0.94


def test_clustered_intervals_hold_the_truth_where_independent_ones_do_not() -> None:
    rng, truth, held = np.random.default_rng(0), 0.8, []
    for _ in range(300):
        # Every prompt has its own share of turns labeled alike, Beta(4, 1) with mean 0.8.
        shares = rng.beta(4, 1, 24)
        alike = rng.random((24, 40)) < shares[:, np.newaxis]
        first = rng.random((24, 40)) < 0.5
        a, b = first.ravel().tolist(), (first == alike).ravel().tolist()
        prompts = np.repeat(np.arange(24), 40).tolist()
        bounds = [agreement("raters", "x", "y", a, b, clusters=c).raw for c in (prompts, ())]
        held.append([(one.low or 0.0) <= truth <= (one.high or 0.0) for one in bounds])
    clustered, independent = np.mean(held, axis=0)
    assert clustered > 0.92
    assert independent < 0.7


# -- against other derivations --------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(tables)
def test_kappa_and_its_variance_are_those_of_statsmodels(cells: tuple[int, ...]) -> None:
    assume(min(cells[0] + cells[1], cells[2] + cells[3]) > 0)
    assume(min(cells[0] + cells[2], cells[1] + cells[3]) > 0)
    assume(cells[1] + cells[2] > 0)
    counts = np.array(cells, dtype=np.float64)
    theirs = cohens_kappa(counts.reshape(2, 2))
    value, slope = kappa(counts / counts.sum())
    assert value == pytest.approx(theirs.kappa, abs=1e-12)
    variance = spread(slope, counts)
    assert variance == pytest.approx(theirs.var_kappa, abs=1e-12)
    low, high = delta_bounds(kappa, counts)
    assert low <= max(theirs.kappa_low, -1.0) + 1e-9
    assert high >= min(theirs.kappa_upp, 1.0) - 1e-9


def spread(slope: NDArray[np.float64], counts: NDArray[np.float64]) -> float:
    shares = counts / counts.sum()
    return float((shares @ slope**2 - (shares @ slope) ** 2) / counts.sum())


@settings(max_examples=100, deadline=None)
@given(tables)
def test_the_variance_of_ac1_is_the_published_one(cells: tuple[int, ...]) -> None:
    # Gwet 2008, for two raters and two labels, without the correction for a finite population.
    counts = np.array(cells, dtype=np.float64)
    p = (counts / counts.sum()).reshape(2, 2)
    shares = (p.sum(axis=0) + p.sum(axis=1)) / 2
    alike, chance = np.trace(p), 2 * shares[0] * shares[1]
    value, slope = ac1(p.ravel())
    first = (np.diag(p) * (1 - shares)).sum() - alike * chance
    second = (p * (1 - (shares[:, None] + shares) / 2) ** 2).sum() - chance**2
    inner = alike * (1 - alike) - 4 * (1 - value) * first + 4 * (1 - value) ** 2 * second
    assert spread(slope, counts) == pytest.approx(
        inner / (1 - chance) ** 2 / counts.sum(), abs=1e-12
    )


@settings(max_examples=100, deadline=None)
@given(tables)
def test_kappa_is_pabak_less_what_prevalence_and_bias_take(cells: tuple[int, ...]) -> None:
    # Byrt, Bishop and Carlin 1993: kappa = (PABAK - PI^2 + BI^2) / (1 - PI^2 + BI^2).
    shares = np.array(cells) / sum(cells)
    skew, bias = shares[0] - shares[3], shares[1] - shares[2]
    left = 1 - skew**2 + bias**2
    assume(left > 1e-9)
    expected = (pabak(shares)[0] - skew**2 + bias**2) / left
    assert kappa(shares)[0] == pytest.approx(expected, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.tuples(*[st.integers(1, 40)] * 4), st.integers(0, 3))
def test_every_slope_is_that_of_finite_differences(cells: tuple[int, ...], at: int) -> None:
    shares = np.array(cells) / sum(cells)
    step = 1e-6 * (np.eye(4)[at] - shares)
    for coefficient in (raw, pabak, prevalence, positive, negative, kappa, ac1):
        moved = (coefficient(shares + step)[0] - coefficient(shares - step)[0]) / 2
        assert moved == pytest.approx(coefficient(shares)[1] @ step, abs=1e-9)


@settings(max_examples=100, deadline=None)
@given(tables)
def test_every_value_is_within_its_interval_and_swapping_labels_swaps_the_two_agreements(
    cells: tuple[int, ...],
) -> None:
    found, swapped = of(*cells), of(*reversed(cells))
    for one in all_of(found):
        if one.value is not None:
            assert one.low is not None
            assert one.high is not None
            assert -1.0 <= one.low <= one.value <= one.high <= 1.0
    assert found.positive.value == swapped.negative.value
    assert found.kappa.value == pytest.approx(swapped.kappa.value, abs=1e-12)


def test_raw_agreement_and_pabak_have_wilsons_bounds() -> None:
    found = of(*THE_STUDY)
    low, high = proportion_confint(167, 180, method="wilson")
    assert (found.raw.low, found.raw.high) == pytest.approx((low, high))
    assert (found.pabak.low, found.pabak.high) == pytest.approx((2 * low - 1, 2 * high - 1))


def test_the_interval_of_kappa_holds_it_where_one_label_is_rare() -> None:
    # The delta method as counted holds it in 19 % here, because empty cells look certain.
    truth = kappa(np.array([0.93, 0.03, 0.03, 0.01]))[0]
    drawn = np.random.default_rng(0).multinomial(24, [0.93, 0.03, 0.03, 0.01], size=600)
    known = [row.astype(np.float64) for row in drawn if np.isfinite(kappa(row / 24)[0])]
    held = [low <= truth <= high for low, high in (delta_bounds(kappa, row) for row in known)]
    assert np.mean(held) > 0.88
