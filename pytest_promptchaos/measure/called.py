"""The user's functions: whether they take a text, what they say of every output, or raise."""

from __future__ import annotations

import inspect
from textwrap import shorten
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.records import Control

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_promptchaos.measure.pairs import Observed
    from pytest_promptchaos.records import Run

    Errors: TypeAlias = tuple[tuple[str, str, str], ...]

SHOWN = 3
"""Of what was raised, as many messages are told, each with as many of its places."""
LONGEST = 200
"""Characters of a message that are told."""
_T = TypeVar("_T")


def takes_text(argument: str, function: object, wanted: str) -> str:
    """Return the name of a function that can be called with one text.

    Raises ``ArgumentError``, with what is ``wanted`` for the ``argument``, where it cannot.

    >>> takes_text("extract", str.strip, "a function")
    'strip'
    """
    if not callable(function):
        raise ArgumentError(f"{argument} is {function!r}: it must be {wanted}")
    name = str(getattr(function, "__name__", type(function).__name__))
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        # Some functions written in C tell nothing about their arguments.
        return name
    try:
        signature.bind("")
    except TypeError as error:
        raise ArgumentError(
            f"{argument} is {name}{signature}, which cannot be called with one text ({error}): "
            f"it must be {wanted}"
        ) from error
    return name


def called(
    observed: Sequence[Observed], function: Callable[[Run], _T | None]
) -> tuple[dict[str, tuple[_T | None, _T | None]], Errors]:
    """Return what a user's function says of every pair, by neighbor id, and what it raised.

    Errors are a prompt's id, the edit of the output (or ``"center"``), and the message.
    """
    found: dict[str, tuple[_T | None, _T | None]] = {}
    errors: list[tuple[str, str, str]] = []

    def tried(run: Run, prompt: str, which: str) -> _T | None:
        try:
            return function(run)
        except Exception as error:
            told = shorten(f"{type(error).__name__}: {error}", LONGEST, placeholder=" ...")
            errors.append((prompt, which, told))
            return None

    for o in observed:
        prompt = o.center.prompt.id
        center = tried(o.center, prompt, "center")
        for n in o.neighborhood.neighbors:
            if n.id in o.runs:
                found[n.id] = (center, tried(o.runs[n.id], prompt, n.edit))
    return found, tuple(errors)


def guard(name: str, words: str, errors: Errors, *, failed: bool = False) -> Control:
    """Return the control of a user's function: failed where it raised, or where ``failed``."""
    bad = failed or bool(errors)
    told = words + _raised(errors)
    return Control(name=name, role="gate", state="failed" if bad else "held", words=told)


def _raised(errors: Errors) -> str:
    """Return what was raised in words, each message once with its first places."""
    if not errors:
        return ""
    by_message: dict[str, list[str]] = {}
    for prompt, which, message in errors:
        by_message.setdefault(message, []).append(f"prompt {prompt!r}, {which}")
    told = [f"{message} ({_first(places)})" for message, places in by_message.items()]
    count = f"{len(errors)} output{'s' if len(errors) > 1 else ''}"
    return f"; raised for {count}: {_first(told)}"


def _first(told: Sequence[str]) -> str:
    others = len(told) - SHOWN
    return "; ".join(told[:SHOWN]) + (f"; and {others} more" if others > 0 else "")
