"""Prompt -> Neighborhood: a handful of neighbors per rung, the same ones on every machine.

The id of a neighbor is a hash of the prompt's id, the rung and the edited text, so that it does
not depend on the order of the neighbors, nor on which others there are.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from pytest_promptchaos.errors import NeighborhoodError, PromptError
from pytest_promptchaos.neighborhoods.draw import digest, drawn
from pytest_promptchaos.neighborhoods.edits import Edit, format_edits, punctuation_edits
from pytest_promptchaos.neighborhoods.lexicon import synonym_edits
from pytest_promptchaos.neighborhoods.unrelated import unrelated
from pytest_promptchaos.records import RUNGS, SMALL_RUNGS, Neighbor, Neighborhood, Prompt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

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
    "format": "the prompt has no place for a layout edit",
    "punctuation": "the prompt has no place for a punctuation edit",
    "synonym": "no word of this prompt is in the lexicon in a place where a swap is safe",
    "paraphrase": "no paraphrase was authored",
    "small_semantic": "no small change of meaning was authored",
    "positive_control": "no unrelated request was found",
}
_ALWAYS: frozenset[Rung] = frozenset({"identical", *SMALL_RUNGS, "positive_control"})
_CHANGES_MEANING = frozenset({"small_semantic", "positive_control"})


@dataclass(frozen=True)
class _Candidate:
    edit: Edit
    origin: Origin


def neighborhood(
    prompt: str | Prompt,
    *,
    rungs: Sequence[Rung] | None = None,
    seed: int = 0,
    per_rung: int = 4,
    paraphrases: Sequence[str] = (),
    small_semantic: Sequence[str] = (),
    positive_control: Sequence[str] = (),
    other_prompts: Sequence[Prompt] = (),
) -> Neighborhood:
    """Return a prompt with its neighbors, smallest rung first.

    Args:
        prompt: a text, or a ``Prompt``; edits apply to its last user message. A text gets a short
            hash of itself as id.
        rungs: the rungs to fill. By default ``identical``, the small rungs, the rungs for which
            texts are authored, and ``positive_control``.
        seed: another seed draws other neighbors.
        per_rung: how many to draw, from as many kinds of edit as possible. Authored texts are
            never drawn from: all are taken.
        paraphrases: authored texts that ask the same in other words.
        small_semantic: authored texts that ask for something slightly different.
        positive_control: authored texts that ask for something else entirely.
        other_prompts: where to take the positive control from when none is authored; those that
            share the fewest words with the prompt come first. Without any, requests built into
            the package are taken.

    Returns:
        Uncertified neighbors. Their ids depend on the prompt's id, the rung and the edited text,
        and on nothing else. ``unavailable`` says why a rung that was asked for is empty.
        Neighbors that change the meaning carry no ``polarity`` and no ``proposition``.

    Raises:
        PromptError: the prompt, or an authored text, is empty.
        NeighborhoodError: an unknown rung, ``per_rung`` under 1, an authored text that repeats
            the prompt or another authored text.

    >>> built = neighborhood("Recommend a book like Dune.", rungs=["synonym"])
    >>> [(neighbor.prompt.text, neighbor.edit) for neighbor in built.neighbors]
    [('Suggest a book like Dune.', "replaced 'Recommend' by 'Suggest'")]
    """
    if per_rung < 1:
        raise NeighborhoodError(f"per_rung is {per_rung}: a rung that is run needs 1 or more")
    center = as_prompt(prompt)
    authored: dict[Rung, tuple[str, ...]] = {
        "paraphrase": _texts(paraphrases),
        "small_semantic": _texts(small_semantic),
        "positive_control": _texts(positive_control),
    }
    _check_authored(center, authored)
    on_rungs = {
        rung: _on_rung(
            rung,
            center,
            seed=seed,
            per_rung=per_rung,
            authored=authored.get(rung, ()),
            other_prompts=other_prompts,
        )
        for rung in _asked(rungs, authored)
    }
    return Neighborhood(
        center=center,
        neighbors=tuple(
            _neighbor(center, candidate)
            for candidates in on_rungs.values()
            for candidate in candidates
        ),
        seed=seed,
        ladder_version=LADDER_VERSION,
        unavailable=tuple((rung, _WHY_EMPTY[rung]) for rung in on_rungs if not on_rungs[rung]),
    )


def as_prompt(prompt: str | Prompt) -> Prompt:
    """Return the prompt; a text becomes one, called by its first words and 4 digits of its hash.

    >>> as_prompt("Recommend a book like Dune.").id
    'recommend-a-book-like-dune-5011'

    Raises:
        PromptError: there is nothing but whitespace in it.
    """
    text = prompt if isinstance(prompt, str) else prompt.text
    if not text.strip():
        raise PromptError(f"the prompt is {text!r}: there is nothing to ask or to edit; write one")
    return Prompt(id=_name(text), text=text) if isinstance(prompt, str) else prompt


def _name(text: str) -> str:
    """Return a name that a reader recognizes and that two texts hardly share."""
    words = re.findall(r"[a-z0-9]+", text.lower())[:5]
    return "-".join([*(word[:16] for word in words), digest(text)[:4]])


def check_rungs(rungs: Iterable[str]) -> None:
    """Raise ``NeighborhoodError`` for a name that is not a rung, with the closest one."""
    for rung in rungs:
        if rung not in RUNGS:
            close = get_close_matches(rung, RUNGS, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"the rungs are {', '.join(RUNGS)}"
            raise NeighborhoodError(f"there is no rung {rung!r}: {hint}")


def _asked(
    rungs: Sequence[Rung] | None, authored: Mapping[Rung, tuple[str, ...]]
) -> tuple[Rung, ...]:
    """Return the rungs to fill, smallest first."""
    if rungs is not None:
        check_rungs(rungs)
        return tuple(rung for rung in RUNGS if rung in rungs)
    written = {rung for rung, texts in authored.items() if texts}
    return tuple(rung for rung in RUNGS if rung in {*_ALWAYS, *written})


def _texts(authored: Sequence[str]) -> tuple[str, ...]:
    """Return the authored texts; one string is one text, not a sequence of letters."""
    return (authored,) if isinstance(authored, str) else tuple(authored)


def _check_authored(center: Prompt, authored: Mapping[Rung, tuple[str, ...]]) -> None:
    for rung, texts in authored.items():
        for text in texts:
            if not text.strip():
                raise PromptError(f"prompt {center.id!r}: an authored {rung} text is {text!r}")
            if text == center.text:
                raise NeighborhoodError(
                    f"prompt {center.id!r}: the authored {rung} text {text!r} is the prompt "
                    "itself, so it edits nothing; change it or take it out (the ladder adds the "
                    "identical control on its own)"
                )
    counted = Counter(text for texts in authored.values() for text in texts)
    repeated = [text for text, count in counted.items() if count > 1]
    if repeated:
        raise NeighborhoodError(
            f"prompt {center.id!r}: the authored text {repeated[0]!r} is given "
            f"{counted[repeated[0]]} times, so it would count more than once; keep one of them"
        )


def _on_rung(
    rung: Rung,
    center: Prompt,
    *,
    seed: int,
    per_rung: int,
    authored: Sequence[str],
    other_prompts: Sequence[Prompt],
) -> list[_Candidate]:
    if rung == "identical":
        return [_Candidate(Edit("identical", rung, "left unchanged", center.text), "mechanical")]
    if rung in _EDITS:
        edits = drawn(_EDITS[rung](center.text), center, seed)[:per_rung]
        return [_Candidate(edit, _ORIGINS[rung]) for edit in edits]
    if rung == "positive_control" and not authored:
        controls = unrelated(center, seed, other_prompts)[:per_rung]
        return [_Candidate(edit, "generated") for edit in controls]
    what = rung.replace("_", " ")
    return [
        _Candidate(Edit(rung, rung, f"authored {what} {number}", text), "authored")
        for number, text in enumerate(authored, start=1)
    ]


def _neighbor(center: Prompt, candidate: _Candidate) -> Neighbor:
    edit = candidate.edit
    moved = replace(center, text=edit.text)
    if edit.rung in _CHANGES_MEANING:
        moved = replace(moved, polarity=None, proposition=None)
    return Neighbor(
        id=digest(center.id, edit.rung, edit.text)[:12],
        prompt=moved,
        rung=edit.rung,
        kind=edit.kind,
        edit=edit.words,
        origin=candidate.origin,
    )
