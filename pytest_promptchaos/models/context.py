"""Whether a prompt and its answer fit into what a model reads at once."""

from __future__ import annotations

from pytest_promptchaos.errors import PromptError


def check_fits(pin: str, prompt: str, length: int, horizon: int, context: int | None) -> None:
    """Raise ``PromptError`` unless ``length`` + ``horizon`` tokens fit into ``context``.

    ``None`` is a context without a bound.
    """
    if context is None or length + horizon <= context:
        return
    room = context - length
    fixes = [f"lower the horizon to at most {room}"] if room > 0 else []
    if context > horizon:
        fixes.append(f"shorten the prompt to at most {context - horizon} tokens")
    raise PromptError(
        f"prompt {prompt!r} has {length} tokens and the horizon is {horizon}, but {pin} takes "
        f"{context} in all: {' or '.join(fixes) or 'shorten the prompt and lower the horizon'}"
    )
