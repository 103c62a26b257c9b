"""Tiny vision-language classes as data: towers, language parts, pictures and special tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

SIDE, PATCH = 32, 8
IMAGE, VIDEO = "<image>", "<video>"
QUESTIONS = (
    "Is there a round shape?",
    "Is the image free of a round shape?",
    "Can you rule out a round shape?",
)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one class is made small.

    ``config`` goes to the config class, ``pictures`` to the picture processor called ``looks``,
    ``processor`` to the processor; a text that is a special token stands for its id in ``config``.
    ``tokens`` are special tokens by the name that the processor asks the tokenizer for, ``plain``
    those it looks up by their text. ``placeholder`` is what a message holds for a picture.
    ``opens`` says that the template begins with the start token, which a processor may add itself;
    ``videos`` is the class that prepares videos, which needs torchvision.
    """

    looks: str
    pictures: Mapping[str, Any]
    config: Mapping[str, Any]
    processor: Mapping[str, Any] = field(default_factory=dict)
    tokens: Mapping[str, str] = field(default_factory=lambda: {"image_token": IMAGE})
    plain: tuple[str, ...] = ()
    placeholder: str = IMAGE
    template: bool = True
    opens: bool = True
    videos: str = ""


def _language(kind: str, **rest: Any) -> dict[str, Any]:
    """Return a language part of three layers."""
    return {
        "model_type": kind,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 1024,
    } | rest


def _tower(kind: str, **rest: Any) -> dict[str, Any]:
    """Return a tower of four layers, more than the language part has."""
    return {
        "model_type": kind,
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 4,
        "num_attention_heads": 2,
        "image_size": SIDE,
        "patch_size": PATCH,
    } | rest


SQUARE = {"height": SIDE, "width": SIDE}
SECTIONS = {
    "rope_type": "default",
    "mrope_section": [2, 1, 1],
    "rope_theta": 10000.0,
    "partial_rotary_factor": 1.0,
}
CROPPED = {"size": {"shortest_edge": SIDE}, "crop_size": SQUARE}
PINPOINTS = [[SIDE, 2 * SIDE], [2 * SIDE, SIDE], [2 * SIDE, 2 * SIDE]]
CLIP = _tower("clip_vision_model", projection_dim=16)
SIGLIP = _tower("siglip_vision_model", vision_use_head=False)
LLAVA = {"patch_size": PATCH, "vision_feature_select_strategy": "default"}
QWEN = {"<|image_pad|>": "image_token", "<|video_pad|>": "video_token"}
QWEN_TOKENS = {name: token for token, name in QWEN.items()}
QWEN_IDS = {
    "image_token_id": "<|image_pad|>",
    "video_token_id": "<|video_pad|>",
    "vision_start_token_id": "<|vision_start|>",
    "vision_end_token_id": "<|vision_end|>",
}
QWEN_LOOK = {
    "patch_size": PATCH,
    "merge_size": 2,
    "size": {"shortest_edge": 16 * 16, "longest_edge": 64 * 64},
}
IDEFICS = ("<fake_token_around_image>", "<image>", "<end_of_utterance>", "<global-img>")
TILES = tuple(f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7))
GOT = {"size": SQUARE, "min_patches": 1, "max_patches": 4, "crop_to_patches": True}


def _qwen(language: str, tower: Mapping[str, Any], videos: str, **rest: Any) -> Recipe:
    """Return a class of the Qwen family: pictures of any size, a grid of merged patches."""
    return Recipe(
        looks="Qwen2VLImageProcessorPil",
        pictures=QWEN_LOOK,
        config={
            "vision_config": {"num_heads": 2, "depth": 4, "patch_size": PATCH, **tower},
            "text_config": _language(language, rope_parameters=SECTIONS, **rest),
            **QWEN_IDS,
        },
        tokens=QWEN_TOKENS,
        plain=("<|vision_start|>", "<|vision_end|>"),
        placeholder="<|vision_start|><|image_pad|><|vision_end|>",
        videos=videos,
    )


RECIPES: dict[str, Recipe] = {
    "llava": Recipe(
        looks="CLIPImageProcessorPil",
        pictures=CROPPED,
        config={
            "vision_config": CLIP,
            "text_config": _language("llama"),
            "image_token_index": IMAGE,
        },
        processor={**LLAVA, "num_additional_image_tokens": 1},
    ),
    "vipllava": Recipe(
        looks="CLIPImageProcessorPil",
        pictures=CROPPED,
        config={
            "vision_config": CLIP,
            "text_config": _language("llama"),
            "image_token_index": IMAGE,
            "vision_feature_layers": [-2, -3],
            "vision_feature_layer": [-2, -3],
        },
        processor={**LLAVA, "num_additional_image_tokens": 1},
    ),
    "llava_next": Recipe(
        looks="LlavaNextImageProcessorPil",
        pictures={**CROPPED, "image_grid_pinpoints": PINPOINTS},
        config={
            "vision_config": CLIP,
            "text_config": _language("mistral"),
            "image_token_index": IMAGE,
            "image_grid_pinpoints": PINPOINTS,
        },
        processor={**LLAVA, "num_additional_image_tokens": 1},
    ),
    "llava_onevision": Recipe(
        looks="LlavaOnevisionImageProcessorPil",
        pictures={"size": SQUARE, "image_grid_pinpoints": PINPOINTS},
        config={
            "vision_config": SIGLIP,
            "text_config": _language("qwen2"),
            "image_token_index": IMAGE,
            "video_token_index": VIDEO,
            "image_grid_pinpoints": PINPOINTS,
        },
        processor={"num_image_tokens": 16, "vision_feature_select_strategy": "full"},
        tokens={"image_token": IMAGE, "video_token": VIDEO},
        videos="LlavaOnevisionVideoProcessor",
    ),
    "qwen2_vl": _qwen(
        "qwen2_vl_text", {"embed_dim": 16, "hidden_size": 32}, "Qwen2VLVideoProcessor"
    ),
    "qwen2_5_vl": _qwen(
        "qwen2_5_vl_text",
        {
            "hidden_size": 16,
            "intermediate_size": 32,
            "out_hidden_size": 32,
            "window_size": 32,
            "fullatt_block_indexes": [1, 3],
        },
        "Qwen2VLVideoProcessor",
    ),
    "qwen3_vl": _qwen(
        "qwen3_vl_text",
        {
            "hidden_size": 16,
            "intermediate_size": 32,
            "out_hidden_size": 32,
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [1, 2],
        },
        "Qwen3VLVideoProcessor",
        head_dim=8,
    ),
    "qwen3_5": _qwen(
        "qwen3_5_text",
        {
            "hidden_size": 16,
            "intermediate_size": 32,
            "out_hidden_size": 32,
            "num_position_embeddings": 64,
        },
        "Qwen3VLVideoProcessor",
        head_dim=8,
        layer_types=["linear_attention", "full_attention", "linear_attention"],
        linear_key_head_dim=8,
        linear_value_head_dim=8,
        linear_num_key_heads=2,
        linear_num_value_heads=4,
    ),
    "gemma3": Recipe(
        looks="Gemma3ImageProcessorPil",
        pictures={"size": SQUARE},
        config={
            "vision_config": SIGLIP,
            "text_config": _language(
                "gemma3_text", head_dim=8, query_pre_attn_scalar=8, sliding_window=16
            ),
            "mm_tokens_per_image": 4,
            "boi_token_index": "<start_of_image>",
            "eoi_token_index": "<end_of_image>",
            "image_token_index": "<image_soft_token>",
        },
        processor={"image_seq_length": 4},
        tokens={
            "image_token": "<image_soft_token>",
            "boi_token": "<start_of_image>",
            "eoi_token": "<end_of_image>",
        },
        placeholder="<start_of_image>",
    ),
    "paligemma": Recipe(
        looks="SiglipImageProcessorPil",
        pictures={"size": SQUARE, "image_seq_length": 16},
        config={
            "vision_config": {**SIGLIP, "projection_dim": 32},
            "text_config": _language("gemma", head_dim=8),
            "image_token_index": IMAGE,
            "projection_dim": 32,
            "hidden_size": 32,
        },
        opens=False,
    ),
    "idefics2": Recipe(
        looks="Idefics2ImageProcessorPil",
        pictures={"size": {"shortest_edge": SIDE, "longest_edge": SIDE}},
        config={
            "vision_config": _tower("idefics2_vision"),
            "perceiver_config": {
                "model_type": "idefics2_perceiver",
                "hidden_size": 32,
                "resampler_n_latents": 4,
                "resampler_depth": 2,
                "resampler_n_heads": 2,
                "resampler_head_dim": 8,
                "num_key_value_heads": 1,
            },
            "text_config": _language("mistral"),
            "image_token_id": IMAGE,
        },
        processor={"image_seq_len": 4},
        tokens={"image_token": IMAGE, "image_boundary_token": IDEFICS[0]},
        plain=("<end_of_utterance>",),
    ),
    "idefics3": Recipe(
        looks="Idefics3ImageProcessorPil",
        pictures={"size": {"longest_edge": 2 * SIDE}, "max_image_size": {"longest_edge": SIDE}},
        config={
            "vision_config": _tower("idefics3_vision"),
            "text_config": _language("llama"),
            "image_token_id": IMAGE,
            "scale_factor": 2,
        },
        processor={"image_seq_len": 4},
        plain=(*IDEFICS, *TILES),
    ),
    "internvl": Recipe(
        looks="GotOcr2ImageProcessorPil",
        pictures=GOT,
        config={
            "vision_config": _tower("internvl_vision"),
            "text_config": _language("qwen2"),
            "image_token_id": "<IMG_CONTEXT>",
            "image_seq_length": 4,
        },
        processor={"image_seq_length": 4},
        tokens={
            "start_image_token": "<img>",
            "end_image_token": "</img>",
            "context_image_token": "<IMG_CONTEXT>",
            "video_token": VIDEO,
        },
        placeholder="<IMG_CONTEXT>",
        videos="InternVLVideoProcessor",
    ),
    "mllama": Recipe(
        looks="MllamaImageProcessorPil",
        pictures={"size": SQUARE, "max_image_tiles": 4},
        config={
            "vision_config": _tower(
                "mllama_vision_model",
                num_global_layers=1,
                intermediate_layers_indices=[1, 2],
                max_num_tiles=4,
                attention_heads=2,
                vision_output_dim=48,
            ),
            "text_config": _language("mllama_text_model", cross_attention_layers=[1]),
            "image_token_index": "<|image|>",
        },
        tokens={"image_token": "<|image|>"},
        plain=("<|python_tag|>",),
        placeholder="<|image|>",
    ),
    "aya_vision": Recipe(
        looks="GotOcr2ImageProcessorPil",
        pictures=GOT,
        config={
            "vision_config": SIGLIP,
            "text_config": _language("cohere2", sliding_window=16),
            "image_token_index": "<|IMG_PATCH|>",
            "adapter_layer_norm_eps": 1e-6,
        },
        processor={"patch_size": PATCH, "img_size": SIDE, "downsample_factor": 2},
        plain=(
            "<|START_OF_IMG|>",
            "<|END_OF_IMG|>",
            "<|IMG_PATCH|>",
            "<|IMG_LINE_BREAK|>",
            "TILE",
            "TILE_GLOBAL",
        ),
    ),
    "mistral3": Recipe(
        looks="PixtralImageProcessorPil",
        pictures={"size": {"longest_edge": SIDE}, "patch_size": PATCH},
        config={
            "vision_config": _tower("pixtral"),
            "text_config": _language("mistral"),
            "image_token_index": "[IMG]",
            "spatial_merge_size": 2,
        },
        processor={"patch_size": PATCH, "spatial_merge_size": 2},
        tokens={"image_token": "[IMG]"},
        plain=("[IMG_BREAK]", "[IMG_END]"),
        placeholder="[IMG]",
    ),
    "blip-2": Recipe(
        looks="BlipImageProcessorPil",
        pictures={"size": SQUARE},
        config={
            "vision_config": _tower("blip_2_vision_model"),
            "qformer_config": {
                "model_type": "blip_2_qformer",
                "hidden_size": 16,
                "intermediate_size": 32,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "encoder_hidden_size": 16,
            },
            "text_config": {
                "model_type": "opt",
                "hidden_size": 32,
                "ffn_dim": 64,
                "num_hidden_layers": 3,
                "num_attention_heads": 4,
                "word_embed_proj_dim": 32,
                "max_position_embeddings": 1024,
            },
            "num_query_tokens": 4,
            "image_token_index": IMAGE,
            "image_text_hidden_size": 16,
        },
        processor={"num_query_tokens": 4},
        tokens={},
        plain=(IMAGE,),
        template=False,
    ),
    "florence2": Recipe(
        looks="CLIPImageProcessorPil",
        pictures={"size": SQUARE, "crop_size": SQUARE, "image_seq_length": 17},
        config={
            "vision_config": {
                "model_type": "florence_vision",
                "depths": [1, 1],
                "patch_size": [7, 3],
                "patch_stride": [4, 2],
                "patch_padding": [3, 1],
                "patch_prenorm": [False, True],
                "embed_dim": [8, 16],
                "num_heads": [2, 2],
                "num_groups": [2, 2],
                "window_size": 4,
                "drop_path_rate": 0.0,
                "projection_dim": 32,
            },
            "text_config": {
                "model_type": "bart",
                "d_model": 32,
                "encoder_layers": 2,
                "decoder_layers": 3,
                "encoder_attention_heads": 4,
                "decoder_attention_heads": 4,
                "encoder_ffn_dim": 64,
                "decoder_ffn_dim": 64,
            },
            "image_token_id": IMAGE,
        },
        template=False,
    ),
}
