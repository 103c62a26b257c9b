"""Known flows in continuous time, in steps of fixed length by the fourth-order Runge-Kutta rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pytest_promptchaos.dynamics.systems import SPROTT, System

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_promptchaos.dynamics.linearize import Step

    Field = Callable[[Tensor], Tensor]


def runge_kutta(field: Field, time: float) -> Step:
    """Return the step that follows ``field`` for ``time``, with an error of order time^5.

    >>> step = runge_kutta(lambda x: -x, 0.1)
    >>> abs(step(torch.ones(1, dtype=torch.float64)).item() - 2.718281828459045**-0.1) < 1e-7
    True
    """

    def step(state: Tensor) -> Tensor:
        first = field(state)
        second = field(state + time / 2 * first)
        third = field(state + time / 2 * second)
        fourth = field(state + time * third)
        return state + time / 6 * (first + 2 * (second + third) + fourth)

    return step


def lorenz(orbits: int = 1000, time: float = 0.02, seed: int = 0) -> System:
    """Return the Lorenz flow (sigma 10, rho 28, beta 8/3): exponents 0.9056, 0 and -14.5723.

    ``x' = 10 (y - x)``, ``y' = x (28 - z) - y``, ``z' = x y - 8/3 z``. Its divergence is -41/3
    everywhere, so the exponents sum to that, up to the error of the steps.
    """
    field = _quadratic(
        linear=[[-10, 10, 0], [28, -1, 0], [0, 0, -8 / 3]],
        by_first=[[0, 0, 0], [0, 0, -1], [0, 1, 0]],
    )
    around = torch.tensor([0.0, 0.0, 25.0], dtype=torch.float64)
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn((orbits, 3), generator=generator, dtype=torch.float64)
    return System(
        name="lorenz",
        cycle=(runge_kutta(field, time),),
        ensemble=around + 5 * drawn,
        known=0.9056,
        words="0.9056, 0 and -14.5723, which sum to -41/3, its divergence",
        source=SPROTT,
        time=time,
    )


def rossler(orbits: int = 1000, time: float = 0.1, seed: int = 0) -> System:
    """Return the Rossler flow (a 0.2, b 0.2, c 5.7): exponents 0.0714, 0 and -5.3943.

    ``x' = -y - z``, ``y' = x + 0.2 y``, ``z' = 0.2 + z (x - 5.7)``.
    """
    field = _quadratic(
        linear=[[0, -1, -1], [1, 0.2, 0], [0, 0, -5.7]],
        by_first=[[0, 0, 0], [0, 0, 0], [0, 0, 1]],
        constant=[0, 0, 0.2],
    )
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.rand((orbits, 2), generator=generator, dtype=torch.float64)
    return System(
        name="rossler",
        cycle=(runge_kutta(field, time),),
        # Near the plane z = 0 and off the origin: from higher up an orbit can escape.
        ensemble=torch.nn.functional.pad(4 * drawn - 6, (0, 1), value=0.1),
        known=0.0714,
        words="0.0714, 0 and -5.3943",
        source=SPROTT,
        time=time,
    )


def _quadratic(
    *,
    linear: Sequence[Sequence[float]],
    by_first: Sequence[Sequence[float]],
    constant: Sequence[float] = (0, 0, 0),
) -> Field:
    """Return the field ``c + A s + B (s_1 s)`` of a state s, with s_1 its first number.

    Two products instead of an expression per axis: forward-mode AD takes its time per operation.
    """
    plain, product = (torch.tensor(m, dtype=torch.float64).T for m in (linear, by_first))
    shift = torch.tensor(constant, dtype=torch.float64)
    return lambda state: shift + state @ plain + (state[..., :1] * state) @ product
