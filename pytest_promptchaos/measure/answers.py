"""Answers and validity: what an embedding does not see, read by rules and by the user's functions.

A function that raises stops nothing: it is told with the prompt it raised for, the others go on,
and a failed control says that there is no evidence.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from pytest_promptchaos.measure.alignment import (
    MARKERS,
    answer_start,
    never_answers,
    without_end,
)
from pytest_promptchaos.measure.boundary import effective
from pytest_promptchaos.measure.called import called, guard, takes_text
from pytest_promptchaos.measure.clustered import mean_measurement, share_measurement
from pytest_promptchaos.measure.extractors import extractor
from pytest_promptchaos.records import RUNGS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from pytest_promptchaos.measure.called import Errors
    from pytest_promptchaos.measure.extractors import Extractor
    from pytest_promptchaos.measure.pairs import Observed
    from pytest_promptchaos.records import Control, Measurement, Run, Rung

    Validator: TypeAlias = Callable[[str], bool | float]

VALID_FROM = 0.5
"""A score of at least this is valid; scores run from 0 to 1, or are true or false."""
MOST_UNREAD = 0.5
"""Above this share of centers without an answer those that have one are a selection."""
_CLOSING = tuple(marker for marker in MARKERS if marker.closes)
"""Headings stay in the text that is read: a pattern may look for them."""
_SPECIAL = re.compile(r"<\|[^<>|]*\|>|</?\w+>|\[/?[A-Z_]+\]")
"""How the names of special tokens are written."""
_T = TypeVar("_T")


def reader(extract: str | Extractor) -> tuple[str, Extractor]:
    """Return the name and the function of an extractor that was given by either.

    Raises ``ArgumentError`` for a name that none has, for what is neither name nor function, and
    for a function that cannot be called with one argument.
    """
    if isinstance(extract, str):
        return extract, extractor(extract)
    return takes_text("extract", extract, "a name or a function from text to str or None"), extract


def check_validator(validate: object) -> str:
    """Return the name of a validator, which takes a text.

    Raises ``ArgumentError`` for what is no function, or cannot be called with one argument.
    """
    return takes_text("validate", validate, "a function from text to a bool or a score")


def quiet(extract: str | Extractor) -> Callable[[Run], str | None]:
    """Return what reads the answer of a run, and ``None`` where it is not found, or raised.

    What is raised is told by :func:`answers`.
    """
    _, function = reader(extract)

    def read(run: Run) -> str | None:
        text = _answer(run)
        if text is None:
            return None
        try:
            found = function(text)
        except Exception:
            return None
        return found if isinstance(found, str) and found else None

    return read


@dataclass(frozen=True, kw_only=True)
class Answers:
    """The answers of every pair by neighbor id, the share of changed ones, and their guard.

    An answer that was not read is ``None``. ``errors`` are those of :func:`called`.
    """

    read: Mapping[str, tuple[str | None, str | None]]
    changed: Measurement
    unread: Measurement
    errors: Errors
    control: Control


def answers(
    observed: Sequence[Observed], rungs: Sequence[Rung], extract: str | Extractor
) -> Answers:
    """Return which answers changed, read from the outputs behind their thoughts.

    ``changed`` is the share over the pairs on ``rungs`` whose center was read, clustered by
    prompt, with every rung in its breakdown; an answer that the neighbor no longer gives has
    changed. Its ``interval`` counts those, and says what the unread centers would make of it. An
    output that never ends its thought has no answer. The control fails where the extractor
    raised, or where more than ``MOST_UNREAD`` of the centers were not read. Raises
    ``ArgumentError`` as :func:`reader` does.
    """
    name, function = reader(extract)

    def read(run: Run) -> str | None:
        text = _answer(run)
        found = None if text is None else function(text)
        if found is not None and not isinstance(found, str):
            raise TypeError(f"returned {found!r}: an extractor returns a str, or None")
        return found or None

    found, errors = called(observed, read)
    chosen = _on(observed, rungs, found)
    unread = {prompt: [None in pair for pair in pairs] for prompt, pairs in chosen.items()}
    centers = [pairs[0][0] for pairs in chosen.values()]
    lost, vanished = centers.count(None), sum(_vanished(pairs) for pairs in chosen.values())
    asked = sum(map(len, unread.values()))
    words = f"answers read by {name}; {lost} of {len(centers)} centers not read"
    few = lost > MOST_UNREAD * len(centers)
    words += f", more than {MOST_UNREAD:.0%}: the others are a selection" if few else ""
    words += f"; {vanished} of {asked} neighbors no longer read" if vanished else ""
    return Answers(
        read=found,
        changed=_changed("share of answers changed", observed, rungs, found, vanish=True),
        unread=share_measurement(
            "share of pairs without an answer", unread, asked=asked, absent="no effective neighbor"
        ),
        errors=errors,
        control=guard("answer extractor", words, errors, failed=few),
    )


@dataclass(frozen=True, kw_only=True)
class Validity:
    """The scores of every pair by neighbor id, how often validity differs, and the mean drop.

    A score is ``None`` where the validator raised; ``errors`` are those of :func:`called`.
    """

    scores: Mapping[str, tuple[float | None, float | None]]
    differs: Measurement
    drop: Measurement
    errors: Errors
    control: Control


def validity(observed: Sequence[Observed], rungs: Sequence[Rung], validate: Validator) -> Validity:
    """Return how often a neighbor's output is valid where the center's is not, or the reverse.

    ``validate`` takes the text of an output behind its thought and says whether it is valid, or
    gives a score from 0 to 1, of which ``VALID_FROM`` on is valid. An output that never ends its
    thought scores 0. ``drop`` is the mean of the center's score minus the neighbor's. Both are
    clustered by prompt. The control fails where the validator raised.
    """
    name = check_validator(validate)

    def score(run: Run) -> float:
        text = _answer(run)
        if text is None:
            return 0.0
        found = validate(text)
        # numpy's numbers are floats in all but name; a text or None is no score.
        number = float(found) if hasattr(found, "__float__") else math.nan
        if not 0.0 <= number <= 1.0:
            raise ValueError(f"returned {found!r}: a validator returns a bool, or 0 to 1")
        return number

    scores, errors = called(observed, score)
    valid = {
        neighbor: (_valid(center), _valid(other)) for neighbor, (center, other) in scores.items()
    }
    chosen = _on(observed, rungs, scores)
    drops = {
        prompt: [a - b for a, b in pairs if a is not None and b is not None]
        for prompt, pairs in chosen.items()
    }
    return Validity(
        scores=scores,
        differs=_changed("share of outputs of another validity", observed, rungs, valid),
        drop=mean_measurement(
            "mean drop of the score",
            "score, -1 to 1",
            drops,
            asked=sum(map(len, chosen.values())),
            absent="no pair was scored",
            smallest=-1.0,
            largest=1.0,
        ),
        errors=errors,
        control=guard("validator", f"outputs scored by {name}", errors),
    )


def _valid(score: float | None) -> bool | None:
    return None if score is None else score >= VALID_FROM


def _answer(run: Run) -> str | None:
    """Return the text of an output behind its thought; ``None`` where the thought never ends.

    A thought whose markers are special tokens shows in the tokens only, because the text was
    decoded without them: then what is left of such tokens is dropped from the answer.
    """
    whole = "".join(without_end(run.tokens))
    if never_answers(run.text) or never_answers(whole):
        return None
    start, behind = answer_start(run.text, _CLOSING), answer_start(whole, _CLOSING)
    if start is not None or behind is None:
        return run.text[start or 0 :]
    answer = whole[behind:]
    for piece in {piece.strip() for piece in run.tokens}:
        if _SPECIAL.fullmatch(piece) and piece not in run.text:
            answer = answer.replace(piece, "")
    return answer.strip()


def _on(
    observed: Sequence[Observed], rungs: Sequence[Rung], found: Mapping[str, tuple[_T, _T]]
) -> dict[str, list[tuple[_T, _T]]]:
    """Return the pairs of effective neighbors on ``rungs``, by prompt."""
    groups: dict[str, list[tuple[_T, _T]]] = {}
    for o in observed:
        for n, _ in effective(o, rungs):
            groups.setdefault(o.center.prompt.id, []).append(found[n.id])
    return groups


def _changed(
    name: str,
    observed: Sequence[Observed],
    rungs: Sequence[Rung],
    found: Mapping[str, tuple[object, object]],
    *,
    vanish: bool = False,
) -> Measurement:
    """Return the share of pairs whose two values differ, with every rung in the breakdown.

    ``vanish`` says that a value which only the center has is a difference.
    """
    run = [
        rung
        for rung in RUNGS
        if rung != "identical"
        and any(n.rung == rung for o in observed for n in o.neighborhood.neighbors)
    ]
    parts = tuple(_share(rung, _on(observed, (rung,), found), vanish) for rung in run)
    return replace(_share(name, _on(observed, rungs, found), vanish), breakdown=parts)


def _share(
    name: str, chosen: Mapping[str, Sequence[tuple[object, object]]], vanish: bool
) -> Measurement:
    differ = {prompt: [_differ(*p, vanish) for p in pairs] for prompt, pairs in chosen.items()}
    known = {prompt: [d for d in each if d is not None] for prompt, each in differ.items()}
    asked = sum(map(len, chosen.values()))
    absent = "no pair was read" if asked else "no effective neighbor"
    found = share_measurement(name, known, asked=asked, absent=absent)
    if found.value is None:
        return found
    vanished = sum(_vanished(pairs) for pairs in chosen.values()) if vanish else 0
    told = found.interval
    if vanished:
        told += f"; {sum(map(sum, known.values()))} changed, of which {vanished} no longer read"
    lost = asked - found.effective_n
    if lost:
        least, most = (_bound(differ.values(), taken) for taken in (False, True))
        told += f"; {lost} of {asked} pairs not read: {least:.2f} to {most:.2f} were they not, or"
        told += " all, changed"
    return replace(found, interval=told)


def _differ(center: object, other: object, vanish: bool) -> bool | None:
    """Return whether two values differ; ``None`` where that is not known."""
    if center is None or (other is None and not vanish):
        return None
    return center != other


def _vanished(pairs: Sequence[tuple[object, object]]) -> int:
    """Return how many neighbors do not give the answer that their center gives."""
    return sum(center is not None and other is None for center, other in pairs)


def _bound(differ: Collection[Sequence[bool | None]], taken: bool) -> float:
    """Return the share of changed pairs, the unread ones ``taken`` for changed or not."""
    shares = ([taken if d is None else d for d in each] for each in differ)
    return sum(sum(each) / len(each) for each in shares) / len(differ)
