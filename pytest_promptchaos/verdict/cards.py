"""The short form of a branch card, for a failure message: plain lines, no wider than 100."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_promptchaos.records import Branch, BranchCard, Candidate, Future, RescueMap

WIDTH = 100
CANDIDATES = 3
NEARER = 0.25
"""A forced output follows one of two when it is at most a quarter as far from it as the other."""


def short_form(card: BranchCard) -> list[str]:
    """Return a card as lines: edit, smallest part, branch, what the forced futures did, patches.

    A forced output *follows* the center or the neighbor when it is at most a quarter as far from
    that one's output as from the other's, in token edit distance. Where both forced outputs follow
    the token they were given, the token is the branch; where both go back to what their own
    prompt says, the prompt is.
    """
    told = [f"branch of {card.prompt_id!r}: {card.edit}"]
    told += [f"  {line}" for line in (*_smallest(card), *_branch(card.branch), *_futures(card))]
    told += [f"  {line}" for one in card.rescue for line in _rescue(one)]
    told += [f"  note: {note}" for note in card.notes]
    return [line for text in told for line in _within(text)]


def _within(text: str) -> list[str]:
    """Return a line as lines that fit, the further ones indented; nothing breaks them but we."""
    indent = text[: len(text) - len(text.lstrip(" "))]
    printable = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text.strip(" "))
    return wrap(printable, WIDTH, initial_indent=indent, subsequent_indent=f"{indent}    ")


def _smallest(card: BranchCard) -> Iterator[str]:
    if card.smallest and card.smallest != card.edit:
        yield f"smallest part that still parts them: {card.smallest} ({card.tried} tried)"


def _branch(branch: Branch) -> Iterator[str]:
    kinds = ", ".join((*branch.kinds, *(("persistent",) if branch.persistent else ())))
    yield f"they part at token {branch.step + 1}" + (f": {kinds}" if kinds else "")
    if branch.lead is not None:
        first, steps = branch.step - branch.lead + 1, "step" if branch.lead == 1 else "steps"
        yield f"apart unseen from token {first} on: {branch.lead} {steps} before"
    yield _chosen("center", branch.token_a, branch.margin_a, branch.candidates_a)
    yield _chosen("neighbor", branch.token_b, branch.margin_b, branch.candidates_b)


def _chosen(whose: str, token: str, margin: float, candidates: Sequence[Candidate]) -> str:
    listed = ", ".join(f"{one.token!r} {one.logit:.2f}" for one in candidates[:CANDIDATES])
    told = f"{whose:9} chose {token!r} with margin {margin:.2f}"
    return f"{told}, of {listed}" if listed else told


def _futures(card: BranchCard) -> Iterator[str]:
    forced = [future for future in card.futures if future.forced]
    gone = [_gone(future) for future in forced]
    yield from (told for _, told in gone)
    ways = {way for way, _ in gone}
    if ways == {"other"}:
        yield "so the token is the branch: what follows it follows from it"
    elif ways == {"own"}:
        yield "so the prompt is the branch: whatever the token, each goes its own way"
    elif gone:
        yield "so neither the token alone nor the prompt alone decides what follows"


def _gone(future: Future) -> tuple[str, str]:
    """Return which way a forced future went, by name and in words."""
    own, other = future.to_a, future.to_b
    rival = "neighbor"
    if future.prompt == "neighbor":
        own, other, rival = other, own, "center"
    made = f"forced onto the other token {future.token!r}, the {future.prompt}"
    if other <= NEARER * own:
        return "other", f"{made} follows the {rival} (token edit {other:.2f})"
    if own <= NEARER * other:
        return "own", f"{made} goes back to its own output (token edit {own:.2f})"
    apart = f"token edit {own:.2f} to its own, {other:.2f} to the {rival}'s"
    return "third", f"{made} goes a third way ({apart})"


def _rescue(rescue: RescueMap) -> Iterator[str]:
    if rescue.reason or not rescue.rescue or rescue.threshold is None:
        yield f"patching {rescue.direction}: not told: {rescue.reason or 'empty map'}"
        return
    cells = [
        (value, f"{layer}, {place}")
        for layer, row in zip(rescue.layers, rescue.rescue, strict=True)
        for place, value in zip(rescue.places, row, strict=True)
    ]
    value, where = max(cells, key=lambda cell: cell[0])
    above = [cell for cell in cells if cell[0] > rescue.threshold]
    yield (
        f"patching {rescue.direction}: {where} restores {value:.2f} of the choice, "
        f"{'above' if above else 'not above'} the {rescue.threshold:.2f} that {len(rescue.null)} "
        "random donors reach"
    )
    if above and above[0][1] != where:
        yield f"first above that: {above[0][1]} with {above[0][0]:.2f}"
