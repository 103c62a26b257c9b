"""Random tanh networks with a given spectral radius: the same weights in each layer, or fresh ones.

An ensemble runs over radii and networks: states have shape (radii, networks, width). All radii
share the same random numbers, so what differs between two radii is the radius.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import torch
from torch import Tensor

from pytest_promptchaos.dynamics.mean_field import mean_field
from pytest_promptchaos.dynamics.systems import System

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.dynamics.linearize import Step

Weights: TypeAlias = Literal["tied", "fresh"]


def tied_tanh(
    radii: Sequence[float],
    *,
    width: int = 100,
    networks: int = 1,
    seed: int = 0,
) -> System:
    """Return ``x -> tanh(W x)`` with one random W, scaled to each of the spectral radii.

    Below radius 1 the state decays to 0 and the exponent is ``ln radius``, exactly. Above it the
    state lands on a fixed point, a cycle or chaos, as this one W will have it: only many networks
    of great width together tend to the mean-field growth. ``known`` is that of the first radius.
    """
    generator = torch.Generator().manual_seed(seed)
    weights = torch.stack([_square(width, generator) for _ in range(networks)])
    largest = torch.linalg.eigvals(weights).abs().amax(dim=-1)
    return System(
        name="tied tanh",
        cycle=(_layer(weights / largest[:, None, None], radii),),
        ensemble=_inputs(radii, networks, width, generator),
        known=mean_field(radii[0]).growth,
        words="ln radius below radius 1; above it only wide networks tend to 0.5 ln chi",
        source="algebra; H. Sompolinsky et al., Phys. Rev. Lett. 61 (1988) 259",
    )


def fresh_tanh(
    radii: Sequence[float],
    *,
    layers: int,
    width: int = 100,
    networks: int = 1,
    seed: int = 0,
) -> System:
    """Return ``x -> tanh(W_l x)`` with a new random W_l in each layer.

    The numbers in W_l have variance ``radius**2 / width``, so its spectral radius tends to
    ``radius`` with the width. The growth tends to the mean-field ``0.5 ln chi`` with width and
    depth. ``known`` is that of the first radius.
    """
    generator = torch.Generator().manual_seed(seed)
    inputs = _inputs(radii, networks, width, generator)
    cycle = tuple(
        _layer(torch.stack([_square(width, generator) for _ in range(networks)]), radii)
        for _ in range(layers)
    )
    return System(
        name="fresh tanh",
        cycle=cycle,
        ensemble=inputs,
        known=mean_field(radii[0]).growth,
        words="0.5 ln chi of the mean-field theory, less about 1 / width",
        source="B. Poole et al. (2016), arXiv:1606.05340",
    )


def _square(width: int, generator: torch.Generator) -> Tensor:
    """Return a random matrix whose eigenvalues fill about the unit disc."""
    drawn = torch.randn((width, width), generator=generator, dtype=torch.float64)
    square: Tensor = drawn / width**0.5
    return square


def _inputs(
    radii: Sequence[float], networks: int, width: int, generator: torch.Generator
) -> Tensor:
    """Return one standard normal input per network, the same for all radii."""
    drawn = torch.randn((networks, width), generator=generator, dtype=torch.float64)
    return drawn.repeat(len(radii), 1, 1)


def _layer(weights: Tensor, radii: Sequence[float]) -> Step:
    """Return the layer that takes states (radii, networks, width) by weights (networks, ...)."""
    scales = torch.tensor(radii, dtype=torch.float64)

    def step(state: Tensor) -> Tensor:
        # Radii as columns, so that a network's weights are read once for all of them.
        columns = weights @ (state.permute(1, 2, 0) * scales)
        return torch.tanh(columns.permute(2, 0, 1))

    return step
