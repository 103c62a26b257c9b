"""A speaker is shown all that was said, as somebody who answers; its seed is its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.models.selfplay import seen_by_speaker, turn_seed
from pytest_promptchaos.records import Message, Prompt

if TYPE_CHECKING:
    from pytest_promptchaos.records import Role

TIDES = Prompt(id="tides", text="Why tides?", bucket="factual QA")
BRIEF = Message(role="system", content="Be brief.")
TEXTS = st.lists(st.text(max_size=20), max_size=9)


def seen(prompt: Prompt, *texts: str) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in seen_by_speaker(prompt, texts).messages]


# -- known answers --------------------------------------------------------------------------------


def test_the_first_speaker_is_shown_the_seed_prompt_itself() -> None:
    assert seen_by_speaker(TIDES, []) is TIDES


def test_the_second_speaker_is_shown_question_and_answer_as_one_message() -> None:
    assert seen(TIDES, "The moon.") == [("user", "Why tides?\n\nThe moon.")]


def test_the_third_speaker_finds_its_own_answer_behind_the_question() -> None:
    assert seen(TIDES, "The moon.", "Only it?") == [
        ("user", "Why tides?"),
        ("assistant", "The moon."),
        ("user", "Only it?"),
    ]


def test_the_fourth_speaker_finds_its_own_reply() -> None:
    assert seen(TIDES, "The moon.", "Only it?", "And the sun.") == [
        ("user", "Why tides?\n\nThe moon."),
        ("assistant", "Only it?"),
        ("user", "And the sun."),
    ]


def test_a_system_message_stays_first_and_is_joined_with_nothing() -> None:
    told = Prompt(id="tides", text="Why tides?", before=(BRIEF,))
    assert seen(told, "The moon.") == [
        ("system", "Be brief."),
        ("user", "Why tides?\n\nThe moon."),
    ]


def test_earlier_turns_of_the_seed_prompt_take_their_part() -> None:
    earlier = (Message(role="user", content="a"), Message(role="assistant", content="b"))
    told = Prompt(id="abc", text="c", before=earlier)
    assert seen(told, "d") == [("user", "a\n\nb"), ("assistant", "c"), ("user", "d")]
    assert seen(told, "d", "e") == [
        ("user", "a"),
        ("assistant", "b"),
        ("user", "c"),
        ("assistant", "d"),
        ("user", "e"),
    ]


def test_an_empty_turn_is_an_empty_message() -> None:
    assert seen(TIDES, "", "") == [("user", "Why tides?"), ("assistant", ""), ("user", "")]
    assert seen(TIDES, "") == [("user", "Why tides?\n\n")]


def test_what_is_shown_names_its_turn_and_keeps_the_bucket() -> None:
    shown = seen_by_speaker(TIDES, ["The moon."])
    assert (shown.id, shown.bucket) == ("tides, turn 2", "factual QA")


# -- properties -----------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    st.text(min_size=1, max_size=20),
    st.lists(st.text(max_size=9), max_size=4),
    TEXTS,
    st.booleans(),
)
def test_roles_alternate_from_a_user_to_a_user_and_nothing_said_is_lost(
    text: str, earlier: list[str], texts: list[str], told: bool
) -> None:
    alternating: tuple[Role, Role] = ("user", "assistant")
    spoken = earlier[: len(earlier) // 2 * 2]
    before = [Message(role=alternating[i % 2], content=t) for i, t in enumerate(spoken)]
    prompt = Prompt(id="seed", text=text, before=(*([BRIEF] if told else []), *before))
    messages = list(seen_by_speaker(prompt, texts).messages)
    if told:
        assert messages.pop(0) == BRIEF
    roles = [message.role for message in messages]
    assert roles == [alternating[i % 2] for i in range(len(roles))]
    assert roles[-1] == "user"
    said = [*spoken, text, *texts]
    shown = [message.content for message in messages]
    joined = len(said) % 2 == 0
    assert shown == (["\n\n".join(said[:2]), *said[2:]] if joined else said)


@settings(deadline=None)
@given(TEXTS)
def test_a_speaker_of_two_finds_its_own_words_under_assistant(texts: list[str]) -> None:
    messages = seen_by_speaker(TIDES, texts).messages
    own = [t for i, t in enumerate(texts) if (len(texts) - i) % 2 == 0]
    # The first reply of an even turn is part of the question; it is the other one's.
    assert [m.content for m in messages if m.role == "assistant"] == own


@given(st.integers(0, 2**70), st.text(max_size=9), st.integers(0, 999), st.integers(1, 999))
def test_a_turn_seed_is_its_own_and_fits_a_generator(
    seed: int, seed_id: str, repeat: int, number: int
) -> None:
    one = turn_seed(seed, seed_id, repeat, number)
    others = [
        turn_seed(seed + 1, seed_id, repeat, number),
        turn_seed(seed, seed_id + "x", repeat, number),
        turn_seed(seed, seed_id, repeat + 1, number),
        turn_seed(seed, seed_id, repeat, number + 1),
    ]
    assert 0 <= one < 2**63
    assert one == turn_seed(seed, seed_id, repeat, number)
    assert one not in others


def test_the_seeds_of_a_published_run_stay_as_they_are() -> None:
    # Another way to make them would change every transcript without changing a setting.
    assert turn_seed(0, "tides", 0, 1) == 3614843915016013968
    assert len({turn_seed(0, s, r, n) for s in "abcd" for r in range(5) for n in range(40)}) == 800
