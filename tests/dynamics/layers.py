"""Layers made by hand, whose parts and whose sums are known, as a tiny model of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from pytest_promptchaos.dynamics.depth import Depth

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

TOKENS, WIDTH = 7, 8


class Mixer(nn.Module):
    """Every token gains from the tokens before it."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(WIDTH, WIDTH, bias=False)

    def forward(self, hidden: Tensor) -> tuple[Tensor, None]:
        counts = torch.arange(1, hidden.shape[1] + 1, dtype=hidden.dtype).unsqueeze(-1)
        return self.inner(hidden.cumsum(dim=1) / counts), None


class Adding(nn.Module):
    """A branch that adds the residual itself, as in Bloom."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(WIDTH, WIDTH)

    def forward(self, hidden: Tensor, residual: Tensor) -> Tensor:
        written: Tensor = self.inner(hidden)
        return residual + written


class Layer(nn.Module):
    """A mixer, a feed-forward part and two norms, put together as ``order`` says."""

    def __init__(self, order: Callable[[Layer, Tensor], Tensor]) -> None:
        super().__init__()
        self.first_norm, self.second_norm = nn.LayerNorm(WIDTH), nn.RMSNorm(WIDTH)
        self.mixer = Mixer()
        self.feed = nn.Sequential(
            nn.Linear(WIDTH, 3 * WIDTH), nn.Tanh(), nn.Linear(3 * WIDTH, WIDTH)
        )
        self.normed_feed = nn.Sequential(
            nn.Linear(WIDTH, WIDTH), nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH)
        )
        self.adding = Adding()
        self.dropout = nn.Dropout()
        self.gain = nn.Parameter(torch.linspace(0.5, 2.0, WIDTH))
        self._order = order

    def forward(self, hidden: Tensor) -> Tensor:
        return self._order(self, hidden)


def before(layer: Layer, hidden: Tensor) -> Tensor:
    """Norms in front of each branch, as in Llama."""
    hidden = hidden + layer.dropout(layer.mixer(layer.first_norm(hidden))[0])
    fed: Tensor = layer.feed(layer.second_norm(hidden))
    return hidden + fed


def behind(layer: Layer, hidden: Tensor) -> Tensor:
    """Norms behind each branch, as in Olmo 2."""
    hidden = hidden + layer.first_norm(layer.mixer(hidden)[0])
    fed: Tensor = layer.second_norm(layer.feed(hidden))
    return hidden + fed


def around(layer: Layer, hidden: Tensor) -> Tensor:
    """A norm over the whole sum, as in the first transformers: nothing skips it."""
    hidden = layer.first_norm(hidden + layer.mixer(hidden)[0])
    normed: Tensor = layer.second_norm(hidden + layer.feed(hidden))
    return normed


def parallel(layer: Layer, hidden: Tensor) -> Tensor:
    """Both branches from one norm, the sum written into one of them, as in Falcon."""
    normed = layer.first_norm(hidden)
    mixed, _ = layer.mixer(normed)
    fed: Tensor = layer.feed(normed)
    fed += mixed
    return hidden + fed


def scaled(layer: Layer, hidden: Tensor) -> Tensor:
    """Branches and skip with numbers of their own, as in Granite."""
    hidden = hidden + 0.22 * layer.mixer(layer.first_norm(hidden))[0]
    fed: Tensor = layer.feed(layer.second_norm(hidden))
    return 0.9 * (hidden + 0.22 * fed)


def gained(layer: Layer, hidden: Tensor) -> Tensor:
    """A gain per feature behind a branch, which no single number can be."""
    mixed: Tensor = layer.mixer(layer.first_norm(hidden))[0]
    return hidden + layer.gain * mixed


def adding(layer: Layer, hidden: Tensor) -> Tensor:
    """A branch that adds the residual itself."""
    hidden = hidden + layer.mixer(layer.first_norm(hidden))[0]
    added: Tensor = layer.adding(layer.second_norm(hidden), hidden)
    return added


def normed(layer: Layer, hidden: Tensor) -> Tensor:
    """A feed-forward part with a norm inside, as in BitNet."""
    fed: Tensor = layer.normed_feed(layer.first_norm(hidden))
    return hidden + fed


def alone(layer: Layer, hidden: Tensor) -> Tensor:
    """The skip and nothing else; one part is called for nothing."""
    layer.mixer(hidden)
    return 1.0 * hidden


def made(order: Callable[[Layer, Tensor], Tensor], seed: int = 0) -> Layer:
    torch.manual_seed(seed)
    return Layer(order).double().eval()


def hidden_state(seed: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(1, TOKENS, WIDTH, generator=generator, dtype=torch.float64)


def depth_of(layers: Sequence[Layer]) -> tuple[Any, Depth]:
    """A model of these layers alone, and its depth at one state."""
    network, state = nn.ModuleList(layers), hidden_state()
    reference: list[Tensor] = []
    with torch.no_grad():
        for layer in layers:
            reference.append(layer(reference[-1] if reference else state))
    names = tuple(str(index) for index in range(len(layers)))
    return network, Depth(
        steps=tuple(layers),
        names=names,
        state=state,
        reference=tuple(reference),
        precision=torch.float64,
        notes=(),
    )
