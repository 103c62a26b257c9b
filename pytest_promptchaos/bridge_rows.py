"""A table and a plan -> what enters a bridge: typed columns, clusters, strata, and their counts.

And from there the bridge itself. Nothing is judged here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

import numpy as np

from pytest_promptchaos.bridge_conversations import (
    SHORT,
    check_agrees,
    ended_early,
    own_columns,
    short_words,
    stopped_early,
)
from pytest_promptchaos.errors import ArgumentError, TableError
from pytest_promptchaos.measure.association import associations, collinearity
from pytest_promptchaos.measure.exchange import equal_values
from pytest_promptchaos.measure.sensitivity import FIRST
from pytest_promptchaos.measure.tables import (
    EMPTY,
    column_named,
    equal_rows,
    first_turns,
    groups,
    last_turns,
    missing,
    numbers,
    row_named,
)
from pytest_promptchaos.records import Bridge
from pytest_promptchaos.tables import check_once

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from pytest_promptchaos.measure.tables import Columns
    from pytest_promptchaos.records import BridgePlan
    from pytest_promptchaos.tables import Table

    Grouping: TypeAlias = str | Sequence[str] | ArrayLike | None
    Values: TypeAlias = NDArray[np.float64]
    Labels: TypeAlias = NDArray[np.int64]

STRATUM = "condition"
"""The column that parts rows by who speaks, where nothing else is said."""
SEED = "seed_id"
CENSORED = {
    "after": "counted as the turn after the last ({name} + 1)",
    "last": "counted as the last turn ({name}), as published",
    "exclude": "left out of what is said of it",
}


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What enters a bridge; all arrays have one entry per row of the table.

    ``columns`` hold every column of the plan under the name that the plan gives it; NaN is what
    is not there. ``first`` and ``last`` are the first collapsed turn, NaN for none, and the last
    turn, of a table that has them. ``leave_out`` are flags of rows by the name of an exclusion,
    ``also`` other clusters by name. ``unique`` rows have predictors of their own, over the family.
    Without ``clusters`` every hypothesis has its own, the rows with an equal predictor. ``counts``
    say in words what was made of the cells, and what is missing.
    """

    columns: Mapping[str, Values]
    clusters: Labels | None
    strata: Labels
    strata_names: tuple[str, ...]
    unique: int
    counts: tuple[str, ...]
    leave_out: Mapping[str, NDArray[np.bool_]]
    also: Mapping[str, Labels]
    first: Values | None = None
    last: Values | None = None


def rows_of(
    table: Table,
    plan: BridgePlan,
    *,
    clusters: Grouping = None,
    strata: Grouping = None,
    exclusions: Mapping[str, object] | None = None,
) -> Rows:
    """Return what enters a bridge; raise ``TableError`` or ``ArgumentError`` for what cannot.

    ``clusters`` and ``strata`` are arrays with one label per row, in the place of the plan's
    columns. Nothing is left out: rows without a number keep NaN, and are counted.
    """
    columns, counts = _typed(table.columns, plan)
    predictors = dict.fromkeys(one.predictor for one in plan.hypotheses)
    shared = equal_rows([equal_values(columns[name]).astype(np.float64) for name in predictors])
    of_cluster, _ = _grouped("clusters", table, plan.clusters, clusters) or (None, ())
    of_stratum, names = _grouped("strata", table, plan.strata, strata) or _no_strata(table)
    short = stopped_early(table.columns)
    rows = Rows(
        columns=columns,
        clusters=of_cluster,
        strata=of_stratum,
        strata_names=names,
        unique=int(shared.max()) + 1,
        counts=(*table.counts, *counts, *short_words(short)),
        leave_out={**({SHORT: short} if short.any() else {}), **_left_out(table, exclusions or {})},
        also=_seed_prompts(table.columns),
    )
    check_once(table)
    check_agrees(table.columns, plan)
    return _censored(rows, table.columns, plan)


def bridge_of(name: str, rows: Rows, plan: BridgePlan) -> Bridge:
    """Return the family of a plan held against the rows, with what it rests on."""
    given = len(rows.strata)
    family = associations(
        rows.columns,
        plan,
        clusters=rows.clusters,
        strata=rows.strata,
        strata_names=rows.strata_names,
        exclusions=rows.leave_out,
        first=rows.first,
        last=rows.last,
        also=rows.also,
    )
    entered = {
        one.hypothesis.name: one.pooled.effective_n
        for one in family
        if one.pooled.value is not None
    }
    fewer = [f"{name} rests on {n:,} of {given:,} rows" for name, n in entered.items() if n < given]
    return Bridge(
        name=name,
        associations=family,
        given=given,
        rows=max(entered.values(), default=given),
        unique=rows.unique,
        clusters=_cluster_count(rows, plan),
        strata=rows.strata_names,
        threshold=plan.threshold,
        alpha=plan.alpha,
        collinear=collinearity(rows.columns, plan, strata=rows.strata),
        counts=(*rows.counts, *fewer),
    )


def _cluster_count(rows: Rows, plan: BridgePlan) -> int:
    """Return how many clusters the family rests on: where each predictor has its own, the fewest.

    A predictor that never varies is no evidence, and has no part in it.
    """
    if rows.clusters is not None:
        return len(np.unique(rows.clusters))
    own = {len(np.unique(equal_values(rows.columns[one.predictor]))) for one in plan.hypotheses}
    return min(own - {1}, default=1)


def strata_asked(table: Table, strata: Grouping) -> tuple[str, ...]:
    """Return the columns that a plan names as strata: those given, else the condition."""
    if strata is None:
        return (STRATUM,) if STRATUM in table.columns else ()
    return columns_asked("strata", strata)


def columns_asked(argument: str, given: Grouping) -> tuple[str, ...]:
    """Return the columns that an argument names, or what a plan says of an array of labels."""
    if given is None:
        return ()
    if isinstance(given, str):
        return (given,)
    if isinstance(given, tuple | list) and given and all(isinstance(one, str) for one in given):
        return tuple(given)
    if np.ndim(given) != 1 or not np.size(given):
        raise ArgumentError(
            f"{argument} is {given!r:.60}: pass the name of a column, several, or one label per row"
        )
    return ()


# -- columns ------------------------------------------------------------------------------------


def _typed(cells: Columns, plan: BridgePlan) -> tuple[dict[str, Values], list[str]]:
    """Return the columns of the hypotheses as numbers, and in words what is odd about them."""
    columns, counts = {}, []
    for name, own in own_columns(cells, plan).items():
        columns[name] = numbers(cells, own)
        if own != name:
            counts.append(
                f"{name!r} is read from the column {own!r}, as the published files call it"
            )
        if own != FIRST and (told := missing(cells, own, columns[name])):
            counts.append(told)
    return columns, counts


def _censored(rows: Rows, cells: Columns, plan: BridgePlan) -> Rows:
    """Return the rows with what stands for a first turn that never came, and its count."""
    if FIRST not in rows.columns:
        return rows
    first = rows.columns[FIRST]
    none = np.isnan(first)
    if not none.any():
        return rows
    last, name = None, ""
    if plan.censor != "exclude" or {"total_turns", "max_turns"} & set(cells):
        last, name = last_turns(cells)
    told = CENSORED[plan.censor].format(name=name)
    turns = first if last is None else first_turns(first, last, plan.censor)
    return replace(
        rows,
        columns={**rows.columns, FIRST: turns},
        first=first,
        last=last,
        counts=(
            *rows.counts,
            f"{int(none.sum()):,} of {len(none):,} conversations never collapsed: "
            f"{FIRST} is {told}{ended_early(none & stopped_early(cells))}",
        ),
    )


# -- groups of rows -----------------------------------------------------------------------------


def _grouped(
    argument: str, table: Table, names: Sequence[str], given: Grouping
) -> tuple[Labels, tuple[str, ...]] | None:
    """Return the group of every row and the groups' names; none where nothing was said."""
    if given is not None:
        labels = _one_per_row(argument, table, given)
        return groups({argument: labels}, [argument])
    if not names:
        return None
    return groups(table.columns, [column_named(table.columns, name) for name in names])


def _one_per_row(argument: str, table: Table, given: Any) -> list[object]:
    if len(given) != table.rows:
        raise ArgumentError(
            f"{argument} holds {len(given):,} labels for {table.rows:,} rows: pass one per row"
        )
    return list(given.tolist() if isinstance(given, np.ndarray) else given)


def _no_strata(table: Table) -> NoReturn:
    raise ArgumentError(
        "no strata were given and the table has no column 'condition': over several models almost "
        "any two numbers go together, and without strata an association between models cannot be "
        f"told from one inside them; pass strata='COLUMN' (one of {', '.join(table.columns)}) or "
        "one label per row"
    )


def _seed_prompts(cells: Columns) -> dict[str, Labels]:
    """Return the seed prompts as further clusters, where the table has them.

    Raises ``TableError`` for a row without one, because the test would lose what guards it.
    """
    if SEED not in cells:
        return {}
    for place, cell in enumerate(cells[SEED]):
        if cell is None or str(cell).strip().lower() in EMPTY:
            raise TableError(
                f"column {SEED!r}, {row_named(cells, place)}: the cell is empty ({cell!r}), and "
                "rows of one seed prompt count once in the test inside the strata: name its seed "
                "prompt, or take the row out"
            )
    return {"seed prompts": groups(cells, [SEED])[0]}


def _left_out(table: Table, exclusions: Mapping[str, object]) -> dict[str, NDArray[np.bool_]]:
    """Return the flags of the rows that each exclusion leaves out."""
    found = {}
    for name, given in exclusions.items():
        if isinstance(given, str):
            flags = numbers(table.columns, column_named(table.columns, given))
        else:
            labels = _one_per_row(f"exclusion {name!r}", table, given)
            flags = numbers({name: labels}, name)
        if not np.isin(flags, (0.0, 1.0)).all():
            raise ArgumentError(
                f"exclusion {name!r} holds other values than true and false: pass one flag per "
                "row, or the name of a column of flags; true leaves the row out"
            )
        found[name] = flags > 0
    return found
