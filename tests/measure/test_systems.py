"""Systems are told apart by a paired test or share a group; nobody is ranked."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_promptchaos.measure.systems import (
    group_words,
    groups,
    paired_difference,
    pairwise,
    smallest_p,
)


def test_systems_that_answer_alike_are_one_group() -> None:
    values = np.tile(np.arange(8.0), (3, 1))
    tested = pairwise(values)
    assert [(pair.p, pair.corrected, pair.apart) for pair in tested] == [(1.0, 1.0, False)] * 3
    assert all(pair.difference.value == 0.0 for pair in tested)
    assert groups(3, []) == ((0, 1, 2),)


def test_a_constant_difference_over_ten_prompts_is_told() -> None:
    base = np.random.default_rng(0).random(10)
    (pair,) = pairwise(np.stack([base, base + 0.3]))
    assert pair.p == pytest.approx(2 / 2**10)
    assert pair.apart
    assert pair.difference.value == pytest.approx(0.3)


def test_holm_is_taken_over_every_pair_of_systems() -> None:
    rng = np.random.default_rng(0)
    values = np.stack([rng.random(12), rng.random(12) + 5, rng.random(12), rng.random(12)])
    tested = pairwise(values)
    assert len(tested) == 6
    assert [(p.first, p.second) for p in tested if p.apart] == [(0, 1), (1, 2), (1, 3)]
    assert min(p.corrected for p in tested) == pytest.approx(6 * min(p.p for p in tested))


def test_few_prompts_can_tell_nothing_and_the_words_say_so() -> None:
    values = np.stack([np.zeros(5), np.ones(5)])
    assert smallest_p(5) == 2 / 2**5 == pairwise(values)[0].p
    told = group_words(["a", "b"], pairwise(values), 5)
    assert "[a, b]" in told
    assert "none can be told apart" in told
    many = np.stack([np.zeros(12), np.ones(12)])
    told = group_words(["a", "b"], pairwise(many), 12)
    assert told == "not told apart: [a], [b]; n = 12 prompts; no ranking"


def test_a_system_between_two_others_stands_in_both_groups() -> None:
    assert groups(3, [(0, 2)]) == ((0, 1), (1, 2))
    assert groups(4, [(0, 1), (2, 3)]) == ((0, 2), (0, 3), (1, 2), (1, 3))
    assert groups(3, [(0, 1), (0, 2), (1, 2)]) == ((0,), (1,), (2,))


@given(
    st.integers(1, 6).flatmap(
        lambda n: st.tuples(
            st.just(n), st.sets(st.sampled_from([*combinations(range(n), 2), (0, n)]), max_size=9)
        )
    )
)
def test_groups_are_all_the_largest_sets_that_nothing_splits(
    drawn: tuple[int, set[tuple[int, int]]],
) -> None:
    count, pairs = drawn
    apart = {pair for pair in pairs if pair[1] < count}
    sets = [set(s) for k in range(1, count + 1) for s in combinations(range(count), k)]
    whole = [s for s in sets if not any(i in s and j in s for i, j in apart)]
    largest = [s for s in whole if not any(s < other for other in whole)]
    assert sorted(map(sorted, largest)) == [list(group) for group in groups(count, apart)]


def test_the_difference_of_few_prompts_may_lie_below_all_that_were_seen() -> None:
    found = paired_difference(np.zeros(3), np.array([0.1, 0.2, 0.3]))
    assert found.value == pytest.approx(0.2)
    assert found.low is not None
    assert found.low == pytest.approx(0.2 - 4.3027 * 0.1 / np.sqrt(3), abs=1e-4)
    assert (found.unit, found.count) == ("prompts", 3)


def test_one_prompt_has_a_difference_and_no_bounds() -> None:
    found = paired_difference(np.array([0.1]), np.array([0.4]))
    assert (found.low, found.high) == (None, None)
    assert found.value == pytest.approx(0.3)
