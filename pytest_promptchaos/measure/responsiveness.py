"""The second axis: how far outputs move when the meaning does, and what a low movement is worth.

Stability without response is collapse, or a metric that sees nothing. The two axes are shown
together, one point per prompt.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.measure.clustered import by_prompt, mean_measurement
from pytest_promptchaos.measure.repetition import CHANGING, COLLAPSE
from pytest_promptchaos.measure.scaffold import SCAFFOLD
from pytest_promptchaos.records import RUNGS, Curve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_promptchaos.records import (
        Control,
        Diagnosis,
        Limit,
        Measurement,
        Pair,
        Rung,
    )


AXES = "stability against responsiveness"
"""The name of the cloud."""
RESPONSE = "response to a changed meaning"
"""The name of the measurement."""


def responsiveness(
    pairs: Sequence[Pair],
    metric: str,
    rungs: Sequence[Rung] = CHANGING,
    *,
    unit: str = "distance",
    floors: Mapping[str, float] | None = None,
    absent: str = "",
) -> Measurement:
    """Return the mean distance to neighbors that ask something else, in excess of the noise.

    ``metric`` is a key of ``Pair.distances``, ``floors`` each prompt's noise floor. Clustered by
    prompt, with each rung in the breakdown. Neighbors that never gate are counted in ``n`` only.
    Absent, for the reason ``absent``, where the metric could not be taken.
    """

    def mean(name: str, chosen: Sequence[Rung]) -> Measurement:
        groups = _excess(pairs, metric, chosen, floors or {})
        why = absent or f"no neighbor on {' or '.join(chosen)} differs for the model and gates"
        asked = sum(pair.rung in chosen for pair in pairs)
        found = mean_measurement(name, unit, groups, asked=asked, absent=why, largest=largest)
        return _not_below_zero(found)

    # What a changed answer looks like in this very run bounds what was not seen to move.
    seen = [p.distances[metric] for p in _kept(pairs, RUNGS) if metric in p.distances]
    largest = max(seen, default=None)
    run = [rung for rung in rungs if any(pair.rung == rung for pair in pairs)]
    whole = mean("response to a changed meaning", rungs)
    return replace(whole, breakdown=tuple(mean(rung, (rung,)) for rung in run))


def stability_against_responsiveness(
    pairs: Sequence[Pair],
    metric: str,
    small: Sequence[Rung],
    rungs: Sequence[Rung] = CHANGING,
    *,
    unit: str = "distance",
    floors: Mapping[str, float] | None = None,
) -> Curve | None:
    """Return one point per prompt: its response (x) against its movement under small edits (y).

    Both are means in excess of the prompt's noise floor; ``labels`` are the prompts' ids. Low and
    to the right is what a good model does; low and to the left is collapse. ``series`` counts the
    prompts that lack one of the two kinds of neighbors; ``None`` where all do.
    """
    x, y = (_means(pairs, metric, chosen, floors or {}) for chosen in (rungs, small))
    both = [prompt for prompt in x if prompt in y]
    if not both:
        return None
    without = len({pair.prompt_id for pair in pairs}) - len(both)
    left_out = f", {without} without both kinds of edits" if without else ""
    return Curve(
        name=AXES,
        x_label=f"response to a changed meaning ({unit})",
        y_label=f"movement under small edits ({unit})",
        x=tuple(x[prompt] for prompt in both),
        y=tuple(y[prompt] for prompt in both),
        series=f"{len(both)} prompts{left_out}",
        mark="points",
        labels=tuple(both),
    )


def diagnose(
    controls: Sequence[Control], measurement: Measurement, limit: Limit | None
) -> Diagnosis:
    """Return what a movement under small edits means, from controls settled against the limit.

    The guards in their order, each of which takes the ground from under those behind it:

    1. ``noise``: a noise floor failed. Repeats of one prompt differ, so nothing else can be read.
    2. ``collapsed``: other requests get the same tokens, or outputs loop.
    3. ``scaffold-masked``: tokens differ, but not enough of the answers can be compared, or what
       stands before them hides how far they move. Behind collapse, because equal outputs show no
       preamble.
    4. ``blind``: the answers' tokens differ, and the judged metric does not see it.
    5. ``undecided``: another gate failed, there is no value, no interval, no upper limit to hold
       it against, or the interval straddles that limit.
    6. ``sensitive``: the whole interval is above the limit; ``robust``: all of it is within.
    """
    failed = [control for control in controls if control.state == "failed"]
    if any(control.role == "floor" for control in failed):
        return "noise"
    named: tuple[tuple[str, Diagnosis], ...] = (
        (COLLAPSE, "collapsed"),
        (SCAFFOLD, "scaffold-masked"),
    )
    for name, diagnosis in named:
        if any(control.name == name for control in failed):
            return diagnosis
    if any(control.role == "detection" for control in failed):
        return "blind"
    return "undecided" if failed else _by_interval(measurement, limit)


def _by_interval(measurement: Measurement, limit: Limit | None) -> Diagnosis:
    bound = limit.at_most if limit else None
    low, high = measurement.low, measurement.high
    if measurement.value is None or bound is None or low is None or high is None:
        return "undecided"
    if low > bound:
        return "sensitive"
    return "robust" if high <= bound else "undecided"


def _kept(pairs: Sequence[Pair], rungs: Sequence[Rung]) -> Iterator[Pair]:
    for pair in pairs:
        if pair.rung in rungs and pair.certification == "effective" and pair.gates:
            yield pair


def _excess(
    pairs: Sequence[Pair], metric: str, rungs: Sequence[Rung], floors: Mapping[str, float]
) -> dict[str, list[float]]:
    """Return each prompt's distances in excess of its noise floor."""
    return by_prompt(
        (pair.prompt_id, pair.distances[metric] - floors.get(pair.prompt_id, 0.0))
        for pair in _kept(pairs, rungs)
        if metric in pair.distances
    )


def _means(
    pairs: Sequence[Pair], metric: str, rungs: Sequence[Rung], floors: Mapping[str, float]
) -> dict[str, float]:
    groups = _excess(pairs, metric, rungs, floors)
    return {prompt: max(float(np.mean(values)), 0.0) for prompt, values in groups.items()}


def _not_below_zero(found: Measurement) -> Measurement:
    """Return a measurement of distances: what noise takes below zero is zero."""
    value, low, high = (
        None if number is None else max(number, 0.0)
        for number in (found.value, found.low, found.high)
    )
    return replace(found, value=value, low=low, high=high)
