"""Known dynamical systems: maps whose growth is known by algebra or from the literature.

Each is an ensemble of orbits, states of shape (B, d) or (..., d), under steps that never mix two
rows, so ``push(..., unit="row")`` follows all orbits at once. Everything is float64.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pytest_promptchaos.dynamics.tangent import draw_tangents, push

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from pytest_promptchaos.dynamics.growth import Growth
    from pytest_promptchaos.dynamics.linearize import Step
    from pytest_promptchaos.dynamics.modes import Mode

SPROTT = "J. C. Sprott, Chaos and Time-Series Analysis, Oxford (2003)"


@dataclass(frozen=True, kw_only=True, eq=False)
class System:
    """A dynamical system, an ensemble of initial states, and what is known of its growth.

    ``cycle`` holds the steps: one that repeats, or as many as there are layers, each its own.
    ``ensemble`` (..., d) holds one initial state per row. ``time`` is the time that one step
    takes. ``known`` is the first exponent in nats per unit of time, ``words`` say what is known
    and ``source`` where from.
    """

    name: str
    cycle: tuple[Step, ...]
    ensemble: Tensor
    known: float
    words: str
    source: str
    time: float = 1.0

    @property
    def dimension(self) -> int:
        """How many numbers a state has, and so how many exponents."""
        return self.ensemble.shape[-1]

    def steps(self, count: int) -> tuple[Step, ...]:
        """Return the first ``count`` steps; raises ``ValueError`` where there are not as many."""
        if len(self.cycle) == 1:
            return self.cycle * count
        if count > len(self.cycle):
            raise ValueError(
                f"{count} steps of {self.name}, which has {len(self.cycle)}, each its own: build "
                "it with more layers"
            )
        return self.cycle[:count]


def orbit(steps: Sequence[Step], states: Tensor) -> Tensor:
    """Return the states before, between and after the steps, shape (len(steps) + 1, ...).

    >>> orbit([lambda x: 2 * x] * 3, torch.ones(1)).flatten().tolist()
    [1.0, 2.0, 4.0, 8.0]
    """
    passed = [states]
    with torch.no_grad():
        for step in steps:
            passed.append(step(passed[-1]))
    return torch.stack(passed)


def arrived(steps: Sequence[Step], states: Tensor) -> Tensor:
    """Return the states after all of the steps, without keeping those between.

    >>> arrived([lambda x: 2 * x] * 3, torch.ones(1)).item()
    8.0
    """
    with torch.no_grad():
        for step in steps:
            states = step(states)
    return states


def tangents_beside(states: Tensor, count: int, seed: int) -> Tensor:
    """Return ``count`` tangents for states that may have been drawn from ``seed`` themselves.

    The generator is another one: from the same, the first tangent would be the state over again,
    and growth along the state is not typical.
    """
    return draw_tangents(states.shape, count, (seed + _OTHER_STREAM) % 2**32)


_OTHER_STREAM = 0x9E3779B9


def twin_orbits(
    steps: Sequence[Step], states: Tensor, directions: Tensor, apart: float
) -> tuple[Tensor, Tensor]:
    """Return the orbits of the states, and of their twins, each (len(steps) + 1, *states.shape).

    Every row's twin begins ``apart`` beside it along its row of ``directions``.

    >>> one, two = twin_orbits([lambda x: 2 * x], torch.zeros(2), torch.tensor([3.0, 4.0]), 5.0)
    >>> (two - one).tolist()
    [[3.0, 4.0], [6.0, 8.0]]
    """
    unit = directions / torch.linalg.vector_norm(directions, dim=-1, keepdim=True)
    return orbit(steps, states), orbit(steps, states + apart * unit)


def ensemble_growth(
    system: System,
    *,
    steps: int,
    approach: int = 0,
    tangents: int | None = None,
    mode: Mode = "orthogonal",
    seed: int = 0,
) -> Growth:
    """Return the growth of ``tangents`` (by default d) on every orbit of the ensemble.

    The ensemble first takes ``approach`` steps without tangents, towards its attractor; these
    steps are not part of the growth. ``row_profile`` then has shape (k, steps, B). The tangents'
    own transient is still in it: see :func:`settled_rates`.
    """
    taken = system.steps(approach + steps)
    states = arrived(taken[:approach], system.ensemble)
    drawn = tangents_beside(states, tangents or system.dimension, seed)
    return push(taken[approach:], states, drawn, mode=mode, unit="row", cadence=1)


def settled_rates(growth: Growth, *, settle: int = 0, time: float = 1.0) -> NDArray[np.float64]:
    """Return the exponents of every orbit, shape (k, B), in nats per unit of time.

    The first ``settle`` steps are left out: until then a random tangent has not yet turned to
    the direction that grows most. ``time`` is the time of one step.
    """
    if growth.row_profile is None:
        raise ValueError("this growth has no rows: push with unit='row' for the rates by orbit")
    rates: NDArray[np.float64] = growth.row_profile[:, settle:].mean(axis=1) / time
    return rates


def logistic_map(orbits: int = 200, seed: int = 0) -> System:
    """Return ``x -> 4 x (1 - x)`` on (0, 1): its exponent is ln 2, exactly.

    The invariant density ``1 / (pi sqrt(x (1 - x)))`` gives ``E[ln |4 - 8x|] = ln 2``. Source:
    S. M. Ulam and J. von Neumann, Bull. Am. Math. Soc. 53 (1947) 1120.
    """
    return System(
        name="logistic",
        cycle=(lambda x: 4.0 * x * (1.0 - x),),
        ensemble=_uniform((orbits, 1), seed),
        known=math.log(2),
        words="ln 2, exactly, by its invariant density",
        source="S. M. Ulam and J. von Neumann, Bull. Am. Math. Soc. 53 (1947) 1120",
    )


def henon_map(orbits: int = 200, seed: int = 0) -> System:
    """Return ``(x, y) -> (1 - 1.4 x^2 + y, 0.3 x)``: exponents 0.41922 and -1.62319.

    Its Jacobian has determinant -0.3 everywhere, so the two sum to ln 0.3, exactly.
    """

    def step(state: Tensor) -> Tensor:
        x, y = state.unbind(-1)
        return torch.stack([1.0 - 1.4 * x**2 + y, 0.3 * x], dim=-1)

    return System(
        name="henon",
        cycle=(step,),
        # A box well inside the basin of attraction.
        ensemble=0.2 * (_uniform((orbits, 2), seed) - 0.5),
        known=0.41922,
        words="0.41922 and -1.62319, which sum to ln 0.3, the log of its area's shrinking",
        source=SPROTT,
    )


def linear_map(eigenvalues: Sequence[float], orbits: int = 3, seed: int = 0) -> System:
    """Return ``x -> A x`` with these real eigenvalues of distinct size: exponents ln |eigenvalue|.

    The eigenvectors are random and not orthogonal.
    """
    width = len(eigenvalues)
    vectors = _normal((width, width), seed)
    scaled = vectors * torch.tensor(eigenvalues, dtype=torch.float64)
    matrix = torch.linalg.solve(vectors, scaled, left=False)
    return System(
        name="linear",
        cycle=(_linear(matrix),),
        ensemble=_normal((orbits, width), seed + 1),
        known=math.log(max(map(abs, eigenvalues))),
        words="the logs of the sizes of its eigenvalues",
        source="algebra",
    )


def stochastic_product(width: int = 8, layers: int = 200, orbits: int = 3, seed: int = 0) -> System:
    """Return a product of random row-stochastic matrices: its first exponent is 0, exactly.

    The rows of each matrix are positive and sum to 1, so every matrix keeps the constant vector,
    and by Perron and Frobenius nothing grows faster.
    """
    matrices = _normal((layers, width, width), seed).softmax(dim=-1)
    return System(
        name="stochastic",
        cycle=tuple(_linear(matrix) for matrix in matrices),
        ensemble=_normal((orbits, width), seed + 1),
        known=0.0,
        words="0: every row-stochastic matrix keeps the constant vector",
        source="algebra",
    )


def _linear(matrix: Tensor) -> Step:
    return lambda state: state @ matrix.T


def _normal(shape: tuple[int, ...], seed: int) -> Tensor:
    """Return standard normal numbers, float64, from their own generator."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def _uniform(shape: tuple[int, ...], seed: int) -> Tensor:
    """Return uniform numbers in [0, 1), float64, from their own generator."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=generator, dtype=torch.float64)
