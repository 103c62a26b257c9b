"""How long conversations go on without a collapse: Kaplan-Meier curves, a line per condition."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy.special import betaincinv
from statsmodels.duration.survfunc import SurvfuncRight

from pytest_promptchaos.measure.detector import Thresholds
from pytest_promptchaos.measure.episodes import recollapses
from pytest_promptchaos.measure.intervals import LEVEL
from pytest_promptchaos.records import Curve

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.records import Timeline

    Values: TypeAlias = NDArray[np.float64]

BAND = f"{LEVEL:.0%} pointwise, taken as independent"
"""Repeats of one seed prompt resemble each other, so the band is narrow where they are many."""


def survival(
    times: Sequence[int], seen: Sequence[bool], at: Sequence[int], *, certain: int = 0
) -> tuple[Values, Values, Values]:
    """Return the share without the event after each time in ``at``, and its band: (A,), (A,), (A,).

    ``times`` holds when each of n units had its event, or, where ``seen`` is false, when it was
    last seen without; up to the time ``certain`` none can have it, so that the share is known to
    be 1 there and has no band. Formula: S(t) = prod over event times u <= t of
    (1 - d(u) / r(u)), d events among the r at risk. The band is the beta product: its upper bound
    is a quantile of prod Beta(r(u) - d(u) + 1, d(u)), its lower one of the same times Beta(m, 1)
    for the m units still seen free at t, each product taken as the beta of its mean and variance.
    Without censoring that is Clopper-Pearson's interval; where none had the event, 0.025^(1/m).
    For 5 to 60 units, 1 to 40 % of which have their event at any turn, censored at random or not
    at all, it holds the truth in 95 to 100 % of simulations at every turn. Sources: E. L. Kaplan
    and P. Meier, J. Am. Stat. Assoc. 53 (1958) 457-481; M. P. Fay, E. H. Brittain and M. A.
    Proschan, Biostatistics 14 (2013) 723-736, doi:10.1093/biostatistics/kxt016. Raises
    ``ValueError`` without any unit, and for an event at a time that is certain to be free.

    >>> share, low, high = survival([5, 9, 9, 9], [True, False, False, False], at=[4, 5, 9])
    >>> share.tolist()
    [1.0, 0.75, 0.75]
    """
    if not times or len(times) != len(seen):
        raise ValueError(f"{len(times)} times and {len(seen)} events: one of each per unit")
    ends, events, when = np.asarray(times), np.asarray(seen, dtype=np.bool_), np.asarray(at)
    if events.any() and ends[events].min() <= certain:
        first = ends[events].min()
        raise ValueError(f"an event at {first}: up to {certain} none is possible")
    happened, shares, risk, failed = _table(ends, events)
    place = np.searchsorted(happened, when, side="right")
    gone = np.array([np.sum((ends < time) | ((ends == time) & events)) for time in when])
    low, high = _band(risk, failed, place, (len(times) - gone).astype(np.float64))
    sure = when <= certain
    share = np.concatenate(([1.0], shares))[place]
    return share, np.where(sure, 1.0, low), np.where(sure, 1.0, high)


def _table(ends: NDArray[np.int64], events: NDArray[np.bool_]) -> tuple[Values, ...]:
    """Return the event times with the share after, the units at risk and the events of each."""
    if not events.any():
        return (np.empty(0),) * 4
    found = SurvfuncRight(ends, events.astype(np.int64))
    return found.surv_times, found.surv_prob, found.n_risk, found.n_events


def _band(
    risk: Values, failed: Values, place: NDArray[np.intp], free: Values
) -> tuple[Values, Values]:
    """Return the beta product's bounds after ``place`` events, ``free`` units still seen."""
    left, whole = risk - failed + 1, risk + 1
    means, squares = left / whole, left * (left + 1) / (whole * (whole + 1))
    mean, square = (
        np.cumprod(np.concatenate(([1.0], moment)), dtype=np.float64)[place]
        for moment in (means, squares)
    )
    tail = (1 - LEVEL) / 2
    lower = _quantile(mean * free / (free + 1), square * free / (free + 2), tail)
    return np.where(free > 0, lower, 0.0), _quantile(mean, square, 1 - tail)


def _quantile(mean: Values, square: Values, share: float) -> Values:
    """Return quantiles of the beta distributions with these first two moments; a point's is it."""
    spread = square - mean**2
    known = spread > 0
    size = mean * (1 - mean) / np.where(known, spread, 1.0) - 1
    inner = known & (size > 0)
    first, second = (np.where(inner, part * size, 1.0) for part in (mean, 1 - mean))
    return np.where(inner, betaincinv(first, second, share), mean)


# -- timelines ----------------------------------------------------------------------------------


def survival_curves(
    timelines: Sequence[Timeline], earliest: int = Thresholds().earliest
) -> Iterator[Curve]:
    """Yield, per condition, the share of conversations that have not collapsed by each turn.

    A conversation without a collapse is censored at its last turn, also where that came early.
    Before turn ``earliest`` none can be called collapsed.
    """
    known = earliest - 1
    for condition, group in _by_condition(timelines):
        spoken = [one for one in group if one.turns]
        if spoken:
            times = [one.first or one.turns for one in spoken]
            seen = [one.first is not None for one in spoken]
            told = {"name": "first collapse", "turn": "turn", "what": "without a collapse"}
            yield _curve(condition, times, seen, certain=known, **told)


def recollapse_curves(timelines: Sequence[Timeline]) -> Iterator[Curve]:
    """Yield, per condition, the share of escapes that have not recollapsed by each turn after.

    An escape that lasts to the end of its conversation is censored at the last turn. A condition
    of which no turn after an escape was spoken has no curve.
    """
    for condition, group in _by_condition(timelines):
        found = [free for one in group for free in recollapses(one.collapsed)]
        if any(after for after, _ in found):
            times, seen = zip(*found, strict=True)
            told = {"turn": "turns after the escape", "what": "of escapes still free"}
            yield _curve(condition, times, seen, certain=0, name="recollapse", **told)


def _by_condition(timelines: Sequence[Timeline]) -> list[tuple[str, list[Timeline]]]:
    conditions = dict.fromkeys(one.condition for one in timelines)
    return [(name, [one for one in timelines if one.condition == name]) for name in conditions]


def _curve(
    condition: str,
    times: Sequence[int],
    seen: Sequence[bool],
    *,
    certain: int,
    name: str,
    turn: str,
    what: str,
) -> Curve:
    at = list(range(max(times) + 1))
    share, low, high = survival(times, seen, at, certain=certain)
    return Curve(
        name=name,
        x_label=turn,
        y_label=f"share {what} (band: {BAND})",
        x=tuple(float(number) for number in at),
        y=tuple(share.tolist()),
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
        series=condition,
    )
