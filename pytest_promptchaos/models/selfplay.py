"""A conversation as its next speaker sees it, and the seed from which it draws.

Nothing here imports torch: scripts converse too. A model's own words are in ``speaking``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Literal

from pytest_promptchaos.records import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.records import Prompt, Role, Run


@dataclass(frozen=True, kw_only=True)
class Spoken:
    """What one speaker said. ``output_ids`` ends with the end token where one was drawn.

    ``shown`` counts the tokens that the speaker was shown.
    """

    text: str
    output_ids: tuple[int, ...]
    shown: int
    finish: Literal["end", "horizon"]
    seconds: float = 0.0


def spoken(run: Run) -> Spoken:
    """Return what was said in a run."""
    return Spoken(
        text=run.text,
        output_ids=run.output_ids,
        shown=len(run.prompt_ids),
        finish=run.finish,
        seconds=run.seconds,
    )


def turn_seed(seed: int, seed_id: str, repeat: int, number: int) -> int:
    """Return the seed of one turn's draw, in [0, 2^63).

    It is the beginning of a sha256 over its arguments. The condition is none of them: turn 7 of
    the same seed prompt and repeat draws with the same random numbers whoever speaks, so that
    conditions differ by their speakers and not by their luck.

    >>> turn_seed(0, "tides", 0, 1) == turn_seed(0, "tides", 0, 1) != turn_seed(0, "tides", 1, 1)
    True
    """
    digest = sha256(repr((int(seed), seed_id, int(repeat), int(number))).encode()).digest()
    return int.from_bytes(digest[:8]) >> 1


def seen_by_speaker(seed_prompt: Prompt, texts: Sequence[str]) -> Prompt:
    r"""Return what the speaker of turn ``len(texts) + 1`` is shown: all that was said so far.

    The last message is the user's and the roles alternate backwards from there, so that every
    speaker answers the other one and finds its own part as the assistant's. Where the seed prompt
    would come out as the assistant's, it and the first reply are one user message, because many
    chat templates refuse an assistant who begins. A system message stays first; what was said
    comes unchanged, an empty turn as an empty message. Before the first turn it is the seed prompt.

    >>> from pytest_promptchaos.records import Prompt
    >>> seen = seen_by_speaker(Prompt(id="tides", text="Why tides?"), ["The moon.", "Only it?"])
    >>> [(message.role, message.content) for message in seen.messages]
    [('user', 'Why tides?'), ('assistant', 'The moon.'), ('user', 'Only it?')]
    >>> seen_by_speaker(Prompt(id="tides", text="Why tides?"), ["The moon."]).text
    'Why tides?\n\nThe moon.'
    """
    if not texts:
        return seed_prompt
    system = tuple(message for message in seed_prompt.before if message.role == "system")
    asked = [message.content for message in seed_prompt.messages if message.role != "system"]
    said = [*asked, *texts]
    if len(said) % 2 == 0:
        said = ["\n\n".join(said[:2]), *said[2:]]
    roles: tuple[Role, Role] = ("user", "assistant")
    before = (Message(role=roles[place % 2], content=text) for place, text in enumerate(said[:-1]))
    return replace(
        seed_prompt,
        id=f"{seed_prompt.id}, turn {len(texts) + 1}",
        text=said[-1],
        before=(*system, *before),
    )
