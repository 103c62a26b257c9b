"""Memory of tangents: how many may travel at once under a budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

# Peak bytes of a profile, per tangent, in tangents: 19 to 26 on a float32 Llama of
# width 512 with heads of 64, at 64 to 512 tokens (python -m benchmarks.depth --peak 256 0). The
# tokens x tokens tables of attention grow with the square of the tokens and pass it beyond that.
HELD = 32


class BudgetError(ValueError):
    """A budget that holds not even one tangent."""


def chunk_within(memory: int, state: Tensor, count: int, held: int = HELD) -> int:
    """Return how many of ``count`` tangents may travel at once within ``memory`` bytes.

    With ``s`` the state's bytes, all tangents take ``2 * count * s`` (before and after a step),
    and a step on c of them takes about ``held * s`` for each, and as much once for the state:
    ``c = memory // (held * s) - 1`` of what is left. ``held`` is a measured property of the
    steps, not a bound. The weights are not counted.

    Raises:
        BudgetError: for a budget under what a single tangent takes; names that.

    >>> import torch
    >>> chunk_within(2**20, torch.zeros(64, 8), count=10), chunk_within(2**30, torch.zeros(8), 10)
    (10, 10)
    >>> chunk_within(280_000, torch.zeros(64, 8), count=10)
    2
    """
    size = state.numel() * state.element_size()
    least = 2 * count * size + 2 * held * size
    if memory < least:
        raise BudgetError(
            f"memory is {memory} bytes, but {count} tangents of {size} bytes take about {least} "
            "even one at a time: allow that much, or push fewer tangents"
        )
    return min(count, (memory - 2 * count * size) // (held * size) - 1)
