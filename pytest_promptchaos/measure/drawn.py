"""One prompt's draws beside those of its neighbors: every distance and every energy test."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pytest_promptchaos.measure.energy import (
    Contrast,
    contrast,
    cosine_matrix,
    token_edit_matrix,
    witnesses,
)
from pytest_promptchaos.measure.excess import center_error
from pytest_promptchaos.measure.pairs import unrun

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.measure.energy import OutputMetric
    from pytest_promptchaos.measure.pairs import Embed
    from pytest_promptchaos.records import ModelIdentity, Neighbor, Neighborhood, Pair, Rung


class Answer(Protocol):
    """What a measure reads of a sampled answer."""

    @property
    def output_ids(self) -> Sequence[int]:
        """The drawn tokens, the end token included."""

    @property
    def tokens(self) -> tuple[str, ...]:
        """Their printable pieces."""

    @property
    def text(self) -> str:
        """The decoded answer."""


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """One prompt's certified neighborhood and the answers that were drawn.

    ``again`` are further draws of the center itself; ``answers`` are addressed by neighbor id,
    and an erased neighbor has none. Every group holds equally many.
    """

    neighborhood: Neighborhood
    model: ModelIdentity
    center: Sequence[Answer]
    again: Sequence[Answer]
    answers: Mapping[str, Sequence[Answer]]


class Space:
    """Distances between answers under one metric, each text embedded once."""

    def __init__(self, drawn: Sequence[Drawn], metric: OutputMetric, embed: Embed | None) -> None:
        self.metric = metric
        self._vectors: dict[str, NDArray[np.float32]] = {}
        self._truncated: dict[str, bool] = {}
        if metric == "semantic" and embed is not None:
            groups = [g for d in drawn for g in (d.center, d.again, *d.answers.values())]
            texts = list(dict.fromkeys(answer.text for group in groups for answer in group))
            vectors, truncated = embed(texts)
            self._vectors = dict(zip(texts, vectors, strict=True))
            self._truncated = dict(zip(texts, truncated, strict=True))

    def matrix(self, answers: Sequence[Answer]) -> NDArray[np.float64]:
        """Return the distances between all answers, shape (n, n)."""
        if self.metric == "semantic":
            return cosine_matrix(np.stack([self._vectors[answer.text] for answer in answers]))
        return token_edit_matrix([answer.output_ids for answer in answers])

    def truncated(self, answers: Sequence[Answer]) -> bool:
        """Return whether any answer was longer than the embedder reads."""
        return any(self._truncated.get(answer.text, False) for answer in answers)


class Seen:
    """One prompt's draws with every distance and test that they take part in."""

    def __init__(self, drawn: Drawn, space: Space, seed: int) -> None:
        self.drawn, self._space = drawn, space
        self.count = len(drawn.center)
        self.blocks = {
            i: space.matrix([*drawn.center, *answers]) for i, answers in drawn.answers.items()
        }
        self.contrasts = {i: self._contrast(block, seed) for i, block in self.blocks.items()}
        self.again = self._contrast(space.matrix([*drawn.center, *drawn.again]), seed)

    @property
    def id(self) -> str:
        """The prompt's id."""
        return self.drawn.neighborhood.center.id

    def _contrast(self, block: NDArray[np.float64], seed: int) -> Contrast:
        return contrast(block, self.count, metric=self._space.metric, seed=seed)

    def chosen(self, rungs: Sequence[Rung]) -> list[Neighbor]:
        """Return the neighbors on ``rungs`` that were drawn from and may be judged."""
        return [
            n
            for n in self.drawn.neighborhood.neighbors
            if n.rung in rungs and n.id in self.contrasts and n.gates
        ]

    def error(self, rungs: Sequence[Rung]) -> float:
        """Return what the choice of the center's draws leaves open in the mean excess."""
        blocks = [self.blocks[n.id] for n in self.chosen(rungs)]
        return center_error(blocks, self.count) if blocks else 0.0

    def pairs(self, name: str) -> Iterator[Pair]:
        """Yield one pair per neighbor, with the answer of either side that tells it best."""
        for neighbor in self.drawn.neighborhood.neighbors:
            found = self.contrasts.get(neighbor.id)
            yield self._pair(neighbor, found, name)

    def _pair(self, neighbor: Neighbor, found: Contrast | None, name: str) -> Pair:
        drawn = self.drawn
        a, b, answers = drawn.center[0], None, drawn.answers.get(neighbor.id, ())
        if answers:
            first, second = witnesses(self.blocks[neighbor.id], self.count)
            a, b = drawn.center[first], answers[second - self.count]
        shown = unrun(
            drawn.neighborhood.center, neighbor, f"not drawn from: {neighbor.certification}"
        )
        return replace(
            shown,
            output_a=a.text,
            output_b=b.text if b else "",
            tokens_a=a.tokens,
            tokens_b=b.tokens if b else (),
            distances={} if found is None else _numbers(found, name),
            missing=() if found else shown.missing,
            truncated=self._space.truncated([*drawn.center, *answers]) if answers else False,
        )


def _numbers(found: Contrast, name: str) -> dict[str, float]:
    return {
        name: found.excess,
        "within prompts": found.within,
        "between prompts": found.between,
        "energy distance": found.energy,
        "energy test p": found.p,
    }
