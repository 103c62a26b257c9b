"""The survey of architectures as a page of the documentation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import transformers

if TYPE_CHECKING:
    from collections.abc import Sequence

BAR = 1e-4
PAGE = Path(__file__).parent.parent / "docs" / "architectures.md"

_TEXT = """\
# Architectures whose depth can be followed

{summary}.

Written by `python -m benchmarks.architectures --write` with transformers {transformers} and torch
{torch}, on tiny random models with four layers where the class allows it. Each class is built from
its config class's defaults with all sizes shrunk. *Plain forward*: it runs with a prompt alone.
*Profile*: the growth of three tangents is finite in every layer, in float32. *Parity*: the worst
relative difference, over layers and tokens, between the state that the tangents are carried along
with and that of the ordinary forward, in float32. *Finite difference*: the relative difference
between the tangent of the whole depth and a central difference through the model's own forward,
in float64, bar {bar:.0e}; casts to float32 inside the model were made to float64 for this
comparison, which else could not be finer than 1e-4, and the step was the best of 1e-5, 1e-6 and
1e-7 of the state's norm.

*Replayed by the model's own forward* means that a layer alone is not the step: something happens
between two layers, or a layer takes more of the earlier states than the one before it returned.
The step then runs from one layer's entry to the next through the model's own code, and the
earlier states that it needs travel along with their tangents. That is exact, but its time grows
with the square of the number of layers.

| class | model type | layers | note | profile | parity | finite difference | reason |
|---|---|---|---|---|---|---|---|
{rows}
"""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What holds for one class; ``reason`` says why the rest of it is missing."""

    model: str
    kind: str
    runs: bool = False
    layers: str = ""
    note: str = ""
    finite: bool = False
    parity: float | None = None
    difference: float | None = None
    step: float | None = None
    reason: str = ""

    @property
    def passes(self) -> bool:
        """Whether the profile is finite, the primal the model's own and the tangent true."""
        return self.finite and self.difference is not None and self.difference <= BAR


def summary(reports: Sequence[Report]) -> str:
    """Return how many classes pass, of how many."""
    running = [report for report in reports if report.runs]
    passing = [report for report in running if report.passes]
    return (
        f"{len(passing)} of {len(running)} classes that run a plain forward pass all three checks "
        f"({len(passing) / max(len(running), 1):.0%}); {len(reports)} classes were tried"
    )


def page(reports: Sequence[Report]) -> str:
    """Return the page: failures first, then by model type."""
    ordered = sorted(reports, key=lambda report: (report.passes, report.kind))
    return _TEXT.format(
        summary=summary(reports),
        transformers=transformers.__version__,
        torch=torch.__version__.partition("+")[0],
        bar=BAR,
        rows="\n".join(map(_row, ordered)),
    )


def _row(report: Report) -> str:
    """Return one row of the table."""
    runs = "" if report.runs else "no plain forward: "
    cells = (
        f"`{report.model}`",
        f"`{report.kind}`",
        report.layers,
        report.note,
        "finite" if report.finite else "",
        _power(report.parity),
        _power(report.difference),
        (runs + report.reason).replace("|", "\\|") if report.reason else "",
    )
    return f"| {' | '.join(cells)} |"


def _power(value: float | None) -> str:
    """Return a figure as the power of ten above it, which stays the same from run to run."""
    if value is None:
        return ""
    return f"< 1e{math.ceil(math.log10(value)):+03d}" if value else "0"
