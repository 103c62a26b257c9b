"""Embeddings of the turns of a conversation -> which turns are collapsed.

Array functions only. Turn t of the definitions is index t - 1 of every array.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Booleans: TypeAlias = NDArray[np.bool_]
    Cosines: TypeAlias = np.ma.MaskedArray[tuple[int, ...], np.dtype[np.float64]]

Drift: TypeAlias = Literal["matching", "both"]
"""Which lags must drift little: the one that makes a turn periodic, or both."""
FIRST_COMPARED = 3
"""The first turn that has a turn two before it."""


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """What the detector calls periodic, low drift and sustained; the defaults are the published.

    ``s1`` and ``s2`` are cosines with the turn one and two before, ``d1`` and ``d2`` one minus
    them, ``sustained`` counts periodic turns in a row. Source: S. Mohammad, Condition-Dependent
    Collapse Dynamics in Multi-Turn LLM Self-Play (2026), github.com/Sohailm25/escape-velocity.

    Raises ``ValueError`` for cosines outside [-1, 1], drifts outside [0, 2] and for ``sustained``
    below 1: nothing, or everything, would be collapsed.
    """

    s1: float = 0.92
    s2: float = 0.90
    d1: float = 0.08
    d2: float = 0.10
    sustained: int = 3

    def __post_init__(self) -> None:
        """Refuse bounds that no turn, or every turn, would meet."""
        for name, low, high in (("s1", -1, 1), ("s2", -1, 1), ("d1", 0, 2), ("d2", 0, 2)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"threshold {name} is {value}: it lies in [{low}, {high}]")
        if self.sustained < 1:
            raise ValueError(f"sustained is {self.sustained}: it counts turns, at least 1")

    @property
    def earliest(self) -> int:
        """The first turn that can be labelled: turn 5 with three in a row."""
        return FIRST_COMPARED + self.sustained - 1


def similarities(embeddings: NDArray[np.floating]) -> tuple[Cosines, Cosines]:
    """Return s1 and s2, the cosines of every turn with the turn one and two before.

    ``embeddings`` has shape (T, d), any length of vector; both results have shape (T,), in
    [-1, 1], and are masked where there is no number: at turns 1 and 2, where the definition has
    neither of them, and where a vector is zero and points nowhere. Formula: s_k(t) =
    <e_t, e_(t-k)> / (|e_t| |e_(t-k)|), in float64. Raises ``ValueError`` for another shape and
    for values that are not finite.

    >>> s1, s2 = similarities(np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0], [0.0, 0.0]]))
    >>> s1.tolist(), s2.tolist()
    ([None, None, 0.0, None], [None, None, 1.0, None])
    """
    vectors = np.asarray(embeddings, dtype=np.float64)
    if vectors.ndim != 2:
        raise ValueError(f"embeddings have shape {vectors.shape}: one row per turn is needed")
    if not np.isfinite(vectors).all():
        raise ValueError("embeddings hold values that are not finite: no cosine can be taken")
    lengths = np.linalg.norm(vectors, axis=1)
    unit = vectors / np.where(lengths > 0, lengths, 1.0)[:, np.newaxis]
    return _cosines(unit, lengths > 0, 1), _cosines(unit, lengths > 0, 2)


def _cosines(unit: NDArray[np.float64], known: Booleans, lag: int) -> Cosines:
    count = len(unit)
    values, masked = np.zeros(count), np.ones(count, dtype=np.bool_)
    first = FIRST_COMPARED - 1
    if count > first:
        before = slice(first - lag, count - lag)
        # Rounding takes the cosine of a vector with itself a hair above 1.
        values[first:] = np.clip(np.einsum("td,td->t", unit[first:], unit[before]), -1.0, 1.0)
        masked[first:] = ~(known[first:] & known[before])
    return np.ma.MaskedArray(values, mask=masked)


def sustained(hits: Sequence[bool] | Booleans, count: int) -> Booleans:
    """Return where at least ``count`` hits in a row end, this turn among them; shape (T,).

    >>> sustained([True, True, True, True, False], 3).tolist()
    [False, False, True, True, False]
    """
    row, ends = 0, []
    for hit in hits:
        row = row + 1 if hit else 0
        ends.append(row >= count)
    return np.array(ends, dtype=np.bool_)


def labels(
    s1: Cosines, s2: Cosines, *, drift: Drift = "matching", thresholds: Thresholds | None = None
) -> Booleans:
    """Return which turns are collapsed, shape (T,), from both cosines of every turn.

    A turn is periodic where s1 >= 0.92 or s2 >= 0.90. It is labelled where it ends a row of at
    least three periodic turns, by whichever lag each of them, and itself drifts little:
    ``drift="matching"`` asks that of a lag that makes it periodic (1 - s1 <= 0.08 for the first,
    1 - s2 <= 0.10 for the second), ``"both"`` of both lags. So the labels are causal (a turn's
    label needs no later turn), the third periodic turn in a row is the first labelled, and turn
    5 is the earliest. With the published thresholds the matching clause follows from the
    periodicity; ``"both"`` forbids a pure two-cycle, whose s1 is low. An absent cosine is not
    periodic and does not drift little. Source and knobs: :class:`Thresholds`.

    >>> alternating = np.array([[1.0, 0.0], [0.0, 1.0]] * 3)
    >>> labels(*similarities(alternating)).tolist()
    [False, False, False, False, True, True]
    >>> labels(*similarities(alternating), drift="both").any()
    np.False_
    """
    bounds = thresholds or Thresholds()
    if len(s1) != len(s2):
        raise ValueError(f"{len(s1)} values of s1 and {len(s2)} of s2: one of each per turn")
    first, second = _holds(s1 >= bounds.s1), _holds(s2 >= bounds.s2)
    near, further = _holds(1 - s1 <= bounds.d1), _holds(1 - s2 <= bounds.d2)
    calm = near & further if drift == "both" else (first & near) | (second & further)
    return np.asarray(sustained(first | second, bounds.sustained) & calm, dtype=np.bool_)


def _holds(condition: np.ma.MaskedArray[tuple[int, ...], np.dtype[np.bool_]]) -> Booleans:
    return np.asarray(np.ma.filled(condition, False), dtype=np.bool_)
