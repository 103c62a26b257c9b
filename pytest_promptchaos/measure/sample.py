"""The units that an interval over growths is taken over: the tangents, or the prompts.

Tangent i is the same draw at every prompt, so below ``MIN_CLUSTERS`` prompts the units are the k
tangents, each averaged over the prompts, and an interval speaks of these prompts only; from there
on the units are the prompts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.measure.intervals import LEVEL, MIN_CLUSTERS
from pytest_promptchaos.measure.profile import jackknife_interval
from pytest_promptchaos.records import Measurement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from pytest_promptchaos.measure.profile import Statistic


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """The units (n, L) that an interval is taken over, their kind, and both in words."""

    units: NDArray[np.float64]
    words: str
    kind: str

    def measure(
        self,
        name: str,
        unit: str,
        statistic: Statistic,
        *,
        least: int = 2,
        breakdown: tuple[Measurement, ...] = (),
    ) -> Measurement:
        """Return the statistic with its interval, or the reason why it has no value.

        ``least`` is the number of units from which it has an interval.
        """
        try:
            value = statistic(self.units)
        except ValueError as error:
            return self.absent(name, unit, str(error))
        try:
            bounds = jackknife_interval(self.units, statistic, least=least)
        except ValueError as error:
            words = f"no interval: without one of the {self.kind} there is no value ({error})"
            found = self.told(name, unit, value, None, breakdown=breakdown)
            return replace(found, interval=words)
        return self.told(name, unit, value, bounds, breakdown=breakdown)

    def told(
        self,
        name: str,
        unit: str,
        value: float,
        bounds: tuple[float, float] | None,
        *,
        words: str = "",
        breakdown: tuple[Measurement, ...] = (),
    ) -> Measurement:
        """Return a value taken from the units, with its bounds and what they rest on in words."""
        count = len(self.units)
        low, high = bounds or (None, None)
        few = f"one {self.kind[:-1]} has no spread" if count == 1 else f"{count} are too few"
        return Measurement(
            name=name,
            unit=unit,
            value=float(value),
            low=None if low is None else float(low),
            high=None if high is None else float(high),
            level=LEVEL,
            interval=(words or self.words) if bounds else f"no interval: {few}",
            resampled=self.kind,
            resampled_n=count,
            n=count,
            effective_n=count,
            breakdown=breakdown,
        )

    def absent(self, name: str, unit: str, reason: str) -> Measurement:
        """Return a measurement that has no value, and why."""
        count = len(self.units)
        return Measurement(name=name, unit=unit, reason=reason, n=count, effective_n=count)


def sample_of(growths: Mapping[str, NDArray[np.float64]]) -> Sample:
    """Return the prompts as units where there are enough of them, else the tangents.

    Raises:
        ValueError: for no prompts, growths of different shapes, or a number that is not finite.
    """
    _refuse_misfits(growths)
    stacked = np.stack(list(growths.values()))
    prompts, tangents, _ = stacked.shape
    if prompts >= MIN_CLUSTERS:
        words = f"{LEVEL:.0%} t over {prompts} prompts"
        return Sample(units=stacked.mean(axis=1), words=words, kind="prompts")
    where = "this prompt" if prompts == 1 else f"these {prompts} prompts"
    words = f"{LEVEL:.0%} t over {tangents} tangents at {where}, not over prompts"
    return Sample(units=stacked.mean(axis=0), words=words, kind="tangents")


def _refuse_misfits(growths: Mapping[str, NDArray[np.float64]]) -> None:
    """Raise ``ValueError`` for growths that cannot be averaged."""
    if not growths:
        raise ValueError("no growths: at least one prompt is needed")
    shapes = {growth.shape for growth in growths.values()}
    if len(shapes) > 1 or len(shape := shapes.pop()) != 2 or not all(shape):
        raise ValueError(
            "growths must all have one shape (tangents, layers), neither of them zero; got "
            + ", ".join(f"{name} {growth.shape}" for name, growth in growths.items())
        )
    for name, growth in growths.items():
        if not np.isfinite(growth).all():
            raise ValueError(f"the growth of prompt {name!r} holds a number that is not finite")
