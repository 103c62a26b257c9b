"""The arguments of checks in which models talk, and the conversations that they ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypedDict

from pytest_promptchaos.booking import model_of
from pytest_promptchaos.conversing import Cast, Talk, converse, settled
from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.measure.collapse import SHOWN, collapse
from pytest_promptchaos.measure.detector import Thresholds
from pytest_promptchaos.records import CENSORS, address
from pytest_promptchaos.surround import (
    center_of,
    check_choice,
    check_count,
    check_distinct,
    several,
)
from pytest_promptchaos.turn_embeddings import turn_embeddings

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_promptchaos.booking import Subject
    from pytest_promptchaos.measure.collapse import Collapse, Growth
    from pytest_promptchaos.measure.detector import Drift
    from pytest_promptchaos.measure.sameness import Judged
    from pytest_promptchaos.records import Censor, Conversation, ModelIdentity, Prompt
    from pytest_promptchaos.session import Session
    from pytest_promptchaos.surround import Asked

DRIFTS = ("matching", "both")
JUDGED = ("incidence", "rate")
ROTATION = "HETERO_ROT"
JOINED = (
    *("pin", "name", "revision", "template", "dtype", "quantization", "thinking"),
    *("device", "hardware", "attention"),
)
"""What the identity of a rotation holds of every speaker."""


class TalkKnobs(TypedDict, total=False):
    """How conversations are held and read, where it is told."""

    turns: int
    repeats: int
    temperature: float
    top_p: float
    horizon: int
    seed: int | None
    rows: int | None
    drift: Drift
    censor: Censor


@dataclass(frozen=True, kw_only=True)
class TalkAsked:
    """The same, checked and with nothing left out."""

    talk: Talk
    drift: Drift = "matching"
    censor: Censor = "after"


def talk_asked(session: Session, knobs: TalkKnobs) -> TalkAsked:
    """Return what was asked; raise ``ArgumentError`` for what makes no sense."""
    for name in knobs:
        check_choice("argument", name, TalkKnobs.__annotations__)
    told = dict(knobs)
    drift, censor = told.pop("drift", "matching"), told.pop("censor", "after")
    check_choice("drift", str(drift), DRIFTS)
    check_choice("censor", str(censor), CENSORS)
    seed = told.pop("seed", None)
    talk = Talk(seed=session.settings.seed if seed is None else seed, **told)  # type: ignore[arg-type]
    return TalkAsked(talk=talk, drift=drift, censor=censor)  # type: ignore[arg-type]


def check_judgeable(
    of: Judged, turns: int, *, at_most: float | None = None, at_least: float | None = None
) -> None:
    """Raise ``ArgumentError`` for a limit that so many turns cannot break, or cannot reach.

    The first turns cannot be labelled, so that a rate of T turns ends at (T - 4) / T: a model
    that always collapses passes any limit from there on. Incidence reaches 1, from turn 5 on.
    """
    check_choice("of", of, JUDGED)
    check_count("turns", turns, least=1)
    earliest = Thresholds().earliest
    labelled = turns - earliest + 1
    if labelled < 1:
        raise ArgumentError(
            f"turns is {turns}, but turn {earliest} is the earliest that can be called collapsed, "
            f"so nothing could be found: ask for at least {earliest}"
        )
    if of == "incidence":
        return
    most = labelled / turns
    for name, limit, useless in (
        ("at_most", at_most, at_most is not None and at_most >= most),
        ("at_least", at_least, at_least is not None and at_least > most),
    ):
        if useless:
            told = "everything would pass" if name == "at_most" else "nothing could pass"
            raise ArgumentError(
                f"{name} is {limit!r}, but of {turns} turns {labelled} can be called collapsed at "
                f"most, a rate of {most:.3g}: {told}; choose a limit below that, ask for more "
                "turns, or judge of='incidence'"
            )


def cast_of(models: Subject | str | Sequence[Subject | str], condition: str | None) -> Cast:
    """Return who speaks with whom: one model with itself, or several in rotation."""
    listed = (
        list(models) if isinstance(models, Sequence) and not isinstance(models, str) else [models]
    )
    speakers = tuple(model_of(one) for one in listed)
    if not speakers:
        raise ArgumentError(
            f"the model is {models!r}, so nobody speaks: pass one model, or its pin, for "
            "self-play, a list of several for a rotation"
        )
    if condition is None:
        condition = homo(speakers[0]) if len(speakers) == 1 else ROTATION
    return Cast(condition, speakers)


def homo(model: Subject) -> str:
    """Return the condition of a model that talks to itself."""
    who = model.identity
    told = [who.name]
    told += [who.dtype] if who.dtype != "float32" else []
    told += [who.quantization] if who.quantization != "none" else []
    return f"HOMO {' '.join(told)}"


def seeds_of(asked: Asked | Sequence[Asked]) -> list[Prompt]:
    """Return the seed prompts; raise ``PromptError`` for two of one id."""
    prompts = [center_of(one) for one in several(asked)]
    check_distinct(prompts)
    return prompts


def identity_of(cast: Cast) -> ModelIdentity:
    """Return which model spoke; of a rotation, all of them in one."""
    first, *others = dict.fromkeys(one.identity for one in cast.speakers)
    if not others:
        return first
    everyone = (first, *others)
    prints = [one.fingerprint for one in everyone]

    def joined(name: str) -> str:
        return " + ".join(dict.fromkeys(str(getattr(one, name)) for one in everyone))

    return replace(
        first,
        **{name: joined(name) for name in JOINED},  # type: ignore[arg-type]  # all of them are text
        fingerprint=address("rotation/1", fingerprints=prints),
        notes=tuple(note for one in everyone for note in one.notes),
    )


def edits_of(cast: Cast) -> dict[str, str]:
    """Return the sha256 of weights that were changed in place, as a setting; empty for none."""
    found = dict.fromkeys(getattr(one, "edits", "") for one in cast.speakers)
    edits = " + ".join(filter(None, found))
    return {"edits": edits} if edits else {}


def held(
    session: Session, cast: Cast, prompts: Sequence[Prompt], asked: TalkAsked
) -> tuple[tuple[Conversation, ...], Talk]:
    """Return the conversations, spoken or from the store, and the talk with its rows settled."""
    talk = settled(session, cast, prompts, asked.talk)
    return converse(session, cast, prompts, talk), talk


def read(
    session: Session,
    conversations: Sequence[Conversation],
    asked: TalkAsked,
    *,
    of: Judged = "incidence",
    growth: Growth | None = None,
    claimed: bool = False,
    shown: int = SHOWN,
) -> Collapse:
    """Return what the detectors say of conversations; the session's embedder must be there."""
    reading = _readers(session, conversations, asked)
    return reading(of=of, growth=growth, claimed=claimed, shown=shown)


def read_both(
    session: Session, conversations: Sequence[Conversation], asked: TalkAsked
) -> dict[Judged, Collapse]:
    """Return the same with incidence and with rate in front: every guard is of what is judged."""
    reading = _readers(session, conversations, asked)
    return {"incidence": reading(of="incidence"), "rate": reading(of="rate")}


def _readers(
    session: Session, conversations: Sequence[Conversation], asked: TalkAsked
) -> Callable[..., Collapse]:
    """Return the detectors with the conversations' embeddings, which are made once."""
    vectors, cut = turn_embeddings(session, conversations)
    return partial(
        collapse,
        conversations,
        vectors,
        drift=asked.drift,
        censor=asked.censor,
        truncated=cut,
        seed=asked.talk.seed,
    )


def check_embedder(session: Session) -> None:
    """Raise ``ArgumentError`` where there is no embedder to read conversations with."""
    if session.embedder is None:
        raise ArgumentError(f"conversations are read by their embeddings: {session.embedder_words}")
