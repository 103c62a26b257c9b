"""Collapse: loops, and answers that are the same whatever is asked."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from measure.scripted_runs import observed
from pytest_promptchaos.measure.repetition import (
    collapse_control,
    distinct_n,
    longest_repeat,
    repetition,
    repetitive,
)
from pytest_promptchaos.records import SMALL_RUNGS

words = st.lists(st.sampled_from("abc"), max_size=24)


@pytest.mark.parametrize(
    ("text", "n", "share"),
    [("a b c d", 1, 1.0), ("a a a a", 1, 0.25), ("a b a b", 2, 2 / 3), ("a", 2, 1.0), ("", 1, 1.0)],
)
def test_distinct_n_counts_different_n_grams(text: str, n: int, share: float) -> None:
    assert distinct_n(text.split(), n) == pytest.approx(share)


def test_an_n_gram_has_at_least_one_token() -> None:
    with pytest.raises(ValueError, match="n is 0"):
        distinct_n(["a"], 0)


@pytest.mark.parametrize(
    ("text", "start", "period", "length"),
    [
        ("a b c d", 0, 0, 0),
        ("the the the", 0, 1, 3),
        ("so it goes goes goes on", 2, 1, 3),
        ("a b a b", 0, 2, 4),
        ("x a b c a b c a y", 1, 3, 7),
        ("a a b a a b", 0, 3, 6),
        ("", 0, 0, 0),
    ],
)
def test_the_longest_repeat_is_found_whatever_its_period(
    text: str, start: int, period: int, length: int
) -> None:
    found = longest_repeat(text.split())
    assert (found.start, found.period, found.length) == (start, period, length)
    assert found.share == pytest.approx(length / max(len(text.split()), 1))


@settings(max_examples=150, deadline=None)
@given(words)
def test_a_repeat_is_made_of_copies_of_its_block(tokens: list[str]) -> None:
    found = longest_repeat(tokens)
    covered = tokens[found.start : found.start + found.length]
    assert len(covered) == found.length
    assert all(token == covered[place % found.period] for place, token in enumerate(covered))
    assert found.length == 0 or found.times >= 2


@settings(max_examples=60, deadline=None)
@given(words, st.integers(2, 4))
def test_an_output_said_over_and_over_is_one_repeat(tokens: list[str], times: int) -> None:
    found = longest_repeat(tokens * times)
    assert found.length == len(tokens * times)
    assert distinct_n(tokens * times, 1) == pytest.approx(distinct_n(tokens, 1) / times) or (
        not tokens
    )


def test_style_is_no_loop() -> None:
    assert repetitive(["no", "no", "no"]) == ""
    assert (
        repetitive(["row", "row", "row", "row", "your", "boat", "gently", "down", "the", "stream"])
        == ""
    )


def test_a_loop_is_told_with_its_block() -> None:
    assert repetitive(["ab", "ab", "ab", "ab"]) == "says 'ab' 4 times in a row, 100% of the output"
    assert repetitive([*["ab"] * 16, "<end>"]).startswith("says 'ab' 16 times in a row")
    # Two blocks in turn of changing length: no back-to-back loop, and still few pairs of words.
    babble = ("a b b a b a a b b b a a " * 2 + "b a b").split()
    assert "of its pairs of tokens are distinct" in repetitive(babble)


@pytest.mark.parametrize("answer", ["0 , 0 , 0 , 0 , 0 , 0", "no . no . no . no . yes"])
def test_a_short_answer_that_repeats_itself_and_ends_is_an_answer(answer: str) -> None:
    assert repetitive([*answer.split(), "<end>"]) == ""
    assert "times in a row" in repetitive(answer.split())
    asked = observed("cat", answer, {"positive_control": [answer.replace("0", "1")]})
    assert "0 of 2 outputs are repetitive" in collapse_control([asked]).words
    assert "2 of 2 outputs are repetitive" in collapse_control([asked], horizon=8).words


def test_a_model_that_says_one_thing_whatever_is_asked_has_collapsed() -> None:
    found = collapse_control(
        [observed("cat", "yes", {"small_semantic": ["yes"], "positive_control": ["yes"]})]
    )
    assert found.state == "failed"
    assert found.value == 1.0
    assert "2 of 2 meaning-changing edits leave every token as it is" in found.words
    assert "collapsed" in found.words


def test_answers_to_other_requests_are_no_collapse_however_stable_the_rest() -> None:
    found = collapse_control(
        [
            observed(
                "cat",
                "a cat",
                {"format": ["a cat"], "small_semantic": ["a cat"], "positive_control": ["Rome"]},
            )
        ]
    )
    assert found.state == "held"
    assert found.value == 0.5


def test_a_loop_at_most_outputs_is_a_collapse_though_tokens_differ() -> None:
    found = collapse_control([observed("cat", "cat " * 99, {"positive_control": ["Rome " * 99]})])
    assert found.state == "failed"
    assert found.value == 0.0
    assert "2 of 2 outputs are repetitive (says 'cat ' 64 times in a row" in found.words


def test_the_horizon_decides_what_is_compared() -> None:
    asked = observed("cat", "well a cat", {"positive_control": ["well Rome"]})
    assert collapse_control([asked], horizon=1).state == "failed"
    assert collapse_control([asked]).state == "held"


def test_without_a_meaning_changing_edit_collapse_is_not_seen() -> None:
    found = collapse_control([observed("cat", "a cat", {"format": ["a cat"]})])
    assert (found.state, found.value) == ("absent", None)


def test_repetition_is_measured_by_prompt() -> None:
    tokens, pairs, repeat = repetition(
        [
            observed("cat", "a a a a", {"format": ["a b c d"], "positive_control": ["z"]}),
            observed("sun", "e f g h", {"format": ["e f g h"]}),
        ],
        SMALL_RUNGS,
    )
    assert tokens.value == pytest.approx((0.625 + 1.0) / 2)
    assert pairs.value == pytest.approx(((1 / 3 + 1) / 2 + 1.0) / 2)
    assert repeat.value == pytest.approx((0.5 + 0.0) / 2)
    assert (repeat.n, repeat.effective_n) == (4, 4)
