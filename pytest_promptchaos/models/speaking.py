"""Sampled turns of conversations: different prompts in one batch of a fixed shape.

Every row has a generator of its own, and at least one column of padding: where no row has any,
transformers drops the attention mask and other kernels may run, so that what a row says would
depend on how long its neighbors are.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Self

import torch
from transformers import LogitsProcessorList

from pytest_promptchaos.errors import PromptError
from pytest_promptchaos.models.memory import row_bytes, rows_that_fit
from pytest_promptchaos.models.prefill import padded_width, rows_of
from pytest_promptchaos.models.quiet import quiet_transformers, uncollected
from pytest_promptchaos.models.sampling import Chooser
from pytest_promptchaos.models.selfplay import Spoken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedModel

    from pytest_promptchaos.models.language import LanguageModel
    from pytest_promptchaos.models.sampling import Sampling
    from pytest_promptchaos.records import Prompt

TURN_FRAME = 16
"""Tokens that a chat template puts around one message, at most, for the estimate of memory."""
SHARE = 0.5
"""Of a device's memory; the rest is for weights."""


@uncollected()
def speak(
    model: LanguageModel,
    prompts: Sequence[Prompt],
    seeds: Sequence[int],
    how: Sampling,
    *,
    width: int,
) -> list[Spoken]:
    """Return what the model says to each prompt, one sampled turn per prompt, in order.

    One batch of shape (``how.rows``, ``width``), prompts filled on the left; a batch that is not
    full is filled with copies of its first row. Row i is drawn with a generator seeded by
    ``seeds[i]``, at most ``how.horizon`` tokens, and read up to its own end; ``how.seed`` is not
    used. Raises ``PromptError`` where something alters the model's logits or tokens.
    """
    started = time.perf_counter()
    rendered = [model.render(prompt) for prompt in prompts]
    ids, mask = rows_of(rendered, rows=how.rows, width=width, shared=0, pad=model.pad_id)
    drawn_from = [*seeds, *[seeds[0]] * (how.rows - len(seeds))]
    chooser = _Speaker([torch.Generator().manual_seed(seed) for seed in drawn_from], how)
    with torch.inference_mode(), quiet_transformers(), _FirstLogits(model.network) as raw:
        sequences = model.network.generate(
            input_ids=torch.tensor(ids, device=model.device),
            attention_mask=torch.tensor(mask, device=model.device),
            past_key_values=model.past((), how.rows, width + how.horizon),
            max_new_tokens=how.horizon,
            # The chooser leaves one token per row, so the decoder's argmax takes what was drawn.
            do_sample=False,
            logits_processor=LogitsProcessorList([chooser]),
            **model.shown(prompts, rows=how.rows, width=width),
        )
    _check_raw(chooser.first, raw.logits, model.pin.text)
    seconds = (time.perf_counter() - started) / len(prompts)
    emitted, drawn = sequences[:, width:].tolist(), torch.stack(chooser.drawn, dim=1).tolist()
    said = []
    for row, shown in enumerate(rendered):
        one = _spoken(model, emitted[row], len(shown), seconds)
        _check_drawn(one.output_ids, drawn[row], model.pin.text)
        said.append(one)
    return said


def speaking_width(model: LanguageModel, prompts: Sequence[Prompt]) -> int:
    """Return the padded length of a batch of these prompts: one column of padding at least."""
    return padded_width(max(len(model.render(prompt)) for prompt in prompts) + 1)


def speaking_rows(model: LanguageModel, prompts: Sequence[Prompt], turns: int, horizon: int) -> int:
    """Return how many rows a batch of conversations has, one for each of ``prompts`` if they fit.

    Counted is the longest history that may come: the longest prompt and ``turns`` turns of
    ``horizon`` tokens, or the whole context where that is less. It must fit into a quarter of the
    device's memory, free or not: the number goes into the address of every turn, and a resumed run
    must find the same one. A multiple of 4, at most 64, or a power of two below.
    """
    longest = max(len(model.render(prompt)) for prompt in prompts) + turns * (horizon + TURN_FRAME)
    longest = min(longest, model.context or longest)
    row = row_bytes(model.config, model.dtype, max(longest - horizon, 1), horizon)
    return rows_that_fit(len(prompts), row, int(SHARE * total_bytes(model.device)))


def total_bytes(device: torch.device) -> int:
    """Return the bytes of memory that a device has, free or not."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    if not {"SC_PHYS_PAGES", "SC_PAGE_SIZE"} <= os.sysconf_names.keys():
        return 1 << 33
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


class _Speaker(Chooser):
    """Draws every row's next token, and keeps the first logits and what was drawn."""

    def __init__(self, generators: Sequence[torch.Generator], how: Sampling) -> None:
        super().__init__(generators, how)
        self.first = torch.empty(0)
        self.drawn: list[torch.Tensor] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Return scores that are 0 for the drawn token and -inf elsewhere, shape of ``scores``."""
        if not self.drawn:
            self.first = scores.float().cpu()
        only = super().__call__(input_ids, scores)
        self.drawn.append(only.argmax(-1).cpu())
        return only


class _FirstLogits:
    """Keeps the last prompt token's logits from the first forward pass within, (rows, vocabulary).

    Unlike ``PromptEnd`` it asks for no hidden states, which a long history has no room for.
    """

    logits: torch.Tensor

    def __init__(self, network: PreTrainedModel) -> None:
        self._handle = network.register_forward_hook(self._keep)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._handle.remove()

    def _keep(self, _network: Any, _args: Any, out: Any) -> None:
        self.logits = out.logits[:, -1].float().cpu()
        self._handle.remove()


def _spoken(model: LanguageModel, emitted: list[int], shown: int, seconds: float) -> Spoken:
    end = next((i + 1 for i, token in enumerate(emitted) if token in model.end_ids), None)
    output = tuple(emitted[:end])
    return Spoken(
        text=model.tokenizer.decode(list(output), skip_special_tokens=True),
        output_ids=output,
        shown=shown,
        finish="horizon" if end is None else "end",
        seconds=seconds,
    )


def _check_raw(drawn_from: torch.Tensor, raw: torch.Tensor, pin: str) -> None:
    """Raise ``PromptError`` unless the draws were made from the logits of the forward pass."""
    if not torch.equal(drawn_from, raw):
        gap = (drawn_from - raw).abs().nan_to_num(nan=0.0).max()
        raise PromptError(
            f"{pin}: the logits that its generate() hands on are not those of its forward pass "
            f"(largest gap {gap:.3g}): something alters them, so what it says is not drawn as the "
            "settings say; look for logits processors in the model's own generate()"
        )


def _check_drawn(output: Sequence[int], drawn: Sequence[int], pin: str) -> None:
    for place, (token, chosen) in enumerate(zip(output, drawn, strict=False)):
        if token != chosen:
            raise PromptError(
                f"{pin} emitted token {token} as number {place + 1} of a turn where token {chosen} "
                "was drawn: something alters the logits; look for a forced token in the model's "
                "own generate()"
            )
