"""The public checks: surround, answer, measure, judge.

Each ``assert_*`` is its ``measure_*`` plus a judgement; a ``measure_*`` never raises because of
what it found. This file joins the stages; none of them knows another.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from pytest_promptchaos.dynamics.depth import depth_growth
from pytest_promptchaos.errors import NeighborhoodError, PromptError, VerdictError
from pytest_promptchaos.measure.divergence import NAMES, divergence
from pytest_promptchaos.measure.lyapunov import lyapunov
from pytest_promptchaos.measure.pairs import Observed
from pytest_promptchaos.models.language import LanguageModel
from pytest_promptchaos.neighborhoods.certify import certify
from pytest_promptchaos.neighborhoods.ladder import as_prompt, check_rungs, neighborhood
from pytest_promptchaos.records import (
    SMALL_RUNGS,
    Control,
    Findings,
    Limit,
    Neighborhood,
    Outcome,
    Prompt,
    Verdict,
)
from pytest_promptchaos.session import active
from pytest_promptchaos.stored import DepthProfile, depth_from_evidence, depth_to_evidence
from pytest_promptchaos.verdict.explain import explanation, sentence
from pytest_promptchaos.verdict.judge import judge, settle

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pytest_promptchaos.records import Rung, Scalar
    from pytest_promptchaos.session import Counts, Session

Asked: TypeAlias = "str | Prompt | Neighborhood"
Metric: TypeAlias = Literal["semantic", "token_edit"]

CADENCE = 4
"""Layers between two renormalizations of the tangents; no number depends on it."""


class InconclusiveWarning(UserWarning):
    """A verdict is inconclusive and was let through by ``inconclusive=warn``."""


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
    neighborhoods = _neighborhoods(
        _several(prompt),
        {"paraphrases": paraphrases, "small_semantic": small_semantic},
        positive_control,
        per_rung=settings.per_rung if per_rung is None else per_rung,
        seed=settings.seed if seed is None else seed,
    )
    length = settings.horizon if horizon is None else horizon
    before = replace(session.counts)
    observed = [_observe(session, subject, n, length) for n in neighborhoods]
    findings = divergence(
        observed,
        metric=metric,
        rungs=tuple(rungs),
        min_effective=settings.min_effective,
        embed=None if session.embedder is None else session.embed,
        embedder_words=session.embedder_words,
    )
    knobs = {"horizon": length, "seed": neighborhoods[0].seed, "embedder": session.embedder_words}
    prompts = ", ".join(n.center.id for n in neighborhoods)
    notes = (*_generation_note(subject), *_unavailable(neighborhoods))
    findings = replace(findings, controls=(*findings.controls, *notes))
    return _booked(findings, session, before, started, {**knobs, "prompts": prompts})


def _neighborhoods(
    asked: Sequence[Asked],
    authored: dict[str, Sequence[str]],
    positive_control: Sequence[str],
    *,
    per_rung: int,
    seed: int,
) -> list[Neighborhood]:
    """Return one neighborhood per prompt; those given ready-made stay as they are."""
    if len(asked) > 1 and (positive_control or any(authored.values())):
        raise NeighborhoodError(
            "authored texts were given for several prompts at once, so it is unclear whose they "
            "are: build each with neighborhood(prompt, paraphrases=...) and pass those"
        )
    centers = [a.center if isinstance(a, Neighborhood) else as_prompt(a) for a in asked]
    _check_distinct(centers)
    return [
        a
        if isinstance(a, Neighborhood)
        else neighborhood(
            center,
            seed=seed,
            per_rung=per_rung,
            positive_control=positive_control,
            other_prompts=[c for c in centers if c.id != center.id],
            **authored,
        )
        for a, center in zip(asked, centers, strict=True)
    ]


def _observe(
    session: Session, model: LanguageModel, built: Neighborhood, horizon: int
) -> Observed:
    """Return a neighborhood with the runs of its center and of every neighbor that differs."""
    for prompt in (built.center, *(n.prompt for n in built.neighbors)):
        model.check_length(prompt, horizon)
    certified = certify(built, model.render)
    run = [n for n in certified.neighbors if n.certification in {"effective", "identical"}]
    prompts = [built.center, *(n.prompt for n in run)]
    shape = model.shape([built.center, *(n.prompt for n in built.neighbors)], _rows(session))
    label = f"{model.pin.name} {built.center.id}"
    center, *rest = session.runs(model, prompts, shape=shape, horizon=horizon, label=label)
    alone = session.runs(
        model, [built.center] * 2, shape=(1, shape[1]), horizon=horizon, label=f"{label} control"
    )
    return Observed(
        neighborhood=certified,
        center=center,
        runs={n.id: r for n, r in zip(run, rest, strict=True)},
        alone=(alone[0], alone[1]),
    )


def _rows(session: Session) -> int:
    return session.settings.batch_rows


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
    prompts, in nats per layer: positive means that a perturbation grows. The interval is over
    tangents, and over prompts from five prompts on. Raises ``DepthError`` naming the operation
    for a model that forward-mode AD cannot follow.
    """
    started = time.perf_counter()
    session, subject = active(), _model(model)
    chosen = session.settings.seed if seed is None else seed
    prompts = [as_prompt(p) for p in _several(prompt)]
    _check_distinct(prompts)
    before = replace(session.counts)
    growths = {p.id: _growth(session, subject, p, tangents, chosen, positions) for p in prompts}
    measured = lyapunov({name: growth.profile for name, growth in growths.items()})
    findings = Findings(
        model=subject.identity,
        measurement=measured.exponent,
        also=measured.also,
        controls=_depth_controls(growths),
        curves=(measured.curve,),
    )
    told: dict[str, Scalar] = {
        "tangents": tangents,
        "positions": positions,
        "seed": chosen,
        "prompts": ", ".join(growths),
    }
    return _booked(findings, session, before, started, told)


def _growth(
    session: Session,
    model: LanguageModel,
    prompt: Prompt,
    tangents: int,
    seed: int,
    positions: Literal["prompt", "last"],
) -> DepthProfile:
    """Return a prompt's depth profile, from the evidence store where it was measured before."""
    model.check_length(prompt, 0)
    parts = {"tangents": tangents, "seed": seed, "positions": positions, "cadence": CADENCE}

    def measure() -> tuple[Mapping[str, object], Mapping[str, NDArray[np.generic]]]:
        session.progress(f"{model.pin.name} depth of {prompt.id}", 0, 1)
        growth = depth_growth(
            model.network,
            model.tensor(prompt),
            tangents=tangents,
            seed=seed,
            positions=positions,
            cadence=CADENCE,
        )
        return depth_to_evidence(
            DepthProfile(profile=growth.profile, parity=growth.parity, notes=growth.notes)
        )

    return depth_from_evidence(*session.recall("growth", model.key_parts(prompt) | parts, measure))


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


# -- judgement ----------------------------------------------------------------------------------


def judge_findings(
    check: str,
    findings: Findings,
    limit: Limit,
    *,
    expect: Literal["passed", "failed"] = "passed",
    name: str = "",
) -> Verdict:
    """Return the verdict on findings, and keep it for the report; never raises.

    ``expect="failed"`` is for a check that shows what a failure looks like; ``name`` is the
    check's own name in a suite.
    """
    controls = settle(findings.controls, limit)
    outcome = judge(findings.measurement, limit, controls)
    around = str(findings.settings.get("prompts", ""))
    told = sentence(findings.model.pin, around, findings.measurement, limit, outcome)
    verdict = Verdict(
        check=check,
        id=name or f"{check}({around})",
        outcome=outcome,
        limit=limit,
        sentence=told,
        explanation=explanation(told, findings, limit, outcome, controls),
        worst=next((p.neighbor_id for p in findings.pairs if p.branch is not None), None),
        expect=expect,
        seed=int(findings.settings.get("seed") or 0),
        **{**vars(findings), "controls": controls},
    )
    active().record(verdict)
    return verdict


def enforce(verdict: Verdict) -> Verdict:
    """Return a verdict that is green; raise ``VerdictError`` with the evidence for any other."""
    __tracebackhide__ = True
    relaxed = active().settings.inconclusive == "warn"
    if verdict.outcome is Outcome.INCONCLUSIVE and relaxed:
        warnings.warn(verdict.sentence, InconclusiveWarning, stacklevel=3)
        return verdict
    if verdict.outcome is not Outcome.PASSED:
        raise VerdictError(verdict)
    return verdict


# -- arguments ----------------------------------------------------------------------------------


def _model(model: LanguageModel | str) -> LanguageModel:
    return load_model(model) if isinstance(model, str) else model


def _several(prompt: Asked | Sequence[Asked]) -> Sequence[Asked]:
    """Return the prompts as a sequence; a text is one prompt, not a sequence of letters."""
    if isinstance(prompt, str | Prompt | Neighborhood):
        return [prompt]
    if not prompt:
        raise PromptError("no prompt was given: pass a text, a Prompt, a Neighborhood or several")
    return prompt


def _check_distinct(prompts: Sequence[Prompt]) -> None:
    ids = [prompt.id for prompt in prompts]
    twice = sorted({i for i in ids if ids.count(i) > 1})
    if twice:
        raise PromptError(
            f"prompt {twice[0]!r} was given more than once: it would count twice in the mean; "
            "give each prompt an id of its own or drop the copy"
        )


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
