"""Your own system in place of a model: a step that repeats, or a stack of layers."""

import math

import pytest
import torch

from pytest_promptchaos import assert_ftle, measure_ftle


def rotation(angle):
    """A step that turns the plane: nothing grows, nothing shrinks."""
    cos, sin = math.cos(angle), math.sin(angle)
    turn = torch.tensor([[cos, -sin], [sin, cos]])
    return lambda state: turn @ state


class Recurrent(torch.nn.Module):
    """A tanh network with one weight matrix, used at every step."""

    def __init__(self, width, radius, seed):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        weight = torch.randn(width, width, generator=generator, dtype=torch.float64)
        largest = torch.linalg.eigvals(weight).abs().max()
        self.weight = torch.nn.Parameter(radius * weight / largest)

    def forward(self, state):
        """Return the next state."""
        return torch.tanh(self.weight @ state)


def starts(count, width):
    """Several initial states: from five on, the interval speaks of them, not of directions."""
    generator = torch.Generator().manual_seed(1)
    return list(torch.randn(count, width, generator=generator, dtype=torch.float64))


def test_a_rotation_keeps_every_distance():
    findings = measure_ftle(rotation(0.3), torch.ones(2), steps=50)
    assert findings.measurement.value == pytest.approx(0, abs=1e-5)


def test_a_recurrent_network_below_radius_1_forgets():
    network = Recurrent(width=50, radius=0.9, seed=0)
    assert_ftle(network, starts(5, 50), steps=100, transient=20, at_most=-0.05)


def test_a_recurrent_network_far_above_radius_1_is_chaotic():
    network = Recurrent(width=50, radius=3.0, seed=0)
    assert_ftle(network, starts(5, 50), steps=100, transient=50, at_least=0.05)


def test_the_first_exponents_of_a_recurrent_network_stand_beside_each_other():
    network = Recurrent(width=50, radius=3.0, seed=0)
    findings = measure_ftle(
        network, starts(1, 50), steps=100, transient=50, tangents=4, mode="orthogonal"
    )
    spectrum = next(one for one in findings.also if one.name == "exponent_sum").breakdown
    rates = [exponent.value for exponent in spectrum]
    assert rates == sorted(rates, reverse=True)


def test_a_deep_stack_does_not_blow_up_a_difference():
    torch.manual_seed(0)
    layers = [torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Tanh()) for _ in range(12)]
    findings = measure_ftle(torch.nn.Sequential(*layers), torch.randn(64))
    assert len(findings.curves[0].y) == 12
    assert_ftle(torch.nn.Sequential(*layers), torch.randn(64), at_most=0.0)
