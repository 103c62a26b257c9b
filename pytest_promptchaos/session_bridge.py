"""The session's own bridge: its depth profiles against its neighborhoods and its conversations.

Whatever a run measured by the way is put together at its end, by model and prompt. Nothing was
stated beforehand, so this is for looking and passes nothing. It never raises: what does not fit
becomes the reason of a bridge without associations.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from pytest_promptchaos.records import Bridge, BridgePlan, Hypothesis
from pytest_promptchaos.session_evidence import (
    FEATURES,
    Prompts,
    collapses,
    depths,
    model_names,
    neighborhoods,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_promptchaos.records import Association, Record, Verdict
    from pytest_promptchaos.session_evidence import Found, Model, Place

FEWEST = 10
"""Unique predictors: the least number of points whose 95 % interval (Fisher z) of a rho of 0.7
leaves out 0."""
RESAMPLES, PERMUTATIONS = 2_000, 1_999
"""Fewer than a study takes: every session pays for them, at its very end."""


def session_bridges(records: Sequence[Record]) -> tuple[Bridge, ...]:
    """Return the session's bridges: pooled over its models, and one of each; never raises.

    The depth features lambda_1, profile variance and profile slope of every model at every prompt
    are held against the mean distance of its neighborhood there, and against the collapse rate and
    incidence of the conversations that start from it. The models are the strata and the prompts
    the clusters. Below ``FEWEST`` unique predictors ``reason`` says how many are missing. Empty
    for a session that measured neither.
    """
    try:
        return tuple(_bridges([verdict for record in records for verdict in record.verdicts]))
    except Exception as problem:
        told = (
            f"the session's measurements do not fit together: {type(problem).__name__}: {problem}"
        )
        return (Bridge(name="pooled", reason=told),)


def _bridges(verdicts: Sequence[Verdict]) -> Iterator[Bridge]:
    prompts, names = Prompts(verdicts), model_names(verdicts)
    depth = depths(verdicts, prompts)
    kinds = [neighborhoods(verdicts, prompts), collapses(verdicts, prompts)]
    kinds = [one for one in kinds if one.values]
    if not depth.values and not kinds:
        return
    if not depth.values or not kinds:
        has, lacks = ("depth profiles", "no neighborhood and no conversation")
        count = len(depth.values)
        if kinds:
            has, lacks = " and ".join(one.kind for one in kinds), "no depth profile"
            count = max(len(one.values) for one in kinds)
        reason = (
            f"{has} of {count} prompts, and {lacks} beside them: {FEWEST} prompts with both are "
            f"needed, {FEWEST} are missing"
        )
        yield Bridge(name="pooled", reason=reason, counts=depth.counts)
    for kind in kinds if depth.values else ():
        shared = [place for place in depth.values if place in kind.values]
        models = list(dict.fromkeys(model for model, _ in shared))
        counts = (*depth.counts, *kind.counts, _joined(depth, kind, shared))
        made = partial(_bridge, depth=depth, kind=kind, names=names, counts=counts)
        if len(models) != 1:
            title = f"pooled over {len(models)} models" if models else "pooled"
            yield made(f"{title}: {kind.kind}", shared)
        for model in models:
            own = [place for place in shared if place[0] == model]
            yield made(f"{names[model]}: {kind.kind}", own)


def _bridge(
    title: str,
    places: Sequence[Place],
    *,
    depth: Found,
    kind: Found,
    names: Mapping[Model, str],
    counts: tuple[str, ...],
) -> Bridge:
    """Return the bridge of these models and prompts, or why there is none."""
    unique = len({tuple(depth.values[place].values()) for place in places})
    bare = Bridge(name=title, given=len(places), rows=len(places), unique=unique, counts=counts)
    if unique < FEWEST:
        return replace(
            bare,
            reason=f"{unique} unique depth profiles have {kind.kind} beside them, and {FEWEST} "
            f"are needed: {FEWEST - unique} are missing; measure both at more prompts",
        )
    # Imported here: most sessions have less, and need no statistics at their end.
    from pytest_promptchaos.bridge_rows import bridge_of, rows_of
    from pytest_promptchaos.tables import Table

    columns: dict[str, list[object]] = {
        "model": [names[model] for model, _ in places],
        "prompt": [prompt for _, prompt in places],
    }
    outcomes = list(kind.values[places[0]])
    for name in FEATURES:
        columns[name] = [depth.values[place][name] for place in places]
    for name in outcomes:
        columns[name] = [kind.values[place][name] for place in places]
    several = len({model for model, _ in places}) > 1
    plan = BridgePlan(
        hypotheses=tuple(Hypothesis(predictor=x, outcome=y) for x in FEATURES for y in outcomes),
        clusters=("prompt",),
        strata=("model",) if several else (),
        resamples=RESAMPLES,
        permutations=PERMUTATIONS,
    )
    table = Table(name=title, columns=columns, counts=counts)
    one_stratum = None if several else [str(model) for model in columns["model"]]
    rows = rows_of(table, plan, strata=one_stratum)
    bridge = bridge_of(title, rows, plan)
    if several:
        return bridge
    return replace(bridge, associations=tuple(map(_of_one_model, bridge.associations)))


def _of_one_model(one: Association) -> Association:
    """Return an association that passes nothing, because one model is no more than one stratum.

    Each model is one more look at the same session, and Holm's p knows of those in one only.
    """
    if one.standing != "supported":
        return one
    told = f"{one.words}; in one model, which says nothing of others"
    return replace(one, standing="undecided", words=told)


def _joined(depth: Found, kind: Found, shared: Sequence[Place]) -> str:
    return (
        f"{len(depth.values):,} depth profiles and {len(kind.values):,} of {kind.kind}, by model "
        f"and prompt: {len(shared):,} joined, {len(depth.values) - len(shared):,} and "
        f"{len(kind.values) - len(shared):,} without a partner"
    )
