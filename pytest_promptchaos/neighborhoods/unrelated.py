"""The positive control of a prompt that comes without one: a request for something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_promptchaos.neighborhoods.draw import sort_key
from pytest_promptchaos.neighborhoods.edits import Edit
from pytest_promptchaos.neighborhoods.prose import read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.records import Prompt

UNRELATED = (
    "What is the capital of Australia?",
    "Write a haiku about winter rain.",
    "How do I boil an egg?",
    "Explain why the sky looks blue.",
    "List three mammals that lay eggs.",
    "Who painted the Mona Lisa?",
    "Convert 30 degrees Celsius to Fahrenheit.",
    "Tell me a joke about penguins.",
    "Suggest a name for a bakery.",
    "What causes earthquakes?",
    "Give one tip for better sleep.",
    "Describe the taste of a lemon.",
)
"""Everyday requests with little in common, for a suite of one prompt."""


def unrelated(center: Prompt, seed: int, other_prompts: Sequence[Prompt]) -> list[Edit]:
    """Return requests that ask for something else, those with the fewest shared words first."""
    from_others = [
        Edit("other_prompt", "positive_control", f"taken from the prompt {o.id!r}", o.text)
        for o in sorted(other_prompts, key=lambda other: other.id)
        if not _asks_the_same(o, center)
    ]
    built_in = [
        Edit("built_in_request", "positive_control", "built-in unrelated request", text)
        for text in UNRELATED
        if text.split() != center.text.split()
    ]
    unique = {edit.text: edit for edit in from_others or built_in}
    mine = _vocabulary(center.text)
    return sorted(
        unique.values(),
        key=lambda edit: (len(mine & _vocabulary(edit.text)), sort_key(seed, center, edit)),
    )


def _asks_the_same(other: Prompt, center: Prompt) -> bool:
    same_proposition = other.proposition is not None and other.proposition == center.proposition
    return same_proposition or other.text.split() == center.text.split() or not other.text.strip()


def _vocabulary(text: str) -> frozenset[str]:
    return frozenset(word.text.lower() for word in read(text).words)
