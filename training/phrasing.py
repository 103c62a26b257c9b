"""Sentence frames that turn one thing to ask for into many phrasings of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

NOUN_FRAMES = (
    "What is {np}?",
    "What's {np}?",
    "Tell me {np}.",
    "Please tell me {np}.",
    "Can you tell me {np}?",
    "Could you tell me {np}?",
    "Could you please tell me {np}?",
    "Name {np}.",
    "Please name {np}.",
    "Can you name {np}?",
    "Give me {np}.",
    "Could you give me {np}?",
    "I would like to know {np}.",
    "I want to know {np}.",
    "I need to know {np}.",
    "Do you know {np}?",
    "Do you know what {np} is?",
    "Tell me what {np} is.",
    "I wonder what {np} is.",
    "Quick question: what is {np}?",
    "Hello! What is {np}?",
    "Hi, can you tell me what {np} is?",
    "I forgot {np}. What is it?",
    "What would you say is {np}?",
    "Help me, what is {np}?",
)

QUESTION_FRAMES = (
    "{q}",
    "{q} Please tell me.",
    "Please answer: {q}",
    "Answer this question: {q}",
    "Here is a question. {q}",
    "Hello! {q}",
    "Quick question: {q}",
    "I have a question. {q}",
    "Tell me: {q}",
    "{q} Do you know?",
    "Do you know this? {q}",
    "Question: {q}",
)

COMMAND_FRAMES = (
    "{c}.",
    "Please {c}.",
    "Can you {c}?",
    "Could you {c}?",
    "Could you please {c}?",
    "Can you {c} for me?",
    "I would like you to {c}.",
    "I want you to {c}.",
    "Hello! Can you {c}?",
    "Would you {c}?",
    "Try to {c}.",
    "Your task is to {c}.",
)


def capitalized(sentence: str) -> str:
    """Return the sentence with an upper-case first letter; a slot at the start stays."""
    return sentence[:1].upper() + sentence[1:]


def _filled(frames: Iterable[str], slot: str, fillers: Iterable[str]) -> list[str]:
    fillers = list(fillers)
    return [capitalized(frame.replace(slot, filler)) for frame in frames for filler in fillers]


def asking_for(*noun_phrases: str) -> list[str]:
    """Every noun frame around every noun phrase ("the capital of {x}")."""
    return _filled(NOUN_FRAMES, "{np}", noun_phrases)


def questions(*asked: str) -> list[str]:
    """Every question frame around every full question ("Is {x} an animal?")."""
    return _filled(QUESTION_FRAMES, "{q}", [capitalized(one) for one in asked])


def commands(*ordered: str) -> list[str]:
    """Every command frame around every bare command ("repeat these words: {words}")."""
    return _filled(COMMAND_FRAMES, "{c}", ordered)
