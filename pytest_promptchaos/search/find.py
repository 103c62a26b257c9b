"""The search for the worst neighbor of a prompt, and the check that rests on it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from rapidfuzz.distance import Levenshtein

from pytest_promptchaos.booking import model_of
from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.judging import enforce, judge_findings
from pytest_promptchaos.measure.distances import NAMES, OF_OUTPUTS
from pytest_promptchaos.measure.pairs import Lens, Observed, Semantics, pairs_of
from pytest_promptchaos.neighborhoods.compose import neighbor_of
from pytest_promptchaos.neighborhoods.ladder import LADDER_VERSION, as_prompt, check_rungs
from pytest_promptchaos.neighborhoods.messages import place_of
from pytest_promptchaos.neighborhoods.unrelated import unrelated
from pytest_promptchaos.records import SMALL_RUNGS, Limit, Neighborhood
from pytest_promptchaos.search.hunt import Hunt
from pytest_promptchaos.search.trials import Trials
from pytest_promptchaos.search.worst import Worst, findings_of
from pytest_promptchaos.session import active
from pytest_promptchaos.surround import check_choice, check_count, check_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.booking import Subject
    from pytest_promptchaos.measure.distances import Metric
    from pytest_promptchaos.neighborhoods.messages import Target
    from pytest_promptchaos.records import Pair, Prompt, Rung, Verdict
    from pytest_promptchaos.search.hunt import Found
    from pytest_promptchaos.search.trials import Trial
    from pytest_promptchaos.session import Session

LEAST_BUDGET = 24
"""Prompts: three controls, a few edits, twice seeing a failure again, and some to shrink it."""


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
) -> Worst:
    """Return the worst neighbor of a prompt that a search finds, and its smallest failing part.

    One edit of every kind is tried, then mixtures of many edits that cover all pairs of edits
    soon and come to favor those that moved the answer. What is beyond ``at_most``, in excess of
    the noise floor, is decoded again; if it repeats, it is shrunk to the smallest edit that still
    fails. That edit is kept in the evidence store, and the next search around this prompt with a
    model of this pin tries it first: if it still fails, the search ends there.

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

    Raises:
        PromptError: a prompt that is empty, or too long for the model.
        NeighborhoodError: an unknown or authored rung, or a prompt without a place to edit.
        ArgumentError: a budget under 24, a limit, horizon or metric that is none, or ``semantic``
            without an embedder.
    """
    started = time.perf_counter()
    session = active()
    subject = model_of(model)
    check_count("budget", budget, least=LEAST_BUDGET)
    check_number("at_most", at_most)
    check_rungs(rungs)
    length = session.settings.horizon if horizon is None else horizon
    check_count("horizon", length, least=1)
    center = as_prompt(prompt)
    subject.check_length(center, length)
    trials = Trials(
        session=session,
        model=subject,
        center=center,
        place=place_of(center, target),
        metric=_metric(session, metric),
        horizon=length,
        budget=budget,
        at_most=at_most,
    )
    number = session.settings.seed if seed is None else seed
    hunt = Hunt(trials, rungs, number)
    control = neighbor_of(center, unrelated(center, number, ())[0])
    found = hunt.found(control.prompt)
    return _worst(hunt, found, time.perf_counter() - started)


def assert_worst_neighbor(
    model: Subject | str,
    prompt: str | Prompt,
    *,
    at_most: float,
    budget: int = 200,
    metric: Metric | None = None,
    rungs: Sequence[Rung] = SMALL_RUNGS,
    horizon: int | None = None,
    seed: int | None = None,
    target: Target = None,
) -> Verdict:
    """Return the verdict that no neighbor was found whose answer moves by more than ``at_most``.

    Judged is the worst neighbor that :func:`find_worst` finds, whose arguments these are. Raises
    ``VerdictError`` with the smallest edit that fails. A pass says that a search of this budget
    found nothing worse, not that there is nothing.
    """
    __tracebackhide__ = True
    worst = find_worst(
        model,
        prompt,
        budget=budget,
        at_most=at_most,
        metric=metric,
        rungs=rungs,
        horizon=horizon,
        seed=seed,
        target=target,
    )
    limit = Limit(name=f"worst {NAMES[worst.metric]}", at_most=at_most)
    return enforce(judge_findings("worst_neighbor", findings_of(worst), limit))


def _metric(session: Session, asked: Metric | None) -> Metric:
    """Return the metric that was asked for, else the better one that there is."""
    chosen: Metric = asked or ("token_edit" if session.embedder is None else "semantic")
    check_choice("metric", chosen, OF_OUTPUTS)
    if chosen == "semantic" and session.embedder is None:
        raise ArgumentError(f"metric is 'semantic', but {session.embedder_words}; or token_edit")
    return chosen


def _worst(hunt: Hunt, found: Found, seconds: float) -> Worst:
    trials = hunt.trials
    return Worst(
        prompt=trials.center,
        model=trials.center_run.model,
        metric=trials.metric,
        at_most=trials.at_most,
        worst=None if found.worst is None else _pair(hunt, found.worst),
        smallest=None if found.smallest is None else _pair(hunt, found.smallest),
        floor=trials.floor,
        contrast=trials.distance(trials.center_run, trials.control_run),
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


def _pair(hunt: Hunt, trial: Trial) -> Pair:
    """Return the pair of the center's run and a trial's."""
    trials, run = hunt.trials, trial.run
    center = trials.center_run
    delta = Levenshtein.distance(center.prompt_ids, run.prompt_ids)
    neighbor = replace(trial.neighbor, certification="effective", token_delta=delta)
    observed = Observed(
        neighborhood=Neighborhood(
            center=trials.center,
            neighbors=(neighbor,),
            seed=hunt.seed,
            ladder_version=LADDER_VERSION,
        ),
        center=center,
        runs={neighbor.id: run},
        alone=(center, center),
        unpadded=center,
    )
    semantics = None
    if trials.metric == "semantic":
        semantics = Semantics([center.text, run.text], trials.session.embed)
    return next(pairs_of(observed, Lens(semantics=semantics)))
