from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_promptchaos.measure.whole import ALONG, AT_END
from pytest_promptchaos.report.distances import WORDS, distance_words

if TYPE_CHECKING:
    from pytest_promptchaos.measure.averages import Distance


@pytest.mark.parametrize("key", WORDS)
def test_words_are_no_keys(key: str) -> None:
    assert "_" not in distance_words(key)
    assert distance_words(key) != key


@pytest.mark.parametrize("distance", [*AT_END, *ALONG], ids=lambda one: one.key)
def test_a_pair_calls_a_distance_as_the_measurement_over_all_pairs_does(distance: Distance) -> None:
    assert distance_words(distance.key) == distance.name


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("token_edit@16", "token edit distance at 16 tokens"),
        ("semantic@256", "semantic distance at 256 tokens"),
        ("answer", "answer changed"),
        ("aligned_semantic", "semantic distance from the answer on"),
    ],
)
def test_lengths_answers_and_alignment_are_told(key: str, words: str) -> None:
    assert distance_words(key) == words


@pytest.mark.parametrize("key", ["between prompts", "my_own", "mine@home", ""])
def test_a_key_that_is_not_known_is_shown_as_it_is(key: str) -> None:
    assert distance_words(key) == key
