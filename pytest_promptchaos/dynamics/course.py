"""The model's own forward, from one layer's entry to the next, as a step.

A step of this kind is right for any forward: it runs all of it, with the states at the layers'
entries put in their places, and stops at the next entry. What happens between two layers belongs
to the step. Where it needs a state from further up (keys that later layers share, the first
layer's values, a sum of earlier states), that state travels along with its tangent, because the
derivative runs through it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pytest_promptchaos.dynamics.forward import Arguments, Place, forward, hidden_of
from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch.nn import Module
    from transformers import PreTrainedModel

    from pytest_promptchaos.dynamics.layout import Layout

# What travels along is written so small that it adds nothing to the norm of a row: its share of
# the square is 2**-60, below float64's rounding. A power of two, so no digit is lost.
_SMALL = 2.0**-30


@dataclass(frozen=True, kw_only=True, eq=False)
class Course:
    """A model's forward through ``places``, ending when the call at ``end`` returns.

    ``states`` are the hidden states entering at each place and, last, the one leaving at the end,
    in the model's own layout.
    """

    network: PreTrainedModel
    input_ids: Tensor
    layers: Sequence[Module]
    places: Sequence[Place]
    end: Place
    states: Sequence[Tensor]
    layout: Layout

    def run(self, states: Mapping[int, Tensor], last: int) -> dict[int, Tensor]:
        """Return the states that the forward brings to each entry, by number, up to ``last``.

        ``states`` replace them as soon as they are brought; where there is none it goes on with
        the recorded one.
        """
        brought: dict[int, Tensor] = {}
        numbers = {place: number for number, place in enumerate(self.places)}

        def enter(place: Place, given: Arguments) -> Tensor | None:
            number = numbers.get(place)
            if number is None:
                return None
            # Cloned, because a layer may add to its input in place.
            brought[number] = given.hidden.clone()
            if number == last:
                raise _Arrived
            return states.get(number, self.states[number]).clone()

        def leave(place: Place, output: Any) -> None:
            if place == self.end:
                leaving = hidden_of(output, self.layout.shape)
                assert leaving is not None
                brought[len(self.places)] = leaving.clone()
                raise _Arrived

        with suppress(_Arrived):
            forward(
                self.network,
                self.input_ids,
                self.layers,
                enter,
                leave,
                gradients=torch.is_grad_enabled(),
            )
        if not all(number in brought for number in range(last + 1)):
            raise DepthError(
                f"the forward of {type(self.network).__name__} takes another way through its "
                "layers when a hidden state changes a little: its depth has no derivative"
            )
        return brought


class _Arrived(Exception):  # noqa: N818  # no error: it ends a forward that has come far enough
    """The forward has brought the state that was asked for."""


@dataclass(frozen=True, eq=False)
class Bundle:
    """The state entering at a place, and earlier ones that travel along, side by side in rows."""

    course: Course
    number: int
    earlier: Sequence[int]

    @property
    def numbers(self) -> tuple[int, ...]:
        """The states in a row, by number."""
        return (self.number, *self.earlier)

    @property
    def scale(self) -> Tensor:
        """The size at which each number of a row is written, shape (n,)."""
        rows = self.course.layout.rows(self.course.states[self.number])
        ones = torch.ones_like(rows[0, 0], dtype=self._dtype)
        return torch.cat([ones, *(ones * _SMALL for _ in self.earlier)])

    def packed(self, states: Mapping[int, Tensor]) -> Tensor:
        """Return the states as rows (1, T, n)."""
        rows = [self.course.layout.rows(states[number]) for number in self.numbers]
        if not self.earlier:
            return rows[0]
        small = [row.to(self._dtype) * _SMALL for row in rows[1:]]
        return torch.cat([rows[0].to(self._dtype), *small], dim=-1)

    def unpacked(self, rows: Tensor) -> dict[int, Tensor]:
        """Return the states of packed rows by number."""
        layout, dtype = self.course.layout, self.course.states[self.number].dtype
        parts = rows.chunk(len(self.numbers), dim=-1)
        scaled = [parts[0], *(part / _SMALL for part in parts[1:])]
        pairs = zip(self.numbers, scaled, strict=True)
        return {number: layout.hidden(part.to(dtype)) for number, part in pairs}

    def step(self, following: Bundle) -> Callable[[Tensor], Tensor]:
        """Return the step from these rows to those of the following bundle."""

        def replay(rows: Tensor) -> Tensor:
            states = self.unpacked(rows)
            brought = self.course.run(states, following.number)
            return following.packed({**states, following.number: brought[following.number]})

        return replay

    @property
    def _dtype(self) -> torch.dtype:
        """One that is wide enough for small numbers: float16 is not, and becomes float32."""
        own = self.course.states[self.number].dtype
        return torch.promote_types(own, torch.bfloat16) if self.earlier else own


def needed_by(course: Course, nudged: Callable[[Tensor], Tensor]) -> list[frozenset[int]]:
    """Return, for every place and the end, the earlier states that the steps from there on need.

    A step needs an earlier state if nudging that one alone changes what the step brings.
    """
    count = len(course.places)
    needed: list[set[int]] = [set() for _ in range(count + 1)]
    for earlier in range(count):
        with torch.no_grad():
            brought = course.run({earlier: nudged(course.states[earlier])}, count)
        later = range(earlier + 1, count)
        users = [n for n in later if not torch.equal(brought[n + 1], course.states[n + 1])]
        for number in range(earlier + 1, max(users, default=earlier) + 1):
            needed[number].add(earlier)
    return [frozenset(numbers) for numbers in needed]
