"""The tokenizer, the chat template, and dialogues as token ids."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

if TYPE_CHECKING:
    from collections.abc import Iterable

    from training.corpus import Dialogue, Message

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

VOCABULARY = 1792
CONTEXT = 1024
BEGIN, END, PAD = "<|begin|>", "<|end|>", "<|pad|>"
ROLES = {"system": "<|system|>", "user": "<|user|>", "assistant": "<|assistant|>"}

CHAT_TEMPLATE = (
    "{{- bos_token -}}\n"
    "{%- for message in messages -%}\n"
    "{%- if message['role'] not in ['system', 'user', 'assistant'] -%}\n"
    "{{- raise_exception('the roles are system, user and assistant') -}}\n"
    "{%- endif -%}\n"
    "{{- '<|' + message['role'] + '|>' + message['content'] + eos_token -}}\n"
    "{%- endfor -%}\n"
    "{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}\n"
)


def trained_tokenizer(texts: Iterable[str]) -> PreTrainedTokenizerFast:
    """A byte-level BPE: every byte is representable, digits and blanks stay single tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\p{N}|\s(?=\s)"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        min_frequency=2,
        show_progress=False,
        special_tokens=[PAD, BEGIN, END, *ROLES.values()],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=BEGIN,
        eos_token=END,
        pad_token=PAD,
        padding_side="left",
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
    )


def rendered(messages: Iterable[Message]) -> str:
    """The training text of a dialogue."""
    return BEGIN + "".join(f"{ROLES[one['role']]}{one['content']}{END}" for one in messages)


@dataclass(frozen=True)
class Encoded:
    """Token ids of a dialogue and, for each id, whether it belongs to an answer."""

    ids: list[int]
    answered: list[bool]


def encoded(dialogues: Iterable[Dialogue], tokenizer: Any) -> list[Encoded]:
    """Tokenize dialogues; an answer goes from an assistant marker to the next end marker."""
    end, speaks = tokenizer.convert_tokens_to_ids([END, ROLES["assistant"]])
    texts = [rendered(one.messages) for one in dialogues]
    batches = tokenizer(texts, add_special_tokens=False)["input_ids"]
    return [Encoded(ids, _answered(ids, speaks, end)) for ids in batches]


def _answered(ids: list[int], speaks: int, end: int) -> list[bool]:
    marks, speaking = [], False
    for one in ids:
        marks.append(speaking)
        speaking = one == speaks or (speaking and one != end)
    return marks


def check_rendering(dialogues: Iterable[Dialogue], tokenizer: Any) -> None:
    """Fails if the chat template and the training text differ in a single token."""
    for one in dialogues:
        whole = tokenizer.apply_chat_template(list(one.messages), tokenize=True, return_dict=False)
        assert whole == encoded([one], tokenizer)[0].ids, one
        asked = tokenizer.apply_chat_template(
            one.prompt, tokenize=True, add_generation_prompt=True, return_dict=False
        )
        assert whole[: len(asked)] == asked, one
        assert asked.count(tokenizer.bos_token_id) == 1, one
