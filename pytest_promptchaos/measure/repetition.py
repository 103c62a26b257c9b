"""Collapse: outputs that repeat themselves, or that are the same whatever is asked.

A collapsed model is perfectly stable. So stability counts only beside tokens that change when the
request does, and beside outputs that say more than one thing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.measure.alignment import without_end
from pytest_promptchaos.measure.boundary import effective
from pytest_promptchaos.measure.clustered import by_prompt, mean_measurement
from pytest_promptchaos.records import Control

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from pytest_promptchaos.measure.pairs import Observed
    from pytest_promptchaos.records import Measurement, Rung

COLLAPSE = "collapse"
"""The name of the control."""
CHANGING: tuple[Rung, ...] = ("small_semantic", "positive_control")
"""Edits after which another answer is due."""
LOOP_TIMES = 4
"""A block said fewer times in a row may be style ("no, no, no")."""
LOOP_SHARE = 0.5
"""Above this share of the output the loop outweighs what is said before it."""
FEW_PAIRS = 0.3
"""Below this share of distinct word pairs each is said more than three times on average; prose of
a few hundred tokens stays above 0.8, a table or a list above 0.5."""
LEAST_TOKENS = 16
"""Shorter outputs have too few pairs of words for their share to say anything, and a shorter loop
that came to its end may be the answer."""
MOST = 0.5
"""Above this share of unchanged, or of repetitive outputs, collapse is the rule."""


def distinct_n(tokens: Sequence[Hashable], n: int) -> float:
    """Return the share of distinct n-grams among the n-grams of an output, in (0, 1].

    1 where nothing is said twice, and for outputs shorter than ``n``, which repeat nothing.
    Raises ``ValueError`` for ``n`` below 1. Source: J. Li et al., NAACL 2016,
    doi:10.18653/v1/N16-1014.

    >>> distinct_n("the the the cat".split(), 1), distinct_n("the the the cat".split(), 2)
    (0.5, 0.6666666666666666)
    """
    if n < 1:
        raise ValueError(f"n is {n}: an n-gram has at least one token")
    grams = [tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 1.0


@dataclass(frozen=True, kw_only=True)
class Repeat:
    """A block of ``period`` tokens said back to back, from token ``start`` on.

    ``length`` counts the tokens that the repetition covers, its last copy perhaps cut short, and
    ``share`` is that over the output's tokens, 0 to 1. A ``length`` of 0 is no repeat.
    """

    start: int = 0
    period: int = 0
    length: int = 0
    share: float = 0.0

    @property
    def times(self) -> float:
        """How often the block is said: at least 2, or 0 where nothing repeats."""
        return self.length / self.period if self.period else 0.0


def longest_repeat(tokens: Sequence[Hashable]) -> Repeat:
    """Return the longest stretch in which one block of tokens is said back to back.

    Formula: for every period p the longest run of ``tokens[i] == tokens[i + p]``; a run of m >= p
    covers m + p tokens, so that every repeat holds two whole copies. The shortest period wins
    among equals.

    >>> longest_repeat("so a b a b a".split())
    Repeat(start=1, period=2, length=5, share=0.8333333333333334)
    """
    names: dict[Hashable, int] = {}
    ids = np.array([names.setdefault(token, len(names)) for token in tokens], dtype=np.int64)
    best = Repeat()
    for period in range(1, len(ids) // 2 + 1):
        start, run = _longest_run(ids[:-period] == ids[period:])
        if run >= period and run + period > best.length:
            length = run + period
            best = Repeat(start=start, period=period, length=length, share=length / len(ids))
    return best


def repetitive(tokens: Sequence[str]) -> str:
    """Return why an output, given as tokens with its end token, is repetitive; else ``""``.

    A loop of fewer than ``LEAST_TOKENS`` tokens counts only where the horizon cut the output: one
    that came to its end was meant to be said ("0, 0, 0, 0").

    >>> repetitive("the the the the cat".split())
    "says 'the' 4 times in a row, 80% of the output"
    >>> repetitive("the the the the cat <end>".split())
    ''
    """
    said = without_end(tokens)
    found = longest_repeat(said)
    endless = len(said) == len(tokens) or found.length >= LEAST_TOKENS
    if endless and found.times >= LOOP_TIMES and found.share > LOOP_SHARE:
        block = "".join(said[found.start : found.start + found.period])
        return f"says {block!r} {found.times:.0f} times in a row, {found.share:.0%} of the output"
    pairs = distinct_n(said, 2)
    if len(said) >= LEAST_TOKENS and pairs < FEW_PAIRS:
        return f"only {pairs:.0%} of its pairs of tokens are distinct"
    return ""


def _longest_run(hits: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> tuple[int, int]:
    """Return the start and the length of the longest run of true values, the first of equals."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], hits.astype(np.int8), [0]))))
    starts, ends = edges[::2], edges[1::2]
    if not len(starts):
        return 0, 0
    longest = int(np.argmax(ends - starts))
    return int(starts[longest]), int(ends[longest] - starts[longest])


# -- neighborhoods ------------------------------------------------------------------------------


def repetition(
    observed: Sequence[Observed], rungs: Sequence[Rung], *, horizon: int | None = None
) -> tuple[Measurement, ...]:
    """Return distinct-1, distinct-2 and the longest repeat of the centers and their neighbors.

    Each is a mean over prompts; ``horizon`` cuts every output to as many tokens.
    """
    outputs = [
        (o.center.prompt.id, without_end(run.tokens[:horizon]))
        for o in observed
        for run in (o.center, *(run for _, run in effective(o, rungs)))
    ]
    measures: dict[str, Callable[[Sequence[str]], float]] = {
        "distinct tokens": lambda tokens: distinct_n(tokens, 1),
        "distinct pairs of tokens": lambda tokens: distinct_n(tokens, 2),
        "longest repeat": lambda tokens: longest_repeat(tokens).share,
    }
    return tuple(
        mean_measurement(
            name,
            "share of the output, 0 to 1",
            by_prompt((prompt, measure(tokens)) for prompt, tokens in outputs),
            asked=len(outputs),
            absent="no output",
            largest=1.0,
        )
        for name, measure in measures.items()
    )


def collapse_control(observed: Sequence[Observed], *, horizon: int | None = None) -> Control:
    """Return whether the model still answers: other requests other tokens, and no loops.

    Fails where more than ``MOST`` of the outputs to meaning-changing edits equal the center's
    token by token, on every rung of them that was run, or where more than ``MOST`` of the centers
    and of those outputs are repetitive. Tokens decide, not the judged metric: a metric that does
    not see a changed answer is blind, and the model is not collapsed. Its value is the share of
    meaning-changing edits that change nothing.
    """
    by_rung = {rung: _unchanged(observed, rung, horizon) for rung in CHANGING}
    run = {rung: same for rung, same in by_rung.items() if same}
    every = [unchanged for same in run.values() for unchanged in same]
    outputs = [
        run.tokens[:horizon]
        for o in observed
        for run in (o.center, *(run for _, run in effective(o, CHANGING)))
    ]
    loops = [why for why in map(repetitive, outputs) if why]
    told = f"{sum(every)} of {len(every)} meaning-changing edits leave every token as it is"
    told += f"; {len(loops)} of {len(outputs)} outputs are repetitive"
    told += f" ({loops[0]})" if loops else ""
    alike = bool(run) and all(sum(same) > MOST * len(same) for same in run.values())
    collapsed = alike or len(loops) > MOST * len(outputs)
    return Control(
        name=COLLAPSE,
        role="gate",
        state="failed" if collapsed else "held" if run else "absent",
        words=f"{told}: collapsed (more than {MOST:.0%})" if collapsed else told,
        value=sum(every) / len(every) if every else None,
    )


def _unchanged(observed: Sequence[Observed], rung: Rung, horizon: int | None) -> list[bool]:
    return [
        run.output_ids[:horizon] == o.center.output_ids[:horizon]
        for o in observed
        for _, run in effective(o, (rung,))
    ]
