"""The association inside the strata: its interval and its test, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.measure.exchange import cluster_count
from pytest_promptchaos.measure.paired import WITHIN, WITHIN_UNIT, bounded
from pytest_promptchaos.measure.rank_bootstrap import cluster_bootstrap
from pytest_promptchaos.measure.strata import permutation, varying, within_rho
from pytest_promptchaos.records import Measurement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_promptchaos.measure.paired import Paired
    from pytest_promptchaos.measure.standing import State
    from pytest_promptchaos.measure.strata import Permuted
    from pytest_promptchaos.records import BridgePlan

FEWEST_MOVABLE = 10
"""Clusters that can change places: with fewer, the bootstrap's bounds hold the truth in less than
90 % of simulations instead of 95 (400 tables of 5 rows a cluster)."""
FEWEST_STRATA = 2


@dataclass(frozen=True, kw_only=True)
class Tested:
    """A rank correlation with its p; ``state`` and ``why`` say why there is none.

    ``open`` says which other clusters leave a tested one open.
    """

    measurement: Measurement
    p: float | None = None
    state: State = "untestable"
    why: str = ""
    open: str = ""


def inside(pair: Paired, plan: BridgePlan) -> Tested:
    """Return the association inside the strata with its interval and its permutation test."""
    absent = Measurement(name=WITHIN, unit=WITHIN_UNIT, reason=pair.reason or "-", n=pair.given)
    if pair.reason:
        return Tested(measurement=absent, why=pair.reason)
    strata = len(np.unique(pair.strata))
    if plan.strata and strata < FEWEST_STRATA:
        why = (
            f"all {len(pair.x):,} rows are of one stratum, and to tell inside from between takes "
            f"{FEWEST_STRATA}: add the rows of another model, or take strata that part the prompts "
            "of this one"
        )
        return Tested(measurement=replace(absent, reason=why), why=why)
    if why := _between_only(pair):
        return Tested(measurement=replace(absent, reason=why), state="by construction", why=why)
    tested = _permuted(pair, plan)
    if why := _too_little(tested, plan):
        bare = replace(
            absent,
            value=tested.rho,
            reason=None,
            interval=f"no interval: {why}",
            effective_n=len(pair.x),
        )
        return Tested(measurement=bare, why=why)
    found = cluster_bootstrap(
        pair.x,
        pair.y,
        pair.clusters,
        strata=pair.strata,
        resamples=plan.resamples,
        seed=plan.seed,
    )
    within = bounded(WITHIN, WITHIN_UNIT, pair, found, "clusters")
    told = f"{within.interval}; {_tested(tested, strata)}"
    return Tested(measurement=replace(within, interval=told), p=tested.p, state="tested")


def strictest(part: Tested, others: Mapping[str, Paired], plan: BridgePlan) -> Tested:
    """Return the test inside the strata with the largest p that any of the clusters gives.

    ``others`` hold the same rows in other clusters, by name: a seed prompt that moves predictor
    and outcome in several models, or in every repeat, is one thing and not as many. Where too few
    of those can change places the test stays open.
    """
    for name, pair in others.items():
        seen = part.p
        if seen is None or pair.reason or _between_only(pair):
            continue
        tested = _permuted(pair, plan)
        if why := _too_little(tested, plan):
            part = replace(part, open=f"with {name} as clusters, {why}")
        elif tested.p > seen:
            told = f"{part.measurement.interval}; with {name} as clusters p is larger, and counts"
            part = replace(part, p=tested.p, measurement=replace(part.measurement, interval=told))
    return part


def _permuted(pair: Paired, plan: BridgePlan) -> Permuted:
    """Return the permutation test of rows of which something varies inside a stratum."""
    tested = permutation(
        pair.x,
        pair.y,
        pair.clusters,
        pair.strata,
        permutations=plan.permutations,
        seed=plan.seed,
    )
    assert tested is not None, "something varies inside a stratum"
    return tested


def _between_only(pair: Paired) -> str:
    """Return why nothing can be seen inside the strata; empty where something can."""
    x, y = (varying(v, pair.strata) for v in (pair.x, pair.y))
    if (x & y).any() and within_rho(pair.x, pair.y, pair.strata) is not None:
        return ""
    what = "predictor" if not x.any() else "outcome" if not y.any() else ""
    if what:
        return f"the {what} is constant inside every stratum"
    return "no stratum has both predictors and outcomes that vary"


def _too_little(tested: Permuted, plan: BridgePlan) -> str:
    """Return why the permutation test could decide nothing; empty where it could."""
    if tested.movable < FEWEST_MOVABLE:
        missing = FEWEST_MOVABLE - tested.movable
        return (
            f"{cluster_count(tested.movable)} can change places inside the strata, and a test "
            f"takes {FEWEST_MOVABLE}: {missing} more with predictors of their own are missing"
        )
    needed = plan.alpha / max(len(plan.hypotheses), 1)
    if tested.least >= needed:
        return (
            f"the least p that these arrangements can give is {tested.least:.2g}, and a family of "
            f"{len(plan.hypotheses)} takes less than {needed:.2g}: add permutations or clusters"
        )
    return ""


def _tested(tested: Permuted, strata: int) -> str:
    """Return in words what the permutation test rests on."""
    kind = "all" if tested.exact else "the seen one among"
    fixed = f", {tested.fixed:,} cannot" if tested.fixed else ""
    barren = f", {tested.barren} without variation" if tested.barren else ""
    return (
        f"p of {kind} {tested.arrangements:,} arrangements of "
        f"{cluster_count(tested.movable)} that can change places{fixed}, inside {strata} "
        f"{'stratum' if strata == 1 else 'strata'}{barren}"
    )
