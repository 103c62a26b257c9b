"""Batch shapes and the beginning that a neighborhood shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from transformers import MambaConfig, MistralConfig, XLNetConfig

from pytest_promptchaos.models.prefill import (
    padded_width,
    past_of,
    plain_cache,
    rows_of,
    shared_prefix,
)
from pytest_promptchaos.records import Message, Prompt

if TYPE_CHECKING:
    from pytest_promptchaos.models.language import LanguageModel

SYSTEM = Message(role="system", content="You are a careful assistant. " * 12)
LONG = [
    Prompt(id=str(n), text=text, before=(SYSTEM,))
    for n, text in enumerate(["Explain why it rains.", "Explain why it rains. ", "Name a color."])
]


def test_the_shared_prefix_leaves_each_row_a_token() -> None:
    row = tuple(range(64))
    assert shared_prefix([row, (*row[:63], 99)]) == 48
    assert shared_prefix([row, row[:33]]) == 32


def test_a_short_or_a_lone_prompt_shares_nothing() -> None:
    assert shared_prefix([(1, 2, 3), (1, 2, 4)]) == 0
    assert shared_prefix([tuple(range(64))]) == 0


def test_rows_are_filled_between_the_shared_beginning_and_their_own_tokens() -> None:
    ids, mask = rows_of([(1, 2, 3, 4), (1, 2, 5)], rows=3, width=5, shared=2, pad=0)
    assert ids == [[1, 2, 0, 3, 4], [1, 2, 0, 0, 5], [1, 2, 0, 3, 4]]
    assert mask == [[1, 1, 0, 1, 1], [1, 1, 0, 0, 1], [1, 1, 0, 1, 1]]
    assert padded_width(16) == 16


def test_a_shared_beginning_changes_no_output(tiny_model: LanguageModel) -> None:
    requests = [(prompt, 0) for prompt in LONG]
    shape = tiny_model.shape(LONG, 4)
    assert shape[2] >= 32
    (shared,) = tiny_model.runs(requests, shape=shape, horizon=24)
    (apart,) = tiny_model.runs(requests, shape=(shape[0], padded_width(shape[1])), horizon=24)
    for one, other in zip(shared, apart, strict=True):
        assert one.output_ids == other.output_ids
        assert one.key != other.key
        assert abs(one.prompt_logits - other.prompt_logits).max() < 1e-3
        assert abs(one.prompt_hidden - other.prompt_hidden).max() < 1e-3


def test_the_shared_beginning_passes_through_the_network_once(tiny_model: LanguageModel) -> None:
    with torch.inference_mode():
        cache = past_of(tiny_model.network, range(10, 42), 3, room=64)
    assert cache is not None
    assert cache.get_seq_length() == 32
    keys = cache.layers[0].keys
    assert keys.shape[0] == 3
    assert (keys[0] == keys[2]).all()


def test_only_plain_keys_and_values_can_be_shared(tiny_model: LanguageModel) -> None:
    assert plain_cache(tiny_model.config) is not None
    assert plain_cache(MistralConfig(sliding_window=8)) is None
    assert plain_cache(MambaConfig()) is None
    assert plain_cache(XLNetConfig()) is None
