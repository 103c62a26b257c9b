from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_promptchaos.report.futures import Way, future_rows, futures_words, way
from report.conftest import pairs
from report.neighborhoods import card, futures

if TYPE_CHECKING:
    from pytest_promptchaos.records import BranchCard

CARD = card(pairs(1.0)[1])
OWN, OTHERS, CENTER, NEIGHBOR = futures()


def forced(center: tuple[float, float], neighbor: tuple[float, float]) -> BranchCard:
    """Return a card whose forced futures end so far from the center's and the neighbor's output."""
    ends = replace(CENTER, to_a=center[0], to_b=center[1])
    other = replace(NEIGHBOR, to_a=neighbor[0], to_b=neighbor[1])
    return replace(CARD, futures=(OWN, OTHERS, ends, other))


@pytest.mark.parametrize(
    ("to_a", "to_b", "told"),
    [
        (0.6, 0.1, "follows"),
        (0.1, 0.6, "returns"),
        (0.0, 0.0, "elsewhere"),
        (0.7, 0.6, "elsewhere"),
        (0.4, 0.1, "follows"),
        (0.4, 0.11, "elsewhere"),
        (0.1, 0.0, "follows"),
        (0.3, 0.3, "elsewhere"),
    ],
)
def test_a_forced_future_goes_where_it_ends_nearer(to_a: float, to_b: float, told: Way) -> None:
    assert way(replace(CENTER, to_a=to_a, to_b=to_b)) == told
    assert way(replace(NEIGHBOR, to_a=to_b, to_b=to_a)) == told


def test_where_both_follow_the_token_it_decides() -> None:
    assert futures_words(CARD).startswith("The token decides: ")


def test_where_both_come_back_the_prompt_decides() -> None:
    assert futures_words(forced((0.1, 0.6), (0.6, 0.1))).startswith("The prompt decides: ")


def test_where_they_do_not_agree_both_matter() -> None:
    assert futures_words(forced((0.6, 0.1), (0.6, 0.1))) == (
        "Forced onto the other's token, the center goes on as the other output and the neighbor "
        "comes back to its own output: token and prompt both matter."
    )
    assert futures_words(forced((0.9, 0.8), (0.8, 0.9))) == (
        "Forced onto the other's token, each prompt goes a third way: token and prompt both matter."
    )


def test_one_way_alone_is_said_to_be_alone() -> None:
    alone = replace(CARD, futures=(OWN, OTHERS, CENTER))
    assert futures_words(alone) == (
        "The center, forced onto the other token, goes on as the other output; the other way is "
        "missing."
    )


def test_without_a_forced_future_nothing_is_concluded() -> None:
    assert futures_words(replace(CARD, futures=(OWN, OTHERS))) == ""


def test_the_token_at_the_branch_is_marked_in_every_future() -> None:
    rows = future_rows(CARD, 200)
    assert [(row.prompt, row.forced, row.text.token) for row in rows] == [
        ("center", False, "."),
        ("neighbor", False, ","),
        ("center", True, ","),
        ("neighbor", True, "."),
    ]
    assert {row.text.shared for row in rows} == {"Try Hyperion by Dan Simmons"}
    own, other = "is its own output", "goes on as the other output"
    assert [row.way for row in rows] == [own, own, other, other]
