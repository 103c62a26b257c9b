"""How incidence and rate move with the detector's thresholds: a number on a cliff is no number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.measure.clustered import by_prompt
from pytest_promptchaos.measure.detector import Thresholds, labels
from pytest_promptchaos.records import Curve

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_promptchaos.measure.detector import Cosines, Drift
    from pytest_promptchaos.records import Timeline

LOWEST = 0.80
HIGHEST = 0.99


def swept(thresholds: Thresholds) -> tuple[Thresholds, ...]:
    """Return thresholds with s1 from 0.80 to 0.99 by 0.01, and the given ones where they lie.

    s2 keeps its distance from s1, and the drift bounds stay one minus the cosines, so that one
    number moves all four. Where the given drift bounds are others, the given thresholds are a
    point of their own and no part of the line.

    >>> [(one.s1, round(one.s2, 2)) for one in swept(Thresholds())][11:14]
    [(0.91, 0.89), (0.92, 0.9), (0.93, 0.91)]
    """
    grid = {round(float(s1), 2) for s1 in np.arange(LOWEST, HIGHEST + 0.005, 0.01)}
    gap = round(thresholds.s1 - thresholds.s2, 12)
    found = []
    for s1 in sorted(grid | {thresholds.s1}):
        s2 = max(round(s1 - gap, 12), -1.0)
        found.append(Thresholds(s1=s1, s2=s2, d1=1 - s1, d2=1 - s2, sustained=thresholds.sustained))
    return tuple(found)


def sweep_curves(
    timelines: Sequence[Timeline], thresholds: Thresholds, drift: Drift
) -> Iterator[Curve]:
    """Yield incidence and rate over the thresholds, each under both readings of the drift clause.

    Means over seed prompts, as what is judged; without bands, because the points of one line
    rest on the same conversations.
    """
    kept = [one for one in timelines if one.turns >= thresholds.earliest]
    cosines = [(one.seed_id, _masked(one.s1), _masked(one.s2)) for one in kept]
    grid = swept(thresholds)
    readings: tuple[Drift, Drift] = ("matching", "both")
    for reading in readings if kept else ():
        found = np.array([_at(cosines, reading, bounds) for bounds in grid])
        for column, what in enumerate(("incidence", "rate")):
            judged = ", judged" if reading == drift else ""
            yield Curve(
                name=f"collapse {what} by threshold",
                x_label=f"threshold s1 (judged: {thresholds.s1:g}; s2, d1 and d2 move with it)",
                y_label=f"collapse {what}",
                x=tuple(bounds.s1 for bounds in grid),
                y=tuple(found[:, column].tolist()),
                series=f"drift={reading}{judged}",
            )


def _at(
    cosines: Sequence[tuple[str, Cosines, Cosines]], drift: Drift, thresholds: Thresholds
) -> tuple[float, float]:
    """Return incidence and rate at one setting of the thresholds."""
    found = [(seed, labels(s1, s2, drift=drift, thresholds=thresholds)) for seed, s1, s2 in cosines]
    incidence = by_prompt((seed, float(turns.any())) for seed, turns in found)
    rate = by_prompt((seed, float(turns.mean())) for seed, turns in found)
    means = [float(np.mean([np.mean(v) for v in group.values()])) for group in (incidence, rate)]
    return means[0], means[1]


def _masked(values: Sequence[float | None]) -> Cosines:
    known = [0.0 if value is None else value for value in values]
    return np.ma.MaskedArray(known, mask=[value is None for value in values], dtype=np.float64)
