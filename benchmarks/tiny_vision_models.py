"""A tiny random vision-language model of a class of transformers, with its processor.

Everything is built on the spot: the config small, the weights drawn, the tokenizer trained on a
few questions. A saved folder reads back without a network and without torchvision, except where
the class's own processor needs torchvision.
"""

from __future__ import annotations

import inspect
import json
import os
from typing import TYPE_CHECKING, Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoConfig, AutoModelForImageTextToText, PreTrainedTokenizerFast
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES

from benchmarks.vision_recipes import QUESTIONS, RECIPES

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image
    from transformers import PreTrainedModel, ProcessorMixin

    from benchmarks.vision_recipes import Recipe

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

VIDEOS = "video_processor"
KINDS = tuple(RECIPES)
BEGIN, END, PAD = "<|begin|>", "<|end|>", "<|pad|>"
ROLES = ("<|system|>", "<|user|>", "<|assistant|>")
SINGLE = tuple(blank + word for word in ("Yes", "No", "yes", "no") for blank in ("", " "))
"""Texts that are one token each."""
# Weights this large let every layer act: at the usual 0.02 a tiny layer is nearly the identity.
SPREAD = 0.2
OPENING = "{{- bos_token -}}"
TEMPLATE = (
    "{%- for message in messages -%}"
    "{{- '<|' + message['role'] + '|>' -}}"
    "{%- if message['content'] is string -%}{{- message['content'] -}}{%- else -%}"
    "{%- for part in message['content'] -%}"
    "{%- if part['type'] == 'image' -%}{{- 'PLACEHOLDER' -}}"
    "{%- else -%}{{- part['text'] -}}{%- endif -%}"
    "{%- endfor -%}{%- endif -%}"
    "{{- eos_token -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)


def tiny_vision_model(kind: str, seed: int = 0) -> tuple[PreTrainedModel, ProcessorMixin]:
    """Return a random float32 network of a model type in evaluation mode, and its processor.

    :param kind: One of ``KINDS``.
    """
    recipe = RECIPES[kind]
    tokenizer = _tokenizer(recipe)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = AutoModelForImageTextToText.from_config(_config(kind, recipe, tokenizer)).eval()
        _draw(network)
    return network, _processor(kind, recipe, tokenizer)


def saved(kind: str, folder: Path, seed: int = 0) -> Path:
    """Return the folder, with the model and the processor written as on a hub."""
    network, processor = tiny_vision_model(kind, seed)
    network.save_pretrained(folder)
    processor.save_pretrained(folder)
    written = folder / "processor_config.json"
    if VIDEOS in inspect.signature(type(processor)).parameters:
        plain = json.loads(written.read_text(encoding="utf-8"))
        plain[VIDEOS] = {"video_processor_type": RECIPES[kind].videos}
        written.write_text(json.dumps(plain, indent=2), encoding="utf-8")
    return folder


def picture(seed: int = 0, width: int = 48, height: int = 40) -> Image:
    """Return an RGB picture of coarse random squares."""
    from PIL import Image

    noise = torch.randint(256, (5, 5, 3), generator=torch.Generator().manual_seed(seed))
    coarse = Image.fromarray(noise.to(torch.uint8).numpy(), "RGB")
    return coarse.resize((width, height), Image.Resampling.NEAREST)


def images_only(processor_class: type[ProcessorMixin]) -> type[ProcessorMixin]:
    """Return the processor class without its part for videos, which all need torchvision.

    It reads a folder as the class itself does. The processor must not take the part for videos
    before another one.
    """
    if VIDEOS not in processor_class.get_attributes():
        return processor_class
    parts = [name for name in processor_class.get_attributes() if name != VIDEOS]
    named = {"get_attributes": classmethod(lambda _: list(parts)), "__doc__": None}
    return type(processor_class.__name__, (processor_class,), named)


# -- parts -----------------------------------------------------------------------------------------


def _tokenizer(recipe: Recipe) -> PreTrainedTokenizerFast:
    """Return a byte-level BPE with the special tokens that the class asks for."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    special = dict.fromkeys((PAD, BEGIN, END, *ROLES, *recipe.tokens.values(), *recipe.plain))
    if recipe.placeholder.count("<") < 2:
        special[recipe.placeholder] = None
    trainer = trainers.BpeTrainer(
        vocab_size=360 + len(special),
        show_progress=False,
        special_tokens=list(special),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator([*QUESTIONS, *SINGLE * 100], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BEGIN,
        eos_token=END,
        pad_token=PAD,
        padding_side="left",
        model_max_length=1024,
        clean_up_tokenization_spaces=False,
        extra_special_tokens=dict(recipe.tokens),
    )


def _config(kind: str, recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> Any:
    """Return the config, with special tokens as ids and the tokenizer's vocabulary."""
    plain = _with_ids(recipe.config, tokenizer)
    known = {
        "vocab_size": len(tokenizer),
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    plain["text_config"] |= known
    return AutoConfig.for_model(kind, **plain)


def _with_ids(plain: Any, tokenizer: PreTrainedTokenizerFast) -> Any:
    """Return a plain form in which every special token is its id."""
    if isinstance(plain, str) and plain in tokenizer.all_special_tokens + list(
        tokenizer.get_added_vocab()
    ):
        return tokenizer.convert_tokens_to_ids(plain)
    if isinstance(plain, dict):
        return {name: _with_ids(value, tokenizer) for name, value in plain.items()}
    return plain


def _processor(kind: str, recipe: Recipe, tokenizer: PreTrainedTokenizerFast) -> ProcessorMixin:
    """Return the class's own processor around a PIL picture processor."""
    made = getattr(transformers, PROCESSOR_MAPPING_NAMES[kind])
    looks = getattr(transformers, recipe.looks)(**recipe.pictures)
    template = TEMPLATE.replace("PLACEHOLDER", recipe.placeholder)
    template = OPENING * recipe.opens + template
    spoken = {"chat_template": template} if recipe.template else {}
    processor: ProcessorMixin = images_only(made)(looks, tokenizer, **spoken, **recipe.processor)
    return processor


def _draw(network: PreTrainedModel) -> None:
    """Draw every matrix, and open the gates that begin at zero and would shut the picture out."""
    with torch.no_grad():
        for weights in network.parameters():
            if weights.dim() > 1:
                weights.normal_(0.0, SPREAD)
            elif weights.numel() == 1:
                weights.fill_(0.5)
