"""The published protocol, against a plain loop over its definition, with its two defects shown."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch.func import jvp

from dynamics.networks import IDS, LAYERS, TOKENS, llama
from pytest_promptchaos.dynamics.depth import decoder_depth, depth_growth
from pytest_promptchaos.dynamics.mohammad import mohammad_2026, recorded, summary
from pytest_promptchaos.dynamics.tangent import draw_tangents

if TYPE_CHECKING:
    from pytest_promptchaos.dynamics.depth import Depth


@pytest.fixture(scope="module")
def network() -> Any:
    """A tiny random Llama in float64."""
    return llama().double()


@pytest.fixture(scope="module")
def even() -> Depth:
    """Twelve layers at a usual initialization, which grow much alike."""
    network = llama(num_hidden_layers=12, initializer_range=0.02).double()
    return decoder_depth(network, IDS)


@pytest.fixture(scope="module")
def depth(network: Any) -> Depth:
    return decoder_depth(network, IDS)


def by_definition(depth: Depth, seed: int, cadence: int) -> tuple[float, list[float]]:
    """Return lambda_1 and the recorded profile of one seed, line by line as defined."""
    vector = draw_tangents(depth.state.shape, 1, seed)[0]
    vector = vector / vector.norm(dim=-1, keepdim=True)
    state, total, profile = depth.state, torch.zeros(TOKENS, dtype=torch.float64), []
    for index, step in enumerate(depth.steps):
        with torch.no_grad():
            state, vector = jvp(step, (state,), (vector,))[:2]
        sizes = vector.norm(dim=-1, keepdim=True)
        profile.append(float(sizes.log().mean()))
        if (index + 1) % cadence == 0 or index + 1 == len(depth.steps):
            total += sizes.log().flatten()
            vector = vector / sizes
    return float(total.mean()) / len(depth.steps), profile


@pytest.mark.parametrize("cadence", [1, 4])
def test_it_is_what_its_definition_says(depth: Depth, cadence: int) -> None:
    row = mohammad_2026(depth, cadence=cadence)
    seeds = [by_definition(depth, seed, cadence) for seed in range(10)]
    rates, profiles = [rate for rate, _ in seeds], [profile for _, profile in seeds]
    slopes = [np.polyfit(np.arange(LAYERS), profile, 1)[0] for profile in profiles]
    assert row.lambda1_mean == pytest.approx(np.mean(rates), abs=1e-6)
    assert row.lambda1_std == pytest.approx(np.std(rates, ddof=1), abs=1e-6)
    assert row.lambda1_cv == pytest.approx(np.std(rates, ddof=1) / np.mean(rates), abs=1e-5)
    assert row.layerwise_variance_mean == pytest.approx(np.mean(np.var(profiles, axis=1)), abs=1e-6)
    assert row.profile_slope_mean == pytest.approx(np.mean(slopes), abs=1e-6)


def test_a_row_has_the_published_columns_and_ten_seeds_at_cadence_four(depth: Depth) -> None:
    row = mohammad_2026(depth)
    assert [field.name for field in fields(row)] == [
        "lambda1_mean",
        "lambda1_std",
        "lambda1_cv",
        "layerwise_variance_mean",
        "profile_slope_mean",
        "n_tangent_seeds",
        "n_valid",
        "nan_count",
        "renorm_cadence",
    ]
    assert (row.n_tangent_seeds, row.n_valid, row.nan_count, row.renorm_cadence) == (10, 10, 0, 4)


def test_its_profile_is_a_sawtooth() -> None:
    flat = np.full((2, 8, 3), math.log(2))
    assert recorded(flat, 4)[0] == pytest.approx(math.log(2) * np.array([1, 2, 3, 4, 1, 2, 3, 4]))


def test_the_variance_of_its_profile_grows_with_the_cadence_where_growth_is_flat() -> None:
    flat = np.full((2, 16, 3), math.log(2))
    variances = [summary(flat, cadence).layerwise_variance_mean for cadence in (1, 2, 4, 8, 16)]
    # A ramp of c steps has variance (c^2 - 1) / 12 times the square of its step.
    steps = np.array([1, 2, 4, 8, 16])
    assert variances == pytest.approx(math.log(2) ** 2 * (steps**2 - 1) / 12, abs=1e-12)


def test_the_variance_of_its_profile_grows_with_the_cadence_on_a_network(even: Depth) -> None:
    cadences = (1, 2, 3, 4, 6, 12)
    variances = [mohammad_2026(even, cadence=c).layerwise_variance_mean for c in cadences]
    assert variances == sorted(variances)
    assert variances[-1] > 50 * variances[0]


def test_its_rate_depends_on_the_cadence_where_the_default_does_not(
    network: Any, depth: Depth
) -> None:
    theirs = [mohammad_2026(depth, cadence=c).lambda1_mean for c in (1, 6)]
    ours = [depth_growth(network, IDS, cadence=c).rates.mean() for c in (1, 6)]
    assert abs(theirs[0] - theirs[1]) > 1e-3
    assert ours[0] == pytest.approx(ours[1], abs=1e-9)


def test_a_mean_of_exactly_zero_has_no_coefficient_of_variation() -> None:
    rows = np.array([[[1.0], [1.0]], [[-1.0], [-1.0]]])
    row = summary(rows, 4)
    assert (row.lambda1_mean, row.lambda1_cv) == (0.0, None)
    assert row.lambda1_std == pytest.approx(math.sqrt(2))
