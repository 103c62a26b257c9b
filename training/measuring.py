"""Greedy answers and how many of them are exactly right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import LlamaForCausalLM

    from training.corpus import Dialogue, Message


@torch.no_grad()
def answers(
    model: LlamaForCausalLM,
    tokenizer: Any,
    prompts: Sequence[list[Message]],
    limit: int = 96,
    batch: int = 48,
) -> list[str]:
    """Greedy answers in the order of the prompts; prompts of similar length share a batch."""
    ids = [
        tokenizer.apply_chat_template(
            p, tokenize=True, add_generation_prompt=True, return_dict=False
        )
        for p in prompts
    ]
    order = sorted(range(len(ids)), key=lambda number: len(ids[number]))
    found: dict[int, str] = {}
    for start in range(0, len(order), batch):
        numbers = order[start : start + batch]
        padded = tokenizer.pad(
            {"input_ids": [ids[number] for number in numbers]},
            padding_side="left",
            return_tensors="pt",
        )
        output = model.generate(**padded, max_new_tokens=limit, do_sample=False)
        texts = tokenizer.batch_decode(
            output[:, padded["input_ids"].shape[1] :], skip_special_tokens=True
        )
        found.update(zip(numbers, texts, strict=True))
    return [found[number] for number in range(len(ids))]


@dataclass(frozen=True)
class Score:
    """Exact answers among all, with a Wilson 95 % interval."""

    right: int
    n: int

    @property
    def share(self) -> float:
        """The share of exact answers."""
        return self.right / self.n if self.n else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """The ends of the Wilson interval."""
        if not self.n:
            return (float("nan"), float("nan"))
        z = 1.959964
        middle = (self.share + z * z / (2 * self.n)) / (1 + z * z / self.n)
        half = (
            z
            / (1 + z * z / self.n)
            * (self.share * (1 - self.share) / self.n + z * z / (4 * self.n**2)) ** 0.5
        )
        return (middle - half, middle + half)

    def __add__(self, other: Score) -> Score:
        return Score(self.right + other.right, self.n + other.n)


def score(model: LlamaForCausalLM, tokenizer: Any, dialogues: Sequence[Dialogue]) -> Score:
    """How many greedy answers equal the wanted answer, character for character."""
    given = answers(model, tokenizer, [one.prompt for one in dialogues])
    return Score(
        sum(g == one.answer for g, one in zip(given, dialogues, strict=True)), len(dialogues)
    )
