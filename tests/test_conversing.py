"""Conversations: who is shown what, what is kept of a turn, and where one must stop."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_promptchaos.conversing import Cast, Talk, converse, settled
from pytest_promptchaos.errors import ArgumentError, PromptError
from pytest_promptchaos.models.language import LanguageModel
from pytest_promptchaos.models.pins import parse_pin
from pytest_promptchaos.models.scripted import ScriptedModel
from pytest_promptchaos.models.selfplay import seen_by_speaker, turn_seed
from pytest_promptchaos.records import Conversation, Message, Prompt
from pytest_promptchaos.session import Session
from pytest_promptchaos.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

TIDES = Prompt(id="tides", text="Why tides?")
ODD = Prompt(id="odd", text="Teapots sing of walls, and no wall may tea.")
FRANCE = Prompt(id="france", text="What is the capital of France?")
SHORT = Talk(turns=4, repeats=2, horizon=8, temperature=1.5)


def whole(prompt: Prompt) -> str:
    return " | ".join(f"{m.role}: {m.content}" for m in prompt.messages)


def lengthening(name: str = "longer", **knobs: object) -> ScriptedModel:
    """It says one word more than it was told."""
    return ScriptedModel(name, lambda text: f"{text} more", **knobs)  # type: ignore[arg-type]


def memory() -> Session:
    return Session(on_disk=False)


def transcripts(conversations: tuple[Conversation, ...]) -> list[Conversation]:
    """The conversations without what says where a turn came from and how long it took."""
    return [
        replace(c, turns=tuple(replace(t, cached=False, seconds=0.0) for t in c.turns))
        for c in conversations
    ]


def texts(conversation: Conversation) -> list[str]:
    return [turn.text for turn in conversation.turns]


# -- what is said ---------------------------------------------------------------------------------


def test_a_script_that_lengthens_what_it_hears_shows_the_whole_course() -> None:
    (said,) = converse(memory(), Cast("HOMO", (lengthening(),)), [TIDES], Talk(turns=3, repeats=1))
    assert texts(said) == [
        "Why tides? more",
        "Why tides?\n\nWhy tides? more more",
        "Why tides?\n\nWhy tides? more more more",
    ]
    assert (said.condition, said.seed_prompt, said.repeat) == ("HOMO", TIDES, 0)
    assert (said.asked, said.stopped, said.id) == (3, "", "HOMO/tides/0")
    assert [turn.number for turn in said.turns] == [1, 2, 3]
    assert [turn.seed for turn in said.turns] == [turn_seed(0, "tides", 0, n) for n in (1, 2, 3)]
    assert [turn.shown for turn in said.turns] == [10, 27, 32]
    assert {turn.finish for turn in said.turns} == {"end"}


def test_speakers_take_turns_and_are_shown_everything() -> None:
    heard: list[str] = []

    def answer(text: str) -> str:
        heard.append(text)
        return f"reply {len(heard)}"

    speakers = tuple(ScriptedModel(name, answer, template=whole) for name in "abc")
    (said,) = converse(memory(), Cast("ROT", speakers), [TIDES], Talk(turns=4, repeats=1))
    assert [turn.speaker for turn in said.turns] == [f"scripted:{n}" for n in "abca"]
    assert heard == [
        "user: Why tides?",
        "user: Why tides?\n\nreply 1",
        "user: Why tides? | assistant: reply 1 | user: reply 2",
        "user: Why tides?\n\nreply 1 | assistant: reply 2 | user: reply 3",
    ]


def test_conversations_come_by_seed_prompt_and_then_by_repeat() -> None:
    echo = ScriptedModel("echo", lambda text, repeat: f"{text[:6]} {repeat}")
    talk = Talk(turns=1, repeats=2, rows=3)
    said = converse(memory(), Cast("HOMO", (echo,)), [TIDES, ODD, FRANCE], talk)
    assert [c.id for c in said] == [
        f"HOMO/{s}/{r}" for s in ("tides", "odd", "france") for r in (0, 1)
    ]
    assert [t for c in said for t in texts(c)] == [
        f"{prompt.text[:6]} {repeat}" for prompt in (TIDES, ODD, FRANCE) for repeat in (0, 1)
    ]


def test_an_empty_turn_is_kept_and_answered() -> None:
    shy = ScriptedModel("shy", lambda text: "" if text else "Are you there?")
    (said,) = converse(memory(), Cast("HOMO", (shy,)), [TIDES], Talk(turns=4, repeats=1))
    # Turn 2 is shown the question and the silence; turn 3 the silence that followed.
    assert texts(said) == ["", "", "Are you there?", ""]
    assert said.stopped == ""


def test_a_model_is_shown_the_history_as_its_template_has_it(tiny_model: LanguageModel) -> None:
    said = converse(memory(), Cast("HOMO", (tiny_model,)), [ODD, FRANCE], SHORT)
    for one in said:
        assert len(one.turns) == 4
        for turn in one.turns:
            shown = seen_by_speaker(one.seed_prompt, texts(one)[: turn.number - 1])
            ids = tiny_model.render(shown)
            assert turn.shown == len(ids)
            assert turn.text == tiny_model.tokenizer.decode(
                list(turn.output_ids), skip_special_tokens=True
            )
    assert len({c.turns[0].text for c in said if c.seed_prompt is ODD}) == 2


# -- what is kept ---------------------------------------------------------------------------------


class HandOnTheKeyboardError(Exception):
    """Raised in the middle."""


def test_an_interrupted_run_goes_on_to_the_same_transcripts(
    tmp_path: Path, tiny_model: LanguageModel
) -> None:
    fresh = LanguageModel(parse_pin("bundled:tiny-chat?initialization=0"))
    cast, seeds, talk = Cast("ROT", (tiny_model, fresh)), [ODD, FRANCE], replace(SHORT, rows=3)
    expected = converse(memory(), cast, seeds, talk)

    def interrupt(label: str, done: int, total: int) -> None:
        # In the middle of a block: two of its three turns are written.
        if done == 9:
            raise HandOnTheKeyboardError

    with pytest.raises(HandOnTheKeyboardError):
        converse(Session(root=tmp_path, progress=interrupt), cast, seeds, talk)
    session = Session(root=tmp_path)
    resumed = converse(session, cast, seeds, talk)
    session.close()
    assert transcripts(resumed) == transcripts(expected)
    assert (session.counts.reused, session.counts.measured) == (9, 7)
    assert sum(turn.cached for one in resumed for turn in one.turns) == 9


def test_nothing_is_spoken_twice() -> None:
    session, model = memory(), lengthening()
    cast, talk = Cast("HOMO", (model,)), Talk(turns=3, repeats=2, horizon=64)
    first = converse(session, cast, [TIDES, ODD], talk)
    calls = model.calls
    again = converse(session, cast, [TIDES, ODD], talk)
    assert model.calls == calls == 12
    assert transcripts(again) == transcripts(first)
    assert all(turn.cached for one in again for turn in one.turns)
    assert not any(turn.cached for one in first for turn in one.turns)
    assert all(session.store.get(turn.key) for one in first for turn in one.turns)


def test_another_condition_of_the_same_speakers_is_the_same_talk() -> None:
    session, model = memory(), lengthening()
    talk = Talk(turns=3, repeats=1)
    (one,) = converse(session, Cast("HOMO_A", (model,)), [TIDES], talk)
    (other,) = converse(session, Cast("HOMO_B", (model,)), [TIDES], talk)
    assert one.condition != other.condition
    assert texts(one) == texts(other)
    assert model.calls == 3


@pytest.mark.parametrize(
    "changed",
    [
        {"temperature": 0.9},
        {"top_p": 0.5},
        {"horizon": 9},
        {"seed": 1},
        {"rows": 16},
    ],
)
def test_an_address_covers_every_setting(changed: dict[str, Any]) -> None:
    session, model = memory(), lengthening()
    talk = Talk(turns=1, repeats=1)
    first = converse(session, Cast("HOMO", (model,)), [TIDES], talk)
    other = converse(session, Cast("HOMO", (model,)), [TIDES], replace(talk, **changed))
    assert first[0].turns[0].key != other[0].turns[0].key
    assert model.calls == 2


def test_an_address_covers_the_width_of_the_batch_but_not_its_company(
    tiny_model: LanguageModel,
) -> None:
    long = Prompt(id="long", text="Tell me of the sea and the moon. " * 5)
    talk = Talk(turns=1, repeats=1, horizon=4, rows=2)
    cast = Cast("HOMO", (tiny_model,))

    def first(*seeds: Prompt) -> str:
        return converse(memory(), cast, seeds, talk)[0].turns[0].key

    assert first(TIDES) == first(TIDES, FRANCE) != first(TIDES, long)


def test_progress_counts_every_turn_to_the_last() -> None:
    told: list[tuple[str, int, int]] = []
    session = Session(on_disk=False, progress=lambda *what: told.append(what))
    small = lengthening("small", context=60)
    converse(session, Cast("HOMO", (small,)), [TIDES, ODD], Talk(turns=5, repeats=1, horizon=9))
    assert {(label, total) for label, _, total in told} == {("HOMO: small speaking 5 turns", 10)}
    done = [done for _, done, _ in told]
    assert done == sorted(done)
    assert done[-1] == 10


# -- where it stops -------------------------------------------------------------------------------


def test_a_history_that_outgrows_the_context_stops_in_words() -> None:
    small = lengthening("small", context=45)
    talk = Talk(turns=9, repeats=1, horizon=10)
    (said,) = converse(memory(), Cast("HOMO", (small,)), [TIDES], talk)
    # Shown are 10, 27, 32, and then 37 bytes, which with 10 more are 47.
    assert len(said.turns) == 3
    assert said.stopped == "turn 4 would need 47 tokens, the context of scripted:small holds 45"
    assert said.asked == 9


def test_the_context_is_that_of_the_speaker_whose_turn_it_is() -> None:
    cast = Cast("ROT", (lengthening("big"), lengthening("small", context=30)))
    (said,) = converse(memory(), cast, [TIDES], Talk(turns=9, repeats=1, horizon=10))
    assert len(said.turns) == 1
    assert "turn 2 would need 37 tokens, the context of scripted:small" in said.stopped


def test_one_that_stopped_leaves_the_others_talking(tiny_model: LanguageModel) -> None:
    room = tiny_model.context
    assert room == 1024
    long = Prompt(id="long", text="tea " * 500)
    length = len(tiny_model.render(long))
    horizon = room - length - 3
    talk = Talk(turns=2, repeats=1, horizon=horizon, temperature=1e-3)
    stopped, other = converse(memory(), Cast("HOMO", (tiny_model,)), [long, FRANCE], talk)
    assert (len(stopped.turns), len(other.turns)) == (1, 2)
    shown = len(tiny_model.render(seen_by_speaker(long, texts(stopped))))
    assert stopped.stopped == (
        f"turn 2 would need {shown + horizon:,} tokens, "
        "the context of bundled:tiny-chat holds 1,024"
    )


def test_words_that_no_prompt_can_hold_stop_a_conversation() -> None:
    def picky(prompt: Prompt) -> str:
        return "" if "more" in prompt.text else prompt.text

    model = lengthening("picky", template=picky)
    (said,) = converse(memory(), Cast("HOMO", (model,)), [TIDES], Talk(turns=3, repeats=1))
    assert len(said.turns) == 1
    assert said.stopped.startswith(
        "turn 2 cannot be shown to scripted:picky: prompt 'tides, turn 2'"
    )


# -- rows, memory, arguments ----------------------------------------------------------------------


def test_rows_are_settled_before_and_told(tiny_model: LanguageModel) -> None:
    session, cast = memory(), Cast("HOMO", (tiny_model,))
    talk = Talk(turns=20, repeats=5, horizon=40)
    assert settled(session, cast, [ODD, FRANCE], talk) == replace(talk, rows=12)
    assert settled(session, cast, [ODD, FRANCE], replace(talk, rows=7)).rows == 7
    with session.using(Settings(batch_rows=5)):
        assert settled(session, cast, [ODD, FRANCE], talk).rows == 5
        assert settled(session, cast, [ODD, FRANCE], replace(talk, rows=7)).rows == 7


def test_no_more_models_stay_in_memory_than_the_session_keeps() -> None:
    pins = [f"bundled:tiny-chat?initialization={seed}" for seed in (1, 2, 3)]
    speakers = tuple(LanguageModel(parse_pin(pin)) for pin in pins)
    session = Session(on_disk=False, settings=Settings(models_kept=2))
    converse(session, Cast("ROT", speakers), [TIDES], Talk(turns=4, repeats=1, horizon=2))
    assert speakers[0].loaded
    assert sum(speaker.loaded for speaker in speakers) == 2


def test_edited_weights_are_not_unloaded() -> None:
    pins = [f"bundled:tiny-chat?initialization={seed}" for seed in (1, 2)]
    edited, other = (LanguageModel(parse_pin(pin)) for pin in pins)
    next(edited.network.parameters()).mul_(2)
    before = edited.edits
    session = Session(on_disk=False, settings=Settings(models_kept=1))
    cast, talk = Cast("ROT", (edited, other)), Talk(turns=3, repeats=1, horizon=2)
    converse(session, cast, [TIDES], talk)
    assert (edited.edits, other.loaded) == (before, False)


def test_a_session_that_cannot_write_talks_on(tmp_path: Path) -> None:
    broken = Session(root=tmp_path, settings=Settings(fresh=True))
    broken.store.close()
    (said,) = converse(broken, Cast("H", (lengthening(),)), [TIDES], Talk(turns=2, repeats=1))
    assert len(said.turns) == 2
    assert len(broken.unstored) == 2


@pytest.mark.parametrize("name", ["turns", "repeats", "rows"])
@pytest.mark.parametrize("value", [0, -1, 1.5, True, "a"])
def test_numbers_that_make_no_conversation_are_refused(name: str, value: object) -> None:
    with pytest.raises(ArgumentError, match=f"{name} is .*whole number of at least 1"):
        Talk(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"temperature": 0.0}, "temperature is 0.0"),
        ({"top_p": 0.0}, "top_p is 0.0"),
        ({"horizon": 0}, "horizon is 0"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_settings_that_draw_nothing_are_refused(knobs: dict[str, float], words: str) -> None:
    model = lengthening()
    with pytest.raises(ArgumentError, match=words):
        converse(memory(), Cast("HOMO", (model,)), [TIDES], Talk(**knobs))  # type: ignore[arg-type]
    assert model.calls == 0


@pytest.mark.parametrize(
    ("seeds", "kind", "words"),
    [
        ([], ArgumentError, "there are no seed prompts"),
        ([TIDES, ODD, TIDES], ArgumentError, "1 seed prompts share an id.*'tides'"),
        (["Why?"], ArgumentError, "a seed prompt is 'Why\\?', a str"),
        ([Prompt(id="none", text="  ")], PromptError, "'none' is empty"),
        ([TIDES, Prompt(id="long", text="x" * 99)], PromptError, "'long' has 99 tokens"),
    ],
)
def test_seed_prompts_are_checked_before_anything_is_said(
    seeds: list[Prompt], kind: type[Exception], words: str
) -> None:
    model = lengthening("small", context=50)
    with pytest.raises(kind, match=words):
        converse(memory(), Cast("HOMO", (model,)), seeds, Talk(turns=1, repeats=1, horizon=4))
    assert model.calls == 0


def test_a_cast_has_a_name_and_speakers() -> None:
    with pytest.raises(ArgumentError, match="name who speaks"):
        Cast("", (lengthening(),))
    with pytest.raises(ArgumentError, match="'HOMO' has no speakers"):
        Cast("HOMO", ())


def test_a_system_message_is_shown_at_every_turn() -> None:
    told = replace(TIDES, before=(Message(role="system", content="Be brief."),))
    heard: list[str] = []

    def answer(text: str) -> str:
        heard.append(text)
        return "ok"

    model = ScriptedModel("ear", answer, template=whole)
    converse(memory(), Cast("HOMO", (model,)), [told], Talk(turns=3, repeats=1))
    assert len(heard) == 3
    assert all(text.startswith("system: Be brief. | user: Why tides?") for text in heard)
