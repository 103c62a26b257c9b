"""The validity ledger: every edited prompt, where it comes from, and whether it may be judged."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from pytest_promptchaos.records import RUNGS
from pytest_promptchaos.report.overview import is_comparison

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_promptchaos.records import Pair
    from pytest_promptchaos.report.overview import Judged

DIGITS = 12
"""Of a sha256, so many tell any two prompts of a suite apart."""
ORDER = ("unreviewed", "uncertified", "erased", "duplicate", "effective", "identical")
"""What a reader looks for first; neighbors that are as they should be come last."""

Key: TypeAlias = tuple[str, str, str]
"""A neighbor: its prompt's id, its own id, and the sha256 of its text."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One edited prompt.

    ``certified`` says how the models' templates left it, ``counts`` whether it enters an
    effective n, both in words.
    """

    prompt_id: str
    edit: str
    rung: str
    target: str
    origin: str
    certified: str
    reviewer: str
    counts: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class RungCount:
    """How many neighbors of a rung a model was asked, and what became of them.

    ``effective`` counts those that may be judged: the model sees another prompt, and somebody
    or a rule stands for its meaning.
    """

    model: str
    rung: str
    neighbors: int
    effective: int
    erased: int
    duplicates: int
    unreviewed: int


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """All neighbors of a report, those that are not judged first, and their counts."""

    entries: tuple[Entry, ...]
    counts: tuple[RungCount, ...]


def ledger(verdicts: Sequence[Judged]) -> Ledger | None:
    """Return the ledger of all verdicts; a neighbor that several checks share stands once."""
    seen: dict[Key, dict[str, Pair]] = {}
    # A comparison's pairs tell how the reference's template left an edit, not the system's own.
    for one in sorted(verdicts, key=lambda one: is_comparison(one.verdict)):
        for pair in filter(_is_edited, one.verdict.pairs):
            key = (pair.prompt_id, pair.neighbor_id, pair.sha256)
            seen.setdefault(key, {}).setdefault(one.model, pair)
    if not seen:
        return None
    ranked = sorted(seen.values(), key=lambda by_model: min(map(_rank, by_model.values())))
    return Ledger(
        entries=tuple(map(_entry, ranked)),
        counts=tuple(_counts(list(seen.values()))),
    )


def _is_edited(pair: Pair) -> bool:
    """Return whether the pair holds an edit; a comparison also asks the prompt as it is."""
    return pair.rung != "identical" or bool(pair.sha256)


def standing(pair: Pair) -> str:
    """Return whether the neighbor is judged, as one word of :data:`ORDER`."""
    return pair.certification if pair.gates else "unreviewed"


def _rank(pair: Pair) -> int:
    return ORDER.index(standing(pair))


def _entry(by_model: Mapping[str, Pair]) -> Entry:
    pair = next(iter(by_model.values()))
    return Entry(
        prompt_id=pair.prompt_id,
        edit=pair.edit,
        rung=pair.rung,
        target=pair.target,
        origin=pair.origin,
        certified=_certified_words(by_model),
        reviewer=pair.reviewer,
        counts=_counts_words([standing(one) for one in by_model.values()]),
        sha256=pair.sha256[:DIGITS],
    )


def _certified_words(by_model: Mapping[str, Pair]) -> str:
    """Return the certification, with the models where they do not agree on it."""
    models: dict[str, list[str]] = {}
    for model, pair in by_model.items():
        models.setdefault(pair.certification, []).append(model)
    if len(models) == 1:
        return next(iter(models))
    return "; ".join(f"{word} for {', '.join(names)}" for word, names in models.items())


def _counts_words(standings: Sequence[str]) -> str:
    if "unreviewed" in standings:
        return "never: nobody reviewed it"
    if "identical" in standings:
        return "as a control"
    counted = standings.count("effective")
    if counted == len(standings):
        return "yes"
    return "for some models" if counted else "no"


def _counts(seen: Iterable[Mapping[str, Pair]]) -> Iterable[RungCount]:
    asked = [(model, pair) for by_model in seen for model, pair in by_model.items()]
    models = sorted({model for model, _ in asked})
    for model in models:
        for rung in RUNGS:
            found = [pair for one, pair in asked if one == model and pair.rung == rung]
            if found:
                yield _count(model, rung, Counter(map(standing, found)))


def _count(model: str, rung: str, standings: Counter[str]) -> RungCount:
    return RungCount(
        model=model,
        rung=rung,
        neighbors=standings.total(),
        effective=standings["effective"],
        erased=standings["erased"],
        duplicates=standings["duplicate"],
        unreviewed=standings["unreviewed"],
    )
