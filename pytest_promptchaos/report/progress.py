"""A heartbeat for anything that takes longer than a few seconds: what, how far, how long still."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 3.0
"""Seconds before the first line, because a short wait needs no explanation."""
EVERY = 10.0
"""Seconds between two lines."""


class Heartbeat:
    """Writes a line about the work under way, at most every ten seconds."""

    def __init__(
        self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._clock = clock
        self._label = ""
        self._began = self._last = clock()
        self._offset = 0

    def __call__(self, label: str, done: int, total: int) -> None:
        """Take note that ``done`` of ``total`` are finished; write when it is time."""
        now = self._clock()
        if label != self._label:
            self._label, self._began, self._offset = label, now, done
            self._last = now + PATIENCE - EVERY
        if now - self._last >= EVERY and done < total:
            self._last = now
            self._write(f"\n{label}: {done}/{total}{self._remaining(now, done, total)}\n")

    def _remaining(self, now: float, done: int, total: int) -> str:
        finished = done - self._offset
        if finished <= 0:
            return ""
        seconds = (now - self._began) / finished * (total - done)
        return f", about {seconds:.0f} s left"
