"""A tiny random model of any causal-LM class, shrunk from its config class's defaults."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForCausalLM
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor
    from transformers import PreTrainedConfig, PreTrainedModel

VOCABULARY, TOKENS, LAYERS = 99, 12, 4
# Weights this large let every layer act: at the usual 0.02 a tiny layer is nearly the identity.
SPREAD = 0.2

# The first pattern that matches a whole attribute's name bounds its value. Heads divide widths;
# windows and chunks are shorter than the prompt, so that they act.
SIZES: tuple[tuple[str, int], ...] = (
    (r".*(vocab_size|vocab|vocab_size_base|codebook_size|vocab_size_per_layer_input)", VOCABULARY),
    (
        r"num_hidden_layers|n_layers?|num_layers|decoder_layers|num_decoder_layers|num_blocks",
        LAYERS,
    ),
    (r"max_window_layers|moe_layer_end_index", LAYERS - 1),
    (r"depth|encoder_layers|num_encoder_layers|.*num_hidden_layers|num_layers_per_stack", 2),
    (r"num_kv_shared_layers", 2),
    (r"first_k_dense_replace", 1),
    (r".*(kv_heads|key_value_heads|kv_n_heads|query_groups)", 2),
    (r".*(attention_heads|n_heads?|num_heads|_heads|mamba_heads)", 4),
    (r"qk_head_dim", 16),
    (r".*rope_head_dim|.*nope_head_dim|v_head_dim|.*head_dim|.*d_head|dim_head|.*headdim", 8),
    (r"rotary_dim|kv_channels|attention_head_size|adapter_rank|laurel_rank|.*lora_rank", 8),
    (r".*(shared_experts|expert_num|num_shared_experts)", 1),
    (
        r"(moe_)?(num_|n_routed_|num_local_)?experts|.*num_experts|.*routed_experts|.*local_experts",
        4,
    ),
    (r".*experts_per_tok|.*per_token|moe_top_?k|moe_k|.*top_k", 2),
    (r"index_topk", 4),
    (r"n_group|num_expert_group|topk_group|o_groups|.*n_?groups", 2),
    (r".*(hidden_size|intermediate_size|_dim|_size_mlp|d_model|n_embd|embedding_size)", 32),
    (r"lru_width|ffn_hidden_size|n_inner|d_inner|dff|dim_ff|feed_forward_size|mamba_d_ssm", 32),
    (r"hidden_size_(global|per_layer_input)|hc_lowrank|adapter_input_size", 32),
    (r".*d_state|.*state_size", 8),
    (r".*dt_rank|time_step_rank", 4),
    (r".*(sliding_window|window_size|window_len|window|local_attention|chunk_size|block_size)", 8),
    (r".*chunk_length", 4),
    (r".*(positions|position_embeddings|max_seq_len|model_max_length|n_ctx|context_length)", 64),
)

LATENT: dict[str, Any] = {
    f"swa_{name}": size
    for name, size in {
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "q_lora_rank": 8,
        "kv_lora_rank": 8,
        "head_dim": 16,
        "qk_nope_head_dim": 8,
        "v_head_dim": 8,
    }.items()
} | {"head_dim": 16}
INDEXER: dict[str, Any] = {
    "indexer_n_heads": 2,
    "indexer_kv_heads": 1,
    "indexer_head_dim": 8,
    "indexer_budget": 4,
    "indexer_compress_ratio": 2,
    "ple_layer_ids": [1],
    "heads_per_ngram": 2,
    "ngram_vocab_size_base": 50,
    "eos_token_id": 2,
}
# What shrinking by name cannot know: products that must agree, periods longer than four layers.
OVERRIDES: dict[str, dict[str, Any]] = {
    "bamba": {"mamba_n_heads": 4, "mamba_d_head": 16},
    "bert": {"is_decoder": True},
    "big_bird": {"is_decoder": True},
    "blt": {"global_config": {"num_hidden_layers": 6}},
    "bert-generation": {"is_decoder": True},
    "camembert": {"is_decoder": True},
    "cohere_compass_text": {
        "layer_types": ["sliding_attention", "full_attention"] * 2,
        "rope_parameters": {
            "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
            "full_attention": {"rope_type": "default", "rope_theta": 10000.0},
        },
    },
    "data2vec-text": {"is_decoder": True},
    "dbrx": {"attn_config": {"rope_theta": 10000.0, "clip_qkv": 8.0}},
    "deepseek_v2": {"num_experts_per_tok": 2},
    "deepseek_v4": {"hc_sinkhorn_iters": 4},
    "dots1": {"n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1},
    "dots3_note": {"text_config": LATENT},
    "dots3_note_text": LATENT,
    "electra": {"is_decoder": True},
    "ernie": {"is_decoder": True},
    "gemma4_text": {"num_kv_shared_layers": 2},
    "granitemoehybrid": {"mamba_n_heads": 4, "mamba_d_head": 16},
    "hrm_text": {"L_cycles": 1},
    "hunyuan_v1_dense": {"head_dim": 8},
    "hunyuan_v1_moe": {"head_dim": 8},
    "inkling2_text": {"n_layers_per_attn_res_block": 2},
    "jamba": {"attn_layer_period": 2, "attn_layer_offset": 1},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"] * 2},
    "mamba2": {"head_dim": 16},
    "megatron-bert": {"is_decoder": True},
    "ministral": {"head_dim": 8},
    "moshi": {"audio_encoder_config": {"codebook_size": 64}},
    "musicgen": {"decoder": {"num_codebooks": 1}},
    "musicgen_melody": {"decoder": {"num_codebooks": 1}},
    "nemotron": {"head_dim": 8, "num_key_value_heads": 2},
    "qwen4_exp": {"text_config": INDEXER},
    "qwen4_exp_text": INDEXER,
    "reformer": {
        "is_decoder": True,
        "axial_pos_shape": [4, 4],
        "axial_pos_embds_dim": [16, 16],
        "hash_seed": 0,
    },
    "rembert": {"is_decoder": True},
    "roberta": {"is_decoder": True},
    "roberta-prelayernorm": {"is_decoder": True},
    "roc_bert": {"is_decoder": True},
    "roformer": {"is_decoder": True},
    "rwkv": {"rescale_every": 2},
    "xlm": {"causal": True},
    "xlm-roberta": {"is_decoder": True},
    "xlm-roberta-xl": {"is_decoder": True},
    "xmod": {"is_decoder": True, "default_language": "en_XX"},
    "zamba": {"attention_hidden_size": 64, "attention_head_dim": 16},
    "zamba2": {"attention_hidden_size": 64, "attention_head_dim": 16, "mamba_headdim": 16},
}


# Classes that take the config of their decoder only.
INNER = {"musicgen": "decoder", "musicgen_melody": "decoder"}


def config_classes() -> list[type[PreTrainedConfig]]:
    """Return the config classes that transformers maps to a causal language model."""
    return list(dict.fromkeys(MODEL_FOR_CAUSAL_LM_MAPPING))


def class_of(config_class: type[PreTrainedConfig]) -> type[PreTrainedModel]:
    """Return the causal language model of a config class."""
    found: type[PreTrainedModel] = MODEL_FOR_CAUSAL_LM_MAPPING[config_class]
    return found


def tiny_config(config_class: type[PreTrainedConfig]) -> PreTrainedConfig:
    """Return a config of the class with every size shrunk, and the special tokens moved along."""
    overrides = OVERRIDES.get(config_class.model_type, {})
    return config_class(**_merged(_shrunk(config_class().to_dict()), overrides))


def tiny_model(config_class: type[PreTrainedConfig], seed: int = 0) -> PreTrainedModel:
    """Return a random float64 model of the class in evaluation mode."""
    torch.manual_seed(seed)
    config = tiny_config(config_class)
    if inner := INNER.get(config_class.model_type):
        return class_of(config_class)(getattr(config, inner)).eval()
    return AutoModelForCausalLM.from_config(config).eval()


def prompt() -> Tensor:
    """Return one prompt, shape (1, TOKENS), clear of special tokens."""
    return (torch.arange(TOKENS) * 7 % 60 + 10).unsqueeze(0)


def _shrunk(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return what has to change of a config's plain form, sub-configs included."""
    picks, latent = _picked_layers(plain), "kv_lora_rank" in plain
    changed: dict[str, Any] = {}
    for name, value in plain.items():
        if isinstance(value, dict) and name.endswith("layer_config"):
            continue
        if isinstance(value, dict) and (name.endswith("config") or "model_type" in value):
            changed[name] = _shrunk(value)
        elif _is_per_layer(plain, value):
            changed[name] = [value[layer] for layer in picks]
        elif name in ("initializer_range", "init_std"):
            changed[name] = SPREAD
        elif re.fullmatch(r".*token_(id|index)", name):
            changed |= _token(name, value, len(changed))
        elif type(value) is int and _bounded(name, value) != value:
            # Latent attention has no groups: as many heads of keys as of queries.
            grouped = name == "num_key_value_heads" and not latent
            changed[name] = _bounded(
                name if grouped else name.replace("key_value", "attention"), value
            )
    return changed


def _bounded(name: str, value: int) -> int:
    """Return ``value``, or the bound that its name has in ``SIZES`` where that is smaller."""
    return next((min(value, size) for pattern, size in SIZES if re.fullmatch(pattern, name)), value)


def _token(name: str, value: Any, place: int) -> dict[str, Any]:
    """Return the special token within the vocabulary, beside all tokens of the prompt.

    Padding comes first: some models number positions from it.
    """
    if value is None or (name == "pad_token_id" and value < 2):
        return {}
    return {name: 1 if name == "pad_token_id" else VOCABULARY - 1 - place % 20}


def _layer_count(plain: Mapping[str, Any]) -> int:
    names = ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "decoder_layers")
    return next((plain[name] for name in names if isinstance(plain.get(name), int)), 0)


def _is_per_layer(plain: Mapping[str, Any], value: Any) -> bool:
    """Say whether the value lists one entry per layer."""
    return isinstance(value, (list, tuple)) and len(value) == _layer_count(plain) > LAYERS


def _picked_layers(plain: Mapping[str, Any]) -> list[int]:
    """Return the layers to keep: the first of every kind, in order, repeated up to LAYERS."""
    lists = [value for value in plain.values() if _is_per_layer(plain, value)]
    kinds = list(zip(*lists, strict=True))
    first = sorted({repr(kind): at for at, kind in reversed(list(enumerate(kinds)))}.values())
    return [first[at % len(first)] for at in range(LAYERS)] if first else []


def _merged(plain: dict[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``plain`` with the overrides, those of sub-configs within them."""
    merged = dict(plain)
    for name, value in overrides.items():
        inner = merged.get(name)
        merged[name] = _merged(inner, value) if isinstance(inner, dict) else value
    return merged
