"""The known systems as checks see them: the number, what stands beside it, and the pictures."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pytest_promptchaos.dynamics.mean_field import mean_field, mean_field_profile
from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.records import Limit, Outcome
from pytest_promptchaos.suite import load_suite
from pytest_promptchaos.systems import SYSTEMS, measure_system
from pytest_promptchaos.verdict.judge import judge, settle

if TYPE_CHECKING:
    from pytest_promptchaos.records import Control, Curve, Findings


def measured(name: str, radius: float | None = None, weights: Any = None) -> Findings:
    """The findings of a system, measured once for all tests of this file."""
    return _once(name, radius, weights)


@cache
def _once(name: str, radius: float | None, weights: Any) -> Findings:
    return measure_system(name, radius=radius, weights=weights)


def curve(findings: Findings, name: str, series: str) -> Curve:
    return next(c for c in findings.curves if (c.name, c.series) == (name, series))


def control(findings: Findings, name: str) -> Control:
    return next(one for one in findings.controls if one.name == name)


def within(findings: Findings, low: float, high: float) -> bool:
    number = findings.measurement
    assert number.low is not None
    assert number.high is not None
    return low <= number.low <= number.high <= high


# -- attractors ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lorenz() -> Findings:
    return measured("lorenz")


def test_the_lorenz_flow_is_within_its_known_answer(lorenz: Findings) -> None:
    assert within(lorenz, 0.886, 0.926)
    assert lorenz.measurement.unit == "nats per unit of time"
    assert (lorenz.model.pin, lorenz.model.dtype) == ("steps:lorenz", "float64")
    assert control(lorenz, "known answer").value == 0.9056


def test_the_spectrum_stands_beside_the_first_exponent(lorenz: Findings) -> None:
    total, dimension = lorenz.also
    assert total.value == pytest.approx(-41 / 3, rel=0.01)
    assert [part.name for part in total.breakdown] == ["lambda_1", "lambda_2", "lambda_3"]
    assert total.breakdown[0] == lorenz.measurement
    assert dimension.value == pytest.approx(2.062, abs=0.005)


def test_two_trajectories_follow_each_other_and_then_part(lorenz: Findings) -> None:
    one, two = (
        np.array(curve(lorenz, "twin trajectories", series).y)
        for series in ("one", "begun 1e-05 beside it")
    )
    gap = np.array(curve(lorenz, "divergence", "measured").y)
    assert gap[0] == pytest.approx(-5, abs=1e-6)
    near = gap < -1
    assert near.sum() > 50
    assert np.abs(one - two)[near].max() < 0.1
    # In the end they are as far apart as the attractor is wide.
    assert np.abs(one - two)[-60:].max() > 10


def test_the_tangent_predicts_the_distance_as_long_as_it_is_small(lorenz: Findings) -> None:
    apart, tangent = (
        np.array(curve(lorenz, "divergence", series).y) for series in ("measured", "tangent")
    )
    small = np.logical_and.accumulate(apart < -1.5)
    assert small.sum() > 50
    assert np.abs(apart - tangent)[small].max() < 0.1
    assert tangent[-1] - apart[-1] > 1


@pytest.mark.parametrize(("name", "known"), [("henon", 0.419), ("logistic", math.log(2))])
def test_the_maps_are_within_their_known_answers(name: str, known: float) -> None:
    findings = measured(name)
    assert within(findings, known - 0.01, known + 0.01)
    assert findings.measurement.unit == "nats per step"
    settling, literature = findings.curves
    assert settling.y[-1] == pytest.approx(findings.measurement.value, abs=1e-12)
    assert set(literature.y) == {control(findings, "known answer").value}
    assert settling.low[-1] == pytest.approx(findings.measurement.low, abs=1e-12)


# -- tanh networks ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tanh() -> dict[tuple[float, str], Findings]:
    return {
        (radius, weights): measured("tanh", radius, weights)
        for radius in (0.9, 1.5)
        for weights in ("tied", "fresh")
    }


CASES = [(0.9, "tied"), (0.9, "fresh"), (1.5, "tied"), (1.5, "fresh")]


@pytest.mark.parametrize("case", CASES)
def test_growth_is_where_the_two_inputs_end(
    tanh: dict[tuple[float, str], Findings], case: tuple[float, str]
) -> None:
    apart, tangent = tanh[case].curves
    assert apart.x == tuple(map(float, range(31)))
    assert apart.y[0] == pytest.approx(-5)
    assert apart.y == pytest.approx(tangent.y, abs=1e-3)


@pytest.mark.parametrize("radius", [0.9, 1.5])
def test_fresh_networks_grow_as_theory_of_the_same_depth_says(
    tanh: dict[tuple[float, str], Findings], radius: float
) -> None:
    findings = tanh[radius, "fresh"]
    theory = float(np.mean(mean_field_profile(radius, 30)))
    assert control(findings, "mean-field theory").value == theory
    shift = mean_field(radius).per_width / 100
    assert within(findings, theory - 2 * shift - 0.02, theory + 0.01)


def test_at_radius_0_9_the_claim_that_a_difference_decays_holds(
    tanh: dict[tuple[float, str], Findings],
) -> None:
    for weights in ("tied", "fresh"):
        told = control(tanh[0.9, weights], "published claim")
        assert told.words.endswith("the difference decays through the layers reproduces here")
        assert within(tanh[0.9, weights], -0.3, -0.05)


def test_at_radius_1_5_nothing_in_common_does_not_reproduce(
    tanh: dict[tuple[float, str], Findings],
) -> None:
    for weights in ("tied", "fresh"):
        told = control(tanh[1.5, weights], "published claim")
        assert told.words.endswith("does not reproduce here")
        assert told.value is not None
        assert told.value < 1e-3
        assert f"{told.value:.1g} of the distance of unrelated inputs" in told.words


def test_far_above_radius_1_it_does_reproduce() -> None:
    told = control(measure_system("tanh", radius=12.0, weights="fresh"), "published claim")
    assert told.words.endswith("reproduces here")
    assert not told.words.endswith("does not reproduce here")
    assert told.value == pytest.approx(1, abs=0.3)


# -- the sweep ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sweep() -> Findings:
    return measured("tanh_sweep")


def test_fresh_networks_keep_close_to_theory_at_every_radius(sweep: Findings) -> None:
    assert sweep.measurement.name == "largest_gap_to_theory"
    assert within(sweep, 0.0, 0.05)
    fresh = curve(sweep, "growth by radius", "fresh weights")
    theory = [float(np.mean(mean_field_profile(radius, 30))) for radius in fresh.x]
    gaps = np.abs(np.array(fresh.y) - theory)
    assert sweep.measurement.value == pytest.approx(gaps.max(), abs=1e-12)


def test_the_sweep_reaches_from_0_5_to_2_with_theory_beside_it(sweep: Findings) -> None:
    series = [c.series for c in sweep.curves]
    assert series == [
        "tied weights",
        "fresh weights",
        "theory at 30 layers",
        "theory at infinite depth",
    ]
    assert all((c.x[0], c.x[-1]) == (0.5, 2.0) for c in sweep.curves)
    assert all(len(c.low) == len(c.x) == 16 for c in sweep.curves[:2])
    limit = sweep.curves[-1]
    assert limit.y[0] == pytest.approx(math.log(0.5))


def test_growth_turns_positive_above_radius_1_at_this_depth(sweep: Findings) -> None:
    radii = {one.name.removeprefix("radius of no growth, "): one.value for one in sweep.also}
    assert list(radii) == ["tied weights", "fresh weights", "theory"]
    for radius in radii.values():
        assert radius is not None
        assert 1.15 < radius < 1.45
    told = control(sweep, "published claim").words
    assert f"fresh weights {radii['fresh weights']:.2f}" in told
    assert "does not reproduce at this depth" in told


def test_a_seed_names_one_measurement(tanh: dict[tuple[float, str], Findings]) -> None:
    again, other = (
        measure_system("tanh", radius=1.5, weights="fresh", seed=seed) for seed in (0, 1)
    )
    assert again.measurement == tanh[1.5, "fresh"].measurement
    assert other.measurement != again.measurement


# -- the suite that ships -----------------------------------------------------------------------

BUTTERFLY = load_suite(Path(__file__).parents[1] / "suites" / "butterfly.chaos.yaml")


@pytest.mark.parametrize("check", BUTTERFLY.checks, ids=lambda check: check.id)
def test_the_butterfly_suite_passes(check: Any) -> None:
    findings = measured(check.system, check.radius, check.weights)
    limit = Limit(name=findings.measurement.name, at_most=check.at_most, at_least=check.at_least)
    assert judge(findings.measurement, limit, settle(findings.controls, limit)) is Outcome.PASSED


def test_the_butterfly_suite_asks_every_system_and_no_model() -> None:
    assert {getattr(check, "system", None) for check in BUTTERFLY.checks} == set(SYSTEMS)
    assert not BUTTERFLY.prompts


# -- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "knobs", "why"),
    [
        ("lorentz", {}, f"did you mean 'lorenz'.* {SYSTEMS[0]} or {SYSTEMS[1]}"),
        ("tanh", {"radius": 1.5}, "tanh needs radius= and weights=.* tied or fresh"),
        ("tanh", {"weights": "tied"}, "tanh needs radius= and weights="),
        ("tanh", {"radius": 1.5, "weights": "tie"}, "did you mean 'tied'"),
        ("tanh", {"radius": math.nan, "weights": "tied"}, "radius is nan"),
        ("henon", {"radius": 1.5}, "henon takes no radius and no weights"),
    ],
)
def test_what_is_no_system_is_refused_with_the_choices(
    name: str, knobs: dict[str, Any], why: str
) -> None:
    with pytest.raises(ArgumentError, match=why):
        measure_system(name, **knobs)
