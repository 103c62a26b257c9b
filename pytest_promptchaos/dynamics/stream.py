"""What the parts of a layer write into the residual stream, found from one call of the layer.

The layer's output is fitted as a sum of its input and of what its parts returned, each times one
number; the fewest of them that explain it are what was written. So a plain residual branch, a
norm behind the branch, a scaled residual, parallel branches and branches that add the residual
themselves need no case of their own. What no such sum explains (a gain per feature, work outside
the layer's modules) is left over as other.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import torch

from pytest_promptchaos.dynamics.parts import kinds_of, names_within, source_of, watching
from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor
    from torch.nn import Module

    from pytest_promptchaos.dynamics.linearize import Step
    from pytest_promptchaos.dynamics.parts import Kind, Seen

_SLACK = 1.2
_NEGLIGIBLE = 1e-7
_ONE = 1e-3
_HARDLY = 0.02
_MOST = 6


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of a layer: what it does, whose work it writes, and how often.

    ``weight`` says how often its output is in the layer's: 1 for a plain residual branch, 0 for a
    part that only feeds another one. ``source`` is the ``kind``, but for a norm behind another
    part, which writes that part's work.
    """

    name: str
    kind: Kind
    source: Kind
    weight: float


@dataclass(frozen=True, kw_only=True)
class Stream:
    """A layer as a sum: ``skip`` times its input, plus every part times its weight, plus other."""

    skip: float
    parts: tuple[Part, ...]


def stream_of(
    step: Step, layer: Module, state: Tensor, *, width: int, precision: torch.dtype
) -> Stream:
    """Return the layer that ``step`` calls as a sum of its input and its parts, at ``state``.

    The parts are the layer's children; one that writes but hides the skip, because it adds to the
    stream itself, is opened and its children take its place. Where that does not lead to a sum
    either, the children stand. ``state`` (1, T, n) has at least two tokens, because what
    attention does to one token alone looks like any other part; raises ``DepthError`` otherwise.
    The hidden state is its first ``width`` features: earlier states may travel behind it.
    ``precision`` is the coarsest dtype of the weights.
    """
    if state.shape[1] < 2:
        raise DepthError("one token: attention and feed-forward cannot be told apart; take more")
    names, tried = names_within(layer), []
    around: dict[str, Kind] = {}
    while True:
        with torch.no_grad():
            with watching(layer, state[..., :width].shape, names) as seen:
                leaving = step(state)[..., :width]
            kinds = kinds_of(layer, seen, precision, around)
        fit = fitted(state[..., :width], leaving, [seen[name].leaving for name in kinds])
        tried.append(_stream(fit, seen, kinds))
        opened = [part.name for part in tried[-1].parts if part.weight]
        inside = [inner for name in opened for inner in names_within(layer, name)]
        if fit.explains or not inside:
            return tried[-1] if fit.explains else tried[0]
        around |= kinds
        names = (*(n for n in names if n not in opened or not names_within(layer, n)), *inside)


def _stream(fit: Fit, seen: Mapping[str, Seen], kinds: Mapping[str, Kind]) -> Stream:
    """Return the fitted sum with what each of its parts does."""
    return Stream(
        skip=fit.skip,
        parts=tuple(
            Part(name=name, kind=kind, source=source_of(name, seen, kinds), weight=weight)
            for (name, kind), weight in zip(kinds.items(), fit.weights, strict=True)
        ),
    )


@dataclass(frozen=True)
class Fit:
    """The weights of a layer's input and of its candidates in its output, and the relative rest."""

    skip: float
    weights: tuple[float, ...]
    rest: float

    @property
    def explains(self) -> bool:
        """Whether the input passes on, and hardly anything is left over."""
        return self.skip != 0 and self.rest < _HARDLY


def fitted(state: Tensor, leaving: Tensor, returned: Sequence[Tensor]) -> Fit:
    """Return the weights of the input and of what each part returned in the layer's output.

    Least squares over all tokens and features, every token weighing the same. Of all sets of
    candidates that leave over hardly more than all of them together do, the smallest is taken,
    and of equal ones that whose weights are nearest to 1: with few tokens a norm's output is
    nearly a multiple of its input. Where more than ``_MOST`` would be needed, all are taken.

    >>> x, branch = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]), torch.tensor([[[0.0, 1.0]]])
    >>> fit = fitted(x, x + 0.5 * branch, [branch.expand(1, 2, 2)])
    >>> fit.skip, round(fit.weights[0], 9), fit.explains
    (1.0, 0.5, True)
    """
    sizes = torch.linalg.vector_norm(leaving, dim=-1, keepdim=True, dtype=torch.float64)
    scale = torch.where(sizes > 0, sizes, 1.0)
    scaled = [(rows.double() / scale).flatten() for rows in (leaving, state, *returned)]
    stacked = torch.stack(scaled).cpu().numpy()
    gram = stacked @ stacked.T
    count = len(returned) + 1
    rest, all_weights = _fit(gram, range(count))
    allowed = max(_SLACK * rest, _NEGLIGIBLE)
    near = (_nearest(gram, size, allowed) for size in range(min(count, _MOST) + 1))
    skip, *parts = next(filter(None, near), all_weights.tolist())
    return Fit(skip=skip, weights=tuple(parts), rest=rest)


def _nearest(gram: NDArray[np.float64], size: int, allowed: float) -> list[float]:
    """Return the weights of the ``size`` candidates that fit and are nearest to 1, 0 for others.

    Nothing where no set of that size leaves over as little as ``allowed``.
    """
    count = len(gram) - 1
    fits = [(chosen, *_fit(gram, chosen)) for chosen in combinations(range(count), size)]
    near = [(chosen, weights) for chosen, rest, weights in fits if rest <= allowed]
    if not near:
        return []
    chosen, weights = min(near, key=lambda fit: round(float(np.abs(fit[1] - 1).sum()), 3))
    found = dict(zip(chosen, map(_snapped, weights.tolist()), strict=True))
    return [found.get(place, 0.0) for place in range(count)]


def _fit(
    gram: NDArray[np.float64], chosen: Sequence[int] | range
) -> tuple[float, NDArray[np.float64]]:
    """Return the relative rest of the best fit by some candidates, and their weights.

    ``gram`` holds all inner products of the output, which comes first, and the candidates.
    """
    places = [place + 1 for place in chosen]
    own, right = gram[np.ix_(places, places)], gram[places, 0]
    weights: NDArray[np.float64] = np.linalg.lstsq(own, right, rcond=None)[0].astype(np.float64)
    rest = gram[0, 0] - 2 * weights @ right + weights @ own @ weights
    return float(np.sqrt(max(rest, 0.0) / (gram[0, 0] or 1.0))), weights


def _snapped(weight: float) -> float:
    """Return 1 for a weight that is 1 up to the rounding of the fit."""
    return 1.0 if abs(weight - 1) < _ONE else weight
