"""Ensembles of orbits or networks -> what an interval is taken over, and curves with their band."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.measure.intervals import LEVEL
from pytest_promptchaos.measure.profile import layer_bounds
from pytest_promptchaos.measure.sample import Sample
from pytest_promptchaos.records import Curve

if TYPE_CHECKING:
    from numpy.typing import NDArray


def sample_over(kind: str, units: NDArray[np.float64]) -> Sample:
    """Return the units (n, L) as what an interval is taken over; ``kind`` is their name."""
    return Sample(units=units, words=f"{LEVEL:.0%} t over {len(units)} {kind}", kind=kind)


def band_curve(
    units: NDArray[np.float64],
    x: tuple[float, ...],
    *,
    name: str,
    axes: tuple[str, str],
    series: str,
) -> Curve:
    """Return the mean over units (n, len(x)) with the 95 % t band of each point by itself.

    >>> curve = band_curve(np.array([[0.0], [1.0], [2.0]]), (7.0,), name="growth",
    ...                    axes=("step", "nats"), series="measured")
    >>> curve.y, round(curve.low[0], 3)
    ((1.0,), -1.484)
    """
    low, high = layer_bounds(units) or (np.empty(0), np.empty(0))
    return Curve(
        name=name,
        x_label=axes[0],
        y_label=axes[1],
        x=x,
        y=tuple(units.mean(axis=0).tolist()),
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
        series=series,
    )
