"""Small maps of five numbers that the tests of tangents share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from pytest_promptchaos.dynamics.tangent import draw_tangents

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from pytest_promptchaos.dynamics.linearize import Step

WIDTH = 5


def matrix(seed: int, width: int = WIDTH) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(width, width, generator=generator, dtype=torch.float64)


def linear(weights: Tensor) -> Step:
    return lambda state: state @ weights.T


def chain(matrices: Sequence[Tensor]) -> list[Step]:
    return [linear(weights) for weights in matrices]


def tanh_network(layers: int, dtype: torch.dtype = torch.float64) -> list[Step]:
    weights = [matrix(seed).to(dtype) for seed in range(layers)]

    def layer(weight: Tensor) -> Step:
        return lambda state: state + torch.tanh(state @ weight.T)

    return [layer(weight) for weight in weights]


def state(dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.linspace(-1, 1, WIDTH, dtype=dtype)


def random_tangents(count: int = 4) -> Tensor:
    return draw_tangents((WIDTH,), count, seed=0)
