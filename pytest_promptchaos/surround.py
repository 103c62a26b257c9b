"""Prompts as users give them -> neighborhoods: the first step of every check."""

from __future__ import annotations

import math
from collections.abc import Sequence
from difflib import get_close_matches
from numbers import Integral, Real
from typing import TYPE_CHECKING, TypeAlias

from pytest_promptchaos.errors import ArgumentError, NeighborhoodError, PromptError
from pytest_promptchaos.neighborhoods.ladder import as_prompt, check_rungs, neighborhood
from pytest_promptchaos.records import RUNGS, SMALL_RUNGS, Neighborhood, Prompt

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_promptchaos.neighborhoods.ledger import Texts
    from pytest_promptchaos.neighborhoods.messages import Target
    from pytest_promptchaos.records import Neighbor, Rung

Asked: TypeAlias = str | Prompt | Neighborhood


def neighborhoods_of(
    asked: Sequence[Asked],
    *,
    rungs: Sequence[Rung],
    paraphrases: Texts,
    small_semantic: Texts,
    positive_control: Texts,
    per_rung: int,
    seed: int,
    target: Target = None,
) -> list[Neighborhood]:
    """Return one neighborhood per prompt; those given ready-made stay as they are."""
    _check_whose(asked, any((paraphrases, small_semantic, positive_control)), target)
    centers = [center_of(a) for a in asked]
    check_distinct(centers)
    return [
        _ready_made(a)
        if isinstance(a, Neighborhood)
        else neighborhood(
            center,
            rungs=ladder(rungs, paraphrases, small_semantic),
            seed=seed,
            per_rung=per_rung,
            paraphrases=paraphrases,
            small_semantic=small_semantic,
            positive_control=positive_control,
            other_prompts=[c for c in centers if c.id != center.id],
            target=target,
        )
        for a, center in zip(asked, centers, strict=True)
    ]


def _check_whose(asked: Sequence[Asked], authored: bool, target: Target) -> None:
    """Raise for texts or a target that would have to be shared out among the prompts."""
    ready_made = any(isinstance(a, Neighborhood) for a in asked)
    if authored and (len(asked) > 1 or ready_made):
        raise NeighborhoodError(
            "authored texts were given beside several prompts or a ready-made neighborhood, so it "
            "is unclear whose they are: build each with neighborhood(prompt, paraphrases=...)"
        )
    if target is not None and ready_made:
        raise NeighborhoodError(
            f"target is {target!r} beside a ready-made neighborhood, whose edits are made already: "
            "build it with neighborhood(prompt, target=...)"
        )


def _ready_made(built: Neighborhood) -> Neighborhood:
    """Return the neighborhood as it is; raise ``NeighborhoodError`` for what is no neighbor."""
    for neighbor in built.neighbors:
        for wrong in _faults(built.center, neighbor):
            raise NeighborhoodError(
                f"the ready-made neighborhood of prompt {built.center.id!r}: neighbor "
                f"{neighbor.id!r} on the rung {neighbor.rung!r} {wrong}"
            )
    ids = [neighbor.id for neighbor in built.neighbors]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise NeighborhoodError(
            f"the ready-made neighborhood of prompt {built.center.id!r} has two neighbors with the "
            f"id {twice[0]!r}, so their runs could not be told apart; give each its own"
        )
    return built


def _faults(center: Prompt, neighbor: Neighbor) -> Iterator[str]:
    if neighbor.rung not in RUNGS:
        yield f"stands on none of the rungs {', '.join(RUNGS)}"
    if _blank(neighbor.prompt) - _blank(center):
        yield "leaves an empty message, so nothing would be said there; take it out"
    same = (neighbor.prompt.messages, neighbor.prompt.image) == (center.messages, center.image)
    if same and neighbor.rung != "identical":
        yield "is the prompt itself, so it edits nothing; change it or take it out"
    if not same and neighbor.rung == "identical":
        yield "differs from the prompt, so it is no control; put the prompt itself there"


def _blank(prompt: Prompt) -> set[int]:
    return {at for at, message in enumerate(prompt.messages) if not message.content.strip()}


def ladder(judged: Sequence[Rung], paraphrases: Texts, small_semantic: Texts) -> tuple[Rung, ...]:
    """Return the rungs to run: the judged ones, the small ones, the authored ones, the controls.

    A judged rung is asked for even when nothing is authored for it, so that its absence is told.
    """
    check_rungs(judged)
    wanted: set[Rung] = {"identical", *SMALL_RUNGS, "positive_control", *judged}
    wanted |= {"paraphrase"} if paraphrases else set()
    wanted |= {"small_semantic"} if small_semantic else set()
    return tuple(rung for rung in RUNGS if rung in wanted)


def several(prompt: Asked | Sequence[Asked]) -> Sequence[Asked]:
    """Return the prompts as a sequence; a text is one prompt, not a sequence of letters."""
    if isinstance(prompt, str | Prompt | Neighborhood):
        return [prompt]
    if not isinstance(prompt, Sequence) or not all(
        isinstance(one, str | Prompt | Neighborhood) for one in prompt
    ):
        raise PromptError(
            f"the prompt is {prompt!r:.80}: pass a text, a Prompt (for chat messages: its "
            "before=), a Neighborhood, or a list of them"
        )
    if not prompt:
        raise PromptError("no prompt was given: pass a text, a Prompt, a Neighborhood or several")
    return prompt


def center_of(asked: Asked) -> Prompt:
    """Return the prompt in the middle of what was asked."""
    return asked.center if isinstance(asked, Neighborhood) else as_prompt(asked)


def check_distinct(prompts: Sequence[Prompt]) -> None:
    """Raise ``PromptError`` for prompts that share an id."""
    ids = [prompt.id for prompt in prompts]
    twice = sorted({i for i in ids if ids.count(i) > 1})
    if twice:
        raise PromptError(
            f"prompt {twice[0]!r} was given more than once: it would count twice in the mean; "
            "give each prompt an id of its own or drop the copy"
        )


def check_choice(name: str, value: str, choices: Iterable[str]) -> None:
    """Raise ``ArgumentError`` unless ``value`` is one of ``choices``, naming the nearest."""
    known = tuple(choices)
    if value not in known:
        near = get_close_matches(str(value), known, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise ArgumentError(f"{name} is {value!r}: {hint}it takes {' or '.join(known)}")


def check_count(name: str, value: object, *, least: int) -> None:
    """Raise ``ArgumentError`` unless ``value`` is a whole number of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < least:
        raise ArgumentError(f"{name} is {value!r}, but it takes a whole number of at least {least}")


def check_number(name: str, value: object, *, least: float = -math.inf) -> None:
    """Raise ``ArgumentError`` unless ``value`` is a finite number of at least ``least``."""
    number = math.nan if isinstance(value, bool) or not isinstance(value, Real) else float(value)
    if not math.isfinite(number) or number < least:
        bound = "" if least == -math.inf else f" of at least {least:g}"
        raise ArgumentError(f"{name} is {value!r}, but it takes a finite number{bound}")
