"""Greedy decoding of a batch in one fixed shape, with the margins of every step.

The decoder is transformers' own ``generate``; what is ours is the recorder that keeps the raw
logits and the check that nothing stood between them and the emitted tokens.
"""

from __future__ import annotations

import inspect
import time
from typing import TYPE_CHECKING, Any

import torch
from transformers import LogitsProcessor, LogitsProcessorList

from pytest_promptchaos.errors import PromptError
from pytest_promptchaos.models.quiet import quiet_transformers
from pytest_promptchaos.records import Run, Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.models.language import LanguageModel
    from pytest_promptchaos.records import Prompt


class GreedyRecorder(LogitsProcessor):  # type: ignore[misc]  # transformers is untyped here
    """Records the two highest raw logits of every step, and all logits of the first.

    It is the only processor of a generation whose config was cleared, so what it sees are the
    model's raw logits; it returns them unchanged.
    """

    def __init__(self) -> None:
        self.prompt_logits = torch.empty(0)
        self._top: list[torch.Tensor] = []
        self._ids: list[torch.Tensor] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        """Record one step; ``scores`` has shape (rows, vocabulary)."""
        if not self._top:
            self.prompt_logits = scores.float().cpu()
        # argmax first: topk may break a tie otherwise than the decoder's own argmax.
        first = scores.argmax(-1, keepdim=True)
        second = scores.scatter(-1, first, float("-inf")).argmax(-1, keepdim=True)
        ids = torch.cat([first, second], dim=-1)
        self._ids.append(ids.cpu())
        self._top.append(scores.gather(-1, ids).float().cpu())
        return scores

    def steps(self, row: int, count: int) -> tuple[Step, ...]:
        """Return the first ``count`` steps of one row."""
        ids = torch.stack(self._ids[:count])[:, row].tolist()
        top = torch.stack(self._top[:count])[:, row].tolist()
        return tuple(
            Step(top1=i[0], top2=i[1], logit1=t[0], logit2=t[1])
            for i, t in zip(ids, top, strict=True)
        )


def decode(
    model: LanguageModel,
    batch: Sequence[tuple[Prompt, int]],
    *,
    shape: tuple[int, int],
    horizon: int,
) -> list[Run]:
    """Return the greedy runs of at most ``shape[0]`` (prompt, repeat index) pairs, in order.

    A batch that is not full is filled with copies of its first prompt, so that every forward
    pass has the shape (rows, padded prompt length).
    """
    started = time.perf_counter()
    ids, mask = _padded([model.render(prompt) for prompt, _ in batch], shape, model)
    recorder = GreedyRecorder()
    with torch.inference_mode(), quiet_transformers():
        hidden, raw = _prompt_end(model, ids, mask)
        sequences = model.network.generate(
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=horizon,
            do_sample=False,
            logits_processor=LogitsProcessorList([recorder]),
        )
    _check_raw(recorder.prompt_logits, raw, model.pin.text)
    emitted = sequences[: len(batch), shape[1] :].tolist()
    seconds = (time.perf_counter() - started) / len(batch)
    runs = []
    for row, (prompt, repeat) in enumerate(batch):
        output, ended = _until_end(emitted[row], model.end_ids)
        steps = recorder.steps(row, len(output))
        _check_greedy(output, steps, prompt, model.pin.text)
        run = Run(
            key=model.key(prompt, shape, horizon, repeat),
            prompt=prompt,
            prompt_ids=model.render(prompt),
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
            prompt_hidden=hidden[row].numpy(),
        )
        runs.append(run)
    return runs


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


def _padded(
    rows: list[tuple[int, ...]], shape: tuple[int, int], model: LanguageModel
) -> tuple[torch.Tensor, torch.Tensor]:
    rows = rows + [rows[0]] * (shape[0] - len(rows))
    ids = [[model.pad_id] * (shape[1] - len(row)) + list(row) for row in rows]
    mask = [[0] * (shape[1] - len(row)) + [1] * len(row) for row in rows]
    return torch.tensor(ids, device=model.device), torch.tensor(mask, device=model.device)


def _prompt_end(
    model: LanguageModel, ids: torch.Tensor, mask: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the last prompt token's hidden states and logits in a plain forward, on the CPU.

    Shapes (rows, layers + 1, width) and (rows, vocabulary).
    """
    options: dict[str, Any] = {}
    if "position_ids" in inspect.signature(model.network.forward).parameters:
        options["position_ids"] = (mask.cumsum(-1) - 1).clamp(min=0)
    out = model.network(
        input_ids=ids, attention_mask=mask, output_hidden_states=True, use_cache=False, **options
    )
    hidden = torch.stack([h[:, -1].float() for h in out.hidden_states], dim=1)
    return hidden.cpu(), out.logits[:, -1].float().cpu()


def _check_raw(recorded: torch.Tensor, raw: torch.Tensor, pin: str) -> None:
    """Raise ``PromptError`` unless the decoder saw the logits of a plain forward pass.

    The two passes may round differently, most of all in 16 bits; a processor that suppresses or
    penalizes tokens moves logits by much more than a twentieth of their range.
    """
    finite = torch.isfinite(raw)
    gap = (recorded - raw)[finite].abs().max() if finite.any() else raw.new_zeros(())
    allowed = 0.05 * raw[finite].abs().max() if finite.any() else gap
    if not torch.equal(finite, torch.isfinite(recorded)) or gap > allowed:
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
