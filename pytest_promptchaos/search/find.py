"""The search for the worst neighbor of a prompt, and the check that rests on it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypedDict, Unpack, get_args

from pytest_promptchaos.booking import model_of
from pytest_promptchaos.branch_cards import How
from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.judging import enforce, judge_findings
from pytest_promptchaos.measure.distances import OF_OUTPUTS
from pytest_promptchaos.neighborhoods.compose import check_drawn
from pytest_promptchaos.neighborhoods.ladder import as_prompt
from pytest_promptchaos.neighborhoods.messages import place_of
from pytest_promptchaos.neighborhoods.mix import check_seed
from pytest_promptchaos.records import SMALL_RUNGS, Findings, Limit
from pytest_promptchaos.search.controls import positive_controls
from pytest_promptchaos.search.hunt import Hunt
from pytest_promptchaos.search.shown import explained, pair_of
from pytest_promptchaos.search.trials import Trials
from pytest_promptchaos.search.worst import Worst, findings_of
from pytest_promptchaos.session import active
from pytest_promptchaos.surround import check_choice, check_count, check_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.booking import Subject
    from pytest_promptchaos.measure.distances import Metric
    from pytest_promptchaos.neighborhoods.ledger import Texts
    from pytest_promptchaos.neighborhoods.messages import Target
    from pytest_promptchaos.records import Prompt, Rung, Verdict
    from pytest_promptchaos.search.hunt import Found
    from pytest_promptchaos.session import Session

LEAST_BUDGET = 24
"""Prompts: three controls, a few edits, twice seeing a failure again, and some to shrink it."""


class SearchKnobs(TypedDict, total=False):
    """The further arguments of a search; :func:`find_worst` tells them."""

    budget: int
    metric: Metric | None
    rungs: Sequence[Rung]
    horizon: int | None
    seed: int | None
    target: Target
    positive_control: Texts


def find_worst(
    model: Subject | str,
    prompt: str | Prompt,
    *,
    budget: int = 200,
    at_most: float = 0.0,
    metric: Metric | None = None,
    rungs: Sequence[Rung] = SMALL_RUNGS,
    horizon: int | None = None,
    seed: int | None = None,
    target: Target = None,
    positive_control: Texts = (),
) -> Worst:
    """Return the worst neighbor of a prompt that a search finds, and its smallest failing part.

    One edit of every kind is tried, then mixtures of many edits that cover all pairs of edits
    soon and come to favor those that moved the answer. What is beyond ``at_most``, in excess of
    the noise floor, is decoded again; if it repeats, it is shrunk to the smallest edit that still
    fails. That edit is kept in the evidence store, and the next run that searches around this
    prompt with this system (pin, dtype, quantization, thinking, attention, device; its weights
    may have changed) tries it first: if it still fails, the search ends there. What this very run
    found is not tried first, so that no search depends on another one.

    Args:
        model: a model or a pin.
        prompt: a text or a ``Prompt``.
        budget: how many prompts may be asked for in all, whatever for; those that the evidence
            store answers count too, so that the same seed gives the same result.
        at_most: the distance, in excess of the noise floor, that is no failure.
        metric: ``semantic`` or ``token_edit``; by default ``semantic`` where there is an embedder.
        rungs: where edits come from, of ``format``, ``punctuation`` and ``synonym``.
        horizon: bounds the output in tokens; from the options when ``None``, as is ``seed``.
        seed: of the mixtures.
        target: the message to edit, as for ``neighborhood``.
        positive_control: authored texts that ask for something else, in place of a built-in
            request: where nothing fails, each of them must move the answer.

    Raises:
        PromptError: a prompt or a positive control that is empty, or too long for the model.
        NeighborhoodError: no rung, an unknown or authored one, a prompt without a place to edit,
            a seed that is no whole number, or a positive control that is the prompt itself.
        ArgumentError: a budget under 24 (and one more for each further positive control), a
            limit, horizon or metric that is none, or ``semantic`` without an embedder.
    """
    knobs = _Knobs(
        budget=budget,
        at_most=at_most,
        metric=metric,
        rungs=rungs,
        horizon=horizon,
        seed=seed,
        target=target,
        positive_control=positive_control,
    )
    return _searched(model, prompt, knobs).worst


def assert_worst_neighbor(
    model: Subject | str,
    prompt: str | Prompt,
    *,
    at_most: float,
    branch_cards: How = "replay",
    **knobs: Unpack[SearchKnobs],
) -> Verdict:
    """Return the verdict that no neighbor was found whose answer moves by more than ``at_most``.

    Judged is the worst neighbor that :func:`find_worst` finds, whose arguments the others are.
    Raises ``VerdictError`` with that and with the smallest edit that fails. A pass says that a
    search of this budget found nothing worse, not that there is nothing.

    ``branch_cards`` is what is done about the smallest edit that fails: ``"replay"`` (four
    futures and the smallest part of it), ``"patch"`` (also which layer and place carries it) or
    ``"off"``. What is decoded for that is not part of the budget; nothing is where nothing fails.
    """
    __tracebackhide__ = True
    findings = measure_worst_neighbor(
        model, prompt, at_most=at_most, branch_cards=branch_cards, **knobs
    )
    limit = Limit(name=findings.measurement.name, at_most=at_most)
    return enforce(judge_findings("worst_neighbor", findings, limit))


def measure_worst_neighbor(
    model: Subject | str,
    prompt: str | Prompt,
    *,
    at_most: float,
    branch_cards: How = "replay",
    **knobs: Unpack[SearchKnobs],
) -> Findings:
    """Return how far the worst neighbor moves the answer, as :func:`assert_worst_neighbor` judges.

    The arguments are those of that function. The pairs are the worst neighbor and the smallest
    edit that fails, whose branch the card explains.
    """
    check_choice("branch_cards", branch_cards, get_args(How))
    for name in knobs:
        check_choice("argument", name, _Knobs.__dataclass_fields__)
    search = _searched(model, prompt, _Knobs(at_most=at_most, **knobs))
    findings = findings_of(search.worst)
    smallest = search.found.smallest
    return explained(findings, search.hunt, smallest, branch_cards) if smallest else findings


@dataclass(frozen=True, kw_only=True)
class _Knobs:
    budget: int = 200
    at_most: float = 0.0
    metric: Metric | None = None
    rungs: Sequence[Rung] = SMALL_RUNGS
    horizon: int | None = None
    seed: int | None = None
    target: Target = None
    positive_control: Texts = ()


@dataclass(frozen=True)
class _Search:
    """A search that is over: how it went, what it ended with, and what is told of it."""

    hunt: Hunt
    found: Found
    worst: Worst


def _searched(model: Subject | str, prompt: str | Prompt, knobs: _Knobs) -> _Search:
    started = time.perf_counter()
    session, subject = active(), model_of(model)
    asked = _checked(session, knobs)
    assert asked.horizon is not None
    assert asked.seed is not None
    center = as_prompt(prompt)
    subject.check_length(center, asked.horizon)
    controls = positive_controls(
        subject, center, asked.positive_control, seed=asked.seed, horizon=asked.horizon
    )
    check_count("budget", asked.budget, least=LEAST_BUDGET + len(controls) - 1)
    trials = Trials(
        session=session,
        model=subject,
        center=center,
        place=place_of(center, asked.target),
        metric=_metric(session, asked.metric),
        horizon=asked.horizon,
        budget=asked.budget,
        at_most=asked.at_most,
    )
    hunt = Hunt(trials, asked.rungs, asked.seed)
    found = hunt.found(controls)
    return _Search(hunt, found, _worst(hunt, found, time.perf_counter() - started))


def _checked(session: Session, knobs: _Knobs) -> _Knobs:
    """Return the arguments with the options in the place of those left out."""
    settings = session.settings
    horizon = settings.horizon if knobs.horizon is None else knobs.horizon
    seed = settings.seed if knobs.seed is None else knobs.seed
    check_count("budget", knobs.budget, least=LEAST_BUDGET)
    check_number("at_most", knobs.at_most, least=0)
    check_drawn(knobs.rungs)
    check_count("horizon", horizon, least=1)
    check_seed(seed)
    return replace(knobs, horizon=int(horizon), seed=int(seed))


def _metric(session: Session, asked: Metric | None) -> Metric:
    """Return the metric that was asked for, else the better one that there is."""
    chosen: Metric = asked or ("token_edit" if session.embedder is None else "semantic")
    check_choice("metric", chosen, OF_OUTPUTS)
    if chosen == "semantic" and session.embedder is None:
        raise ArgumentError(f"metric is 'semantic', but {session.embedder_words}; or token_edit")
    return chosen


def _worst(hunt: Hunt, found: Found, seconds: float) -> Worst:
    trials = hunt.trials
    control, contrast = trials.weakest_control
    return Worst(
        prompt=trials.center,
        model=trials.center_run.model,
        metric=trials.metric,
        at_most=trials.at_most,
        worst=None if found.worst is None else pair_of(trials, found.worst),
        smallest=None if found.smallest is None else pair_of(trials, found.smallest),
        floor=trials.floor,
        contrast=contrast,
        control=control.edit,
        worst_parts=found.worst_parts,
        parts=found.parts,
        minimal=found.minimal,
        replayed=found.replayed,
        unrepeated=tuple(trial.edit.words for trial in trials.refuted),
        calls=trials.calls,
        reused=trials.reused,
        budget=trials.budget,
        tried=len(trials.tried),
        erased=trials.left_out["erased"],
        duplicates=trials.left_out["duplicate"],
        unfit=trials.left_out["unfit"],
        edits=hunt.edits,
        drawn_from=len(hunt.pool),
        trace=tuple(trials.trace),
        rungs=hunt.rungs,
        horizon=trials.horizon,
        seed=hunt.seed,
        embedder=trials.session.embedder_words if trials.metric == "semantic" else "none needed",
        seconds=seconds,
    )
