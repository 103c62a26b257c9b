"""A pair becomes two outputs side by side, the first divergent token marked in both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from pytest_promptchaos.report.legible import legible, shortened, spelled, token_spelled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.records import Branch, Pair, Verdict

ENDED = "(cut at the horizon)"
"""An end of sequence is a token of its own, so only the horizon leaves nothing to mark."""
QUOTED = 40
AGAIN = 3
"""Tokens in a row that both outputs have behind the branch; fewer are shared by chance."""
ALIGNED = 600
"""Tokens of an output that are aligned behind the branch: the time grows with their square."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A stretch of text behind the branch; ``again`` says that both outputs have it."""

    text: str
    again: bool


@dataclass(frozen=True, kw_only=True)
class Excerpt:
    """One output around the branch. ``skipped`` and ``cut`` count characters left out.

    ``shared`` is what both outputs have in common, ``token`` the first that differs (empty where
    the outputs are the same), ``rest`` what follows it, ``margin`` how sure the choice was.
    ``pieces`` are ``rest`` cut where both outputs meet again and part again.
    """

    skipped: int
    shared: str
    token: str
    rest: str
    cut: int
    margin: str = ""
    pieces: tuple[Piece, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SideBySide:
    """Both prompts and both outputs of a pair, cut to what a reader can compare."""

    pair: Pair
    center_prompt: str
    neighbor_prompt: str
    center: Excerpt
    neighbor: Excerpt
    branch: str


def side_by_side(pair: Pair, characters: int) -> SideBySide:
    """Return the pair's texts, each part cut to about ``characters``, with the branch in words."""
    center, neighbor = _pieces(pair)
    step = _first_difference(pair, center, neighbor)
    branch = pair.branch
    ours = excerpt(center, step, characters, branch.margin_a if branch else None)
    theirs = excerpt(neighbor, step, characters, branch.margin_b if branch else None)
    blocks = _shared_again(pair, step)
    return SideBySide(
        pair=pair,
        center_prompt=shortened(spelled(pair.center_text), characters),
        neighbor_prompt=shortened(spelled(pair.neighbor_text), characters),
        center=_aligned(ours, center, step, [(a, size) for a, _, size in blocks]),
        neighbor=_aligned(theirs, neighbor, step, [(b, size) for _, b, size in blocks]),
        branch=branch_words(branch) if branch else _unbranched_words(step),
    )


def _shared_again(pair: Pair, step: int | None) -> list[tuple[int, int, int]]:
    """Return where tokens behind the branch are in both outputs: two places and a length each."""
    if step is None or not (pair.tokens_a and pair.tokens_b):
        return []
    ours, theirs = (tokens[step + 1 :][:ALIGNED] for tokens in (pair.tokens_a, pair.tokens_b))
    blocks = SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()
    return [(one.a, one.b, one.size) for one in blocks if one.size >= AGAIN]


def _aligned(
    seen: Excerpt, pieces: Sequence[str], step: int | None, blocks: Sequence[tuple[int, int]]
) -> Excerpt:
    """Return the excerpt with what follows the branch in pieces, none longer than is shown."""
    tokens = () if step is None else pieces[step + 1 :]
    found: list[Piece] = []
    at, room = 0, len(seen.rest)
    for start, size in (*blocks, (len(tokens), 0)):
        for text, again in ((tokens[at:start], False), (tokens[start : start + size], True)):
            shown = legible("".join(text))[:room]
            room -= len(shown)
            found += [Piece(text=shown, again=again)] if shown else []
        at = start + size
    return replace(seen, pieces=tuple(found) if step is not None else _whole(seen.rest))


def _whole(rest: str) -> tuple[Piece, ...]:
    return (Piece(text=rest, again=False),) if rest else ()


def branch_words(branch: Branch) -> str:
    """Return where the outputs part, what each chose there, and by which margin."""
    ours = _chosen_words(branch.token_a, branch.margin_a)
    theirs = _chosen_words(branch.token_b, branch.margin_b)
    return f"The outputs part at token {branch.step + 1}: {ours} against {theirs}."


def _chosen_words(token: str, margin: float) -> str:
    return f"\u201c{shortened(token_spelled(token), QUOTED)}\u201d (margin {margin:.2f} logits)"


def _unbranched_words(step: int | None) -> str:
    if step is None:
        return "Both outputs are the same."
    return "The outputs part at the marks; no margins were recorded there."


def difference_words(pair: Pair) -> str:
    """Return where the outputs first differ, such as ``"token 6"``; ``"none"`` where nowhere.

    Where no tokens were recorded, characters are counted.
    """
    center, neighbor = _pieces(pair)
    if not (neighbor or pair.distances):
        return "not run"
    step = _first_difference(pair, center, neighbor)
    if step is None:
        return "none"
    return f"{'token' if pair.tokens_a and pair.tokens_b else 'character'} {step + 1}"


def _pieces(pair: Pair) -> tuple[Sequence[str], Sequence[str]]:
    # An endpoint may report no tokens: its text is then compared character by character.
    if pair.tokens_a and pair.tokens_b:
        return pair.tokens_a, pair.tokens_b
    return pair.output_a, pair.output_b


def _first_difference(pair: Pair, center: Sequence[str], neighbor: Sequence[str]) -> int | None:
    if pair.branch and pair.tokens_a and pair.tokens_b:
        return pair.branch.step
    for step, (ours, theirs) in enumerate(zip(center, neighbor, strict=False)):
        if ours != theirs:
            return step
    return None if len(center) == len(neighbor) else min(len(center), len(neighbor))


def excerpt(
    pieces: Sequence[str], step: int | None, characters: int, margin: float | None = None
) -> Excerpt:
    """Return an output around its token at ``step``, about ``characters`` of it."""
    if step is None:
        step, mark = 0, ""
        shared, rest = "", legible("".join(pieces))
    else:
        inside = step < len(pieces)
        mark = shortened(token_spelled(pieces[step]), characters) if inside else ENDED
        shared, rest = legible("".join(pieces[:step])), legible("".join(pieces[step + 1 :]))
    skipped = max(0, len(shared) - characters // 2)
    return Excerpt(
        skipped=skipped,
        shared=shared[skipped:],
        token=mark,
        rest=rest[:characters],
        cut=max(0, len(rest) - characters),
        margin="" if margin is None else f"token {step + 1}, margin {margin:.2f} logits",
    )


def compared_pairs(verdict: Verdict) -> list[Pair]:
    """Return the pairs with two different outputs, the one that shows the number best first."""
    compared = [pair for pair in verdict.pairs if pair.tokens_b or pair.output_b]
    changed = [pair for pair in compared if pair.branch or pair.output_a != pair.output_b]
    return sorted(changed, key=lambda pair: pair.neighbor_id != verdict.worst)
