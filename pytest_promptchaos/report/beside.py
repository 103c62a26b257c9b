"""What was measured beside the judged number, as rows of a table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_promptchaos.records import RUNGS
from pytest_promptchaos.report.layers import LAYERS

if TYPE_CHECKING:
    from pytest_promptchaos.records import Measurement, Verdict


def beside(verdict: Verdict) -> tuple[Measurement, ...]:
    """Return the measurements beside the judged one, in their order.

    The judged one stands first where it has parts that no heatmap shows, such as a rate by
    prompt; layers that have a table of their own come without their parts.
    """
    judged = verdict.measurement
    by_rung = any(part.name in RUNGS for part in judged.breakdown)
    first = () if by_rung or not judged.breakdown else (judged,)
    return (*first, *map(_without_layers, verdict.also))


def _without_layers(one: Measurement) -> Measurement:
    return replace(one, breakdown=()) if LAYERS in one.name else one
