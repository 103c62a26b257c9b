"""Rows sized by themselves: independent orbits exactly, tokens with the defect that they have."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamics.maps import WIDTH, linear, matrix
from pytest_promptchaos.dynamics.tangent import draw_tangents, push
from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    from torch import Tensor

    from pytest_promptchaos.dynamics.linearize import Step
    from pytest_promptchaos.dynamics.modes import Mode

ORBITS, LAYERS = 7, 9
MODES: tuple[Mode, ...] = ("independent", "orthogonal")
SEEDS = st.integers(0, 2**20)


def network(layers: int = LAYERS) -> list[Step]:
    """Layers that act on every row by itself."""

    def layer(weight: Tensor) -> Step:
        return lambda state: state + torch.tanh(state @ weight.T)

    return [layer(matrix(seed)) for seed in range(layers)]


def states(seed: int = 0) -> Tensor:
    return draw_tangents((ORBITS, WIDTH), 1, seed)[0] * 5


def mixing(state: Tensor) -> Tensor:
    """Every row gains a share of the rows before it, as tokens do."""
    return state + torch.tanh(0.3 * state.cumsum(dim=-2))


# -- known answers ------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_every_row_has_its_own_growth(mode: Mode) -> None:
    factors = torch.tensor([[0.5], [1.0], [3.0]], dtype=torch.float64)
    tangents = draw_tangents((3, WIDTH), 2, seed=0)
    growth = push(
        [lambda x: x * factors] * 4, factors.expand(3, WIDTH), tangents, unit="row", mode=mode
    )
    expected = np.log([0.5, 1.0, 3.0])
    assert growth.row_profile == pytest.approx(np.broadcast_to(expected, (2, 4, 3)), abs=1e-12)
    assert growth.profile == pytest.approx(np.full((2, 4), expected.mean()), abs=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_an_ensemble_is_its_orbits_pushed_one_by_one(mode: Mode) -> None:
    tangents = draw_tangents((ORBITS, WIDTH), 3, seed=0)
    together = push(network(), states(), tangents, unit="row", mode=mode)
    assert together.row_profile is not None
    assert together.row_profile.shape == (3, LAYERS, ORBITS)
    for row, start in enumerate(states()):
        alone = push(network(), start, tangents[:, row], mode=mode)
        assert together.row_profile[:, :, row] == pytest.approx(alone.profile, abs=1e-12)
    assert together.profile == pytest.approx(together.row_profile.mean(axis=-1), abs=1e-15)


def test_the_spectrum_of_every_row_sums_to_its_volume() -> None:
    maps = [matrix(seed) for seed in range(4)]
    tangents = draw_tangents((ORBITS, WIDTH), WIDTH, seed=0)
    growth = push([linear(m) for m in maps], states(), tangents, unit="row", mode="orthogonal")
    volumes = np.array([float(torch.linalg.slogdet(m).logabsdet) for m in maps])
    assert growth.row_profile is not None
    assert growth.row_profile.sum(axis=0) == pytest.approx(
        np.repeat(volumes[:, None], ORBITS, axis=1), abs=1e-9
    )


def test_a_state_without_rows_is_its_own_row() -> None:
    tangents = draw_tangents((WIDTH,), 2, seed=0)
    as_row = push(network(), states()[0], tangents, unit="row")
    as_state = push(network(), states()[0], tangents)
    assert as_row.profile == pytest.approx(as_state.profile, abs=1e-13)
    assert as_state.row_profile is None


def test_the_states_own_growth_is_the_mean_over_rows() -> None:
    factors = torch.tensor([[0.5], [1.0], [3.0]], dtype=torch.float64)
    start = draw_tangents((3, WIDTH), 1, seed=1)[0]
    growth = push([lambda x: x * factors] * 3, start, draw_tangents((3, WIDTH), 2, 0), unit="row")
    assert growth.relative_profile == pytest.approx(np.zeros((2, 3)), abs=1e-12)


# -- what may not change the numbers ------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("cadence", [2, 4, 8, None])
def test_independent_orbits_do_not_depend_on_the_cadence(mode: Mode, cadence: int | None) -> None:
    tangents = draw_tangents((ORBITS, WIDTH), 2, seed=0)
    every, some = (
        push(network(), states(), tangents, unit="row", mode=mode, cadence=c) for c in (1, cadence)
    )
    assert some.row_profile == pytest.approx(every.row_profile, abs=1e-9)


@pytest.mark.parametrize("mode", MODES)
def test_tokens_that_mix_do_depend_on_it(mode: Mode) -> None:
    tangents = draw_tangents((ORBITS, WIDTH), 2, seed=0)
    every, some = (
        push([mixing] * 8, states(), tangents, unit="row", mode=mode, cadence=c) for c in (1, 4)
    )
    assert np.abs(every.profile - some.profile).max() > 1e-3


@given(
    seed=SEEDS, mode=st.sampled_from(MODES), kept=st.sets(st.integers(0, ORBITS - 1), min_size=1)
)
@settings(deadline=None, max_examples=25)
def test_rows_outside_the_mask_change_nothing(seed: int, mode: Mode, kept: set[int]) -> None:
    mask = torch.zeros(ORBITS, 1, dtype=torch.bool)
    mask[sorted(kept)] = True
    tangents = draw_tangents((ORBITS, WIDTH), 2, seed, mask=mask)
    masked = push(network(4), states(seed), tangents, unit="row", mode=mode, mask=mask)
    only = push(
        network(4), states(seed)[sorted(kept)], tangents[:, sorted(kept)], unit="row", mode=mode
    )
    assert masked.row_profile == pytest.approx(only.row_profile, abs=1e-12)
    assert masked.state_norms == pytest.approx(only.state_norms, rel=1e-12)


def test_a_token_after_the_mask_takes_no_part() -> None:
    mask = (torch.arange(ORBITS) < 4).unsqueeze(-1)
    tangents = draw_tangents((ORBITS, WIDTH), 2, seed=0, mask=mask)
    growth = push([mixing] * 6, states(), tangents, unit="row", mask=mask)
    shorter = push([mixing] * 6, states()[:4], tangents[:, :4], unit="row")
    assert growth.row_profile == pytest.approx(shorter.row_profile, abs=1e-12)


# -- a reference --------------------------------------------------------------------------------


def ordinary(steps: list[Step], state: Tensor) -> list[Tensor]:
    return list(itertools.accumulate(steps, lambda now, step: step(now), initial=state))[1:]


@pytest.mark.parametrize("unit", ["state", "row"])
def test_a_reference_changes_no_number(unit: str) -> None:
    tangents = draw_tangents((ORBITS, WIDTH), 2, seed=0)
    plain = push(network(), states(), tangents, unit=unit)  # type: ignore[arg-type]
    reference = ordinary(network(), states())
    given = push(network(), states(), tangents, unit=unit, reference=reference)  # type: ignore[arg-type]
    assert given.profile.tolist() == plain.profile.tolist()
    assert given.state_norms.tolist() == plain.state_norms.tolist()


def test_with_a_reference_no_step_is_called_plainly() -> None:
    calls = itertools.count()

    def step(values: Tensor) -> Tensor:
        next(calls)
        return values * 2.0

    reference = ordinary([lambda x: x * 2.0] * 5, states())
    push([step] * 5, states(), draw_tangents((ORBITS, WIDTH), 3, 0), reference=reference)
    assert next(calls) == 5


def test_each_step_starts_from_the_reference() -> None:
    # Off by less than the tolerance, so that it is accepted, yet enough to be seen.
    reference = [state * (1 + 1e-9) for state in ordinary(network(), states())]
    growth = push(network(), states(), draw_tangents((ORBITS, WIDTH), 1, 0), reference=reference)
    assert growth.primal.tolist() == reference[-1].tolist()
    assert 0 < growth.parity < 1e-7


def test_a_state_that_the_ordinary_forward_did_not_give_is_refused() -> None:
    reference = ordinary(network(), states())
    reference[3][2] *= 1.01
    with pytest.raises(DepthError, match="layer 3 of 9: the state under forward-mode AD differs"):
        push(network(), states(), draw_tangents((ORBITS, WIDTH), 1, 0), reference=reference)


# -- refusals -----------------------------------------------------------------------------------


def test_a_tangent_that_vanishes_names_its_row() -> None:
    dead = torch.ones(ORBITS, 1, dtype=torch.float64)
    dead[5] = 0
    mask = torch.arange(ORBITS).unsqueeze(-1) > 2
    tangents = draw_tangents((ORBITS, WIDTH), 2, seed=0, mask=mask)
    with pytest.raises(DepthError, match="layer 1 of 2: tangent 0 vanishes in it in row 5"):
        push([lambda x: x * 1.0, lambda x: x * dead], states(), tangents, unit="row")


def test_rows_that_a_step_merges_are_refused() -> None:
    with pytest.raises(DepthError, match="layer 0 of 1: it turns 7 rows into 1"):
        push(
            [lambda x: x.sum(dim=0, keepdim=True)],
            states(),
            draw_tangents((ORBITS, WIDTH), 1, 0),
            unit="row",
        )


def test_a_tangent_that_is_zero_where_others_carry_is_refused() -> None:
    tangents = draw_tangents((ORBITS, WIDTH), 2, seed=0)
    tangents[1, 4] = 0
    with pytest.raises(ValueError, match="a tangent is zero"):
        push(network(), states(), tangents, unit="row")


def test_rows_have_as_many_orthogonal_tangents_as_numbers() -> None:
    tangents = draw_tangents((ORBITS, WIDTH), WIDTH + 1, seed=0)
    with pytest.raises(ValueError, match="6 orthogonal tangents do not exist in 5 dimensions"):
        push(network(), states(), tangents, unit="row", mode="orthogonal")
