"""The growth of perturbations turn by turn: a line per condition, its conversations as a band."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from pytest_promptchaos.records import Curve
from pytest_promptchaos.report.legible import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.records import Timeline, Verdict

GROWTH = ("growth of perturbations by turn", "lambda_1 (nats per layer)", "turn")
"""Name and axes, y ahead of x, of the curves that are made of timelines."""
MIDDLE = 0.8
"""Share of the conversations that the band holds, as many above it as below."""


def condition_words(verdict: Verdict) -> str:
    """Return who talked with whom, such as ``"HOMO_A"``; several conditions with commas."""
    return one_line(", ".join(dict.fromkeys(one.condition for one in verdict.timelines)))


def growth_curve(condition: str, timelines: Sequence[Timeline]) -> Curve | None:
    """Return the mean growth at every followed turn, with the middle 80 % of conversations.

    The band says how far conversations differ, not how well the mean is known: repeats of one
    seed prompt depend on each other. Absent where no depth was followed.

    >>> from pytest_promptchaos.records import Timeline
    >>> made = [Timeline(condition="A", seed_id="plan", bucket="", repeat=place, asked=1,
    ...                  collapsed=(False,), growth=((1, rate),))
    ...         for place, rate in enumerate((0.1, 0.3))]
    >>> curve = growth_curve("A", made)
    >>> [round(float(part[0]), 3) for part in (curve.y, curve.low, curve.high)]
    [0.2, 0.12, 0.28]
    """
    found: dict[int, list[float]] = {}
    for one in timelines:
        for turn, rate in one.growth:
            found.setdefault(turn, []).append(rate)
    if not found:
        return None
    name, y_label, x_label = GROWTH
    turns = sorted(found)
    return Curve(
        name=name,
        x_label=x_label,
        y_label=y_label,
        x=tuple(map(float, turns)),
        y=tuple(fmean(found[turn]) for turn in turns),
        low=tuple(_quantile(found[turn], (1 - MIDDLE) / 2) for turn in turns),
        high=tuple(_quantile(found[turn], (1 + MIDDLE) / 2) for turn in turns),
        series=condition,
    )


def _quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share of them lies, on straight lines between them."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])
