"""Hidden states of any layout as rows, one per token: shape (1, tokens, numbers of a token)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


@dataclass(frozen=True)
class Layout:
    """The shape of a model's hidden state, and which of its axes counts the tokens."""

    shape: tuple[int, ...]
    axis: int

    def rows(self, hidden: Tensor) -> Tensor:
        """Return a hidden state (*shape) as rows, shape (1, tokens, n)."""
        if self._is_rows:
            return hidden
        return hidden.movedim(self.axis, 0).reshape(1, self.shape[self.axis], -1)

    def hidden(self, rows: Tensor) -> Tensor:
        """Return rows (1, tokens, n) as a hidden state (*shape)."""
        if self._is_rows:
            return rows
        others = self.shape[: self.axis] + self.shape[self.axis + 1 :]
        return rows.reshape(self.shape[self.axis], *others).movedim(0, self.axis)

    @property
    def _is_rows(self) -> bool:
        return len(self.shape) == 3 and self.shape[0] == 1 and self.axis == 1


def layout_of(shape: Sequence[int], tokens: int) -> Layout | None:
    """Return the layout of a hidden state over ``tokens`` tokens; ``None`` if it is none.

    The last axis holds features. The token axis follows the batch of one where several axes have
    that length (residual streams may be as many as tokens). A state of other lengths, as where a
    model puts tokens of its own in front, counts along its second axis.

    >>> layout_of((12, 1, 8), tokens=12).axis, layout_of((1, 12, 4, 8), tokens=12).axis
    (0, 1)
    """
    if len(shape) < 3:
        return None
    found = [axis for axis, size in enumerate(shape[:-1]) if size == tokens]
    behind_batch = [axis for axis in found if axis and shape[axis - 1] == 1]
    if not found and (len(shape) > 3 or shape[0] != 1):
        return None
    return Layout(tuple(shape), (behind_batch + found + [1])[0])
