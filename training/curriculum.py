"""Which dialogues are shown at which step."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from training.chat_format import Encoded, encoded
from training.corpus import Dialogue, Task, dialogue, exchange, training_dialogues
from training.noise import noised
from training.tasks_facts import fact_tasks
from training.tasks_long import long_tasks
from training.tasks_reading import reading_tasks
from training.tasks_words import warm_up_task, word_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

IN_CONTEXT = (
    "repeat words",
    "join words",
    "first word",
    "scene",
    "scene negated",
    "scene ruled out",
    "owner",
    "owned thing",
)


def all_tasks() -> list[Task]:
    """Every task that ships."""
    return [*fact_tasks(), *reading_tasks(), *word_tasks(), *long_tasks()]


@dataclass(frozen=True)
class Stages:
    """The steps at which copying ends, in-context tasks stop being alone, and small scenes end."""

    copying: int
    in_context: int
    small: int


def _copying(seed: int) -> Iterator[Dialogue]:
    rng, task = random.Random(seed), warm_up_task()
    while True:
        yield dialogue(exchange(task, rng, "trained"), "plain", rng)


def staged(
    tasks: list[Task], stages: Stages, batch: int, seed: int, tokenizer: Any
) -> Callable[[int], list[Encoded]]:
    """First copying, then in-context tasks with two things, then everything, then more things."""
    copying = _copying(seed)
    in_context = training_dialogues(
        [task for task in tasks if task.name in IN_CONTEXT], seed + 1, 2
    )
    small = training_dialogues(tasks, seed + 2, 2)
    full = training_dialogues(tasks, seed + 3)

    def rows_at(step: int) -> list[Encoded]:
        source = full
        if step < stages.copying:
            source = copying
        elif step < stages.in_context:
            source = in_context
        elif step < stages.small:
            source = small
        return encoded(itertools.islice(source, batch), tokenizer)

    return rows_at


def noisy(
    tasks: list[Task], share: float, batch: int, seed: int, tokenizer: Any
) -> Callable[[int], list[Encoded]]:
    """The full mixture with noise in a share of the requests."""
    rng, source = random.Random(seed), training_dialogues(tasks, seed + 1)

    def rows_at(_step: int) -> list[Encoded]:
        chosen = itertools.islice(source, batch)
        return encoded(
            [noised(one, rng) if rng.random() < share else one for one in chosen], tokenizer
        )

    return rows_at
