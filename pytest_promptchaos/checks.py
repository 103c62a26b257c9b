"""The public checks of neighborhoods: surround, answer, measure, judge.

Each ``assert_*`` is its ``measure_*`` plus a judgement; a ``measure_*`` never raises because of
what it found. This file joins the stages; none of them knows another.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, TypeAlias

from pytest_promptchaos.answer import observe
from pytest_promptchaos.booking import booked, model_of
from pytest_promptchaos.judging import enforce, judge_findings
from pytest_promptchaos.measure.divergence import NAMES, divergence
from pytest_promptchaos.neighborhoods.ladder import check_rungs
from pytest_promptchaos.records import (
    SMALL_RUNGS,
    Control,
    Findings,
    Limit,
    Neighborhood,
    Verdict,
)
from pytest_promptchaos.session import active
from pytest_promptchaos.surround import Asked, check_choice, check_number, neighborhoods_of, several

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.models.language import LanguageModel
    from pytest_promptchaos.records import Rung, Scalar

Metric: TypeAlias = Literal["semantic", "token_edit"]


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
    session, subject = active(), model_of(model)
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
    return booked(findings, session, before, started, {**knobs, "prompts": prompts})


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
