"""A center's run beside a neighbor's run: every distance of one pair."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.measure.branching import branch_event
from pytest_promptchaos.measure.distances import (
    cosine_distance,
    hidden_distance,
    js_divergence,
    kl_divergence,
    token_edit,
)
from pytest_promptchaos.records import Pair

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.measure.alignment import Alignment
    from pytest_promptchaos.records import Forced, Neighbor, Neighborhood, Prompt, Run

    Embed = Callable[[Sequence[str]], tuple[NDArray[np.float32], list[bool]]]

END = "<end>"
INFINITE = "infinite: one prompt rules out a token that the other allows"


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


def distances(
    a: Run,
    b: Run,
    semantics: Semantics | None,
    lengths: Sequence[int] = (),
    read: Callable[[Run], str | None] | None = None,
) -> dict[str, float]:
    """Return every distance of two runs by name; ``semantic`` only with an embedder.

    ``answer`` is 0 or 1, and only there where ``read`` finds an answer in the first output. A
    divergence that is infinite, because one output rules out what the other allows, is left out.

    ``js`` and ``kl_*`` are nats at the prompt's end, ``top1_flip`` is 0 or 1 there,
    ``hidden_last`` and ``hidden_cosine`` the relative and the cosine distance of the last prompt
    token after the last layer. ``token_edit@16`` and ``semantic@16`` are those of the first 16
    output tokens, for each of ``lengths``.
    """
    found = {
        "token_edit": token_edit(a.output_ids, b.output_ids),
        "js": js_divergence(a.prompt_logits, b.prompt_logits),
        "kl_center_to_neighbor": kl_divergence(a.prompt_logits, b.prompt_logits),
        "kl_neighbor_to_center": kl_divergence(b.prompt_logits, a.prompt_logits),
        "top1_flip": float(np.argmax(a.prompt_logits) != np.argmax(b.prompt_logits)),
        "hidden_last": float(hidden_distance(a.prompt_hidden, b.prompt_hidden)[-1]),
        "hidden_cosine": cosine_distance(a.prompt_hidden[-1], b.prompt_hidden[-1]),
    }
    for length in lengths:
        short_a, short_b = a.output_ids[:length], b.output_ids[:length]
        found[f"token_edit@{length}"] = token_edit(short_a, short_b)
    if read is not None and (answer := read(a)) is not None:
        # An answer that is no longer found has changed.
        found["answer"] = float(answer != read(b))
    if semantics is not None:
        found["semantic"] = semantics.distance(a.text, b.text)
        for length in lengths:
            close = semantics.distance(prefix(a, length), prefix(b, length))
            found[f"semantic@{length}"] = close
    return {key: value for key, value in found.items() if math.isfinite(value)}


def along(both: tuple[Forced, Forced]) -> dict[str, float]:
    """Return a teacher-forced pair as means over the steps of each output.

    ``forced_js`` and ``forced_gap`` run along the center's output, ``forced_js_back`` along the
    neighbor's; ``forced_flips`` is the share of the center's steps at which the neighbor's prompt
    would have chosen another token.
    """
    center, neighbor = both
    return {
        "forced_js": float(center.js.mean()),
        "forced_js_back": float(neighbor.js.mean()),
        "forced_gap": float(center.gap.mean()),
        "forced_flips": float((center.rank_a > 0).mean()),
    }


@dataclass(frozen=True, kw_only=True)
class Lens:
    """How pairs are looked at: the embedder, the lengths read, when logits are apart.

    ``alignments`` hold, by neighbor id, both outputs from the start of their answers; ``read``
    finds the answer in an output.
    """

    semantics: Semantics | None = None
    lengths: tuple[int, ...] = ()
    js_threshold: float = 1e-3
    alignments: Mapping[str, Alignment] = field(default_factory=dict)
    read: Callable[[Run], str | None] | None = None


def pairs_of(observed: Observed, lens: Lens) -> Iterator[Pair]:
    """Yield a pair per neighbor; one that was not run is shown and counted."""
    for neighbor in observed.neighborhood.neighbors:
        run = observed.runs.get(neighbor.id)
        yield _shown(observed, neighbor) if run is None else _pair(observed, neighbor, run, lens)


def _pair(observed: Observed, neighbor: Neighbor, run: Run, lens: Lens) -> Pair:
    center, semantics = observed.center, lens.semantics
    measured = distances(center, run, semantics, lens.lengths, lens.read)
    forced = observed.forced.get(neighbor.id)
    aligned = lens.alignments.get(neighbor.id)
    event = branch_event(
        center,
        run,
        forced,
        js_floor=lens.js_threshold,
        semantic=measured.get("semantic"),
        token_edit=measured["token_edit"],
    )
    return replace(
        _shown(observed, neighbor),
        output_b=run.text,
        tokens_b=run.tokens,
        distances=measured | (along(forced) if forced else {}) | _from_the_answer(aligned, lens),
        missing=tuple(_missing(aligned, lens, measured)),
        branch=event,
        truncated=semantics is not None and semantics.truncated(center.text, run.text),
        cached=run.cached,
        answer_a=lens.read(center) if lens.read else None,
        answer_b=lens.read(run) if lens.read else None,
    )


def _missing(
    aligned: Alignment | None, lens: Lens, measured: Mapping[str, float]
) -> Iterator[tuple[str, str]]:
    if aligned is not None and aligned.reason:
        yield "aligned", aligned.reason
    if lens.read is not None and "answer" not in measured:
        yield "answer", "no answer was read in the center's output"
    for key in ("kl_center_to_neighbor", "kl_neighbor_to_center"):
        if key not in measured:
            yield key, INFINITE


def _from_the_answer(aligned: Alignment | None, lens: Lens) -> dict[str, float]:
    """Return the distances of two outputs from the start of their answers on."""
    if aligned is None or not aligned.usable:
        return {}
    found = {"aligned_token_edit": token_edit(aligned.tokens_a, aligned.tokens_b)}
    if lens.semantics is not None:
        found["aligned_semantic"] = lens.semantics.distance(aligned.text_a, aligned.text_b)
    return found


def _shown(observed: Observed, neighbor: Neighbor) -> Pair:
    """Return the pair as far as it is known without a run of the neighbor."""
    center = observed.center
    shown = unrun(center.prompt, neighbor, f"not run: {neighbor.certification}")
    return replace(shown, output_a=center.text, tokens_a=center.tokens)


def unrun(center: Prompt, neighbor: Neighbor, why: str) -> Pair:
    """Return a center beside its neighbor with no outputs, and why there are none."""
    before, after = edited_texts(center, neighbor.prompt)
    return Pair(
        prompt_id=center.id,
        neighbor_id=neighbor.id,
        rung=neighbor.rung,
        kind=neighbor.kind,
        edit=f"{neighbor.edit} ({neighbor.target})" if neighbor.target else neighbor.edit,
        origin=neighbor.origin,
        certification=neighbor.certification,
        token_delta=neighbor.token_delta,
        center_text=before,
        neighbor_text=after,
        output_a="",
        output_b="",
        tokens_a=(),
        tokens_b=(),
        distances={},
        missing=(("all", why),),
        reviewer=neighbor.reviewer,
        target=neighbor.target,
        gates=neighbor.gates,
        sha256=neighbor.sha256,
    )


def edited_texts(center: Prompt, neighbor: Prompt) -> tuple[str, str]:
    """Return the first message in which two conversations differ, of each; the last if in none."""
    both = zip(center.messages, neighbor.messages, strict=False)
    differing = ((a.content, b.content) for a, b in both if a.content != b.content)
    return next(differing, (center.text, neighbor.text))
