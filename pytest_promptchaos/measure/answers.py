"""Answers and validity: what an embedding does not see, read by rules and by the user's functions.

A function that raises stops nothing: it is told with the prompt it raised for, the others go on,
and a failed control says that there is no evidence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.measure.alignment import MARKERS, answer_start, never_answers
from pytest_promptchaos.measure.clustered import mean_measurement, share_measurement
from pytest_promptchaos.measure.extractors import extractor
from pytest_promptchaos.records import RUNGS, Control

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_promptchaos.measure.extractors import Extractor
    from pytest_promptchaos.measure.pairs import Observed
    from pytest_promptchaos.records import Measurement, Run, Rung

    Validator: TypeAlias = Callable[[str], bool | float]
    Errors: TypeAlias = tuple[tuple[str, str], ...]

VALID_FROM = 0.5
"""A score of at least this is valid; scores run from 0 to 1, or are true or false."""
MOST_UNREAD = 0.5
"""Above this share of pairs without an answer those that have one are a selection."""
_CLOSING = tuple(marker for marker in MARKERS if marker.closes)
"""Headings stay in the text that is read: a pattern may look for them."""
_T = TypeVar("_T")


def reader(extract: str | Extractor) -> tuple[str, Extractor]:
    """Return the name and the function of an extractor that was given by either.

    Raises ``ArgumentError`` for a name that none has, and for what is neither name nor function.
    """
    if isinstance(extract, str):
        return extract, extractor(extract)
    return _name("extract", extract, "a name or a function from text to str or None"), extract


def quiet(extract: str | Extractor) -> Callable[[Run], str | None]:
    """Return what reads the answer of a run, and ``None`` where it is not found, or raised.

    What is raised is told by :func:`answers`.
    """
    _, function = reader(extract)

    def read(run: Run) -> str | None:
        if never_answers(run.text):
            return None
        try:
            found = function(_behind_thought(run.text))
        except Exception:
            return None
        return found if isinstance(found, str) and found else None

    return read


@dataclass(frozen=True, kw_only=True)
class Answers:
    """The answers of every pair by neighbor id, the share of changed ones, and their guard.

    An answer that was not read is ``None``. ``errors`` are prompt ids with what was raised.
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

    ``changed`` is the share over the pairs on ``rungs`` of which both were read, clustered by
    prompt, with every rung in its breakdown; its ``interval`` says what the unread would make of
    it. An output that never ends its thought has no answer. The control fails where the extractor
    raised, or where more than ``MOST_UNREAD`` of the pairs were not read. Raises
    ``ArgumentError`` as :func:`reader` does.
    """
    name, function = reader(extract)

    def read(run: Run) -> str | None:
        if never_answers(run.text):
            return None
        found = function(_behind_thought(run.text))
        if found is not None and not isinstance(found, str):
            raise TypeError(f"returned {found!r}: an extractor returns a str, or None")
        return found or None

    found, errors = _each(observed, read)
    chosen = _on(observed, rungs, found)
    unread = {prompt: [None in pair for pair in pairs] for prompt, pairs in chosen.items()}
    asked = sum(map(len, unread.values()))
    lost = sum(map(sum, unread.values()))
    words = f"answers read by {name}; {lost} of {asked} pairs not read"
    few = bool(asked) and lost > MOST_UNREAD * asked
    words += f", more than {MOST_UNREAD:.0%}: the others are a selection" if few else ""
    return Answers(
        read=found,
        changed=_changed("share of answers changed", observed, rungs, found),
        unread=share_measurement(
            "share of pairs without an answer", unread, asked=asked, absent="no effective neighbor"
        ),
        errors=errors,
        control=_control("answer extractor", words, errors, failed=few),
    )


@dataclass(frozen=True, kw_only=True)
class Validity:
    """The scores of every pair by neighbor id, how often validity differs, and the mean drop.

    A score is ``None`` where the validator raised; ``errors`` are prompt ids with what it raised.
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
    name = _name("validate", validate, "a function from text to a bool or a score")

    def score(run: Run) -> float:
        if never_answers(run.text):
            return 0.0
        found = validate(_behind_thought(run.text))
        # numpy's numbers are floats in all but name; a text or None is no score.
        number = float(found) if hasattr(found, "__float__") else math.nan
        if not 0.0 <= number <= 1.0:
            raise ValueError(f"returned {found!r}: a validator returns a bool, or 0 to 1")
        return number

    scores, errors = _each(observed, score)
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
            largest=1.0,
        ),
        errors=errors,
        control=_control("validator", f"outputs scored by {name}", errors),
    )


def _valid(score: float | None) -> bool | None:
    return None if score is None else score >= VALID_FROM


def _name(argument: str, function: object, wanted: str) -> str:
    if not callable(function):
        raise ArgumentError(f"{argument} is {function!r}: it must be {wanted}")
    return str(getattr(function, "__name__", type(function).__name__))


def _behind_thought(text: str) -> str:
    return text[answer_start(text, _CLOSING) or 0 :]


def _each(
    observed: Sequence[Observed], function: Callable[[Run], _T | None]
) -> tuple[dict[str, tuple[_T | None, _T | None]], Errors]:
    """Return what a user's function says of every pair, by neighbor id, and what it raised.

    Whatever it raises is told, with the prompt's id and which of its outputs it was raised for.
    """
    found: dict[str, tuple[_T | None, _T | None]] = {}
    errors: list[tuple[str, str]] = []

    def tried(run: Run, prompt: str, which: str) -> _T | None:
        try:
            return function(run)
        except Exception as error:
            errors.append((prompt, f"{which}: {type(error).__name__}: {error}"))
            return None

    for o in observed:
        prompt = o.center.prompt.id
        center = tried(o.center, prompt, "center")
        for n in o.neighborhood.neighbors:
            if n.id in o.runs:
                found[n.id] = (center, tried(o.runs[n.id], prompt, n.edit))
    return found, tuple(errors)


def _on(
    observed: Sequence[Observed], rungs: Sequence[Rung], found: Mapping[str, tuple[_T, _T]]
) -> dict[str, list[tuple[_T, _T]]]:
    """Return the pairs of effective neighbors on ``rungs``, by prompt."""
    groups: dict[str, list[tuple[_T, _T]]] = {}
    for o in observed:
        for n in o.neighborhood.neighbors:
            if n.rung in rungs and n.certification == "effective" and n.gates:
                groups.setdefault(o.center.prompt.id, []).append(found[n.id])
    return groups


def _changed(
    name: str,
    observed: Sequence[Observed],
    rungs: Sequence[Rung],
    found: Mapping[str, tuple[object, object]],
) -> Measurement:
    """Return the share of pairs whose two values differ, with every rung in the breakdown."""
    run = [
        rung
        for rung in RUNGS
        if rung != "identical"
        and any(n.rung == rung for o in observed for n in o.neighborhood.neighbors)
    ]
    parts = tuple(_share(rung, _on(observed, (rung,), found)) for rung in run)
    return replace(_share(name, _on(observed, rungs, found)), breakdown=parts)


def _share(name: str, chosen: Mapping[str, Sequence[tuple[object, object]]]) -> Measurement:
    read = {prompt: [p for p in pairs if None not in p] for prompt, pairs in chosen.items()}
    changed = {prompt: [a != b for a, b in pairs] for prompt, pairs in read.items()}
    asked = sum(map(len, chosen.values()))
    absent = "no pair was read" if asked else "no effective neighbor"
    found = share_measurement(name, changed, asked=asked, absent=absent)
    lost = asked - found.effective_n
    if not lost or found.value is None:
        return found
    least, most = (
        sum(_counted(pairs, unread) for pairs in chosen.values()) / len(chosen)
        for unread in (False, True)
    )
    told = f"; {lost} of {asked} pairs not read: {least:.2f} to {most:.2f} were they not, or all,"
    return replace(found, interval=f"{found.interval}{told} changed")


def _counted(pairs: Sequence[tuple[object, object]], unread: bool) -> float:
    """Return the share of changed pairs of one prompt, the unread taken for ``unread``."""
    return sum(unread if None in pair else pair[0] != pair[1] for pair in pairs) / len(pairs)


def _control(name: str, words: str, errors: Errors, *, failed: bool = False) -> Control:
    told = "; ".join(f"prompt {prompt!r}, {error}" for prompt, error in errors)
    raised = f"; raised for {len(errors)} outputs: {told}" if errors else ""
    bad = failed or bool(errors)
    return Control(name=name, role="gate", state="failed" if bad else "held", words=words + raised)
