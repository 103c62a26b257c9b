"""A memory budget bounds how many tangents travel at once, and changes nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamics.maps import random_tangents, state
from pytest_promptchaos.dynamics.memory import HELD, chunk_within
from pytest_promptchaos.dynamics.tangent import push

if TYPE_CHECKING:
    from torch import Tensor


def test_a_memory_budget_bounds_the_tangents_that_travel_at_once() -> None:
    at_once: list[int] = []

    def step(values: Tensor) -> Tensor:
        at_once.append(1)
        return values * 2.0

    # 5 numbers of 8 bytes: 6 tangents before and after, and 32 held per tangent and the state.
    budget = 40 * (2 * 6 + 32 * (2 + 1))
    bounded = push([step], state(), random_tangents(6), memory=budget, reference=[state() * 2.0])
    assert len(at_once) == 3
    whole = push([lambda values: values * 2.0], state(), random_tangents(6))
    assert bounded.profile == pytest.approx(whole.profile, abs=1e-12)


@given(budget=st.integers(1, 2**22), count=st.integers(1, 40), size=st.integers(1, 2000))
@settings(deadline=None, max_examples=100)
def test_what_the_formula_allows_fits_the_budget(budget: int, count: int, size: int) -> None:
    state = torch.zeros(size)

    def taken(chunk: int) -> int:
        return 4 * size * (2 * count + HELD * (1 + chunk))

    if budget < taken(1):
        with pytest.raises(ValueError, match=f"about {taken(1)} even one at a time"):
            chunk_within(budget, state, count)
        return
    chunk = chunk_within(budget, state, count)
    assert 1 <= chunk <= count
    assert taken(chunk) <= budget
    assert chunk == count or taken(chunk + 1) > budget


def test_a_budget_under_one_tangent_is_refused_with_what_it_takes() -> None:
    with pytest.raises(ValueError, match="memory is 100 bytes, but 4 tangents of 40 bytes take"):
        chunk_within(100, state(), 4)
