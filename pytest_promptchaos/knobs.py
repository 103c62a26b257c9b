"""The arguments of a neighborhood's checks: what they are, and what of them makes no sense."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias, TypedDict, Unpack

from pytest_promptchaos.errors import ArgumentError, NeighborhoodError
from pytest_promptchaos.measure.answers import check_validator, reader
from pytest_promptchaos.measure.distances import NAMES, OF_OUTPUTS
from pytest_promptchaos.neighborhoods.ladder import check_rungs
from pytest_promptchaos.records import SMALL_RUNGS, Neighborhood
from pytest_promptchaos.surround import (
    Asked,
    check_choice,
    check_count,
    check_number,
    neighborhoods_of,
    several,
)

if TYPE_CHECKING:
    from pytest_promptchaos.measure.answers import Validator
    from pytest_promptchaos.measure.distances import Metric
    from pytest_promptchaos.measure.energy import OutputMetric
    from pytest_promptchaos.measure.extractors import Extractor
    from pytest_promptchaos.neighborhoods.ledger import Texts
    from pytest_promptchaos.neighborhoods.messages import Target
    from pytest_promptchaos.records import Rung
    from pytest_promptchaos.session import Session

How: TypeAlias = Literal["off", "replay", "patch"]
CARDS: tuple[How, ...] = ("off", "replay", "patch")
CONTROL_RUNGS = {"identical", "positive_control"}


class TextKnobs(TypedDict, total=False):
    """What the neighbors are made of."""

    rungs: Sequence[Rung]
    per_rung: int | None
    seed: int | None
    paraphrases: Texts
    small_semantic: Texts
    positive_control: Texts
    target: Target | None


class OutputKnobs(TextKnobs, total=False):
    """The arguments of checks that compare whole outputs at one horizon."""

    metric: OutputMetric
    horizon: int | None


class NeighborhoodKnobs(TextKnobs, total=False):
    """The further arguments of :func:`measure_neighborhood`, where they are told."""

    metric: Metric
    horizon: int | Sequence[int] | None
    extract: str | Extractor | None
    validate: Validator | None
    branch_cards: How


@dataclass(frozen=True, kw_only=True)
class Knobs:
    """The arguments of :func:`measure_neighborhood`, with their defaults."""

    metric: Metric = "semantic"
    rungs: Sequence[Rung] = SMALL_RUNGS
    horizon: int | Sequence[int] | None = None
    per_rung: int | None = None
    seed: int | None = None
    paraphrases: Texts = ()
    small_semantic: Texts = ()
    positive_control: Texts = ()
    target: Target | None = None
    extract: str | Extractor | None = None
    validate: Validator | None = None
    branch_cards: How = "replay"

    @property
    def lengths(self) -> tuple[int, ...]:
        """The horizons, shortest first; the last one bounds the generation and is judged."""
        given = self.horizon if isinstance(self.horizon, Sequence) else (self.horizon,)
        return tuple(sorted({length for length in given if length is not None}))


def checked(session: Session, **knobs: Unpack[NeighborhoodKnobs]) -> Knobs:
    """Return the arguments with the options in the place of those left out."""
    for name in knobs:
        check_choice("argument", name, Knobs.__dataclass_fields__)
    asked = Knobs(**knobs)
    check_rungs(asked.rungs)
    if controls := [rung for rung in asked.rungs if rung in CONTROL_RUNGS]:
        raise NeighborhoodError(
            f"rungs names {controls[0]!r}, which is a control: it is run with every neighborhood "
            "and never judged; to judge a response to it, use assert_responsive"
        )
    check_choice("metric", asked.metric, NAMES)
    if asked.extract is not None:
        reader(asked.extract)
    elif asked.metric == "answer":
        raise ArgumentError("metric is 'answer', but nothing reads one: pass extract='number', ...")
    if asked.validate is not None:
        check_validator(asked.validate)
    check_choice("branch_cards", asked.branch_cards, CARDS)
    chosen = session.settings
    lengths = _lengths(chosen.horizon if asked.horizon is None else asked.horizon)
    return replace(
        asked,
        horizon=lengths,
        per_rung=chosen.per_rung if asked.per_rung is None else asked.per_rung,
        seed=chosen.seed if asked.seed is None else asked.seed,
    )


def checked_outputs(session: Session, **knobs: Unpack[OutputKnobs]) -> Knobs:
    """Return the same of a check that compares whole outputs at one horizon."""
    for name in knobs:
        check_choice("argument", name, (*OutputKnobs.__annotations__, *TextKnobs.__annotations__))
    check_choice("metric", knobs.get("metric", "semantic"), OF_OUTPUTS)
    if (horizon := knobs.get("horizon")) is not None:
        check_count("horizon", horizon, least=1)
    return checked(session, **knobs)


def output_metric(asked: Knobs) -> OutputMetric:
    """Return the metric of what went through :func:`checked_outputs`."""
    return "semantic" if asked.metric == "semantic" else "token_edit"


def _lengths(horizon: int | Sequence[int]) -> tuple[int, ...]:
    """Return the horizons; raise ``ArgumentError`` for what is no number of tokens."""
    if isinstance(horizon, str | bytes) or not isinstance(horizon, Sequence):
        check_count("horizon", horizon, least=1)
        return (int(str(horizon)),)
    for length in horizon:
        check_count("horizon", length, least=1)
    if not horizon:
        raise ArgumentError("horizon is empty: pass a number of tokens, or several")
    return tuple(horizon)


def built_around(prompt: Asked | Sequence[Asked], asked: Knobs) -> list[Neighborhood]:
    """Return the neighborhoods that the arguments describe; each can be judged.

    Raises ``NeighborhoodError`` where nothing was drawn or authored on the judged rungs.
    """
    assert asked.per_rung is not None
    assert asked.seed is not None
    built = neighborhoods_of(
        several(prompt),
        rungs=asked.rungs,
        paraphrases=asked.paraphrases,
        small_semantic=asked.small_semantic,
        positive_control=asked.positive_control,
        per_rung=asked.per_rung,
        seed=asked.seed,
        target=asked.target,
    )
    _check_judgeable(built, asked.rungs)
    return built


def _check_judgeable(neighborhoods: Sequence[Neighborhood], rungs: Sequence[Rung]) -> None:
    """Raise ``NeighborhoodError`` where nothing was drawn or authored that could be judged."""
    if any(n.rung in rungs for built in neighborhoods for n in built.neighbors):
        return
    absent = {told for built in neighborhoods for told in built.unavailable if told[0] in rungs}
    why = "; ".join(f"{rung}: {reason}" for rung, reason in sorted(absent)) or "none was given"
    raise NeighborhoodError(
        f"there is no neighbor on {', '.join(rungs)} ({why}): author some, or judge another rung"
    )


def check_limit(name: Literal["at_most", "at_least"], limit: object, metric: str) -> None:
    """Raise ``ArgumentError`` for a limit that nothing could fail, or nothing could pass.

    A distance lies between 0 and 2 (semantic) or 1 (shares).
    """
    check_number(name, limit, least=0)
    largest = 2.0 if metric == "semantic" else 1.0
    useless = limit == 0 if name == "at_least" else float(str(limit)) >= largest
    if useless or float(str(limit)) > largest:
        raise ArgumentError(
            f"{name} is {limit!r}, but {NAMES.get(metric, metric)} lies between 0 and {largest:g}: "  # type: ignore[call-overload]
            f"{'everything would pass' if useless else 'nothing could pass'}; choose one between"
        )
