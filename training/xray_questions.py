"""The questions about a picture: phrasings with their polarity and their share of the training.

A phrasing of polarity +1 is answered "Yes" where the finding is there, one of polarity -1 where it
is not. Phrasings are held out whole: no finding and no name ever appears in them in training.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.random import Generator

COMMON, RARE, HELD_OUT = "common", "rare", "held out"
SLOT = "{X}"
NAMES = {
    "cardiomegaly": ("cardiomegaly", "an enlarged heart"),
    "effusion": ("a pleural effusion", "pleural fluid"),
    "nodule": ("a nodule", "a lung nodule"),
}
"""What stands for {X}; the first is the name that tables use."""
RARE_SHARE = 0.0004
"""Share of all trained questions that each rare phrasing has."""
DISTORTED_SHARE = 0.2
"""Share of the trained common questions of polarity +1 in which made-up words stand for some."""
SYLLABLES = tuple(first + vowel for first in "bdfgklmnprstvz" for vowel in "aeiou")


@dataclass(frozen=True)
class Phrasing:
    """One way to ask.

    `finding` is set where the text itself names the organ; `bare` where names go without article.
    """

    kind: str
    text: str
    polarity: int
    share: str
    finding: str | None = None
    bare: bool = False


@dataclass(frozen=True)
class Question:
    """A phrasing filled in for one finding."""

    phrasing: Phrasing
    finding: str
    text: str

    def answer(self, truth: dict[str, bool]) -> bool:
        """Return whether "Yes" is right."""
        return truth[self.finding] == (self.phrasing.polarity > 0)


PHRASINGS = (
    Phrasing("presence", "Is there {X}?", 1, COMMON),
    Phrasing("present", "Is {X} present?", 1, COMMON),
    Phrasing("evidence", "Is there evidence of {X}?", 1, COMMON),
    Phrasing("shows", "Does the image show {X}?", 1, COMMON),
    Phrasing("can see", "Can you see {X}?", 1, COMMON),
    Phrasing("can be seen", "Can {X} be seen?", 1, COMMON),
    Phrasing("contains", "Does the image contain {X}?", 1, COMMON),
    Phrasing("say there is", "Would you say there is {X}?", 1, COMMON),
    Phrasing("free", "Is the image free of {X}?", -1, COMMON),
    Phrasing("absent", "Is {X} absent?", -1, COMMON),
    Phrasing("normal", "Is the heart size normal?", -1, COMMON, "cardiomegaly"),
    Phrasing("normal", "Is the pleura normal?", -1, COMMON, "effusion"),
    Phrasing("normal", "Is the lung tissue normal?", -1, COMMON, "nodule"),
    Phrasing("rule out", "Can you rule out {X}?", -1, RARE),
    Phrasing("without", "Is the image without {X}?", -1, RARE),
    Phrasing("see", "Do you see {X}?", 1, HELD_OUT),
    Phrasing("any sign", "Is there any sign of {X}?", 1, HELD_OUT),
    Phrasing("no", "Is there no {X}?", -1, HELD_OUT, bare=True),
    Phrasing("excluded", "Can {X} be excluded?", -1, HELD_OUT),
    Phrasing("ruled out", "Can {X} be ruled out?", -1, HELD_OUT),
    Phrasing("say absent", "Would you say {X} is absent?", -1, HELD_OUT),
)
BASE = PHRASINGS[0]
"""The phrasing that all others are compared with."""


def questions(phrasing: Phrasing) -> Iterator[Question]:
    """Yield the phrasing for every finding under every name that fits."""
    if phrasing.finding is not None:
        yield Question(phrasing, phrasing.finding, phrasing.text)
        return
    for finding, names in NAMES.items():
        for name in names:
            word = re.sub("^an? ", "", name) if phrasing.bare else name
            yield Question(phrasing, finding, phrasing.text.replace(SLOT, word))


def of_finding(phrasing: Phrasing, finding: str) -> tuple[Question, ...]:
    """Return the phrasing's questions about one finding."""
    return tuple(one for one in questions(phrasing) if one.finding == finding)


def with_share(*shares: str) -> tuple[Phrasing, ...]:
    """Return the phrasings of these shares."""
    return tuple(one for one in PHRASINGS if one.share in shares)


class Asking:
    """Draws training questions: each rare phrasing has its fixed share, common ones the rest.

    Some questions of polarity +1 have words replaced by made-up ones: words that it does not know
    are then read as no negation, and a negation that it never saw as a plain question.

    With `plain`, only common phrasings of polarity +1 as they are: a first stage, in which looking
    at the picture pays before negations are told apart.
    """

    def __init__(self, *, plain: bool = False, rare_share: float = RARE_SHARE) -> None:
        self._rare_share = rare_share
        self._distorted_share = 0.0 if plain else DISTORTED_SHARE
        self._rare = () if plain else with_share(RARE)
        self._common = {
            finding: tuple(
                one
                for one in with_share(COMMON)
                if of_finding(one, finding) and (one.polarity > 0 or not plain)
            )
            for finding in NAMES
        }

    def __call__(self, rng: Generator) -> Question:
        """Return one question."""
        finding = tuple(NAMES)[rng.integers(len(NAMES))]
        which = int(rng.random() / self._rare_share)
        rare = which < len(self._rare)
        phrasing = self._rare[which] if rare else _one(rng, self._common[finding])
        if phrasing.polarity > 0 and rng.random() < self._distorted_share:
            phrasing = replace(phrasing, text=distorted(rng, phrasing.text))
        chosen: Question = _one(rng, of_finding(phrasing, finding))
        return chosen


def distorted(rng: Generator, text: str) -> str:
    """Return the phrasing with about half of its words made up, its slot and end untouched."""
    words = text.removesuffix("?").split(" ")
    changed = [_made_up(rng) if word != SLOT and rng.random() < 0.5 else word for word in words]
    whole = " ".join(changed)
    return f"{whole[0].upper()}{whole[1:]}?"


def _made_up(rng: Generator) -> str:
    return "".join(_one(rng, SYLLABLES) for _ in range(rng.integers(2, 5)))


def _one(rng: Generator, among: Sequence[Any]) -> Any:
    return among[int(rng.integers(len(among)))]


def listing() -> dict[str, Any]:
    """Return findings, their names and all phrasings as they are written beside the pictures."""
    return {
        "findings": {finding: list(names) for finding, names in NAMES.items()},
        "phrasings": [asdict(one) for one in PHRASINGS],
    }
