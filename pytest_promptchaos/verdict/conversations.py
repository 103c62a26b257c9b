"""Wording of conversations: which one collapsed most, when, and what was said there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.records import Findings, Timeline

LOOK = "read the conversations in the report; do they loop, or do all of them say the same?"
AROUND = 3
"""Turns of the loop that are shown: the one that is labelled and what it repeats."""
LONGEST = 100
"""Characters of a turn that are shown."""
FEWEST_TURNS = 5
"""As for the detector: the third of three similar turns is the first that it labels."""
SILENT = (
    "  an empty turn ends before a word: does the model have its chat template, and is it one "
    "that answers such seed prompts?"
)


def worst_conversation(timelines: Sequence[Timeline]) -> list[str]:
    """Return the most collapsed conversation as lines: its turns as a row, and its first loop.

    Empty where none collapsed.
    """
    collapsed = [one for one in timelines if one.first is not None]
    if not collapsed:
        return []
    worst = max(collapsed, key=lambda one: (bool(one.texts), one.rate))
    first = worst.first or 0
    kind = f" ({worst.bucket})" if worst.bucket else ""
    return [
        "",
        f"most collapsed: {worst.condition}, seed prompt {worst.seed_id!r}{kind}, repeat "
        f"{worst.repeat}: from turn {first} on, {sum(worst.collapsed)} of {worst.turns} turns",
        f"  turns    {row(worst.collapsed)} (# collapsed)",
        *_said(worst, first),
    ]


def mends(findings: Findings) -> list[str]:
    """Return what to change where a control of conversations failed, as lines; empty for none."""
    failed = {control.name for control in findings.controls if control.state == "failed"}
    found = []
    if "context" in failed and findings.timelines:
        found.append(_fitting(min(one.turns for one in findings.timelines)))
    if "silent turns" in failed:
        found.append(SILENT)
    return found


def _fitting(turns: int) -> str:
    """Return how to stay within the context, of which ``turns`` fitted in every conversation."""
    shorter = "a smaller horizon= leaves room for more"
    if turns < FEWEST_TURNS:
        few = f"only {turns} fitted, and turn {FEWEST_TURNS} is the first that can be labelled"
        return f"  ask for fewer tokens per turn, horizon=: {few}"
    return f"  ask for turns={turns}, which fitted in every conversation; {shorter}"


def row(collapsed: Sequence[bool]) -> str:
    """Return labels as a row of signs, one per turn.

    >>> row([False, True])
    '.#'
    """
    return "".join("#" if label else "." for label in collapsed)


def _said(timeline: Timeline, first: int) -> list[str]:
    shown = range(max(first - AROUND + 1, 1), first + 1) if timeline.texts else ()
    return [f"  turn {turn:<4} {_cut(timeline.texts[turn - 1])!r}" for turn in shown]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + "…"
