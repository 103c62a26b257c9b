"""Any step or stack of layers -> findings: the growth of a perturbation in a user's own system."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.dynamics.modes import MODES
from pytest_promptchaos.dynamics.stacks import Stack, stack_of, states_of, try_out
from pytest_promptchaos.dynamics.systems import arrived, tangents_beside
from pytest_promptchaos.dynamics.tangent import push
from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.measure.intervals import MIN_CLUSTERS
from pytest_promptchaos.measure.lyapunov import growth_rate, lyapunov
from pytest_promptchaos.measure.spectrum import spectrum
from pytest_promptchaos.models.device import hardware
from pytest_promptchaos.records import Control, Curve, Findings, Measurement, ModelIdentity
from pytest_promptchaos.session import active
from pytest_promptchaos.surround import check_choice, check_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from pytest_promptchaos.dynamics.growth import Growth
    from pytest_promptchaos.dynamics.modes import Mode

MOST_POINTS = 200
"""Steps that a profile shows one by one; of more, the means of blocks are shown."""


def measure_steps(
    step_or_stack: object,
    states: object,
    *,
    steps: int | None = None,
    tangents: int | None = None,
    mode: Mode = "independent",
    seed: int = 0,
    transient: int = 0,
) -> Findings:
    """Return the finite-time growth of perturbations through any step, or any stack of layers.

    ``step_or_stack`` is a function or module that takes a state and returns the next, applied
    ``steps`` times; or, with ``steps=None``, an iterable of them, such as ``torch.nn.Sequential``
    or a list. ``states`` is one initial state (a tensor or an array: a batch in it is part of the
    state), or a list of several: the interval is over them from five on, and over the tangents
    below that. The state's type of numbers is kept. ``transient`` steps are taken first, without
    tangents.

    ``tangents`` random directions, drawn from ``seed``, follow the state; by default ten, or as
    many as it has numbers if those are fewer. lambda_1 is their mean log growth per step, in
    nats. ``mode="orthogonal"`` keeps them apart by QR: lambda_1 is then the first exponent, and
    all of them, their sum and the Kaplan-Yorke dimension stand beside it.

    Raises:
        ArgumentError: for a step that fails, returns no tensor, changes shape or type, or gives
            NaN, and for other arguments that make no sense.
        DepthError: for a step that forward-mode AD cannot follow; names the operation.
    """
    started = time.perf_counter()
    active().use_threads()
    check_choice("mode", mode, MODES)
    _check_counts(steps=steps, tangents=tangents, transient=transient, seed=seed)
    count = None if steps is None else steps + transient
    stack, begun = stack_of(step_or_stack, count), states_of(states)
    if transient >= len(stack.steps):
        raise ArgumentError(
            f"transient={transient} leaves none of the {len(stack.steps)} layers to measure"
        )
    drawn = tangents or min(10, begun[0].numel())
    growths = {
        f"state {place}": _growth(stack, state, drawn, mode=mode, seed=seed, transient=transient)
        for place, state in enumerate(begun)
    }
    found = _spectral(growths) if mode == "orthogonal" else _typical(growths, stack, transient)
    unit = "step" if stack.repeated else "layer"
    return Findings(
        model=system_identity(stack.name, begun[0], fingerprint=stack.fingerprint),
        measurement=_worded(found.judged, unit),
        also=tuple(_worded(one, unit) for one in found.also),
        controls=(parity_control(growths.values()),),
        curves=tuple(_axes(curve, unit) for curve in found.curves),
        settings={
            "tangents": drawn,
            "seed": seed,
            "mode": mode,
            "steps": len(stack.steps) - transient,
            "transient": transient,
            "prompts": ", ".join(growths),
        },
        runs_measured=len(growths),
        seconds=time.perf_counter() - started,
    )


def _check_counts(*, steps: int | None, tangents: int | None, transient: int, seed: int) -> None:
    for name, value, least in (("steps", steps, 1), ("tangents", tangents, 1)):
        if value is not None:
            check_count(name, value, least=least)
    check_count("transient", transient, least=0)
    check_count("seed", seed, least=0)


def _growth(
    stack: Stack, state: Tensor, tangents: int, *, mode: Mode, seed: int, transient: int
) -> Growth:
    """Return the growth from one initial state, its transient taken first."""
    try_out(stack, state)
    state = arrived(stack.steps[:transient], state)
    session, label = active(), f"growth in {stack.name}"
    try:
        return push(
            stack.steps[transient:],
            state,
            tangents_beside(state, tangents, seed),
            mode=mode,
            progress=lambda done, total: session.progress(label, done, total),
        )
    except ValueError as error:
        raise ArgumentError(str(error)) from error


# -- growth -> numbers --------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Found:
    """The measurement to judge, what was taken beside it, and the curves."""

    judged: Measurement
    also: tuple[Measurement, ...]
    curves: tuple[Curve, ...]


# What a step that repeats has no use for: a list of its steps, which may be thousands.
_OF_LAYERS = ("expanding_layers", "zero_crossings")
_BEYOND = "beyond the state's own growth"


def _typical(growths: Mapping[str, Growth], stack: Stack, transient: int) -> _Found:
    """Return lambda_1 over independent tangents, the profile's shape, and the profile."""
    profiles = {state: growth.profile for state, growth in growths.items()}
    raw = lyapunov(profiles, layers=stack.names[transient:])
    raw = replace(raw, exponent=_few(raw.exponent))
    if stack.repeated:
        also = tuple(one for one in raw.also if one.name not in _OF_LAYERS)
        return _Found(judged=raw.exponent, also=also, curves=(_profile_curve(profiles),))
    if not all(growth.state_norms.all() for growth in growths.values()):
        return _Found(judged=raw.exponent, also=raw.also, curves=(_profile_curve(profiles),))
    relative = {state: growth.relative_profile for state, growth in growths.items()}
    beyond = growth_rate(relative, name=f"lambda_1 {_BEYOND}")
    curves = (
        replace(_profile_curve(profiles), series="perturbation"),
        replace(_profile_curve(relative), series=_BEYOND),
    )
    return _Found(judged=raw.exponent, also=(beyond, *raw.also), curves=curves)


def _spectral(growths: Mapping[str, Growth]) -> _Found:
    """Return the first exponent, all of them with their sum, and the first one's profile."""
    profiles = {state: growth.profile for state, growth in growths.items()}
    found = spectrum(profiles)
    singles = tuple(map(_over_states, found.exponents))
    total = replace(_over_states(found.total), breakdown=singles)
    first = _profile_curve({state: profile[:1] for state, profile in profiles.items()})
    return _Found(
        judged=singles[0],
        also=(total, _over_states(found.dimension)),
        curves=(replace(first, series="first exponent"), found.curve),
    )


def _few(measurement: Measurement) -> Measurement:
    """Return a rate that says what would give it an interval, where one tangent gave none."""
    if measurement.value is None or measurement.low is not None:
        return measurement
    words = f"no interval: one direction has no spread; pass {MIN_CLUSTERS} states or more"
    return replace(measurement, interval=words, resampled="states")


def _over_states(measurement: Measurement) -> Measurement:
    """Return an exponent that says what would give it an interval, where it has none."""
    if measurement.value is None or measurement.low is not None:
        return measurement
    return replace(
        measurement,
        interval=f"no interval: pass {MIN_CLUSTERS} states or more, since the exponents of one "
        "orbit are no samples of each other",
        resampled="states",
    )


def _profile_curve(profiles: Mapping[str, NDArray[np.float64]]) -> Curve:
    """Return the mean profile with its band, by step, or by block where there are many."""
    length = next(iter(profiles.values())).shape[1]
    blocks = np.array_split(np.arange(length), min(length, MOST_POINTS))
    means = {
        state: np.stack([profile[:, block].mean(axis=1) for block in blocks], axis=1)
        for state, profile in profiles.items()
    }
    middles = tuple(float(block.mean()) for block in blocks)
    return replace(lyapunov(means).curve, x=middles)


# -- words --------------------------------------------------------------------------------------


def _worded(measurement: Measurement, unit: str) -> Measurement:
    """Return the measurement with steps for layers and states for prompts in its words."""
    return replace(
        measurement,
        unit=measurement.unit.replace("layer", unit),
        interval=measurement.interval.replace("prompt", "state"),
        resampled=measurement.resampled.replace("prompt", "state"),
        breakdown=tuple(_worded(part, unit) for part in measurement.breakdown),
    )


def _axes(curve: Curve, unit: str) -> Curve:
    """Return the curve with steps for layers in its words."""
    return replace(
        curve,
        name=curve.name.replace("layer", unit),
        x_label=curve.x_label.replace("layer", unit),
        y_label=curve.y_label.replace("layer", unit),
    )


def parity_control(growths: Iterable[Growth]) -> Control:
    """Return that the state under forward-mode AD is the state without it."""
    worst = max(growth.parity for growth in growths)
    return Control(
        name="primal parity",
        role="gate",
        state="held",
        words="the state under forward-mode AD against the plain step, where it was checked: "
        f"largest relative gap {worst:.2g}",
        value=worst,
    )


def system_identity(name: str, state: Tensor, *, fingerprint: str = "none") -> ModelIdentity:
    """Return which system was followed, by its name and the sha256 of its parameters."""
    return ModelIdentity(
        pin=f"steps:{name}",
        name=name,
        revision="none",
        fingerprint=fingerprint,
        template="none",
        dtype=str(state.dtype).removeprefix("torch."),
        device=state.device.type,
        attention="none",
        hardware=hardware(state.device),
        versions=(("torch", version("torch")),),
    )
