"""Models that talk to themselves or to each other: every finished turn is evidence of its own.

All conversations take turn 1, then all take turn 2, in blocks of a fixed number of rows. What a
turn depends on is its address, so a run that was interrupted goes on at the turn where it stopped
and ends with the transcripts of one that was not: on the same device, in the same shapes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from numbers import Integral
from typing import TYPE_CHECKING

from pytest_promptchaos.errors import ArgumentError, PromptError
from pytest_promptchaos.records import Conversation, Prompt
from pytest_promptchaos.turn_taking import Batch, Talking, rows_for, unfit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.booking import Subject
    from pytest_promptchaos.models.sampling import Sampling
    from pytest_promptchaos.session import Session


@dataclass(frozen=True)
class Cast:
    """Who speaks with whom. Turn t is the ``(t - 1) % k``-th of k speakers'; one talks to itself.

    ``condition`` names it in tables, as in ``HOMO_A`` and ``HETERO_ROT``.
    """

    condition: str
    speakers: tuple[Subject, ...]

    def __post_init__(self) -> None:
        """Refuse a cast without a name and one without speakers."""
        if not self.condition:
            raise ArgumentError("the condition is '': name who speaks with whom, as in 'HOMO_A'")
        if not self.speakers:
            raise ArgumentError(
                f"the cast {self.condition!r} has no speakers: pass one model for self-play, "
                "several for a rotation"
            )

    def speaker(self, number: int) -> Subject:
        """Return who speaks in turn ``number``, counted from 1."""
        return self.speakers[(number - 1) % len(self.speakers)]


@dataclass(frozen=True, kw_only=True)
class Talk:
    """How conversations are held; all of it goes into the address of a turn.

    ``turns`` is how many each is to have, ``repeats`` how many begin with each seed prompt,
    ``horizon`` the tokens that a turn has at most, ``seed`` what every turn's own seed is made
    from. ``rows`` conversations are spoken in one batch; ``None`` leaves the number to
    :func:`settled`.
    """

    turns: int = 40
    repeats: int = 5
    temperature: float = 0.7
    top_p: float = 0.95
    horizon: int = 256
    seed: int = 0
    rows: int | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that make no conversation."""
        for name in ("turns", "repeats", "rows"):
            value = getattr(self, name)
            if not (name == "rows" and value is None) and not _is_count(value):
                raise ArgumentError(
                    f"{name} is {value!r:.80}, but it takes a whole number of at least 1"
                )


def _is_count(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, Integral) and int(value) >= 1


def converse(
    session: Session, cast: Cast, seed_prompts: Sequence[Prompt], talk: Talk
) -> tuple[Conversation, ...]:
    """Return the conversations from every seed prompt on, by seed prompt, then by repeat.

    A speaker is shown all that was said so far. Before every turn the history and the horizon are
    held against its context: a conversation that does not fit stops there, and ``stopped`` says
    why. A turn that the evidence store holds is not spoken again. Where the cast has more
    speakers than models may be in memory, the others are unloaded before one speaks.

    Raises:
        ArgumentError: no seed prompts, two of the same id, sampling settings out of range.
        PromptError: a seed prompt that is empty or does not fit with the first turn.
    """
    talk = settled(session, cast, seed_prompts, talk)
    how = _sampling(talk)
    talks = [Talking(one, repeat) for one in seed_prompts for repeat in range(talk.repeats)]
    blocks = [talks[start : start + how.rows] for start in range(0, len(talks), how.rows)]
    told = _Told(session, _label(cast, talk), len(talks) * talk.turns)
    for number in range(1, talk.turns + 1):
        for block in blocks:
            going = _going(cast, block, number, talk, told)
            batch = Batch(
                session=session,
                speakers=cast.speakers,
                speaker=cast.speaker(number),
                number=number,
                talks=going,
                how=how,
            )
            for place, one in enumerate(going):
                one.turns.append(batch.turn(place))
                told.behind(1)
    return tuple(
        Conversation(
            condition=cast.condition,
            seed_prompt=one.seed_prompt,
            repeat=one.repeat,
            asked=talk.turns,
            turns=tuple(one.turns),
            stopped=one.stopped,
        )
        for one in talks
    )


def settled(session: Session, cast: Cast, seed_prompts: Sequence[Prompt], talk: Talk) -> Talk:
    """Return the talk with its rows chosen, everything checked and nothing spoken.

    Rows that are not given are the option's (``batch_rows``), else as many as all conversations
    need, in multiples of 4 up to 64, where that fits into a quarter of the memory of every
    speaker's device at the longest history that may come. What is free just now plays no part,
    so that a resumed run settles on the same number; keep it with the results all the same.
    """
    how = _sampling(talk)
    _check_seeds(seed_prompts)
    for prompt in seed_prompts:
        cast.speakers[0].check_length(prompt, how.horizon)
    begun = [prompt for prompt in seed_prompts for _ in range(talk.repeats)]
    rows = talk.rows or session.settings.batch_rows
    fitting = (rows_for(one, begun, talk.turns, how.horizon) for one in cast.speakers)
    return replace(talk, rows=rows or min(fitting))


def _sampling(talk: Talk) -> Sampling:
    # Imported here: reading a suite file must not load torch.
    from pytest_promptchaos.models.sampling import Sampling

    return Sampling(
        temperature=talk.temperature,
        top_p=talk.top_p,
        seed=talk.seed,
        horizon=talk.horizon,
        rows=talk.rows or 1,
    )


def _check_seeds(seed_prompts: Sequence[Prompt]) -> None:
    if not seed_prompts:
        raise ArgumentError("there are no seed prompts, so nothing is said: pass at least one")
    strange = next((one for one in seed_prompts if not isinstance(one, Prompt)), None)
    if strange is not None:
        raise ArgumentError(
            f"a seed prompt is {strange!r:.80}, a {type(strange).__name__}: pass prompts, as in "
            "Prompt(id='tides', text='Why are there tides?')"
        )
    twice = [name for name, n in Counter(one.id for one in seed_prompts).items() if n > 1]
    if twice:
        raise ArgumentError(
            f"{len(twice)} seed prompts share an id with another, such as {twice[0]!r}: the id "
            "tells conversations apart, so give each its own"
        )
    empty = [one.id for one in seed_prompts if not one.text.strip()]
    if empty:
        raise PromptError(f"the seed prompt {empty[0]!r} is empty: write what begins the talk")


@dataclass
class _Told:
    """The progress line: ``done`` of ``total`` turns are behind us."""

    session: Session
    label: str
    total: int
    done: int = 0

    def behind(self, turns: int) -> None:
        """Show that so many more turns were taken, or will never be."""
        self.done += turns
        self.session.progress(self.label, self.done, self.total)


def _label(cast: Cast, talk: Talk) -> str:
    names = " and ".join(dict.fromkeys(one.pin.name for one in cast.speakers))
    return f"{cast.condition}: {names} speaking {talk.turns} turns"


def _going(
    cast: Cast, block: Sequence[Talking], number: int, talk: Talk, told: _Told
) -> list[Talking]:
    """Return the conversations that have a turn ``number``; the others are stopped, and say why."""
    for one in [one for one in block if not one.stopped]:
        one.stopped = unfit(cast.speaker(number), one, number, talk.horizon)
        if one.stopped:
            # Counted as behind us, else the rest would seem to take longer.
            told.behind(talk.turns - number + 1)
    return [one for one in block if not one.stopped]
