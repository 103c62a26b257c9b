"""How many rows of a batch fit into the memory that is free."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

ROWS_MULTIPLE = 4
"""Rows of a batch are rounded up to a multiple of this: fewer shapes, hence more reuse."""
MOST_ROWS = 64
SHARE = 0.5
"""Of the free memory; the rest is for what an estimate does not know."""
LOGIT_COPIES = 8
"""Of one row's logits, in float32: the decoder's own, the recorder's, their sorted halves."""


def rows_that_fit(needed: int, row: int, free: int) -> int:
    """Return the rows of a batch for ``needed`` prompts of ``row`` bytes each.

    It is ``needed`` rounded up to a multiple of 4, at most 64; where that does not fit into half
    of ``free`` bytes, the largest power of two that does, and one row at least.

    >>> rows_that_fit(21, 1000, 10**6), rows_that_fit(21, 1000, 20_000)
    (24, 8)
    """
    wanted = min(-(-needed // ROWS_MULTIPLE) * ROWS_MULTIPLE, MOST_ROWS)
    fits = int(SHARE * free) // max(row, 1)
    return wanted if wanted <= fits else 1 << max(fits.bit_length() - 1, 0)


def row_bytes(config: Any, dtype: torch.dtype, width: int, horizon: int) -> int:
    """Return about how many bytes one row of a greedy generation takes beside the weights.

    Keys and values of all tokens, the hidden states of the prompt, and a few copies of the
    next-token logits; a configuration that lacks a number is read as its usual default.
    """
    hidden = _number(config, 1024, "hidden_size", "n_embd")
    layers = _number(config, 24, "num_hidden_layers", "n_layer")
    heads = _number(config, 1, "num_attention_heads", "n_head")
    kept = _number(config, heads, "num_key_value_heads")
    head = _number(config, hidden // heads, "head_dim")
    size = dtype.itemsize
    past = 2 * layers * kept * head * (width + horizon) * size
    states = (layers + 8) * width * hidden * size
    return past + states + LOGIT_COPIES * 4 * _number(config, 50_000, "vocab_size")


def _number(config: Any, default: int, *names: str) -> int:
    """Return the first of these numbers that the configuration of the language part holds."""
    text = config.get_text_config()
    found = (getattr(text, name, None) for name in names)
    return next((int(one) for one in found if one), default)


def free_bytes(device: torch.device) -> int:
    """Return the bytes that are free on a device now."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free)
    pages: Sequence[str] = ("SC_AVPHYS_PAGES", "SC_PAGE_SIZE")
    if not all(name in os.sysconf_names for name in pages):
        return 1 << 32
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
