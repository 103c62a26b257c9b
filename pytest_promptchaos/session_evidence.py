"""Verdicts of a session -> its depth profiles, neighborhoods and collapses, by model and prompt.

A model is told by everything in its identity that its outputs come from, a prompt by its id, and
by its words where one id stands for several.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from pytest_promptchaos.prompt_digests import Wording, wordings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_promptchaos.records import Measurement, ModelIdentity, Verdict

FEATURES = ("lambda_1", "profile_variance", "profile_slope")
"""What a depth profile is summed up in, by the names of its measurements."""
DEPTH, NEIGHBORHOOD = ("ftle", "depth_profile"), "stable_neighborhood"
"""The checks that depth and neighborhoods come from; collapse is told by its timelines."""
ALIKE = {
    "depth": ("positions",),
    "neighborhood": ("metric", "horizon", "rungs"),
    "collapse": ("drift", "turns", "temperature", "top_p", "horizon"),
}
"""Settings without which values of two verdicts are not of one kind."""
TOLD_BY = ("fingerprint", "template", "dtype", "quantization", "thinking")
"""What of an identity tells one model from another; where it runs does not."""
SHOWN = 8
"""Digits of a sha256 that a name shows."""

Values: TypeAlias = Mapping[str, float]


class Model(NamedTuple):
    """A model: what its identity is told by, and the sha256 of weights changed in place."""

    told: tuple[str, ...]
    edits: str


Place: TypeAlias = tuple[Model, str]
"""A model and a prompt."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What one kind of verdict says of models at prompts, and what of it was left out."""

    kind: str
    values: Mapping[Place, Values]
    counts: tuple[str, ...] = ()


def _model(verdict: Verdict) -> Model:
    """Return the model of a verdict; changed weights are told by the settings, where at all."""
    told = tuple(str(getattr(verdict.model, name)) for name in TOLD_BY)
    return Model(told, str(verdict.settings.get("edits") or ""))


def model_names(verdicts: Sequence[Verdict]) -> dict[Model, str]:
    """Return the pin of every model, with what tells it from another of the same pin."""
    models = {_model(verdict): verdict.model for verdict in verdicts}
    pins = Counter(one.pin for one in models.values())
    return {
        model: one.pin if pins[one.pin] == 1 else f"{one.pin} ({_apart(model, one, models)})"
        for model, one in models.items()
    }


def _apart(model: Model, identity: ModelIdentity, models: Mapping[Model, ModelIdentity]) -> str:
    """Return in words in what a model differs from the others of its pin."""
    same = [key for key, one in models.items() if one.pin == identity.pin]
    parts = [
        f"{name} {model.told[place][:SHOWN]}"
        for place, name in enumerate(TOLD_BY)
        if len({key.told[place] for key in same}) > 1
    ]
    if len({key.edits for key in same}) > 1:
        parts.append(f"weights changed to {model.edits[:SHOWN]}" if model.edits else "as loaded")
    return ", ".join(parts)


class Prompts:
    """The prompts of a session by name: the id, and its words where one id stands for several."""

    def __init__(self, verdicts: Sequence[Verdict]) -> None:
        """Look for the words of every id, through the verdicts that a bridge is made of."""
        known: dict[str, set[Wording]] = {}
        for verdict in filter(_is_bridged, verdicts):
            for prompt, words in wordings(verdict).items():
                known.setdefault(prompt, set()).add(words)
        self._known = {prompt: _full(words) for prompt, words in known.items()}

    def names(self, verdict: Verdict) -> Mapping[str, str]:
        """Return the names of a verdict's prompts by id; an id that is not here has one name.

        The name is empty where the id stands for several and the verdict does not say which.
        """
        told = wordings(verdict)
        return {
            prompt: self._name(prompt, told.get(prompt), words)
            for prompt, words in self._known.items()
            if len(words) > 1
        }

    def _name(self, prompt: str, told: Wording | None, words: Sequence[Wording]) -> str:
        fit = [one for one in words if told is None or _may_be(one, told)]
        return f"{prompt} ({'.'.join(filter(None, fit[0]))})" if len(fit) == 1 else ""


def _is_bridged(verdict: Verdict) -> bool:
    return verdict.check in (*DEPTH, NEIGHBORHOOD) or bool(verdict.timelines)


def _full(words: set[Wording]) -> list[Wording]:
    """Return the wordings without those that may be another one, known in full."""
    whole = [one for one in words if one.beside is not None]
    return sorted(
        whole
        + [one for one in words if one.beside is None and one.text not in {w.text for w in whole}]
    )


def _may_be(one: Wording, other: Wording) -> bool:
    return one.text == other.text and (
        None in (one.beside, other.beside) or one.beside == other.beside
    )


def depths(verdicts: Sequence[Verdict], prompts: Prompts) -> Found:
    """Return the features of every depth profile of a language model."""
    chosen = [one for one in verdicts if one.check in DEPTH and "positions" in one.settings]
    alike, counts = _alike("depth", chosen)
    found: list[tuple[Verdict, str, Values]] = []
    partial = 0
    for verdict in alike:
        for prompt, values in _features(verdict).items():
            if len(values) == len(FEATURES):
                found.append((verdict, prompt, values))
            else:
                partial += 1
    if partial:
        counts.append(f"{partial} depth profiles without all of {', '.join(FEATURES)} left out")
    return _once("depth profiles", found, counts, prompts)


def _features(verdict: Verdict) -> dict[str, dict[str, float]]:
    """Return the features of one verdict by prompt, in one order; those it has."""
    known = {one.name: one for one in (verdict.measurement, *verdict.also)}
    found: dict[str, dict[str, float]] = {}
    for name in FEATURES:
        for prompt, part in _parts(known.get(name), str(verdict.settings.get("prompts", ""))):
            if part.value is not None:
                found.setdefault(prompt, {})[name] = part.value
    return found


def _parts(measured: Measurement | None, prompts: str) -> Iterator[tuple[str, Measurement]]:
    """Yield the measurement of each prompt: its own parts, or the whole of a single prompt."""
    if measured is None:
        return
    if measured.breakdown:
        yield from ((part.name, part) for part in measured.breakdown)
    elif prompts:
        yield prompts, measured


def neighborhoods(verdicts: Sequence[Verdict], prompts: Prompts) -> Found:
    """Return the mean distance of every neighborhood, of the neighbors that were judged."""
    alike, counts = _alike("neighborhood", [one for one in verdicts if one.check == NEIGHBORHOOD])
    found: list[tuple[Verdict, str, Values]] = []
    for verdict in alike:
        metric = str(verdict.settings.get("metric"))
        rungs = str(verdict.settings.get("rungs", "")).split(", ")
        distances: dict[str, list[float]] = {}
        for pair in verdict.pairs:
            judged = pair.certification == "effective" and pair.gates and pair.rung in rungs
            if judged and metric in pair.distances:
                distances.setdefault(pair.prompt_id, []).append(pair.distances[metric])
        for prompt, values in distances.items():
            found.append((verdict, prompt, {"neighborhood_divergence": fmean(values)}))
    return _once("neighborhood divergence", found, counts, prompts)


def collapses(verdicts: Sequence[Verdict], prompts: Prompts) -> Found:
    """Return collapse rate and incidence of every seed prompt.

    A rotation is a model of its own, which has no depth profile and finds no partner.
    """
    alike, counts = _alike("collapse", [one for one in verdicts if one.timelines])
    found: list[tuple[Verdict, str, Values]] = []
    empty = 0
    for verdict in alike:
        rates: dict[str, list[float]] = {}
        hits: dict[str, list[float]] = {}
        for line in verdict.timelines:
            empty += not line.turns
            if line.turns:
                rates.setdefault(line.seed_id, []).append(line.rate)
                hits.setdefault(line.seed_id, []).append(float(line.first is not None))
        for prompt, values in rates.items():
            told = {"collapse_rate": fmean(values), "collapse_incidence": fmean(hits[prompt])}
            found.append((verdict, prompt, told))
    if empty:
        counts.append(f"{empty:,} conversations without a turn left out")
    return _once("collapse", found, counts, prompts)


def _alike(kind: str, verdicts: Sequence[Verdict]) -> tuple[list[Verdict], list[str]]:
    """Return the verdicts with the most common settings, and in words how many have others."""
    names = ALIKE[kind]
    settings = [tuple(str(one.settings.get(name)) for name in names) for one in verdicts]
    if not settings:
        return [], []
    common = Counter(settings).most_common(1)[0][0]
    kept = [one for one, own in zip(verdicts, settings, strict=True) if own == common]
    left = len(verdicts) - len(kept)
    told = ", ".join(f"{name} {value}" for name, value in zip(names, common, strict=True))
    counts = [f"{left} of {len(verdicts)} {kind} verdicts without {told} left out"] if left else []
    return kept, counts


def _once(
    kind: str, found: Sequence[tuple[Verdict, str, Values]], counts: list[str], prompts: Prompts
) -> Found:
    """Return the first value of every model and prompt, counting those that say otherwise."""
    values: dict[Place, Values] = {}
    other = unclear = 0
    for verdict, prompt, one in found:
        name = prompts.names(verdict).get(prompt, prompt)
        unclear += not name
        if name:
            other += values.setdefault((_model(verdict), name), one) != one
    if other:
        counts.append(f"{other} repeated {kind} with other values left out: the first counts")
    if unclear:
        counts.append(
            f"{unclear} {kind} left out: their prompts' ids stand for several prompts, and the "
            "verdicts do not say which"
        )
    return Found(kind=kind, values=values, counts=tuple(counts))
