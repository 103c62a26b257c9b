"""Measures of the parts: which of a layer's parts grow a tangent, which wrote the residual."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.dynamics.attribution import SOURCES as GROWTH_SOURCES
from pytest_promptchaos.dynamics.attribution import attribution
from pytest_promptchaos.dynamics.depth import decoder_depth
from pytest_promptchaos.dynamics.residual import SOURCES as RESIDUAL_SOURCES
from pytest_promptchaos.dynamics.residual import residual_shares
from pytest_promptchaos.measure.lyapunov import growth_rate
from pytest_promptchaos.pieces import arrays_of, one_per_prompt, with_layers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_promptchaos.depth_evidence import DepthKnobs, Place
    from pytest_promptchaos.pieces import Evidence, Pieces, Shown


# -- the parts of a layer -----------------------------------------------------------------------


def take_blocks(place: Place, knobs: DepthKnobs) -> Evidence:
    """Return the growth of one place by part of its layers."""
    network = place.model.network
    depth = decoder_depth(network, place.tensor)
    found = attribution(
        network,
        depth,
        tangents=knobs.tangents,
        seed=knobs.seed,
        positions=place.mask,
        chunk=knobs.chunk(depth.state),
    )
    kinds = sorted({part.kind for part in found.parts})
    own: dict[str, NDArray[np.float64]] = {
        kind: np.mean([part.growth for part in found.parts if part.kind == kind], axis=0)
        for kind in kinds
    }
    return {"kinds": kinds}, {"shares": found.shares} | own


def show_blocks(pieces: Pieces) -> Shown:
    """Return each source's share of the tangent that leaves, and the parts' own growth."""
    shares = [
        with_layers(
            growth_rate(
                {prompt: kept["shares"][..., place] for prompt, (_, kept) in pieces.items()},
                name=f"share of the leaving tangent from {source}",
                unit="share",
            ),
            np.mean([kept["shares"][..., place].mean(axis=0) for _, kept in pieces.values()], 0),
        )
        for place, source in enumerate(GROWTH_SOURCES)
    ]
    own = [
        growth_rate(
            {prompt: kept[kind] for prompt, (_, kept) in pieces.items()},
            name=f"own growth of {kind} parts, mean over layers",
            unit="nats",
        )
        for kind in next(iter(pieces.values()))[0]["kinds"]
    ]
    return (*shares, *own), ()


# -- the final residual -------------------------------------------------------------------------


def take_residual(place: Place, knobs: DepthKnobs) -> Evidence:
    """Return what wrote the final residual of one place."""
    del knobs  # No tangent is involved.
    network = place.model.network
    depth = decoder_depth(network, place.tensor)
    return arrays_of(residual_shares(network, depth, positions=place.mask))


def show_residual(pieces: Pieces) -> Shown:
    """Return each source's share of the final residual, by projection and by size."""
    shares = []
    for place, source in enumerate(RESIDUAL_SOURCES):
        for field, words in (("projection", "lies along"), ("norm", "is the size of")):
            whole = growth_rate(
                {prompt: kept[field][[place]] for prompt, (_, kept) in pieces.items()},
                name=f"share of the final residual that {words} what {source} wrote",
                unit="share",
            )
            layers = np.mean([kept["by_layer"][:, place] for _, kept in pieces.values()], 0)
            by_layer = field == "projection" and source != "embedding"
            shares.append(one_per_prompt(with_layers(whole, layers) if by_layer else whole))
    return tuple(shares), ()
