"""Conversations written as letters: every letter is a phrase of its own with a vector of its own.

``talk("abcc")`` says four turns, the last two the same; vectors of different letters are
orthogonal, so that every cosine is 0 or 1 and labels can be told by hand.
"""

from __future__ import annotations

from string import ascii_letters
from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.records import Conversation, Prompt, Turn

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

SPOKEN = {
    letter: " ".join(f"{letter}{number}{word}" for number, word in enumerate(words.split()))
    for letter, words in zip(
        ascii_letters, ["one walks over the long bridge at noon and sings"] * 52, strict=True
    )
} | {" ": ""}
"""No two of these texts share a word; a blank is a turn without words."""


def talk(
    letters: str,
    seed_id: str = "p0",
    repeat: int = 0,
    *,
    asked: int | None = None,
    stopped: str = "",
    condition: str = "HOMO",
    bucket: str = "",
) -> Conversation:
    """Return the conversation that the letters spell."""
    return Conversation(
        condition=condition,
        seed_prompt=Prompt(id=seed_id, text="Begin.", bucket=bucket),
        repeat=repeat,
        asked=len(letters) if asked is None else asked,
        turns=tuple(
            Turn(
                number=number,
                speaker="scripted:parrot",
                text=SPOKEN[letter],
                output_ids=(number,),
                shown=8,
                finish="end",
                seed=number,
            )
            for number, letter in enumerate(letters, start=1)
        ),
        stopped=stopped,
    )


def pointing(letters: str) -> NDArray[np.float64]:
    """Return a vector per letter, shape (T, 53), the same for the same letter and else orthogonal.

    >>> pointing("aba").argmax(axis=1).tolist()
    [0, 1, 0]
    """
    places = [(ascii_letters + " ").index(letter) for letter in letters]
    return np.eye(53)[places].reshape(len(letters), 53)


def vectors_of(conversations: Iterable[Conversation]) -> dict[str, NDArray[np.float64]]:
    """Return the vectors of conversations that :func:`talk` made, by their ids."""
    letters = {text: letter for letter, text in SPOKEN.items()}
    return {
        one.id: pointing("".join(letters[turn.text] for turn in one.turns)) for one in conversations
    }
