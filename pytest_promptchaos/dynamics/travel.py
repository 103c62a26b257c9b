"""Tangents carried from the first state to the last, kept small on the way by their norms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from pytest_promptchaos.dynamics.linearize import linearize
from pytest_promptchaos.dynamics.modes import column, norms

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from pytest_promptchaos.dynamics.linearize import Step


@dataclass(frozen=True, kw_only=True, eq=False)
class Stop:
    """Where k tangents are before a step, or after the last.

    ``tangents`` (k, *state.shape) have joint norm 1; ``log_norms`` (k,) are the logs of what they
    were divided by since the start, in nats.
    """

    state: Tensor
    tangents: Tensor
    log_norms: Tensor


def arrive(
    steps: Sequence[Step], state: Tensor, tangents: Tensor, *, chunk: int | None = None
) -> Stop:
    """Return the last stop of :func:`travel`, keeping none of those before it.

    >>> end = arrive([lambda x: 3 * x] * 4, torch.ones(2), torch.eye(2))
    >>> end.log_norms.div(4).exp().round().tolist()
    [3.0, 3.0]
    """
    for stop in travel(steps, state, tangents, chunk=chunk):
        end = stop
    return end


def travel(
    steps: Sequence[Step], state: Tensor, tangents: Tensor, *, chunk: int | None = None
) -> Iterator[Stop]:
    """Yield the state and its tangents before every step and after the last, L + 1 stops.

    For what :func:`pytest_promptchaos.dynamics.tangent.push` does not keep: the directions. It
    has that function's ``chunk`` and none of its guards, so push the same tangents first.
    """
    moving = tangents.to(state)
    sizes = norms(moving)
    moving, grown = moving / column(sizes, moving).to(moving), torch.zeros_like(sizes)
    yield Stop(state=state, tangents=moving, log_norms=grown)
    for step in steps:
        with torch.no_grad():
            state, moved = linearize(step, state, moving, chunk)
            sizes = norms(moved)
            moving, grown = moved / column(sizes, moved).to(moved), grown + sizes.log()
        yield Stop(state=state, tangents=moving, log_norms=grown)
