"""What a user passes to a scripted model: looked at before it is called."""

from __future__ import annotations

import inspect
from collections import Counter
from typing import TYPE_CHECKING

from pytest_promptchaos.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable


def check_script(name: object, answer: object, template: object) -> None:
    """Raise ``ArgumentError`` for a name that is no text, and for scripts that cannot be called."""
    if not isinstance(name, str) or not name:
        raise ArgumentError(
            f"the name of a scripted model is {name!r:.80}, but its pin is scripted:NAME: pass a "
            "text that is not empty"
        )
    if not callable(answer):
        raise ArgumentError(
            f"the answer of {name!r} is {answer!r:.80}, a {type(answer).__name__}: pass a function "
            "from the text of a prompt to what the model says, such as lambda text: 'Yes.'"
        )
    if template is not None and not callable(template):
        raise ArgumentError(
            f"the template of {name!r} is {template!r:.80}: pass a function from a Prompt to the "
            "text that the model sees, or leave it out"
        )


def positional(answer: Callable[..., object]) -> int:
    """Return how many positional arguments must be passed to ``answer``."""
    try:
        parameters = inspect.signature(answer).parameters.values()
    except ValueError:  # Some built-in functions show no signature; those take a text.
        return 1
    kinds = Counter(parameter.kind for parameter in parameters if parameter.default is _NOTHING)
    return kinds[_EITHER] + kinds[_ONLY]


_NOTHING = inspect.Parameter.empty
_EITHER, _ONLY = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY
