"""What stands beside the judged distance of a neighborhood: other distances, branches, curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.measure.averages import Distance, judged, mean_over, share_over
from pytest_promptchaos.measure.boundary import boundary
from pytest_promptchaos.measure.branching import branch_counts
from pytest_promptchaos.measure.curves import by_horizon, by_layer
from pytest_promptchaos.measure.distances import FROM_THE_ANSWER, JS_FLOOR, NAMES, UNITS
from pytest_promptchaos.measure.foresight import branch_scores
from pytest_promptchaos.measure.pairs import INFINITE
from pytest_promptchaos.measure.repetition import repetition
from pytest_promptchaos.measure.responsiveness import (
    responsiveness,
    stability_against_responsiveness,
)
from pytest_promptchaos.measure.traces import dissociation, margin_traces

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.measure.controls import Floors
    from pytest_promptchaos.measure.distances import Metric
    from pytest_promptchaos.measure.pairs import Observed
    from pytest_promptchaos.measure.scaffold import ScaffoldMeasurement
    from pytest_promptchaos.records import Curve, Measurement, Pair, Rung


@dataclass(frozen=True, kw_only=True)
class Whole:
    """Everything the parts of the findings are taken from.

    ``metric`` is the one that was asked for, ``usable`` the one that can be taken; ``read`` are
    the prefix lengths that every pair holds its distances at.
    """

    observed: Sequence[Observed]
    pairs: tuple[Pair, ...]
    rungs: tuple[Rung, ...]
    metric: Metric
    usable: Metric
    floors: Floors
    absent: str
    read: tuple[int, ...]
    scaffold: ScaffoldMeasurement

    def distance(self, metric: Metric) -> Distance:
        """Return the judged distance, in excess of each prompt's own noise."""
        return Distance(
            key=metric,
            name=NAMES[metric],
            unit=UNITS[metric],
            floors=self.floors.get(metric, {}),
            absent=self.why_absent(metric),
        )

    def why_absent(self, metric: Metric) -> str:
        """Return why pairs may lack a distance."""
        if metric == "answer":
            return "no answer was read in the center's output"
        return self.absent if metric == "semantic" else ""

    @property
    def judged_floors(self) -> Mapping[str, float]:
        """Each prompt's floor of the distance that is judged."""
        return self.floors.get(self.usable, {})


AT_END = (
    Distance(key="js", name="JS at the prompt's end", unit="nats, 0 to ln 2"),
    Distance(
        key="kl_center_to_neighbor",
        name="KL at the prompt's end",
        unit="nats, center to neighbor",
        absent=INFINITE,
    ),
    Distance(
        key="kl_neighbor_to_center",
        name="KL back at the prompt's end",
        unit="nats, neighbor to center",
        absent=INFINITE,
    ),
    Distance(key="hidden_last", name="hidden state distance, last layer", unit="relative, 0 to 2"),
    Distance(key="hidden_cosine", name="hidden state cosine distance", unit="1 - cosine, 0 to 2"),
)
ALONG = (
    Distance(key="forced_js", name="JS along the center's output", unit="nats per step, mean"),
    Distance(key="forced_js_back", name="JS along the neighbor's output", unit="nats per step"),
    Distance(key="forced_gap", name="logit distance along the center's output", unit="logits, RMS"),
    Distance(
        key="forced_flips", name="steps that would flip, center's output", unit="share, 0 to 1"
    ),
)


def beside(whole: Whole, lengths: Sequence[int]) -> Iterator[Measurement]:
    """Yield what stands beside the judged measurement; ``lengths`` are the shorter horizons."""
    pairs, rungs = whole.pairs, whole.rungs
    for length in lengths if whole.usable != "answer" else ():
        yield mean_over(_at(whole, length), pairs, rungs)
    for metric in NAMES:
        if metric not in {whole.metric, "answer"}:
            yield mean_over(whole.distance(metric), pairs, rungs)
    yield _response(whole)
    if whole.usable != "answer":
        yield mean_over(_from_the_answer(whole), pairs, rungs)
    yield from (whole.scaffold.usable, whole.scaffold.scaffold)
    yield from repetition(whole.observed, rungs)
    yield share_over("share of outputs changed", pairs, rungs, "token_edit")
    yield share_over("share of first tokens flipped", pairs, rungs, "top1_flip")
    yield from (mean_over(distance, pairs, rungs) for distance in AT_END)
    if any(o.forced for o in whole.observed):
        yield from (mean_over(distance, pairs, rungs) for distance in ALONG)
    followed = {neighbor for o in whole.observed for neighbor in o.forced}
    yield from branch_counts(judged(pairs, rungs), followed=followed)
    yield from branch_scores(whole.observed, rungs)
    both = boundary(whole.observed, rungs, floor=_rounding(whole.observed))
    yield from (both.density, both.stretching, both.correlation)


def _response(whole: Whole) -> Measurement:
    return responsiveness(
        whole.pairs,
        whole.usable,
        unit=UNITS[whole.usable],
        floors=whole.judged_floors,
        absent=whole.absent if whole.usable != whole.metric else "",
    )


def _from_the_answer(whole: Whole) -> Distance:
    """Return the distance from the start of the answers on, where both have one."""
    return Distance(
        key=f"aligned_{whole.usable}",
        name=f"{NAMES[whole.usable]} {FROM_THE_ANSWER}",
        unit=UNITS[whole.usable],
        absent="their answers cannot be aligned",
        noisy=any(whole.judged_floors.values()),
    )


def _at(whole: Whole, length: int) -> Distance:
    key = f"{whole.usable}@{length}"
    return Distance(
        key=key,
        name=f"{NAMES[whole.usable]} at {length} tokens",
        unit=UNITS[whole.usable],
        floors=whole.floors.get(key, {}),
    )


def curves(whole: Whole) -> Iterator[Curve]:
    """Yield the curves and clouds of a neighborhood."""
    if whole.usable != "answer":
        yield from by_horizon(whole.pairs, whole.rungs, whole.usable, whole.read, whole.floors)
    yield from by_layer(whole.observed, whole.rungs)
    points = stability_against_responsiveness(
        whole.pairs,
        whole.usable,
        whole.rungs,
        unit=UNITS[whole.usable],
        floors=whole.judged_floors,
    )
    if points is not None:
        yield points
    yield from margin_traces(whole.observed, whole.rungs)
    for by in ("confidence", "js"):
        cloud = dissociation(
            whole.observed,
            whole.pairs,
            whole.usable,
            whole.rungs,
            by=by,
            y_label=NAMES[whole.usable],
        )
        if cloud is not None:
            yield cloud


def _rounding(observed: Sequence[Observed]) -> float:
    """Return the divergence that is rounding: what identical prompts showed, float32's at least."""
    return max(JS_FLOOR, float(identical_js(observed).max(initial=0.0)))


def identical_js(observed: Sequence[Observed]) -> NDArray[np.float64]:
    """Return the divergences per step that the identical controls showed, in nats."""
    noise = [
        o.forced[n.id][0].js
        for o in observed
        for n in o.neighborhood.neighbors
        if n.rung == "identical" and n.id in o.forced
    ]
    return np.concatenate(noise) if noise else np.zeros(0)
