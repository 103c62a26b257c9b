"""Records of depth checks and of known systems, as real ones look: profiles, nulls, long lines."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_promptchaos.records import Curve, Limit, Measurement, Outcome
from report.conftest import depth, model, record, verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.records import Record, Verdict

GROWTHS = (1.93, 0.41, 0.02, -0.11, -0.08, -0.14, 0.03, 0.19)
"""A small model's layers: the first grows most, as the residual stream starts small."""


def measured(name: str, value: float, reach: float, unit: str = "nats", n: int = 10) -> Measurement:
    """Return a measurement with an interval of twice ``reach``."""
    low, high = value - reach, value + reach
    words = f"95 % t over {n} tangents at this prompt, not over prompts"
    return Measurement(
        name=name, unit=unit, value=value, low=low, high=high, interval=words, n=n, effective_n=n
    )


def expanding(growths: tuple[float, ...], reach: float = 0.05) -> Measurement:
    """Return the layers of a trained model, one by one."""
    layers = [measured(f"layer {place}", one, reach) for place, one in enumerate(growths)]
    count = sum(one - reach > 0 for one in growths)
    return replace(measured("expanding_layers", count, 1, "layers"), breakdown=tuple(layers))


def fresh(count: int) -> Measurement:
    """Return the layers of random initializations: they grow less from layer to layer."""
    layers = [measured(f"layer {n}", 0.9 / (1 + n), 0.12, n=5) for n in range(count)]
    counted = measured("null_expanding_layers", count, 0, "layers", n=5)
    return replace(counted, breakdown=tuple(layers))


def profile(layers: Measurement, series: str) -> Curve:
    """Return the layers as a curve with its band."""
    parts = layers.breakdown
    return Curve(
        name="finite-time growth by layer",
        x_label="layer",
        y_label="log growth (nats)",
        x=tuple(map(float, range(len(parts)))),
        y=tuple(part.value or 0.0 for part in parts),
        low=tuple(part.low or 0.0 for part in parts),
        high=tuple(part.high or 0.0 for part in parts),
        series=series,
    )


def beside_depth(layers: Measurement) -> tuple[Measurement, ...]:
    """Return the many measurements that stand beside a rate."""
    rate = "nats per layer"
    spectrum = tuple(measured(f"lambda_{n}", 0.3 - 0.05 * n, 0.01, rate) for n in range(1, 11))
    shares = [measured(name, share, 0.02, "share") for name, share in SHARES]
    crossing = measured("falls through 0 between layer 2 and layer 3", 2.15, 0.2, "layer")
    return (
        measured("lambda_1 beyond the state's own growth", -0.05, 0.02, rate),
        measured("profile_variance", 0.42, 0.03, "nats squared"),
        measured("profile_slope", -0.19, 0.01, "nats per layer, per layer"),
        layers,
        replace(measured("zero_crossings", 2, 0, "crossings"), breakdown=(crossing,)),
        replace(measured("spectrum", 0.25, 0.01, rate), breakdown=spectrum),
        Measurement(name="kaplan_yorke_dimension", unit="dimensions", reason="more than 10"),
        measured("sigma_1", 3.81, 0.0, "nats"),
        measured("lambda_1 in logit space", 0.31, 0.04, rate),
        replace(measured("attribution", 1.0, 0.0, "share"), breakdown=tuple(shares)),
    )


SHARES = (("attention", 0.31), ("mlp", 0.52), ("norm", 0.17))


def layered(
    outcome: Outcome = Outcome.FAILED,
    growths: tuple[float, ...] = GROWTHS,
    *,
    null: bool = True,
    name: str = "small",
) -> Verdict:
    """Return an ftle verdict whose layers were measured one by one."""
    layers, none = expanding(growths), fresh(len(growths))
    rate = sum(growths) / len(growths)
    told = f"bundled:{name} around dune: lambda_1 {rate:.3f} is outside at_most=0.25"
    beyond = replace(profile(layers, "beyond the state's own growth"), low=(), high=())
    beyond = replace(beyond, y=tuple(one - 0.27 for one in beyond.y))
    nulls = (profile(none, "random initialization"),) if null else ()
    kinds = (
        "layers: 3 expand (0-1, 7), 3 contract (3-5), 2 undecided (2, 6), each by its own interval"
    )
    return replace(
        depth(outcome, name, 1.0),
        measurement=measured("lambda_1", rate, 0.02, "nats per layer"),
        sentence=told,
        explanation=f"{told}\n  {kinds}\n\nnext:\n  look at the layers in the report",
        also=(*beside_depth(layers), *([none] if null else [])),
        curves=(profile(layers, "perturbation"), beyond, *nulls),
    )


def shape() -> tuple[Verdict, ...]:
    """Return the verdicts of one depth_profile check, one per limit."""
    found = layered(Outcome.PASSED, null=False)
    limits = {
        "profile_variance": Limit(name="profile_variance", at_most=1),
        "profile_slope": Limit(name="profile_slope", at_least=-0.5, at_most=0),
    }
    numbers = {one.name: one for one in found.also}
    return tuple(
        replace(
            found,
            check="depth_profile",
            id=f"shape:{name}",
            measurement=numbers[name],
            limit=limit,
            sentence=f"{name} is within its limits",
        )
        for name, limit in limits.items()
    )


def lorenz(start: float, steps: int = 700, dt: float = 0.03) -> list[tuple[float, float, float]]:
    """Return a trajectory of the Lorenz system, by Runge-Kutta steps of fourth order."""

    def slope(s: tuple[float, ...]) -> tuple[float, ...]:
        return (10 * (s[1] - s[0]), s[0] * (28 - s[2]) - s[1], s[0] * s[1] - 8 / 3 * s[2])

    def moved(s: tuple[float, ...], by: tuple[float, ...], h: float) -> tuple[float, ...]:
        return tuple(one + h * other for one, other in zip(s, by, strict=True))

    state: tuple[float, ...] = (start, 1.0, 20.0)
    found = []
    for _ in range(steps):
        found.append((state[0], state[1], state[2]))
        one = slope(state)
        two = slope(moved(state, one, dt / 2))
        three = slope(moved(state, two, dt / 2))
        four = slope(moved(state, three, dt))
        mean = tuple(
            (a + 2 * b + 2 * c + d) / 6 for a, b, c, d in zip(one, two, three, four, strict=True)
        )
        state = moved(state, mean, dt)
    return found


def line(name: str, axes: tuple[str, str], x: Sequence[float], y: Sequence[float]) -> Curve:
    """Return a curve without a band."""
    return Curve(name=name, x_label=axes[0], y_label=axes[1], x=tuple(x), y=tuple(y))


def twins() -> tuple[Curve, ...]:
    """Return two trajectories that start 1e-8 apart, and how far they come apart."""
    first, second = lorenz(1.0), lorenz(1.0 + 1e-8)
    time = [0.03 * step for step in range(len(first))]
    gap = [math.log10(math.dist(a, b)) for a, b in zip(first, second, strict=True)]
    fit = [-8 + 0.906 * one / math.log(10) for one in time[:500]]
    path, apart = ("time", "x"), ("time", "log10 distance")
    found = {
        "start": line("twin trajectories", path, time, [s[0] for s in first]),
        "start + 1e-8": line("twin trajectories", path, time, [s[0] for s in second]),
        "measured": line("divergence", apart, time, gap),
        "theory, 0.906 per unit of time": line("divergence", apart, time[:500], fit),
    }
    return tuple(replace(one, series=series) for series, one in found.items())


def sweep() -> tuple[Curve, ...]:
    """Return a network's growth rate against the spectral radius, theory beside it."""
    radii = [0.5 + 0.1 * step for step in range(16)]
    fine = [0.5 + 0.0125 * step for step in range(121)]
    axes = ("spectral radius", "lambda_1 (nats per layer)")
    rates = [math.log(r) - 0.55 * max(0.0, math.log(r)) for r in radii]
    theory = [math.log(r) - 0.5 * max(0.0, math.log(r)) for r in fine]
    low, high = ([rate + reach for rate in rates] for reach in (-0.02, 0.02))
    measured = replace(
        line("growth by radius", axes, radii, rates), low=tuple(low), high=tuple(high)
    )
    return (
        replace(measured, series="measured"),
        replace(line("growth by radius", axes, fine, theory), series="mean-field theory"),
    )


def system(name: str = "lorenz", outcome: Outcome = Outcome.PASSED) -> Verdict:
    """Return the verdict on a known system: no model, no prompts, no pairs, no controls."""
    told = f"{name}: lambda_1 0.904 [0.896, 0.912] is within at_least=0.886 and at_most=0.926"
    identity = model(name, pin=f"steps:{name}", template="none", versions=(), notes=())
    return replace(
        verdict(outcome),
        check="system",
        id=name,
        model=identity,
        measurement=measured("lambda_1", 0.904, 0.008, "nats per unit of time", n=20),
        limit=Limit(name="lambda_1", at_least=0.886, at_most=0.926),
        sentence=told,
        explanation=f"{told}\n  nats per unit of time\n\nnext:\n  nothing",
        also=(),
        controls=(),
        pairs=(),
        worst=None,
        curves={"lorenz": twins, "tanh_sweep": sweep}.get(name, tuple)(),
        settings={"seed": 0, "steps": 40_000},
        runs_measured=20,
        runs_reused=0,
    )


def in_suite(found: Verdict, status: str) -> Record:
    """Return the record of a check of a suite, named as its check."""
    return replace(record(found, status=status), node_id=f"butterfly.chaos.yaml::{found.id}")


def dynamics_records() -> tuple[Record, ...]:
    """Return a run of depth checks on a model, and of systems."""
    deep = tuple(0.4 * math.cos(place / 4) * math.exp(-place / 60) for place in range(96))
    return (
        record(layered(), node="test_depth"),
        record(layered(Outcome.PASSED, deep, name="deep"), node="test_deep", status="passed"),
        replace(record(*shape()), node_id="a.chaos.yaml::shape[bundled:small]", status="passed"),
        in_suite(system(), "passed"),
        in_suite(system("tanh_sweep"), "passed"),
        in_suite(system("henon", Outcome.FAILED), "failed"),
    )
