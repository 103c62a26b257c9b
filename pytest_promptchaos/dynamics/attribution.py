"""Which parts of a layer a perturbation grows through: skip, attention, feed-forward, norms.

The tangent that leaves a layer is a sum, as the state is: the tangent that entered, times the
skip, plus what each part made of it. Its growth is told in two ways. The share of a source is the
projection of its term on the tangent that leaves, so the shares of a layer add up to 1. A part's
own growth is ``log(|J_part u| / |u|)`` of what enters and leaves the part itself; it says what a
norm does, which writes nothing and yet sets the size of all that follows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from pytest_promptchaos.dynamics.linearize import linearize
from pytest_promptchaos.dynamics.modes import column, norms
from pytest_promptchaos.dynamics.parts import KINDS, watching
from pytest_promptchaos.dynamics.positions import position_mask
from pytest_promptchaos.dynamics.stream import stream_of
from pytest_promptchaos.dynamics.tangent import draw_tangents

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor
    from torch.nn import Module
    from transformers import PreTrainedModel

    from pytest_promptchaos.dynamics.depth import Depth
    from pytest_promptchaos.dynamics.linearize import Step
    from pytest_promptchaos.dynamics.parts import Kind
    from pytest_promptchaos.dynamics.positions import Positions
    from pytest_promptchaos.dynamics.stream import Stream

SOURCES = ("skip", *KINDS, "other")


@dataclass(frozen=True, kw_only=True, eq=False)
class PartGrowth:
    """One part's own log growth of k tangents, (k,) in nats, all finite."""

    layer: int
    name: str
    kind: Kind
    growth: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Attribution:
    """Growth over depth by source; arrays only.

    ``shares`` (k, L, 5), in the order of ``SOURCES``, sum to 1 over the last axis. A share may be
    negative, where a part turns the tangent back, or above 1. "other" is what no sum of a layer's
    parts explains. ``profile`` (k, L) is the growth of the whole layers, in nats, and ``parts``
    every part's own, but for parts that stop a tangent or that none enters.
    """

    shares: NDArray[np.float64]
    profile: NDArray[np.float64]
    parts: tuple[PartGrowth, ...]


def attribution(
    network: PreTrainedModel,
    depth: Depth,
    *,
    tangents: int = 10,
    seed: int = 0,
    positions: Positions = "prompt",
    chunk: int | None = None,
) -> Attribution:
    """Return through which parts of its layers a perturbation of the model grows.

    The tangents are those of :func:`pytest_promptchaos.dynamics.depth.depth_growth` for the same
    ``tangents``, ``seed``, ``positions``; ``chunk`` bounds how many travel at once. With
    ``du = skip u + sum of weight * J_part u_part + other`` leaving a layer, the share of a
    source c is ``<c, du> / |du|^2``. The weights are those of
    :func:`pytest_promptchaos.dynamics.stream.stream_of`, so no architecture is named.

    Raises:
        DepthError: for a prompt of one token, or an operation that has no derivative.
        ValueError: for tangents, positions or chunk that make no sense.
    """
    mask = position_mask(positions, depth.state.shape[1])
    moving = draw_tangents(depth.state.shape, tangents, seed, mask=mask).to(depth.state)
    width = depth.final_hidden.shape[-1]
    shares, profile, parts = [], [], []
    for index, (step, name) in enumerate(zip(depth.steps, depth.names, strict=True)):
        state = depth.reference[index - 1] if index else depth.state
        layer = network.get_submodule(name)
        stream = stream_of(step, layer, state, width=width, precision=depth.precision)
        passage = _passage(_Watched(step, layer, width), stream, state, moving, chunk)
        shares.append(_shares(stream, passage, moving[..., :width]))
        profile.append((norms(passage.leaving) / norms(moving)).log())
        parts += _own_growths(index, stream, passage)
        moving = passage.leaving / column(norms(passage.leaving), passage.leaving).to(moving)
    return Attribution(
        shares=torch.stack(shares, dim=1).cpu().numpy(),
        profile=torch.stack(profile, dim=1).cpu().numpy(),
        parts=tuple(parts),
    )


@dataclass(frozen=True, eq=False)
class _Watched:
    """A step whose layer is watched."""

    step: Step
    layer: Module
    width: int

    def run(self, state: Tensor, names: Sequence[str]) -> list[Tensor]:
        """Return what leaves the step, then what enters and leaves each named part."""
        with watching(self.layer, state[..., : self.width].shape, names) as seen:
            leaving = self.step(state)
        calls = [seen[name] for name in names]
        return [leaving, *(rows for call in calls for rows in (call.entering, call.leaving))]


@dataclass(frozen=True, eq=False)
class _Passage:
    """The tangents that left a layer, and those that entered and left each of its parts."""

    leaving: Tensor
    parts: Sequence[tuple[Tensor, Tensor]]


def _passage(
    watched: _Watched, stream: Stream, state: Tensor, tangents: Tensor, chunk: int | None
) -> _Passage:
    """Return the tangents after a layer and around its parts, all from one linearization."""
    names = [part.name for part in stream.parts]
    with torch.no_grad():
        shapes = [rows.shape for rows in watched.run(state, names)]

        def flat(entering: Tensor) -> Tensor:
            return torch.cat(
                [rows.to(state.dtype).flatten() for rows in watched.run(entering, names)]
            )

        _, moved = linearize(flat, state, tangents, chunk)
    pieces = torch.split(moved, [shape.numel() for shape in shapes], dim=1)
    leaving, *rest = (
        piece.reshape(len(tangents), *shape) for piece, shape in zip(pieces, shapes, strict=True)
    )
    return _Passage(leaving, list(zip(rest[::2], rest[1::2], strict=True)))


def _shares(stream: Stream, passage: _Passage, entering: Tensor) -> Tensor:
    """Return the shares of each source in the tangents that leave, shape (k, 5), float64."""
    leaving = passage.leaving[..., : entering.shape[-1]].double().flatten(1)
    terms = leaving.new_zeros(len(SOURCES), *leaving.shape)
    terms[0] = stream.skip * entering.double().flatten(1)
    for part, (_, moved) in zip(stream.parts, passage.parts, strict=True):
        terms[SOURCES.index(part.source)] += part.weight * moved.double().flatten(1)
    terms[-1] = leaving - terms.sum(dim=0)
    shares: Tensor = (terms * leaving).sum(dim=-1) / leaving.square().sum(dim=-1)
    return shares.T


def _own_growths(index: int, stream: Stream, passage: _Passage) -> list[PartGrowth]:
    """Return the own growth of every part of a layer that tangents enter and leave."""
    return [
        PartGrowth(
            layer=index,
            name=part.name,
            kind=part.kind,
            growth=(norms(moved) / norms(entered)).log().cpu().numpy(),
        )
        for part, (entered, moved) in zip(stream.parts, passage.parts, strict=True)
        if bool((norms(entered) > 0).all() and (norms(moved) > 0).all())
    ]
