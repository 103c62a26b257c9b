"""Prompts -> short digests in a verdict's settings, which tell two prompts of one id apart.

An id is a name that a test gives, and two tests of a session may give the same to other words.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_promptchaos.records import Pair, Prompt, Scalar, Verdict

DIGESTS = "prompt_digests"
"""The setting that holds them, in the order of the setting ``prompts``."""
HEX = 8
"""Digits of a digest: enough to tell apart what one session asks under one id."""


class Wording(NamedTuple):
    """Digests of a prompt's text, and of the messages and the image beside it.

    ``beside`` is empty where there are none, and ``None`` where nobody says.
    """

    text: str
    beside: str | None


def prompt_digests(prompts: Sequence[Prompt]) -> str:
    """Return the setting that tells the prompts of a verdict by what they ask.

    >>> from pytest_promptchaos.records import Prompt
    >>> prompt_digests([Prompt(id="a", text="Why?"), Prompt(id="b", text="Why?")])
    '5d8a995a, 5d8a995a'
    """
    told = ((_digest(one.text), _beside(one)) for one in prompts)
    return ", ".join(".".join(filter(None, parts)) for parts in told)


def wordings(verdict: Verdict) -> Mapping[str, Wording]:
    """Return what is known of the words of a verdict's prompts, by id.

    They are those of the settings, and where these say nothing, those of the unchanged prompts
    among the verdict's pairs, which are known without what stands beside them.
    """
    return {**dict(_shown(verdict.pairs)), **_told(verdict.settings)}


def _told(settings: Mapping[str, Scalar]) -> dict[str, Wording]:
    ids = str(settings.get("prompts") or "").split(", ")
    digests = str(settings.get(DIGESTS) or "").split(", ")
    # Ids with commas in them cannot be told apart from two ids.
    if len(ids) != len(digests) or not digests[0]:
        return {}
    parted = (digest.partition(".") for digest in digests)
    return {name: Wording(text, rest) for name, (text, _, rest) in zip(ids, parted, strict=True)}


def _shown(pairs: Sequence[Pair]) -> Iterator[tuple[str, Wording]]:
    # Of an edited neighbor the text may be another message's: the one that was edited.
    for pair in pairs:
        if pair.rung == "identical":
            yield pair.prompt_id, Wording(_digest(pair.center_text), None)


def _beside(prompt: Prompt) -> str:
    if not prompt.before and prompt.image is None:
        return ""
    image = None if prompt.image is None else prompt.image.sha256
    return _digest(json.dumps([[asdict(one) for one in prompt.before], image], sort_keys=True))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:HEX]
