"""Neighborhood -> runs: greedy decoding of pinned causal language models.

A whole neighborhood is decoded in batches of one fixed shape (rows, padded prompt length), so
that the center and its neighbors meet the same kernels: on most hardware another batch shape
rounds differently, and a margin near zero turns rounding into another sentence.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import torch

from pytest_promptchaos.errors import PromptError
from pytest_promptchaos.models.answer_tokens import single_tokens
from pytest_promptchaos.models.context import check_fits
from pytest_promptchaos.models.decoding import decode
from pytest_promptchaos.models.forced import forced
from pytest_promptchaos.models.memory import free_bytes, row_bytes, rows_that_fit
from pytest_promptchaos.models.pinned import PinnedNetwork
from pytest_promptchaos.models.prefill import (
    buckets,
    padded_width,
    past_of,
    plain_cache,
    shared_prefix,
)
from pytest_promptchaos.models.rendering import opening, rendered
from pytest_promptchaos.records import Forced, Prompt, Run, address

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from transformers import DynamicCache

    from pytest_promptchaos.models.pins import Pin

RENDERED = 1 << 22
"""Tokens of rendered prompts that are kept: long conversations are rendered once per turn."""


class LanguageModel(PinnedNetwork):
    """A pinned causal language model; tokenizer and weights are loaded when first needed."""

    sees = False
    """Whether it takes prompts with an image."""

    def __init__(self, pin: Pin, *, dtype: str = "auto", device: str = "auto") -> None:
        super().__init__(pin, dtype=dtype, device=device)
        self._rendered: dict[Prompt, tuple[int, ...]] = {}
        self._tokens_kept = 0

    # -- prompts ----------------------------------------------------------------------------

    def render(self, prompt: Prompt) -> tuple[int, ...]:
        """Return the token ids the model sees for ``prompt``, template applied.

        Raises ``PromptError`` as :func:`rendered` does, and for an image that it cannot see.
        """
        if prompt not in self._rendered:
            ids = self._ids(prompt)
            self._keep_rendered(prompt, ids)
            return ids
        return self._rendered[prompt]

    def _ids(self, prompt: Prompt) -> tuple[int, ...]:
        if prompt.image is not None:
            raise PromptError(
                f"prompt {prompt.id!r} shows the image {prompt.image.path!r}, but {self.pin.text} "
                "is a text-only model: ask a vision-language model, or put the content into words"
            )
        return rendered(
            self.tokenizer,
            prompt,
            thinking=self._thinking,
            ends=self.end_ids,
            pin=self.pin.text,
        )

    @property
    def _thinking(self) -> str:
        return self.pin.options.get("thinking", "default")

    @cached_property
    def _opening(self) -> str:
        return opening(self.tokenizer, thinking=self._thinking)

    def answer_tokens(self, words: Sequence[str]) -> tuple[int, ...]:
        """Return the ids of words that are single tokens where an answer begins, each id once.

        Raises ``ArgumentError`` as :func:`single_tokens` does.
        """
        return single_tokens(self.tokenizer, words, self._opening, pin=self.pin.text)

    def _keep_rendered(self, prompt: Prompt, ids: tuple[int, ...]) -> None:
        """Keep the ids of a prompt, and forget the oldest ones where they are too many tokens."""
        self._rendered[prompt] = ids
        self._tokens_kept += len(ids)
        while self._tokens_kept > RENDERED and len(self._rendered) > 1:
            self._tokens_kept -= len(self._rendered.pop(next(iter(self._rendered))))

    @property
    def context(self) -> int | None:
        """The longest sequence that the model takes, in tokens; ``None`` where it has no bound."""
        bound = getattr(self.config.get_text_config(), "max_position_embeddings", None)
        return int(bound) if bound else None

    def check_length(self, prompt: Prompt, horizon: int) -> None:
        """Raise ``PromptError`` unless prompt and horizon fit into the model's context."""
        check_fits(self.pin.text, prompt.id, len(self.render(prompt)), horizon, self.context)

    # -- runs -------------------------------------------------------------------------------

    def shape(self, prompts: Sequence[Prompt], rows: int) -> tuple[int, ...]:
        """Return the fixed batch shape for ``prompts``: (rows, padded prompt length).

        A third number counts the tokens of a shared beginning that are computed once.
        """
        rendered = [self.render(prompt) for prompt in prompts]
        shared = shared_prefix(rendered) if rows > 1 and self.empty_cache() is not None else 0
        width = shared + padded_width(max(map(len, rendered)) - shared)
        return (rows, width, shared) if shared else (rows, width)

    def rows(self, prompts: Sequence[Prompt], horizon: int) -> int:
        """Return how many rows a batch of these prompts has, from the memory that is free."""
        row = self._row_bytes(prompts, horizon)
        return rows_that_fit(len(prompts), row, free_bytes(self.device))

    def _row_bytes(self, prompts: Sequence[Prompt], horizon: int) -> int:
        width = padded_width(max(len(self.render(prompt)) for prompt in prompts))
        return row_bytes(self.config, self.dtype, width, horizon)

    def together(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        """Return which prompts, by place, are decoded together: those of similar length."""
        return buckets([len(self.render(prompt)) for prompt in prompts])

    def empty_cache(self) -> DynamicCache | None:
        """Return an empty cache of plain keys and values; ``None`` where the model keeps others."""
        return plain_cache(self.config)

    def past(self, prefix: Sequence[int], rows: int, room: int) -> DynamicCache | None:
        """Return the keys and values of ``prefix`` for every row, as :func:`past_of` does."""
        return past_of(self.network, prefix, rows, room)

    def inputs(self, prompt: Prompt, answer: Sequence[int] = ()) -> dict[str, torch.Tensor]:
        """Return all that the forward pass takes for a prompt and what was answered so far.

        Tensors on the model's device, one row each; ids and mask have shape (1, tokens).
        """
        ids = self.row((*self.render(prompt), *answer))
        shown = self.shown([prompt], rows=1, width=len(self.render(prompt)), after=len(answer))
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), **shown}

    def shown(
        self,
        prompts: Sequence[Prompt],  # noqa: ARG002
        *,
        rows: int,  # noqa: ARG002
        width: int,  # noqa: ARG002
        after: int = 0,  # noqa: ARG002
    ) -> dict[str, torch.Tensor]:
        """Return what the forward pass of a batch takes beside ids and mask: here nothing.

        ``rows`` and ``width`` are the batch's shape, prompts on the right; ``after`` counts the
        tokens behind them.
        """
        return {}

    @cached_property
    def _pieces(self) -> dict[int, str]:
        return {}

    def piece(self, token: int) -> str:
        """Return one token as a person reads it."""
        if token not in self._pieces:
            text = self.tokenizer.decode([token], skip_special_tokens=False)
            self._pieces[token] = "<end>" if token in self.end_ids else text
        return self._pieces[token]

    def forced(
        self, center: Run, others: Sequence[Run], rows: int, whole: tuple[int, int]
    ) -> list[tuple[Forced, Forced]]:
        """Return center and others teacher-forced along both outputs, as :func:`forced` does."""
        return forced(self, center, others, rows, whole)

    def key_parts(self, prompt: Prompt) -> dict[str, object]:
        """Return what any evidence about ``prompt`` depends on: model, kernels, token ids."""
        who, edits = self.identity, self.edits
        # Only where there are any, so that what the files alone say keeps its address.
        edited: dict[str, object] = {"edits": edits} if edits else {}
        return edited | {
            "model": [who.fingerprint, who.template, who.dtype, who.device, who.hardware],
            "kernels": [who.attention, who.quantization, who.thinking, who.versions],
            "prompt_ids": self.render(prompt),
        }

    def key(self, prompt: Prompt, shape: tuple[int, ...], horizon: int, repeat: int) -> str:
        """Return the address of a run: it covers everything that can change the output."""
        generation = {"horizon": horizon, "end_ids": self.end_ids, "repeat": repeat}
        return address("run/2", **self.key_parts(prompt), batch_shape=shape, **generation)

    def tensor(self, prompt: Prompt) -> torch.Tensor:
        """Return the rendered ids of ``prompt`` on the model's device, shape (1, tokens)."""
        return self.row(self.render(prompt))

    def row(self, ids: Sequence[int]) -> torch.Tensor:
        """Return token ids on the model's device, shape (1, tokens)."""
        return torch.tensor([ids], device=self.device)

    def runs(
        self,
        requests: Sequence[tuple[Prompt, int]],
        *,
        shape: tuple[int, ...],
        horizon: int,
    ) -> Iterator[list[Run]]:
        """Yield the greedy runs of (prompt, repeat index) pairs, a batch at a time, in order."""
        for start in range(0, len(requests), shape[0]):
            yield decode(self, requests[start : start + shape[0]], shape=shape, horizon=horizon)
