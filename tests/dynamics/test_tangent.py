"""Tangents are held against maps whose growth is known by algebra."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dynamics.maps import WIDTH, chain, matrix, random_tangents, state, tanh_network
from pytest_promptchaos.dynamics.carried import Carried
from pytest_promptchaos.dynamics.linearize import linearize
from pytest_promptchaos.dynamics.tangent import draw_tangents, push
from pytest_promptchaos.measure.profile import exponent, profile_slope, profile_variance

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from torch import Tensor

    from pytest_promptchaos.dynamics.tangent import Growth

    Statistic = Callable[[NDArray[np.float64]], float]

CADENCES = (1, 2, 4, 8, None)
SEEDS = st.integers(0, 2**20)


# -- known answers ------------------------------------------------------------------------------


def test_the_identity_neither_grows_nor_shrinks_a_tangent() -> None:
    growth = push([lambda x: x * 1.0] * 6, state(), random_tangents())
    assert growth.profile == pytest.approx(np.zeros((4, 6)), abs=1e-12)


def test_a_multiple_of_the_identity_grows_by_its_logarithm() -> None:
    growth = push([lambda x: 3.0 * x] * 7, state(), random_tangents())
    assert growth.profile == pytest.approx(np.full((4, 7), math.log(3)), abs=1e-12)
    assert growth.rates == pytest.approx(np.full(4, math.log(3)), abs=1e-12)


@pytest.mark.parametrize("mode", ["independent", "orthogonal"])
def test_orthogonal_maps_have_rate_zero(mode: str) -> None:
    maps = [torch.linalg.qr(matrix(seed)).Q for seed in range(9)]
    growth = push(chain(maps), state(), random_tangents(), mode=mode)  # type: ignore[arg-type]
    assert growth.profile == pytest.approx(np.zeros((4, 9)), abs=1e-12)


def test_singular_directions_of_a_product_grow_by_its_singular_values() -> None:
    maps = [matrix(seed) for seed in range(6)]
    product = torch.linalg.multi_dot([*reversed(maps)])
    _, singular, right = torch.linalg.svd(product)
    growth = push(chain(maps), state(), right)
    assert growth.rates == pytest.approx(np.log(singular.numpy()) / 6, abs=1e-9)


@pytest.mark.parametrize("cadence", CADENCES)
def test_diagonal_maps_have_the_mean_logs_of_their_entries_as_spectrum(cadence: int | None) -> None:
    entries = [
        torch.tensor([3.0, -1.5, 1.0, 0.5, 0.2], dtype=torch.float64).roll(i) for i in (0, 1, 4)
    ]
    maps = [torch.diag(row) for row in entries]
    growth = push(chain(maps), state(), torch.eye(WIDTH), mode="orthogonal", cadence=cadence)
    logs = np.log(np.abs(torch.stack(entries).numpy()))
    assert growth.profile == pytest.approx(logs.T, abs=1e-9)
    assert growth.rates == pytest.approx(logs.mean(axis=0), abs=1e-9)


@pytest.mark.parametrize("cadence", CADENCES)
def test_the_spectrum_of_a_random_product_is_that_of_its_qr(cadence: int | None) -> None:
    maps = [matrix(seed) for seed in range(8)]
    tangents = random_tangents(3)
    growth = push(chain(maps), state(), tangents, mode="orthogonal", cadence=cadence)
    start = np.linalg.qr(tangents.numpy().T).Q
    product = np.linalg.multi_dot([*(m.numpy() for m in reversed(maps)), start])
    reference = np.log(np.abs(np.diag(np.linalg.qr(product).R))) / 8
    assert growth.rates == pytest.approx(reference, abs=1e-9)


def test_local_exponents_are_those_of_a_qr_at_every_layer() -> None:
    maps = [matrix(seed).numpy() for seed in range(8)]
    tangents = random_tangents(3)
    growth = push(chain([torch.from_numpy(m) for m in maps]), state(), tangents, mode="orthogonal")
    moving = np.linalg.qr(tangents.numpy().T).Q
    for layer, weights in enumerate(maps):
        moving, upper = np.linalg.qr(weights @ moving)
        local = np.log(np.abs(np.diag(upper)))
        assert growth.profile[:, layer] == pytest.approx(local, abs=1e-9)


def test_row_stochastic_maps_keep_the_constant_direction() -> None:
    maps = [matrix(seed).softmax(dim=-1) for seed in range(10)]
    growth = push(chain(maps), state(), torch.ones(1, WIDTH))
    assert growth.profile == pytest.approx(np.zeros((1, 10)), abs=1e-12)


def test_the_logistic_map_grows_by_the_derivative_along_its_orbit() -> None:
    start, layers = 0.2137, 20
    growth = push(
        [lambda x: 4.0 * x * (1.0 - x)] * layers,
        torch.tensor([start], dtype=torch.float64),
        torch.ones(1, 1),
    )
    orbit = [start]
    for _ in range(layers - 1):
        orbit.append(4.0 * orbit[-1] * (1.0 - orbit[-1]))
    derivatives = np.abs([4.0 * (1.0 - x) - 4.0 * x for x in orbit])
    assert growth.profile[0] == pytest.approx(np.log(derivatives), abs=1e-8)


def test_states_and_norms_are_those_of_the_plain_steps() -> None:
    steps, now = tanh_network(5), state()
    growth = push(steps, now, random_tangents())
    norms = [float(now.norm())]
    for step in steps:
        now = step(now)
        norms.append(float(now.norm()))
    # A product for all tangents at once rounds otherwise than one for the state alone.
    assert growth.primal == pytest.approx(now.numpy(), rel=1e-13)
    assert growth.state_norms == pytest.approx(np.array(norms), rel=1e-13)
    assert growth.parity < 1e-14


def test_growth_along_with_the_state_is_no_relative_growth() -> None:
    growth = push([lambda x: 3.0 * x, lambda x: 0.5 * x], state(), random_tangents())
    assert growth.relative_profile == pytest.approx(np.zeros((4, 2)), abs=1e-12)
    shifted = push([lambda x: x + 1.0], torch.ones(WIDTH), random_tangents())
    assert shifted.relative_profile == pytest.approx(np.full((4, 1), -math.log(2)), abs=1e-6)


# -- what may not change the numbers ------------------------------------------------------------


@pytest.mark.parametrize("mode", ["independent", "orthogonal"])
@pytest.mark.parametrize("cadence", CADENCES)
def test_growth_does_not_depend_on_the_cadence(mode: str, cadence: int | None) -> None:
    def measured(every: int | None) -> Growth:
        return push(tanh_network(12), state(), random_tangents(3), mode=mode, cadence=every)  # type: ignore[arg-type]

    assert measured(cadence).profile == pytest.approx(measured(1).profile, abs=1e-9)


@pytest.mark.parametrize("mode", ["independent", "orthogonal"])
@pytest.mark.parametrize("statistic", [exponent, profile_variance, profile_slope])
def test_no_summary_depends_on_the_cadence(mode: str, statistic: Statistic) -> None:
    def measured(every: int | None) -> float:
        steps = tanh_network(12)
        growth = push(steps, state(), random_tangents(3), mode=mode, cadence=every)  # type: ignore[arg-type]
        return statistic(growth.profile[:1] if mode == "orthogonal" else growth.profile)

    values = [measured(cadence) for cadence in CADENCES]
    assert values == pytest.approx([values[0]] * len(CADENCES), rel=1e-9)


@pytest.mark.parametrize("cadence", CADENCES)
def test_in_float32_the_cadence_changes_no_bit_of_an_independent_tangent(
    cadence: int | None,
) -> None:
    def measured(every: int | None) -> Growth:
        steps = tanh_network(12, torch.float32)
        return push(steps, state(torch.float32), random_tangents(), cadence=every)

    assert measured(cadence).profile == pytest.approx(measured(1).profile, abs=1e-13)


@pytest.mark.parametrize("chunk", [1, 3, 4, 9])
def test_the_chunk_changes_only_rounding(chunk: int) -> None:
    whole = push(tanh_network(6), state(), random_tangents())
    parts = push(tanh_network(6), state(), random_tangents(), chunk=chunk)
    assert parts.profile == pytest.approx(whole.profile, abs=1e-12)


def test_without_renewal_a_long_chain_still_has_its_exact_rate() -> None:
    growth = push([lambda x: 50.0 * x] * 80, state(), random_tangents(), cadence=None)
    assert growth.rates == pytest.approx(np.full(4, math.log(50)), abs=1e-12)


def test_ten_tangents_share_one_primal() -> None:
    seen: list[tuple[int, ...]] = []

    def step(x: Tensor) -> Tensor:
        after = x @ matrix(0)
        assert isinstance(after, Carried)
        seen.append(tuple(after.stack.shape))
        return after

    linearize(step, state(), random_tangents(10))
    # One call, one value and ten tangents in it; a chunk of four pays for the value again.
    assert seen == [(11, WIDTH)]
    linearize(step, state(), random_tangents(10), chunk=4)
    assert seen[1:] == [(5, WIDTH), (5, WIDTH), (3, WIDTH)]


def test_progress_is_told_after_every_step() -> None:
    told: list[tuple[int, int]] = []
    push(tanh_network(3), state(), random_tangents(), progress=lambda *done: told.append(done))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_step_that_comes_again_is_checked_once_and_then_one_in_32() -> None:
    calls = itertools.count()

    def step(values: Tensor) -> Tensor:
        next(calls)
        return values * 2.0

    push([step] * 64, state(), random_tangents(), cadence=1)
    # Each of 64 steps is linearized once; two of them are checked by three plain calls.
    assert next(calls) == 64 + 2 * 3


# -- drawing ------------------------------------------------------------------------------------


@given(seed=SEEDS, count=st.integers(1, 12), more=st.integers(0, 8))
@settings(deadline=None, max_examples=30)
def test_a_tangent_depends_only_on_its_own_seed(seed: int, count: int, more: int) -> None:
    drawn = draw_tangents((2, 3), count, seed)
    assert torch.equal(draw_tangents((2, 3), count + more, seed)[:count], drawn)
    assert torch.equal(draw_tangents((2, 3), 1, seed + count - 1)[0], drawn[-1])
    assert drawn.dtype == torch.float64
    assert torch.linalg.vector_norm(drawn.flatten(1), dim=1).tolist() == pytest.approx(
        [1.0] * count
    )


def test_a_mask_confines_the_tangents() -> None:
    mask = torch.tensor([False, True, False, True]).unsqueeze(-1)
    drawn = draw_tangents((1, 4, 3), 5, seed=0, mask=mask)
    assert not drawn[:, :, [0, 2]].any()
    assert bool(drawn[:, :, [1, 3]].all())
    assert torch.linalg.vector_norm(drawn.flatten(1), dim=1).tolist() == pytest.approx([1.0] * 5)


def test_an_empty_mask_or_no_tangent_is_refused() -> None:
    with pytest.raises(ValueError, match="mask is empty"):
        draw_tangents((4,), 1, seed=0, mask=torch.zeros(4, dtype=torch.bool))
    with pytest.raises(ValueError, match="at least one"):
        draw_tangents((4,), 0, seed=0)


# -- properties ---------------------------------------------------------------------------------


@given(seed=SEEDS, factor=st.floats(0.01, 100.0))
@settings(deadline=None, max_examples=25)
def test_scaling_every_map_shifts_every_growth_by_the_logarithm(seed: int, factor: float) -> None:
    maps = [matrix(seed + i) for i in range(4)]
    plain = push(chain(maps), state(), random_tangents())
    scaled = push(chain([factor * m for m in maps]), state(), random_tangents())
    assert scaled.profile == pytest.approx(plain.profile + math.log(factor), abs=1e-9)


@given(seed=SEEDS)
@settings(deadline=None, max_examples=25)
def test_the_whole_spectrum_sums_to_the_logarithm_of_the_volume(seed: int) -> None:
    maps = [matrix(seed + i) for i in range(4)]
    growth = push(chain(maps), state(), draw_tangents((WIDTH,), WIDTH, seed), mode="orthogonal")
    volumes = [float(torch.linalg.slogdet(m).logabsdet) for m in maps]
    assert growth.profile.sum(axis=0) == pytest.approx(np.array(volumes), abs=1e-7)


@given(seed=SEEDS)
@settings(deadline=None, max_examples=25)
def test_no_tangent_outgrows_the_largest_singular_value(seed: int) -> None:
    maps = [matrix(seed + i) for i in range(4)]
    growth = push(chain(maps), state(), random_tangents())
    largest = np.log([float(torch.linalg.matrix_norm(m, 2)) for m in maps])
    assert (growth.profile <= largest + 1e-9).all()


def test_the_states_own_growth_is_read_where_the_tangents_live() -> None:
    # The first row doubles, the second grows tenfold; the tangents live on the first alone.
    step = lambda x: x * torch.tensor([[2.0], [10.0]], dtype=x.dtype)  # noqa: E731
    mask = torch.tensor([[True], [False]])
    state = torch.ones(2, 3, dtype=torch.float64)
    growth = push([step], state, draw_tangents(state.shape, 4, 0, mask=mask), mask=mask)
    np.testing.assert_allclose(growth.profile, np.log(2.0), rtol=1e-12)
    np.testing.assert_allclose(growth.relative_profile, 0.0, atol=1e-12)
