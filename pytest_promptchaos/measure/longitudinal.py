"""Timelines with the growth of their turns -> whether growth goes with collapse, turn by turn.

At the turn and before it are two questions, and the answer to one says nothing of the other: what
is seen at a collapsed turn detects, only what is seen before it predicts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import spearmanr

from pytest_promptchaos.measure.clustered import by_prompt, mean_measurement
from pytest_promptchaos.measure.collapsed import bounded, in_conversations, noted
from pytest_promptchaos.measure.detector import Thresholds
from pytest_promptchaos.measure.intervals import MIN_CLUSTERS
from pytest_promptchaos.records import Measurement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.records import Timeline

UNIT = "Spearman's rho inside conversations, -1 to 1"
FEWEST = 5
"""Turns of one conversation that a rank correlation is taken of, at least."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """The growth of one turn, and whether the turn ``ahead`` of it is collapsed."""

    turn: int
    growth: float
    collapsed: bool


def points(timeline: Timeline, *, ahead: int, earliest: int) -> tuple[Point, ...]:
    """Return the turns whose growth is held against collapse ``ahead`` turns later.

    Turns whose later turn could not have been labelled, or was not spoken, are left out: they are
    free by definition. With ``ahead`` above 0 only turns are taken from which on nothing is
    collapsed up to the later one, so that a loop that goes on does not foretell itself.
    """
    labels = timeline.collapsed
    return tuple(
        Point(turn=turn, growth=growth, collapsed=labels[turn + ahead - 1])
        for turn, growth in sorted(timeline.growth)
        if earliest <= turn + ahead <= len(labels) and not any(labels[turn - 1 : turn + ahead - 1])
    )


def growth_and_collapse(
    timelines: Sequence[Timeline], *, ahead: int = 0, earliest: int | None = None
) -> Measurement:
    """Return the rank correlation of a turn's lambda_1 with collapse, inside conversations.

    In [-1, 1]; above 0 where turns of larger growth are the collapsed ones. ``ahead=0`` asks of
    the turn itself, 1 of the next one, among turns that are not collapsed yet. A label comes two
    turns after its loop begins, so that 3 is the first that asks before the loop. Formula:
    Spearman's rho of (lambda_1, label) over the turns of each conversation in which both vary,
    mean over conversations of a seed prompt, mean over seed prompts; the rest are counted in the
    interval. Between conversations nothing is compared, so a difference between models or prompts
    is no association.

    Labels tie, so growth that differs between all n turns reaches at most
    sqrt(3 p (1 - p) / (1 - 1 / n^2)), p the share of collapsed turns: 0.87 where it is one half,
    and 0.52 where one turn in ten is.

    Both may follow the turn's number, because the history grows. So the part ``turn means
    removed`` is the same after each condition's mean growth at a turn's number is taken off; an
    association that is not in it is one with time. Raises ``ValueError`` for ``ahead`` below 0.
    """
    if ahead < 0:
        raise ValueError(f"ahead is {ahead}: growth is held against this turn (0) or a later one")
    first = earliest or Thresholds().earliest
    taken = [(one, points(one, ahead=ahead, earliest=first)) for one in timelines]
    when = "at the turn" if ahead == 0 else f"{ahead} turn{'s' * (ahead > 1)} later"
    whole = _correlated(f"growth and collapse {when}", taken)
    return replace(whole, breakdown=(_correlated("turn means removed", _centered(taken)),))


def _correlated(name: str, taken: Sequence[tuple[Timeline, tuple[Point, ...]]]) -> Measurement:
    rhos = [(one.seed_id, _rho(found)) for one, found in taken]
    known = [(seed, rho) for seed, rho in rhos if rho is not None]
    if len(known) < MIN_CLUSTERS:
        few = (
            f"{len(known)} of {len(taken)} conversations have {FEWEST} turns in which growth and "
            f"collapse both vary: {MIN_CLUSTERS} are needed"
        )
        return Measurement(name=name, unit=UNIT, reason=few, n=len(taken))
    found = mean_measurement(
        name, UNIT, by_prompt(known), asked=len(taken), absent="", largest=1.0, smallest=-1.0
    )
    told = f"{len(taken) - len(known)} of {len(taken)} conversations in which not both vary"
    return noted(bounded(in_conversations(found), -1.0, 1.0), f"without {told}")


def _rho(found: Sequence[Point]) -> float | None:
    growths, collapsed = [p.growth for p in found], [float(p.collapsed) for p in found]
    if len(found) < FEWEST or np.ptp(growths) == 0 or np.ptp(collapsed) == 0:
        return None
    return float(np.clip(spearmanr(growths, collapsed).statistic, -1.0, 1.0))


def _centered(
    taken: Sequence[tuple[Timeline, tuple[Point, ...]]],
) -> list[tuple[Timeline, tuple[Point, ...]]]:
    """Return the points with each condition's mean at their turn taken off.

    A turn of which one conversation alone has the growth is left out: its mean is itself.
    """
    at: dict[tuple[str, int], list[float]] = {}
    for one, found in taken:
        for point in found:
            at.setdefault((one.condition, point.turn), []).append(point.growth)
    return [
        (
            one,
            tuple(
                replace(p, growth=p.growth - float(np.mean(at[one.condition, p.turn])))
                for p in found
                if len(at[one.condition, p.turn]) > 1
            ),
        )
        for one, found in taken
    ]
