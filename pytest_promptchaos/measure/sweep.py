"""How incidence and rate move with the detector's thresholds: a number on a cliff is no number."""

from __future__ import annotations

from dataclasses import replace
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

    One number moves all four: s2 keeps its distance from s1, and each drift bound its distance
    from one minus its cosine, as far as cosines and drifts go (from -1 to 1, from 0 to 2). The
    given thresholds are on the line as they were given, so that its point at their s1 is what is
    judged.

    >>> [(one.s1, round(one.s2, 2)) for one in swept(Thresholds())][11:14]
    [(0.91, 0.89), (0.92, 0.9), (0.93, 0.91)]
    """
    grid = {round(float(s1), 2) for s1 in np.arange(LOWEST, HIGHEST + 0.005, 0.01)}
    return tuple(
        thresholds if s1 == thresholds.s1 else _moved(thresholds, s1)
        for s1 in sorted(grid | {thresholds.s1})
    )


def _moved(thresholds: Thresholds, s1: float) -> Thresholds:
    # Rounded, because 1 - 0.92 is not 0.08 in binary, and no distance is to come from that.
    gap = round(thresholds.s1 - thresholds.s2, 12)
    near, further = (
        round(drift - (1 - cosine), 12)
        for drift, cosine in ((thresholds.d1, thresholds.s1), (thresholds.d2, thresholds.s2))
    )
    s2 = min(max(round(s1 - gap, 12), -1.0), 1.0)
    d1, d2 = (min(max(drift, 0.0), 2.0) for drift in (1 - s1 + near, 1 - s2 + further))
    return replace(thresholds, s1=s1, s2=s2, d1=d1, d2=d2)


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
