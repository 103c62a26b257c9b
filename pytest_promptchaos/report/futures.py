"""The futures of a branch: both prompts down both ways, and what that says about the cause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from pytest_promptchaos.report.sidebyside import excerpt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_promptchaos.records import BranchCard, Future
    from pytest_promptchaos.report.sidebyside import Excerpt

Way: TypeAlias = Literal["follows", "returns", "elsewhere"]

NEARER = 0.25
"""A forced output goes one of two ways when it is at most a quarter as far from it as the other.

The same share as in the failure message, so that both conclude the same.
"""
WAYS: Mapping[Way, str] = {
    "follows": "goes on as the other output",
    "returns": "comes back to its own output",
    "elsewhere": "goes a third way",
}


@dataclass(frozen=True, kw_only=True)
class FutureRow:
    """One replay: whose prompt, which token, the text around it, and where that ends up."""

    prompt: str
    token: str
    forced: bool
    text: Excerpt
    to_a: float
    to_b: float
    way: str


def future_rows(card: BranchCard, characters: int) -> tuple[FutureRow, ...]:
    """Return the card's futures with the token at the branch marked in each."""
    return tuple(
        FutureRow(
            prompt=one.prompt,
            token=one.token,
            forced=one.forced,
            text=excerpt(one.tokens or one.text, card.branch.step, characters),
            to_a=one.to_a,
            to_b=one.to_b,
            way=WAYS[way(one)] if one.forced else "is its own output",
        )
        for one in card.futures
    )


def way(future: Future) -> Way:
    """Return where a forced future goes: after the other output, back to its own, or elsewhere."""
    own, other = future.to_a, future.to_b
    if future.prompt == "neighbor":
        own, other = other, own
    if other <= NEARER * own and other < own:
        return "follows"
    return "returns" if own <= NEARER * other and own < other else "elsewhere"


def futures_words(card: BranchCard) -> str:
    """Return in one sentence what the futures show; empty where none was forced."""
    ways = {one.prompt: way(one) for one in card.futures if one.forced}
    if not ways:
        return ""
    if len(ways) == 1:
        ((prompt, only),) = ways.items()
        return f"The {prompt}, forced onto the other token, {WAYS[only]}; the other way is missing."
    if set(ways.values()) == {"follows"}:
        return (
            "The token decides: forced onto the other's token, each prompt goes on as the other "
            "output, so that this one choice carries the difference."
        )
    if set(ways.values()) == {"returns"}:
        return (
            "The prompt decides: forced onto the other's token, each comes back to its own "
            "output, so that the edit acts on more than this one choice."
        )
    center, neighbor = (WAYS[ways[prompt]] for prompt in ("center", "neighbor"))
    if center == neighbor:
        return f"Forced onto the other's token, each prompt {center}: token and prompt both matter."
    return (
        f"Forced onto the other's token, the center {center} and the neighbor {neighbor}: token "
        "and prompt both matter."
    )
