"""An edit can go to any message of a conversation, and says to which."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.errors import NeighborhoodError, PromptError
from pytest_promptchaos.neighborhoods.certify import certify, effective_by_rung
from pytest_promptchaos.neighborhoods.ladder import neighborhood
from pytest_promptchaos.neighborhoods.messages import place_of, rewritten
from pytest_promptchaos.records import RUNGS, SMALL_RUNGS, Message, Prompt

CHAT = Prompt(
    id="chat",
    text="And which is the shortest?",
    before=(
        Message(role="system", content="Be brief, and answer in English."),
        Message(role="user", content="Name three books like Dune."),
        Message(role="assistant", content="Hyperion, Foundation, and Solaris."),
    ),
    polarity=1,
    proposition="shortest",
)
BARE = Prompt(id="bare", text="Name a book.")


@pytest.mark.parametrize(
    ("target", "index", "words"),
    [
        (None, 3, ""),
        ("user", 3, ""),
        (3, 3, ""),
        (-1, 3, ""),
        ("system", 0, "system message"),
        (0, 0, "system message"),
        (-4, 0, "system message"),
        ("assistant", 2, "turn 3 (assistant)"),
        (1, 1, "turn 2 (user)"),
        (-3, 1, "turn 2 (user)"),
    ],
)
def test_a_target_is_an_index_or_the_last_message_of_a_role(
    target: Any, index: int, words: str
) -> None:
    place = place_of(CHAT, target)
    assert (place.index, place.words) == (index, words)
    assert place.text == CHAT.messages[index].content


def test_of_two_system_messages_each_is_named_by_its_turn() -> None:
    twice = Prompt(id="2", text="Why?", before=(CHAT.before[0], CHAT.before[0]))
    assert place_of(twice, "system").words == "turn 2 (system)"
    assert place_of(twice, 0).words == "turn 1 (system)"


def test_only_the_chosen_message_changes() -> None:
    for neighbor in neighborhood(CHAT, target="system").neighbors:
        if neighbor.rung in SMALL_RUNGS:
            assert neighbor.target == "system message"
            assert neighbor.prompt.text == CHAT.text
            assert neighbor.prompt.before[1:] == CHAT.before[1:]
            assert neighbor.prompt.before[0].role == "system"
            assert neighbor.prompt.before[0].content != CHAT.before[0].content
            assert (neighbor.prompt.polarity, neighbor.prompt.proposition) == (1, "shortest")


def test_a_message_is_edited_as_a_prompt_of_its_own_would_be() -> None:
    alone = neighborhood(Prompt(id="chat", text=CHAT.before[1].content), rungs=SMALL_RUNGS)
    within = neighborhood(CHAT, rungs=SMALL_RUNGS, target=1)
    assert [(n.rung, n.kind, n.edit, n.prompt.text) for n in alone.neighbors] == [
        (n.rung, n.kind, n.edit, n.prompt.before[1].content) for n in within.neighbors
    ]


def test_the_center_is_the_same_whatever_is_edited() -> None:
    assert neighborhood(CHAT, target="system").center == CHAT == neighborhood(CHAT).center


def test_authored_texts_replace_the_chosen_message() -> None:
    built = neighborhood(
        CHAT,
        target="system",
        rungs=["paraphrase", "small_semantic"],
        paraphrases=["Answer briefly and in English."],
        small_semantic=["Be brief, and answer in French."],
    )
    same, other = built.neighbors
    assert same.prompt.before[0].content == "Answer briefly and in English."
    assert other.prompt.before[0].content == "Be brief, and answer in French."
    assert {n.target for n in built.neighbors} == {"system message"}
    assert (same.prompt.polarity, other.prompt.polarity) == (1, None)


@pytest.mark.parametrize("texts", [[], ["How do I boil an egg?"]])
def test_a_positive_control_always_replaces_what_is_asked(texts: list[str]) -> None:
    built = neighborhood(CHAT, target="system", rungs=["positive_control"], positive_control=texts)
    assert len(built.neighbors) == (1 if texts else 4)
    for control in built.neighbors:
        assert control.target == ""
        assert control.prompt.before == CHAT.before
        assert control.prompt.text != CHAT.text


def test_the_controls_are_the_same_neighbors_for_every_target() -> None:
    rungs = ("identical", "positive_control")
    here = neighborhood(CHAT, rungs=rungs).neighbors  # type: ignore[arg-type]
    assert neighborhood(CHAT, rungs=rungs, target=1).neighbors == here  # type: ignore[arg-type]


def test_the_last_message_named_in_any_way_has_the_ids_of_no_target() -> None:
    plain = neighborhood(CHAT)
    assert neighborhood(CHAT, target="user") == plain
    assert neighborhood(CHAT, target=3) == plain
    assert neighborhood(CHAT, target=-1) == plain


def test_one_message_named_in_two_ways_has_one_set_of_ids() -> None:
    assert neighborhood(CHAT, target="system") == neighborhood(CHAT, target=0)


def test_the_same_edit_of_two_equal_messages_is_two_neighbors() -> None:
    told = Message(role="user", content="Name a book.")
    twice = Prompt(id="twice", text="Name a book.", before=(told, told))
    ids = [
        {n.id for n in neighborhood(twice, rungs=["format"], target=target).neighbors}
        for target in (None, 0, 1)
    ]
    assert len(set.union(*ids)) == 3 * 4


def test_the_id_of_an_edited_message_stays() -> None:
    """Pinned: stored runs are found again by these."""
    built = neighborhood(CHAT, rungs=["punctuation"], per_rung=1, target="system")
    assert [(n.id, n.edit) for n in built.neighbors] == [
        ("ae4f10a834ae", "lower-cased the first letter of 'Be'"),
    ]


def test_a_template_that_drops_the_system_message_erases_every_edit_of_it() -> None:
    def render(prompt: Prompt) -> list[int]:
        kept = [m.content for m in prompt.messages if m.role != "system"]
        return list("\n".join(kept).encode())

    counted = effective_by_rung(certify(neighborhood(CHAT, target="system"), render))
    assert all(counted[rung].effective == 0 for rung in SMALL_RUNGS)
    assert all(counted[rung].erased == counted[rung].asked for rung in SMALL_RUNGS)
    assert sum(counted[rung].asked for rung in SMALL_RUNGS) >= 8
    assert counted["positive_control"].effective == 4


def test_an_empty_rung_says_which_message_had_no_place_for_it() -> None:
    told = Prompt(id="x", text="Name a book.", before=(Message(role="system", content="Sing"),))
    built = neighborhood(told, rungs=["synonym"], target="system")
    assert built.unavailable == (
        (
            "synonym",
            "no word of the system message is in the lexicon in a place where a swap is safe",
        ),
    )


@pytest.mark.parametrize(
    ("prompt", "target", "message"),
    [
        (BARE, "system", r"'bare' has no system message to edit: its messages are 0 user; add one"),
        (BARE, 1, r"'bare' has no message 1: .* 0 user, so target takes -1 to 0"),
        (CHAT, -5, r"no message -5: .* 0 system, 1 user, 2 assistant, 3 user, so target takes -4"),
        (CHAT, "sytem", "no role of a message: did you mean 'system'"),
        (CHAT, "xyz", "no role of a message: the roles are system, user, assistant"),
        (CHAT, True, "target is True: it takes the index of a message"),
        (CHAT, 1.0, r"target is 1\.0: it takes the index of a message"),
    ],
)
def test_a_message_that_is_not_there_is_refused(prompt: Prompt, target: Any, message: str) -> None:
    with pytest.raises(NeighborhoodError, match=message):
        neighborhood(prompt, target=target)


def test_an_empty_message_cannot_be_edited() -> None:
    silent = Prompt(id="q", text="Why?", before=(Message(role="system", content=" \n"),))
    with pytest.raises(PromptError, match=r"'q': message 1 of 2 \(system\) is ' \\n'.*another"):
        neighborhood(silent, target="system")
    assert neighborhood(silent).neighbors


@pytest.mark.parametrize(
    ("target", "named"), [(None, "this prompt"), ("system", "the system message")]
)
def test_an_edit_that_leaves_nothing_is_refused(target: Any, named: str) -> None:
    with pytest.raises(NeighborhoodError, match=f"an edit of {named} leaves ' '"):
        rewritten(CHAT, place_of(CHAT, target), " ")


def test_an_authored_text_that_is_the_chosen_message_itself_is_refused() -> None:
    with pytest.raises(NeighborhoodError, match="is the system message itself, so it edits"):
        neighborhood(CHAT, target="system", paraphrases=[CHAT.before[0].content])
    assert neighborhood(CHAT, target="system", paraphrases=[CHAT.text]).neighbors


def test_one_text_may_stand_in_two_different_messages() -> None:
    egg = ["How do I boil an egg?"]
    built = neighborhood(CHAT, target="system", paraphrases=egg, positive_control=egg)
    assert len({n.id for n in built.neighbors}) == len(built.neighbors)


MESSAGES = st.builds(
    Message,
    role=st.sampled_from(["system", "user", "assistant"]),
    content=st.sampled_from(["Be brief.", "Name a cat, please.", "Why not, then?"]),
)


@given(before=st.lists(MESSAGES, max_size=4).map(tuple), data=st.data(), seed=st.integers())
@settings(deadline=None)
def test_whatever_the_conversation_one_message_changes_and_ids_are_its_own(
    before: tuple[Message, ...], data: st.DataObject, seed: int
) -> None:
    prompt = Prompt(id="p", text="Is it so?", before=before)
    index = data.draw(st.integers(0, len(before)))
    built = neighborhood(prompt, seed=seed, rungs=RUNGS, target=index)
    assert len({n.id for n in built.neighbors}) == len(built.neighbors)
    for neighbor in built.neighbors:
        changed = [
            at
            for at, (a, b) in enumerate(zip(prompt.messages, neighbor.prompt.messages, strict=True))
            if a != b
        ]
        if neighbor.rung in SMALL_RUNGS:
            assert changed == [index]
            assert bool(neighbor.target) == (index < len(before))
