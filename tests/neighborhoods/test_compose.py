"""Several edits at once: where each acts, which exclude each other, what they are called."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pytest_promptchaos.errors import NeighborhoodError
from pytest_promptchaos.neighborhoods.compose import (
    check_drawn,
    compose,
    conflict,
    neighbor_of,
    part_of,
    sites,
    small_edits,
)
from pytest_promptchaos.neighborhoods.edits import Edit
from pytest_promptchaos.neighborhoods.ladder import neighborhood
from pytest_promptchaos.neighborhoods.messages import place_of
from pytest_promptchaos.records import SMALL_RUNGS, Message, Prompt, Rung

RICE = "What is a quick way to cook rice?"
TEXTS = ("Why?", RICE, "I don't, do you?", 'Say "no", please. \n', "Find a fast way. Suggest one!")


def edit(words: str, text: str = RICE) -> Edit:
    return next(e for e in small_edits(text, SMALL_RUNGS) if e.words == words)


SPACES = "added 2 trailing spaces"
FAST = "replaced 'quick' by 'fast'"


def test_words_and_text_are_joined_in_reading_order() -> None:
    composed = compose(RICE, [edit(SPACES), edit(FAST), edit("wrote 'is' twice")])
    assert composed.text == "What is is a fast way to cook rice?  "
    assert composed.words == (
        "wrote 'is' twice, replaced 'quick' by 'fast' and added 2 trailing spaces"
    )
    assert (composed.kind, composed.rung) == ("composed", "synonym")


def test_the_rung_is_the_largest_of_the_parts() -> None:
    both = compose(RICE, [edit("dropped the final '?'"), edit(SPACES)])
    assert (both.rung, both.text) == ("punctuation", "What is a quick way to cook rice  ")


def test_a_single_edit_stays_what_it_is() -> None:
    assert compose(RICE, [edit(SPACES)]) == edit(SPACES)


def test_a_prompt_is_edited_in_its_last_message() -> None:
    asked = Prompt(id="rice", text=RICE)
    assert compose(asked, [edit(FAST), edit(SPACES)]) == compose(RICE, [edit(FAST), edit(SPACES)])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("added 1 trailing space", SPACES),
        ("added 1 trailing space", "added 1 trailing newline"),
        ("doubled the space after 'is'", "broke the line after 'is'"),
        ("lower-cased the first letter of 'What'", "lower-cased the first letter of 'What'"),
        ("put 'quick' in parentheses", FAST),
        ("doubled the '?' after 'rice'", "dropped the final '?'"),
        ("put a space before the '?' after 'rice'", "doubled the '?' after 'rice'"),
        ("indented the prompt with a tab", "added 1 leading newline"),
    ],
)
def test_edits_of_one_place_exclude_each_other(first: str, second: str) -> None:
    with pytest.raises(NeighborhoodError, match="exclude each other"):
        compose(RICE, [edit(first), edit(second)])


@pytest.mark.parametrize(
    ("first", "second", "text"),
    [
        ("dropped the final '?'", SPACES, "What is a quick way to cook rice  "),
        (
            "added 1 leading space",
            "lower-cased the first letter of 'What'",
            " what is a quick way to cook rice?",
        ),
        (FAST, "broke the line after 'quick'", "What is a fast\nway to cook rice?"),
        (
            "doubled the '?' after 'rice'",
            "added 1 trailing space",
            "What is a quick way to cook rice?? ",
        ),
    ],
)
def test_neighboring_edits_go_together(first: str, second: str, text: str) -> None:
    assert compose(RICE, [edit(first), edit(second)]).text == text
    assert compose(RICE, [edit(second), edit(first)]).text == text


def test_swapped_words_stay_out_of_each_others_context() -> None:
    text = "Suggest a fast way to begin. Please explain why."
    swaps = [part_of(text, e) for e in small_edits(text, ["synonym"])]
    assert len(swaps) > 1
    for a, b in combinations(swaps, 2):
        (first, last) = sorted((a, b), key=lambda part: part.start)
        near = len(text[first.end : last.start].split()) < 2
        assert conflict(text, a, b) == conflict(text, b, a) == near


def test_sites_hold_the_choices_of_a_place_smallest_first() -> None:
    found = sites("Why not?", small_edits("Why not?", ["format"]))
    assert [(site.start, site.end) for site in found] == [(0, 0), (3, 4), (8, 8)]
    assert found[-1].parts[0].edit.words in {"added 1 trailing space", "added 1 trailing newline"}
    sizes = [[part.size for part in site.parts] for site in found]
    assert sizes == [sorted(one) for one in sizes]


def test_nothing_to_compose_is_refused() -> None:
    with pytest.raises(NeighborhoodError, match="pass at least one"):
        compose(RICE, [])
    with pytest.raises(NeighborhoodError, match="leaves the prompt as it is"):
        compose(RICE, [Edit("nothing", "format", "did nothing", RICE)])


def test_authored_rungs_are_not_made_from_a_text() -> None:
    with pytest.raises(NeighborhoodError, match="'paraphrase' cannot be drawn from"):
        small_edits(RICE, ["format", "paraphrase"])


@pytest.mark.parametrize("rungs", [[], ["identical"], ["x"], ["positive_control"]])
def test_a_refusal_names_only_the_rungs_that_are_taken(rungs: list[Rung]) -> None:
    with pytest.raises(NeighborhoodError, match=r"format, punctuation, synonym$"):
        check_drawn(rungs)


@pytest.mark.parametrize("rungs", ["format", 3, iter(["format"])])
def test_rungs_are_a_list_of_names(rungs: object) -> None:
    with pytest.raises(NeighborhoodError, match=r"pass a list of names, as in \['format'\]"):
        check_drawn(rungs)


def test_a_single_edit_has_the_ladders_id() -> None:
    built = neighborhood(RICE, rungs=["synonym"])
    (from_ladder,) = built.neighbors
    assert neighbor_of(built.center, edit(FAST)) == from_ladder


def test_another_message_is_edited_where_it_stands() -> None:
    chat = Prompt(id="c", text="Why?", before=(Message(role="system", content=RICE),))
    place = place_of(chat, "system")
    moved = neighbor_of(chat, edit(SPACES), place)
    assert moved.prompt.before[0].content == RICE + "  "
    assert (moved.prompt.text, moved.target) == ("Why?", "system message")


@given(st.sampled_from(TEXTS), st.data())
@settings(deadline=None)
def test_parts_make_their_edit_and_any_that_agree_compose(text: str, data: st.DataObject) -> None:
    edits = small_edits(text, SMALL_RUNGS)
    chosen = data.draw(st.lists(st.sampled_from(edits), min_size=2, max_size=6, unique=True))
    parts = [part_of(text, one) for one in chosen]
    for part in parts:
        assert text[: part.start] + part.text + text[part.end :] == part.edit.text
    kept = [p for i, p in enumerate(parts) if not any(conflict(text, p, q) for q in parts[:i])]
    assume(len(kept) > 1)
    composed = compose(text, [part.edit for part in kept])
    assert composed.text != text
    grown = sum(len(part.edit.text) - len(text) for part in kept)
    assert len(composed.text) == len(text) + grown
    assert all(part.edit.words in composed.words for part in kept)
    assert compose(text, [part.edit for part in reversed(kept)]) == composed
