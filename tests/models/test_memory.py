"""How many rows a batch has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from hypothesis import given
from hypothesis import strategies as st

from pytest_promptchaos.models.memory import free_bytes, row_bytes, rows_that_fit

if TYPE_CHECKING:
    from pytest_promptchaos.models.language import LanguageModel


@given(st.integers(1, 500), st.integers(1, 10**9), st.integers(0, 10**12))
def test_the_rows_fit_into_half_of_what_is_free(needed: int, row: int, free: int) -> None:
    rows = rows_that_fit(needed, row, free)
    assert 1 <= rows <= 64
    assert rows == 1 or rows * row <= free / 2


def test_a_neighborhood_is_one_batch_where_memory_allows() -> None:
    assert rows_that_fit(33, 1, 10**9) == 36
    assert rows_that_fit(8, 1, 10**9) == 8
    assert rows_that_fit(200, 1, 10**9) == 64


def test_a_longer_prompt_and_a_wider_number_take_more(tiny_model: LanguageModel) -> None:
    config = tiny_model.config
    short = row_bytes(config, torch.float32, 16, 64)
    assert row_bytes(config, torch.float32, 32, 64) > short
    assert row_bytes(config, torch.bfloat16, 16, 64) < short
    # Keys and values alone: 2 x 4 layers x 160 numbers x 80 tokens x 4 bytes.
    assert short > 2 * 4 * 160 * 80 * 4
    assert free_bytes(torch.device("cpu")) > short
