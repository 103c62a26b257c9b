"""A center's run beside a neighbor's run: every distance of one pair."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.measure.distances import (
    branch_step,
    cosine_distance,
    hidden_distance,
    js_divergence,
    kl_divergence,
    token_edit,
)
from pytest_promptchaos.records import Branch, Pair

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.records import Forced, Neighbor, Neighborhood, Run

    Embed = Callable[[Sequence[str]], tuple[NDArray[np.float32], list[bool]]]

END = "<end>"


@dataclass(frozen=True, kw_only=True)
class Observed:
    """One prompt's neighborhood and what the model answered.

    ``runs`` are addressed by neighbor id; an erased neighbor has none, because its input is the
    center's. ``alone`` are two runs of the center in a batch of another size, ``unpadded`` one
    that is padded no further than it needs. ``forced`` compares each neighbor with the center
    along the center's output and along its own; it is empty for a model without logits.
    """

    neighborhood: Neighborhood
    center: Run
    runs: Mapping[str, Run]
    alone: tuple[Run, Run]
    unpadded: Run
    forced: Mapping[str, tuple[Forced, Forced]] = field(default_factory=dict)


class Semantics:
    """Distances between texts under one embedder, each text embedded once."""

    def __init__(self, texts: Sequence[str], embed: Embed) -> None:
        distinct = list(dict.fromkeys(texts))
        vectors, truncated = embed(distinct)
        self._vectors = dict(zip(distinct, vectors, strict=True))
        self._truncated = dict(zip(distinct, truncated, strict=True))

    def distance(self, a: str, b: str) -> float:
        """Return 1 - cos of the two embeddings, in [0, 2]."""
        return cosine_distance(self._vectors[a], self._vectors[b])

    def truncated(self, *texts: str) -> bool:
        """Return whether any of the texts was longer than the embedder reads."""
        return any(self._truncated[text] for text in texts)


def prefix(run: Run, horizon: int) -> str:
    """Return the text of the first ``horizon`` output tokens; all of it where it is shorter."""
    if horizon >= len(run.tokens):
        return run.text
    return "".join(piece for piece in run.tokens[:horizon] if piece != END)


def horizons(longest: int) -> tuple[int, ...]:
    """Return the prefix lengths at which divergence is read: 8, 16, 32, ... and ``longest``.

    >>> horizons(64)
    (8, 16, 32, 64)
    >>> horizons(20)
    (8, 16, 20)
    """
    powers = [2**k for k in range(3, 20) if 2**k < longest]
    return (*powers, longest)


def distances(a: Run, b: Run, semantics: Semantics | None) -> dict[str, float]:
    """Return every distance of two runs by name; ``semantic`` only with an embedder.

    ``js`` and ``kl_*`` are nats at the prompt's end, ``top1_flip`` is 0 or 1 there,
    ``hidden_last`` the relative distance of the last prompt token after the last layer.
    """
    found = {
        "token_edit": token_edit(a.output_ids, b.output_ids),
        "js": js_divergence(a.prompt_logits, b.prompt_logits),
        "kl_center_to_neighbor": kl_divergence(a.prompt_logits, b.prompt_logits),
        "kl_neighbor_to_center": kl_divergence(b.prompt_logits, a.prompt_logits),
        "top1_flip": float(np.argmax(a.prompt_logits) != np.argmax(b.prompt_logits)),
        "hidden_last": float(hidden_distance(a.prompt_hidden, b.prompt_hidden)[-1]),
    }
    if semantics is not None:
        found["semantic"] = semantics.distance(a.text, b.text)
    return found


def branch(a: Run, b: Run) -> Branch | None:
    """Return where the two outputs part and with which margins, or ``None``."""
    step = branch_step(a.output_ids, b.output_ids)
    if step is None:
        return None

    def chosen(run: Run) -> tuple[str, float]:
        # Both end in the horizon or in an end token, so only a horizon can cut one short here.
        within = step < len(run.steps)
        return (run.tokens[step], run.steps[step].margin) if within else ("<horizon>", 0.0)

    (token_a, margin_a), (token_b, margin_b) = chosen(a), chosen(b)
    return Branch(step=step, token_a=token_a, token_b=token_b, margin_a=margin_a, margin_b=margin_b)


def pair(center: Run, neighbor: Neighbor, run: Run, semantics: Semantics | None) -> Pair:
    """Return the pair of a center's run and one neighbor's run."""
    return _pair(
        center,
        neighbor,
        run,
        distances(center, run, semantics),
        truncated=semantics is not None and semantics.truncated(center.text, run.text),
    )


def dropped(center: Run, neighbor: Neighbor) -> Pair:
    """Return the pair of a neighbor that was not run, so that it is shown and counted."""
    return _pair(center, neighbor, None, {})


def _pair(
    center: Run,
    neighbor: Neighbor,
    run: Run | None,
    measured: Mapping[str, float],
    *,
    truncated: bool = False,
) -> Pair:
    missing = (("all", f"not run: {neighbor.certification}"),) if run is None else ()
    return Pair(
        prompt_id=center.prompt.id,
        neighbor_id=neighbor.id,
        rung=neighbor.rung,
        kind=neighbor.kind,
        edit=neighbor.edit,
        origin=neighbor.origin,
        certification=neighbor.certification,
        token_delta=neighbor.token_delta,
        center_text=center.prompt.text,
        neighbor_text=neighbor.prompt.text,
        output_a=center.text,
        output_b=run.text if run else "",
        tokens_a=center.tokens,
        tokens_b=run.tokens if run else (),
        distances=measured,
        missing=missing,
        branch=branch(center, run) if run else None,
        truncated=truncated,
        cached=run.cached if run else False,
    )
