"""One turn of many conversations: spoken in one batch, written to the store one by one."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from pytest_promptchaos.errors import PromptError
from pytest_promptchaos.models.scripted import ScriptedModel
from pytest_promptchaos.models.selfplay import seen_by_speaker, spoken, turn_seed
from pytest_promptchaos.records import Turn, address

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_promptchaos.booking import Subject
    from pytest_promptchaos.models.sampling import Sampling
    from pytest_promptchaos.models.selfplay import Spoken
    from pytest_promptchaos.records import Prompt
    from pytest_promptchaos.session import Session


@dataclass
class Talking:
    """A conversation under way. ``stopped`` says why it does not go on."""

    seed_prompt: Prompt
    repeat: int
    turns: list[Turn] = field(default_factory=list)
    stopped: str = ""

    def shown(self) -> Prompt:
        """Return what the next speaker sees."""
        return seen_by_speaker(self.seed_prompt, [turn.text for turn in self.turns])


@dataclass(kw_only=True)
class Batch:
    """Turn ``number`` of several conversations, spoken when the first that is missing is asked for.

    It is spoken whole, whatever the store holds of it, so that a resumed run meets the company
    that an uninterrupted one met. ``fresh`` are the places that the store did not hold.
    """

    session: Session
    speakers: Sequence[Subject]
    speaker: Subject
    number: int
    talks: Sequence[Talking]
    how: Sampling
    fresh: set[int] = field(default_factory=set)

    @cached_property
    def prompts(self) -> list[Prompt]:
        """What the speaker is shown, by conversation."""
        return [one.shown() for one in self.talks]

    @cached_property
    def seeds(self) -> list[int]:
        """The seeds of the draws, by conversation."""
        seed, number = self.how.seed, self.number
        return [turn_seed(seed, one.seed_prompt.id, one.repeat, number) for one in self.talks]

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Rows of the batch and the padded length of its longest history."""
        return self.how.rows, width_of(self.speaker, self.prompts)

    @cached_property
    def said(self) -> list[Spoken]:
        """What the speaker says, by conversation."""
        make_room(self.speakers, self.speaker, self.session.settings.models_kept)
        repeats = [one.repeat for one in self.talks]
        width = self.shape[1]
        return speak(self.speaker, self.prompts, self.seeds, repeats, self.how, width=width)

    def turn(self, place: int) -> Turn:
        """Return one conversation's turn, from the store or newly spoken and written there."""
        parts = self._parts(place)
        found, _ = self.session.recall("turn", parts, partial(self._measure, place))
        plain: Mapping[str, Any] = found
        return Turn(
            number=self.number,
            speaker=self.speaker.pin.text,
            text=plain["text"],
            output_ids=tuple(plain["output_ids"]),
            shown=plain["shown"],
            finish=plain["finish"],
            seed=self.seeds[place],
            key=address("turn/1", **parts),
            seconds=plain["seconds"],
            cached=place not in self.fresh,
        )

    def _parts(self, place: int) -> dict[str, object]:
        """Return everything that the turn of one conversation depends on."""
        return {
            **self.speaker.key_parts(self.prompts[place]),
            "temperature": self.how.temperature,
            "top_p": self.how.top_p,
            "horizon": self.how.horizon,
            "batch_shape": self.shape,
            "end_ids": self.speaker.end_ids,
            "turn_seed": self.seeds[place],
        }

    def _measure(self, place: int) -> tuple[dict[str, object], dict[str, Any]]:
        self.fresh.add(place)
        return asdict(self.said[place]), {}


def unfit(speaker: Subject, talking: Talking, number: int, horizon: int) -> str:
    """Return why a conversation has no turn ``number``; empty where it has one."""
    try:
        length = len(speaker.render(talking.shown()))
    except PromptError as error:
        return f"turn {number} cannot be shown to {speaker.pin.text}: {error}"
    if speaker.context is None or length + horizon <= speaker.context:
        return ""
    return (
        f"turn {number} would need {length + horizon:,} tokens, the context of "
        f"{speaker.pin.text} holds {speaker.context:,}"
    )


def width_of(speaker: Subject, prompts: Sequence[Prompt]) -> int:
    """Return the padded length of a batch of these prompts."""
    if isinstance(speaker, ScriptedModel):
        return speaker.shape(prompts, 1)[1]
    # Imported here, as below: a script and the reading of a suite file need no torch.
    from pytest_promptchaos.models.speaking import speaking_width

    return speaking_width(speaker, prompts)


def rows_for(speaker: Subject, prompts: Sequence[Prompt], turns: int, horizon: int) -> int:
    """Return how many rows a batch of conversations has, one for each of ``prompts`` if they fit.

    A pinned model's follow from its device's memory, as ``speaking_rows`` says.
    """
    if isinstance(speaker, ScriptedModel):
        return speaker.rows(prompts, horizon)
    from pytest_promptchaos.models.speaking import speaking_rows

    return speaking_rows(speaker, prompts, turns, horizon)


def speak(
    speaker: Subject,
    prompts: Sequence[Prompt],
    seeds: Sequence[int],
    repeats: Sequence[int],
    how: Sampling,
    *,
    width: int,
) -> list[Spoken]:
    """Return one turn per prompt: a model draws with the seeds, a script takes the repeats."""
    if isinstance(speaker, ScriptedModel):
        asked = list(zip(prompts, repeats, strict=True))
        batches = speaker.runs(asked, shape=(how.rows, width), horizon=how.horizon)
        return [spoken(run) for batch in batches for run in batch]
    from pytest_promptchaos.models import speaking

    return speaking.speak(speaker, prompts, seeds, how, width=width)


def make_room(speakers: Sequence[Subject], speaker: Subject, keep: int) -> None:
    """Unload speakers until at most ``keep`` are in memory with the one that speaks.

    One whose weights were edited in place stays: its files would not bring it back.
    """
    loaded = [
        one
        for one in dict.fromkeys(speakers)
        if one is not speaker and not isinstance(one, ScriptedModel) and one.loaded
    ]
    for one in [one for one in loaded if not one.edits][: max(len(loaded) + 1 - keep, 0)]:
        one.unload()
