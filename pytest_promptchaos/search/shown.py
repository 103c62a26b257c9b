"""The runs of a search as pairs, and why the answer to the smallest failing edit parts."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from rapidfuzz.distance import Levenshtein

from pytest_promptchaos.branch_cards import branch_cards
from pytest_promptchaos.measure.branching import js_threshold
from pytest_promptchaos.measure.pairs import Lens, Observed, Semantics, pairs_of
from pytest_promptchaos.neighborhoods.ladder import LADDER_VERSION
from pytest_promptchaos.records import Neighborhood

if TYPE_CHECKING:
    from pytest_promptchaos.branch_cards import How
    from pytest_promptchaos.records import Findings, Forced, Pair
    from pytest_promptchaos.search.hunt import Hunt
    from pytest_promptchaos.search.trials import Trial, Trials

    Both = tuple[Forced, Forced]


def pair_of(trials: Trials, trial: Trial) -> Pair:
    """Return the pair of the center's run and a trial's."""
    return next(pairs_of(_observed(trials, trial), _lens(trials, trial)))


def explained(findings: Findings, hunt: Hunt, smallest: Trial, how: How) -> Findings:
    """Return the findings with the branch card of the smallest edit that fails.

    It explains the very runs of the search, and its pair is told with what the logits along both
    outputs show. What the card takes is counted on top of what the search took.
    """
    if how == "off":
        return findings
    started, trials = time.perf_counter(), hunt.trials
    session, model = trials.session, trials.model
    before = replace(session.counts)
    # The center's second run first: what it shows is the noise.
    along = session.forced(model, trials.center_run, [trials.again_run, smallest.run])
    noise, moved = along or (None, None)
    observed = _observed(trials, smallest, moved)
    (pair,) = pairs_of(observed, _lens(trials, smallest, noise))
    pairs = tuple(
        replace(pair, edit=one.edit) if one.neighbor_id == pair.neighbor_id else one
        for one in findings.pairs
    )
    return replace(
        findings,
        pairs=pairs,
        cards=branch_cards(session, model, [observed], [pair], how=how, most=1),
        runs_measured=findings.runs_measured + session.counts.measured - before.measured,
        runs_reused=findings.runs_reused + session.counts.reused - before.reused,
        seconds=findings.seconds + time.perf_counter() - started,
    )


def _observed(trials: Trials, trial: Trial, along: Both | None = None) -> Observed:
    """Return a trial as what was observed of a neighborhood of one neighbor."""
    center = trials.center_run
    delta = Levenshtein.distance(center.prompt_ids, trial.run.prompt_ids)
    neighbor = replace(trial.neighbor, certification="effective", token_delta=delta)
    return Observed(
        neighborhood=Neighborhood(
            center=trials.center,
            neighbors=(neighbor,),
            seed=0,
            ladder_version=LADDER_VERSION,
        ),
        center=center,
        runs={neighbor.id: trial.run},
        alone=(center, center),
        unpadded=center,
        forced={} if along is None else {neighbor.id: along},
    )


def _lens(trials: Trials, trial: Trial, noise: Both | None = None) -> Lens:
    semantics = None
    if trials.metric == "semantic":
        semantics = Semantics([trials.center_run.text, trial.run.text], trials.session.embed)
    apart = js_threshold(noise[0].js) if noise else js_threshold([])
    return Lens(semantics=semantics, js_threshold=apart)
