"""Four futures of a branch: both prompts, each free and each made to take the other's token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from transformers import LogitsProcessor, LogitsProcessorList

from pytest_promptchaos.models.decoding import pieces
from pytest_promptchaos.models.quiet import quiet_transformers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_promptchaos.models.language import LanguageModel
    from pytest_promptchaos.records import Run


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """One greedy output from one of the two prompts.

    ``forced`` says that it was held on the common output up to the branch and made to take the
    other run's token there; everything behind it is the model's own choice.
    """

    prompt: Literal["center", "neighbor"]
    forced: bool
    output_ids: tuple[int, ...]
    tokens: tuple[str, ...]
    text: str


class Held(LogitsProcessor):  # type: ignore[misc]  # transformers is untyped here
    """Holds some rows of a greedy generation on given first tokens; the others choose freely."""

    def __init__(self, given: Mapping[int, Sequence[int]]) -> None:
        self._given = given
        self._step = 0

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        """Return the scores with only the given token possible in a held row."""
        scores = scores.clone()
        for row, tokens in self._given.items():
            if self._step < len(tokens):
                scores[row] = float("-inf")
                scores[row, tokens[self._step]] = 0.0
        self._step += 1
        return scores


def replayed(model: LanguageModel, center: Run, run: Run, step: int) -> tuple[Replayed, ...]:
    """Return the center's and the neighbor's output, then each forced onto the other's token.

    ``step`` is the first at which the stored outputs differ, within both of them. All four are
    decoded to the shorter of the two horizons in one batch of four rows, padded as the stored
    runs were. The first two are free from the prompt on, so that they can be held against what is
    stored: another batch shape rounds differently, and a near tie may then fall otherwise.
    """
    held = {
        2: (*center.output_ids[:step], run.output_ids[step]),
        3: (*run.output_ids[:step], center.output_ids[step]),
    }
    rows = [center.prompt_ids, run.prompt_ids] * 2
    emitted = _continued(
        model,
        rows,
        held,
        width=max(center.batch_shape[1], run.batch_shape[1], *map(len, rows)),
        horizon=min(center.horizon, run.horizon),
    )
    return tuple(
        Replayed(
            prompt="neighbor" if row % 2 else "center",
            forced=row in held,
            output_ids=ids,
            tokens=pieces(model, ids),
            text=model.tokenizer.decode(list(ids), skip_special_tokens=True),
        )
        for row, ids in enumerate(emitted)
    )


def parting(first: Sequence[int], second: Sequence[int]) -> int | None:
    """Return the first index at which two outputs differ, an end counting as a token.

    >>> parting((1, 2, 3), (1, 2, 4)), parting((1,), (1, 2)), parting((1,), (1,))
    (2, 1, None)
    """
    if tuple(first) == tuple(second):
        return None
    same = (x == y for x, y in zip(first, second, strict=False))
    return next((i for i, equal in enumerate(same) if not equal), min(len(first), len(second)))


def _continued(
    model: LanguageModel,
    rows: Sequence[Sequence[int]],
    held: Mapping[int, Sequence[int]],
    *,
    width: int,
    horizon: int,
) -> list[tuple[int, ...]]:
    """Return the greedy output of every row, up to and with its end token."""
    ids = torch.full((len(rows), width), model.pad_id)
    mask = torch.zeros_like(ids)
    for number, row in enumerate(rows):
        ids[number, width - len(row) :] = torch.tensor(row)
        mask[number, width - len(row) :] = 1
    with torch.inference_mode(), quiet_transformers():
        sequences = model.network.generate(
            input_ids=ids.to(model.device),
            attention_mask=mask.to(model.device),
            max_new_tokens=horizon,
            do_sample=False,
            logits_processor=LogitsProcessorList([Held(held)]),
        )
    return [_ended(row, model.end_ids) for row in sequences[:, width:].tolist()]


def _ended(emitted: Sequence[int], ends: Sequence[int]) -> tuple[int, ...]:
    end = next((i + 1 for i, token in enumerate(emitted) if token in ends), None)
    return tuple(emitted[:end])
