"""Scaffolds: preambles that are the same whatever is asked fake stability."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.measure.alignment import MARKERS, aligned, shared_preamble, without_end
from pytest_promptchaos.measure.boundary import effective
from pytest_promptchaos.measure.clustered import by_prompt, mean_measurement, wilson_measurement
from pytest_promptchaos.records import Control

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_promptchaos.measure.alignment import Alignment, Marker
    from pytest_promptchaos.measure.pairs import Observed
    from pytest_promptchaos.records import Measurement, Rung

SCAFFOLD = "scaffold"
"""The name of the control."""
MASKING_SHARE = 0.5
"""Above this share of the output the preamble outweighs the answer in a distance of whole outputs,
and the distance from the answer on is what counts."""
MANNER = 8
"""A shorter opening in common ("The answer is") is a manner of speaking: it masks only what is
as short, and then the meaning-changing edit says whether the metric still sees an answer."""
LEAST_USABLE = 0.5
"""Below this share of usable pairs those that are left are a selection, not the neighborhood."""


@dataclass(frozen=True, kw_only=True)
class ScaffoldMeasurement:
    """Every pair aligned, by neighbor id, with the share of usable pairs and of scaffold.

    ``prompts`` says of every neighbor id whose neighbor it is.
    """

    alignments: Mapping[str, Alignment]
    prompts: Mapping[str, str]
    usable: Measurement
    scaffold: Measurement
    control: Control

    def mean(self, name: str, unit: str, distances: Mapping[str, float]) -> Measurement:
        """Return the mean of a distance over the usable pairs, clustered by prompt.

        ``distances`` maps a neighbor's id to the distance of its aligned answers.
        """
        kept = [neighbor for neighbor, pair in self.alignments.items() if pair.usable]
        groups = by_prompt((self.prompts[neighbor], distances[neighbor]) for neighbor in kept)
        asked, absent = len(self.alignments), "no pair is usable"
        return mean_measurement(name, unit, groups, asked=asked, absent=absent)


def scaffold(
    observed: Sequence[Observed],
    rungs: Sequence[Rung],
    *,
    horizon: int | None = None,
    markers: Sequence[Marker] = MARKERS,
) -> ScaffoldMeasurement:
    """Return the pairs on ``rungs`` aligned to their answers, with the guard on scaffolds.

    ``horizon`` cuts every output to as many tokens before it is aligned. The preamble of a prompt
    is what its answer shares with those to its meaning-changing edits, or, without any, with
    those to the other prompts.
    """
    alignments: dict[str, Alignment] = {}
    prompts: dict[str, str] = {}
    preambles: dict[str, float] = {}
    for o in observed:
        center = o.center.tokens[:horizon]
        different = [without_end(tokens) for tokens in (center, *_elsewhere(o, observed, horizon))]
        preamble = shared_preamble(different)
        if any(tokens != different[0] for tokens in different):
            counted = preamble if preamble >= MANNER else 0
            preambles[o.center.prompt.id] = counted / max(len(different[0]), 1)
        for neighbor, tokens in _tokens(o, rungs, horizon).items():
            prompts[neighbor] = o.center.prompt.id
            alignments[neighbor] = aligned(center, tokens, preamble=preamble, markers=markers)
    usable = sum(pair.usable for pair in alignments.values())
    return ScaffoldMeasurement(
        alignments=alignments,
        prompts=prompts,
        usable=wilson_measurement(
            "share of pairs whose answers can be aligned", usable, len(alignments), absent=_NOTHING
        ),
        scaffold=mean_measurement(
            "share of output before the answer",
            "share of tokens, 0 to 1",
            by_prompt((prompts[neighbor], pair.scaffold) for neighbor, pair in alignments.items()),
            asked=len(alignments),
            absent=_NOTHING,
        ),
        control=scaffold_control(preambles, list(alignments.values())),
    )


def scaffold_control(preambles: Mapping[str, float], pairs: Sequence[Alignment]) -> Control:
    """Return whether answers were compared, and not what stands before every answer.

    ``preambles`` maps a prompt's id to the share of its output that answers to different requests
    have in common, which is 0 for one under ``MANNER`` tokens; a prompt whose answers to them are
    all equal has none. Fails where fewer than ``LEAST_USABLE`` of the pairs can be compared from
    the start of the answer: a thought that never ends, or answers cut behind the preamble. A
    fixed format is no mask: where its mean share, the control's value, is more than
    ``MASKING_SHARE``, the words say that the distance of whole outputs is diluted. A thought of
    its own for every request is no shared preamble, however long it is.
    """
    usable = sum(pair.usable for pair in pairs)
    lost = Counter(pair.reason for pair in pairs if not pair.usable)
    told = f"{usable} of {len(pairs)} pairs can be compared from the start of the answer"
    told += "".join(f"; {count}x {reason}" for reason, count in lost.most_common())
    taken = float(np.mean(list(preambles.values()))) if preambles else None
    masked = usable < LEAST_USABLE * len(pairs)
    absent = taken is None or not pairs
    mask = f": scaffold-masked (at least {LEAST_USABLE:.0%} must be)" if masked else ""
    return Control(
        name=SCAFFOLD,
        role="gate",
        state="failed" if masked else "absent" if absent else "held",
        words=f"{_taken(taken)}; {told}{mask}",
        value=taken,
    )


def _taken(share: float | None) -> str:
    """Return in words how much of the output stands before every answer."""
    if share is None:
        return "no two different requests have different outputs, so no preamble shows"
    shared = f"{share:.0%} of the output is the same whatever is asked"
    if share <= MASKING_SHARE:
        return shared
    return (
        f"{shared}, more than {MASKING_SHARE:.0%}, which dilutes the distance of whole outputs: "
        "the one from the answer on counts"
    )


_NOTHING = "no effective neighbor"


def _tokens(
    observed: Observed, rungs: Sequence[Rung], horizon: int | None
) -> dict[str, tuple[str, ...]]:
    """Return the output tokens of the effective neighbors on ``rungs``, by neighbor id."""
    return {n.id: run.tokens[:horizon] for n, run in effective(observed, rungs)}


def _elsewhere(
    observed: Observed, everything: Sequence[Observed], horizon: int | None
) -> list[tuple[str, ...]]:
    """Return the outputs for requests other than the center's."""
    changed = list(_tokens(observed, ("positive_control",), horizon).values())
    return changed or [o.center.tokens[:horizon] for o in everything if o is not observed]
