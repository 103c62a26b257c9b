"""Perturbations of finite size through the model's own forward, layer by layer.

Nothing here is differentiated or replayed: the state entering the first layer is moved a little,
the model runs on by itself, and what leaves each layer is compared with the ordinary run. It is
the independent check of every tangent, and shows how large an edit may be for a tangent to
speak of it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from pytest_promptchaos.dynamics.forward import Place, forward, hidden_of
from pytest_promptchaos.dynamics.layout import layout_of
from pytest_promptchaos.dynamics.parity import relative_difference, tolerance
from pytest_promptchaos.dynamics.positions import position_mask
from pytest_promptchaos.dynamics.tangent import draw_tangents
from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor
    from transformers import PreTrainedModel

    from pytest_promptchaos.dynamics.depth import Depth
    from pytest_promptchaos.dynamics.forward import Arguments
    from pytest_promptchaos.dynamics.layout import Layout
    from pytest_promptchaos.dynamics.positions import Positions

EPSILONS = (1e-4, 1e-3, 1e-2, 1e-1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Separations:
    """How far perturbed runs are from the ordinary one; arrays only, nothing of torch.

    ``separation`` (E, k, L + 1) holds joint norms of the difference before, between and after the
    layers, for E relative sizes ``epsilons`` and k directions. ``sizes`` (L + 1,) are the joint
    norms of the ordinary states at the tokens that can be reached: the first perturbed one and
    all after it. ``precision`` is the rounding unit of the coarsest dtype.
    """

    epsilons: tuple[float, ...]
    separation: NDArray[np.float64]
    sizes: NDArray[np.float64]
    precision: float


def separations(
    network: PreTrainedModel,
    input_ids: Tensor,
    depth: Depth,
    *,
    epsilons: Sequence[float] = EPSILONS,
    tangents: int = 10,
    seed: int = 0,
    positions: Positions = "prompt",
) -> Separations:
    """Return how perturbations of several sizes part from the ordinary run, layer by layer.

    The directions are those of :func:`pytest_promptchaos.dynamics.depth.depth_growth` for the
    same ``tangents``, ``seed`` and ``positions``. A perturbation of relative size epsilon has
    ``epsilon`` times the joint norm of the state at the chosen positions. The copies run one by
    one, in the shape of the ordinary forward, so that one of size zero would not move a bit; it
    takes ``len(epsilons) * tangents + 1`` forwards.

    Raises:
        DepthError: where the model's own forward does not pass through the states of ``depth``.
        ValueError: for sizes that are not above zero, or positions that make no sense.
    """
    if not epsilons or min(epsilons) <= 0:
        raise ValueError(f"relative sizes {list(epsilons)}: give at least one, all above 0")
    mask = position_mask(positions, input_ids.shape[1])
    drawn = draw_tangents(depth.state.shape, tangents, seed, mask=mask)
    run = _Run(network, input_ids, depth)
    ordinary = run.through(depth.state)
    run.refuse_other_states(ordinary)
    whole = _norm(depth.state * mask.to(depth.state))
    measured = [
        [_apart(run, ordinary, epsilon * whole * one.to(depth.state)) for one in drawn]
        for epsilon in epsilons
    ]
    reached = (mask.cumsum(dim=0) > 0).to(depth.state)
    return Separations(
        epsilons=tuple(epsilons),
        separation=np.array(measured),
        sizes=np.array([_norm(state * reached) for state in ordinary]),
        precision=torch.finfo(depth.precision).eps,
    )


def _apart(run: _Run, ordinary: Sequence[Tensor], shift: Tensor) -> list[float]:
    """Return the distances of one perturbed run from the ordinary one."""
    perturbed = run.through(ordinary[0] + shift)
    pairs = zip(perturbed, ordinary, strict=True)
    return [_norm(one.double() - other.double()) for one, other in pairs]


class _Run:
    """A model's own forward that starts from a given state entering the first layer."""

    def __init__(self, network: PreTrainedModel, input_ids: Tensor, depth: Depth) -> None:
        self._network, self._input_ids, self._depth = network, input_ids, depth
        # A name that comes again is another call of the same layer.
        seen: Counter[str] = Counter()
        self._places: dict[Place, int] = {}
        for number, name in enumerate(depth.names):
            self._places[Place(network.get_submodule(name), seen[name])] = number
            seen[name] += 1

    def through(self, state: Tensor) -> list[Tensor]:
        """Return the states entering each layer, and the one leaving the last, as rows."""
        left: list[Tensor] = []
        shape: list[Layout] = []
        last = len(self._places) - 1

        def enter(place: Place, given: Arguments) -> Tensor | None:
            number = self._places.get(place)
            if number is None:
                return None
            layout = layout_of(given.hidden.shape, self._input_ids.shape[1])
            if layout is None:
                raise DepthError(f"{self._depth.names[number]} is called on no hidden state")
            shape[:] = [layout]
            # Cloned, because a layer may add to its input in place.
            left.append(layout.rows(given.hidden).clone() if number else state)
            return None if number else layout.hidden(state).clone()

        def leave(place: Place, output: Any) -> None:
            if self._places.get(place) == last:
                leaving = hidden_of(output, shape[0].shape)
                left.extend([] if leaving is None else [shape[0].rows(leaving).clone()])

        forward(self._network, self._input_ids, {p.layer: None for p in self._places}, enter, leave)
        return left

    def refuse_other_states(self, ordinary: Sequence[Tensor]) -> None:
        """Raise ``DepthError`` where the forward passes through other states than the depth."""
        states = (self._depth.state, *self._depth.reference)
        allowed = tolerance(self._depth.precision)
        if [s.shape for s in ordinary] != [s.shape for s in states] or any(
            relative_difference(one, other) > allowed
            for one, other in zip(ordinary, states, strict=True)
        ):
            raise DepthError(
                f"the forward of {type(self._network).__name__} works on the hidden state outside "
                "its layers, where a finite perturbation cannot be followed; its tangents can"
            )


def _norm(values: Tensor) -> float:
    """Return the joint norm over all axes, in float64."""
    return float(torch.linalg.vector_norm(values, dtype=torch.float64))
