"""What an association is worth: the published rule, and what is left of it inside the strata.

A rank correlation over several models can be large because the models differ, with nothing inside
any of them. So a large one is worth something only with what a test inside the strata says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_promptchaos.records import BridgePlan, Hypothesis, Measurement, Standing

State: TypeAlias = Literal["tested", "by construction", "untestable"]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What decides about one hypothesis.

    ``pooled`` and ``within`` are rho over all rows and inside the strata, ``holm`` and
    ``holm_within`` their p adjusted over the family; ``clustered`` is rho over all rows with the
    interval of resampled clusters, ``by_stratum`` rho in every stratum. ``state`` says whether the
    inside could be tested, ``why`` why it could not: ``by construction`` where no stratum has both
    a predictor and an outcome that vary, so that all there is lies between the strata. ``open``
    says which other clusters are too few to tell, ``alone`` that all rows are of one stratum.
    """

    hypothesis: Hypothesis
    pooled: Measurement
    within: Measurement
    clustered: Measurement
    holm: float | None
    holm_within: float | None
    state: State = "tested"
    why: str = ""
    open: str = ""
    alone: bool = False
    by_stratum: tuple[Measurement, ...] = ()


def shortfalls(pooled: Measurement, holm: float | None, plan: BridgePlan) -> tuple[str, ...]:
    """Return in words where the published rule does not hold; nothing where it does.

    It asks for |rho| of at least ``threshold``, a Holm-adjusted p below ``alpha`` and an interval
    without 0. Source: S. Mohammad, Depth-Dynamics Signatures of Conversational Collapse (2026),
    https://github.com/Sohailm25/escape-velocity.
    """
    if pooled.value is None or holm is None:
        return (pooled.reason or "there is no p",)
    ends = (pooled.low, pooled.high)
    found = []
    if abs(pooled.value) < plan.threshold:
        found.append(f"|rho| is below {plan.threshold:g}")
    if holm >= plan.alpha:
        found.append(f"the p is not below {plan.alpha:g}")
    if None in ends or min(ends) <= 0 <= max(ends):  # type: ignore[type-var,operator]
        found.append("the interval holds 0" if None not in ends else "there is no interval")
    return tuple(found)


def standing(seen: Seen, plan: BridgePlan) -> tuple[Standing, str]:
    """Return what an association is worth, and one sentence with the numbers that decided.

    The sentence ends with the strata in which it is reversed, whatever the standing. ``invalid``
    where there is no rho or too little to test inside the strata. Where the published rule does not
    hold, ``masked`` if inside the strata rho is at least ``threshold``, and larger than over all
    rows or of the other sign, with a Holm-adjusted p below ``alpha`` and an interval without 0, and
    ``weak`` if not. Where it holds, by what is inside the strata: ``supported`` with the same sign
    and a Holm-adjusted p below ``alpha``, an interval there that reaches ``threshold``, one of
    resampled clusters without 0, and no stratum where it is reversed; ``sign conflict`` with the
    opposite sign and such a p, or where rho goes against the sign that the hypothesis said;
    ``between-model only`` without such a p where the interval holds 0, or lies beyond it, and ends
    below ``threshold``, or where nothing could vary; ``undecided`` otherwise, and where other
    clusters are too few to tell. Of a single stratum, in which both are one rho, ``supported``
    takes the test with clusters moved and the interval of resampled clusters.
    """
    found, words = _found(seen, plan)
    against = reversed_in(seen, seen.within if found == "masked" else seen.pooled)
    return found, f"{words}; reversed in {against}" if against else words


def _found(seen: Seen, plan: BridgePlan) -> tuple[Standing, str]:
    """Return the standing and the sentence, up to the strata where it is reversed."""
    if seen.pooled.value is None or seen.state == "untestable":
        return "invalid", seen.why or seen.pooled.reason or ""
    lead = f"rho {_bounded(seen.pooled)} over all rows (Holm p {_p(seen.holm)})"
    if short := shortfalls(seen.pooled, seen.holm, plan):
        return _hidden(seen, plan, f"{lead}: {', '.join(short)}")
    if seen.hypothesis.sign * seen.pooled.value < 0:
        return "sign conflict", f"{lead}, but the hypothesis said a {_said(seen.hypothesis)} one"
    if seen.state == "by construction" or seen.within.value is None:
        return "between-model only", f"{lead}, but {seen.why}: it lies between the strata"
    if seen.alone:
        found, told = _in_one(seen, plan)
        return found, f"{lead}, all of one stratum: {told}"
    found, told = _inside(seen, plan)
    joined = "and" if found == "supported" else "but"
    inner = f"{_bounded(seen.within)} inside the strata (Holm p {_p(seen.holm_within)})"
    return found, f"{lead}, {joined} {inner}: {told}"


def _hidden(seen: Seen, plan: BridgePlan, told: str) -> tuple[Standing, str]:
    """Return the standing and the sentence of what does not pass as published.

    ``told`` says why it does not. An association of the strata can be missed over all rows, where
    what differs between them goes against it or adds noise.
    """
    within, p = seen.within.value, seen.holm_within
    tested = seen.state == "tested" and not seen.alone and within is not None
    if not tested or within is None or p is None or p >= plan.alpha:
        return "weak", told
    inner = f"rho {_bounded(seen.within)}, Holm p {_p(p)}"
    low, _ = _turned(seen.within, within)
    hidden = (seen.pooled.value or 0.0) * (1 if within > 0 else -1) < abs(within)
    if seen.open or abs(within) < plan.threshold or not hidden or low is None or low <= 0:
        left = f": {seen.open}" if seen.open else ""
        return "weak", f"{told}; inside the strata it is {inner}{left}"
    against = seen.hypothesis.sign * within < 0
    said = f"; the hypothesis said a {_said(seen.hypothesis)} one" if against else ""
    return "masked", (
        f"{told}; it is inside the strata ({inner}) and differences between them hide it over all "
        f"rows{said}"
    )


def _said(hypothesis: Hypothesis) -> str:
    return "positive" if hypothesis.sign > 0 else "negative"


def _in_one(seen: Seen, plan: BridgePlan) -> tuple[Standing, str]:
    """Return the standing of what passes as published in a single stratum, by its clusters."""
    if seen.open:
        return "undecided", seen.open
    if seen.holm_within is None or seen.holm_within >= plan.alpha:
        return "undecided", (
            f"with clusters moved in the place of rows Holm p is {_p(seen.holm_within)}, which is "
            f"not below {plan.alpha:g}"
        )
    if doubts := list(_clustered_doubts(seen)):
        return "undecided", "; ".join(doubts)
    return "supported", f"it holds with clusters moved too (Holm p {_p(seen.holm_within)})"


def _inside(seen: Seen, plan: BridgePlan) -> tuple[Standing, str]:
    """Return the standing of what passes as published, by what is inside the strata."""
    same = (seen.pooled.value or 0.0) * (seen.within.value or 0.0) > 0
    if seen.holm_within is not None and seen.holm_within < plan.alpha:
        return _told(seen, plan, same)
    low, high = _turned(seen.within, seen.pooled.value or 0.0)
    if low is None or high is None:
        return "undecided", "without an interval it stays open"
    if high >= plan.threshold:
        return "undecided", f"the interval leaves open whether it reaches {plan.threshold:g} there"
    if low > 0:
        return "undecided", f"the interval is without 0 and the p is not below {plan.alpha:g}"
    return "between-model only", f"averaged over the strata none reaches {plan.threshold:g}"


def _told(seen: Seen, plan: BridgePlan, same: bool) -> tuple[Standing, str]:
    """Return the standing of an association inside the strata that chance does not make."""
    if seen.open:
        return "undecided", seen.open
    if not same:
        return "sign conflict", "it is reversed inside them"
    if doubts := list(_doubts(seen, plan)):
        return "undecided", "; ".join(doubts)
    return "supported", "it holds inside them too"


def _doubts(seen: Seen, plan: BridgePlan) -> Iterator[str]:
    """Yield what speaks against an association that is inside the strata with the same sign."""
    sign = seen.pooled.value or 0.0
    _, high = _turned(seen.within, sign)
    if high is None:
        yield "without an interval it stays open how large it is there"
    elif high < plan.threshold:
        yield f"inside the strata it is there but small: its interval ends below {plan.threshold:g}"
    yield from _clustered_doubts(seen)
    if reversed_in(seen, seen.pooled):
        yield "it is not there in all of them"


def _clustered_doubts(seen: Seen) -> Iterator[str]:
    """Yield what resampled clusters leave open of the rho over all rows."""
    low, _ = _turned(seen.clustered, seen.pooled.value or 0.0)
    if low is None:
        yield "with clusters resampled rho has no interval"
    elif low <= 0:
        yield f"with clusters resampled rho is {_bounded(seen.clustered)}, which holds 0"


def reversed_in(seen: Seen, rho: Measurement) -> str:
    """Return in words in which strata rho runs against the one given, its interval without 0.

    A mean over strata that pull apart hides both. Empty where there is none, or nothing to be
    against.
    """
    if seen.state != "tested" or rho.value is None:
        return ""
    against = []
    for one in seen.by_stratum:
        _, high = _turned(one, rho.value)
        if high is not None and high < 0:
            against.append(f"{one.name} ({_bounded(one)})")
    return ", ".join(against)


def _turned(measurement: Measurement, sign: float) -> tuple[float | None, float | None]:
    """Return the bounds as if the pooled rho were positive."""
    low, high = measurement.low, measurement.high
    if low is None or high is None or sign > 0:
        return low, high
    return -high, -low


def _bounded(measurement: Measurement) -> str:
    """Return a rho with its bounds, in two digits and with signs."""
    value = f"{measurement.value:+.2f}"
    if measurement.low is None or measurement.high is None:
        return value
    return f"{value} [{measurement.low:+.2f}, {measurement.high:+.2f}]"


def _p(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2g}"
