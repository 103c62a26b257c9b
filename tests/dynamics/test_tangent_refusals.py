"""What cannot be followed by a tangent is refused, naming layer and operation."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import pytest
import torch

from dynamics.maps import WIDTH, chain, matrix, random_tangents, state, tanh_network
from pytest_promptchaos.dynamics.tangent import push
from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    from pytest_promptchaos.dynamics.linearize import Step


def test_an_operation_without_forward_derivative_is_named() -> None:
    with pytest.raises(DepthError, match="layer 1 of 2: forward-mode AD cannot follow") as caught:
        push(
            [lambda x: x * 1.0, lambda x: torch.from_numpy(x.numpy() * 2)],
            state(),
            random_tangents(),
        )
    assert "x.numpy()" in str(caught.value)


@pytest.mark.parametrize(
    "step",
    [
        lambda x: x * x.sum().item() + x.sum().item(),
        lambda x: x * torch.tensor([float(x[0])], dtype=x.dtype),
    ],
)
def test_a_silently_dropped_derivative_is_refused(step: Step) -> None:
    with pytest.raises(DepthError, match="layer 0 of 1: its tangent contradicts a finite diff"):
        push([step], state() + 2, random_tangents())


def test_a_custom_kernel_without_derivative_is_refused() -> None:
    library = torch.library.Library("promptchaos_test", "DEF")  # type: ignore[no-untyped-call]
    library.define("double(Tensor x) -> Tensor")  # type: ignore[no-untyped-call]
    library.impl("double", lambda x: x * 2, "CPU")  # type: ignore[no-untyped-call]
    kernel = torch.ops.promptchaos_test.double
    with pytest.raises(DepthError, match="custom kernel"):
        push([lambda x: x + kernel(x)], state(), random_tangents())


def test_a_step_that_is_another_function_under_forward_mode_is_refused() -> None:
    calls = itertools.count()
    with pytest.raises(DepthError, match=r"differs from the plain one by 1\.0e\+00"):
        push([lambda x: x * (1 + next(calls) % 2)], state(), random_tangents())


@pytest.mark.parametrize(("value", "words"), [(math.nan, "state"), (math.inf, "state")])
def test_a_number_that_is_not_finite_names_its_layer(value: float, words: str) -> None:
    with pytest.raises(DepthError, match=f"layer 2 of 3: the {words} hold NaN or infinity"):
        push([lambda x: x + 1, lambda x: x + 2, lambda x: x + value], state(), random_tangents())


def test_a_derivative_that_is_not_finite_names_its_layer() -> None:
    with pytest.raises(DepthError, match="layer 0 of 1: the tangents hold NaN or infinity"):
        push([torch.sqrt], torch.zeros(WIDTH), random_tangents())


def test_a_tangent_that_vanishes_names_its_layer() -> None:
    with pytest.raises(DepthError, match="layer 1 of 2: tangent 0 vanishes"):
        push([lambda x: x + 1, lambda x: x * 0.0], state(), random_tangents())


def test_orthogonal_tangents_need_room_in_every_state() -> None:
    with pytest.raises(DepthError, match=r"layer 1 of 2: it leaves 3 dimensions, and 4 orth"):
        push(
            [lambda x: x * 2, lambda x: x[:3] * 1.0],
            state(),
            random_tangents(),
            mode="orthogonal",
        )


def test_a_derivative_that_is_dropped_late_is_still_met() -> None:
    step = lambda x: x * (2 / x[0].item()) if x[0] > 2 else x + 0.01  # noqa: E731
    with pytest.raises(DepthError, match=r"layer \d+ of 400: its tangent contradicts"):
        push([step] * 400, torch.ones(WIDTH), random_tangents())


def test_orthogonal_tangents_that_rounding_has_merged_are_refused() -> None:
    steep = torch.diag(torch.tensor([1e6, 1.0, 1.0, 1.0, 1.0], dtype=torch.float64))
    mixed = [matrix(1) @ steep @ matrix(2)] * 4
    with pytest.raises(DepthError, match="smaller cadence"):
        push(chain(mixed), state(), random_tangents(), mode="orthogonal", cadence=None)


@pytest.mark.parametrize(
    ("knobs", "why"),
    [
        ({"mode": "other"}, "choose one of independent, orthogonal"),
        ({"cadence": 0}, "cadence is 0"),
        ({"chunk": -1}, "chunk is -1"),
        ({"chunk": 1, "memory": 1000}, "give one of them"),
        ({"memory": 10}, "allow that much"),
        ({"unit": "token"}, "choose one of state, row"),
        ({"reference": []}, "0 reference states for 1 steps"),
    ],
)
def test_knobs_that_make_no_sense_are_refused(knobs: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        push(tanh_network(1), state(), random_tangents(), **knobs)  # type: ignore[arg-type]


def test_arguments_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="no steps"):
        push([], state(), random_tangents())
    with pytest.raises(ValueError, match="do not fit"):
        push(tanh_network(1), state(), torch.ones(2, WIDTH + 1))
    with pytest.raises(ValueError, match="do not exist in 5 dimensions"):
        push(tanh_network(1), state(), random_tangents(6), mode="orthogonal")
    with pytest.raises(ValueError, match="a state with an axis"):
        push(tanh_network(1), torch.ones(()), torch.ones(1))
    with pytest.raises(ValueError, match="a tangent is zero"):
        push(tanh_network(1), state(), torch.zeros(2, WIDTH))
    with pytest.raises(ValueError, match="a combination"):
        push(tanh_network(1), state(), torch.ones(2, WIDTH), mode="orthogonal")
