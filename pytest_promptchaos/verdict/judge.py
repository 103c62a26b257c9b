"""Measurement x limit -> outcome. The interval decides, and the controls decide before it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_promptchaos.records import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.records import Control, Limit, Measurement


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

    The half width of an interval shrinks with the square root of the number of units, so n units
    with half width h clear a distance d from the limit with about n (h / d)^2 of them; h is the
    wider half, because the other may be cut at zero. Where all units are equal, the interval is
    the bound on what was not seen, which shrinks with n itself. A value that sits on the limit
    cannot be cleared.
    """
    units = measurement.resampled_n
    value, low, high = measurement.value, measurement.low, measurement.high
    if value is None or low is None or high is None or units < 1:
        return None
    bounds = [b for b in (limit.at_most, limit.at_least) if b is not None]
    gap = min(abs(bound - value) for bound in bounds)
    half = max(high - value, value - low)
    if gap == 0 or half == 0:
        return None
    power = 1 if low == value else 2
    # A whole number that rounding put a hair above itself stays that number.
    wanted = math.ceil(units * (half / gap) ** power - 1e-9)
    return max(wanted - units, 1)
