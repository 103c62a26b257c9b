"""Timelines and labels -> how far what a detector says can be relied on.

It travels along with every number that rests on a detector, whether or not anybody knows it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from pytest_promptchaos.label_files import Labels, read_labels, some, written
from pytest_promptchaos.measure.agreement import agreement
from pytest_promptchaos.measure.timelines import both_detectors
from pytest_promptchaos.raters import agreements_of
from pytest_promptchaos.records import Control

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_promptchaos.label_files import Thing
    from pytest_promptchaos.records import Agreement, Measurement, Timeline

LabelsAsked: TypeAlias = "str | Path | Sequence[str | Path] | Labels | None"
"""Labels that are read already, the file that holds them, or several."""
RELIABILITY = "detector reliability"
"""The name of the control."""


def labels_of(asked: LabelsAsked) -> Labels | None:
    """Return the labels that were asked for; raise ``TableError`` for what cannot be read."""
    if asked is None or isinstance(asked, Labels):
        return asked
    return read_labels(*([asked] if isinstance(asked, str | Path) else asked))


def reliability_of(
    timelines: Sequence[Timeline], labels: Labels | None
) -> tuple[tuple[Agreement, ...], Control]:
    """Return how the detectors agree with labels and with each other, and the note that says it.

    The note is ``absent`` where there are no labels, and where none of them is of a conversation
    here: then nobody knows how often the detector is right.
    """
    held = agreements_of(labels, timelines) if labels is not None else ()
    return (*held, *_of_two_detectors(timelines)), _note(held, timelines, labels)


def _of_two_detectors(timelines: Sequence[Timeline]) -> tuple[Agreement, Agreement]:
    embedded, lexical = both_detectors(timelines)
    whole = ([bool(t.first) for t in timelines], [any(t.lexical) for t in timelines])
    seeds = [timeline.seed_id for timeline in timelines]
    of_turns = [t.seed_id for t in timelines for _ in both_detectors([t])[0]]
    names = ("embedding detector", "lexical detector")
    return (
        agreement("two detectors", *names, *whole, clusters=seeds),
        agreement("two detectors", *names, embedded, lexical, clusters=of_turns, things="turns"),
    )


def _note(
    agreements: Sequence[Agreement], timelines: Sequence[Timeline], labels: Labels | None
) -> Control:
    if labels is None:
        told = "no labels were given, so nobody knows how often the detector is right: pass labels="
        return Control(name=RELIABILITY, role="note", state="absent", words=told)
    every = list(dict.fromkeys(label.thing for label in labels.labels))
    alone = _without_conversation(every, timelines)
    if len(alone) == len(every):
        told = f"{_matching_nothing(alone, timelines)}, so nobody knows how often it is right"
        words = "; ".join((told, *_unread(labels)))
        return Control(name=RELIABILITY, role="note", state="absent", words=words)
    parts = [_said(one) for one in agreements if one.kind == "detector and labels"]
    parts += [*_unmatched(every, alone), *_unread(labels)]
    return Control(name=RELIABILITY, role="note", state="held", words="; ".join(parts))


def _unmatched(every: Sequence[Thing], alone: Sequence[Thing]) -> Iterator[str]:
    """Yield how many of the labeled things are here, and which are not."""
    if not alone:
        yield f"all {len(every):,} labeled are among these"
        return
    told = some([written(thing) for thing in alone])
    yield f"{len(alone):,} of {len(every):,} labeled are not among these ({told})"


def _unread(labels: Labels) -> Iterator[str]:
    """Yield how many labels say neither yes nor no."""
    if labels.unreadable:
        yield f"{len(labels.unreadable):,} of {labels.read:,} labels cannot be read " + (
            f"({some(labels.unreadable)})"
        )


def _said(one: Agreement) -> str:
    if not one.n:
        return f"{one.second} labels none of these"
    # Kappa alone misleads where nearly everything is free: what tells so goes with it.
    beside = (
        f"raw agreement {_valued(one.raw, '.1%')}, PABAK {_valued(one.pabak)}, "
        f"AC1 {_valued(one.ac1)}, on collapsed {_valued(one.positive)}, "
        f"on free {_valued(one.negative)}, {_valued(one.prevalence, '.1%')} collapsed"
    )
    over = " ".join(one.words.split()[:2])  # "40 turns": its words begin so
    return f"kappa {_valued(one.kappa)} with {one.second} over {over} ({beside})"


def _valued(coefficient: Measurement, form: str = ".3f") -> str:
    return "absent" if coefficient.value is None else format(coefficient.value, form)


def _without_conversation(things: Sequence[Thing], timelines: Sequence[Timeline]) -> list[Thing]:
    """Return the labeled things that are no conversation here, and no turn of one."""
    turns = {(one.condition, one.seed_id, one.repeat): one.turns for one in timelines}
    return [
        thing
        for thing in things
        # A whole conversation needs one turn to be there, as for the detector.
        if turns.get(thing[:3], 0) < (1 if thing[3] is None else thing[3])
    ]


def _matching_nothing(things: Sequence[Thing], timelines: Sequence[Timeline]) -> str:
    told = f"{len(things):,} labels match none of {len(timelines):,} conversations"
    if not timelines:
        return told
    here = timelines[0]
    one: Thing = (here.condition, here.seed_id, here.repeat, None)
    return f"{told}: the first label is of {written(things[0])}, and here there is {written(one)}"
