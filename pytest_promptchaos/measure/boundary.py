"""The two numbers of a generation: how often it stands near a boundary, and how fast it stretches.

Boundary density is the share of steps at which another token was nearly as good; stretching rate
is how fast the two inner states grow apart while the visible tokens still agree. A generation
branches by either, so the two do not collapse into one: both are returned, with their correlation.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.measure.clustered import by_prompt, mean_measurement
from pytest_promptchaos.measure.correlation import rank_correlation
from pytest_promptchaos.measure.distances import JS_FLOOR, branch_step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.measure.pairs import Observed
    from pytest_promptchaos.records import Measurement, Neighbor, Run, Rung

LOW_MARGIN = 0.75
"""Logits: the better of two tokens then has at most 68 % of what the two have together."""
SATURATED = float(np.log(2) / 4)
"""JS in nats above which two distributions are apart and no longer part: half of the largest
distance sqrt(JS) there is."""
LEAST_STEPS = 3
"""A slope through two points fits any two."""


def boundary_density(margins: NDArray[np.float64], bound: float = LOW_MARGIN) -> float:
    """Return the share of steps (T,) whose margin in logits is under ``bound``, 0 to 1.

    Raises ``ValueError`` for no steps.

    >>> boundary_density(np.array([0.1, 3.0, 0.75, 9.0]))
    0.25
    """
    if not len(margins):
        raise ValueError("no steps: a density is a share of them")
    return float((margins < bound).mean())


def growing_steps(
    js: NDArray[np.float64], *, floor: float = JS_FLOOR, ceiling: float = SATURATED
) -> NDArray[np.bool_]:
    """Return which steps (T,) a stretching rate may rest on.

    Left out are steps whose JS is at most ``floor``, where the two differ by rounding, and those
    above ``ceiling``, where they are as far apart as two answers get.

    >>> growing_steps(np.array([0.0, 1e-6, 0.1, 0.5])).tolist()
    [False, True, True, False]
    """
    inside: NDArray[np.bool_] = (js > floor) & (js <= ceiling)
    return inside


def stretching_rate(distance: NDArray[np.float64], used: NDArray[np.bool_]) -> float:
    """Return the growth rate of a distance over the steps of a common prefix, in nats per token.

    ``distance`` (T,) is positive where ``used`` (T,) is true. Formula: the least-squares slope of
    log distance over the index of the step, over the used ones: 0 for a gap that stays as it is.
    Raises ``ValueError`` for fewer than ``LEAST_STEPS`` used steps.

    >>> round(stretching_rate(np.exp(0.2 * np.arange(5.0)), np.array([1, 1, 0, 1, 1], bool)), 6)
    0.2
    """
    steps = np.flatnonzero(used)
    if len(steps) < LEAST_STEPS:
        raise ValueError(
            f"{len(steps)} steps between rounding and saturation before the outputs part"
        )
    centered = steps - steps.mean()
    return float(centered @ np.log(distance[steps]) / (centered @ centered))


# -- neighborhoods ------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class BoundaryMeasurement:
    """Both numbers, and their rank correlation over prompts."""

    density: Measurement
    stretching: Measurement
    correlation: Measurement


def boundary(
    observed: Sequence[Observed],
    rungs: Sequence[Rung],
    *,
    bound: float = LOW_MARGIN,
    floor: float = JS_FLOOR,
    ceiling: float = SATURATED,
) -> BoundaryMeasurement:
    """Return boundary density and stretching rate around one or several prompts.

    The density is that of the centers' and their neighbors' own outputs, the mean over runs and
    then over prompts. The rate is that of the root mean square logit gap along the center's
    output, from its start up to and with the step at which the neighbor's parts from it;
    ``floor`` and ``ceiling`` are those of :func:`growing_steps`; a verdict's ``floor`` is the
    divergence of the identical controls along their outputs, below which a step is noise that
    does not stretch. ``interval`` and ``reason`` count the pairs without a rate.
    """
    densities = by_prompt(_densities(observed, rungs, bound))
    rates, lost = _rates(observed, rungs, floor, ceiling)
    asked = sum(map(len, rates.values())) + lost.total()
    why = "; ".join(f"{count}x {reason}" for reason, count in lost.most_common())
    stretching = mean_measurement(
        "stretching rate", "nats per token", rates, asked=asked, absent=why or _NOTHING
    )
    if why and stretching.value is not None:
        told = f"{stretching.interval}; left out: {why}"
        stretching = replace(stretching, interval=told)
    both = [prompt for prompt in rates if prompt in densities]
    return BoundaryMeasurement(
        density=mean_measurement(
            "boundary density",
            f"share of steps with a margin under {bound:g} logits",
            densities,
            asked=sum(map(len, densities.values())),
            absent="no step of any output has margins",
            largest=1.0,
        ),
        stretching=stretching,
        correlation=rank_correlation(
            "boundary density with stretching rate",
            [float(np.mean(densities[prompt])) for prompt in both],
            [float(np.mean(rates[prompt])) for prompt in both],
            over="prompts",
        ),
    )


_NOTHING = "no effective neighbor"


def margins(run: Run) -> NDArray[np.float64]:
    """Return the margins of a run's own steps, shape (T,), in logits."""
    return np.array([step.margin for step in run.steps], dtype=np.float64)


def effective(observed: Observed, rungs: Sequence[Rung]) -> Iterator[tuple[Neighbor, Run]]:
    """Yield the neighbors on ``rungs`` that enter a mean, with their runs."""
    for n in observed.neighborhood.neighbors:
        if n.rung in rungs and n.certification == "effective" and n.gates:
            yield n, observed.runs[n.id]


def _densities(
    observed: Sequence[Observed], rungs: Sequence[Rung], bound: float
) -> Iterator[tuple[str, float]]:
    for o in observed:
        for run in (o.center, *(run for _, run in effective(o, rungs))):
            if run.steps:
                yield o.center.prompt.id, boundary_density(margins(run), bound)


def _rates(
    observed: Sequence[Observed], rungs: Sequence[Rung], floor: float, ceiling: float
) -> tuple[Mapping[str, list[float]], Counter[str]]:
    """Return the rates of every prompt's pairs, and why the other pairs have none."""
    rates: list[tuple[str, float]] = []
    lost: Counter[str] = Counter()
    for o in observed:
        for neighbor, run in effective(o, rungs):
            along = o.forced.get(neighbor.id)
            if along is None:
                lost["no logits along the outputs"] += 1
                continue
            part = branch_step(o.center.output_ids, run.output_ids)
            until = slice(None if part is None else part + 1)
            js, gap = along[0].js[until], along[0].gap[until]
            used = growing_steps(js, floor=floor, ceiling=ceiling) & (gap > 0)
            try:
                rate = stretching_rate(gap, used)
            except ValueError:
                lost[f"fewer than {LEAST_STEPS} steps between rounding and saturation"] += 1
            else:
                rates.append((o.center.prompt.id, rate))
    return by_prompt(rates), lost
