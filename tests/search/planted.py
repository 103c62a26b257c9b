"""Models with planted weaknesses around one prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_promptchaos.models.scripted import ScriptedModel

if TYPE_CHECKING:
    from collections.abc import Callable

RICE = "What is a quick way to cook rice?"
BOIL, FRY = "Boil it in plenty of water.", "Fry it with garlic and a little salt."
ELSE = "That is another question."


def two_spaces(text: str) -> bool:
    return text.endswith("  ") and not text.endswith("   ")


def swapped(text: str) -> bool:
    return "fast" in text


def both(text: str) -> bool:
    return two_spaces(text) and swapped(text)


def nothing(_text: str) -> bool:
    return False


PLANTED: dict[Callable[[str], bool], str] = {
    two_spaces: "added 2 trailing spaces",
    swapped: "replaced 'quick' by 'fast'",
    both: "replaced 'quick' by 'fast' and added 2 trailing spaces",
}


def answers(flips: Callable[[str], bool]) -> Callable[[str], str]:
    """Return answers that are alike around RICE, but where ``flips`` says otherwise."""

    def answer(text: str) -> str:
        if "rice" not in text:
            return ELSE
        return FRY if flips(text) else BOIL

    return answer


def weak(flips: Callable[[str], bool], version: str = "1") -> ScriptedModel:
    return ScriptedModel("weak", answers(flips), version=version)
