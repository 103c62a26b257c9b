"""All wording of a verdict on one association: its sentence, what stands beside it, what to do.

The outcome follows from the association's standing, not from its interval alone: a rho that is
large over all rows and absent inside the strata fails, however narrow its interval.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_promptchaos.records import Measurement, Outcome
from pytest_promptchaos.verdict.explain import MARKS, RELAX
from pytest_promptchaos.verdict.numbers import bounds, digits, figure, valued

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_promptchaos.records import Association, Bridge, Control, Limit, Standing

OUTCOMES: Mapping[Standing, Outcome] = {
    "supported": Outcome.PASSED,
    "weak": Outcome.FAILED,
    "between-model only": Outcome.FAILED,
    "sign conflict": Outcome.FAILED,
    "masked": Outcome.FAILED,
    "undecided": Outcome.INCONCLUSIVE,
    "invalid": Outcome.INVALID,
}
NEXT: Mapping[Standing, tuple[str, ...]] = {
    "supported": (
        "nothing here; it is an association and no cause: freeze it (promptchaos preregister FILE "
        "--hypothesis '{hypothesis}') and repeat it on models and prompts that were not seen",
    ),
    "between-model only": (
        "do not read it as a property of prompts: {strata} are as few points as models",
        "to find an association inside models, measure more prompts of each, or more outcomes of "
        "each prompt; to claim one between models, measure many more models",
    ),
    "sign conflict": (
        "look at the scatter in the report: the line over all rows and those inside the strata "
        "run against each other, so what differs between the strata makes the pooled number",
        "state the association inside the strata as a hypothesis of its own, before new data",
    ),
    "masked": (
        "look inside the models, one by one in the scatter of the report: over all rows this says "
        "nothing of it",
        "state the association inside the strata as a hypothesis of its own, before new data",
    ),
    "undecided": (
        "measure more prompts of each model: the interval inside the strata rests on {clusters}, "
        "not on {rows} rows",
        "where the sentence says that it is small there, or names strata that reverse it, look at "
        "them in the scatter of the report, and state what is in them as a hypothesis before new "
        "data",
        RELAX,
    ),
    "weak": (
        "accept that it is not there at this size, or measure more prompts of each model and "
        "more models; a threshold chosen after the fact passes nothing (threshold={threshold:g})",
    ),
    "invalid": ("mend what the sentence names; until then this is no evidence either way",),
}
OTHER_SIGN = (
    "give up the direction that was said; where the other one makes sense, state it as a "
    "hypothesis of its own ('{hypothesis} ({sign})'), before new data",
)
"""What to do where rho goes against the sign that the hypothesis said."""


def judged_rho(association: Association) -> Measurement:
    """Return the pooled |rho| with the interval of resampled clusters, turned to its sign.

    A low end below 0 means that the sign itself is open. Absent where there is no rho.
    """
    name, pooled = f"|rho| of {association.hypothesis.name}", association.pooled
    unit = "absolute value of Spearman's rho, 0 to 1"
    if pooled.value is None:
        return Measurement(name=name, unit=unit, reason=pooled.reason, n=pooled.n)
    around = association.clustered
    ends = (around.low, around.high)
    if around.low is not None and around.high is not None and pooled.value < 0:
        ends = (-around.high, -around.low)
    return Measurement(
        name=name,
        unit=unit,
        value=abs(pooled.value),
        low=ends[0],
        high=ends[1],
        interval=around.interval or around.reason or "",
        resampled=around.resampled,
        resampled_n=around.resampled_n,
        n=pooled.n,
        effective_n=pooled.effective_n,
    )


def bridge_sentence(association: Association, bridge: Bridge, limit: Limit) -> str:
    """Return the one sentence of a verdict: |rho|, its interval, the limit, what it is worth."""
    judged = judged_rho(association)
    number = "no |rho|" if judged.value is None else f"|rho| {valued(judged)}"
    return (
        f"{association.hypothesis.name} in {bridge.name}: {number} against {bounds(limit)}: "
        f"{association.standing}: {association.words}"
    )


def bridge_explanation(
    told: str, association: Association, bridge: Bridge, controls: Sequence[Control] = ()
) -> str:
    """Return the text of a verdict on one association, top to bottom as a reader needs it.

    Of the controls those are told that could have voided it.
    """
    parts = [told, *_basis(association)]
    parts += ["", "beside it:", *_indented(_beside(association, bridge))]
    for title, lines in (
        ("by stratum:", map(figure, association.by_stratum)),
        ("handled otherwise:", map(_line, association.sensitivity)),
        ("collinearity of the family:", map(_line, bridge.collinear)),
        ("rows:", _rows(association, bridge)),
        ("controls:", _guards(controls)),
        ("preregistration:", _frozen(bridge)),
    ):
        if listed := list(_indented(lines)):
            parts += ["", title, *listed]
    return "\n".join([*parts, "", "next:", *_indented(_next(association, bridge))])


def _basis(association: Association) -> list[str]:
    around = association.clustered
    told = "; ".join(filter(None, (around.unit, around.interval)))
    return [f"  {told}"] if around.value is not None else []


def _beside(association: Association, bridge: Bridge) -> Iterable[str]:
    one, rule = association, "passes" if association.as_published else "does not pass"
    yield (
        f"unique predictors: {bridge.unique:,} of {bridge.given:,} rows have predictors of their "
        f"own ({clusters_told(_clusters(one, bridge))} in {strata_told(bridge)})"
    )
    yield f"as published, rows resampled: {_with_p(one.pooled, one.p, one.holm)}: it {rule}"
    yield f"clusters resampled: {_told(one.clustered)}"
    yield f"inside the strata: {_with_p(one.within, one.p_within, one.holm_within)}"
    yield f"adjusted for the strata, least squares: {_told(one.adjusted)}"


def _clusters(association: Association, bridge: Bridge) -> int:
    """Return how many clusters this association rests on, which may differ over a family."""
    return association.clustered.resampled_n or bridge.clusters


def clusters_told(count: int) -> str:
    """Return a number of clusters in words.

    >>> clusters_told(1), clusters_told(36)
    ('1 cluster', '36 clusters')
    """
    return f"{count:,} cluster{'' if count == 1 else 's'}"


def strata_told(bridge: Bridge) -> str:
    """Return in words how many strata a bridge has."""
    count = len(bridge.strata)
    return f"{count} {'stratum' if count == 1 else 'strata'}"


def _with_p(measurement: Measurement, p: float | None, holm: float | None) -> str:
    """Return value and interval with p, alone and adjusted over the family."""
    known = [
        f"{name} {digits(value)}" for name, value in (("p", p), ("Holm", holm)) if value is not None
    ]
    return ", ".join([_told(measurement), *known])


def _told(measurement: Measurement) -> str:
    if measurement.value is None:
        return f"absent ({measurement.reason})"
    return valued(measurement)


def _line(measurement: Measurement) -> str:
    """Return a rho in words, with that inside the strata and what it was taken over."""
    inner = [
        f"{digits(one.value)} inside the strata"
        for one in measurement.breakdown
        if one.value is not None
    ]
    return "; ".join(filter(None, [figure(measurement), *inner, measurement.interval]))


def _rows(association: Association, bridge: Bridge) -> Iterable[str]:
    yield entered(association)
    yield from bridge.counts


def entered(association: Association) -> str:
    """Return in words how many rows an association rests on, which differ over a family."""
    pooled = association.pooled
    if pooled.value is None:
        return f"no row entered of {pooled.n:,}"
    left = pooled.n - pooled.effective_n
    told = f"; {left:,} were left out, as the plan says" if left else ""
    return f"{pooled.effective_n:,} of {pooled.n:,} rows entered{told}"


def _guards(controls: Sequence[Control]) -> Iterable[str]:
    return (f"{MARKS[c.state]} {c.name}: {c.words}" for c in controls if c.role != "note")


def _frozen(bridge: Bridge) -> Iterable[str]:
    if not bridge.preregistration:
        return
    yield f"the plan was frozen as sha256 {bridge.preregistration}"
    yield from (f"deviation: {told}" for told in bridge.deviations or ("none",))


def _next(association: Association, bridge: Bridge) -> Sequence[str]:
    value, said = association.pooled.value or 0.0, association.hypothesis.sign
    conflict = association.standing == "sign conflict" and said * value < 0
    return [
        line.format(
            hypothesis=association.hypothesis.name.replace(" x ", " ~ "),
            strata=strata_told(bridge),
            clusters=clusters_told(_clusters(association, bridge)),
            rows=f"{association.pooled.effective_n or bridge.rows:,}",
            threshold=bridge.threshold,
            sign="+" if value > 0 else "-",
        )
        for line in (OTHER_SIGN if conflict else NEXT[association.standing])
    ]


def _indented(lines: Iterable[str]) -> Iterable[str]:
    return (f"  {line}" for line in lines)
