"""Prompts led along given answers by the decoder itself, one token at a time.

For models that see: how prompt, image and answer attend to one another, and how their places are
counted, differs between them, and their own ``generate`` is what knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from transformers import LogitsProcessor, LogitsProcessorList

from pytest_promptchaos.models.prefill import rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.models.language import LanguageModel
    from pytest_promptchaos.records import Prompt


def followed(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    outputs: Sequence[Sequence[int]],
    *,
    rows: int,
    width: int,
) -> torch.Tensor:
    """Return each prompt's next-token logits along its output, shape (rows, steps, vocabulary).

    The logits of step t follow the prompt and ``output[:t]``; those behind an output's end mean
    nothing. A batch that is not full is filled with copies of its first row.
    """
    ids, mask = rows_of(
        [model.render(prompt) for prompt in prompts],
        rows=rows,
        width=width,
        shared=0,
        pad=model.pad_id,
    )
    steps = max(map(len, outputs))
    leader = _Leader([*outputs, *[outputs[0]] * (rows - len(outputs))], model.pad_id)
    model.network.generate(
        input_ids=torch.tensor(ids, device=model.device),
        attention_mask=torch.tensor(mask, device=model.device),
        max_new_tokens=steps,
        do_sample=False,
        logits_processor=LogitsProcessorList([leader]),
        **model.shown(prompts, rows=rows, width=width),
    )
    return torch.stack(leader.logits, dim=1)


class _Leader(LogitsProcessor):  # type: ignore[misc]  # transformers is untyped here
    """Keeps the raw logits of every step and leaves only the given token."""

    def __init__(self, outputs: Sequence[Sequence[int]], pad: int) -> None:
        longest = max(map(len, outputs))
        self._ahead = torch.tensor([[*o, *[pad] * (longest - len(o))] for o in outputs])
        self.logits: list[torch.Tensor] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        """Return scores that are 0 for the given token and -inf elsewhere."""
        token = self._ahead[:, len(self.logits)].unsqueeze(-1).to(scores.device)
        self.logits.append(scores.float())
        return torch.full_like(scores, float("-inf")).scatter_(-1, token, 0.0)
