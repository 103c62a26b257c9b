"""The validity ledger: who wrote each neighbor, who reviewed it, and what may decide a verdict.

A paraphrase that a model generated and nobody read can ask for something else. It is run and
shown, and it never gates.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from pytest_promptchaos.errors import NeighborhoodError, PromptError
from pytest_promptchaos.records import RUNGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_promptchaos.neighborhoods.messages import Place
    from pytest_promptchaos.records import Certification, Neighborhood, Origin, Prompt, Rung

Written: TypeAlias = Literal["authored", "generated"]


@dataclass(frozen=True)
class Authored:
    """A text that no rule made, with its writer and its reviewer.

    ``origin`` is ``authored`` for a person's text and ``generated`` for a model's. ``reviewer``
    names who found that it asks what its rung says; a generated text without one never gates.
    """

    text: str
    origin: Written = "authored"
    reviewer: str = ""

    def __post_init__(self) -> None:
        """Refuse what would let a text gate by accident: no text, no origin, a blank reviewer."""
        if not isinstance(self.text, str):
            raise NeighborhoodError(f"an Authored text is {self.text!r:.80}, but it takes a string")
        if self.origin not in get_args(Written):
            raise NeighborhoodError(
                f"the authored text {self.text!r:.80} has the origin {self.origin!r}: it takes "
                "'authored' (a person wrote it) or 'generated' (a model did)"
            )
        blank = isinstance(self.reviewer, str) and self.reviewer and not self.reviewer.strip()
        if not isinstance(self.reviewer, str) or blank:
            raise NeighborhoodError(
                f"the authored text {self.text!r:.80} has the reviewer {self.reviewer!r}: name "
                "who read it, or leave the reviewer out if nobody did"
            )


Texts: TypeAlias = Sequence[str | Authored]
"""Authored texts as they are given: plain strings are a person's, without a reviewer."""


def authored(rung: Rung, texts: Texts | Authored) -> tuple[Authored, ...]:
    """Return the texts of a rung, each with its origin; one string is one text, not its letters.

    Raises:
        NeighborhoodError: they are not texts.
    """
    what = rung.replace("_", " ")
    given = [texts] if isinstance(texts, str | Authored) else texts
    if not isinstance(given, Sequence):
        raise NeighborhoodError(
            f"the {what} texts are {texts!r:.80}: pass a list of strings or of "
            "Authored(text, origin, reviewer)"
        )
    for one in given:
        if not isinstance(one, str | Authored):
            raise NeighborhoodError(
                f"an authored {what} is {one!r:.80} ({type(one).__name__}): pass a string or "
                "Authored(text, origin, reviewer)"
            )
    return tuple(one if isinstance(one, Authored) else Authored(one) for one in given)


def check_authored(
    center: Prompt, texts: Mapping[Rung, Sequence[Authored]], places: Mapping[Rung, Place]
) -> None:
    """Raise for an authored text that is empty, edits nothing, or is given twice.

    ``places`` say for every rung which message its texts replace.
    """
    for rung, on_rung in texts.items():
        for one in on_rung:
            if not one.text.strip():
                raise PromptError(
                    f"prompt {center.id!r}: an authored {rung} text is {one.text!r}; write what "
                    "it should ask, or take it out"
                )
            if one.text == places[rung].text:
                raise NeighborhoodError(
                    f"prompt {center.id!r}: the authored {rung} text {one.text!r} is the "
                    f"{places[rung].words or 'prompt'} itself, so it edits nothing; change it or "
                    "take it out (the ladder adds the identical control on its own)"
                )
    counted = Counter((places[rung].index, one.text) for rung in texts for one in texts[rung])
    for (_, text), count in counted.items():
        if count > 1:
            raise NeighborhoodError(
                f"prompt {center.id!r}: the authored text {text!r} is given {count} times, so it "
                "would count more than once; keep one of them"
            )


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the ledger: a neighbor, where it came from, and whether it may gate.

    ``sha256`` is that of the whole edited conversation; ``target`` names the edited message and
    is empty for the last.
    """

    prompt_id: str
    neighbor_id: str
    rung: Rung
    kind: str
    origin: Origin
    certification: Certification
    reviewer: str
    sha256: str
    gates: bool
    target: str


def ledger(neighborhoods: Iterable[Neighborhood]) -> tuple[Entry, ...]:
    """Return a line per neighbor, by prompt id, rung and neighbor id, whatever the order given.

    A neighbor that two neighborhoods share in every respect has one line.
    """
    entries = {
        Entry(
            prompt_id=around.center.id,
            neighbor_id=neighbor.id,
            rung=neighbor.rung,
            kind=neighbor.kind,
            origin=neighbor.origin,
            certification=neighbor.certification,
            reviewer=neighbor.reviewer,
            sha256=neighbor.sha256,
            gates=neighbor.gates,
            target=neighbor.target,
        )
        for around in neighborhoods
        for neighbor in around.neighbors
    }
    return tuple(sorted(entries, key=_place))


def counts(entries: Iterable[Entry]) -> dict[tuple[Rung, Origin, bool], int]:
    """Return how many lines there are by rung, origin and whether they gate, smallest rung first.

    >>> counts([])
    {}
    """
    counted = Counter((entry.rung, entry.origin, entry.gates) for entry in entries)
    return {key: counted[key] for key in sorted(counted, key=lambda k: (RUNGS.index(k[0]), k[1:]))}


def ledger_hash(entries: Iterable[Entry]) -> str:
    """Return the sha256 of the whole ledger, the same for every order of its lines.

    A certification is part of a line, so the hash says what one model was shown; that of an
    uncertified ledger says what was written.
    """
    lines = sorted(json.dumps(astuple(entry)) for entry in entries)
    return sha256("\n".join(lines).encode()).hexdigest()


def _place(entry: Entry) -> tuple[object, ...]:
    return entry.prompt_id, RUNGS.index(entry.rung), entry.neighbor_id, astuple(entry)
