"""The session's own bridge: its depth profiles against its neighborhoods and its conversations.

Whatever a run measured by the way is put together at its end, by model and prompt. Nothing was
stated beforehand, so this is for looking and passes nothing. It never raises: what does not fit
becomes the reason of a bridge without associations.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING, TypeAlias

from pytest_promptchaos.records import Bridge, BridgePlan, Hypothesis

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_promptchaos.records import (
        Association,
        Measurement,
        ModelIdentity,
        Record,
        Verdict,
    )

FEATURES = ("lambda_1", "profile_variance", "profile_slope")
"""What a depth profile is summed up in, by the names of its measurements."""
FEWEST = 10
"""Unique predictors: the least number of points whose 95 % interval (Fisher z) of a rho of 0.7
leaves out 0."""
RESAMPLES, PERMUTATIONS = 2_000, 1_999
"""Fewer than a study takes: every session pays for them, at its very end."""
ALIKE = {
    "depth": ("positions",),
    "neighborhood": ("metric", "horizon", "rungs"),
    "collapse": ("drift", "turns", "temperature", "top_p", "horizon"),
}
"""Settings without which values of two verdicts are not of one kind."""

Place: TypeAlias = tuple[str, str]
"""A model, told by fingerprint, dtype and quantization, and a prompt's id."""
Values: TypeAlias = Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What one kind of verdict says of models at prompts, and what of it was left out."""

    kind: str
    values: Mapping[Place, Values]
    counts: tuple[str, ...] = ()


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
    depth = _depth(verdicts)
    kinds = [one for one in (_neighborhoods(verdicts), _collapses(verdicts)) if one.values]
    names = _model_names(verdicts)
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
    depth: _Found,
    kind: _Found,
    names: Mapping[str, str],
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


def _joined(depth: _Found, kind: _Found, shared: Sequence[Place]) -> str:
    return (
        f"{len(depth.values):,} depth profiles and {len(kind.values):,} of {kind.kind}, by model "
        f"and prompt: {len(shared):,} joined, {len(depth.values) - len(shared):,} and "
        f"{len(kind.values) - len(shared):,} without a partner"
    )


# -- what the verdicts say ----------------------------------------------------------------------


def _model(verdict: Verdict) -> str:
    identity = verdict.model
    return f"{identity.fingerprint} {identity.dtype} {identity.quantization}"


def _model_names(verdicts: Sequence[Verdict]) -> dict[str, str]:
    """Return the pin of every model, with what tells it from another of the same pin."""
    models = {_model(verdict): verdict.model for verdict in verdicts}
    pins = Counter(one.pin for one in models.values())
    return {
        key: one.pin if pins[one.pin] == 1 else f"{one.pin} ({_apart(one)})"
        for key, one in models.items()
    }


def _apart(model: ModelIdentity) -> str:
    quantized = [] if model.quantization == "none" else [model.quantization]
    return ", ".join([model.dtype, *quantized, model.fingerprint[:8]])


def _depth(verdicts: Sequence[Verdict]) -> _Found:
    """Return the features of every depth profile of a language model."""
    chosen = [
        one
        for one in verdicts
        if one.check in {"ftle", "depth_profile"} and "positions" in one.settings
    ]
    alike, counts = _alike("depth", chosen)
    found: list[tuple[Place, Values]] = []
    partial = 0
    for verdict in alike:
        for prompt, values in _features(verdict).items():
            if len(values) == len(FEATURES):
                found.append(((_model(verdict), prompt), values))
            else:
                partial += 1
    if partial:
        counts.append(f"{partial} depth profiles without all of {', '.join(FEATURES)} left out")
    return _once("depth profiles", found, counts)


def _features(verdict: Verdict) -> dict[str, dict[str, float]]:
    """Return the features of one verdict by prompt, in one order; those it has."""
    known = {one.name: one for one in (verdict.measurement, *verdict.also)}
    found: dict[str, dict[str, float]] = {}
    for name in FEATURES:
        for prompt, part in _parts(known.get(name), str(verdict.settings.get("prompts", ""))):
            if part.value is not None:
                found.setdefault(prompt, {})[name] = part.value
    return found


def _parts(measured: Measurement | None, prompts: str) -> Iterator[tuple[str, Measurement]]:
    """Yield the measurement of each prompt: its own parts, or the whole of a single prompt."""
    if measured is None:
        return
    if measured.breakdown:
        yield from ((part.name, part) for part in measured.breakdown)
    elif prompts:
        yield prompts, measured


def _neighborhoods(verdicts: Sequence[Verdict]) -> _Found:
    """Return the mean distance of every neighborhood, of the neighbors that were judged."""
    alike, counts = _alike(
        "neighborhood", [one for one in verdicts if one.check == "stable_neighborhood"]
    )
    found: list[tuple[Place, Values]] = []
    for verdict in alike:
        metric = str(verdict.settings.get("metric"))
        rungs = str(verdict.settings.get("rungs", "")).split(", ")
        distances: dict[str, list[float]] = {}
        for pair in verdict.pairs:
            judged = pair.certification == "effective" and pair.gates and pair.rung in rungs
            if judged and metric in pair.distances:
                distances.setdefault(pair.prompt_id, []).append(pair.distances[metric])
        for prompt, values in distances.items():
            found.append(((_model(verdict), prompt), {"neighborhood_divergence": fmean(values)}))
    return _once("neighborhood divergence", found, counts)


def _collapses(verdicts: Sequence[Verdict]) -> _Found:
    """Return collapse rate and incidence of every seed prompt.

    A rotation is a model of its own, which has no depth profile and finds no partner.
    """
    alike, counts = _alike("collapse", [one for one in verdicts if one.timelines])
    found: list[tuple[Place, Values]] = []
    empty = 0
    for verdict in alike:
        rates: dict[str, list[float]] = {}
        hits: dict[str, list[float]] = {}
        for line in verdict.timelines:
            empty += not line.turns
            if line.turns:
                rates.setdefault(line.seed_id, []).append(line.rate)
                hits.setdefault(line.seed_id, []).append(float(line.first is not None))
        for prompt, values in rates.items():
            told = {"collapse_rate": fmean(values), "collapse_incidence": fmean(hits[prompt])}
            found.append(((_model(verdict), prompt), told))
    if empty:
        counts.append(f"{empty:,} conversations without a turn left out")
    return _once("collapse", found, counts)


def _alike(kind: str, verdicts: Sequence[Verdict]) -> tuple[list[Verdict], list[str]]:
    """Return the verdicts with the most common settings, and in words how many have others."""
    names = ALIKE[kind]
    settings = [tuple(str(one.settings.get(name)) for name in names) for one in verdicts]
    if not settings:
        return [], []
    common = Counter(settings).most_common(1)[0][0]
    kept = [one for one, own in zip(verdicts, settings, strict=True) if own == common]
    left = len(verdicts) - len(kept)
    told = ", ".join(f"{name} {value}" for name, value in zip(names, common, strict=True))
    counts = [f"{left} of {len(verdicts)} {kind} verdicts without {told} left out"] if left else []
    return kept, counts


def _once(kind: str, found: Sequence[tuple[Place, Values]], counts: list[str]) -> _Found:
    """Return the first value of every model and prompt, counting those that say otherwise."""
    values: dict[Place, Values] = {}
    for place, one in found:
        values.setdefault(place, one)
    other = sum(values[place] != one for place, one in found)
    if other:
        counts.append(f"{other} repeated {kind} with other values left out: the first counts")
    return _Found(kind=kind, values=values, counts=tuple(counts))
