"""Prompt -> Neighborhood: a handful of neighbors per rung, the same ones on every machine.

The id of a neighbor is a hash of the prompt's id, the rung and the edited text, so that it does
not depend on the order of the neighbors, nor on which others there are. An edit of a message other
than the last user message adds the position of that message.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from difflib import get_close_matches
from numbers import Integral
from typing import TYPE_CHECKING

from pytest_promptchaos.errors import NeighborhoodError, PromptError
from pytest_promptchaos.neighborhoods.draw import digest, drawn
from pytest_promptchaos.neighborhoods.edits import Edit, format_edits, punctuation_edits
from pytest_promptchaos.neighborhoods.ledger import authored, check_authored
from pytest_promptchaos.neighborhoods.lexicon import synonym_edits
from pytest_promptchaos.neighborhoods.messages import place_of, rewritten
from pytest_promptchaos.neighborhoods.unrelated import unrelated
from pytest_promptchaos.records import RUNGS, SMALL_RUNGS, Neighbor, Neighborhood, Prompt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pytest_promptchaos.neighborhoods.ledger import Authored, Texts
    from pytest_promptchaos.neighborhoods.messages import Place, Target
    from pytest_promptchaos.records import Origin, Rung

LADDER_VERSION = 1
"""Raised whenever a prompt's neighborhood would come out otherwise than before."""

_EDITS: Mapping[Rung, Callable[[str], tuple[Edit, ...]]] = {
    "format": format_edits,
    "punctuation": punctuation_edits,
    "synonym": synonym_edits,
}
_ORIGINS: Mapping[Rung, Origin] = {
    "format": "mechanical",
    "punctuation": "mechanical",
    "synonym": "lexicon",
}
_WHY_EMPTY: Mapping[Rung, str] = {
    "format": "{where} has no place for a layout edit",
    "punctuation": "{where} has no place for a punctuation edit",
    "synonym": "no word of {where} is in the lexicon in a place where a swap is safe",
    "paraphrase": "no paraphrase was authored",
    "small_semantic": "no small change of meaning was authored",
    "positive_control": "no unrelated request was found",
}
_ALWAYS: frozenset[Rung] = frozenset({"identical", *SMALL_RUNGS, "positive_control"})
_CHANGES_MEANING = frozenset({"small_semantic", "positive_control"})
_ON_THE_REQUEST = frozenset({"identical", "positive_control"})
"""Rungs that stand on the last user message, whichever message the others edit."""


@dataclass(frozen=True)
class _Candidate:
    edit: Edit
    origin: Origin
    reviewer: str = ""


def neighborhood(
    prompt: str | Prompt,
    *,
    rungs: Sequence[Rung] | None = None,
    seed: int = 0,
    per_rung: int = 4,
    paraphrases: Texts = (),
    small_semantic: Texts = (),
    positive_control: Texts = (),
    other_prompts: Sequence[Prompt] = (),
    target: Target = None,
) -> Neighborhood:
    """Return a prompt with its neighbors, smallest rung first.

    Args:
        prompt: a text, or a ``Prompt``; edits apply to one of its messages. A text gets a short
            hash of itself as id.
        rungs: the rungs to fill. By default ``identical``, the small rungs, the rungs for which
            texts are authored, and ``positive_control``.
        seed: another seed draws other neighbors.
        per_rung: how many to draw, from as many kinds of edit as possible. Authored texts are
            never drawn from: all are taken.
        paraphrases: authored texts that ask the same in other words. Here and below, a text is a
            string, or an ``Authored`` that says who wrote and who reviewed it.
        small_semantic: authored texts that ask for something slightly different.
        positive_control: authored texts that ask for something else entirely.
        other_prompts: where to take the positive control from when none is authored; those that
            share the fewest words with the prompt come first. Without any, requests built into
            the package are taken.
        target: the message to edit: an index into ``prompt.messages``, ``system``, ``user`` or
            ``assistant`` for the last message of that role, ``None`` for the last user message.
            Authored paraphrases and small changes of meaning replace that message. A positive
            control always replaces the last user message, because it must change what is asked.

    Returns:
        Uncertified neighbors. Their ids depend on the prompt's id, the rung, the edited text and
        the position of its message (unless that is the last), and on nothing else.
        ``unavailable`` says why a rung that was asked for is empty. Neighbors that change the
        meaning carry no ``polarity`` and no ``proposition``.

    Raises:
        PromptError: the prompt, the message to edit, or an authored text is empty.
        NeighborhoodError: an unknown rung, no rung at all, ``per_rung`` under 1, an authored text
            that is no text or repeats the prompt or another one, no message at ``target``.

    >>> built = neighborhood("Recommend a book like Dune.", rungs=["synonym"])
    >>> [(neighbor.prompt.text, neighbor.edit) for neighbor in built.neighbors]
    [('Suggest a book like Dune.', "replaced 'Recommend' by 'Suggest'")]
    """
    _check_whole("per_rung", per_rung, least=1)
    _check_whole("seed", seed)
    center = as_prompt(prompt)
    texts: dict[Rung, tuple[Authored, ...]] = {
        "paraphrase": authored("paraphrase", paraphrases),
        "small_semantic": authored("small_semantic", small_semantic),
        "positive_control": authored("positive_control", positive_control),
    }
    places = _places(center, target)
    check_authored(center, texts, places)
    on_rungs = {
        rung: _on_rung(
            rung,
            replace(center, text=places[rung].text),
            seed=int(seed),
            per_rung=per_rung,
            texts=texts.get(rung, ()),
            other_prompts=other_prompts,
        )
        for rung in _asked(rungs, texts)
    }
    return Neighborhood(
        center=center,
        neighbors=tuple(
            _neighbor(center, candidate, places[rung])
            for rung, candidates in on_rungs.items()
            for candidate in candidates
        ),
        seed=int(seed),
        ladder_version=LADDER_VERSION,
        unavailable=tuple(
            (rung, _WHY_EMPTY[rung].format(where=places[rung].named))
            for rung in on_rungs
            if not on_rungs[rung]
        ),
    )


def as_prompt(prompt: str | Prompt) -> Prompt:
    """Return the prompt; a text becomes one, called by its first words and 4 digits of its hash.

    >>> as_prompt("Recommend a book like Dune.").id
    'recommend-a-book-like-dune-5011'

    Raises:
        PromptError: it is no text, or there is nothing but whitespace in it.
    """
    text = prompt.text if isinstance(prompt, Prompt) else prompt
    if not isinstance(text, str):
        raise PromptError(f"the prompt is {prompt!r:.80}: pass a text or a Prompt")
    if not text.strip():
        raise PromptError(f"the prompt is {text!r}: there is nothing to ask or to edit; write one")
    return Prompt(id=_name(text), text=text) if isinstance(prompt, str) else prompt


def _name(text: str) -> str:
    """Return a name that a reader recognizes and that two texts hardly share."""
    words = re.findall(r"[a-z0-9]+", text.lower())[:5]
    return "-".join([*(word[:16] for word in words), digest(text)[:4]])


def check_rungs(rungs: Iterable[str]) -> None:
    """Raise ``NeighborhoodError`` for a name that is not a rung, with the closest one.

    So it does for no rung at all, and for a text where a list of names belongs.
    """
    if isinstance(rungs, str) or not isinstance(rungs, Collection):
        raise NeighborhoodError(f"rungs is {rungs!r:.80}: pass a list of names, as in ['format']")
    if not rungs:
        raise NeighborhoodError(
            f"rungs is empty, so there would be no neighbor to run: name some of {', '.join(RUNGS)}"
        )
    for rung in rungs:
        if rung not in RUNGS:
            close = get_close_matches(str(rung), RUNGS, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"the rungs are {', '.join(RUNGS)}"
            raise NeighborhoodError(f"there is no rung {rung!r}: {hint}")


def _check_whole(name: str, value: object, *, least: int | None = None) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise NeighborhoodError(f"{name} is {value!r}, but it takes a whole number")
    if least is not None and int(value) < least:
        raise NeighborhoodError(f"{name} is {value}: a rung that is run needs {least} or more")


def _places(center: Prompt, target: Target) -> dict[Rung, Place]:
    """Return for every rung the message that its neighbors are edited in."""
    edited, request = place_of(center, target), place_of(center)
    return {rung: request if rung in _ON_THE_REQUEST else edited for rung in RUNGS}


def _asked(
    rungs: Sequence[Rung] | None, texts: Mapping[Rung, Sequence[Authored]]
) -> tuple[Rung, ...]:
    """Return the rungs to fill, smallest first."""
    if rungs is not None:
        check_rungs(rungs)
        return tuple(rung for rung in RUNGS if rung in rungs)
    written = {rung for rung in texts if texts[rung]}
    return tuple(rung for rung in RUNGS if rung in {*_ALWAYS, *written})


def _on_rung(
    rung: Rung,
    center: Prompt,
    *,
    seed: int,
    per_rung: int,
    texts: Sequence[Authored],
    other_prompts: Sequence[Prompt],
) -> list[_Candidate]:
    """Return what stands on a rung, where ``center.text`` is the message that is edited."""
    if rung == "identical":
        return [_Candidate(Edit("identical", rung, "left unchanged", center.text), "mechanical")]
    if rung in _EDITS:
        edits = drawn(_EDITS[rung](center.text), center, seed)[:per_rung]
        return [_Candidate(edit, _ORIGINS[rung]) for edit in edits]
    if rung == "positive_control" and not texts:
        controls = unrelated(center, seed, other_prompts)[:per_rung]
        return [_Candidate(edit, "generated") for edit in controls]
    what = rung.replace("_", " ")
    return [
        _Candidate(
            Edit(rung, rung, f"{one.origin} {what} {number}", one.text), one.origin, one.reviewer
        )
        for number, one in enumerate(texts, start=1)
    ]


def _neighbor(center: Prompt, candidate: _Candidate, place: Place) -> Neighbor:
    edit = candidate.edit
    moved = rewritten(center, place, edit.text)
    if edit.rung in _CHANGES_MEANING:
        moved = replace(moved, polarity=None, proposition=None)
    return Neighbor(
        id=digest(center.id, edit.rung, edit.text, *place.parts)[:12],
        prompt=moved,
        rung=edit.rung,
        kind=edit.kind,
        edit=edit.words,
        origin=candidate.origin,
        reviewer=candidate.reviewer,
        target=place.words,
    )
