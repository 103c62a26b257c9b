"""What was measured beside the judged number, as rows of a table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_promptchaos.report.bridges import association_of
from pytest_promptchaos.report.heatmap import by_rung
from pytest_promptchaos.report.layers import LAYERS

if TYPE_CHECKING:
    from pytest_promptchaos.records import Measurement, Verdict


def beside(verdict: Verdict) -> tuple[Measurement, ...]:
    """Return the measurements beside the judged one, in their order.

    The judged one stands first where it has parts that no heatmap shows, such as a rate by
    prompt; layers that have a table of their own come without their parts. The numbers of an
    association are left out, because they stand in its own table.
    """
    judged = verdict.measurement
    first = () if by_rung(judged) or not judged.breakdown else (judged,)
    told = association_of(verdict)
    own = (told.pooled, told.clustered, told.within, told.adjusted) if told else ()
    return (*first, *(_without_layers(one) for one in verdict.also if one not in own))


def _without_layers(one: Measurement) -> Measurement:
    return replace(one, breakdown=()) if LAYERS in one.name else one
