"""Two prompts teacher-forced along one output: how far apart their next-token logits are.

The keys and values of all prompts are computed once. Each output is then pushed through them in
one pass, and the cache is cut back to the prompts for the next one. Networks that keep no plain
keys and values read prompt and output together instead. What is seen in an image is followed token
by token, as it is decoded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from pytest_promptchaos.models.following import followed
from pytest_promptchaos.models.prefill import padded_width, rows_of
from pytest_promptchaos.models.quiet import quiet_transformers
from pytest_promptchaos.records import Forced

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from pytest_promptchaos.models.language import LanguageModel
    from pytest_promptchaos.records import Run

    Ids = tuple[int, ...]


def forced(
    model: LanguageModel,
    center: Run,
    others: Sequence[Run],
    rows: int,
    whole: tuple[int, int] = (0, 0),
) -> list[tuple[Forced, Forced]]:
    """Return, for each other run, both prompts along the center's output and along the other's.

    The center stands in the first row of every batch of ``rows`` rows, so that it meets the same
    shapes as the rest. ``whole`` are the longest prompt and the longest output of all runs that
    are compared with this center, in tokens: with them a part of the runs meets the shapes that
    all of them would. Where two outputs are the same, so are the two results.

    Raises:
        ValueError: ``rows`` is under 2.
    """
    if rows < 2:
        raise ValueError(f"a center and another run need two rows, got {rows}")
    found: list[tuple[Forced, Forced]] = []
    size = rows - 1
    runs = (center, *others)
    longest = (
        max(whole[0], *(len(run.prompt_ids) for run in runs)),
        max(whole[1], *(len(run.output_ids) for run in runs)),
    )
    with torch.inference_mode(), quiet_transformers():
        for start in range(0, len(others), size):
            found += _batch(model, center, others[start : start + size], rows, longest)
    return found


def _batch(
    model: LanguageModel,
    center: Run,
    others: Sequence[Run],
    rows: int,
    longest: tuple[int, int],
) -> list[tuple[Forced, Forced]]:
    together = [center, *others]
    prompts = _Prompts(model, together, rows, longest)
    along_a = list(prompts.along([center.output_ids] * len(together)))
    first = [_compared(along_a[0], own) for own in along_a[1:]]
    if all(run.output_ids == center.output_ids for run in others):
        return [(one, one) for one in first]
    outputs = [run.output_ids for run in together]
    own = list(prompts.along(outputs))[1:]
    # The center's prompt in every row, along each of the other outputs.
    alike = _Prompts(model, [center] * len(together), rows, longest)
    centers = list(alike.along(outputs))[1:]
    second = [_compared(a, b) for a, b in zip(centers, own, strict=True)]
    return [
        (a, a if run.output_ids == center.output_ids else b)
        for a, b, run in zip(first, second, others, strict=True)
    ]


class _Prompts:
    """Prompts whose keys and values are kept, to be continued by several outputs."""

    def __init__(
        self, model: LanguageModel, runs: Sequence[Run], rows: int, longest: tuple[int, int]
    ) -> None:
        self._model, self._rows = model, rows
        self._prompts, self._asked = [run.prompt_ids for run in runs], [run.prompt for run in runs]
        self._width, self._longest = padded_width(longest[0]), longest[1]
        self._cache: Any = model.empty_cache()
        self._end: torch.Tensor | None = None

    def along(self, outputs: Sequence[Ids]) -> Iterator[torch.Tensor]:
        """Yield each prompt's next-token logits at every step of its output: (steps, vocabulary).

        The logits of step t follow the prompt and ``output[:t]``.
        """
        if self._model.sees:
            how = {"rows": self._rows, "width": self._width}
            logits = followed(self._model, self._asked, outputs, **how)
        else:
            logits = self._read(outputs) if self._cache is None else self._continued(outputs)
        for row, output in enumerate(outputs):
            yield logits[row, : len(output)]

    def _continued(self, outputs: Sequence[Ids]) -> torch.Tensor:
        ids, mask = self._rows_of(self._prompts, self._width)
        if self._end is None:
            out = self._network(ids, mask, past_key_values=self._cache, use_cache=True)
            self._end = out.logits[:, -1:]
        if (beyond := self._cache.get_seq_length() - self._width) > 0:
            self._cache.crop(-beyond)
        longest = self._longest
        # On the right here: what follows an output's end is never looked at.
        fed = [[*o[:-1], *[self._model.pad_id] * (longest - len(o))] for o in outputs]
        fed += [fed[0]] * (self._rows - len(fed))
        if longest == 1:
            return self._end
        more = torch.tensor(fed, device=self._model.device)
        mask = torch.cat([mask, torch.ones_like(more)], dim=1)
        out = self._network(more, mask, past_key_values=self._cache, use_cache=True)
        return torch.cat([self._end, out.logits], dim=1)

    def _read(self, outputs: Sequence[Ids]) -> torch.Tensor:
        """Return the same without a cache: prompt and output in one pass, output at the right."""
        longest = self._longest
        filled = [(*o[:-1], *[self._model.pad_id] * (longest - len(o))) for o in outputs]
        whole = [(*p, *f) for p, f in zip(self._prompts, filled, strict=True)]
        ids, mask = self._rows_of(whole, padded_width(self._width + longest - 1))
        logits: torch.Tensor = self._network(ids, mask, use_cache=False).logits[:, -longest:]
        return logits

    def _rows_of(self, prompts: Sequence[Ids], width: int) -> tuple[torch.Tensor, torch.Tensor]:
        ids, mask = rows_of(prompts, rows=self._rows, width=width, shared=0, pad=self._model.pad_id)
        device = self._model.device
        return torch.tensor(ids, device=device), torch.tensor(mask, device=device)

    def _network(self, ids: torch.Tensor, mask: torch.Tensor, **options: Any) -> Any:
        if "position_ids" in self._model.takes:
            positions = (mask.cumsum(-1) - 1).clamp(min=0)
            options["position_ids"] = positions[:, -ids.shape[1] :]
        return self._model.network(input_ids=ids, attention_mask=mask, **options)


def _compared(a: torch.Tensor, b: torch.Tensor) -> Forced:
    """Return the comparison of two prompts' logits, each of shape (steps, vocabulary)."""
    x, y = a.double(), b.double()
    return Forced(
        js=_js(x, y).cpu().numpy(),
        gap=_gap(x, y).cpu().numpy(),
        rank_a=_rank(x, y).cpu().numpy(),
        rank_b=_rank(y, x).cpu().numpy(),
        margin_a=_margin(x),
        margin_b=_margin(y),
    )


def _js(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the Jensen-Shannon divergence per step, in nats, in [0, ln 2]."""
    p, q = x.softmax(-1), y.softmax(-1)
    middle = (p + q) / 2
    # xlogy is 0 where a token is impossible; middle is 0 only where both are.
    safe = middle.clamp(min=torch.finfo(middle.dtype).tiny)
    terms = torch.xlogy(p, p / safe) + torch.xlogy(q, q / safe)
    return (terms.sum(-1) / 2).clamp(min=0.0)


def _gap(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the root mean square difference of the centered logits that both allow."""
    both = torch.isfinite(x) & torch.isfinite(y)
    count = both.sum(-1, keepdim=True).clamp(min=1)
    difference = torch.where(both, x - y, 0.0)
    centered = torch.where(both, difference - difference.sum(-1, keepdim=True) / count, 0.0)
    return (centered.square().sum(-1) / count.squeeze(-1)).sqrt()


def _rank(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return how many tokens ``y`` puts above the winner of ``x``, per step."""
    winner = x.argmax(-1, keepdim=True)
    return (y > y.gather(-1, winner)).sum(-1)


def _margin(x: torch.Tensor) -> NDArray[np.float64]:
    top = x.topk(2, dim=-1).values
    margin: NDArray[np.float64] = (top[:, 0] - top[:, 1]).cpu().numpy()
    return margin
