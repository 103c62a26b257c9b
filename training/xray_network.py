"""The network of tiny-xray: a CLIP vision tower, a projector, and a Llama."""

from __future__ import annotations

from typing import Any

import torch
from transformers import (
    CLIPVisionConfig,
    LlamaConfig,
    LlavaConfig,
    LlavaForConditionalGeneration,
)

from training.xray_pictures import SIDE
from training.xray_processor import CONTEXT, PATCH, PLACES

WIDTH, FEED_FORWARD, LAYERS, HEADS = 96, 256, 3, 4
SPREAD = 0.1
"""Standard deviation of the first weights of projector and Llama, as fits this width."""


def new_model(tokenizer: Any, seed: int) -> Any:
    """The whole network with tied embeddings, drawn from the seed."""
    torch.manual_seed(seed)
    sizes = {
        "hidden_size": WIDTH,
        "intermediate_size": FEED_FORWARD,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
    }
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(
            **sizes, image_size=SIDE, patch_size=PATCH, projection_dim=WIDTH
        ),
        text_config=LlamaConfig(
            **sizes,
            vocab_size=len(tokenizer),
            num_key_value_heads=HEADS,
            max_position_embeddings=CONTEXT,
            initializer_range=SPREAD,
            tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        ),
        image_token_index=tokenizer.image_token_id,
        image_seq_length=PLACES,
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
        tie_word_embeddings=True,
        dtype="float32",
    )
    return LlavaForConditionalGeneration(config)
