"""A family of hypotheses held against a table: over all rows, and inside the strata."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.measure.adjusted import NAME as ADJUSTED
from pytest_promptchaos.measure.adjusted import UNIT as ADJUSTED_UNIT
from pytest_promptchaos.measure.adjusted import adjusted
from pytest_promptchaos.measure.exchange import cluster_count, equal_values, same_groups
from pytest_promptchaos.measure.inside import Tested, inside, strictest
from pytest_promptchaos.measure.intervals import MIN_CLUSTERS
from pytest_promptchaos.measure.paired import UNIT, bounded, paired, rho_of, unfit
from pytest_promptchaos.measure.rank_bootstrap import cluster_bootstrap, pooled_bootstrap
from pytest_promptchaos.measure.ranks import holm, spearman
from pytest_promptchaos.measure.sensitivity import (
    Table,
    collinearity,
    handled_otherwise,
    uncensored,
)
from pytest_promptchaos.measure.standing import Seen, shortfalls, standing
from pytest_promptchaos.records import Association, Curve, Measurement

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.random import Generator

    from pytest_promptchaos.measure.exchange import Labels, Values
    from pytest_promptchaos.measure.paired import Flags, Paired
    from pytest_promptchaos.records import BridgePlan, Hypothesis

__all__ = ["associations", "collinearity"]

POOLED, CLUSTERED = "rho", "rho, clusters resampled"


def associations(
    columns: Mapping[str, Values],
    plan: BridgePlan,
    *,
    clusters: Labels | None,
    strata: Labels,
    strata_names: Sequence[str],
    exclusions: Mapping[str, Flags] | None = None,
    first: Values | None = None,
    last: Values | None = None,
    also: Mapping[str, Labels] | None = None,
) -> tuple[Association, ...]:
    """Return every hypothesis of the plan with what it is worth, in the order of the plan.

    ``columns`` maps names to numbers (n,), NaN where there is none; ``clusters`` and ``strata``
    (n,) count from 0; without clusters every hypothesis has its own, rows whose predictor is equal
    to about 9 significant digits, whatever else is in the family. First turns that never came are
    in ``columns`` as the plan's ``censor`` puts them, and NaN in ``first`` (n,); ``last`` (n,)
    holds the last turns. ``exclusions`` flag rows that are left out of one line of the sensitivity
    each. ``also`` are other clusters by name: they move as one in a line of theirs, and the test
    inside the strata must hold for them too. The bootstrap over rows draws from one generator
    through the family, as published; Holm's p counts a hypothesis that cannot be tested as one with
    p = 1, so that a lost test makes the others no easier.
    """

    def table_of(one: Hypothesis) -> Table:
        own = equal_values(columns[one.predictor]) if clusters is None else clusters
        return Table(
            columns=columns,
            clusters=own,
            strata=strata,
            strata_names=strata_names,
            exclusions=exclusions or {},
            also={name: of for name, of in (also or {}).items() if not same_groups(of, own)},
            first=first,
            last=last,
        )

    tables = [table_of(one) for one in plan.hypotheses]
    pairs = [
        _rows(one, table, plan, table.clusters)
        for one, table in zip(plan.hypotheses, tables, strict=True)
    ]
    rng = np.random.default_rng(plan.seed)
    over_all = [_pooled(pair, plan, rng) for pair in pairs]
    inner = [
        _inner(one, pair, table, plan)
        for one, pair, table in zip(plan.hypotheses, pairs, tables, strict=True)
    ]
    seen = _seen(plan, pairs, over_all, inner, strata_names)
    return tuple(
        replace(
            _associated(one, pair, plan),
            p=whole.p,
            p_within=part.p,
            sensitivity=tuple(handled_otherwise(pair, one.hypothesis, plan, table)),
            curves=tuple(_curves(one.hypothesis, pair, strata_names)),
        )
        for one, pair, table, whole, part in zip(seen, pairs, tables, over_all, inner, strict=True)
    )


def _rows(one: Hypothesis, table: Table, plan: BridgePlan, clusters: Labels) -> Paired:
    """Return the rows of a hypothesis in these clusters, without those that the plan leaves out."""
    absent = uncensored(one.outcome, table.columns[one.outcome], plan)
    return paired(table.columns, one, clusters=clusters, strata=table.strata, leave_out=absent)


def _inner(one: Hypothesis, pair: Paired, table: Table, plan: BridgePlan) -> Tested:
    """Return the association inside the strata, its p the largest that any clusters give."""
    others = {name: _rows(one, table, plan, of) for name, of in table.also.items()}
    return strictest(inside(pair, plan), others, plan)


def _seen(
    plan: BridgePlan,
    pairs: Sequence[Paired],
    over_all: Sequence[Tested],
    inner: Sequence[Tested],
    strata_names: Sequence[str],
) -> list[Seen]:
    """Return what decides about every hypothesis, its p adjusted over the family."""
    return [
        Seen(
            hypothesis=hypothesis,
            pooled=whole.measurement,
            within=part.measurement,
            clustered=_clustered(hypothesis, pair, plan),
            by_stratum=tuple(_by_stratum(pair, plan, strata_names)),
            holm=holm_whole,
            holm_within=holm_part,
            state=part.state,
            why=part.why,
            open=part.open,
            alone=len(np.unique(pair.strata)) == 1,
        )
        for hypothesis, pair, whole, part, holm_whole, holm_part in zip(
            plan.hypotheses, pairs, over_all, inner, _family(over_all), _family(inner), strict=True
        )
    ]


def _associated(seen: Seen, pair: Paired, plan: BridgePlan) -> Association:
    """Return one hypothesis with its standing and the numbers beside it."""
    found, words = standing(seen, plan)
    return Association(
        hypothesis=seen.hypothesis,
        standing=found,
        words=words,
        pooled=seen.pooled,
        clustered=seen.clustered,
        within=seen.within,
        adjusted=_adjusted(pair),
        holm=seen.holm,
        holm_within=seen.holm_within,
        as_published=not shortfalls(seen.pooled, seen.holm, plan),
        by_stratum=seen.by_stratum,
    )


def _family(tests: Sequence[Tested]) -> list[float | None]:
    """Return Holm's p over the family, none where there is no p; that one counts as 1."""
    found = holm([1.0 if one.p is None else one.p for one in tests])
    return [None if t.p is None else float(p) for t, p in zip(tests, found, strict=True)]


# -- over all rows ------------------------------------------------------------------------------


def _pooled(pair: Paired, plan: BridgePlan, rng: Generator) -> Tested:
    """Return Spearman's rho over all rows, with rows resampled, and its p."""
    if pair.reason:
        absent = Measurement(name=POOLED, unit=UNIT, reason=pair.reason, n=pair.given)
        return Tested(measurement=absent, why=pair.reason)
    found = pooled_bootstrap(pair.x, pair.y, rng, resamples=plan.resamples)
    whole = bounded(POOLED, UNIT, pair, found, "rows")
    return Tested(measurement=whole, p=spearman(pair.x, pair.y)[1], state="tested")


def _clustered(hypothesis: Hypothesis, pair: Paired, plan: BridgePlan) -> Measurement:
    """Return Spearman's rho over all rows with whole clusters resampled.

    ``interval`` says also how many unique values the predictor has: no more than that is evidence.
    """
    if pair.reason:
        return Measurement(name=CLUSTERED, unit=UNIT, reason=pair.reason, n=pair.given)
    found = _resampled(CLUSTERED, pair, plan)
    unique = len(np.unique(equal_values(pair.x)))
    told = f"{hypothesis.predictor} has {unique:,} unique values in {len(pair.x):,} rows"
    return replace(found, interval="; ".join(filter(None, (found.interval, told))))


def _adjusted(pair: Paired) -> Measurement:
    if pair.reason:
        return Measurement(name=ADJUSTED, unit=ADJUSTED_UNIT, reason=pair.reason, n=pair.given)
    return adjusted(pair.x, pair.y, pair.clusters, pair.strata, given=pair.given)


def _resampled(name: str, pair: Paired, plan: BridgePlan) -> Measurement:
    """Return rho with its cluster bootstrap, or without bounds where there are few clusters."""
    if why := unfit(pair):
        return Measurement(name=name, unit=UNIT, reason=why, n=pair.given)
    count = len(np.unique(pair.clusters))
    if count < MIN_CLUSTERS:
        few = f"no interval: {cluster_count(count)}, and resampling them takes {MIN_CLUSTERS}"
        return replace(rho_of(name, pair), interval=few, breakdown=())
    try:
        found = cluster_bootstrap(
            pair.x, pair.y, pair.clusters, resamples=plan.resamples, seed=plan.seed
        )
    except ValueError as problem:
        return Measurement(name=name, unit=UNIT, reason=str(problem), n=pair.given)
    return bounded(name, UNIT, pair, found, "clusters")


# -- beside it ----------------------------------------------------------------------------------


def _by_stratum(
    pair: Paired, plan: BridgePlan, strata_names: Sequence[str]
) -> Iterator[Measurement]:
    """Yield rho in every stratum, with its clusters resampled."""
    if pair.reason:
        return
    for stratum in np.unique(pair.strata):
        yield _resampled(strata_names[stratum], pair.at(pair.strata == stratum), plan)


def _curves(hypothesis: Hypothesis, pair: Paired, strata_names: Sequence[str]) -> Iterator[Curve]:
    """Yield the points of every stratum, and a least-squares line through each that varies."""
    if pair.reason:
        return
    for stratum in np.unique(pair.strata):
        here = pair.at(pair.strata == stratum)
        points = Curve(
            name=hypothesis.name,
            x_label=hypothesis.predictor,
            y_label=hypothesis.outcome,
            x=tuple(here.x.tolist()),
            y=tuple(here.y.tolist()),
            series=strata_names[stratum],
            mark="points",
        )
        yield points
        if np.ptp(here.x) > 0:
            ends = np.array([here.x.min(), here.x.max()])
            slope, level = _line(here.x, here.y)
            y = level + slope * ends
            yield replace(points, x=tuple(ends.tolist()), y=tuple(y.tolist()), mark="line")


def _line(x: Values, y: Values) -> tuple[float, float]:
    """Return slope and level of the least-squares line of y on x."""
    away = x - x.mean()
    slope = float(away @ (y - y.mean()) / (away @ away))
    return slope, float(y.mean() - slope * x.mean())
