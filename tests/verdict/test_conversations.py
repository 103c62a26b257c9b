"""What a failure says of conversations."""

from __future__ import annotations

from dataclasses import replace

from pytest_promptchaos.records import Timeline
from pytest_promptchaos.verdict.conversations import worst_conversation

CALM = Timeline(
    condition="HOMO a", seed_id="tides", bucket="", repeat=0, asked=6, collapsed=(False,) * 6
)
LOOP = replace(
    CALM,
    seed_id="bread",
    bucket="planning",
    collapsed=(False, False, False, False, True, False),
    texts=("Mix.", "Knead.", "Bake.", "Bake.", "Bake.", "Eat."),
    speakers=("bundled:a",) * 6,
)


def test_no_collapse_is_not_told() -> None:
    assert worst_conversation([CALM]) == []
    assert worst_conversation([]) == []


def test_the_most_collapsed_is_told_with_its_first_loop() -> None:
    assert worst_conversation([CALM, LOOP]) == [
        "",
        "most collapsed: HOMO a, seed prompt 'bread' (planning), repeat 0: from turn 5 on, 1 of 6 "
        "turns",
        "  turns    ....#. (# collapsed)",
        "  turn 3    'Bake.'",
        "  turn 4    'Bake.'",
        "  turn 5    'Bake.'",
    ]


def test_the_one_whose_words_are_kept_is_told_before_one_that_collapsed_more() -> None:
    silent = replace(LOOP, collapsed=(False,) * 4 + (True,) * 2, texts=(), seed_id="rain")
    told = worst_conversation([silent, LOOP])
    assert "'bread'" in told[1]
    assert "'rain'" in worst_conversation([CALM, silent])[1]


def test_a_long_turn_is_cut() -> None:
    long = replace(LOOP, texts=("word " * 100,) * 6)
    assert all(len(line) < 120 for line in worst_conversation([long])[3:])
