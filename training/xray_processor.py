"""The tokenizer, the chat template and the picture processor of tiny-xray."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlavaProcessor, PreTrainedTokenizerFast
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

from training.chat_format import BEGIN, END, PAD, ROLES
from training.xray_pictures import SIDE
from training.xray_questions import COMMON, RARE, questions, with_share

if TYPE_CHECKING:
    from collections.abc import Iterator

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

PATCH = 8
PLACES = (SIDE // PATCH) ** 2
"""Image tokens per picture."""
VOCABULARY = 448
CONTEXT = 512
IMAGE = "<image>"
YES, NO = "Yes", "No"
SAID = {True: f"{YES}.", False: f"{NO}."}
SINGLE = tuple(
    blank + word for word in ("Yes", "No", "yes", "no", "YES", "NO") for blank in ("", " ")
)
"""Texts that are one token each, so that an answer can be read from one row of logits."""

CHAT_TEMPLATE = (
    "{{- bos_token -}}\n"
    "{%- for message in messages -%}\n"
    "{%- if message['role'] not in ['system', 'user', 'assistant'] -%}\n"
    "{{- raise_exception('the roles are system, user and assistant') -}}\n"
    "{%- endif -%}\n"
    "{{- '<|' + message['role'] + '|>' -}}\n"
    "{%- if message['content'] is string -%}\n"
    "{{- message['content'] -}}\n"
    "{%- else -%}\n"
    "{%- for part in message['content'] -%}\n"
    "{%- if part['type'] == 'image' -%}\n"
    "{{- '<image>' -}}\n"
    "{%- elif part['type'] == 'text' -%}\n"
    "{{- part['text'] -}}\n"
    "{%- else -%}\n"
    "{{- raise_exception('a message holds parts of type image or text') -}}\n"
    "{%- endif -%}\n"
    "{%- endfor -%}\n"
    "{%- endif -%}\n"
    "{{- eos_token -}}\n"
    "{%- endfor -%}\n"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}\n"
)


def _texts() -> Iterator[str]:
    """Trained questions and answers only: nothing held out shapes the vocabulary."""
    for phrasing in with_share(COMMON, RARE):
        for question in questions(phrasing):
            yield question.text
    for one in SINGLE:
        yield from [one] * 100


def trained_tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE in which every byte is representable and every answer is one token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        min_frequency=2,
        show_progress=False,
        special_tokens=[PAD, BEGIN, END, *ROLES.values(), IMAGE],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator(_texts(), trainer)
    for text in SINGLE:
        assert len(tokenizer.encode(text).ids) == 1, text
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BEGIN,
        eos_token=END,
        pad_token=PAD,
        padding_side="left",
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
        extra_special_tokens={"image_token": IMAGE},
    )


def new_processor() -> Any:
    """The processor: pictures of any size to SIDE x SIDE, texts to ids, chats to both."""
    pictures = CLIPImageProcessorPil(
        size={"shortest_edge": SIDE},
        crop_size={"height": SIDE, "width": SIDE},
        image_mean=[0.4, 0.4, 0.4],
        image_std=[0.25, 0.25, 0.25],
    )
    return LlavaProcessor(
        image_processor=pictures,
        tokenizer=trained_tokenizer(),
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=CHAT_TEMPLATE,
    )


def messages(question: str, image: object | None = None) -> list[dict[str, Any]]:
    """Return the chat that asks one question, with a picture before it where one is given."""
    seen = [] if image is None else [{"type": "image", "image": image}]
    return [{"role": "user", "content": [*seen, {"type": "text", "text": question}]}]
