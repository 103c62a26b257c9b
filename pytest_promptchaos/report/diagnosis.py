"""What a verdict's diagnosis means, in the words of somebody who never heard of it."""

from __future__ import annotations

from collections import Counter
from textwrap import dedent, indent
from typing import TYPE_CHECKING

from pytest_promptchaos.records import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_promptchaos.records import Diagnosis, Verdict

MEANINGS: Mapping[Diagnosis, str] = {
    "robust": "small edits hardly move the answers, and a changed meaning does",
    "sensitive": "small edits that change no meaning move the answers",
    "collapsed": "the outputs stay alike whatever is asked, or repeat themselves, so that staying "
    "alike says nothing",
    "scaffold-masked": "most of what is compared is written whatever is asked, which hides how "
    "far the answers behind it differ",
    "blind": "answers to other requests differ, and the metric does not see it, so that it proves "
    "nothing",
    "noise": "the same prompt, asked twice, moves the answer as far as an edit may",
    "undecided": "the evidence leaves open which of the other diagnoses holds",
}
"""One sentence per diagnosis; none of them needs another."""
UNEXPECTED = "the limit no longer shows a failure: move it, or drop expect: failed"
"""What to do where a failure was expected and none came."""


def diagnosis(verdict: Verdict) -> Diagnosis | None:
    """Return the diagnosis that a reader is told, or nothing.

    An invalid verdict is no evidence, and so cannot leave a diagnosis open: what voids it is told.
    """
    voided = verdict.outcome is Outcome.INVALID and verdict.diagnosis == "undecided"
    return None if voided else verdict.diagnosis


def failed_controls(verdict: Verdict) -> str:
    """Return the names of the controls that failed; empty where none did."""
    return ", ".join(one.name for one in verdict.controls if one.state == "failed")


def meaning(diagnosis: Diagnosis | None) -> str:
    """Return what the diagnosis means; empty where there is none."""
    return "" if diagnosis is None else MEANINGS[diagnosis]


def diagnosis_line(diagnosis: Diagnosis | None) -> str:
    """Return the diagnosis with its meaning in one line; empty where there is none.

    >>> diagnosis_line("robust")
    'robust: small edits hardly move the answers, and a changed meaning does'
    """
    return "" if diagnosis is None else f"{diagnosis}: {MEANINGS[diagnosis]}"


def diagnoses_words(verdicts: Iterable[Verdict]) -> str:
    """Return how often each diagnosis was made, such as ``"2 robust, 1 collapsed"``."""
    counts = Counter(map(diagnosis, verdicts))
    return ", ".join(f"{counts[name]} {name}" for name in MEANINGS if counts[name])


def unexpected(verdict: Verdict) -> bool:
    """Return whether a failure was expected, and the verdict passed."""
    return verdict.expect == "failed" and verdict.outcome is Outcome.PASSED


def explained(verdict: Verdict) -> str:
    """Return the explanation; of an unexpected pass it ends with what to do about that."""
    if not unexpected(verdict):
        return verdict.explanation
    told = verdict.explanation.strip().rpartition("\n\nnext:\n")
    return f"{told[0] or told[2]}\n\nnext:\n{indent(UNEXPECTED, '  ')}"


def next_step(verdict: Verdict) -> str:
    """Return what to do next: the last paragraph of the explanation, if it has several."""
    if unexpected(verdict):
        return UNEXPECTED
    paragraphs = verdict.explanation.strip().split("\n\n")
    if len(paragraphs) == 1:
        return ""
    return dedent(paragraphs[-1].removeprefix("next:\n"))
