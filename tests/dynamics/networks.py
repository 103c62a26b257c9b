"""Tiny random models that the tests of depth share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

if TYPE_CHECKING:
    from torch.nn import Module

VOCABULARY, LAYERS, TOKENS, WIDTH = 53, 6, 11, 32
IDS = torch.arange(TOKENS).unsqueeze(0) * 3 + 5
SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": WIDTH,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
}


def llama(**options: Any) -> Any:
    torch.manual_seed(0)
    sizes = SIZES | {"intermediate_size": 64, "num_key_value_heads": 2, "initializer_range": 0.1}
    return LlamaForCausalLM(LlamaConfig(**(sizes | options))).eval()


def gpt2() -> Any:
    torch.manual_seed(0)
    sizes = {"n_embd": WIDTH, "n_layer": LAYERS, "n_head": 4, "n_positions": 16}
    ends = {"bos_token_id": 0, "eos_token_id": 1, "initializer_range": 0.1}
    return GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, **sizes, **ends)).eval()


def layers_of(network: Any) -> list[Module]:
    return list(network.model.layers if hasattr(network, "model") else network.transformer.h)
