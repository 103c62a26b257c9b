"""What is asked about an image or a passage, and what was answered: propositions, not strings."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - pydantic reads the annotations
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from pytest_promptchaos.records.prompts import Image  # noqa: TC001 - pydantic reads it

Said: TypeAlias = Literal["yes", "no", "unclear"]
Polarity: TypeAlias = Literal[1, -1]
Condition: TypeAlias = Literal["as is", "again", "removed", "swapped", "perturbed"]
Quadrant: TypeAlias = Literal["ideal", "fragile", "dangerous", "worst"]

QUADRANTS: tuple[Quadrant, ...] = ("ideal", "fragile", "dangerous", "worst")
"""Consistent and reliant, reliant only, consistent only, neither."""


@dataclass(frozen=True, kw_only=True)
class Phrasing:
    """One way to ask about a proposition.

    ``polarity`` is 1 where "yes" affirms the proposition ("Is there X?") and -1 where "yes" denies
    it ("Can you rule out X?"). ``kind`` names the form, as in ``"presence"`` or ``"rule out"``.
    """

    id: str
    text: str
    polarity: Polarity
    kind: str


@dataclass(frozen=True, kw_only=True)
class Proposition:
    """Something that holds of an image or does not, and the ways to ask; the first is the base."""

    id: str
    words: str
    phrasings: tuple[Phrasing, ...]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a question is about: an image, or a passage of text.

    ``truth`` says of propositions, by id, whether they hold here; of others it is not known.
    """

    id: str
    image: Image | None = None
    passage: str = ""
    truth: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer, read in three values by ``rule``.

    ``condition`` is how the image was shown and ``change`` says it in words ("brightness +20 %").
    ``margin`` is the logit of yes minus that of no where the answer begins, each the log of the
    summed exponentials over its declared tokens; ``mass`` the probability on these tokens.
    """

    phrasing: str
    kind: str
    question: str
    polarity: Polarity
    condition: Condition
    said: Said
    rule: str
    text: str
    change: str = ""
    margin: float | None = None
    mass: float | None = None

    @property
    def affirms(self) -> bool | None:
        """Whether the proposition was affirmed; ``None`` where the answer is unclear."""
        return None if self.said == "unclear" else (self.said == "yes") is (self.polarity == 1)


def contradict(one: Answer, other: Answer) -> bool:
    """Return whether one answer affirms what the other denies; an unclear one does neither."""
    return None not in (one.affirms, other.affirms) and one.affirms is not other.affirms


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One proposition asked of one image in all its phrasings, and how the answers hang together.

    ``answers`` begin with the base phrasing as is. ``quadrant`` is absent with a ``reason``.
    """

    id: str
    shown: str
    proposition: str
    truth: bool | None
    answers: tuple[Answer, ...]
    quadrant: Quadrant | None = None
    reason: str = ""

    @property
    def as_is(self) -> tuple[Answer, ...]:
        """The answers to the unchanged image, the base phrasing first."""
        return tuple(one for one in self.answers if one.condition == "as is")

    @property
    def flips(self) -> tuple[Answer, ...]:
        """The answers that contradict the base phrasing's, whatever their words."""
        base, *others = self.as_is
        return tuple(one for one in others if contradict(base, one))


@dataclass(frozen=True, kw_only=True)
class Overlay:
    """An image with where two phrasings looked, for the report.

    ``picture`` is a PNG as a data URI. ``focus_a`` and ``focus_b`` hold the focus row by row over
    ``grid`` (rows, columns), each summing to 1. ``similarity`` maps names to values.
    """

    sample: str
    question_a: str
    question_b: str
    said_a: Said
    said_b: Said
    margin_a: float | None
    margin_b: float | None
    flipped: bool | None
    picture: str
    grid: tuple[int, int]
    focus_a: tuple[float, ...]
    focus_b: tuple[float, ...]
    similarity: Mapping[str, float]
    provenance: str
