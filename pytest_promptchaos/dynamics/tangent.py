"""Tangents pushed through a list of steps by forward-mode AD: growth per step, and its guards.

Nothing here knows of language models. A step maps a state to the next state; one primal serves
all tangents, because ``vmap`` batches the tangent of ``jvp`` and leaves the state alone. Three
things are checked at every step, because each can go wrong without an error: the state that
``jvp`` carries is the state that the plain step gives, all numbers are finite, and the tangent
agrees with a finite difference (a custom kernel, ``.item()`` or ``detach`` drops a derivative
silently).
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pytest_promptchaos.dynamics.linearize import linearize
from pytest_promptchaos.dynamics.modes import (
    MODES,
    Mode,
    column,
    norms,
    require_sizes,
    start,
)
from pytest_promptchaos.dynamics.parity import (
    finite_difference,
    refuse_dropped_derivative,
    relative_difference,
    tolerance,
)
from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.dynamics.linearize import Step


@dataclass(frozen=True, kw_only=True, eq=False)
class Growth:
    """How k tangents grew over L steps; arrays only, nothing of torch.

    ``profile`` (k, L) is the log growth of each tangent in each step, in nats, taken before any
    renormalization: ``log(|v_after| / |v_before|)`` of the joint norms in independent mode, the
    step's ``log|diag R|`` in orthogonal mode. ``state_norms`` (L + 1,) are the joint norms,
    at the positions that the tangents live on, of the states before, between and after the
    steps. ``primal`` is the state after the last step.
    ``parity`` is the worst relative difference, over steps and rows, between a state carried
    along by forward-mode AD and the same state without it. ``notes`` say in words what was
    switched.
    """

    profile: NDArray[np.float64]
    state_norms: NDArray[np.float64]
    mode: Mode
    cadence: int | None
    primal: NDArray[np.float64]
    parity: float
    notes: tuple[str, ...] = ()

    @property
    def rates(self) -> NDArray[np.float64]:
        """Mean log growth per step of each tangent, shape (k,), in nats per step.

        In orthogonal mode this is the k-exponent spectrum, ``sum(log|diag R|) / L``.
        """
        rates: NDArray[np.float64] = self.profile.mean(axis=1)
        return rates

    @property
    def relative_profile(self) -> NDArray[np.float64]:
        """Growth beyond that of the state itself, shape (k, L), in nats.

        A residual stream grows from layer to layer; a tangent that only grows along with it is
        no closer to changing an output.
        """
        relative: NDArray[np.float64] = self.profile - np.diff(np.log(self.state_norms))
        return relative


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
    drawn = torch.stack([_draw(shape, seed + i) for i in range(count)]) * keep.to(torch.float64)
    return drawn / column(norms(drawn), drawn)


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
    cadence: int | None = 4,
    chunk: int | None = None,
    precision: torch.dtype | None = None,
    mask: Tensor | None = None,
) -> Growth:
    """Return the growth of k tangents, in nats per step, along the orbit of ``state``.

    ``tangents`` (k, *state.shape) are cast to the state's dtype and device. Every ``cadence``
    steps (``None``: never) they are renewed. ``independent``: each is divided by its own joint
    norm and keeps its direction, so k random tangents are k samples of typical growth.
    ``orthogonal``: they become the Q of a thin QR; R is taken at every step, so the profile
    holds every step's local exponents. Growth is recorded before renewing, so the cadence
    changes only rounding. ``chunk`` bounds how many tangents travel at once, to save memory.
    ``precision`` is the coarsest dtype that a step computes in, if not the state's own.
    ``mask``, broadcast to the state, names the part whose norm the state's own growth is read
    from: that on which the tangents live.

    Raises:
        DepthError: where a number is not finite, an operation has no forward derivative, a
            derivative is dropped, the states disagree, or a tangent vanishes; names the step.
        ValueError: for tangents, mode, cadence or chunk that make no sense.

    Source: G. Benettin et al., Meccanica 15 (1980) 9-20, doi:10.1007/BF02128236.

    >>> growth = push([lambda x: 2.0 * x], torch.ones(3), torch.eye(3))
    >>> growth.profile.round(6).tolist()
    [[0.693147], [0.693147], [0.693147]]
    """
    _refuse_misfits(steps, state, tangents, mode)
    _refuse_counts(cadence=cadence, chunk=chunk)
    precision = precision or state.dtype
    log_sizes, renew = MODES[mode]
    profile, state_norms, parity = np.empty((len(tangents), len(steps))), [_norm(state, mask)], 0.0
    with torch.no_grad():
        moving, before = start(tangents.to(state), mode)
        for index, step in enumerate(steps):
            with _naming_layer(index, len(steps)):
                state, moving, difference = _advance(step, state, moving, chunk, precision)
                profile[:, index] = require_sizes(log_sizes(moving)) - before
            state_norms.append(_norm(state, mask))
            parity = max(parity, difference)
            if cadence and (index + 1) % cadence == 0:
                moving = renew(moving)
            before = log_sizes(moving)
    return Growth(
        profile=profile,
        state_norms=np.array(state_norms),
        mode=mode,
        cadence=cadence,
        primal=state.double().cpu().numpy(),
        parity=parity,
    )


def _refuse_misfits(steps: Sequence[Step], state: Tensor, tangents: Tensor, mode: str) -> None:
    """Raise ``ValueError`` for arguments that cannot be measured."""
    if not steps:
        raise ValueError("no steps: growth needs at least one")
    if tangents.shape[1:] != state.shape or not len(tangents):
        raise ValueError(
            f"tangents of shape {tuple(tangents.shape)} do not fit a state of shape "
            f"{tuple(state.shape)}: pass (k, *state.shape) with k >= 1"
        )
    if mode not in MODES:
        raise ValueError(f"mode {mode!r} is unknown: choose one of {', '.join(MODES)}")
    if mode == "orthogonal" and len(tangents) > state.numel():
        raise ValueError(
            f"{len(tangents)} orthogonal tangents do not exist in {state.numel()} dimensions"
        )


def _refuse_counts(**counts: int | None) -> None:
    """Raise ``ValueError`` for a count below one; ``None`` is no count."""
    for name, count in counts.items():
        if count is not None and count < 1:
            raise ValueError(f"{name} is {count}: it counts, so it is at least 1, or None")


@contextmanager
def _naming_layer(index: int, count: int) -> Iterator[None]:
    """Put the layer in front of what went wrong in it."""
    try:
        yield
    except DepthError as fact:
        raise DepthError(f"layer {index} of {count}: {fact}") from fact.__cause__


def _advance(
    step: Step,
    state: Tensor,
    tangents: Tensor,
    chunk: int | None,
    precision: torch.dtype,
) -> tuple[Tensor, Tensor, float]:
    """Return the next state, the next tangents and the parity of this step, all checked."""
    # The plain call comes first: a step that is simply broken then fails with its own error.
    plain = step(state)
    after, moved = linearize(step, state, tangents, chunk)
    for name, values in (("state", after), ("tangents", moved)):
        if not torch.isfinite(values).all():
            raise DepthError(
                f"the {name} hold NaN or infinity after it; try a wider dtype or a smaller cadence"
            )
    difference = relative_difference(after, plain)
    allowed = tolerance(precision)
    if difference > allowed:
        raise DepthError(
            f"the state under forward-mode AD differs from the plain one by {difference:.1e} "
            f"(relative, at most {allowed:.1e}): its tangents belong to another "
            "orbit; try another dtype or attention implementation"
        )
    finite = finite_difference(step, state, tangents[0], precision)
    refuse_dropped_derivative(moved[0], finite)
    return after, moved, difference


def _norm(values: Tensor, mask: Tensor | None = None) -> float:
    """Return the joint norm over all axes, in float64."""
    kept = values if mask is None else values * mask.to(values)
    return float(torch.linalg.vector_norm(kept.double()))
