"""Words -> labels: copies, near copies and two-cycles, in any script."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.measure.lexical import (
    Wording,
    compression_ratio,
    lexical_labels,
    repeated_share,
    repeats,
)

LONG = (
    "The harbor was quiet that morning, and only two fishermen were mending their nets while a "
    "grey cat watched them from the wall and waited for whatever they would throw away."
)
OTHER = (
    "Prime numbers thin out slowly: below one hundred there are twenty-five of them, below one "
    "thousand one hundred and sixty-eight, and nobody has found a simple rule for the next."
)
CHINESE = "港口那天早上很安静只有两个渔民在修补渔网一只灰猫从墙上看着他们等待着被扔掉的东西"


# -- known answers ------------------------------------------------------------------------------


def test_the_share_of_triples_told_by_hand() -> None:
    # Triples of the second: "b c d" is new, "a b c" and "c d e" are known.
    assert repeated_share("a b c d e", "a b c. C, d e") == pytest.approx(2 / 3)
    assert repeated_share("a b", "a b c") == 1.0
    assert repeated_share("...", "...") == 0.0


def test_a_text_that_is_known_is_compressed_to_nearly_nothing() -> None:
    assert compression_ratio(LONG, LONG) < 0.1
    assert compression_ratio(OTHER, LONG) > 0.8
    assert compression_ratio("", LONG) == compression_ratio(LONG, "") == 1.0


def test_only_what_deflate_can_look_back_on_is_known() -> None:
    assert compression_ratio(LONG, LONG + " " * 40_000) > 0.9


@pytest.mark.parametrize(
    ("text", "earlier", "same"),
    [
        (LONG, LONG, True),
        (LONG.replace("grey", "black"), LONG, True),
        (LONG.upper(), LONG, True),
        (OTHER, LONG, False),
        ("Goodbye!", "Goodbye.", True),
        ("Take care, goodbye.", "The pleasure was mine.", False),
        (CHINESE.replace("灰", "黑"), CHINESE, True),
        ("素数慢慢变得稀疏一百以下有二十五个没有人找到简单的规律", CHINESE, False),
        ("", "  ", True),
        ("Well.", "", False),
    ],
)
def test_what_repeats_what(text: str, earlier: str, same: bool) -> None:
    assert repeats(text, earlier, Wording()) is same


def test_a_loop_of_one_turn_is_labelled_from_its_third_repeat_on() -> None:
    assert lexical_labels([OTHER, *[LONG] * 5]).tolist() == [False] * 4 + [True, True]
    assert lexical_labels([LONG] * 5).tolist() == [False] * 4 + [True]


def test_a_loop_of_two_turns_is_labelled_too() -> None:
    assert lexical_labels([LONG, OTHER] * 3).tolist() == [False] * 4 + [True] * 2


def test_a_conversation_that_goes_on_is_not_labelled() -> None:
    said = ["One bird sings.", "A dog barked.", "We ate bread.", "It rained.", LONG, OTHER, "End."]
    assert not lexical_labels(said).any()


def test_one_repeat_and_then_something_else_is_not_a_loop() -> None:
    assert not lexical_labels([LONG, LONG, LONG, OTHER, CHINESE, "Well, well."]).any()


# -- properties ---------------------------------------------------------------------------------

TEXTS = st.lists(st.sampled_from([LONG, OTHER, CHINESE, "Yes.", ""]), max_size=10)


@settings(deadline=None)
@given(TEXTS, TEXTS)
def test_a_label_needs_no_later_turn(texts: list[str], later: list[str]) -> None:
    assert lexical_labels(texts + later)[: len(texts)].tolist() == lexical_labels(texts).tolist()


@settings(deadline=None)
@given(st.text(), st.text())
def test_shares_and_ratios_are_shares_of_any_text(text: str, earlier: str) -> None:
    assert 0.0 <= repeated_share(text, earlier) <= 1.0
    assert 0.0 < compression_ratio(text, earlier) <= 1.0
    assert repeats(text, text, Wording())
