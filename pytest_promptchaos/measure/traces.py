"""Curves of a neighborhood: margins step by step, and confidence against what happened later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import softmax

from pytest_promptchaos.measure.boundary import effective, margins
from pytest_promptchaos.measure.correlation import rank_correlation
from pytest_promptchaos.measure.distances import JS_FLOOR
from pytest_promptchaos.measure.resampling import student_bounds
from pytest_promptchaos.records import Curve

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.measure.pairs import Observed
    from pytest_promptchaos.records import Pair, Run, Rung

STILL_THERE = 0.5
"""A trace ends where fewer of its prompts still have output: the rest are a selection."""


def margin_traces(observed: Sequence[Observed], rungs: Sequence[Rung]) -> tuple[Curve, ...]:
    """Return the mean margin by step, of the centers and of their neighbors on ``rungs``.

    The band is Student's t over the prompts that still have output at a step; a trace of one
    prompt has none. A trace ends where less than ``STILL_THERE`` of its prompts have output left.
    """
    chosen: dict[str, list[list[Run]]] = {
        "centers": [[o.center] for o in observed],
        "neighbors": [[run for _, run in effective(o, rungs)] for o in observed],
    }
    traces = ((series, _trace([_means(runs) for runs in of])) for series, of in chosen.items())
    return tuple(
        Curve(
            name="margin by step",
            x_label="output token",
            y_label="margin of the chosen token (logits)",
            x=tuple(float(step) for step in range(len(middle))),
            y=tuple(middle),
            low=tuple(low),
            high=tuple(high),
            series=series,
        )
        for series, (middle, low, high) in traces
        if middle
    )


def dissociation(
    observed: Sequence[Observed],
    pairs: Sequence[Pair],
    metric: str,
    rungs: Sequence[Rung],
    *,
    by: Literal["confidence", "js"] = "confidence",
    y_label: str = "trajectory divergence",
) -> Curve | None:
    """Return what the prompt's end says (x) against how far the outputs went apart (y).

    ``by="confidence"``: one point per prompt, x the top-1 probability at the center's prompt end
    and y its neighbors' mean distance. ``by="js"``: one point per pair, x the JS between the two
    prompt ends, at least ``JS_FLOOR``. ``metric`` is a key of ``Pair.distances``. ``series``
    holds Spearman's rho in words, with an interval over prompts only, because the pairs of one
    prompt are alike. ``None`` without any pair.
    """
    kept = [
        pair
        for pair in pairs
        if pair.rung in rungs
        and pair.certification == "effective"
        and pair.gates
        and metric in pair.distances
        and (by == "confidence" or "js" in pair.distances)
    ]
    if by == "js":
        points = [(p.neighbor_id, _shown(p.distances["js"]), p.distances[metric]) for p in kept]
        name = "prompt's end against divergence"
        x_label, over = "JS at the prompt's end (nats)", "pairs"
    else:
        points = list(_by_confidence(observed, kept, metric))
        name = "confidence against divergence"
        x_label, over = "confidence at the prompt's end (top-1 probability)", "prompts"
    if not points:
        return None
    labels, x, y = zip(*points, strict=True)
    return Curve(
        name=name,
        x_label=x_label,
        y_label=y_label,
        x=x,
        y=y,
        series=f"{len(points)} {over}, {_rho(x, y, over)}",
        mark="points",
        labels=labels,
    )


def _rho(x: Sequence[float], y: Sequence[float], over: str) -> str:
    """Return Spearman's rho in words."""
    found = rank_correlation("rank correlation", x, y, over=over)
    if found.value is None:
        return f"no rank correlation: {found.reason}"
    if over != "prompts":
        bounds = ""
    elif found.low is None or found.high is None:
        bounds = f", {found.interval}"
    else:
        bounds = f" [{found.low:.2f}, {found.high:.2f}]"
    return f"Spearman's rho {found.value:.2f}{bounds}"


def _shown(js: float) -> float:
    """Return a JS that a logarithmic axis can hold: below the floor it is rounding."""
    return max(js, JS_FLOOR)


def _by_confidence(
    observed: Sequence[Observed], pairs: Sequence[Pair], metric: str
) -> Iterator[tuple[str, float, float]]:
    for o in observed:
        prompt = o.center.prompt.id
        moved = [pair.distances[metric] for pair in pairs if pair.prompt_id == prompt]
        if moved:
            top = softmax(o.center.prompt_logits.astype(np.float64)).max()
            yield prompt, float(top), float(np.mean(moved))


def _means(runs: Sequence[Run]) -> list[float]:
    """Return the mean margin of the runs that still have output, step by step."""
    each = [margins(run) for run in runs]
    longest = max((len(m) for m in each), default=0)
    return [float(np.mean([m[t] for m in each if len(m) > t])) for t in range(longest)]


def _trace(prompts: Sequence[Sequence[float]]) -> tuple[list[float], list[float], list[float]]:
    """Return the mean over prompts and its bounds, step by step."""
    filled = [means for means in prompts if means]
    least = max(STILL_THERE * len(filled), 1)
    longest = max((len(means) for means in filled), default=0)
    at = [np.array([m[t] for m in filled if len(m) > t]) for t in range(longest)]
    steps = [values for values in at if len(values) >= least]
    middle = [float(values.mean()) for values in steps]
    if len(filled) < 2 or any(len(values) < 2 for values in steps):
        return middle, [], []
    bounds = [student_bounds(values) for values in steps]
    return middle, [_margin(low) for low, _ in bounds], [_margin(high) for _, high in bounds]


def _margin(bound: NDArray[np.float64]) -> float:
    """Return a bound of margins, none of which is below zero."""
    return max(float(bound), 0.0)
