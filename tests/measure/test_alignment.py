"""Where the answer begins: markers, shared preambles, and outputs that never answer."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.measure.alignment import (
    ANSWER_TOKENS,
    aligned,
    answer_start,
    never_answers,
    shared_preamble,
)
from pytest_promptchaos.measure.distances import token_edit

tokens = st.lists(st.sampled_from([" a", " b", "\n", "</think>", "Answer:", "<think>"]), max_size=9)


def pieces(text: str, *, ends: bool = True) -> list[str]:
    return [*(f"{word} " for word in text.split()), *(["<end>"] if ends else [])]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>Two and two.</think>\n\n4", "4"),
        ("Let me see.</think> 4", "4"),
        ("<thinking>so</thinking>4", "4"),
        ("<think>a</think> b <think>c</think> 4", "4"),
        ("[THINK]so[/THINK]4", "4"),
        ("<|channel|>analysis<|message|>so<|end|><|channel|>final<|message|>4", "4"),
        ("Thinking Process: two.\nFinal answer: 4", "4"),
        ("**Final Answer:** 4", "4"),
        ("**Final Answer**\n\n4", "4"),
        ("### Answer\n4", "4"),
        ("The final answer is: 4", "4"),
        ("Question?\nAnswer: 4\nQuestion?\nAnswer: 5", "4\nQuestion?\nAnswer: 5"),
        ("Answer: maybe\nFinal answer: 4", "4"),
        ("Answer:", ""),
    ],
)
def test_the_answer_begins_behind_its_marker(text: str, answer: str) -> None:
    start = answer_start(text)
    assert start is not None
    assert text[start:] == answer


@pytest.mark.parametrize(
    "text",
    [
        "4",
        "The answer is 4.",
        "My answer to this: 4",
        "### Answering a question\n4",
        "### Answer to the second question\n4",
        "Answer the call",
    ],
)
def test_prose_is_no_marker(text: str) -> None:
    assert answer_start(text) is None


def test_a_thought_that_never_ends_has_no_answer() -> None:
    assert never_answers("<think>Let me see")
    assert never_answers("\n<think>Answer: perhaps")
    assert not never_answers("<think>Let me see</think>")
    assert not never_answers("I said <think> once")


def test_the_preamble_is_what_different_requests_share() -> None:
    assert shared_preamble([["Sure", "!", "4"], ["Sure", "!", "Rome"], ["Sure", "."]]) == 1
    assert shared_preamble([["Sure", "!"], ["Sure", "!", "Rome"]]) == 2
    assert shared_preamble([["4"], ["Rome"]]) == 0
    assert shared_preamble([]) == 0


def test_equal_outputs_for_different_requests_tell_no_preamble() -> None:
    assert shared_preamble([["Sure", "!"], ["Sure", "!"]]) == 0


def test_a_marker_in_both_goes_before_the_preamble() -> None:
    found = aligned(
        pieces("Well <think> no </think> four"), pieces("Well <think> yes </think> 4"), preamble=1
    )
    assert (found.by, found.start_a, found.start_b) == ("marker", 4, 4)
    assert (found.text_a, found.text_b) == ("four ", "4 ")


def test_a_marker_in_one_only_leaves_the_preamble() -> None:
    found = aligned(pieces("Well Answer: 4"), pieces("Well it is 4"), preamble=1)
    assert (found.by, found.start_a, found.text_a) == ("preamble", 1, "Answer: 4 ")


def test_a_neighbor_that_leaves_the_preamble_early_is_compared_from_there() -> None:
    found = aligned(pieces("one two three four"), pieces("one two 3 four"), preamble=3)
    assert found.start_b == 2
    assert found.text_b == "3 four "


def test_without_scaffold_outputs_are_compared_whole() -> None:
    found = aligned(pieces("4", ends=False), pieces("four"))
    assert found.usable
    assert (found.by, found.text_a, found.scaffold) == ("whole output", "4 ", 0.0)


def test_a_start_within_a_token_counts_that_token_to_the_answer() -> None:
    found = aligned(["Answer", ": yes", "<end>"], ["Answer", ": no", "<end>"])
    assert (found.start_a, found.text_a, found.text_b) == (1, "yes", "no")


def test_a_short_answer_is_usable_where_it_ended_and_not_where_it_was_cut() -> None:
    scaffold = "now let me think about it "
    cut = aligned(pieces(f"{scaffold}4 5", ends=False), pieces(f"{scaffold}6"), preamble=6)
    assert not cut.usable
    assert cut.reason == (
        f"the center has 2 tokens of answer before the horizon; {ANSWER_TOKENS} needed"
    )
    assert aligned(pieces(f"{scaffold}4"), pieces(f"{scaffold}6"), preamble=6).usable


@pytest.mark.parametrize(
    ("a", "b", "reason"),
    [
        ("<think> so", "<think> so </think> 4", "the center never ends its thought"),
        ("so </think> 4", "so and so", "the neighbor never ends its thought"),
        ("<think> so", "", "the center never ends its thought"),
    ],
)
def test_an_output_without_an_answer_is_not_usable(a: str, b: str, reason: str) -> None:
    found = aligned(pieces(a), pieces(b))
    assert not found.usable
    assert found.reason == reason


@pytest.mark.parametrize(
    ("a", "b", "preamble", "by"),
    [
        ("four", "", 0, "whole output"),
        ("so </think> four", "so </think>", 0, "marker"),
        ("so </think> four", "", 0, "marker"),
        ("well then four", "well then", 2, "preamble"),
    ],
)
def test_an_empty_output_that_ended_is_a_whole_answer(
    a: str, b: str, preamble: int, by: str
) -> None:
    found = aligned(pieces(a), pieces(b), preamble=preamble)
    assert (found.usable, found.by, found.text_a, found.text_b) == (True, by, "four ", "")
    assert token_edit(found.tokens_a, found.tokens_b) == 1.0
    both = aligned(pieces(b), pieces(b), preamble=preamble)
    assert both.usable
    assert token_edit(both.tokens_a, both.tokens_b) == 0.0


def test_an_answer_of_no_token_at_the_horizon_is_not_whole() -> None:
    found = aligned(pieces("so </think>", ends=False), pieces("so </think> 4"))
    assert found.reason == (
        f"the center has 0 tokens of answer before the horizon; {ANSWER_TOKENS} needed"
    )


def test_equal_answers_are_at_zero_however_the_marker_is_cut_into_tokens() -> None:
    whole = ["so", "</think>4", " books", "<end>"]
    apart = ["no", " way", "</think>", " 4", " books", "<end>"]
    found = aligned(whole, apart)
    assert found.tokens_a == found.tokens_b == ("4", " books", "<end>")
    assert token_edit(found.tokens_a, found.tokens_b) == 0.0


@settings(max_examples=150, deadline=None)
@given(tokens, tokens, st.integers(0, 12))
def test_an_alignment_is_symmetric_and_stays_within_the_outputs(
    a: list[str], b: list[str], preamble: int
) -> None:
    found, back = aligned(a, b, preamble=preamble), aligned(b, a, preamble=preamble)
    assert (found.usable, found.start_a, found.text_a) == (back.usable, back.start_b, back.text_b)
    assert 0 <= found.start_a <= found.length_a == len(a)
    assert "".join(a).endswith(found.text_a)
    assert 0.0 <= found.scaffold <= 1.0
    assert found.usable == (not found.reason)
    assert "".join(found.tokens_a) == found.text_a


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.sampled_from("ab"), max_size=5), min_size=2, max_size=4))
def test_more_requests_never_share_a_longer_preamble(outputs: list[list[str]]) -> None:
    fewer = shared_preamble(outputs[:-1])
    distinct = {tuple(output) for output in outputs[:-1]}
    assert len(distinct) < 2 or shared_preamble(outputs) <= fewer
