"""Distances of two outputs: known answers, then what must hold for all."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pytest_promptchaos.measure.distances import (
    branch_step,
    cosine_distance,
    hidden_distance,
    js_divergence,
    kl_divergence,
    token_edit,
)

ids = st.lists(st.integers(0, 5), max_size=12)
logits = arrays(np.float32, 7, elements=st.floats(-30, 30, width=32))


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [([], [], 0.0), ([1], [], 1.0), ([1, 2, 3, 4], [1, 2, 9, 4], 0.25), ([1, 2], [3, 4], 1.0)],
)
def test_token_edit_known_answers(a: list[int], b: list[int], expected: float) -> None:
    assert token_edit(a, b) == expected


@given(ids, ids)
def test_token_edit_is_a_symmetric_share(a: list[int], b: list[int]) -> None:
    assert token_edit(a, b) == token_edit(b, a)
    assert 0.0 <= token_edit(a, b) <= 1.0
    assert (token_edit(a, b) == 0.0) == (a == b)


def test_a_strict_prefix_is_a_branch_where_it_ends() -> None:
    assert branch_step([1, 2, 0], [1, 2, 3, 0]) == 2
    assert branch_step([1, 2], [1, 2, 3]) == 2


@given(ids, ids)
def test_outputs_agree_before_the_branch_and_part_at_it(a: list[int], b: list[int]) -> None:
    step = branch_step(a, b)
    if step is None:
        assert a == b
    else:
        assert a[:step] == b[:step]
        assert a[step : step + 1] != b[step : step + 1]


def test_cosine_known_answers() -> None:
    x = np.array([3.0, 0.0], dtype=np.float32)
    assert cosine_distance(x, x) == 0.0
    assert cosine_distance(x, np.array([0.0, 1.0])) == 1.0
    assert cosine_distance(x, -x) == 2.0
    assert cosine_distance(x, np.zeros(2)) == 1.0


def test_js_of_disjoint_distributions_is_ln_2() -> None:
    assert js_divergence(np.array([50.0, -50.0]), np.array([-50.0, 50.0])) == pytest.approx(
        math.log(2)
    )


def test_kl_known_answer() -> None:
    p, q = np.array([0.5, 0.5]), np.array([0.9, 0.1])
    expected = 0.5 * math.log(0.5 / 0.9) + 0.5 * math.log(0.5 / 0.1)
    assert kl_divergence(np.log(p), np.log(q)) == pytest.approx(expected, rel=1e-12)


def test_a_token_that_is_masked_in_both_adds_nothing() -> None:
    p, q = np.log([0.5, 0.5]), np.log([0.9, 0.1])
    masked = [np.append(x, -np.inf) for x in (p, q)]
    assert kl_divergence(*masked) == pytest.approx(kl_divergence(p, q), rel=1e-12)
    assert js_divergence(*masked) == pytest.approx(js_divergence(p, q), rel=1e-12)


@given(logits, logits)
def test_js_and_kl_are_bounded_and_zero_on_themselves(a: np.ndarray, b: np.ndarray) -> None:
    assert js_divergence(a, a) == 0.0
    assert kl_divergence(a, a) == 0.0
    assert 0.0 <= js_divergence(a, b) <= math.log(2) + 1e-12
    assert js_divergence(a, b) == pytest.approx(js_divergence(b, a), abs=1e-15)
    assert kl_divergence(a, b) >= 0.0


@given(logits, st.floats(-5, 5))
def test_adding_a_constant_to_all_logits_changes_nothing(a: np.ndarray, shift: float) -> None:
    assert js_divergence(a.astype(np.float64), a.astype(np.float64) + shift) < 1e-12


def test_hidden_distance_is_relative_and_by_layer() -> None:
    a = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 0.0]])
    b = np.array([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0]])
    assert hidden_distance(a, b) == pytest.approx([0.0, math.sqrt(2), 0.0])
