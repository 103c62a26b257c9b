"""The answers to one proposition about one image as rows: what was meant, what flipped."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_promptchaos.records import contradict
from pytest_promptchaos.report.legible import one_line, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_promptchaos.records import Answer, Condition, Quadrant, Sample, Verdict

RANKS: Mapping[Quadrant | None, int] = {
    "worst": 0,
    "dangerous": 1,
    "fragile": 2,
    None: 3,
    "ideal": 4,
}
"""Of samples that do not flip, which a reader needs first."""
SHOWN: Mapping[Condition, str] = {
    "again": "Asked again",
    "removed": "With nothing shown",
    "swapped": "With another one shown",
    "perturbed": "Shown with a change that keeps its meaning",
}


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One answer: what was asked, what was said, what that means, and whether it flips."""

    question: str
    kind: str
    polarity: str
    said: str
    text: str
    rule: str
    meant: str
    margin: float | None
    mark: str
    wrong: bool


@dataclass(frozen=True, kw_only=True)
class Questioned:
    """One sample: its replies, how many flip, and what became of the answer under controls."""

    shown: str
    proposition: str
    truth: str
    flipped: int
    unclear: int
    others: int
    quadrant: Quadrant | None
    reason: str
    replies: tuple[Reply, ...]
    controls: tuple[str, ...]


def questioned(samples: Sequence[Sample], most: int) -> tuple[Questioned, ...]:
    """Return at most so many samples, those that flip most first, then those that see nothing."""
    return tuple(map(_questioned, sorted(samples, key=_rank)[:most]))


def _rank(sample: Sample) -> tuple[float, float, int]:
    """Return how far behind the worst: the share that flips, how surely it does, the quadrant."""
    found = sample.flips
    surest = max(map(_sure, found), default=0.0)
    sure = min(_sure(sample.as_is[0]), surest)
    return -len(found) / len(sample.as_is), -sure, RANKS[sample.quadrant]


def _sure(one: Answer) -> float:
    return abs(one.margin or 0.0)


def _questioned(sample: Sample) -> Questioned:
    as_is = sample.as_is
    return Questioned(
        shown=sample.shown,
        proposition=sample.proposition,
        truth={True: "holds", False: "does not hold", None: ""}[sample.truth],
        flipped=len(sample.flips),
        unclear=sum(one.affirms is None for one in as_is),
        others=len(as_is) - 1,
        quadrant=sample.quadrant,
        reason=sample.reason,
        replies=tuple(_reply(one, as_is[0], sample.truth) for one in as_is),
        controls=tuple(_controls(sample)),
    )


def _reply(one: Answer, base: Answer, truth: bool | None) -> Reply:
    return Reply(
        question=one.question,
        kind=one_line(one.kind),
        polarity="yes affirms" if one.polarity == 1 else "yes denies",
        said=one.said,
        text=one.text,
        rule=one.rule,
        meant=meant(one),
        margin=one.margin,
        mark=_mark(one, base),
        wrong=truth is not None and one.affirms is not None and one.affirms is not truth,
    )


def meant(one: Answer) -> str:
    """Return what the answer says of the proposition."""
    return {True: "affirms", False: "denies", None: "neither"}[one.affirms]


def _mark(one: Answer, base: Answer) -> str:
    if one is base:
        return "first"
    if one.affirms is None:
        return "unclear"
    return "flips" if contradict(base, one) else ""


def _controls(sample: Sample) -> Iterator[str]:
    """Yield a line per condition that was tried: how often the same phrasing was answered alike.

    What was answered otherwise is named with the change that did it.
    """
    base = {one.phrasing: one for one in sample.as_is}
    for condition, words in SHOWN.items():
        found = [one for one in sample.answers if one.condition == condition]
        if found:
            alike = [one for one in found if one.affirms == _same(one, base)]
            told = f"{len(alike)} of {plural(len(found), 'answer')} as before"
            moved = Counter(_moved(one) for one in found if one not in alike)
            yield one_line(f"{words}: {told}{'; ' if moved else ''}{', '.join(moved)}")


def _same(one: Answer, base: Mapping[str, Answer]) -> bool | None:
    asked = base.get(one.phrasing)
    return asked.affirms if asked else None


def _moved(one: Answer) -> str:
    """Return what an answer turned into, and for which phrasing or by which change."""
    about = one.kind if one.condition == "removed" else one.change or one.kind
    return f"{meant(one)} ({about})"


def contradiction(verdict: Verdict) -> tuple[Sample, Reply, Reply] | None:
    """Return the sample that contradicts itself most, its first reply, and the surest that flips.

    Nothing where no phrasing flips.
    """
    flipping = [one for one in verdict.samples if one.flips]
    if not flipping:
        return None
    worst = min(flipping, key=_rank)
    base, other = worst.as_is[0], max(worst.flips, key=_sure)
    return worst, _reply(base, base, worst.truth), _reply(other, base, worst.truth)


def contradiction_words(verdict: Verdict) -> str:
    """Return the worst sample in one line for the terminal; empty where no phrasing flips."""
    found = contradiction(verdict)
    if found is None:
        return ""
    sample, one, other = found
    both = " and ".join(f"{reply.said} to {reply.question!r}" for reply in (one, other))
    return one_line(f"{sample.shown}, {sample.proposition}: {both}")
