"""What is asked: prompts, their neighbors and neighborhoods."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Literal, TypeAlias

Rung: TypeAlias = Literal[
    "identical",
    "format",
    "punctuation",
    "synonym",
    "paraphrase",
    "small_semantic",
    "positive_control",
]

Origin: TypeAlias = Literal["mechanical", "lexicon", "authored", "generated"]

Certification: TypeAlias = Literal["uncertified", "effective", "erased", "duplicate", "identical"]

Role: TypeAlias = Literal["system", "user", "assistant"]

RUNGS: tuple[Rung, ...] = (
    "identical",
    "format",
    "punctuation",
    "synonym",
    "paraphrase",
    "small_semantic",
    "positive_control",
)
"""The ladder, in order of size."""

SMALL_RUNGS: tuple[Rung, ...] = ("format", "punctuation", "synonym")
"""Edits that a reader would not notice: the default unit of a stability verdict."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """One chat message."""

    role: Role
    content: str


@dataclass(frozen=True, kw_only=True)
class Image:
    """A reference to an image: where it lies and the sha256 of its bytes.

    ``change`` says in words what is done to it before it is shown, as in ``"brightness +20 %"``.
    """

    path: str
    sha256: str
    change: str = ""


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """What is asked. ``text`` is the last user message; ``before`` holds the turns ahead of it.

    ``bucket`` names the kind of request, where prompts are grouped by kind.
    """

    id: str
    text: str
    before: tuple[Message, ...] = ()
    image: Image | None = None
    polarity: Literal[1, -1] | None = None
    proposition: str | None = None
    bucket: str = ""

    @property
    def messages(self) -> tuple[Message, ...]:
        """The whole conversation, ending with ``text`` as the user's message."""
        return (*self.before, Message(role="user", content=self.text))


@dataclass(frozen=True, kw_only=True)
class Neighbor:
    """An edited prompt. ``edit`` says in words what was changed; ``kind`` names the edit.

    ``token_delta`` counts the token edits (insert, delete, substitute) between the rendered
    center and the rendered neighbor; ``None`` until certified. ``reviewer`` names who found that
    an authored or generated text asks what it should; ``target`` names the edited message, and is
    empty for the last one.
    """

    id: str
    prompt: Prompt
    rung: Rung
    kind: str
    edit: str
    origin: Origin
    certification: Certification = "uncertified"
    token_delta: int | None = None
    reviewer: str = ""
    target: str = ""

    @property
    def gates(self) -> bool:
        """Whether a verdict may rest on it: generated text that nobody reviewed is only shown."""
        authored_rung = self.rung in {"paraphrase", "small_semantic"}
        return not (self.origin == "generated" and authored_rung and not self.reviewer)

    @property
    def sha256(self) -> str:
        """The sha256 of the whole edited conversation, as the ledger lists it."""
        turns = [[message.role, message.content] for message in self.prompt.messages]
        return hashlib.sha256(json.dumps(turns).encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Neighborhood:
    """A center and its neighbors. Ids do not depend on the order in which neighbors were made.

    ``unavailable`` says for every rung that was asked for but has no neighbor, why.
    """

    center: Prompt
    neighbors: tuple[Neighbor, ...]
    seed: int
    ladder_version: int
    unavailable: tuple[tuple[Rung, str], ...] = ()
