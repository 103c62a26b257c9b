"""Random compositions of edits that cover pairs soon, and then follow what moved the model.

Testing single edits misses a weakness that needs two of them, and there are too many pairs to try
one by one. A composition that takes an edit at most places tries many pairs at once: those that
were never together are taken first (a greedy covering array), so that every pair has its turn
within about as many compositions as the two largest places have pairs of edits.
"""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.errors import NeighborhoodError
from pytest_promptchaos.neighborhoods.compose import conflict, sites

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.neighborhoods.compose import Part
    from pytest_promptchaos.neighborhoods.edits import Edit

MOST_PARTS = 24
"""Edits in one composition, because what is found must be shrunk again."""
LEFT_ALONE = 0.25
"""The share of places at which a composition takes nothing."""
FOLLOWING = 0.5
"""The share of compositions that follow what moved the model, once anything did."""
_SPARE = 0.05
"""The weight of an edit that never moved anything, beside 1 for the one that moved most."""


def check_seed(seed: object) -> None:
    """Raise ``NeighborhoodError`` unless ``seed`` is a whole number, of either sign."""
    if isinstance(seed, bool) or not isinstance(seed, Integral):
        raise NeighborhoodError(f"seed is {seed!r:.80}, but it takes a whole number")


class Mixer:
    """Draws compositions of the edits of one text; the same seed draws the same ones.

    Args:
        center: the text that is edited.
        edits: its single edits.
        seed: of the generator, a whole number.

    Raises:
        NeighborhoodError: the seed is no whole number.
    """

    def __init__(self, center: str, edits: Sequence[Edit], seed: int) -> None:
        check_seed(seed)
        self.sites = sites(center, edits)
        self.parts = [part for site in self.sites for part in site.parts]
        self._index = {part: index for index, part in enumerate(self.parts)}
        self._random = np.random.default_rng(int(seed) % 2**64)
        count = len(self.parts)
        self._excluded = np.array(
            [[a is not b and conflict(center, a, b) for b in self.parts] for a in self.parts],
            dtype=bool,
        ).reshape(count, count)
        self._met = np.zeros((count, count), dtype=bool)
        # One made-up observation each, at the mean: an edit seen once must not win at once.
        self._seen = np.ones(count)
        self._moved = np.zeros(count)
        self._all: list[float] = []

    def fits(self, part: Part, chosen: Sequence[Part]) -> bool:
        """Return whether a part goes with all that are chosen."""
        indexes = [self._index[other] for other in chosen]
        return not self._excluded[self._index[part], indexes].any()

    def smaller(self, part: Part) -> list[Part]:
        """Return the smaller edits of the same kind at the same place, the smallest first."""
        same = (part.edit.kind, part.start, part.end)
        return [
            other
            for other in sorted(self.parts, key=lambda other: other.size)
            if (other.edit.kind, other.start, other.end) == same and other.size < part.size
        ]

    def learn(self, parts: Sequence[Part], moved: float) -> None:
        """Note how far a composition of ``parts`` moved the model, 0 or more."""
        indexes = [self._index[part] for part in parts]
        self._seen[indexes] += 1
        self._moved[indexes] += moved
        self._all.append(moved)

    def draw(self) -> tuple[Part, ...]:
        """Return a composition of one edit or more, in reading order."""
        weights = self._weights()
        follow = weights is not None and self._random.random() < FOLLOWING
        chosen: list[int] = []
        for site in self._random.permutation(len(self.sites)).tolist():
            open_to = self._options(site, chosen)
            skipped = bool(chosen) and self._random.random() < LEFT_ALONE
            if len(open_to) and not skipped and len(chosen) < MOST_PARTS:
                by = weights if follow and weights is not None else self._new_pairs(chosen)
                chosen.append(self._pick(open_to, by, greedy=not follow))
        self._met[np.ix_(chosen, chosen)] = True
        return tuple(self.parts[index] for index in sorted(chosen))

    def _options(self, site: int, chosen: list[int]) -> NDArray[np.intp]:
        """Return the edits of a site that go with everything chosen so far."""
        indexes = np.array([self._index[part] for part in self.sites[site].parts], dtype=np.intp)
        return indexes[~self._excluded[indexes][:, chosen].any(axis=1)]

    def _new_pairs(self, chosen: list[int]) -> NDArray[np.float64]:
        """Return for each edit with what share of the chosen it never was together.

        The first of a composition is the one that was in the fewest.
        """
        among = chosen or slice(None)
        share: NDArray[np.float64] = np.mean(~self._met[:, among], axis=1)
        return share

    def _weights(self) -> NDArray[np.float64] | None:
        """Return a weight in (0, 1] per edit by how far its compositions moved beyond the mean."""
        overall = float(np.mean(self._all)) if self._all else 0.0
        lift: NDArray[np.float64] = (self._moved + overall) / self._seen - overall
        largest = float(lift.max(initial=0.0))
        return np.maximum(lift / largest, 0.0) + _SPARE if largest > 0 else None

    def _pick(self, among: NDArray[np.intp], by: NDArray[np.float64], *, greedy: bool) -> int:
        values = by[among]
        if greedy:
            return int(self._random.choice(among[values == values.max()]))
        return int(self._random.choice(among, p=values / values.sum()))
