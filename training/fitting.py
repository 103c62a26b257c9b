"""Builds the network and trains it: batches, optimiser, schedule."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from transformers import LlamaConfig, LlamaForCausalLM

from training.chat_format import CONTEXT, Encoded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


SHOWN_EVERY = 50


@dataclass(frozen=True)
class Plan:
    """How long and how fast to train. The number of steps is fixed; time never decides."""

    steps: int
    batch: int
    matrix_rate: float
    vector_rate: float
    warm_up: int
    cool_down: float


def new_model(tokenizer: Any, seed: int) -> LlamaForCausalLM:
    """A small Llama with tied embeddings, initialised from the seed."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=160,
        intermediate_size=432,
        num_hidden_layers=4,
        num_attention_heads=5,
        num_key_value_heads=5,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        dtype="float32",
    )
    return LlamaForCausalLM(config)


class Muon:
    """Momentum whose update is made orthogonal by a Newton-Schulz iteration, in float32."""

    def __init__(self, matrices: list[nn.Parameter], momentum: float = 0.95) -> None:
        self._pairs = [(matrix, torch.zeros_like(matrix)) for matrix in matrices]
        self._momentum = momentum

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Move every matrix by its gradient at this rate."""
        for matrix, average in self._pairs:
            if matrix.grad is None:
                continue
            average.lerp_(matrix.grad, 1 - self._momentum)
            update = orthogonal(matrix.grad.lerp(average, self._momentum))
            scale = 0.2 * max(matrix.shape) ** 0.5
            matrix.mul_(1 - rate * 0.01).add_(update, alpha=-rate * scale)


def orthogonal(matrix: Tensor, iterations: int = 5) -> Tensor:
    """The nearest orthogonal matrix, roughly, by the quintic Newton-Schulz iteration."""
    x = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    x = x / (x.norm() + 1e-7)
    for _ in range(iterations):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    turned: Tensor = x.T if matrix.shape[0] > matrix.shape[1] else x
    return turned


def batch_loss(model: LlamaForCausalLM, rows: list[Encoded]) -> Tensor:
    """Cross-entropy on answer tokens; a row of n answer tokens counts as the square root of n."""
    width = max(len(row.ids) for row in rows)
    ids = torch.tensor([row.ids + [0] * (width - len(row.ids)) for row in rows])
    weights = torch.zeros(len(rows), width)
    for number, row in enumerate(rows):
        mark = torch.tensor(row.answered, dtype=torch.float32)
        weights[number, : len(row.ids)] = mark / mark.sum().sqrt()
    chosen = weights[:, 1:].reshape(-1).nonzero().squeeze(1)
    hidden = (
        model.model(input_ids=ids, use_cache=False)
        .last_hidden_state[:, :-1]
        .reshape(-1, model.config.hidden_size)
    )
    logits = model.lm_head(hidden[chosen])
    losses = nn.functional.cross_entropy(logits, ids[:, 1:].reshape(-1)[chosen], reduction="none")
    return (losses * weights[:, 1:].reshape(-1)[chosen]).sum()


def _micro_batches(rows: list[Encoded], parts: int) -> Iterator[list[Encoded]]:
    """Rows of similar length together, so that little is spent on padding."""
    ordered = sorted(rows, key=lambda row: len(row.ids))
    size = -(-len(ordered) // parts)
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]


def _rate(plan: Plan, step: int) -> float:
    left = (plan.steps - step) / max(1.0, plan.steps * plan.cool_down)
    return min(1.0, (step + 1) / plan.warm_up, left)


def _report(label: str, step: int, steps: int, loss: float, passed: float) -> None:
    left = passed / step * (steps - step)
    spent = f"{passed:.0f} s, {left:.0f} s left"
    print(f"{label}: step {step}/{steps}  loss {loss:.3f}  {spent}", flush=True)


def train(
    model: LlamaForCausalLM,
    rows_at: Callable[[int], list[Encoded]],
    plan: Plan,
    label: str,
    *,
    kept: Mapping[int, Callable[[], None]] | None = None,
) -> int:
    """Train in place for exactly `plan.steps` steps; return the number of tokens seen.

    `kept` maps numbers of steps to what is done after so many; with it, training stops at the
    last of them, on the way of the whole plan.
    """
    matrices = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    vectors = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    muon = Muon(matrices)
    adam = torch.optim.AdamW(vectors, plan.vector_rate, betas=(0.9, 0.98), weight_decay=0.0)
    model.train()
    began, shown, tokens = time.monotonic(), 0.0, 0
    for step in range(max(kept) if kept else plan.steps):
        rows = rows_at(step)
        tokens += sum(len(row.ids) for row in rows)
        total = sum(sum(row.answered) ** 0.5 for row in rows)
        for part in _micro_batches(rows, max(1, plan.batch // 16)):
            loss = batch_loss(model, part) / total
            loss.backward()
            shown += loss.item()
        muon.step(plan.matrix_rate * _rate(plan, step))
        adam.param_groups[0]["lr"] = plan.vector_rate * _rate(plan, step)
        adam.step()
        model.zero_grad()
        if (step + 1) % SHOWN_EVERY == 0:
            _report(label, step + 1, plan.steps, shown / SHOWN_EVERY, time.monotonic() - began)
            shown = 0.0
        if kept and step + 1 in kept:
            kept[step + 1]()
    model.eval()
    return tokens
