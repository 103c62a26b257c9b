"""Numbers, intervals and limits in the words of a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.records import Limit, Measurement

TYPED = {
    "profile_variance": "variance_at_most",
    "profile_slope": "slope_between",
    "largest_layer_growth": "no_layer_above",
}
"""Limits on the shape of a profile, by what they limit, as the user types them."""
ASKED = {"ideal_share": "ideal_at_least", "flip_rate": "flips_at_most"}
"""The same of limits on answers to propositions; each has one bound."""


def figure(measurement: Measurement) -> str:
    """Return name, value and interval of a measurement in words."""
    if measurement.value is None:
        return f"{measurement.name} absent ({measurement.reason})"
    return f"{measurement.name} {valued(measurement)}"


def valued(measurement: Measurement) -> str:
    """Return value and interval of a measurement that has a value."""
    assert measurement.value is not None
    if measurement.low is None or measurement.high is None:
        return digits(measurement.value)
    low, high = digits(measurement.low), digits(measurement.high)
    return f"{digits(measurement.value)} [{low}, {high}]"


def digits(value: float) -> str:
    """Return the number with three decimals, or three digits where those would say nothing.

    >>> digits(0.2137), digits(0.0), digits(-1.23e-5)
    ('0.214', '0.000', '-1.23e-05')
    """
    plain = value == 0 or 5e-4 <= abs(value) < 1e4
    return f"{value:.3f}" if plain else f"{value:.2e}"


def bounds(limit: Limit) -> str:
    """Return the limit as the user typed it."""
    if limit.name in TYPED and limit.at_most is not None:
        low = "" if limit.at_least is None else f"[{limit.at_least:g}, "
        return f"{TYPED[limit.name]}={low}{limit.at_most:g}{']' if low else ''}"
    parts = [
        f"{ASKED.get(limit.name, name)}={value:g}"
        for name, value in (("at_least", limit.at_least), ("at_most", limit.at_most))
        if value is not None
    ]
    return " and ".join(parts)


def margin(measurement: Measurement, limit: Limit) -> str:
    """Return how far the interval's ends lie inside the limits, the nearer of them, in words."""
    if measurement.low is None or measurement.high is None:
        return ""
    spare = []
    if limit.at_most is not None:
        spare.append(limit.at_most - measurement.high)
    if limit.at_least is not None:
        spare.append(measurement.low - limit.at_least)
    return f" with {digits(min(spare))} to spare"


def spans(names: Sequence[str]) -> str:
    """Return the names in one line, numbers that follow each other as a span.

    >>> spans(["0", "3", "4", "5", "8", "norm"])
    '0, 3-5, 8, norm'
    """
    runs: list[list[str]] = []
    for name in names:
        follows = runs and name.isdecimal() and str(int(name) - 1) == runs[-1][-1]
        runs[-1:] = [[*runs[-1], name]] if follows else [*runs[-1:], [name]]
    return ", ".join(run[0] if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
