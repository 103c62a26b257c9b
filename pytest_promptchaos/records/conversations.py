"""Models that talk to themselves or to each other, and what detectors say of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pytest_promptchaos.records.measurements import Measurement  # noqa: TC001 - pydantic reads it
from pytest_promptchaos.records.prompts import Prompt  # noqa: TC001 - pydantic reads it


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One turn of a conversation. ``number`` counts from 1; ``speaker`` is the pin that spoke.

    ``output_ids`` ends with the end-of-sequence token where one was drawn. ``shown`` counts the
    tokens that the speaker was shown, ``seed`` is that of this turn's draw, and ``key`` its
    address in the evidence store.
    """

    number: int
    speaker: str
    text: str
    output_ids: tuple[int, ...]
    shown: int
    finish: Literal["end", "horizon"]
    seed: int
    key: str = ""
    seconds: float = 0.0
    cached: bool = False


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """What was said from one seed prompt on, turn by turn, all history shown at every turn.

    ``condition`` names who speaks with whom, ``asked`` how many turns were wanted. ``stopped``
    says why there are fewer; it is empty where there are not.
    """

    condition: str
    seed_prompt: Prompt
    repeat: int
    asked: int
    turns: tuple[Turn, ...]
    stopped: str = ""

    @property
    def id(self) -> str:
        """Condition, seed prompt and repeat, which together tell it from all others."""
        return f"{self.condition}/{self.seed_prompt.id}/{self.repeat}"


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """One conversation as the detectors see it; all tuples have one entry per turn, turn 1 first.

    ``collapsed`` is the judged detector's, ``otherwise`` the same detector's under the other
    reading of the drift clause, ``lexical`` that of the words. ``s1`` and ``s2`` are the cosines
    with the turn one and two before, ``None`` where there is none. ``asked`` counts the turns
    that were wanted, ``stopped`` says why there are fewer. ``texts`` and ``speakers`` are there
    for the conversations that are shown in full. ``growth`` holds (turn, lambda_1) of the turns
    whose depth was followed, in nats per layer.
    """

    condition: str
    seed_id: str
    bucket: str
    repeat: int
    asked: int
    collapsed: tuple[bool, ...]
    otherwise: tuple[bool, ...] = ()
    lexical: tuple[bool, ...] = ()
    s1: tuple[float | None, ...] = ()
    s2: tuple[float | None, ...] = ()
    growth: tuple[tuple[int, float], ...] = ()
    texts: tuple[str, ...] = ()
    speakers: tuple[str, ...] = ()
    stopped: str = ""

    @property
    def turns(self) -> int:
        """How many turns were spoken."""
        return len(self.collapsed)

    @property
    def first(self) -> int | None:
        """The first collapsed turn, from 1; ``None`` where none is."""
        return self.collapsed.index(True) + 1 if True in self.collapsed else None

    @property
    def rate(self) -> float:
        """The share of collapsed turns, 0 to 1; 0 of a conversation without turns."""
        return sum(self.collapsed) / self.turns if self.turns else 0.0


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How two yes-or-no labelings of the same things agree. ``first`` and ``second`` name them.

    The four counts are of things called collapsed by both, by the first only, by the second only,
    and by neither. ``kind`` keeps a detector against labels apart from raters among themselves.
    """

    kind: Literal["detector and labels", "raters", "two detectors"]
    first: str
    second: str
    both: int
    first_only: int
    second_only: int
    neither: int
    raw: Measurement
    kappa: Measurement
    pabak: Measurement
    ac1: Measurement
    positive: Measurement
    negative: Measurement
    prevalence: Measurement
    words: str = ""

    @property
    def n(self) -> int:
        """How many things both labeled."""
        return self.both + self.first_only + self.second_only + self.neither
