"""Tangents carried along keep their direction, and their growth is that of a push."""

from __future__ import annotations

import pytest
import torch

from dynamics.maps import WIDTH, random_tangents, state, tanh_network
from pytest_promptchaos.dynamics.tangent import push
from pytest_promptchaos.dynamics.travel import arrive, travel


def test_stops_are_the_states_and_the_directions_of_the_chain_rule() -> None:
    steps, now, moving = tanh_network(5), state(), random_tangents()
    stops = list(travel(steps, now, random_tangents()))
    assert len(stops) == len(steps) + 1
    for stop, step in zip(stops, [*steps, None], strict=True):
        expected = moving / torch.linalg.vector_norm(moving, dim=1, keepdim=True)
        assert stop.state.tolist() == pytest.approx(now.tolist())
        assert stop.tangents.flatten().tolist() == pytest.approx(expected.flatten().tolist())
        if step is not None:
            jacobian = torch.func.jacrev(step)(now)
            now, moving = step(now), moving @ jacobian.T


def test_the_growth_on_the_way_is_that_of_a_push() -> None:
    steps = tanh_network(7)
    growth = push(steps, state(), random_tangents())
    stops = list(travel(steps, state(), random_tangents(), chunk=3))
    logs = torch.stack([stop.log_norms for stop in stops], dim=1)
    assert logs.diff(dim=1).flatten().tolist() == pytest.approx(growth.profile.flatten().tolist())
    assert torch.equal(arrive(steps, state(), random_tangents()).state, stops[-1].state)
    assert stops[-1].tangents.shape == (4, WIDTH)


def test_a_long_way_neither_overflows_nor_underflows() -> None:
    end = arrive([lambda x: 1e-30 * x] * 40, state(), random_tangents())
    assert end.log_norms.tolist() == pytest.approx([40 * -69.0775528] * 4)
