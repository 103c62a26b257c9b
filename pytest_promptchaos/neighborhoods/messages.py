"""One message of a conversation as the thing that is edited, in place of the last user message.

Positions count the messages as ``Prompt.messages`` lists them, the system message included.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches
from numbers import Integral
from typing import TYPE_CHECKING, TypeAlias, get_args

from pytest_promptchaos.errors import NeighborhoodError, PromptError
from pytest_promptchaos.records import Prompt, Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.records import Message

Target: TypeAlias = int | Role | None
"""An index into ``Prompt.messages``, the last message of a role, or the last user message."""

_ROLES: tuple[str, ...] = get_args(Role)


@dataclass(frozen=True)
class Place:
    """A message that edits go to: where it stands and what it says.

    ``words`` name it, ``system message`` for the only one and ``turn 2 (user)`` for the second
    message of all; they are empty for the last user message.
    """

    index: int
    text: str
    words: str

    @property
    def named(self) -> str:
        """What a sentence calls it: ``this prompt`` for the last user message."""
        if self.words == "system message":
            return "the system message"
        return self.words or "this prompt"

    @property
    def parts(self) -> tuple[int, ...]:
        """What a neighbor's id is made of beside its text; nothing for the last user message."""
        return (self.index,) if self.words else ()


def place_of(prompt: Prompt, target: Target = None) -> Place:
    """Return the message of the prompt that ``target`` chooses.

    Args:
        prompt: a conversation; ``text`` is its last message.
        target: an index into ``prompt.messages`` (negative ones count from the end), a role for
            the last message of that role, or ``None`` for the last user message.

    Raises:
        NeighborhoodError: there is no such message or role.
        PromptError: the message holds nothing but whitespace.

    >>> from pytest_promptchaos.records import Message
    >>> brief = Prompt(id="q", text="Why?", before=(Message(role="system", content="Be brief."),))
    >>> [place_of(brief, target).words for target in (None, "system", 0, -1)]
    ['', 'system message', 'system message', '']
    """
    messages = prompt.messages
    index = _index(prompt, target)
    if not messages[index].content.strip():
        raise PromptError(
            f"prompt {prompt.id!r}: message {index + 1} of {len(messages)} "
            f"({messages[index].role}) is {messages[index].content!r}, so there is nothing in it "
            "to edit; write one or choose another target"
        )
    return Place(index, messages[index].content, _words(messages, index))


def rewritten(prompt: Prompt, place: Place, text: str) -> Prompt:
    """Return the prompt with the message at ``place`` saying ``text``, and all else kept.

    Raises:
        NeighborhoodError: nothing but whitespace would be left.
    """
    if not text.strip():
        raise NeighborhoodError(
            f"prompt {prompt.id!r}: an edit of {place.named} leaves {text!r}, so nothing would be "
            "said there; take the edit out"
        )
    if not place.words:
        return replace(prompt, text=text)
    before = list(prompt.before)
    before[place.index] = replace(before[place.index], content=text)
    return replace(prompt, before=tuple(before))


def _index(prompt: Prompt, target: object) -> int:
    """Return the position of the chosen message, counted from 0."""
    if target is None:
        return len(prompt.before)
    if isinstance(target, str):
        return _of_role(prompt, target)
    if isinstance(target, bool) or not isinstance(target, Integral):
        raise NeighborhoodError(
            f"target is {target!r:.80}: it takes the index of a message, {', '.join(_ROLES)}, or "
            "None for the last user message"
        )
    return _at(prompt, int(target))


def _of_role(prompt: Prompt, role: str) -> int:
    if role not in _ROLES:
        near = get_close_matches(role, _ROLES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"the roles are {', '.join(_ROLES)}"
        raise NeighborhoodError(f"target is {role!r}, which is no role of a message: {hint}")
    for index in range(len(prompt.before), -1, -1):
        if prompt.messages[index].role == role:
            return index
    raise NeighborhoodError(
        f"prompt {prompt.id!r} has no {role} message to edit: its messages are "
        f"{_listed(prompt.messages)}; add one with before=, or choose another target"
    )


def _at(prompt: Prompt, index: int) -> int:
    count = len(prompt.messages)
    if not -count <= index < count:
        raise NeighborhoodError(
            f"prompt {prompt.id!r} has no message {index}: its messages are "
            f"{_listed(prompt.messages)}, so target takes {-count} to {count - 1}"
        )
    return index % count


def _listed(messages: Sequence[Message]) -> str:
    return ", ".join(f"{index} {message.role}" for index, message in enumerate(messages))


def _words(messages: Sequence[Message], index: int) -> str:
    if index == len(messages) - 1:
        return ""
    role = messages[index].role
    if role == "system" and [message.role for message in messages].count("system") == 1:
        return "system message"
    return f"turn {index + 1} ({role})"
