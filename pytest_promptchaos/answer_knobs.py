"""The arguments of a check of answers: what they may be, and what they are where none is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, TypeAlias, TypedDict, get_args

from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.measure.quadrants import Reliance
from pytest_promptchaos.models.pictures import CHANGES, parse_change
from pytest_promptchaos.records import Proposition, Shown
from pytest_promptchaos.surround import check_choice, check_count, check_number

Focus: TypeAlias = Literal["answering", "question", "off"]
Heads: TypeAlias = Literal["mean", "max"]
Layers: TypeAlias = "Literal['all'] | Sequence[int]"
EXPANDING = "expanding"


class AnswerKnobs(TypedDict, total=False):
    """The further arguments of :func:`measure_answers`, where they are told."""

    reliance: Reliance
    yes: Sequence[str] | None
    no: Sequence[str] | None
    horizon: int
    swaps: int
    perturbations: Sequence[str]
    again: bool
    focus: Focus
    focus_layers: Layers
    focus_heads: Heads
    stable_at: float | None
    depth: int
    tangents: int
    overlays: int
    scaling: ScalingAsked
    seed: int | None


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """Which layers' spectral norms are scaled, and by what.

    ``layers`` are ``"expanding"`` (those in which two phrasings part, by what was measured),
    ``"all"``, or places counted from 0; ``factors`` are between 0 and 1.
    """

    layers: str | tuple[int, ...] = EXPANDING
    factors: tuple[float, ...] = (0.9, 0.75, 0.5)


ScalingAsked: TypeAlias = "Scaling | Mapping[str, object] | None"


@dataclass(frozen=True, kw_only=True)
class AnswersAsked:
    """The arguments of one check, checked."""

    reliance: Reliance = "swapped"
    yes: tuple[str, ...] | None = None
    no: tuple[str, ...] | None = None
    horizon: int = 8
    swaps: int = 3
    perturbations: tuple[str, ...] = CHANGES
    again: bool = True
    focus: Focus = "answering"
    focus_layers: str | tuple[int, ...] = "all"
    focus_heads: Heads = "mean"
    stable_at: float | None = None
    depth: int = 0
    tangents: int = 4
    overlays: int = 4
    scaling: Scaling | None = None
    seed: int = 0


def asked_of(knobs: AnswerKnobs, seed: int) -> AnswersAsked:
    """Return the arguments with their defaults; raise ``ArgumentError`` for what makes no sense."""
    for name in knobs:
        check_choice("argument", name, AnswerKnobs.__annotations__)
    given = dict(knobs)
    given["seed"] = seed if given.get("seed") is None else given["seed"]
    given["scaling"] = scaling_of(knobs.get("scaling"))
    for name in ("yes", "no", "perturbations"):
        if given.get(name) is not None:
            given[name] = _words(name, given[name])
    given["focus_layers"] = _layers("focus_layers", knobs.get("focus_layers", "all"), "all")
    asked = AnswersAsked(**given)  # type: ignore[arg-type]
    _check(asked)
    return asked


def _check(asked: AnswersAsked) -> None:
    check_choice("reliance", asked.reliance, get_args(Reliance))
    check_choice("focus", asked.focus, get_args(Focus))
    check_choice("focus_heads", asked.focus_heads, get_args(Heads))
    for name, least in (("horizon", 1), ("swaps", 0), ("depth", 0), ("overlays", 0), ("seed", 0)):
        check_count(name, getattr(asked, name), least=least)
    check_count("tangents", asked.tangents, least=2)
    for change in asked.perturbations:
        parse_change(change)
    if asked.stable_at is not None:
        check_number("stable_at", asked.stable_at)
    if asked.scaling and asked.scaling.layers == EXPANDING and not asked.depth:
        raise ArgumentError(
            "scaling the expanding layers needs to know which they are: pass depth=N, how many "
            "pairs of phrasings are followed through depth, or name the layers"
        )


def scaling_of(asked: ScalingAsked) -> Scaling | None:
    """Return which layers are scaled and by what; raise ``ArgumentError`` for other things."""
    if asked is None:
        return None
    given = dict(asked) if isinstance(asked, Mapping) else vars(asked)
    for name in given:
        check_choice("scaling", str(name), Scaling.__dataclass_fields__)
    layers = given.get("layers", Scaling.layers)
    factors = given.get("factors", Scaling.factors)
    if isinstance(layers, str):
        check_choice("layers of scaling", layers, (EXPANDING, "all"))
    else:
        layers = _layers("layers of scaling", layers, EXPANDING)
    if isinstance(factors, str) or not isinstance(factors, Sequence) or not factors:
        raise ArgumentError(f"factors of scaling are {factors!r}: pass a list such as [0.9, 0.5]")
    for factor in factors:
        check_number("a factor of scaling", factor)
        if not 0 < factor <= 1:
            raise ArgumentError(f"a factor of scaling is {factor:g}: it is above 0, and at most 1")
    return Scaling(layers=layers, factors=tuple(map(float, factors)))


def _layers(name: str, layers: object, word: str) -> str | tuple[int, ...]:
    if layers == word:
        return word
    if isinstance(layers, str) or not isinstance(layers, Sequence) or not layers:
        raise ArgumentError(f"{name} is {layers!r}: pass {word!r} or places counted from 0")
    for place in layers:
        check_count(f"a place of {name}", place, least=0)
    return tuple(layers)


def _words(name: str, words: object) -> tuple[str, ...]:
    if isinstance(words, str) or not isinstance(words, Sequence):
        raise ArgumentError(f"{name} is {words!r:.60}: pass a list of texts")
    for word in words:
        if not isinstance(word, str) or not word:
            raise ArgumentError(f"{name} holds {word!r:.60}: each is a text that says something")
    return tuple(words)


def check_asked(shown: Sequence[Shown], propositions: Sequence[Proposition]) -> None:
    """Raise ``ArgumentError`` unless there is something to ask, and every id is given once."""
    _check_items("shown", shown, Shown, "picture()")
    _check_items("propositions", propositions, Proposition, "proposition()")
    _check_contents(shown)
    _check_pairs(shown, propositions)
    _check_truths(shown, propositions)


def _check_items(
    name: str, items: object, kind: type[Shown] | type[Proposition], maker: str
) -> None:
    """Raise ``ArgumentError`` unless ``items`` is a list of one kind, each with its own id."""
    if isinstance(items, str) or not isinstance(items, Sequence):
        raise ArgumentError(f"{name} is {items!r:.60}: pass a list of what {maker} returns")
    if not items:
        raise ArgumentError(f"{name} is empty: pass at least one")
    for item in items:
        if not isinstance(item, kind):
            raise ArgumentError(
                f"{name} holds {item!r:.60}, a {type(item).__name__}: pass what {maker} returns"
            )
    ids = [item.id for item in items]
    if twice := sorted({one for one in ids if ids.count(one) > 1}):
        raise ArgumentError(f"{name} holds {twice[0]!r} twice: give each its own id")


def _check_contents(shown: Sequence[Shown]) -> None:
    """Raise ``ArgumentError`` for one image, or passage, under two ids: it counts once."""
    earlier: dict[str, str] = {}
    for one in shown:
        content = one.passage if one.image is None else f"{one.image.sha256} {one.image.change}"
        if content in earlier:
            raise ArgumentError(
                f"{earlier[content]!r} and {one.id!r} are the same "
                f"{'passage' if one.image is None else 'image, byte for byte'}: leave one out, "
                "because an interval over images takes each for another"
            )
        earlier[content] = one.id


def _check_pairs(shown: Sequence[Shown], propositions: Sequence[Proposition]) -> None:
    """Raise ``ArgumentError`` for ids that run together in the name of a sample."""
    names: dict[str, tuple[str, str]] = {}
    for one in shown:
        for proposition in propositions:
            pair = (one.id, proposition.id)
            other = names.setdefault("/".join(pair), pair)
            if other != pair:
                raise ArgumentError(
                    f"the ids {other} and {pair} both make the sample {'/'.join(pair)!r}: leave "
                    "'/' out of one of them"
                )


def _check_truths(shown: Sequence[Shown], propositions: Sequence[Proposition]) -> None:
    """Raise ``ArgumentError`` for truths that look like those of a proposition misspelled."""
    known = [proposition.id for proposition in propositions]
    told = {name for one in shown for name in one.truth}
    for name in sorted(told - set(known)):
        near = get_close_matches(name, set(known) - told, n=1)
        if near or not told & set(known):
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise ArgumentError(
                f"truths are given for {name!r}, but asked is {', '.join(known)}: {hint}name "
                "them alike"
            )
