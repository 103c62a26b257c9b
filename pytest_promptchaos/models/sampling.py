"""Sampled answers: seeded draws at a temperature, a kind of evidence of their own.

A draw is never a run: a run is greedy and says what the model does, a draw says what it might do.
Nothing here makes a ``Run``, and nothing greedy reads a ``Draw``.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from hashlib import sha256
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import torch
from transformers import LogitsProcessor, LogitsProcessorList

from pytest_promptchaos.errors import ArgumentError, PromptError
from pytest_promptchaos.models.decoding import pieces
from pytest_promptchaos.models.quiet import quiet_transformers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.models.language import LanguageModel
    from pytest_promptchaos.records import Prompt


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How answers are drawn: everything besides model, prompt and index that a draw depends on.

    ``rows`` is the number of rows of every batch, full or not: another shape rounds differently.
    """

    temperature: float = 0.7
    top_p: float = 1.0
    seed: int = 0
    horizon: int = 64
    rows: int = 16

    def __post_init__(self) -> None:
        """Refuse what draws nothing at random or cannot be drawn from."""
        if not _is_number(self.temperature) or not 0 < self.temperature < float("inf"):
            raise ArgumentError(
                f"temperature is {self.temperature!r}, but it takes a finite number above 0: at 0 "
                "nothing is drawn, and measure_neighborhood measures greedy answers"
            )
        if not _is_number(self.top_p) or not 0 < self.top_p <= 1:
            raise ArgumentError(
                f"top_p is {self.top_p!r}, but it takes a share above 0 and at most 1: the "
                "probability that the likeliest tokens must hold together to be drawn from"
            )
        for name, least in (("seed", 0), ("rows", 1), ("horizon", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < least:
                raise ArgumentError(
                    f"{name} is {value!r:.80}, but it takes a whole number of at least {least}"
                )


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


@dataclass(frozen=True, kw_only=True)
class Draw:
    """One sampled answer. ``index`` tells it from the other draws of the same prompt.

    ``output_ids`` ends with the end-of-sequence token where one was drawn; ``tokens`` are their
    printable pieces.
    """

    index: int
    output_ids: tuple[int, ...]
    tokens: tuple[str, ...]
    text: str
    seconds: float = 0.0


def draws(
    model: LanguageModel,
    prompt: Prompt,
    *,
    n: int,
    temperature: float = 0.7,
    top_p: float = 1.0,
    seed: int = 0,
    horizon: int = 64,
    rows: int = 16,
    first: int = 0,
) -> tuple[Draw, ...]:
    """Return ``n`` sampled answers to ``prompt``, those of index ``first``, ``first`` + 1, ...

    The randomness of a draw depends on the seed, the rendered prompt and its index, and on
    nothing else: not on ``n``, not on its company in the batch. Raises ``ArgumentError`` for a
    temperature or ``top_p`` out of range, ``PromptError`` for a prompt that does not fit.
    """
    how = Sampling(temperature=temperature, top_p=top_p, seed=seed, horizon=horizon, rows=rows)
    wanted = range(first, first + n)
    drawn: dict[int, Draw] = {}
    for index in wanted:
        if index not in drawn:
            drawn |= {draw.index: draw for draw in draw_batch(model, prompt, how, index // rows)}
    return tuple(drawn[index] for index in wanted)


def draw_key(model: LanguageModel, prompt: Prompt, how: Sampling, index: int) -> dict[str, object]:
    """Return everything that the evidence of one draw depends on."""
    return {**model.key_parts(prompt), **vars(how), "end_ids": model.end_ids, "index": index}


def draw_batch(model: LanguageModel, prompt: Prompt, how: Sampling, block: int) -> tuple[Draw, ...]:
    """Return the draws of index ``block * rows`` up to ``(block + 1) * rows``, one batch.

    The batch has the shape (rows, rendered length): the same prompt in every row, no padding, and
    index i always in row i modulo rows.
    """
    started = time.perf_counter()
    model.check_length(prompt, how.horizon)
    ids = model.render(prompt)
    indices = range(block * how.rows, (block + 1) * how.rows)
    chooser = Chooser([generator(how.seed, ids, index) for index in indices], how)
    inputs = model.row(ids).repeat(how.rows, 1)
    with torch.inference_mode(), quiet_transformers():
        sequences = model.network.generate(
            input_ids=inputs,
            attention_mask=torch.ones_like(inputs),
            max_new_tokens=how.horizon,
            # The chooser leaves one token per row, so the decoder's argmax takes what was drawn.
            do_sample=False,
            logits_processor=LogitsProcessorList([chooser]),
            **model.shown([prompt], rows=how.rows, width=len(ids)),
        )
    seconds = (time.perf_counter() - started) / how.rows
    emitted = sequences[:, len(ids) :].tolist()
    return tuple(
        _draw(model, row, index, seconds) for row, index in zip(emitted, indices, strict=True)
    )


def _draw(model: LanguageModel, row: Sequence[int], index: int, seconds: float) -> Draw:
    end = next((i + 1 for i, token in enumerate(row) if token in model.end_ids), None)
    output = tuple(row[:end])
    return Draw(
        index=index,
        output_ids=output,
        tokens=pieces(model, output),
        text=model.tokenizer.decode(list(output), skip_special_tokens=True),
        seconds=seconds,
    )


class Chooser(LogitsProcessor):  # type: ignore[misc]  # transformers is untyped here
    """Draws every row's next token with that row's own generator and leaves no other."""

    def __init__(self, generators: Sequence[torch.Generator], how: Sampling) -> None:
        self._generators = generators
        self._how = how

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        """Return scores that are 0 for the drawn token and -inf elsewhere, shape of ``scores``."""
        options: dict[str, Any] = {"dtype": torch.float64}
        uniforms = torch.cat([torch.rand(1, generator=g, **options) for g in self._generators])
        how = self._how
        logits = scores.float().cpu()
        chosen = next_tokens(logits, uniforms, temperature=how.temperature, top_p=how.top_p)
        only = torch.full_like(scores, float("-inf"))
        return only.scatter_(-1, chosen.unsqueeze(-1).to(scores.device), 0.0)


def generator(seed: int, ids: Sequence[int], index: int) -> torch.Generator:
    """Return the generator of one draw, on the CPU, whatever the model runs on."""
    digest = sha256(repr((seed, tuple(ids), index)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8]) >> 1)


def next_tokens(
    logits: torch.Tensor, uniforms: torch.Tensor, *, temperature: float, top_p: float
) -> torch.Tensor:
    """Return one token per row by inversion of its distribution, shape (rows,).

    ``logits`` has shape (rows, vocabulary), ``uniforms`` (rows,) in [0, 1). The distribution is
    softmax(logits / temperature) in float64, cut to the fewest likeliest tokens that hold at
    least ``top_p``; the token is the first whose cumulative probability exceeds the uniform.
    Raises ``PromptError`` for logits that are no distribution.

    >>> even = torch.zeros(2, 4)
    >>> next_tokens(even, torch.tensor([0.1, 0.9]), temperature=1.0, top_p=1.0).tolist()
    [0, 3]
    """
    shares = torch.softmax(logits.double() / temperature, dim=-1)
    if not torch.isfinite(shares).all():
        raise PromptError(
            "the model's logits hold NaN or no finite value, so there is nothing to draw from: "
            "try another dtype, such as ?dtype=float32"
        )
    if top_p < 1:
        shares = _nucleus(shares, top_p)
    upper = shares.cumsum(-1)
    aim = (uniforms * upper[:, -1]).unsqueeze(-1)
    return torch.searchsorted(upper, aim, right=True).squeeze(-1).clamp(max=shares.shape[-1] - 1)


def _nucleus(shares: torch.Tensor, top_p: float) -> torch.Tensor:
    """Return the shares with all but the fewest likeliest that hold ``top_p`` set to zero."""
    ordered, tokens = shares.sort(dim=-1, descending=True, stable=True)
    before = ordered.cumsum(-1) - ordered
    return torch.zeros_like(shares).scatter(-1, tokens, ordered * (before < top_p))
