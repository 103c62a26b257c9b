"""Any step or stack of layers: what is measured, what is told of it, and what is refused."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch.nn import Dropout, Linear, Module, ModuleList, Sequential, Tanh

from pytest_promptchaos.errors import ArgumentError, DepthError
from pytest_promptchaos.measure.profile import exponent, profile_slope, profile_variance
from pytest_promptchaos.steps import measure_steps

if TYPE_CHECKING:
    from torch import Tensor

    from pytest_promptchaos.records import Findings, Measurement


def logistic(x: Tensor) -> Tensor:
    return 4.0 * x * (1.0 - x)


def henon(state: Tensor) -> Tensor:
    x, y = state
    return torch.stack([1.0 - 1.4 * x**2 + y, 0.3 * x])


def layers(count: int = 4, width: int = 6, dtype: torch.dtype = torch.float64) -> list[Module]:
    torch.manual_seed(0)
    made = [Sequential(Linear(width, width), Tanh()) for _ in range(count)]
    return [layer.to(dtype) for layer in made]


def state(width: int = 6, seed: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(width, generator=generator, dtype=torch.float64)


def beside(findings: Findings, name: str) -> Measurement:
    return next(one for one in findings.also if one.name == name)


# -- known answers ------------------------------------------------------------------------------


def test_a_repeated_multiple_grows_by_its_logarithm() -> None:
    findings = measure_steps(lambda x: 3.0 * x, state(), steps=7)
    measured = findings.measurement
    assert measured.value == pytest.approx(math.log(3), abs=1e-12)
    assert (measured.name, measured.unit) == ("lambda_1", "nats per step")
    assert findings.curves[0].y == pytest.approx([math.log(3)] * 7, abs=1e-12)


def test_the_logistic_map_has_ln_2_over_states() -> None:
    starts = [np.array([x]) for x in np.linspace(0.11, 0.87, 8)]
    findings = measure_steps(logistic, starts, steps=400, transient=20)
    measured = findings.measurement
    assert measured.value == pytest.approx(math.log(2), abs=0.01)
    assert measured.interval.endswith("t over 8 states")
    assert (measured.resampled, measured.resampled_n) == ("states", 8)
    assert [part.name for part in measured.breakdown] == [f"state {place}" for place in range(8)]


def test_the_exponents_of_the_henon_map_sum_to_ln_0_3() -> None:
    findings = measure_steps(henon, np.array([0.1, 0.1]), steps=500, mode="orthogonal")
    total = beside(findings, "exponent_sum")
    assert total.value == pytest.approx(math.log(0.3), abs=1e-6)
    assert [part.name for part in total.breakdown] == ["lambda_1", "lambda_2"]
    assert findings.measurement == total.breakdown[0]
    dimension = beside(findings, "kaplan_yorke_dimension").value
    first, second = (part.value for part in total.breakdown)
    assert first is not None
    assert second is not None
    assert dimension == pytest.approx(1 + first / abs(second))


def test_the_exponents_of_one_orbit_have_no_interval_and_say_what_would_give_one() -> None:
    one = measure_steps(henon, np.array([0.1, 0.1]), steps=20, mode="orthogonal").measurement
    assert (one.low, one.resampled) == (None, "states")
    assert "pass 5 states or more" in one.interval
    starts = [np.array([0.1, y]) for y in (0.0, 0.02, 0.05, 0.1, 0.15)]
    several = measure_steps(henon, starts, steps=20, mode="orthogonal").measurement
    assert several.low is not None
    assert several.interval.endswith("t over 5 states")


# -- what is a step and what a stack ------------------------------------------------------------


@pytest.mark.parametrize("container", [Sequential, ModuleList, list, tuple, iter], ids=str)
def test_any_iterable_of_callables_is_a_stack(container: Any) -> None:
    made = layers()
    wrapped = container(*made) if container is Sequential else container(made)
    findings = measure_steps(wrapped, state())
    reference = measure_steps([lambda x, layer=layer: layer(x) for layer in made], state())
    assert findings.measurement.value == reference.measurement.value
    assert findings.measurement.unit == "nats per layer"
    assert len(findings.curves[0].x) == 4


def test_with_a_count_a_stack_is_one_step() -> None:
    made = Sequential(*layers(2))
    twice = measure_steps(made, state(), steps=3)
    apart = measure_steps([*made] * 3, state())
    assert apart.measurement.value is not None
    assert twice.measurement.value == pytest.approx(2 * apart.measurement.value, rel=1e-12)


def test_layers_of_different_width_are_followed_and_named() -> None:
    torch.manual_seed(0)
    stack = Sequential(Linear(6, 20), Tanh(), Linear(20, 3)).double()
    findings = measure_steps(stack, state())
    names = [part.name for part in beside(findings, "expanding_layers").breakdown]
    assert names == ["0 Linear", "1 Tanh", "2 Linear"]


def test_a_stack_tells_growth_beyond_the_states_own() -> None:
    findings = measure_steps([lambda x: 3.0 * x, lambda x: 2.0 * x], state())
    assert beside(findings, "lambda_1 beyond the state's own growth").value == pytest.approx(0)
    assert [curve.series for curve in findings.curves] == [
        "perturbation",
        "beyond the state's own growth",
    ]


def test_a_state_that_is_zero_has_no_growth_to_go_beyond() -> None:
    findings = measure_steps([lambda x: 3.0 * x, lambda x: 2.0 * x], torch.zeros(4))
    assert findings.measurement.value == pytest.approx(math.log(6) / 2)
    assert not [one for one in findings.also if "own growth" in one.name]


# -- what is told -------------------------------------------------------------------------------


def test_the_shape_of_the_profile_stands_beside_the_rate() -> None:
    findings = measure_steps(layers(), state())
    growth = np.array([findings.curves[0].y])
    assert findings.measurement.value == pytest.approx(exponent(growth), rel=1e-12)
    assert beside(findings, "profile_variance").value == pytest.approx(profile_variance(growth))
    assert beside(findings, "profile_slope").value == pytest.approx(profile_slope(growth))


def test_beyond_200_steps_the_profile_is_of_blocks() -> None:
    findings = measure_steps(logistic, np.array([0.3]), steps=430)
    (curve,) = findings.curves
    assert len(curve.x) == 200
    # 430 steps are 30 blocks of three and 170 of two; a block stands at its middle.
    assert (curve.x[0], curve.x[-1]) == (1.0, 428.5)
    sizes = [3] * 30 + [2] * 170
    assert findings.measurement.value == pytest.approx(np.average(curve.y, weights=sizes))


def test_a_transient_is_taken_before_anything_is_measured() -> None:
    whole = measure_steps(logistic, np.array([0.3]), steps=30)
    later = measure_steps(logistic, np.array([0.3]), steps=20, transient=10)
    assert later.curves[0].y == pytest.approx(whole.curves[0].y[10:], abs=1e-12)
    assert later.settings["transient"] == 10


def test_the_identity_covers_every_parameter() -> None:
    made = layers()
    first = measure_steps(made, state()).model
    assert first == measure_steps(layers(), state()).model
    with torch.no_grad():
        next(iter(made[2].parameters()))[0, 0] += 1e-9
    changed = measure_steps(made, state()).model
    assert len(first.fingerprint) == len(changed.fingerprint) == 64
    assert first.fingerprint != changed.fingerprint
    assert (first.pin, first.dtype) == ("steps:list", "float64")


def test_a_function_is_known_by_its_name_alone() -> None:
    model = measure_steps(henon, np.array([0.1, 0.1]), steps=2).model
    assert (model.pin, model.fingerprint) == ("steps:henon", "none")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_states_type_is_kept(dtype: torch.dtype) -> None:
    findings = measure_steps(layers(dtype=dtype), state().to(dtype))
    assert findings.model.dtype == str(dtype).removeprefix("torch.")


def test_ten_tangents_or_as_many_as_the_state_has_numbers() -> None:
    assert measure_steps(layers(), state()).settings["tangents"] == 6
    assert measure_steps(layers(width=12), state(12)).settings["tangents"] == 10


def test_a_seed_names_the_tangents_and_no_tangent_is_the_state() -> None:
    first, again, other = (measure_steps(layers(), state(), seed=s) for s in (5, 5, 6))
    assert first.measurement == again.measurement
    assert first.measurement != other.measurement
    # The state itself was drawn from seed 5, and this map takes a tangent along it to zero.
    flat = measure_steps(lambda x: x / x.norm(), state(seed=5), steps=1, seed=5, tangents=1)
    assert flat.measurement.value == pytest.approx(-math.log(float(state(seed=5).norm())), abs=1)


def test_a_step_of_a_recurrent_cell_is_followed() -> None:
    torch.manual_seed(0)
    cell, inputs = torch.nn.GRUCell(3, 8), torch.zeros(3)
    findings = measure_steps(lambda h: cell(inputs, h), torch.zeros(8) + 0.1, steps=5)
    assert findings.measurement.value is not None
    assert findings.measurement.value < 0


# -- refusals -----------------------------------------------------------------------------------


def shrinking(x: Tensor) -> Tensor:
    return x[:-1]


REFUSED: list[tuple[object, object, dict[str, Any], str]] = [
    (logistic, state(), {}, "say how often it is applied, steps=100"),
    ([], state(), {}, "the stack has no layers"),
    ([torch.tanh, 3], state(), {}, "step 1 is a int and cannot be called"),
    (3, state(), {"steps": 2}, "step 0 is a int and cannot be called"),
    (logistic, state(), {"steps": 0}, "steps is 0"),
    (logistic, state(), {"steps": 5, "tangents": 0}, "tangents is 0"),
    (logistic, state(), {"steps": 5, "transient": -1}, "transient is -1"),
    (logistic, state(), {"steps": 5, "mode": "orthogonl"}, "did you mean 'orthogonal'"),
    (logistic, state(), {"steps": 5, "mode": "orthogonal", "tangents": 7}, "do not exist in 6"),
    ([torch.tanh], state(), {"transient": 1}, "leaves none of the 1 layers"),
    (logistic, [], {"steps": 5}, "no state was given"),
    (logistic, [0.1, 0.2], {"steps": 5}, "a state is float: pass a tensor or an array"),
    (logistic, torch.tensor(0.1), {"steps": 5}, "one axis or more"),
    (logistic, torch.arange(4), {"steps": 5}, "holds int64, but growth is a derivative"),
    (logistic, torch.tensor([math.nan]), {"steps": 5}, "holds NaN or infinity"),
    (logistic, [state(3), state(4)], {"steps": 5}, "differ in shape or type"),
    (shrinking, state(), {"steps": 2}, r"step 0 turns shape \(6,\) into \(5,\)"),
    (lambda x: (x, x), state(), {"steps": 2}, "returns a tuple, but the next state is one tensor"),
    (lambda x: x.float(), state(), {"steps": 2}, "turns float64 on cpu into float32 on cpu"),
    (lambda x: x * 1e200, state(), {"steps": 9}, "the state after step 1 holds NaN or infinity"),
    (
        Linear(6, 6),
        state(),
        {"steps": 2},
        r"step 0 fails on a state of shape \(6,\) and type float",
    ),
    (Sequential(Linear(6, 6), Dropout()), state(), {}, "step 1 holds Dropout in training mode"),
]


@pytest.mark.parametrize(("step", "states", "knobs", "why"), REFUSED)
def test_what_cannot_be_measured_is_refused_with_the_reason(
    step: object, states: object, knobs: dict[str, Any], why: str
) -> None:
    with pytest.raises(ArgumentError, match=why):
        measure_steps(step, states, **knobs)


def test_in_evaluation_mode_dropout_is_a_layer_like_any_other() -> None:
    stack = Sequential(Linear(6, 6), Dropout()).double().eval()
    assert measure_steps(stack, state()).measurement.value is not None


def test_a_dropped_derivative_is_refused() -> None:
    with pytest.raises(DepthError, match="its tangent contradicts a finite difference"):
        measure_steps(lambda x: x * x.sum().item() + x.sum().item(), state(), steps=3)
