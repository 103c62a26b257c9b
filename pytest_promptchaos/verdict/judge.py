"""Measurement x limit -> outcome. The interval decides, and the controls decide before it."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import NormalDist
from typing import TYPE_CHECKING

from pytest_promptchaos.records import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.records import Control, Limit, Measurement

WILSON = "95 % Wilson"
"""How the words of a Wilson interval begin."""
Z = NormalDist().inv_cdf(0.975)
UNSEEN = 0.05
"""How probable it is at most that units as they were not seen were missed by all that were."""


def settle(controls: Sequence[Control], limit: Limit) -> tuple[Control, ...]:
    """Return the controls with their state settled against the limit.

    A noise floor above an upper limit would decide the verdict by itself; a positive control
    that does not exceed the limit means that no output could have failed it.
    """
    return tuple(_settled(control, limit) for control in controls)


def _settled(control: Control, limit: Limit) -> Control:
    if control.value is None or control.state != "held":
        return control
    if control.role == "floor" and (told := _noise(control.value, limit)):
        return replace(control, state="failed", words=f"{control.words}; {told}")
    bound = limit.at_most
    if control.role == "detection" and bound is not None and control.value <= bound:
        return replace(
            control,
            state="failed",
            words=f"{control.words}; not above the limit {bound:g}: the metric is blind here, "
            "or the model answers everything alike",
        )
    return control


def _noise(floor: float, limit: Limit) -> str:
    """Return in words that noise alone would decide against the limit, or nothing."""
    if limit.at_most is not None and floor > limit.at_most:
        return f"above the limit {limit.at_most:g}: noise alone would fail it"
    if limit.at_least is not None and floor >= limit.at_least:
        return f"not below the limit {limit.at_least:g}: noise alone would pass it"
    return ""


def judge(measurement: Measurement, limit: Limit, controls: Sequence[Control]) -> Outcome:
    """Return the outcome of a measurement held against a limit.

    ``invalid`` when a control failed or there is no value; ``passed`` when the whole interval is
    within the limit, ``failed`` when it is wholly outside, else ``inconclusive``; without an
    interval nothing is known about the spread, so that is ``inconclusive`` too.
    """
    if measurement.value is None or any(c.state == "failed" for c in controls):
        return Outcome.INVALID
    low, high = measurement.low, measurement.high
    if low is None or high is None:
        return Outcome.INCONCLUSIVE
    above = limit.at_most is not None and low > limit.at_most
    below = limit.at_least is not None and high < limit.at_least
    if above or below:
        return Outcome.FAILED
    within = limit.at_most is None or high <= limit.at_most
    return Outcome.PASSED if within and _reaches(low, limit) else Outcome.INCONCLUSIVE


def _reaches(low: float, limit: Limit) -> bool:
    return limit.at_least is None or low >= limit.at_least


def needed(measurement: Measurement, limit: Limit) -> int | None:
    """Return about how many more of the resampled units would clear the limit, or ``None``.

    A Wilson interval of a share p ends at b with n = z^2 b (1 - b) / (b - p)^2 units, z = 1.96.
    Where all units are equal, the interval is the bound on what was not seen, which reaches
    1 - 0.05^(1/n) of the way to the farthest value. Any other half width shrinks with the square
    root of the number of units, so n units with half width h clear a distance d from the limit
    with about n (h / d)^2 of them; h is the wider half, because the other may be cut at zero. A
    value that sits on the limit cannot be cleared.
    """
    units = measurement.resampled_n
    value, low, high = measurement.value, measurement.low, measurement.high
    if value is None or low is None or high is None or units < 1:
        return None
    if min(abs(bound - value) for bound in _bounds(limit)) == 0 or low == high:
        return None
    wanted = max(_wanted(measurement, bound) for bound in _decisive(value, limit))
    # A whole number that rounding put a hair above itself stays that number.
    return max(math.ceil(wanted - 1e-9) - units, 1)


def _bounds(limit: Limit) -> list[float]:
    return [bound for bound in (limit.at_most, limit.at_least) if bound is not None]


def _decisive(value: float, limit: Limit) -> list[float]:
    """Return the bounds that the interval must leave: all from within, else the nearest."""
    within = limit.at_most is None or value <= limit.at_most
    nearest = min(_bounds(limit), key=lambda bound: abs(bound - value))
    return _bounds(limit) if within and _reaches(value, limit) else [nearest]


def _wanted(measurement: Measurement, bound: float) -> float:
    """Return how many units an interval ends at ``bound`` with; it has a value and both ends."""
    value, low, high = measurement.value or 0.0, measurement.low or 0.0, measurement.high or 0.0
    units, gap, half = measurement.resampled_n, abs(bound - value), max(high - value, value - low)
    if measurement.interval.startswith(WILSON):
        return Z**2 * bound * (1 - bound) / gap**2
    if value not in (low, high):
        return units * (half / gap) ** 2
    reached = gap / half * (1 - UNSEEN ** (1 / units))
    return math.log(UNSEEN) / math.log1p(-reached) if reached < 1 else 1.0
