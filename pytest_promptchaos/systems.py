"""Known systems -> findings, with the pictures that show them: no model and no prompt is asked."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.dynamics.flows import lorenz, rossler
from pytest_promptchaos.dynamics.systems import (
    arrived,
    ensemble_growth,
    henon_map,
    logistic_map,
    settled_rates,
    tangents_beside,
    twin_orbits,
)
from pytest_promptchaos.ensembles import band_curve, sample_over
from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.measure.profile import exponent
from pytest_promptchaos.measure.spectrum import kaplan_yorke_dimension
from pytest_promptchaos.records import Control, Curve, Findings
from pytest_promptchaos.session import active
from pytest_promptchaos.steps import parity_control, system_identity
from pytest_promptchaos.surround import check_choice
from pytest_promptchaos.tanh_systems import SWEEP, TANH, measure_sweep, measure_tanh

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from pytest_promptchaos.dynamics.growth import Growth
    from pytest_promptchaos.dynamics.systems import System
    from pytest_promptchaos.dynamics.tanh_networks import Weights
    from pytest_promptchaos.measure.sample import Sample
    from pytest_promptchaos.records import Measurement


@dataclass(frozen=True, kw_only=True)
class _Attractor:
    """How a system is followed: steps to its attractor, steps of tangents, steps that they settle.

    ``tangents`` is how many exponents are taken.
    """

    build: Callable[..., System]
    orbits: int
    approach: int
    steps: int
    settle: int
    tangents: int


# Orbits and steps put the half interval of lambda_1 at a half of the tolerance of its known answer
# or below; one orbit would need some hundred times as many steps one after another. Lorenz takes
# the longest approach: an orbit that begins beside an unstable fixed point leaves it slowly, and
# after 500 steps such orbits still pull the mean down by 0.004.
_ATTRACTORS = {
    "logistic": _Attractor(
        build=logistic_map, orbits=200, approach=100, steps=400, settle=0, tangents=1
    ),
    "henon": _Attractor(
        build=henon_map, orbits=500, approach=100, steps=350, settle=50, tangents=2
    ),
    "lorenz": _Attractor(
        build=lorenz, orbits=1000, approach=2500, steps=1000, settle=250, tangents=3
    ),
    "rossler": _Attractor(
        build=rossler, orbits=1000, approach=500, steps=1400, settle=400, tangents=1
    ),
}

SYSTEMS = (*_ATTRACTORS, TANH, SWEEP)
"""The names that :func:`measure_system` takes."""


def measure_system(
    name: str,
    *,
    seed: int = 0,
    radius: float | None = None,
    weights: Weights | None = None,
) -> Findings:
    """Return what a known system is known for, measured, with the curves that show it.

    ``logistic``, ``henon``, ``lorenz`` and ``rossler``: lambda_1, the first Lyapunov exponent, in
    nats per step or unit of time, over an ensemble of orbits on the attractor; for ``lorenz``
    also two trajectories that begin 1e-5 apart. ``tanh`` with a spectral ``radius`` and
    ``weights`` "tied" or "fresh": growth per layer through 30 layers of 100. ``tanh_sweep``: the
    largest gap between fresh networks and mean-field theory over radii 0.5 to 2. ``seed`` draws
    orbits, tangents and networks.

    Raises:
        ArgumentError: for a name that is none of these, and a parameter that is missing or not
            the system's own.
    """
    started = time.perf_counter()
    check_choice("system", name, SYSTEMS)
    active().use_threads()
    if name != TANH and (radius is not None or weights is not None):
        raise ArgumentError(f"{name} takes no radius and no weights: they belong to system 'tanh'")
    if name == TANH:
        findings = measure_tanh(radius, weights, seed=seed)
    elif name == SWEEP:
        findings = measure_sweep(seed=seed)
    else:
        findings = _measure_attractor(_ATTRACTORS[name], seed=seed)
    return replace(findings, seconds=time.perf_counter() - started)


# -- attractors ---------------------------------------------------------------------------------


def _measure_attractor(how: _Attractor, *, seed: int) -> Findings:
    """Return the exponents over an ensemble of orbits, and how they settle with time."""
    system = how.build(orbits=how.orbits, seed=seed)
    growth = ensemble_growth(
        system, steps=how.steps, approach=how.approach, tangents=how.tangents, seed=seed
    )
    rates = settled_rates(growth, settle=how.settle, time=system.time).T
    unit = "nats per step" if system.time == 1 else "nats per unit of time"
    singles, beside = _spectrum(sample_over("orbits", rates), unit)
    twins = _twins(system, how, growth, seed) if system.name == "lorenz" else ()
    return Findings(
        model=system_identity(system.name, system.ensemble),
        measurement=singles[0],
        also=beside,
        controls=(parity_control([growth]), _known(system)),
        curves=(*twins, *_settling(system, how, growth, unit)),
        settings={
            "seed": seed,
            "orbits": how.orbits,
            "steps": how.steps,
            "time_per_step": system.time,
        },
        runs_measured=how.orbits,
    )


def _spectrum(sample: Sample, unit: str) -> tuple[tuple[Measurement, ...], tuple[Measurement, ...]]:
    """Return the exponents one by one, and their sum and dimension where all were taken."""
    count = sample.units.shape[1]
    singles = tuple(
        sample.measure(f"lambda_{place + 1}", unit, partial(_mean_of, place=place))
        for place in range(count)
    )
    if count == 1:
        return singles, ()
    total = sample.measure(
        "exponent_sum", unit, lambda rates: float(rates.sum(axis=1).mean()), breakdown=singles
    )
    dimension = sample.measure(
        "kaplan_yorke_dimension",
        "dimensions",
        lambda rates: kaplan_yorke_dimension(rates.mean(axis=0)),
    )
    return singles, (total, dimension)


def _mean_of(rates: NDArray[np.float64], place: int) -> float:
    return exponent(rates[:, [place]])


def _known(system: System) -> Control:
    """Return what is known of the system, and where from."""
    return Control(
        name="known answer",
        role="note",
        state="held",
        words=f"{system.words}; {system.source}",
        value=system.known,
    )


def _settling(system: System, how: _Attractor, growth: Growth, unit: str) -> tuple[Curve, ...]:
    """Return lambda_1 as it settles with the time that the orbits are followed, with its band."""
    assert growth.row_profile is not None
    first = growth.row_profile[0, how.settle :] / system.time
    followed = np.arange(1, len(first) + 1)
    means = np.cumsum(first, axis=0) / followed[:, np.newaxis]
    shown = np.linspace(0, len(first) - 1, 50).round().astype(int)
    measured = band_curve(
        means[shown].T,
        tuple((followed[shown] * system.time).tolist()),
        name="settling of the first exponent",
        axes=("steps followed" if system.time == 1 else "time followed", f"lambda_1 ({unit})"),
        series="measured",
    )
    known = replace(
        measured, y=(system.known,) * len(shown), low=(), high=(), series="theory or literature"
    )
    return measured, known


_APART = 1e-5
"""The distance of two initial conditions in the published picture."""


def _twins(system: System, how: _Attractor, growth: Growth, seed: int) -> tuple[Curve, ...]:
    """Return x of two trajectories that begin 1e-5 apart, and how far apart they come.

    They are apart along the first tangent of the first orbit, so that its growth predicts their
    distance for as long as that is small.
    """
    assert growth.row_profile is not None
    states = arrived(system.steps(how.approach), system.ensemble)
    along = tangents_beside(states, 1, seed)[0]
    one, two = twin_orbits(system.steps(how.steps), states[:1], along[:1], _APART)
    shown = np.arange(0, how.steps + 1, 5)
    moments = tuple((shown * system.time).tolist())
    apart = (two - one).norm(dim=(1, 2)).log10().numpy()
    grown = np.concatenate([[0.0], np.cumsum(growth.row_profile[0, :, 0])]) / math.log(10)
    path = partial(Curve, name="twin trajectories", x_label="time", y_label="x", x=moments)
    gap = partial(Curve, name="divergence", x_label="time", y_label="log10 distance", x=moments)
    return (
        path(y=tuple(one[shown, 0, 0].tolist()), series="one"),
        path(y=tuple(two[shown, 0, 0].tolist()), series=f"begun {_APART:g} beside it"),
        gap(y=tuple(apart[shown].tolist()), series="measured"),
        gap(y=tuple((math.log10(_APART) + grown[shown]).tolist()), series="tangent"),
    )
