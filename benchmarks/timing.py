"""Timing of pieces of work in turns, so that a busy moment falls on all of them alike."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

REPEATS = 9


@dataclass(frozen=True, kw_only=True)
class Turns:
    """Seconds of every piece of work, one list per name."""

    seconds: dict[str, list[float]]

    def median(self, name: str) -> float:
        """Return the median time of one piece, in seconds."""
        return statistics.median(self.seconds[name])

    def ratio(self, name: str, over: str) -> tuple[float, float, float]:
        """Return the median, least and largest ratio of two pieces, paired by turn."""
        ratios = [a / b for a, b in zip(self.seconds[name], self.seconds[over], strict=True)]
        return statistics.median(ratios), min(ratios), max(ratios)

    def told(self, name: str, over: str) -> str:
        """Return that ratio in words."""
        middle, low, high = self.ratio(name, over)
        return f"{middle:.2f} [{low:.2f}, {high:.2f}]"


def in_turns(pieces: Mapping[str, Callable[[], object]], repeats: int = REPEATS) -> Turns:
    """Return how long each piece of work takes, once per turn.

    In its turn a piece runs twice and the second time counts: what the piece before left in the
    caches and in the allocator is then nobody's gain or loss.
    """
    taken: dict[str, list[float]] = {name: [] for name in pieces}
    for _ in range(repeats):
        for name, work in pieces.items():
            work()
            taken[name].append(seconds(work))
    return Turns(seconds=taken)


def seconds(work: Callable[[], object]) -> float:
    """Return how long one call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
