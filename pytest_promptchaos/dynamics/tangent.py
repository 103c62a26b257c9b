"""Tangents pushed through a list of steps by forward-mode AD: growth per step, and its guards.

Nothing here knows of language models. A step maps a state to the next state; one primal serves
all tangents. Three things are checked, because each can go wrong without an error: the state that
forward-mode AD carries is the state that the plain step gives, all numbers are finite, and the
tangent agrees with a finite difference (a custom kernel or ``.item()`` drops a derivative
silently).
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pytest_promptchaos.dynamics.growth import Growth
from pytest_promptchaos.dynamics.linearize import linearize
from pytest_promptchaos.dynamics.memory import chunk_within
from pytest_promptchaos.dynamics.modes import (
    MODES,
    UNITS,
    Mode,
    Unit,
    column,
    gauge_of,
    norms,
    start,
)
from pytest_promptchaos.dynamics.parity import (
    finite_difference,
    refuse_another_orbit,
    refuse_dropped_derivative,
)
from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_promptchaos.dynamics.linearize import Step

__all__ = ["Growth", "draw_tangents", "push"]


def draw_tangents(
    shape: Sequence[int], count: int, seed: int, mask: Tensor | None = None
) -> Tensor:
    """Return ``count`` random tangents of joint norm 1, float64, shape (count, *shape).

    Tangent i depends only on ``seed + i``: the first ten of twenty are the ten, and every dtype
    and device starts from the same directions, since they are drawn in float64 on the CPU and
    cast later. Outside ``mask`` (boolean, broadcast against ``shape``) they are exactly zero.

    Raises:
        ValueError: for fewer than one tangent, or a mask that leaves no position.

    >>> bool(torch.equal(draw_tangents((3, 2), 20, seed=0)[:10], draw_tangents((3, 2), 10, seed=0)))
    True
    """
    if count < 1:
        raise ValueError(f"{count} tangents asked for: at least one is needed to see growth")
    keep = torch.ones(()) if mask is None else mask
    if not keep.any():
        raise ValueError("the position mask is empty: it must leave at least one position")
    drawn = torch.stack([_draw(shape, seed + i) for i in range(count)])
    drawn *= keep.to(torch.float64)
    drawn /= column(norms(drawn), drawn)
    return drawn


def _draw(shape: Sequence[int], seed: int) -> Tensor:
    """Return one standard normal tensor, float64, from its own generator."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(tuple(shape), generator=generator, dtype=torch.float64)


def push(
    steps: Sequence[Step],
    state: Tensor,
    tangents: Tensor,
    *,
    mode: Mode = "independent",
    unit: Unit = "state",
    cadence: int | None = 4,
    chunk: int | None = None,
    memory: int | None = None,
    precision: torch.dtype | None = None,
    mask: Tensor | None = None,
    reference: Sequence[Tensor] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Growth:
    """Return the growth of k tangents, in nats per step, along the orbit of ``state``.

    ``tangents`` (k, *state.shape) are cast to the state's dtype and device. Every ``cadence``
    steps (``None``: never) they are renewed. ``independent``: each is divided by its own
    norm and keeps its direction, so k random tangents are k samples of typical growth.
    ``orthogonal``: they become the Q of a thin QR; R is taken at every step, so the profile
    holds every step's local exponents. Growth is recorded before renewing, so the cadence
    changes only rounding.

    ``unit``: what has one size. ``"state"``: the whole state. ``"row"``: each row, a vector of
    the last axis, is sized and renewed by itself. Where a step does not mix rows they are
    independent orbits, an exact ensemble. Where it does (tokens), renewing each row changes
    their ratio, so the numbers depend on the cadence: a defect of that published protocol. Only
    the rows that carry a tangent at the start are sized and renewed.

    ``chunk`` bounds how many tangents travel at once, or ``memory`` does, in bytes, by the
    formula of :func:`pytest_promptchaos.dynamics.memory.chunk_within`. ``precision`` is the
    coarsest dtype that a step computes in, if not the state's own. ``mask``, broadcast to the
    state, names the part whose norm the state's own growth is read from: that on which the
    tangents live. ``reference`` holds the states after each step as an ordinary forward gave
    them: each step then starts from them, forward-mode AD is compared with them, no step is
    called plainly, and no finite difference checks the derivatives: that is the caller's to do.
    Without it every distinct step is checked once, and one in 32 again. ``progress`` is called
    with the steps done and their number.

    Raises:
        DepthError: where a number is not finite, an operation has no forward derivative, a
            derivative is dropped, the states disagree, or a tangent vanishes; names the step.
        ValueError: for arguments that make no sense.

    Source: G. Benettin et al., Meccanica 15 (1980) 9-20, doi:10.1007/BF02128236.

    >>> growth = push([lambda x: 2.0 * x], torch.ones(3), torch.eye(3))
    >>> growth.profile.round(6).tolist()
    [[0.693147], [0.693147], [0.693147]]
    """
    _refuse_misfits(steps, state, tangents, mode, unit)
    _refuse_counts(cadence=cadence, chunk=chunk, memory=memory)
    guard = _guard(steps, precision or state.dtype, reference)
    chunk = chunk_within(memory, state, len(tangents)) if memory else chunk
    # Forward-mode AD writes to the state's memory, where an expanded one holds a number once.
    state = state.contiguous()
    tangents = tangents.to(state)
    gauge = gauge_of(tangents, mode, unit)
    profile, sizes, parity = [], [gauge.size(state, mask)], 0.0
    with torch.no_grad():
        moving, before = start(gauge, tangents)
        for index, step in enumerate(steps):
            with _naming_layer(index, len(steps)):
                state, moving, difference = guard.advance(index, step, state, moving, chunk)
                after, renewed = gauge.measure(moving)
                profile.append(gauge.require(after) - before)
            sizes.append(gauge.size(state, mask))
            parity = max(parity, difference)
            before = after
            if cadence and (index + 1) % cadence == 0:
                moving = renewed()
                before = gauge.log_norms(moving)
            if progress:
                progress(index + 1, len(steps))
    by_row = np.stack(profile, axis=1)
    return Growth(
        profile=by_row.mean(axis=-1),
        state_norms=np.array(sizes),
        mode=mode,
        cadence=cadence,
        primal=state.double().cpu().numpy(),
        parity=parity,
        unit=unit,
        row_profile=by_row if unit == "row" else None,
    )


def _refuse_misfits(
    steps: Sequence[Step], state: Tensor, tangents: Tensor, mode: str, unit: str
) -> None:
    """Raise ``ValueError`` for arguments that cannot be measured."""
    if not steps:
        raise ValueError("no steps: growth needs at least one")
    if tangents.shape[1:] != state.shape or not tangents.numel() or not state.dim():
        raise ValueError(
            f"tangents of shape {tuple(tangents.shape)} do not fit a state of shape "
            f"{tuple(state.shape)}: pass (k, *state.shape) with k >= 1, and a state with an axis"
        )
    for name, value, choices in (("mode", mode, MODES), ("unit", unit, UNITS)):
        if value not in choices:
            raise ValueError(f"{name} {value!r} is unknown: choose one of {', '.join(choices)}")
    dimensions = state.numel() if unit == "state" else state.shape[-1]
    if mode == "orthogonal" and len(tangents) > dimensions:
        raise ValueError(
            f"{len(tangents)} orthogonal tangents do not exist in {dimensions} dimensions"
        )


def _refuse_counts(**counts: int | None) -> None:
    """Raise ``ValueError`` for a count below one; ``None`` is no count."""
    for name, count in counts.items():
        if count is not None and count < 1:
            raise ValueError(f"{name} is {count}: it counts, so it is at least 1, or None")
    if counts["chunk"] and counts["memory"]:
        raise ValueError("chunk and memory both bound the tangents at once: give one of them")


@contextmanager
def _naming_layer(index: int, count: int) -> Iterator[None]:
    """Put the layer in front of what went wrong in it."""
    try:
        yield
    except DepthError as fact:
        raise DepthError(f"layer {index} of {count}: {fact}") from fact.__cause__


@dataclass(frozen=True, kw_only=True, eq=False)
class _Guard:
    """What each step is held against: the states of an ordinary forward, or its plain call."""

    precision: torch.dtype
    reference: Sequence[Tensor] | None
    checked: frozenset[int]

    def advance(
        self, index: int, step: Step, state: Tensor, tangents: Tensor, chunk: int | None
    ) -> tuple[Tensor, Tensor, float]:
        """Return the next state, the next tangents and the parity of this step."""
        if self.reference is not None:
            given = self.reference[index]
            after, moved = _moved(step, state, tangents, chunk)
            return given, moved.to(given), refuse_another_orbit(after, given, self.precision)
        if index not in self.checked:
            return *_moved(step, state, tangents, chunk), 0.0
        # The plain call comes first: a step that is simply broken then fails with its own error.
        plain = step(state)
        after, moved = _moved(step, state, tangents, chunk)
        difference = refuse_another_orbit(after, plain, self.precision)
        finite = finite_difference(step, state, tangents[0], self.precision)
        refuse_dropped_derivative(moved[0], finite)
        return after, moved, difference


# A check takes three plain steps. At one in 32, thousands of equal steps of one map lose a tenth
# of their time or less to it, and a branch that drops a derivative late is still met.
_CHECK_EVERY = 32


def _guard(
    steps: Sequence[Step], precision: torch.dtype, reference: Sequence[Tensor] | None
) -> _Guard:
    """Return the guard; each distinct step is checked where it first comes, and then some."""
    if reference is not None and len(reference) != len(steps):
        raise ValueError(
            f"{len(reference)} reference states for {len(steps)} steps: pass the state after each"
        )
    first = {id(step): index for index, step in reversed(list(enumerate(steps)))}
    checked = frozenset([*first.values(), *range(0, len(steps), _CHECK_EVERY)])
    return _Guard(precision=precision, reference=reference, checked=checked)


def _moved(step: Step, state: Tensor, tangents: Tensor, chunk: int | None) -> tuple[Tensor, Tensor]:
    """Return the next state and tangents; raise ``DepthError`` for a number that is not finite."""
    after, moved = linearize(step, state, tangents, chunk)
    for name, values in (("state", after), ("tangents", moved)):
        # A finite sum has only finite parts, and takes a thirtieth of the time of looking at each.
        if not values.sum().isfinite() and not torch.isfinite(values).all():
            raise DepthError(
                f"the {name} hold NaN or infinity after it; try a wider dtype or a smaller cadence"
            )
    return after, moved
