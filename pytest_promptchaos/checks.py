"""The public checks: surround, answer, measure, judge.

Each ``assert_*`` is its ``measure_*`` plus a judgement; a ``measure_*`` never raises because of
what it found. This file joins the stages; none of them knows another.
"""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from pytest_promptchaos.answer import DepthKnobs, depth_profile, observe
from pytest_promptchaos.judging import enforce, judge_findings
from pytest_promptchaos.measure.divergence import NAMES, divergence
from pytest_promptchaos.measure.lyapunov import lyapunov
from pytest_promptchaos.neighborhoods.ladder import check_rungs
from pytest_promptchaos.records import (
    SMALL_RUNGS,
    Control,
    Findings,
    Limit,
    Neighborhood,
    Prompt,
    Verdict,
)
from pytest_promptchaos.session import active
from pytest_promptchaos.surround import (
    Asked,
    center_of,
    check_choice,
    check_distinct,
    check_number,
    neighborhoods_of,
    several,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_promptchaos.models.language import LanguageModel
    from pytest_promptchaos.records import Rung, Scalar
    from pytest_promptchaos.session import Counts, Session
    from pytest_promptchaos.stored import DepthProfile

Metric: TypeAlias = Literal["semantic", "token_edit"]


def load_model(pin: str) -> LanguageModel:
    """Return the model that ``pin`` names, from the pool of the running session.

    ``bundled:NAME``, ``dir:PATH`` or ``hub:ORG/NAME@<commit>``, options after ``?``. Weights load
    on first use. Raises ``PinError`` for a pin that does not name one exact model.
    """
    return active().model(pin)


# -- neighborhoods ------------------------------------------------------------------------------


def assert_stable_neighborhood(
    model: LanguageModel | str,
    prompt: Asked | Sequence[Asked],
    *,
    at_most: float,
    metric: Metric = "semantic",
    rungs: Sequence[Rung] = SMALL_RUNGS,
    horizon: int | None = None,
    per_rung: int | None = None,
    seed: int | None = None,
    paraphrases: Sequence[str] = (),
    small_semantic: Sequence[str] = (),
    positive_control: Sequence[str] = (),
) -> Verdict:
    """Return the verdict that the outputs around ``prompt`` move by at most ``at_most``.

    Judged is the mean distance, in excess of the noise floor, between the greedy output for the
    prompt and the outputs for its neighbors on ``rungs``. It passes when its whole 95 % interval
    is within the limit. Raises ``VerdictError`` (an ``AssertionError``) with the evidence when it
    fails, when the interval straddles the limit, and when a control says that there is no
    evidence. The other arguments are those of :func:`measure_neighborhood`.
    """
    __tracebackhide__ = True
    check_number("at_most", at_most)
    findings = measure_neighborhood(
        model,
        prompt,
        metric=metric,
        rungs=rungs,
        horizon=horizon,
        per_rung=per_rung,
        seed=seed,
        paraphrases=paraphrases,
        small_semantic=small_semantic,
        positive_control=positive_control,
    )
    limit = Limit(name=NAMES[metric], at_most=at_most)
    return enforce(judge_findings("stable_neighborhood", findings, limit))


def measure_neighborhood(
    model: LanguageModel | str,
    prompt: Asked | Sequence[Asked],
    *,
    metric: Metric = "semantic",
    rungs: Sequence[Rung] = SMALL_RUNGS,
    horizon: int | None = None,
    per_rung: int | None = None,
    seed: int | None = None,
    paraphrases: Sequence[str] = (),
    small_semantic: Sequence[str] = (),
    positive_control: Sequence[str] = (),
) -> Findings:
    """Return how far a model's greedy outputs move around one or several prompts.

    ``prompt`` is a text, a ``Prompt``, a ``Neighborhood``, or several of them with distinct ids;
    from five prompts on the prompt is the unit of the interval. ``rungs`` are those that enter
    the measurement; every rung that has neighbors is run and shown. ``horizon`` bounds the output
    in tokens, ``per_rung`` the neighbors drawn per rung; both, and ``seed``, come from the options
    when ``None``. ``paraphrases``, ``small_semantic`` and ``positive_control`` are authored texts
    and go with a single prompt. Raises ``PromptError`` for a prompt that is empty, too long or
    given twice, ``NeighborhoodError`` for a rung that does not exist or an edit that edits nothing.
    """
    started = time.perf_counter()
    session, subject = active(), _model(model)
    settings = session.settings
    check_rungs(rungs)
    check_choice("metric", metric, NAMES)
    length = settings.horizon if horizon is None else horizon
    check_number("horizon", length, least=1)
    neighborhoods = neighborhoods_of(
        several(prompt),
        rungs=rungs,
        paraphrases=paraphrases,
        small_semantic=small_semantic,
        positive_control=positive_control,
        per_rung=settings.per_rung if per_rung is None else per_rung,
        seed=settings.seed if seed is None else seed,
    )
    before = replace(session.counts)
    observed = [observe(session, subject, n, length) for n in neighborhoods]
    findings = divergence(
        observed,
        metric=metric,
        rungs=tuple(rungs),
        min_effective=settings.min_effective,
        embed=None if session.embedder is None else session.embed,
        embedder_words=session.embedder_words,
    )
    knobs: dict[str, Scalar] = {
        "horizon": length,
        "seed": neighborhoods[0].seed,
        "embedder": session.embedder_words,
    }
    prompts = ", ".join(n.center.id for n in neighborhoods)
    notes = (*_generation_note(subject), *_unavailable(neighborhoods))
    findings = replace(findings, controls=(*findings.controls, *notes))
    return _booked(findings, session, before, started, {**knobs, "prompts": prompts})


def _generation_note(model: LanguageModel) -> tuple[Control, ...]:
    words = "; ".join(model.identity.notes) or "nothing to clear: the checkpoint asks for none"
    return (Control(name="generation settings", role="note", state="held", words=words),)


def _unavailable(neighborhoods: Sequence[Neighborhood]) -> tuple[Control, ...]:
    told: dict[str, list[str]] = {}
    for built in neighborhoods:
        for rung, why in built.unavailable:
            told.setdefault(f"{rung}: {why}", []).append(built.center.id)
    return tuple(
        Control(name="rung not run", role="note", state="absent", words=f"{why} ({', '.join(ids)})")
        for why, ids in told.items()
    )


# -- depth --------------------------------------------------------------------------------------


def assert_ftle(
    model: LanguageModel | str,
    prompt: str | Prompt | Sequence[str | Prompt],
    *,
    at_most: float,
    tangents: int = 10,
    positions: Literal["prompt", "last"] = "prompt",
    seed: int | None = None,
) -> Verdict:
    """Return the verdict that perturbations grow by at most ``at_most`` nats per layer.

    Judged is lambda_1, the mean finite-time growth rate over depth, with its 95 % interval: it
    passes when the whole interval is within the limit. Raises ``VerdictError`` otherwise. The
    other arguments are those of :func:`measure_ftle`.
    """
    __tracebackhide__ = True
    check_number("at_most", at_most)
    findings = measure_ftle(model, prompt, tangents=tangents, positions=positions, seed=seed)
    return enforce(judge_findings("ftle", findings, Limit(name="lambda_1", at_most=at_most)))


def measure_ftle(
    model: LanguageModel | str,
    prompt: str | Prompt | Sequence[str | Prompt],
    *,
    tangents: int = 10,
    positions: Literal["prompt", "last"] = "prompt",
    seed: int | None = None,
) -> Findings:
    """Return the finite-time growth of perturbations through a model's depth.

    ``tangents`` random directions at the embedding output, restricted to ``positions`` (all
    prompt tokens, or the last), are pushed through the decoder layers by forward-mode AD; the
    logarithm of the growth is recorded per layer. lambda_1 is its mean over layers, tangents and
    prompts, in nats per layer: positive means that a perturbation grows. A residual stream grows
    too, most of all in its first layer, so the growth beyond the state's own stands beside it.
    The interval is over tangents, and over prompts from five prompts on. Raises ``DepthError``
    naming the operation for a model that forward-mode AD cannot follow.
    """
    started = time.perf_counter()
    session, subject = active(), _model(model)
    check_choice("positions", positions, ("prompt", "last"))
    check_number("tangents", tangents, least=2)
    chosen = session.settings.seed if seed is None else seed
    prompts = [center_of(p) for p in several(prompt)]
    check_distinct(prompts)
    before = replace(session.counts)
    knobs = DepthKnobs(tangents=tangents, seed=chosen, positions=positions)
    growths = {p.id: depth_profile(session, subject, p, knobs) for p in prompts}
    raw = lyapunov({name: growth.profile for name, growth in growths.items()})
    beyond = lyapunov({name: growth.relative_profile for name, growth in growths.items()})
    findings = Findings(
        model=subject.identity,
        measurement=raw.exponent,
        also=(replace(beyond.exponent, name="lambda_1 beyond the state's own growth"), *raw.also),
        controls=_depth_controls(growths),
        curves=(
            replace(raw.curve, series="perturbation"),
            replace(beyond.curve, series="beyond the state's own growth"),
        ),
    )
    told: dict[str, Scalar] = {**asdict(knobs), "prompts": ", ".join(growths)}
    return _booked(findings, session, before, started, told)


def _depth_controls(growths: Mapping[str, DepthProfile]) -> tuple[Control, ...]:
    """Return that the replayed layers gave what the model's own forward gives."""
    worst = max(growths.values(), key=lambda growth: growth.parity)
    switched = sorted({note for growth in growths.values() for note in growth.notes})
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


# -- arguments ----------------------------------------------------------------------------------


def _model(model: LanguageModel | str) -> LanguageModel:
    return load_model(model) if isinstance(model, str) else model


def _booked(
    findings: Findings,
    session: Session,
    before: Counts,
    started: float,
    settings: Mapping[str, Scalar],
) -> Findings:
    """Return the findings with their knobs, how much was measured or reused, and the time."""
    return replace(
        findings,
        settings={**findings.settings, **settings},
        runs_measured=session.counts.measured - before.measured,
        runs_reused=session.counts.reused - before.reused,
        seconds=time.perf_counter() - started,
    )
