"""The public checks of depth dynamics: place, tangents, measure, judge.

Each ``assert_*`` is its ``measure_*`` plus a judgement; a ``measure_*`` never raises because of
what it found.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack

from pytest_promptchaos.beside import BESIDE, beside
from pytest_promptchaos.booking import booked, model_of
from pytest_promptchaos.depth_evidence import (
    NAMED,
    DepthKnobs,
    depth_profile,
    null_profiles,
    place_of,
)
from pytest_promptchaos.errors import ArgumentError, DepthError
from pytest_promptchaos.judging import enforce, enforce_all, judge_findings
from pytest_promptchaos.measure.lyapunov import lyapunov
from pytest_promptchaos.measure.null import random_initialization_null
from pytest_promptchaos.models.language import LanguageModel
from pytest_promptchaos.models.quantization import INT8
from pytest_promptchaos.models.scripted import ScriptedModel
from pytest_promptchaos.prompt_digests import DIGESTS, prompt_digests
from pytest_promptchaos.records import Control, Findings, Limit, Measurement, Prompt, Verdict
from pytest_promptchaos.session import active
from pytest_promptchaos.steps import measure_steps
from pytest_promptchaos.surround import (
    center_of,
    check_choice,
    check_count,
    check_distinct,
    check_number,
    several,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_promptchaos.booking import Subject
    from pytest_promptchaos.depth_evidence import Place, Positions
    from pytest_promptchaos.records import Curve, Scalar
    from pytest_promptchaos.stored import DepthProfile


class FtleKnobs(TypedDict, total=False):
    """The further arguments of :func:`measure_ftle`, where they are told."""

    tangents: int
    positions: Positions
    seed: int
    null: int
    beside: Sequence[str]
    cadence: int
    mode: Literal["independent", "orthogonal"]
    steps: int | None
    transient: int


def assert_ftle(
    model: object,
    prompt: object,
    *,
    at_most: float | None = None,
    at_least: float | None = None,
    **knobs: Unpack[FtleKnobs],
) -> Verdict:
    """Return the verdict that perturbations grow by at most ``at_most`` nats per layer.

    Judged is lambda_1, the mean finite-time growth rate over depth, with its 95 % interval: it
    passes when the whole interval is within the limits, of which one is needed. Raises
    ``VerdictError`` otherwise. Model, prompt and the other arguments are those of
    :func:`measure_ftle`.
    """
    __tracebackhide__ = True
    _check_limits(at_most=at_most, at_least=at_least)
    findings = measure_ftle(model, prompt, **knobs)
    limit = Limit(name=findings.measurement.name, at_most=at_most, at_least=at_least)
    return enforce(judge_findings("ftle", findings, limit))


def measure_ftle(model: object, prompt: object, **knobs: Unpack[FtleKnobs]) -> Findings:
    """Return the finite-time growth of perturbations through depth.

    For a language model (loaded, or its pin) and a prompt (text, ``Prompt``, or several):
    ``tangents`` (10) random directions at the embedding output, restricted to ``positions``, are
    pushed through the decoder layers by forward-mode AD; the logarithm of the growth is recorded
    per layer. lambda_1 is its mean over layers, tangents and prompts, in nats per layer: positive
    means that a perturbation grows. A residual stream grows too, most of all in its first layer,
    so the growth beyond the state's own stands beside it. The interval is over tangents, and over
    prompts from five prompts on. Further arguments:

    - ``positions``: ``"prompt"`` (all its tokens), ``"last"``, ``"assistant"`` (the tokens of the
      model's own greedy answer, at most ``horizon`` of them), or flags over the rendered tokens,
      for several prompts by prompt id.
    - ``null``: how many random initializations of the same architecture to show beside it; the
      option of that name when left out.
    - ``beside``: further measures by name: ``"readout"`` (growth into the logits; the default),
      ``"spectrum"``, ``"leading"`` (sigma_1), ``"amplitudes"`` (finite perturbations), ``"blocks"``
      (attention, MLP), ``"residual"``, ``"mohammad-2026"``.
    - ``seed``: of the tangents, ``seed`` to ``seed + tangents - 1``.

    For any other system, ``model`` is a step (a function or module from a state to the next) or
    a stack of layers, ``prompt`` its initial state or a list of several, and the further
    arguments are those of :func:`pytest_promptchaos.steps.measure_steps`.

    Raises:
        DepthError: names the operation that forward-mode AD cannot follow.
        ArgumentError, PromptError: for arguments or prompts that cannot be measured.
    """
    of_model = isinstance(model, LanguageModel | ScriptedModel | str)
    if not of_model and hasattr(model, "generate") and hasattr(model, "config"):
        raise ArgumentError(
            f"{type(model).__name__} is a bare network, without its pin: save it with "
            "save_pretrained(), its tokenizer too, and pass 'dir:PATH'"
        )
    known = _ModelKnobs.__dataclass_fields__ if of_model else _STEP_KNOBS
    for name in knobs:
        check_choice("argument", name, known)
    if isinstance(model, LanguageModel | ScriptedModel | str):
        return _of_model(model, prompt, _ModelKnobs(**knobs))  # type: ignore[misc]
    return measure_steps(model, prompt, **knobs)  # type: ignore[misc]


def assert_depth_profile(
    model: LanguageModel | str,
    prompt: str | Prompt | Sequence[str | Prompt],
    *,
    variance_at_most: float | None = None,
    slope_between: tuple[float, float] | None = None,
    no_layer_above: float | None = None,
    **knobs: Unpack[FtleKnobs],
) -> tuple[Verdict, ...]:
    """Return the verdicts on the shape of the depth profile, one for each limit given.

    ``variance_at_most``: the profile's variance over layers, in squared nats. ``slope_between``:
    its least-squares slope over the layer index, (low, high), in nats per layer, per layer.
    ``no_layer_above``: the growth in any one layer, in nats, with an interval that holds for all
    layers at once. Each passes when its whole interval is within the limit. Raises
    ``VerdictError`` with the evidence when one does not. The other arguments are those of
    :func:`measure_ftle`.
    """
    __tracebackhide__ = True
    return enforce_all(
        judge_depth_profile(
            model,
            prompt,
            variance_at_most=variance_at_most,
            slope_between=slope_between,
            no_layer_above=no_layer_above,
            **knobs,
        )
    )


def judge_depth_profile(
    model: LanguageModel | str,
    prompt: object,
    *,
    variance_at_most: float | None = None,
    slope_between: tuple[float, float] | None = None,
    no_layer_above: float | None = None,
    expect: Literal["passed", "failed"] = "passed",
    name: str = "",
    **knobs: Unpack[FtleKnobs],
) -> tuple[Verdict, ...]:
    """Return the verdicts of :func:`assert_depth_profile` without enforcing them."""
    limits = _profile_limits(variance_at_most, slope_between, no_layer_above)
    findings = measure_ftle(model, prompt, **knobs)
    return tuple(
        judge_findings(
            "depth_profile",
            _judging(findings, limit.name),
            limit,
            expect=expect,
            name=f"{name}:{limit.name}" if name else "",
        )
        for limit in limits
    )


def _profile_limits(
    variance: float | None, slope: tuple[float, float] | None, layer: float | None
) -> list[Limit]:
    """Return the limits that were given; raise ``ArgumentError`` where they say nothing."""
    _check_limits(variance_at_most=variance, slope_between=slope, no_layer_above=layer)
    limits = []
    if variance is not None:
        limits.append(Limit(name="profile_variance", at_most=variance))
    if slope is not None:
        low, high = slope
        limits.append(Limit(name="profile_slope", at_least=low, at_most=high))
    if layer is not None:
        limits.append(Limit(name="largest_layer_growth", at_most=layer))
    return limits


def _check_limits(**limits: float | tuple[float, float] | None) -> None:
    """Raise ``ArgumentError`` unless one limit is given, and all are numbers in order."""
    if all(limit is None for limit in limits.values()):
        raise ArgumentError(f"no limit was given: pass {' or '.join(limits)}")
    for name, limit in limits.items():
        pair = name == "slope_between" and limit is not None
        if pair and (not isinstance(limit, Sequence) or len(limit) != 2):
            raise ArgumentError(f"slope_between is {limit!r}: it takes two numbers, (low, high)")
        bounds = limit if pair and isinstance(limit, Sequence) else (limit,)
        for bound in bounds:
            if bound is not None:
                check_number(name, bound)
    low, high = limits.get("slope_between") or (limits.get("at_least"), limits.get("at_most"))  # type: ignore[misc]
    if low is not None and high is not None and low >= high:  # type: ignore[operator]
        raise ArgumentError(f"the lower limit {low:g} is not below the upper limit {high:g}")


def _judging(findings: Findings, name: str) -> Findings:
    """Return the findings with another of their measurements in front."""
    chosen = next((one for one in findings.also if one.name == name), None)
    if chosen is None:
        raise ArgumentError(
            f"what was measured has no {name}: it needs layers and independent tangents"
        )
    rest = (findings.measurement, *(one for one in findings.also if one is not chosen))
    return replace(findings, measurement=chosen, also=rest)


# -- one model ----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _ModelKnobs:
    tangents: int = 10
    positions: Positions = "prompt"
    seed: int | None = None
    null: int | None = None
    beside: Sequence[str] = ("readout",)
    cadence: int = 4


_STEP_KNOBS = ("tangents", "seed", "mode", "steps", "transient")


def _of_model(model: Subject | str, prompt: Any, asked: _ModelKnobs) -> Findings:
    started = time.perf_counter()
    session, subject = active(), _with_depth(model_of(model))
    knobs, null = _checked(asked, session.settings.seed, session.settings.tangent_memory)
    null = session.settings.null if null is None else null
    prompts = [center_of(one) for one in several(prompt)]
    check_distinct(prompts)
    before = replace(session.counts)
    places = {one.id: place_of(session, subject, one, asked.positions) for one in prompts}
    profiles = {name: depth_profile(place, knobs) for name, place in places.items()}
    findings = _findings(subject, profiles)
    findings = _with_null(findings, places, profiles, knobs, null)
    measurements, curves = beside(asked.beside, places, knobs)
    findings = replace(
        findings, also=(*findings.also, *measurements), curves=(*findings.curves, *curves)
    )
    told: dict[str, Scalar] = {
        **asdict(knobs),
        "null": null,
        "positions": asked.positions if isinstance(asked.positions, str) else "flags",
        "prompts": ", ".join(places),
        DIGESTS: prompt_digests(prompts),
    }
    if subject.edits:
        told["edits"] = subject.edits
    return booked(findings, session, before, started, told)


def _with_depth(model: Subject) -> LanguageModel:
    """Return the model; raise ``DepthError`` for one through whose depth nothing can be pushed."""
    if not isinstance(model, LanguageModel):
        raise DepthError(
            f"{model.pin.text} is a script: it has no layers to push a perturbation through; pass "
            "a model, or a step or a stack of layers"
        )
    if model.identity.quantization == INT8:
        raise DepthError(
            f"{model.pin.text} runs in int8: rounding has no derivative; measure the depth of the "
            "same pin without quantization=int8"
        )
    return model


def _checked(asked: _ModelKnobs, seed: int, memory: int) -> tuple[DepthKnobs, int | None]:
    """Return the knobs of the evidence; raise ``ArgumentError`` for what makes no sense."""
    check_count("tangents", asked.tangents, least=2)
    check_count("cadence", asked.cadence, least=1)
    if asked.seed is not None:
        check_count("seed", asked.seed, least=0)
    if isinstance(asked.positions, str):
        check_choice("positions", asked.positions, NAMED)
    if asked.null is not None:
        check_count("null", asked.null, least=0)
    if isinstance(asked.beside, str) or not isinstance(asked.beside, Sequence):
        raise ArgumentError(f"beside is {asked.beside!r}: pass a list of names")
    for name in asked.beside:
        check_choice("beside", name, BESIDE)
    knobs = DepthKnobs(
        tangents=asked.tangents,
        seed=seed if asked.seed is None else asked.seed,
        cadence=asked.cadence,
        memory=memory,
    )
    return knobs, asked.null


def _findings(model: LanguageModel, profiles: Mapping[str, DepthProfile]) -> Findings:
    raw = lyapunov({name: one.profile for name, one in profiles.items()})
    beyond = lyapunov({name: one.relative_profile for name, one in profiles.items()})
    return Findings(
        model=model.identity,
        measurement=raw.exponent,
        also=(replace(beyond.exponent, name="lambda_1 beyond the state's own growth"), *raw.also),
        controls=_controls(profiles),
        curves=(
            replace(raw.curve, series="perturbation"),
            replace(beyond.curve, series="beyond the state's own growth"),
        ),
    )


def _with_null(
    findings: Findings,
    places: Mapping[str, Place],
    profiles: Mapping[str, DepthProfile],
    knobs: DepthKnobs,
    count: int,
) -> Findings:
    """Return the findings with random initializations of the same architecture beside them."""
    if not count:
        return findings
    fresh = null_profiles(places, knobs, count)
    null = random_initialization_null(
        {name: one.profile for name, one in profiles.items()},
        [{name: one.profile for name, one in each.items()} for each in fresh],
    )
    measured: tuple[Measurement, ...] = (
        null.exponent,
        null.difference,
        replace(null.expanding, name="null_expanding_layers"),
    )
    curves: tuple[Curve, ...] = (*findings.curves, null.curve)
    return replace(findings, also=(*findings.also, *measured), curves=curves)


def _controls(profiles: Mapping[str, DepthProfile]) -> tuple[Control, ...]:
    """Return that the replayed layers gave what the model's own forward gives."""
    worst = max(profiles.values(), key=lambda profile: profile.parity)
    switched = sorted({note for profile in profiles.values() for note in profile.notes})
    return (
        Control(
            name="primal parity",
            role="gate",
            state="held",
            words=f"replayed layers against the model's own forward: largest relative gap "
            f"{worst.parity:.2g}",
            value=worst.parity,
        ),
        Control(
            name="kernels",
            role="note",
            state="held",
            words="; ".join(switched) or "nothing was switched for forward-mode AD",
        ),
    )
