"""Greedy decoding of a batch in one fixed shape, with the margins of every step.

The decoder is transformers' own ``generate``; what is ours is the recorder that keeps the raw
logits and the check that nothing stood between them and the emitted tokens.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch
from transformers import LogitsProcessor, LogitsProcessorList

from pytest_promptchaos.errors import PromptError
from pytest_promptchaos.models.prefill import PromptEnd, rows_of
from pytest_promptchaos.models.quiet import quiet_transformers, uncollected
from pytest_promptchaos.records import Run, Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.models.language import LanguageModel
    from pytest_promptchaos.records import Prompt

RECORDED = 5
"""Highest logits kept of every step."""


class GreedyRecorder(LogitsProcessor):  # type: ignore[misc]  # transformers is untyped here
    """Records the highest raw logits and the entropy of every step, and all logits of the first.

    It is the only processor of a generation whose config was cleared, so what it sees are the
    model's raw logits; it returns them unchanged.
    """

    def __init__(self) -> None:
        self.prompt_logits = torch.empty(0)
        self._ids: list[torch.Tensor] = []
        self._numbers: list[torch.Tensor] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        """Record one step; ``scores`` has shape (rows, vocabulary)."""
        if not self._ids:
            self.prompt_logits = scores.float().cpu()
        # argmax first: topk may break a tie otherwise than the decoder's own argmax.
        first = scores.argmax(-1, keepdim=True)
        others = scores.scatter(-1, first, float("-inf"))
        rest = others.topk(min(RECORDED, scores.shape[-1]) - 1, dim=-1).indices
        ids = torch.cat([first, rest], dim=-1)
        self._ids.append(ids.cpu())
        top = scores.gather(-1, ids).float()
        self._numbers.append(torch.cat([top, entropy(scores.float())], dim=-1).cpu())
        return scores

    def recorded(self) -> tuple[list[list[list[int]]], list[list[list[float]]]]:
        """Return ids and numbers by row and step; the last number of a step is its entropy."""
        ids = torch.stack(self._ids, dim=1).tolist()
        return ids, torch.stack(self._numbers, dim=1).tolist()


def entropy(logits: torch.Tensor) -> torch.Tensor:
    """Return the entropy of softmax(logits) in nats, over the last axis, which is kept."""
    logs = logits.log_softmax(-1)
    return -(logs.exp() * logs.clamp(min=torch.finfo(logs.dtype).min)).sum(-1, keepdim=True)


def _steps(ids: list[list[int]], numbers: list[list[float]]) -> tuple[Step, ...]:
    return tuple(
        Step(
            top1=i[0],
            top2=i[1],
            logit1=x[0],
            logit2=x[1],
            # A token that the model rules out is no candidate.
            further=tuple((t, v) for t, v in zip(i[2:], x[2:-1], strict=True) if v > -torch.inf),
            entropy=x[-1],
        )
        for i, x in zip(ids, numbers, strict=True)
    )


@uncollected()
def decode(
    model: LanguageModel,
    batch: Sequence[tuple[Prompt, int]],
    *,
    shape: tuple[int, ...],
    horizon: int,
) -> list[Run]:
    """Return the greedy runs of at most ``shape[0]`` (prompt, repeat index) pairs, in order.

    ``shape`` is (rows, padded prompt length) and, where the prompts begin alike, how many tokens
    of that beginning are computed once. A batch that is not full is filled with copies of its
    first prompt, so that every forward pass has the same shape; it ends when its last row has
    ended, and a row is read up to its own end.
    """
    started = time.perf_counter()
    rows, width, shared = (*shape, 0)[:3]
    prompts = [model.render(prompt) for prompt, _ in batch]
    ids, mask = rows_of(prompts, rows=rows, width=width, shared=shared, pad=model.pad_id)
    recorder = GreedyRecorder()
    with torch.inference_mode(), quiet_transformers():
        past = model.past(prompts[0][:shared], rows, width + horizon)
        shown = model.shown([prompt for prompt, _ in batch], rows=rows, width=width)
        with PromptEnd(model.network) as end:
            sequences = model.network.generate(
                input_ids=torch.tensor(ids, device=model.device),
                attention_mask=torch.tensor(mask, device=model.device),
                past_key_values=past,
                max_new_tokens=horizon,
                do_sample=False,
                logits_processor=LogitsProcessorList([recorder]),
                **shown,
            )
    _check_raw(recorder.prompt_logits, end.logits, model.pin.text)
    emitted = sequences[: len(batch), width:].tolist()
    seconds = (time.perf_counter() - started) / len(batch)
    top, numbers = recorder.recorded()
    runs = []
    for row, (prompt, repeat) in enumerate(batch):
        output, ended = _until_end(emitted[row], model.end_ids)
        steps = _steps(top[row][: len(output)], numbers[row][: len(output)])
        _check_greedy(output, steps, prompt, model.pin.text)
        run = Run(
            key=model.key(prompt, shape, horizon, repeat),
            prompt=prompt,
            prompt_ids=prompts[row],
            output_ids=tuple(output),
            tokens=pieces(model, output),
            text=model.tokenizer.decode(output, skip_special_tokens=True),
            steps=steps,
            finish="end" if ended else "horizon",
            horizon=horizon,
            batch_shape=shape,
            repeat=repeat,
            model=model.identity,
            seconds=seconds,
            prompt_logits=recorder.prompt_logits[row].numpy(),
            prompt_hidden=end.hidden[row].numpy(),
            pieces=_named(model, steps),
        )
        runs.append(run)
    return runs


def _named(model: LanguageModel, steps: Sequence[Step]) -> dict[int, str]:
    """Return the printable piece of every token that the steps name."""
    named = {t for s in steps for t in (s.top1, s.top2, *(further for further, _ in s.further))}
    return {token: model.piece(token) for token in sorted(named)}


def pieces(model: LanguageModel, ids: Sequence[int]) -> tuple[str, ...]:
    """Return the printable pieces of ``ids``; joined, they read as the decoded text.

    Decoding token by token loses spaces and splits characters, so each piece is what the text
    grows by when its token is added; a token that ends inside a character grows it by nothing.
    """
    found: list[str] = []
    before = ""
    for count, token in enumerate(ids, start=1):
        if token in model.end_ids:
            found.append("<end>")
            continue
        text = model.tokenizer.decode(list(ids[:count]), skip_special_tokens=False)
        whole = text.startswith(before) and not text.endswith("\N{REPLACEMENT CHARACTER}")
        found.append(text[len(before) :] if whole else "")
        before = text if whole else before
    return tuple(found)


def _check_raw(recorded: torch.Tensor, raw: torch.Tensor, pin: str) -> None:
    """Raise ``PromptError`` unless the decoder saw the very logits of its forward pass."""
    if not torch.equal(recorded, raw):
        gap = (recorded - raw).abs().nan_to_num(nan=0.0).max()
        raise PromptError(
            f"{pin}: the logits that its generate() decodes from are not those of its forward "
            f"pass (largest gap {gap:.3g}): something alters them, so this is no plain greedy "
            "decode; look for logits processors in the model's own generate()"
        )


def _until_end(emitted: list[int], ends: tuple[int, ...]) -> tuple[list[int], bool]:
    """Return the tokens up to and with the first end token, and whether there was one."""
    end = next((i + 1 for i, token in enumerate(emitted) if token in ends), None)
    return emitted[:end], end is not None


def _check_greedy(output: list[int], steps: tuple[Step, ...], prompt: Prompt, pin: str) -> None:
    for index, (token, step) in enumerate(zip(output, steps, strict=True)):
        if token != step.top1:
            raise PromptError(
                f"{pin} emitted token {token} at step {index} of prompt {prompt.id!r}, but its "
                f"highest raw logit is token {step.top1}: something alters the logits, so this "
                "is no greedy decode; look for a forced token in the model's own generate()"
            )
