"""How often a model's answer changes when only the writing of the request changes."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy.stats import permutation_test

from training.corpus import Dialogue, Message, Task, evaluation_dialogues
from training.measuring import Score, answers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import LlamaForCausalLM

Edited = dict[str, str]


@dataclass(frozen=True)
class Sensitivity:
    """Which edits changed which prompt's answer, and the control that asks the same again."""

    changed: list[dict[str, bool]]
    identical: Score

    @property
    def kinds(self) -> dict[str, Score]:
        """Changed answers per kind of edit."""
        names = sorted({kind for one in self.changed for kind in one})
        flags = {name: [one[name] for one in self.changed if name in one] for name in names}
        return {name: Score(sum(values), len(values)) for name, values in flags.items()}

    @property
    def overall(self) -> Score:
        """Changed answers over all kinds of edit."""
        return sum(self.kinds.values(), Score(0, 0))

    def shares(self, kinds: Sequence[str]) -> list[float | None]:
        """Per prompt the share of its edits of these kinds that changed its answer, if any."""
        picked = [[one[kind] for kind in kinds if kind in one] for one in self.changed]
        return [sum(flags) / len(flags) if flags else None for flags in picked]


def probes(tasks: Sequence[Task], each: int, seed: int) -> list[Dialogue]:
    """The prompts to edit: `each` held-out instances of every task."""
    found = [
        evaluation_dialogues(task, "held-out instances", "plain", each, seed) for task in tasks
    ]
    return [one for few in found for one in few]


def _with_text(messages: list[Message], text: str) -> list[Message]:
    return [*messages[:-1], {**messages[-1], "content": text}]


def sensitivity(
    model: LlamaForCausalLM, tokenizer: Any, prompts: Sequence[Dialogue], edits: Sequence[Edited]
) -> Sensitivity:
    """Answer every prompt, the same prompt again, and its edits; any character is a change."""
    plain = answers(model, tokenizer, [one.prompt for one in prompts])
    again = answers(model, tokenizer, [one.prompt for one in prompts], batch=7)
    asked = [(n, kind, text) for n, kinds in enumerate(edits) for kind, text in kinds.items()]
    given = answers(model, tokenizer, [_with_text(prompts[n].prompt, text) for n, _, text in asked])
    changed: list[dict[str, bool]] = [{} for _ in prompts]
    for (number, kind, _), answer in zip(asked, given, strict=True):
        changed[number][kind] = answer != plain[number]
    same = sum(a != b for a, b in zip(plain, again, strict=True))
    return Sensitivity(changed, Score(same, len(plain)))


def paired_p_value(first: Sequence[float], second: Sequence[float], seed: int) -> float:
    """Two-sided sign-flip permutation test on the mean difference, one pair per prompt."""

    def difference(x: Any, y: Any, axis: int = -1) -> Any:
        return np.mean(x - y, axis=axis)

    result = permutation_test(
        (np.asarray(first), np.asarray(second)),
        difference,
        permutation_type="samples",
        vectorized=True,
        n_resamples=9999,
        rng=np.random.default_rng(seed),
    )
    return float(result.pvalue)


def changed_by_bfloat16(
    model: LlamaForCausalLM, tokenizer: Any, prompts: Sequence[Dialogue]
) -> Score:
    """Answers that change when the same weights are computed in bfloat16."""
    asked = [one.prompt for one in prompts]
    lower = copy.deepcopy(model).to(torch.bfloat16)
    pairs = zip(answers(model, tokenizer, asked), answers(lower, tokenizer, asked), strict=True)
    return Score(sum(a != b for a, b in pairs), len(asked))
