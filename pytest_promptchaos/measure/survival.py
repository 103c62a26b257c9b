"""How long conversations go on without a collapse: Kaplan-Meier curves, a line per condition."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from scipy.stats import norm
from statsmodels.duration.survfunc import SurvfuncRight

from pytest_promptchaos.measure.episodes import recollapses
from pytest_promptchaos.measure.intervals import LEVEL
from pytest_promptchaos.records import Curve

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.records import Timeline

    Values: TypeAlias = NDArray[np.float64]

BAND = f"{LEVEL:.0%} pointwise, conversations taken as independent"
"""Repeats of one seed prompt resemble each other, so the band is narrow where they are many."""


def survival(
    times: Sequence[int], seen: Sequence[bool], at: Sequence[int]
) -> tuple[Values, Values, Values]:
    """Return the share without the event after each time in ``at``, and its band: (A,), (A,), (A,).

    ``times`` holds when each of n units had its event, or, where ``seen`` is false, until when it
    had none. Formula: S(t) = prod over event times u <= t of (1 - events(u) / at risk(u)); the
    bounds are S^exp(-+ z g / (S ln S)) with Greenwood's error g. Where none, or all, of them
    had the event Greenwood knows no error, and the bound is the exact one of n, 0.025^(1/n).
    Sources: E. L. Kaplan and P. Meier, J. Am. Stat. Assoc. 53 (1958) 457-481; J. D. Kalbfleisch
    and R. L. Prentice, The Statistical Analysis of Failure Time Data (1980). Raises
    ``ValueError`` without any unit.

    >>> share, low, high = survival([5, 9, 9, 9], [True, False, False, False], at=[4, 5, 9])
    >>> share.tolist()
    [1.0, 0.75, 0.75]
    """
    if not times or len(times) != len(seen):
        raise ValueError(f"{len(times)} times and {len(seen)} events: one of each per unit")
    event_times, shares, errors = np.empty(0), np.empty(0), np.empty(0)
    if any(seen):
        fitted = SurvfuncRight(np.array(times), np.array(seen, dtype=np.int64))
        event_times, shares, errors = fitted.surv_times, fitted.surv_prob, fitted.surv_prob_se
    place = np.searchsorted(event_times, np.asarray(at), side="right")
    share = np.concatenate(([1.0], shares))[place]
    error = np.concatenate(([0.0], np.nan_to_num(errors)))[place]
    return share, *_band(share, error, len(times))


def _band(share: Values, error: Values, count: int) -> tuple[Values, Values]:
    inner = (share > 0) & (share < 1)
    safe = np.where(inner, share, 0.5)
    reach = norm.ppf((1 + LEVEL) / 2) * error / (safe * np.abs(np.log(safe)))
    unseen = ((1 - LEVEL) / 2) ** (1 / count)
    low = np.where(inner, safe ** np.exp(reach), np.where(share > 0, unseen, 0.0))
    high = np.where(inner, safe ** np.exp(-reach), np.where(share > 0, 1.0, 1 - unseen))
    return low, high


# -- timelines ----------------------------------------------------------------------------------


def survival_curves(timelines: Sequence[Timeline]) -> Iterator[Curve]:
    """Yield, per condition, the share of conversations that have not collapsed by each turn.

    A conversation without a collapse is censored at its last turn, also where that came early.
    """
    for condition, group in _by_condition(timelines):
        spoken = [one for one in group if one.turns]
        if spoken:
            times = [one.first or one.turns for one in spoken]
            seen = [one.first is not None for one in spoken]
            what = "without a collapse"
            yield _curve(condition, times, seen, name="first collapse", turn="turn", what=what)


def recollapse_curves(timelines: Sequence[Timeline]) -> Iterator[Curve]:
    """Yield, per condition, the share of escapes that have not recollapsed by each turn after.

    An escape that lasts to the end of its conversation is censored there.
    """
    for condition, group in _by_condition(timelines):
        found = [free for one in group for free in recollapses(one.collapsed)]
        if found:
            times, seen = zip(*found, strict=True)
            after, what = "turns after the escape", "of escapes still free"
            yield _curve(condition, times, seen, name="recollapse", turn=after, what=what)


def _by_condition(timelines: Sequence[Timeline]) -> list[tuple[str, list[Timeline]]]:
    conditions = dict.fromkeys(one.condition for one in timelines)
    return [(name, [one for one in timelines if one.condition == name]) for name in conditions]


def _curve(
    condition: str, times: Sequence[int], seen: Sequence[bool], *, name: str, turn: str, what: str
) -> Curve:
    at = list(range(max(times) + 1))
    share, low, high = survival(times, seen, at)
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
