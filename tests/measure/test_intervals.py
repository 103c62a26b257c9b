"""Intervals: the prompt is the unit, and what cannot be said is said in words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap, sem
from scipy.stats import t as student

from pytest_promptchaos.measure.intervals import (
    MIN_CLUSTERS,
    clustered_mean,
    paired_sign_flip,
    share,
)

groups = st.lists(
    st.lists(st.floats(0, 2), min_size=1, max_size=8).map(np.array), min_size=1, max_size=8
)


def test_few_prompts_resample_neighbors_and_say_so() -> None:
    found = clustered_mean([np.array([0.0, 0.1, 0.4, 0.2])])
    assert found.value == pytest.approx(0.175)
    assert "4 neighbors within 1 prompt, not over prompts" in found.words


def test_the_bounds_are_never_within_those_of_bca_or_t() -> None:
    values = np.array([0.0, 0.1, 0.4, 0.2, 0.9, 0.0])
    found = clustered_mean([values], seed=3)
    rng = np.random.default_rng(3)
    bca = bootstrap((values,), np.mean, n_resamples=4000, method="BCa", rng=rng)
    t_low, t_high = student.interval(0.95, 5, loc=values.mean(), scale=sem(values))
    assert found.high is not None
    assert found.high >= max(bca.confidence_interval.high, t_high)
    assert found.low == pytest.approx(max(min(bca.confidence_interval.low, t_low), 0.0), abs=0.02)
    assert (found.unit, found.count) == ("neighbors", 6)


def test_a_prompt_with_one_neighbor_beside_an_equal_mean_adds_no_width() -> None:
    found = clustered_mean([np.array([0.2]), np.array([0.1, 0.3])])
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.2 < found.high


def test_from_five_prompts_on_the_prompt_is_resampled() -> None:
    within = [np.array([m - 0.01, m + 0.01] * 50) for m in (0.0, 0.2, 0.4, 0.6, 0.8)]
    found = clustered_mean(within)
    assert len(within) == MIN_CLUSTERS
    assert "over 5 prompts" in found.words
    # 500 neighbors would claim a width near 0.05; five prompts do not allow it.
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low > 0.3


def test_many_neighbors_of_one_odd_prompt_do_not_outvote_the_others() -> None:
    odd, calm = np.full(90, 1.0), [np.zeros(2)] * 9
    assert clustered_mean([odd, *calm]).value == pytest.approx(0.1)


def test_equal_values_are_no_certainty() -> None:
    # With n of n unchanged, up to 1 - 0.05^(1/n) may still change, as far as a change goes here.
    found = clustered_mean([np.zeros(12)], largest=0.8)
    assert found.high == pytest.approx((1 - 0.05 ** (1 / 12)) * 0.8)
    assert found.low == 0.0
    assert "may still move" in found.words
    assert clustered_mean([np.zeros(12)]).high is None


def of_24_prompts(moved: float, *, still: float = 0.0) -> list[np.ndarray]:
    """24 prompts with 12 neighbors each, all at ``still`` but for one neighbor of the first."""
    odd = np.full(12, still)
    odd[0] += moved
    return [odd, *[np.full(12, still)] * 23]


@pytest.mark.parametrize(("still", "sign"), [(0.0, 1), (0.3, 1), (0.3, -1)])
def test_a_tiny_movement_does_not_make_the_mean_certain(still: float, sign: int) -> None:
    none = clustered_mean(of_24_prompts(0.0, still=still), largest=0.8)
    tiny = clustered_mean(of_24_prompts(sign * 1e-6, still=still), largest=0.8)
    assert (tiny.low, tiny.high) == pytest.approx((none.low, none.high), abs=1e-4)
    assert "wider, because most are equal and others may still move" in tiny.words
    assert (tiny.unit, tiny.count) == ("prompts", 24)


def test_the_interval_is_continuous_in_the_size_of_a_movement() -> None:
    sizes = np.geomspace(1e-9, 0.8, 60)
    highs = [clustered_mean(of_24_prompts(size), largest=0.8).high or 0.0 for size in sizes]
    assert highs[0] == pytest.approx((1 - 0.05 ** (1 / 24)) * 0.8, abs=1e-6)
    assert highs == sorted(highs)
    assert max(np.diff(highs)) < 0.01


def test_values_without_ties_and_values_without_a_largest_keep_their_bounds() -> None:
    apart = [np.array([0.01 * n]) for n in range(12)]
    assert clustered_mean(apart, largest=0.8) == clustered_mean(apart)
    assert clustered_mean(of_24_prompts(1e-6)).high == pytest.approx(0.0, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(groups, st.floats(0.0, 2.0))
def test_a_largest_never_narrows_and_never_goes_beyond_itself(
    values: list[np.ndarray], more: float
) -> None:
    largest = max(float(v.max()) for v in values) + more
    told, plain = clustered_mean(values, largest=largest), clustered_mean(values)
    assume(plain.low is not None)
    assert (told.low or 0.0) <= (plain.low or 0.0)
    assert (told.high or 0.0) >= (plain.high or 0.0)
    assert (told.low or 0.0) >= 0.0
    assert (told.high or 0.0) <= max(largest, plain.high or 0.0)


def test_more_equal_values_say_more() -> None:
    few, many = (clustered_mean([np.zeros(n)], largest=1.0).high for n in (6, 60))
    assert few is not None
    assert many is not None
    assert few > 0.39
    assert many < 0.05


def test_from_five_prompts_on_equal_values_speak_of_prompts() -> None:
    # 60 equal neighbors would leave 5 % open; the five prompts that they belong to leave 45 %.
    found = clustered_mean([np.zeros(12)] * MIN_CLUSTERS, largest=1.0)
    assert found.high == pytest.approx(1 - 0.05 ** (1 / 5))
    assert (found.unit, found.count) == ("prompts", 5)
    assert "all 5 prompts equal" in found.words


def test_equal_means_of_prompts_that_spread_within_are_no_certainty() -> None:
    found = clustered_mean([np.array([0.0, 0.0, 0.0, 0.4])] * 5)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.1 < found.high
    assert "not over prompts" in found.words


def test_prompts_with_a_single_neighbor_do_not_make_a_mean_certain() -> None:
    found = clustered_mean([np.array([0.9]), np.array([0.0]), np.array([0.0])])
    assert found.value == pytest.approx(0.3)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.3 < found.high
    assert "3 prompts, which are few" in found.words


def test_a_single_value_has_no_interval() -> None:
    found = clustered_mean([np.array([0.4])])
    assert (found.value, found.low, found.high) == (0.4, None, None)


def test_no_values_are_an_error() -> None:
    with pytest.raises(ValueError, match="no values"):
        clustered_mean([np.array([])])


@settings(max_examples=40, deadline=None)
@given(groups)
def test_the_interval_holds_the_mean_and_stays_within_the_values(values: list[np.ndarray]) -> None:
    found = clustered_mean(values)
    least, most = min(v.min() for v in values), max(v.max() for v in values)
    assume(found.low is not None)
    low, high = found.low or 0.0, found.high or 0.0
    assert least - 1e-9 <= low <= found.value + 1e-9 <= high + 2e-9
    assert least <= found.value + 1e-9
    assert found.value <= most + 1e-9


def test_share_known_answers() -> None:
    assert share(0, 12).value == 0.0
    assert share(0, 12).high == pytest.approx(0.2425, abs=1e-3)
    assert share(12, 12).low == pytest.approx(0.7575, abs=1e-3)
    with pytest.raises(ValueError, match="share of nothing"):
        share(0, 0)


def test_sign_flip_known_answers() -> None:
    first = np.array([0.3, 0.2, 0.4, 0.5, 0.1])
    assert paired_sign_flip(first, first) == 1.0
    # All five differences have the same sign: 2 of 2^5 flips are as extreme.
    assert paired_sign_flip(first, np.zeros(5)) == pytest.approx(2 / 32)
