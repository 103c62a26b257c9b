"""Turns of conversations -> their sentence embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.records import Conversation
    from pytest_promptchaos.session import Session


def turn_embeddings(
    session: Session, conversations: Sequence[Conversation]
) -> tuple[Mapping[str, NDArray[np.float64]], Mapping[str, tuple[bool, ...]]]:
    """Return the unit vectors (turns, width) of each conversation, and which turns were cut.

    Both are keyed by the conversation's id. A turn is cut where it is longer than the embedder
    reads. The embedder must be there.
    """
    texts = [turn.text for one in conversations for turn in one.turns]
    if not texts:
        return {one.id: np.empty((0, 0)) for one in conversations}, {}
    vectors, cut = session.embed(texts)
    found: dict[str, NDArray[np.float64]] = {}
    flags: dict[str, tuple[bool, ...]] = {}
    start = 0
    for one in conversations:
        end = start + len(one.turns)
        found[one.id] = vectors[start:end].astype(np.float64)
        flags[one.id] = tuple(cut[start:end])
        start = end
    return found, flags
