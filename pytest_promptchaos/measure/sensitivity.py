"""The same rho under other handlings of the rows, and what a family tells twice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.measure.paired import WITHIN, WITHIN_UNIT, paired, rho_of
from pytest_promptchaos.measure.strata import permutation
from pytest_promptchaos.measure.tables import first_turns
from pytest_promptchaos.records import Hypothesis, Measurement

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_promptchaos.measure.exchange import Labels, Values
    from pytest_promptchaos.measure.paired import Flags, Paired
    from pytest_promptchaos.records import BridgePlan, Censor

FIRST = "first_collapse_turn"
"""The outcome that a conversation without a collapse does not have."""
TWICE = 0.9
"""From this |rho| on, two columns are one: a test on both is one test told twice."""
CENSORED: Mapping[Censor, str] = {
    "after": "no collapse counted as the turn after the last",
    "last": "no collapse counted as the last turn",
    "exclude": "conversations without a collapse left out",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """Columns of numbers by name, and how their rows belong together; all arrays are of shape (n,).

    ``exclusions`` flag rows that could be left out, ``also`` are other clusters, both by name.
    ``first`` and ``last`` are the first collapsed turns, NaN for none, and the last turns.
    """

    columns: Mapping[str, Values]
    clusters: Labels
    strata: Labels
    strata_names: Sequence[str]
    exclusions: Mapping[str, Flags]
    also: Mapping[str, Labels]
    first: Values | None
    last: Values | None


def uncensored(outcome: str, y: Values, plan: BridgePlan) -> Flags | None:
    """Return which rows (n,) the plan leaves out, because their outcome never came.

    >>> from pytest_promptchaos.records import BridgePlan
    >>> plan = BridgePlan(hypotheses=(), censor="exclude")
    >>> uncensored("first_collapse_turn", np.array([5.0, np.nan]), plan)
    array([False,  True])
    """
    return np.isnan(y) if outcome == FIRST and plan.censor == "exclude" else None


def handled_otherwise(
    pair: Paired, hypothesis: Hypothesis, plan: BridgePlan, table: Table
) -> Iterator[Measurement]:
    """Yield rho under other handlings of the rows: of first turns, of clusters, and left out."""
    if pair.reason:
        return
    yield from censored_otherwise(hypothesis, table)
    yield one_per_cluster(pair)
    yield from left_out(pair, table.exclusions, table.strata_names)
    for name, clusters in table.also.items():
        yield moved_as_one(pair, name, clusters, plan)


def censored_otherwise(hypothesis: Hypothesis, table: Table) -> Iterator[Measurement]:
    """Yield rho under every handling of first turns that never came; nothing of other outcomes."""
    first, last = table.first, table.last
    if hypothesis.outcome != FIRST or first is None or not np.isnan(first).any():
        return
    for censor, name in CENSORED.items():
        if last is None and censor != "exclude":
            continue
        turns = first if last is None else first_turns(first, last, censor)
        pair = paired(
            {**table.columns, FIRST: turns},
            hypothesis,
            clusters=table.clusters,
            strata=table.strata,
            leave_out=np.isnan(turns),
        )
        yield rho_of(name, pair)


def left_out(
    pair: Paired, exclusions: Mapping[str, Flags], strata_names: Sequence[str]
) -> Iterator[Measurement]:
    """Yield rho without the rows of every named exclusion, and without every stratum.

    ``exclusions`` hold flags (n,) over the rows of the table; true leaves the row out.
    """
    for name, flags in exclusions.items():
        yield rho_of(f"without {name}", pair.at(~flags[pair.rows]))
    present = np.unique(pair.strata)
    for stratum in present if len(present) > 1 else ():
        yield rho_of(f"without {strata_names[stratum]}", pair.at(pair.strata != stratum))


def one_per_cluster(pair: Paired) -> Measurement:
    """Return rho over clusters, each with the means of its rows: as many points as there are."""
    _, places, sizes = np.unique(pair.clusters, return_inverse=True, return_counts=True)
    x, y = (np.bincount(places, weights=v) / sizes for v in (pair.x, pair.y))
    clusters = np.arange(len(sizes))
    # A mean over strata is of none of them, so there is no rho inside the strata.
    lone = np.zeros(len(sizes), dtype=np.int64)
    means = replace(pair, x=x, y=y, clusters=clusters, strata=lone, rows=clusters)
    return replace(rho_of(f"one row per cluster, its means ({len(sizes):,})", means), breakdown=())


def moved_as_one(pair: Paired, name: str, clusters: Labels, plan: BridgePlan) -> Measurement:
    """Return rho inside the strata with the p of other clusters (n,) moved, which ``name`` names.

    Predictors and outcomes that a seed prompt shares over models make rows alike that clusters of
    equal predictors take for independent; moving the seed prompt as one does not.
    """
    found = permutation(
        pair.x,
        pair.y,
        clusters[pair.rows],
        pair.strata,
        permutations=plan.permutations,
        seed=plan.seed,
    )
    told = f"{WITHIN}, {name} moved as one"
    if found is None:
        reason = "nothing varies inside a stratum"
        return Measurement(name=told, unit=WITHIN_UNIT, reason=reason, n=pair.given)
    return Measurement(
        name=told,
        unit=WITHIN_UNIT,
        value=found.rho,
        interval=f"p {found.p:.2g} of {found.arrangements:,} arrangements of {found.movable:,}; "
        f"{found.fixed:,} could not move",
        resampled=name,
        resampled_n=found.movable,
        n=pair.given,
        effective_n=len(pair.x),
    )


def collinearity(
    columns: Mapping[str, Values], plan: BridgePlan, *, strata: Labels
) -> tuple[Measurement, ...]:
    """Return the rank correlations among the predictors and among the outcomes of the family.

    Each has that inside the strata as breakdown. From |rho| = ``TWICE`` on, ``interval`` says that
    the hypotheses that differ in these two only are one test told twice, and names them. Rows in
    which one of the two is absent have no part in theirs; ``effective_n`` counts the others.
    """
    predictors = dict.fromkeys(one.predictor for one in plan.hypotheses)
    outcomes = dict.fromkeys(one.outcome for one in plan.hypotheses)
    return tuple(
        _alike(columns, plan, two, strata)
        for names in (predictors, outcomes)
        for two in combinations(names, 2)
    )


def _alike(
    columns: Mapping[str, Values], plan: BridgePlan, two: tuple[str, str], strata: Labels
) -> Measurement:
    x, y = (columns[name] for name in two)
    both = Hypothesis(predictor=two[0], outcome=two[1])
    absent = ~(np.isfinite(x) & np.isfinite(y))
    pair = paired(columns, both, clusters=strata, strata=strata, leave_out=absent)
    found = rho_of(" and ".join(two), pair)
    if found.value is None:
        return found
    rows = f"over {len(pair.x):,} rows"
    if abs(found.value) < TWICE:
        return replace(found, interval=rows)
    twice = _told_twice(plan, two)
    return replace(found, interval=f"{rows}: |rho| of {TWICE:g} or more, so {twice}")


def _told_twice(plan: BridgePlan, two: tuple[str, str]) -> str:
    """Return in words which hypotheses differ in these two columns only."""
    pairs = [
        f"{one.name} and {other.name}"
        for one, other in combinations(plan.hypotheses, 2)
        if (
            two in ((one.predictor, other.predictor), (other.predictor, one.predictor))
            and one.outcome == other.outcome
        )
        or (
            two in ((one.outcome, other.outcome), (other.outcome, one.outcome))
            and one.predictor == other.predictor
        )
    ]
    if not pairs:
        return "tests on either would be one test told twice"
    return f"{'; '.join(pairs)}: one test told twice"
