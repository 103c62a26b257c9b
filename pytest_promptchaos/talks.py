"""The arguments of checks in which models talk, and the conversations that they ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypedDict

from pytest_promptchaos.booking import model_of
from pytest_promptchaos.conversing import Cast, Talk, converse, settled
from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.measure.collapse import collapse
from pytest_promptchaos.records import address
from pytest_promptchaos.surround import center_of, check_choice, check_distinct, several
from pytest_promptchaos.turn_embeddings import turn_embeddings

if TYPE_CHECKING:
    from pytest_promptchaos.booking import Subject
    from pytest_promptchaos.measure.collapse import Collapse, Growth
    from pytest_promptchaos.measure.detector import Drift
    from pytest_promptchaos.measure.sameness import Judged
    from pytest_promptchaos.records import Censor, Conversation, ModelIdentity, Prompt
    from pytest_promptchaos.session import Session
    from pytest_promptchaos.surround import Asked

DRIFTS = ("matching", "both")
CENSORS = ("after", "last", "exclude")
JUDGED = ("incidence", "rate")
ROTATION = "HETERO_ROT"


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


def cast_of(models: Subject | str | Sequence[Subject | str], condition: str | None) -> Cast:
    """Return who speaks with whom: one model with itself, or several in rotation."""
    listed = (
        list(models) if isinstance(models, Sequence) and not isinstance(models, str) else [models]
    )
    speakers = tuple(model_of(one) for one in listed)
    if condition is None and speakers:
        condition = homo(speakers[0]) if len(speakers) == 1 else ROTATION
    return Cast("" if condition is None else condition, speakers)


def homo(model: Subject) -> str:
    """Return the condition of a model that talks to itself."""
    dtype, pin = model.identity.dtype, model.identity
    told = [pin.name, *([dtype] if dtype != "float32" else [])]
    told += [pin.quantization] if pin.quantization != "none" else []
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

    names = ("pin", "name", "dtype", "device", "attention", "quantization", "template")
    return replace(
        first,
        **{name: joined(name) for name in names},  # type: ignore[arg-type]  # all of them are text
        fingerprint=address("rotation/1", fingerprints=prints),
        notes=tuple(note for one in everyone for note in one.notes),
    )


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
) -> Collapse:
    """Return what the detectors say of conversations; the session's embedder must be there."""
    vectors, cut = turn_embeddings(session, conversations)
    return collapse(
        conversations,
        vectors,
        drift=asked.drift,
        censor=asked.censor,
        of=of,
        truncated=cut,
        growth=growth,
        claimed=claimed,
        seed=asked.talk.seed,
    )


def check_embedder(session: Session) -> None:
    """Raise ``ArgumentError`` where there is no embedder to read conversations with."""
    if session.embedder is None:
        raise ArgumentError(f"conversations are read by their embeddings: {session.embedder_words}")
