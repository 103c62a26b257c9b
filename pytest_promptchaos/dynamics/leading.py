"""The direction that grows most over a whole depth: sigma_1 by power iteration.

Random tangents show typical growth. The largest singular value of the depth's Jacobian is the
growth of the one perturbation that an adversary would choose.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from pytest_promptchaos.dynamics.linearize import linearize
from pytest_promptchaos.dynamics.tangent import draw_tangents
from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from pytest_promptchaos.dynamics.linearize import Step


@dataclass(frozen=True, kw_only=True, eq=False)
class LeadingGrowth:
    """The growth of the leading direction; arrays only, nothing of torch.

    ``log_sigma`` is ``log sigma_1`` of the whole Jacobian, in nats; ``rate`` is that per layer.
    ``profile`` (L,) is the direction's growth in each layer and sums to ``log_sigma``.
    ``residual`` is ``|J'J v - sigma^2 v| / sigma^2``: how far v is from a singular direction.
    The growth of any direction is a lower bound of sigma_1, also where it has not ``converged``.
    """

    log_sigma: float
    rate: float
    profile: NDArray[np.float64]
    residual: float
    iterations: int
    converged: bool

    @property
    def words(self) -> str:
        """How far the iteration came, for a reader of the number."""
        where = f"{self.iterations} power iterations, residual {self.residual:.1e}"
        if self.converged:
            return f"converged after {where}"
        return f"not converged in {where}: a lower bound of sigma_1"


def leading_growth(
    steps: Sequence[Step],
    state: Tensor,
    *,
    mask: Tensor | None = None,
    tolerance: float = 1e-4,
    iterations: int = 100,
    seed: int = 0,
) -> LeadingGrowth:
    """Return the largest growth of any small perturbation of ``state`` over all ``steps``.

    ``mask``, boolean and broadcast to the state, confines the perturbation at the start; what it
    becomes may lie anywhere. Formula: ``v <- J'J v / |J'J v|``, pushed forward by JVP and pulled
    back by VJP one step at a time, until ``log |J v|`` moves by less than ``tolerance`` nats from
    one iteration to the next, or for ``iterations``: what is not converged then says so. The
    start is drawn from ``seed``. No gradient reaches a parameter. Two directions of nearly equal
    growth slow the turning of v, and hardly the value.

    Raises:
        DepthError: where an operation has no derivative, or the perturbation vanishes.
        ValueError: for no steps, no iterations, or a tolerance that is not above zero.

    Source: G. H. Golub and C. F. Van Loan, Matrix Computations (4th ed., 2013), section 8.2.

    >>> stretch = torch.diag(torch.tensor([3.0, 1.0]))
    >>> leading = leading_growth([lambda x: x @ stretch] * 2, torch.ones(2))
    >>> round(leading.rate, 3), leading.converged
    (1.099, True)
    """
    if not steps or iterations < 1 or not tolerance > 0:
        raise ValueError(
            f"{len(steps)} steps, {iterations} iterations, tolerance {tolerance}: at least one "
            "step and one iteration are needed, and a tolerance above 0"
        )
    keep = torch.ones((), device=state.device) if mask is None else mask.to(state.device)
    direction = draw_tangents(state.shape, 1, seed, mask=keep.cpu())[0].to(state)
    before, done, converged = -np.inf, 0, False
    while not converged and done < iterations:
        states, pushed, profile = _push(steps, state, direction)
        pulled, log_pulled = _pull(steps, states, pushed)
        pulled = pulled * keep.to(pulled)
        log_sigma, shrunk = float(profile.sum()), float(_norm(pulled))
        # |J'J v| / |J v|: at a singular direction this is sigma again, and v comes back as it was.
        ratio = np.exp(log_pulled - log_sigma)
        residual = float(_norm(pulled * ratio - direction))
        converged, done = abs(log_sigma - before) < tolerance, done + 1
        direction, before = pulled / shrunk, log_sigma
    return LeadingGrowth(
        log_sigma=log_sigma,
        rate=log_sigma / len(steps),
        profile=profile,
        residual=residual,
        iterations=done,
        converged=converged,
    )


def _push(
    steps: Sequence[Step], state: Tensor, direction: Tensor
) -> tuple[list[Tensor], Tensor, NDArray[np.float64]]:
    """Return the states entering the steps, where the direction ends, and its growth by step."""
    states, moving, profile = [state], direction.unsqueeze(0), []
    with torch.no_grad():
        for index, step in enumerate(steps):
            after, moved = linearize(step, states[-1], moving)
            size = _size(moved, f"step {index} of {len(steps)} maps the leading direction")
            profile.append(float(size.log()))
            moving = moved / size.to(moved)
            states.append(after)
    return states, moving[0], np.array(profile)


def _pull(
    steps: Sequence[Step], states: Sequence[Tensor], cotangent: Tensor
) -> tuple[Tensor, float]:
    """Return the cotangent pulled back through all steps, of norm 1, and its log growth."""
    grown = 0.0
    for step, state in zip(reversed(steps), reversed(states[:-1]), strict=True):
        pulled = _pull_one(step, state, cotangent)
        size = _size(pulled, "a step pulls the leading direction back")
        grown += float(size.log())
        cotangent = pulled / size.to(pulled)
    return cotangent, grown


def _pull_one(step: Step, state: Tensor, cotangent: Tensor) -> Tensor:
    """Return the cotangent moved by the transposed Jacobian of one step."""
    entering = state.detach().requires_grad_()
    try:
        with torch.enable_grad():
            leaving = step(entering)
            # Only the state is differentiated, so that nothing accumulates in a parameter.
            (pulled,) = torch.autograd.grad(leaving, entering, cotangent.to(leaving))
    except RuntimeError as error:
        raise DepthError(
            f"reverse-mode AD cannot follow a step ({error}): sigma_1 needs it beside forward "
            "mode; use an implementation made of plain torch operations"
        ) from error
    return pulled


def _size(values: Tensor, told: str) -> Tensor:
    """Return the joint norm in float64; raise ``DepthError`` where it is zero or not finite."""
    size = _norm(values)
    if not bool(torch.isfinite(size)) or float(size) == 0.0:
        raise DepthError(f"{told} to norm {float(size)}; try another seed or a wider dtype")
    return size


def _norm(values: Tensor) -> Tensor:
    """Return the joint norm over all axes, in float64."""
    size: Tensor = torch.linalg.vector_norm(values, dtype=torch.float64)
    return size
