"""Whether weights are still those of their files: evidence must not outlive them."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch.nn import Module


def versions_of(network: Module) -> tuple[int, ...]:
    """Return how often each weight was written to, as torch counts it.

    What goes past that count, such as assigning to ``.data``, goes unseen here.
    """
    return tuple(weight._version for weight in network.parameters())


def digest_of(network: Module) -> str:
    """Return the sha256 over names and bytes of all weights, in order."""
    digest = sha256()
    for name, weight in network.named_parameters():
        digest.update(name.encode())
        digest.update(weight.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
