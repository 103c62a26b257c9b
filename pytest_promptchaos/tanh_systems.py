"""Random tanh networks -> findings: growth by layer, and growth against the spectral radius.

They reproduce a published demonstration of depth as a dynamical system, and say in words, with
the numbers of the run, where its claims hold and where they do not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, get_args

import numpy as np

from pytest_promptchaos.dynamics.mean_field import mean_field, mean_field_profile
from pytest_promptchaos.dynamics.systems import (
    ensemble_growth,
    orbit,
    settled_rates,
    tangents_beside,
    twin_orbits,
)
from pytest_promptchaos.dynamics.tanh_networks import Weights, fresh_tanh, tied_tanh
from pytest_promptchaos.ensembles import band_curve, sample_over
from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.measure.profile import exponent, layer_bounds
from pytest_promptchaos.records import Control, Curve, Findings, Measurement
from pytest_promptchaos.steps import parity_control, system_identity
from pytest_promptchaos.surround import check_choice, check_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.dynamics.growth import Growth
    from pytest_promptchaos.dynamics.systems import System

TANH, SWEEP = "tanh", "tanh_sweep"
WIDTH, LAYERS, APART = 100, 30, 1e-5
"""Of the published demonstration: neurons, layers, and the distance of the two inputs."""
NETWORKS, TANGENTS = 24, 4
RADII = tuple(round(0.5 + 0.1 * place, 1) for place in range(16))
_KINDS: tuple[Weights, ...] = get_args(Weights)
_RATE = "nats per layer"


def _network(weights: Weights, radii: Sequence[float], seed: int) -> System:
    """Return the demonstration's networks at these radii."""
    if weights == "tied":
        return tied_tanh(radii, width=WIDTH, networks=NETWORKS, seed=seed)
    return fresh_tanh(radii, layers=LAYERS, width=WIDTH, networks=NETWORKS, seed=seed)


def _grown(system: System, seed: int) -> Growth:
    """Return the growth of random tangents from the inputs on, through all layers."""
    return ensemble_growth(system, steps=LAYERS, tangents=TANGENTS, mode="independent", seed=seed)


# -- one radius ---------------------------------------------------------------------------------


def measure_tanh(radius: float | None, weights: Weights | None, *, seed: int) -> Findings:
    """Return the growth per layer at one radius, and how far apart two near inputs come."""
    if radius is None or weights is None:
        raise ArgumentError(
            f"tanh needs radius= and weights=: the spectral radius, such as 1.5, and "
            f"{' or '.join(_KINDS)}"
        )
    check_number("radius", radius, least=0)
    check_choice("weights", weights, _KINDS)
    system = _network(weights, [radius], seed)
    growth = _grown(system, seed)
    assert growth.row_profile is not None
    by_network = growth.row_profile.mean(axis=0).T
    sample = sample_over("networks", by_network)
    pair = _pair(system, growth, seed)
    return Findings(
        model=system_identity(f"{TANH} {weights} {radius:g}", system.ensemble),
        measurement=sample.measure("lambda_1", _RATE, exponent),
        controls=(parity_control([growth]), _theory(radius), _claimed(radius, pair)),
        curves=pair.curves,
        settings={"seed": seed, "radius": radius, "weights": weights, **_SIZES},
        runs_measured=NETWORKS,
    )


_SIZES = {"width": WIDTH, "layers": LAYERS, "networks": NETWORKS, "tangents": TANGENTS}


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """Two inputs 1e-5 apart: their distance in the end, alone and as a share, and by layer.

    ``share`` is of the distance at which two unrelated inputs end. Both are geometric means over
    the networks.
    """

    distance: float
    share: float
    curves: tuple[Curve, ...]


def _pair(system: System, growth: Growth, seed: int) -> _Pair:
    """Return how two near inputs fare, beside two unrelated ones and the first tangent."""
    assert growth.row_profile is not None
    steps, inputs = system.steps(LAYERS), system.ensemble
    along = tangents_beside(inputs, 1, seed)[0]
    one, two = twin_orbits(steps, inputs, along, APART)
    # Another network's input is as good as a new one: they were drawn alike.
    other = orbit(steps, inputs.roll(1, dims=1))
    gaps = (two - one).norm(dim=-1)[:, 0].log10().numpy()
    unrelated = (other - one).norm(dim=-1)[-1, 0].log10().numpy()
    grown = growth.row_profile[0].cumsum(axis=0) / math.log(10) + math.log10(APART)
    start = np.full((1, NETWORKS), math.log10(APART))
    return _Pair(
        distance=float(10 ** gaps[-1].mean()),
        share=float(10 ** (gaps[-1] - unrelated).mean()),
        curves=(
            _by_layer(gaps, "two inputs"),
            _by_layer(np.concatenate([start, grown]), "tangent"),
        ),
    )


def _by_layer(logs: NDArray[np.float64], series: str) -> Curve:
    """Return the mean over networks of log10 distances (LAYERS + 1, networks), with its band."""
    return band_curve(
        logs.T,
        tuple(map(float, range(len(logs)))),
        name="log10 distance by layer",
        axes=("layer", "log10 distance"),
        series=series,
    )


def _theory(radius: float) -> Control:
    """Return what mean-field theory says of this radius."""
    finite = float(np.mean(mean_field_profile(radius, LAYERS)))
    limit = mean_field(radius).growth
    return Control(
        name="mean-field theory",
        role="note",
        state="held",
        words=f"infinitely wide networks of fresh weights grow by {finite:.3g} {_RATE} over the "
        f"first {LAYERS} layers and by {limit:.3g} in the limit of depth",
        value=finite,
    )


def _claimed(radius: float, pair: _Pair) -> Control:
    """Return whether the demonstration's claim about this side of radius 1 is seen here."""
    seen = (
        f"two inputs {APART:g} apart are {pair.distance:.2g} apart after {LAYERS} layers, "
        f"{pair.share:.1g} of the distance of unrelated inputs"
    )
    if radius > 1:
        claim, holds = "by the last layer the two outputs have nothing in common", pair.share > 0.5
    else:
        claim, holds = "the difference decays through the layers", pair.distance < APART
    verdict = "reproduces" if holds else "does not reproduce"
    return Control(
        name="published claim",
        role="note",
        state="held",
        words=f"{seen}: the claim that {claim} {verdict} here",
        value=pair.share,
    )


# -- all radii ----------------------------------------------------------------------------------


def measure_sweep(*, seed: int) -> Findings:
    """Return the largest gap between fresh networks and theory, and growth against the radius."""
    systems = {kind: _network(kind, RADII, seed) for kind in _KINDS}
    growths = {kind: _grown(system, seed) for kind, system in systems.items()}
    # Per kind (networks, radii): the growth per layer, a mean over tangents and layers.
    rates = {
        kind: settled_rates(growth).mean(axis=0).reshape(len(RADII), NETWORKS).T
        for kind, growth in growths.items()
    }
    crossings = {f"{kind} weights": _crossing(one.mean(axis=0)) for kind, one in rates.items()}
    crossings["theory"] = _crossing(np.array(_finite_theory(RADII)))
    return Findings(
        model=system_identity(SWEEP, systems["fresh"].ensemble),
        measurement=_largest_gap(rates["fresh"]),
        also=tuple(
            Measurement(
                name=f"radius of no growth, {name}",
                unit="spectral radius",
                value=radius,
                reason=None if radius is not None else "growth does not change sign in the sweep",
            )
            for name, radius in crossings.items()
        ),
        controls=(parity_control(growths.values()), _edge(crossings)),
        curves=(*(_rates(kind, one) for kind, one in rates.items()), *_theories()),
        settings={"seed": seed, **_SIZES},
        runs_measured=len(_KINDS) * len(RADII) * NETWORKS,
    )


def _finite_theory(radii: Sequence[float]) -> tuple[float, ...]:
    """Return the mean-field growth per layer over this many layers, from standard normal inputs."""
    return tuple(float(np.mean(mean_field_profile(radius, LAYERS))) for radius in radii)


def _largest_gap(fresh: NDArray[np.float64]) -> Measurement:
    """Return the largest gap to theory of the same depth, its interval over all radii at once.

    Bonferroni: ``low`` is reached by one radius at least, ``high`` by none.
    """
    gaps = fresh - np.array(_finite_theory(RADII))
    sample, bounds = sample_over("networks", gaps), layer_bounds(gaps, together=True)
    assert bounds is not None
    sizes, reach = np.abs(gaps.mean(axis=0)), (bounds[1] - bounds[0]) / 2
    return sample.told(
        "largest_gap_to_theory",
        _RATE,
        float(sizes.max()),
        (max(0.0, float((sizes - reach).max())), float((sizes + reach).max())),
        words=f"{sample.words}, all {len(RADII)} radii at once (Bonferroni)",
    )


def _crossing(growth: NDArray[np.float64]) -> float | None:
    """Return the radius at which growth turns positive, on the line between two radii."""
    rises = np.flatnonzero((growth[:-1] <= 0) & (growth[1:] > 0))
    if not len(rises):
        return None
    below = int(rises[0])
    share = -growth[below] / (growth[below + 1] - growth[below])
    return float(RADII[below] + share * (RADII[below + 1] - RADII[below]))


def _edge(crossings: dict[str, float | None]) -> Control:
    """Return where growth turns positive at this depth, against the claim that it does at 1."""
    seen = ", ".join(
        f"{name} {'nowhere' if radius is None else f'{radius:.2f}'}"
        for name, radius in crossings.items()
    )
    near = [radius is not None and abs(radius - 1) < 0.05 for radius in crossings.values()]
    verdict = "reproduces" if all(near) else "does not reproduce"
    return Control(
        name="published claim",
        role="note",
        state="held",
        words=f"over {LAYERS} layers growth turns positive at radius: {seen}; the claim that it "
        f"does so right around 1 {verdict} at this depth, and holds in the limit of depth and "
        "width alone",
    )


def _rates(kind: Weights, rates: NDArray[np.float64]) -> Curve:
    """Return the growth of one kind of weights against the radius, with its band."""
    return band_curve(rates, RADII, name=_SWEPT, axes=_SWEPT_AXES, series=f"{kind} weights")


_SWEPT, _SWEPT_AXES = "growth by radius", ("spectral radius", f"lambda_1 ({_RATE})")


def _theories() -> tuple[Curve, ...]:
    """Return mean-field growth against the radius, at this depth and in the limit of depth."""
    fine = tuple(np.linspace(RADII[0], RADII[-1], 61).tolist())
    line = partial(Curve, name=_SWEPT, x_label=_SWEPT_AXES[0], y_label=_SWEPT_AXES[1], x=fine)
    return (
        line(y=_finite_theory(fine), series=f"theory at {LAYERS} layers"),
        line(y=tuple(mean_field(r).growth for r in fine), series="theory at infinite depth"),
    )
