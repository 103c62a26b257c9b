"""The corpus: tasks, what is held out of training, and the dialogues drawn from both.

Two things are kept from training. *Whole phrasing templates*: a fifth of each task's
templates is never shown. *Instances*: a tenth of what fills the templates is never shown,
either the content itself ("7 plus 9" never occurs) or, for facts that have to be memorised,
the pairing of one fact with one template. Everything is a pure function of a seed.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

Message = dict[str, str]
Slots = dict[str, str]
Draw = Callable[[random.Random, int], Slots]

HELD_OUT_TEMPLATES = 0.2
HELD_OUT_INSTANCES = 10
FULL_SIZE = 4


@dataclass(frozen=True)
class Task:
    """One kind of request: its phrasings and a source of contents with their answers.

    `draw(rng, largest)` returns the slots of a template plus "answer" and, where a one-word
    answer exists, "brief"; `largest` bounds the length of lists and scenes.
    """

    name: str
    length: str
    templates: tuple[str, ...]
    draw: Draw
    fresh_content: bool = False
    weight: float = 1.0

    @property
    def kept(self) -> str:
        """What a held-out instance keeps from training: the content, or its pairing."""
        return "content" if self.fresh_content else "pairing"

    @cached_property
    def held_out_templates(self) -> tuple[str, ...]:
        """The phrasings training never sees, a seeded choice of a fifth of them."""
        count = max(2, round(len(self.templates) * HELD_OUT_TEMPLATES))
        return tuple(sorted(random.Random(f"held out {self.name}").sample(self.templates, count)))

    @cached_property
    def trained_templates(self) -> tuple[str, ...]:
        """The phrasings training does see."""
        held_out = set(self.held_out_templates)
        return tuple(one for one in self.templates if one not in held_out)

    def is_held_out(self, template: str, slots: Slots) -> bool:
        """Whether this content (or this pairing of fact and template) is kept from training."""
        content = "|".join(f"{name}={slots[name]}" for name in sorted(slots))
        key = content if self.fresh_content else f"{template}|{content}"
        return zlib.crc32(f"{self.name}|{key}".encode()) % HELD_OUT_INSTANCES == 0


@dataclass(frozen=True)
class Exchange:
    """One request with its answer."""

    task: str
    template: str
    prompt: str
    answer: str
    brief: str | None = None


@dataclass(frozen=True)
class Dialogue:
    """Messages as a chat template takes them, the last one being the answer to give."""

    messages: tuple[Message, ...]
    style: str
    task: str

    @property
    def answer(self) -> str:
        """The answer wanted."""
        return self.messages[-1]["content"]

    @property
    def prompt(self) -> list[Message]:
        """Everything before that answer."""
        return list(self.messages[:-1])


def exchange(task: Task, rng: random.Random, part: str, largest: int = FULL_SIZE) -> Exchange:
    """Draws one exchange from "trained", "held-out instances" or "held-out templates"."""
    templates = task.held_out_templates if part == "held-out templates" else task.trained_templates
    while True:
        template, slots = rng.choice(templates), task.draw(rng, largest)
        if part != "held-out templates" and task.is_held_out(template, slots) != (
            part == "held-out instances"
        ):
            continue
        prompt = template.format(**slots)
        return Exchange(
            task.name,
            template,
            prompt[:1].upper() + prompt[1:],
            slots["answer"],
            slots.get("brief"),
        )


BRIEF_PROMPTS = (
    "{p} Answer in one word.",
    "Answer in one word. {p}",
    "{p} One word, please.",
    "Reply with one word. {p}",
    "{p} Reply with one word only.",
    "{p} Just one word.",
    "Use one word. {p}",
    "{p} Give a short answer.",
    "{p} Be brief.",
    "Short answer, please. {p}",
)
BRIEF_SYSTEMS = (
    "Answer in one word.",
    "Reply with one word only.",
    "You answer with one word.",
    "Be brief.",
    "Give short answers.",
    "Use one word.",
    "Always answer in one word.",
    "Your answers are short.",
)
PLAIN_SYSTEMS = (
    "You are a helpful assistant.",
    "You are a friendly assistant.",
    "You are Tiny Chat.",
    "You are a small chat model.",
    "Answer the question.",
    "Answer in full sentences.",
    "Be helpful and polite.",
    "Help the user.",
)
STYLES = ("plain", "brief prompt", "brief system", "plain system", "two turns")
STYLE_WEIGHTS = (70, 8, 8, 6, 8)


def user(text: str) -> Message:
    """A message of the user."""
    return {"role": "user", "content": text}


def assistant(text: str) -> Message:
    """A message of the assistant."""
    return {"role": "assistant", "content": text}


def system(text: str) -> Message:
    """A message of the system."""
    return {"role": "system", "content": text}


def dialogue(
    one: Exchange, style: str, rng: random.Random, earlier: Exchange | None = None
) -> Dialogue:
    """Wrap an exchange in a style; without a one-word answer a brief style becomes plain."""
    if one.brief is None and style.startswith("brief"):
        style = "plain"
    messages = [user(one.prompt), assistant(one.answer)]
    if style == "brief prompt":
        messages = [user(rng.choice(BRIEF_PROMPTS).format(p=one.prompt)), assistant(str(one.brief))]
    elif style == "brief system":
        messages = [system(rng.choice(BRIEF_SYSTEMS)), user(one.prompt), assistant(str(one.brief))]
    elif style == "plain system":
        messages = [system(rng.choice(PLAIN_SYSTEMS)), *messages]
    elif style == "two turns" and earlier is not None:
        messages = [user(earlier.prompt), assistant(earlier.answer), *messages]
    return Dialogue(tuple(messages), style, one.task)


def training_dialogues(
    tasks: list[Task], seed: int, largest: int = FULL_SIZE
) -> Iterator[Dialogue]:
    """An endless, reproducible stream of training dialogues."""
    rng = random.Random(seed)
    weights = [task.weight for task in tasks]
    short = [task for task in tasks if task.length == "short"]
    while True:
        task = rng.choices(tasks, weights)[0]
        style = rng.choices(STYLES, STYLE_WEIGHTS)[0]
        earlier = (
            exchange(rng.choice(short), rng, "trained", largest) if style == "two turns" else None
        )
        yield dialogue(exchange(task, rng, "trained", largest), style, rng, earlier)


def evaluation_dialogues(
    task: Task, part: str, style: str, count: int, seed: int
) -> list[Dialogue]:
    """Up to `count` different held-out dialogues of one task, fewer where fewer exist."""
    rng = random.Random(f"{seed} {task.name} {part} {style}")
    found: dict[str, Dialogue] = {}
    for _ in range(count * 20):
        one = dialogue(exchange(task, rng, part), style, rng, exchange(task, rng, part))
        found.setdefault(str(one.prompt), one)
        if len(found) == count:
            break
    return list(found.values())
