"""Formatting noise for the second model: same request, same answer, other blanks and marks.

These edits are the training script's own. The product's edits, on which both models are
measured, are written elsewhere; several kinds of them have no counterpart here on purpose.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from training.corpus import Dialogue

Noise = Callable[[str, random.Random], str]


def _at_some_blanks(text: str, rng: random.Random, written: str, share: float) -> str:
    return "".join(written if one == " " and rng.random() < share else one for one in text)


def doubled_blanks(text: str, rng: random.Random) -> str:
    """Two or three spaces in place of some, or all, single ones."""
    return _at_some_blanks(text, rng, rng.choice(("  ", "   ")), rng.choice((0.2, 0.5, 1.0)))


def line_breaks(text: str, rng: random.Random) -> str:
    """Line breaks in place of some spaces, as a narrow editor would wrap."""
    return _at_some_blanks(
        text, rng, rng.choice(("\n", "\n", "\n\n")), rng.choice((0.1, 0.25, 0.5))
    )


def blanks_before(text: str, rng: random.Random) -> str:
    """Spaces or line breaks before the request."""
    return rng.choice((" ", "  ", "    ", "\n", "\n\n")) + text


def blanks_after(text: str, rng: random.Random) -> str:
    """Spaces or line breaks after the request."""
    return text + rng.choice((" ", "  ", "   ", "\n", "\n\n"))


def lower_start(text: str, _rng: random.Random) -> str:
    """A lower-case first letter."""
    return text[:1].lower() + text[1:]


def repeated_mark(text: str, rng: random.Random) -> str:
    """The last punctuation mark two or three times."""
    return text + text[-1] * rng.randint(1, 2) if text[-1:] in tuple("?!.") else text


def missing_mark(text: str, _rng: random.Random) -> str:
    """No punctuation mark at the end."""
    return text[:-1] if text[-1:] in tuple("?!.") else text


def blank_before_mark(text: str, _rng: random.Random) -> str:
    """A space before the last punctuation mark."""
    return f"{text[:-1]} {text[-1]}" if text[-1:] in tuple("?!.") else text


NOISES: tuple[Noise, ...] = (
    doubled_blanks,
    line_breaks,
    blanks_before,
    blanks_after,
    lower_start,
    repeated_mark,
    missing_mark,
    blank_before_mark,
)


def noised(one: Dialogue, rng: random.Random) -> Dialogue:
    """The dialogue with one to three kinds of noise in its last request."""
    *before, asked, answered = one.messages
    text = asked["content"]
    for noise in rng.sample(NOISES, rng.choice((1, 1, 2, 3))):
        text = noise(text, rng)
    return Dialogue((*before, {**asked, "content": text}, answered), one.style, one.task)
