"""Conversations and the embeddings of their turns -> collapse, with every guard beside it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_promptchaos.measure.collapsed import Tally, named
from pytest_promptchaos.measure.detector import Thresholds
from pytest_promptchaos.measure.lexical import Wording
from pytest_promptchaos.measure.sameness import SHUFFLES, mix, sameness_controls
from pytest_promptchaos.measure.survival import recollapse_curves, survival_curves
from pytest_promptchaos.measure.sweep import sweep_curves
from pytest_promptchaos.measure.timelines import Detectors, with_texts
from pytest_promptchaos.records import Control

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeAlias

    from pytest_promptchaos.measure.detector import Drift
    from pytest_promptchaos.measure.sameness import Judged, Vectors
    from pytest_promptchaos.records import Censor, Conversation, Curve, Measurement, Timeline

    Growth: TypeAlias = Mapping[str, tuple[tuple[int, float], ...]]

SHOWN = 3
"""Conversations whose texts are kept: the most collapsed first."""
SILENT = 0.5
"""Above this share of empty turns nothing was said that could collapse."""


@dataclass(frozen=True, kw_only=True)
class Collapse:
    """What was found in conversations: what is judged, everything beside it, and the guards."""

    measurement: Measurement
    also: tuple[Measurement, ...]
    timelines: tuple[Timeline, ...]
    curves: tuple[Curve, ...]
    controls: tuple[Control, ...]


def collapse(
    conversations: Sequence[Conversation],
    vectors: Vectors,
    *,
    drift: Drift = "matching",
    censor: Censor = "after",
    of: Judged = "incidence",
    thresholds: Thresholds | None = None,
    wording: Wording | None = None,
    truncated: Mapping[str, Sequence[bool]] | None = None,
    growth: Growth | None = None,
    claimed: bool = False,
    shown: int = SHOWN,
    shuffles: int = SHUFFLES,
    seed: int = 0,
) -> Collapse:
    """Return how conversations collapse: incidence or rate to judge, and the rest beside it.

    ``vectors`` maps the id of a conversation to the embeddings of its turns, shape (T, d);
    ``truncated`` to flags of the turns that are longer than the embedder reads, ``growth`` to
    (turn, lambda_1). ``drift`` is the judged reading of the drift clause, and the other stands
    beside it; ``claimed`` says that collapse is what is to be shown (``at_least``), so that
    sameness of all conversations must not show it. ``shown`` conversations keep their texts.

    Raises ``ValueError`` where there is no conversation, where two have one id, and where the
    vectors are not one per turn.
    """
    _matched(conversations, vectors)
    detectors = Detectors(
        drift=drift, thresholds=thresholds or Thresholds(), wording=wording or Wording()
    )
    tally = Tally(earliest=detectors.thresholds.earliest, censor=censor)
    lines = [
        detectors.timeline(one, vectors[one.id], (growth or {}).get(one.id, ()))
        for one in conversations
    ]
    incidence, rate, *others = tally.every(lines)
    judged, beside = (rate, incidence) if of == "rate" else (incidence, rate)
    mixed = mix(conversations, vectors, detectors, shuffles=shuffles, seed=seed)
    return Collapse(
        measurement=judged,
        also=(beside, *others, *_otherwise(lines, tally, detectors.other), *_lexical(lines, tally)),
        timelines=with_texts(lines, conversations, shown),
        curves=(
            *survival_curves(lines, tally.earliest),
            *recollapse_curves(lines),
            *sweep_curves(lines, detectors.thresholds, drift),
        ),
        controls=(
            context_control(conversations),
            *sameness_controls(mixed, judged.value, of=of, claimed=claimed),
            silence_control(conversations),
            truncation_control(conversations, truncated),
        ),
    )


def _matched(conversations: Sequence[Conversation], vectors: Vectors) -> None:
    if not conversations:
        raise ValueError("no conversation: there is nothing to measure collapse in")
    ids = [one.id for one in conversations]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise ValueError(f"two conversations have the id {twice[0]!r}: give each repeat a number")
    for one in conversations:
        rows = len(vectors[one.id]) if one.id in vectors else None
        if rows != len(one.turns):
            raise ValueError(
                f"conversation {one.id!r} has {len(one.turns)} turns and "
                f"{'no' if rows is None else rows} embeddings: pass one per turn"
            )


def _otherwise(
    timelines: Sequence[Timeline], tally: Tally, other: Drift
) -> tuple[Measurement, ...]:
    """Return the same six under the other reading of the drift clause."""
    lines = [replace(one, collapsed=one.otherwise) for one in timelines]
    return tuple(named(tally.every(lines), f", drift={other}"))


def _lexical(timelines: Sequence[Timeline], tally: Tally) -> tuple[Measurement, ...]:
    """Return incidence and rate as the words say."""
    lines = [replace(one, collapsed=one.lexical) for one in timelines]
    return tuple(
        replace(one, name=f"lexical_{one.name}")
        for one in (tally.incidence(lines), tally.rate(lines))
    )


# -- controls -----------------------------------------------------------------------------------


def context_control(conversations: Sequence[Conversation]) -> Control:
    """Return whether every conversation went as far as it was asked to.

    One that stopped early had less time to collapse, and those that say much stop first, so that
    neither leaving it out nor counting it as it is would be fair.
    """
    short = [one for one in conversations if one.stopped or len(one.turns) < one.asked]
    every = len(conversations)
    told = f"all {every} conversations have" if every > 1 else "the only conversation has"
    told = f"{told} the turns that were asked"
    if short:
        why = short[0].stopped or f"{len(short[0].turns)} of {short[0].asked} turns"
        which = f"{len(short)} of {every} conversations stopped early, the first of them"
        which = which if every > 1 else "the only conversation stopped early"
        fitting = min(len(one.turns) for one in conversations)
        told = f"{which}, {short[0].id}: {why}; every conversation has {fitting} turns or more"
    return Control(
        name="context",
        role="gate",
        state="failed" if short else "held",
        words=told,
        value=len(short) / every,
    )


def silence_control(conversations: Sequence[Conversation]) -> Control:
    """Return how many turns are empty; it fails where most of them are.

    Empty texts are all alike, so silence is called collapse: it is one, but not a loop of words.
    """
    texts = [turn.text for one in conversations for turn in one.turns]
    empty = sum(not text.strip() for text in texts)
    most = empty > SILENT * len(texts) or not texts
    told = f"{empty} of {len(texts)} turns are empty"
    return Control(
        name="silent turns",
        role="gate" if most else "note",
        state="failed" if most else "held",
        words=f"{told}: what is measured is silence" if most else told,
        value=empty / len(texts) if texts else 1.0,
    )


def truncation_control(
    conversations: Sequence[Conversation], truncated: Mapping[str, Sequence[bool]] | None
) -> Control:
    """Return how many turns the embedder cut short; of such a turn it compares the beginning."""
    if truncated is None:
        told = "not told which turns are longer than the embedder reads"
        return Control(name="truncated turns", role="note", state="absent", words=told)
    flags = [flag for one in conversations for flag in truncated[one.id]]
    told = f"{sum(flags)} of {len(flags)} turns are longer than the embedder reads"
    return Control(
        name="truncated turns",
        role="note",
        state="held",
        words=told,
        value=sum(flags) / len(flags) if flags else 0.0,
    )
