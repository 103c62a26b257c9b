"""Whether weights are still those of their files: evidence must not outlive them."""

from __future__ import annotations

import weakref
from hashlib import sha256
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch.nn import Module


class Untouched:
    """The weights of a network as they are now, to ask later whether they still are.

    Each is known by what it is and by how often it was written to, as torch counts it: a weight
    that another one stands for is noticed, and so is that the first one is back. What goes past
    that count, such as assigning to ``.data``, goes unseen here. No weight is kept alive.
    """

    def __init__(self, network: Module) -> None:
        self._known = [(weakref.ref(weight), weight._version) for weight in network.parameters()]

    def holds(self, network: Module) -> bool:
        """Return whether the weights are the very same, in order, and none was written to."""
        weights = list(network.parameters())
        return len(weights) == len(self._known) and all(
            known() is weight and writes == weight._version
            for weight, (known, writes) in zip(weights, self._known, strict=True)
        )


def digest_of(network: Module) -> str:
    """Return the sha256 over names and bytes of all weights, in order."""
    digest = sha256()
    for name, weight in network.named_parameters():
        digest.update(name.encode())
        digest.update(weight.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
