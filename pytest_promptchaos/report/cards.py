"""Branch cards as a reader sees them: why two outputs part, from the edit to the layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_promptchaos.report.futures import future_rows, futures_words
from pytest_promptchaos.report.legible import plural, spelled, token_spelled
from pytest_promptchaos.report.rescue import rescue_table
from pytest_promptchaos.report.sidebyside import QUOTED, branch_words, side_by_side
from pytest_promptchaos.report.trace import trace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_promptchaos.records import Branch, BranchCard, BranchKind, Candidate, Pair, Verdict
    from pytest_promptchaos.report.futures import FutureRow
    from pytest_promptchaos.report.rescue import RescueTable
    from pytest_promptchaos.report.sidebyside import SideBySide
    from pytest_promptchaos.report.trace import Trace

KINDS: Mapping[BranchKind, str] = {
    "immediate": "the first token already differs",
    "low margin": "at least one of the choices was close: a small push decides it",
    "high-confidence switch": "each was sure of its own token",
    "silent": "the choices were prepared differently before any token differed",
    "delayed": "the outputs share a beginning, and no other kind fits",
}
"""What each kind of branch means, for somebody who reads the word for the first time."""
SHORTEST = 4
"""Per cent: the bar of the lowest candidate, so that it is seen."""


@dataclass(frozen=True, kw_only=True)
class CandidateRow:
    """A token that could have come next: its logit, its bar in per cent, and who took it."""

    token: str
    logit: float
    width: float
    taken: str


@dataclass(frozen=True, kw_only=True)
class CardView:
    """A branch card with everything that its words, bars and tables need."""

    card: BranchCard
    pair: Pair | None
    beside: SideBySide | None
    branch: str
    kinds: tuple[tuple[str, str], ...]
    lead: str
    smallest: str
    candidates: tuple[tuple[str, tuple[CandidateRow, ...]], ...]
    trace: Trace | None
    futures: tuple[FutureRow, ...]
    futures_words: str
    rescue: tuple[RescueTable, ...]


def card_views(verdict: Verdict, characters: int, most: int) -> tuple[CardView, ...]:
    """Return the verdict's first ``most`` cards, the one of its worst neighbor first."""
    ranked = sorted(verdict.cards, key=lambda card: card.neighbor_id != verdict.worst)
    pairs = {(pair.prompt_id, pair.neighbor_id): pair for pair in verdict.pairs}
    return tuple(
        _view(card, pairs.get((card.prompt_id, card.neighbor_id)), characters)
        for card in ranked[:most]
    )


def uncarded(pairs: Sequence[Pair], views: Sequence[CardView]) -> list[Pair]:
    """Return the pairs that no card tells about."""
    told = {(one.card.prompt_id, one.card.neighbor_id) for one in views}
    return [pair for pair in pairs if (pair.prompt_id, pair.neighbor_id) not in told]


def _view(card: BranchCard, pair: Pair | None, characters: int) -> CardView:
    return CardView(
        card=card,
        pair=pair,
        beside=side_by_side(pair, characters) if pair else None,
        branch=branch_words(card.branch),
        kinds=tuple((kind, KINDS[kind]) for kind in card.branch.kinds),
        lead=_lead_words(card.branch),
        smallest=spelled(card.smallest_text),
        candidates=_candidates(card.branch),
        trace=trace(card),
        futures=future_rows(card, characters // 2),
        futures_words=futures_words(card),
        rescue=tuple(map(rescue_table, card.rescue)),
    )


def _lead_words(branch: Branch) -> str:
    """Return how long before the visible branch the distributions were apart, and what came of it.

    Only what is known is said: without kinds nobody looked for a silent divergence.
    """
    after = "The outputs stay apart." if branch.persistent else "The outputs stay close."
    if branch.silent_at is None:
        return after if branch.kinds else ""
    ahead = plural(branch.lead or 0, "token")
    return (
        f"The two distributions were apart from token {branch.silent_at + 1} on, {ahead} before "
        f"it showed. {after}"
    )


def _candidates(branch: Branch) -> tuple[tuple[str, tuple[CandidateRow, ...]], ...]:
    """Return both lists of candidates, their bars on one scale."""
    lists = {"center": branch.candidates_a, "neighbor": branch.candidates_b}
    logits = [one.logit for each in lists.values() for one in each]
    if not logits:
        return ()
    low, high = min(logits), max(logits)
    return tuple(
        (whose, tuple(_candidate(one, branch, low, high) for one in each))
        for whose, each in lists.items()
        if each
    )


def _candidate(one: Candidate, branch: Branch, low: float, high: float) -> CandidateRow:
    share = (one.logit - low) / ((high - low) or 1.0)
    takers = {"center": branch.token_a, "neighbor": branch.token_b}
    taken = [whose for whose, token in takers.items() if token == one.token]
    return CandidateRow(
        token=token_spelled(one.token)[:QUOTED],
        logit=one.logit,
        width=round(SHORTEST + (100 - SHORTEST) * share, 1),
        taken=taken[0] if taken else "",
    )
