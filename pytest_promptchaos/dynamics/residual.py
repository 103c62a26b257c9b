"""The final residual stream taken apart: what the embedding, attention and feed-forward wrote."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from pytest_promptchaos.dynamics.parts import KINDS, watching
from pytest_promptchaos.dynamics.positions import position_mask
from pytest_promptchaos.dynamics.stream import stream_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor
    from torch.nn import Module
    from transformers import PreTrainedModel

    from pytest_promptchaos.dynamics.depth import Depth
    from pytest_promptchaos.dynamics.linearize import Step
    from pytest_promptchaos.dynamics.positions import Positions

SOURCES = ("embedding", *KINDS, "other")


@dataclass(frozen=True, kw_only=True, eq=False)
class ResidualShares:
    """Shares of the final residual by source, in the order of ``SOURCES``; arrays only.

    ``projection`` (5,) sums to 1 and may be negative: the part of the final state that lies along
    it. ``norm`` (5,) sums to 1 and is not: the size of what each source wrote, however much of it
    cancels. ``by_layer`` (L, 5) are every layer's own projections; with the embedding's, which
    is no layer's, they sum to 1. "other" is what no sum of the layers' parts explains.
    """

    projection: NDArray[np.float64]
    norm: NDArray[np.float64]
    by_layer: NDArray[np.float64]


def residual_shares(
    network: PreTrainedModel, depth: Depth, *, positions: Positions = "last"
) -> ResidualShares:
    """Return what wrote the state that leaves the last layer, before the final norm.

    Formula: each layer is ``skip * h + sum of weight * part + other`` (weights from
    :func:`pytest_promptchaos.dynamics.stream.stream_of`), so the final h is the embedding times
    all skips, plus every write times the skips after it. For a part c of it the projection is
    ``<c, h> / |h|^2`` and the norm share ``|c| / sum |c|`` over sources, both averaged over
    ``positions``: the ``"last"`` token, all of the ``"prompt"``, or a mask.

    Raises:
        DepthError: for a prompt of one token.
        ValueError: for positions that make no sense.
    """
    places = position_mask(positions, depth.state.shape[1]).flatten()
    final = _plain(depth.final_hidden)[places]
    written = [
        _written(network.get_submodule(name), step, state, leaving, depth)
        for name, step, state, leaving in zip(
            depth.names,
            depth.steps,
            (depth.state, *depth.reference),
            depth.reference,
            strict=False,  # the last state enters no layer
        )
    ]
    # What a layer wrote passes through the skips of the layers after it.
    passed = np.cumprod([1.0, *(skip for skip, _ in reversed(written))])[::-1].tolist()
    layers = [
        factor * write[:, places] for factor, (_, write) in zip(passed[1:], written, strict=True)
    ]
    total = torch.stack(layers).sum(dim=0)
    total[0] = passed[0] * _plain(depth.state[..., : final.shape[-1]])[places]
    sizes = torch.linalg.vector_norm(total, dim=-1)
    return ResidualShares(
        projection=_projected(total, final),
        norm=(sizes / sizes.sum(dim=0)).mean(dim=-1).numpy(),
        by_layer=np.stack([_projected(write, final) for write in layers]),
    )


def _written(
    layer: Module, step: Step, state: Tensor, leaving: Tensor, depth: Depth
) -> tuple[float, Tensor]:
    """Return a layer's skip, and what it wrote by source, (5, T, n) in float64."""
    width = depth.final_hidden.shape[-1]
    stream = stream_of(step, layer, state, width=width, precision=depth.precision)
    hidden, left = state[..., :width], _plain(leaving[..., :width])
    names = [part.name for part in stream.parts]
    with torch.no_grad(), watching(layer, hidden.shape, names) as seen:
        step(state)
    write = torch.zeros(len(SOURCES), *left.shape, dtype=torch.float64)
    for part in stream.parts:
        write[SOURCES.index(part.source)] += part.weight * _plain(seen[part.name].leaving)
    write[-1] = left - stream.skip * _plain(hidden) - write.sum(dim=0)
    return stream.skip, write


def _plain(rows: Tensor) -> Tensor:
    """Return rows (1, T, n) as (T, n) in float64 on the CPU."""
    return rows[0].double().cpu()


def _projected(parts: Tensor, final: Tensor) -> NDArray[np.float64]:
    """Return the projections of parts (5, P, n) on the final state (P, n), averaged over P."""
    along = (parts * final).sum(dim=-1) / final.square().sum(dim=-1)
    shares: NDArray[np.float64] = along.mean(dim=-1).numpy()
    return shares
