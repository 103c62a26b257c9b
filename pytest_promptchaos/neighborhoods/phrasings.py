"""A finding -> a proposition: the common ways to ask about it, each with its polarity."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, TypeAlias

from pytest_promptchaos.errors import NeighborhoodError, PromptError
from pytest_promptchaos.records import Phrasing, Polarity, Proposition

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Written: TypeAlias = Phrasing | Mapping[str, object] | tuple[object, ...]

FORMS: Mapping[str, tuple[str, Polarity]] = {
    "presence": ("Is there {x}?", 1),
    "present": ("Is {x} present?", 1),
    "evidence": ("Is there evidence of {x}?", 1),
    "shows": ("Does the image show {x}?", 1),
    "free": ("Is the image free of {x}?", -1),
    "absent": ("Is {x} absent?", -1),
    "rule out": ("Can you rule out {x}?", -1),
    "ruled out": ("Can {x} be ruled out?", -1),
    "excluded": ("Can {x} be excluded?", -1),
    "no": ("Is there no {bare}?", -1),
    "normal": ("Is the {normal} normal?", -1),
}
"""By kind: the question, and 1 where "yes" affirms the finding, -1 where it denies it.

{bare} is the finding without its article, {normal} what is normal where the finding is absent.
"""
NORMAL = "normal"
POLARITIES: Mapping[object, Polarity] = {"yes affirms": 1, "yes denies": -1, 1: 1, -1: -1}
_SLOT = re.compile(r"\{\w*\}")
_ARTICLE = re.compile(r"^(?:an?|the)\s+", re.I)


def proposition(
    name: str,
    *,
    id: str | None = None,
    kinds: Sequence[str] | None = None,
    phrasings: Iterable[Written] | None = None,
    normal: str | None = None,
) -> Proposition:
    """Return a finding with the ways to ask about it; the first is the base.

    Args:
        name: the finding as it stands in "Is there ...?", with its article where it takes one:
            ``"cardiomegaly"``, ``"a pleural effusion"``.
        id: what truths and tables call it; by default the name without article, in lower case and
            with hyphens for spaces.
        kinds: keys of ``FORMS``, in the order to ask. By default all (``normal`` only where its
            argument is given), or none where ``phrasings`` are.
        phrasings: further questions, asked after those of ``kinds``: a ``Phrasing``, or a mapping
            with ``text``, ``polarity`` and, where wanted, ``kind``, or these in a tuple. Polarity
            is 1 or ``"yes affirms"``, -1 or ``"yes denies"``; {x} stands for the name. Without a
            kind a question is a kind of its own.
        normal: what is normal where the finding is absent, as in ``"heart size"``.

    With phrasings of one polarity only, a model that says yes to everything is consistent: that is
    allowed, and :func:`one_sided` tells it.

    Raises:
        NeighborhoodError: an unknown kind, a kind named twice, ``normal`` without its argument or
            the other way round, a phrasing without a polarity, the same question twice, or fewer
            than two phrasings.
        PromptError: a name or a question without any text.

    >>> asked = proposition("a nodule", kinds=["presence", "rule out"])
    >>> [(one.text, one.polarity) for one in asked.phrasings]
    [('Is there a nodule?', 1), ('Can you rule out a nodule?', -1)]
    >>> asked.id
    'nodule'
    """
    finding = _text("a finding", name)
    further = [_phrasing(one, finding) for one in phrasings or ()]
    chosen = _kinds(kinds, normal, authored=phrasings is not None)
    made = [_made(kind, finding, normal) for kind in chosen]
    every = _numbered([*made, *further])
    _refuse_few_or_twice(every, finding)
    words = _text("an id", id) if id is not None else _bare(finding).lower()
    named = words if id is not None else "-".join(words.split())
    return Proposition(id=named, words=finding, phrasings=every)


def one_sided(proposition: Proposition) -> bool:
    """Return whether all phrasings have one polarity, so that a constant answer never flips.

    >>> one_sided(proposition("a nodule", kinds=["presence", "present"]))
    True
    """
    return len({phrasing.polarity for phrasing in proposition.phrasings}) == 1


def _kinds(kinds: Sequence[str] | None, normal: str | None, *, authored: bool) -> list[str]:
    if isinstance(kinds, str):
        raise NeighborhoodError(f"kinds is {kinds!r}, a text: pass a list, as in [{kinds!r}]")
    if kinds is None:
        every = [] if authored else [kind for kind in FORMS if kind != NORMAL]
        return [*every, NORMAL] if normal is not None else every
    for kind in kinds:
        if kind not in FORMS:
            raise NeighborhoodError(_unknown(kind))
    twice = [kind for place, kind in enumerate(kinds) if kind in kinds[:place]]
    if twice:
        raise NeighborhoodError(f"the kind {twice[0]!r} is named twice: name it once")
    if normal is not None and NORMAL not in kinds:
        raise NeighborhoodError(
            f"normal={normal!r} is given, but kinds do not name {NORMAL!r}, which asks about it: "
            "add the kind, or leave it out"
        )
    return list(kinds)


def _unknown(kind: object) -> str:
    near = get_close_matches(str(kind), FORMS, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else "."
    return (
        f"there is no kind of question {kind!r}{meant} Take some of {', '.join(FORMS)}, or write "
        "the question under phrasings"
    )


def _made(kind: str, finding: str, normal: str | None) -> Phrasing:
    """Return the question of one kind about a finding."""
    template, polarity = FORMS[kind]
    if kind == NORMAL and normal is None:
        raise NeighborhoodError(
            f"the kind {NORMAL!r} asks whether something is normal: say what, as in "
            "normal='heart size'"
        )
    organ = _ARTICLE.sub("", _text("what is normal", normal)) if kind == NORMAL else ""
    text = template.format(x=finding, bare=_bare(finding), normal=organ)
    return Phrasing(id=kind, text=text, polarity=polarity, kind=kind)


def _phrasing(written: Written, finding: str) -> Phrasing:
    """Return an authored question, its polarity checked and its slot filled."""
    told = _told(written)
    text = _text("a phrasing", told.get("text")).replace("{x}", finding)
    if (slot := _SLOT.search(text)) is not None:
        raise NeighborhoodError(
            f"the phrasing {text!r:.80} holds {slot.group()}, which stands for nothing: {{x}} "
            "stands for the name"
        )
    kind = _text("the kind of a phrasing", told.get("kind") or text)
    return Phrasing(id=kind, text=text, polarity=_polarity(told.get("polarity"), text), kind=kind)


def _told(written: object) -> Mapping[str, object]:
    if isinstance(written, Phrasing):
        return vars(written)
    names = ("text", "polarity", "kind")
    told = written
    if isinstance(written, str):
        told = {"text": written}
    elif isinstance(written, tuple | list) and 1 <= len(written) <= len(names):
        told = dict(zip(names, written, strict=False))
    if not isinstance(told, Mapping) or not set(told) <= set(names):
        raise NeighborhoodError(
            f"a phrasing is {written!r:.80}: write its text, its polarity and, where wanted, its "
            "kind, as in ('Can you see {x}?', 1)"
        )
    return told


def _polarity(written: object, text: str) -> Polarity:
    # 1.0 and True are equal to 1, and no polarity that anyone wrote down as one.
    if type(written) in {int, str} and written in POLARITIES:
        return POLARITIES[written]
    has = "has no polarity" if written is None else f"has the polarity {written!r:.40}"
    raise NeighborhoodError(
        f"the phrasing {text!r} {has}: write 1 or 'yes affirms' where a yes says that the finding "
        "is there, -1 or 'yes denies' where it says that it is not"
    )


def _numbered(phrasings: Sequence[Phrasing]) -> tuple[Phrasing, ...]:
    """Return phrasings with ids of their own: the kind, and a number from its second on."""
    seen: dict[str, int] = {}
    every = []
    for one in phrasings:
        count = seen[one.kind] = seen.get(one.kind, 0) + 1
        number = f" {count}" if count > 1 else ""
        every.append(
            Phrasing(id=one.kind + number, text=one.text, polarity=one.polarity, kind=one.kind)
        )
    return tuple(every)


def _refuse_few_or_twice(phrasings: Sequence[Phrasing], finding: str) -> None:
    if len(phrasings) < 2:
        raise NeighborhoodError(
            f"{finding!r} is asked about in {len(phrasings)} phrasing"
            f"{'' if len(phrasings) == 1 else 's'}, so nothing can flip: name at least two"
        )
    seen: dict[str, Phrasing] = {}
    for one in phrasings:
        same = " ".join(one.text.lower().split())
        if same in seen:
            raise NeighborhoodError(
                f"the question {one.text!r} is asked twice, as {seen[same].id!r} and as "
                f"{one.id!r}: keep one of them"
            )
        seen[same] = one


def _text(what: str, written: object) -> str:
    """Return a text without white space around it."""
    if not isinstance(written, str) or not written.strip():
        raise PromptError(f"{what} is {written!r:.80}: write a text")
    return written.strip()


def _bare(finding: str) -> str:
    return _ARTICLE.sub("", finding)
