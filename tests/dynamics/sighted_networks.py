"""Tiny random vision-language models, and what they are shown: the tests of pictures share them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
import transformers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

IMAGE, VOCABULARY, WIDTH, LAYERS = 90, 100, 32, 3
QUESTIONS = ([5, 6, 7, 8, 9], [5, 11, 12, 8, 13, 9])
"""Two phrasings, as the ids behind the picture."""

TEXT: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": WIDTH,
    "intermediate_size": 64,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.1,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
TOWER: dict[str, Any] = {
    "hidden_size": 24,
    "intermediate_size": 48,
    "num_hidden_layers": 5,
    "num_attention_heads": 4,
    "image_size": 16,
    "patch_size": 4,
    "initializer_range": 0.1,
}


@dataclass(frozen=True)
class Shown:
    """A network and what it is shown for a phrasing."""

    network: Any
    beside: Mapping[str, Tensor]
    image_tokens: int

    def inputs(self, question: int = 0) -> dict[str, Tensor]:
        """Everything the forward takes for one phrasing."""
        ids = torch.tensor([[1, *[IMAGE] * self.image_tokens, *QUESTIONS[question]]])
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), **self.beside}
        kinds = {name: (ids == IMAGE).long() for name in self.beside if name.endswith("type_ids")}
        behind = {
            name: (ids == IMAGE).cumsum(-1)[..., None, None]
            for name in self.beside
            if name == "cross_attention_mask"
        }
        return inputs | kinds | behind

    def seen(self, question: int = 0) -> Any:
        """The mask of the image tokens, shape (T,)."""
        return (self.inputs(question)["input_ids"][0] == IMAGE).numpy()


def pixels(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(4))


def llava(**options: Any) -> Shown:
    torch.manual_seed(0)
    config = transformers.LlavaConfig(
        vision_config=transformers.CLIPVisionConfig(**TOWER),
        text_config=transformers.LlamaConfig(**(TEXT | options)),
        image_token_id=IMAGE,
        vision_feature_layer=-2,
    )
    network = transformers.LlavaForConditionalGeneration(config).eval()
    return Shown(network, {"pixel_values": pixels(1, 3, 16, 16)}, 16)


def gemma3() -> Shown:
    torch.manual_seed(0)
    config = transformers.Gemma3Config(
        vision_config=transformers.SiglipVisionConfig(**TOWER),
        text_config=transformers.Gemma3TextConfig(**TEXT, head_dim=8),
        image_token_id=IMAGE,
        boi_token_id=91,
        eoi_token_id=92,
        mm_tokens_per_image=4,
    )
    network = transformers.Gemma3ForConditionalGeneration(config).eval()
    projection = network.model.multi_modal_projector.mm_input_projection_weight
    torch.nn.init.normal_(projection, std=0.2)  # that of a new model is zero: it sees nothing
    beside = {"pixel_values": pixels(1, 3, 16, 16), "token_type_ids": torch.zeros(1)}
    return Shown(network, beside, 4)


def qwen2_vl() -> Shown:
    torch.manual_seed(0)
    rope = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4}
    config = transformers.Qwen2VLConfig(
        vision_config={
            "depth": 5,
            "embed_dim": 32,
            "hidden_size": WIDTH,
            "num_heads": 4,
            "patch_size": 4,
            "mlp_ratio": 2,
        },
        text_config={**TEXT, "rope_parameters": rope},
        image_token_id=IMAGE,
        video_token_id=93,
        vision_start_token_id=94,
        vision_end_token_id=95,
    )
    network = transformers.Qwen2VLForConditionalGeneration(config).eval()
    beside = {
        "pixel_values": pixels(16, 3 * 2 * 4 * 4),
        "image_grid_thw": torch.tensor([[1, 4, 4]]),
        "mm_token_type_ids": torch.zeros(1),
    }
    return Shown(network, beside, 4)


def qwen3_vl() -> Shown:
    """States from half way up the tower are added behind the first language layers."""
    torch.manual_seed(0)
    rope = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 1e4}
    config = transformers.Qwen3VLConfig(
        vision_config={
            "depth": 5,
            "hidden_size": 24,
            "out_hidden_size": WIDTH,
            "intermediate_size": 48,
            "num_heads": 2,
            "patch_size": 4,
            "num_position_embeddings": 16,
            "deepstack_visual_indexes": [1, 3],
            "initializer_range": 0.1,
        },
        text_config={**TEXT, "rope_parameters": rope, "head_dim": 8},
        image_token_id=IMAGE,
        video_token_id=93,
        vision_start_token_id=94,
        vision_end_token_id=95,
    )
    network = transformers.Qwen3VLForConditionalGeneration(config).eval()
    beside = {
        "pixel_values": pixels(16, 3 * 2 * 4 * 4),
        "image_grid_thw": torch.tensor([[1, 4, 4]]),
        "mm_token_type_ids": torch.zeros(1),
    }
    return Shown(network, beside, 4)


def mllama() -> Shown:
    torch.manual_seed(0)
    rope = {"rope_type": "default", "rope_theta": 1e4}
    text = {**TEXT, "cross_attention_layers": [1], "rope_parameters": rope}
    config = transformers.MllamaConfig(
        vision_config={
            "hidden_size": 24,
            "attention_heads": 4,
            "intermediate_size": 48,
            "num_hidden_layers": 4,
            "num_global_layers": 2,
            "image_size": 16,
            "patch_size": 4,
            "vision_output_dim": 72,
            "intermediate_layers_indices": [1, 3],
            "max_num_tiles": 1,
            "supported_aspect_ratios": [[1, 1]],
        },
        text_config=text,
        image_token_index=IMAGE,
    )
    network = transformers.MllamaForConditionalGeneration(config).eval()
    for name, weight in network.named_parameters():
        if "gate" in name and weight.numel() == 1:
            weight.data.fill_(0.7)  # the gates of a new model are shut
    beside = {
        "pixel_values": pixels(1, 1, 1, 3, 16, 16),
        "aspect_ratio_ids": torch.ones(1, 1, dtype=torch.long),
        "aspect_ratio_mask": torch.ones(1, 1, 1, dtype=torch.long),
        "cross_attention_mask": torch.ones(1),
    }
    return Shown(network, beside, 1)


def idefics3() -> Shown:
    torch.manual_seed(0)
    config = transformers.Idefics3Config(
        vision_config=TOWER,
        text_config=transformers.LlamaConfig(**TEXT),
        image_token_id=IMAGE,
        scale_factor=2,
        pad_token_id=0,
    )
    network = transformers.Idefics3ForConditionalGeneration(config).eval()
    return Shown(network, {"pixel_values": pixels(1, 1, 3, 16, 16)}, 4)


MAKERS: dict[str, Callable[[], Shown]] = {
    "llava": llava,
    "gemma3": gemma3,
    "qwen2_vl": qwen2_vl,
    "qwen3_vl": qwen3_vl,
    "mllama": mllama,
    "idefics3": idefics3,
}
MODELS = {name: cache(maker) for name, maker in MAKERS.items()}
"""The same, each made once: for tests that leave them as they are."""
