"""The arguments of a bridge -> its plan: filled in, checked, and held against a frozen one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from pytest_promptchaos.bridge_rows import columns_asked, strata_asked
from pytest_promptchaos.errors import ArgumentError, TableError
from pytest_promptchaos.measure.tables import column_named
from pytest_promptchaos.records import CENSORS, BridgePlan, Hypothesis
from pytest_promptchaos.surround import check_choice, check_count, check_number
from pytest_promptchaos.written_plan import check_two, hypothesis_of, plain

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import ArrayLike

    from pytest_promptchaos.bridge_rows import Grouping
    from pytest_promptchaos.records import Censor
    from pytest_promptchaos.tables import Table

    Hypotheses = Sequence[Hypothesis | str | tuple[str, str]]

PUBLISHED = tuple(
    Hypothesis(predictor=predictor, outcome=outcome)
    for predictor, outcome in (
        ("lambda1_mean", "collapse_rate"),
        ("lambda1_mean", "first_collapse_turn"),
        ("lambda1_mean", "has_collapse"),
        ("layerwise_variance_mean", "collapse_rate"),
        ("profile_slope_mean", "collapse_rate"),
        ("profile_slope_mean", "first_collapse_turn"),
    )
)
"""The six pairs that the study preregistered, by the columns of its files."""


class BridgeKnobs(TypedDict, total=False):
    """The further arguments of :func:`measure_bridge`, where they are told."""

    clusters: Grouping
    strata: Grouping
    threshold: float
    alpha: float
    censor: Censor
    resamples: int
    permutations: int
    seed: int
    exclusions: Mapping[str, ArrayLike | str] | Sequence[str] | str | None
    preregistration: str | Path | None


@dataclass(frozen=True, kw_only=True)
class PlanAsked:
    """The plan that is measured, and what holds it to an earlier one."""

    plan: BridgePlan
    preregistration: str = ""
    deviations: tuple[str, ...] = ()


def told_apart(table: Table, knobs: BridgeKnobs) -> BridgeKnobs:
    """Return the knobs with a list of labels as an array, and columns of exclusions by name.

    A list of texts names columns, or holds one label per row where it is as long as the table and
    not all of it are columns. Raises ``TableError`` for a list that is neither, and
    ``ArgumentError`` for exclusions that are neither columns nor flags by name.
    """
    found: dict[str, object] = dict(knobs)
    for name in ("clusters", "strata"):
        given = found.get(name)
        if isinstance(given, list | tuple) and all(isinstance(one, str) for one in given):
            found[name] = _columns_or_labels(table, given)
    left_out = found.get("exclusions")
    if isinstance(left_out, str):
        left_out = [left_out]
    if isinstance(left_out, list | tuple) and all(isinstance(one, str) for one in left_out):
        found["exclusions"] = {name: name for name in left_out}
    elif left_out is not None and not isinstance(left_out, Mapping):
        raise ArgumentError(
            f"exclusions is {left_out!r:.60}: pass the names of columns of flags, or flags by the "
            "name of what they leave out, as in {'pilot runs': flags}"
        )
    return found  # type: ignore[return-value]


def _columns_or_labels(table: Table, given: Sequence[str]) -> object:
    try:
        for name in given:
            column_named(table.columns, name)
    except TableError as error:
        if len(given) == table.rows:
            return np.array(given)
        if len(given) < 2:
            raise
        raise TableError(
            f"{error}; for labels in the place of columns pass one per row: {len(given):,} were "
            f"given for {table.rows:,} rows"
        ) from error
    return given


def plan_asked(table: Table, hypotheses: Hypotheses | None, knobs: BridgeKnobs) -> PlanAsked:
    """Return the plan with what is left out filled in.

    Raises ``ArgumentError`` for what makes no sense, and ``PreregistrationError`` for a plan that
    is not the one frozen.
    """
    for name in knobs:
        check_choice("argument", name, BridgeKnobs.__annotations__)
    path = knobs.get("preregistration")
    if path is None:
        plan = _plan(BridgePlan(hypotheses=PUBLISHED), hypotheses, knobs)
        return PlanAsked(plan=_with_strata(table, plan, knobs))
    # Imported here: most tables were not preregistered.
    from pytest_promptchaos.preregistration import check_plan, thaw

    frozen = thaw(path)
    _check_named(knobs)
    plan = _plan(frozen.plan, hypotheses, knobs)
    check_plan(frozen, plan)
    return PlanAsked(
        plan=_with_strata(table, plan, knobs),
        preregistration=frozen.sha256,
        deviations=tuple(map(str, frozen.deviations)),
    )


def _plan(base: BridgePlan, hypotheses: Hypotheses | None, knobs: BridgeKnobs) -> BridgePlan:
    """Return the base plan with what was given in the place of its own."""
    plan = BridgePlan(
        hypotheses=base.hypotheses if hypotheses is None else hypotheses_of(hypotheses),
        clusters=columns_asked("clusters", knobs.get("clusters")) or base.clusters,
        strata=columns_asked("strata", knobs.get("strata")) or base.strata,
        threshold=plain(knobs.get("threshold", base.threshold)),
        alpha=plain(knobs.get("alpha", base.alpha)),
        censor=plain(knobs.get("censor", base.censor)),
        resamples=plain(knobs.get("resamples", base.resamples)),
        permutations=plain(knobs.get("permutations", base.permutations)),
        seed=plain(knobs.get("seed", base.seed)),
    )
    _check(plan)
    return plan


def _with_strata(table: Table, plan: BridgePlan, knobs: BridgeKnobs) -> BridgePlan:
    if plan.strata or knobs.get("strata") is not None:
        return plan
    return replace(plan, strata=strata_asked(table, None))


def _check(plan: BridgePlan) -> None:
    for name in ("threshold", "alpha"):
        check_number(name, getattr(plan, name), least=0.0)
        if not 0 < getattr(plan, name) < 1:
            raise ArgumentError(f"{name} is {getattr(plan, name)!r}, but it lies between 0 and 1")
    check_choice("censor", plan.censor, CENSORS)
    check_count("resamples", plan.resamples, least=100)
    check_count("permutations", plan.permutations, least=99)
    check_count("seed", plan.seed, least=0)


def _check_named(knobs: BridgeKnobs) -> None:
    """Raise for labels beside a frozen plan, which names columns and knows no labels."""
    for name in ("clusters", "strata"):
        given = knobs.get(name)
        if given is not None and not columns_asked(name, given):  # type: ignore[arg-type]
            raise ArgumentError(
                f"{name} is an array of labels, but the frozen plan names columns: add the labels "
                f"to the table as a column and pass {name}='COLUMN'"
            )


def hypotheses_of(given: Hypotheses) -> tuple[Hypothesis, ...]:
    """Return hypotheses from objects, pairs of columns or texts as in ``"x ~ y"``.

    Raises ``ArgumentError`` for anything else, for none, for a column with itself, and for a pair
    that is there twice: it would be one more member of Holm's family and no more evidence.

    >>> hypotheses_of(["lambda1_mean ~ collapse_rate"])[0].name
    'lambda1_mean x collapse_rate'
    """
    several = [given] if isinstance(given, str | Hypothesis) else given
    if not isinstance(several, Sequence) or not several:
        raise ArgumentError(f"hypotheses is {given!r:.60}: pass a list of one or more")
    try:
        found = tuple(check_two(_hypothesis(one)) for one in several)
    except ValueError as error:
        raise ArgumentError(f"hypotheses: {error}") from error
    names = [one.name for one in found]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ArgumentError(
            f"the hypothesis {twice[0]!r} is there twice, which would adjust the others for a test "
            "that was not made: state it once"
        )
    return found


def _hypothesis(one: object) -> Hypothesis:
    if isinstance(one, Hypothesis):
        return one
    if isinstance(one, str):
        return hypothesis_of(one)
    if (
        isinstance(one, Sequence)
        and len(one) == 2
        and all(isinstance(part, str) and part for part in one)
    ):
        return Hypothesis(predictor=one[0], outcome=one[1])
    raise ArgumentError(
        f"a hypothesis is {one!r:.60}: write 'PREDICTOR ~ OUTCOME', a pair of columns "
        "('PREDICTOR', 'OUTCOME'), or Hypothesis(predictor=..., outcome=...)"
    )
