from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from pytest_promptchaos.records import BranchKind, Candidate
from pytest_promptchaos.report.cards import KINDS, CardView, card_views, uncarded
from pytest_promptchaos.report.sidebyside import compared_pairs
from report.conftest import pairs, verdict
from report.neighborhoods import branch, card, in_depth

PAIR = pairs(1.0)[1]


def view(**changes: object) -> CardView:
    (found,) = card_views(verdict(pairs=(PAIR,), cards=(card(PAIR, **changes),)), 500, 9)
    return found


def test_every_kind_of_branch_has_its_words() -> None:
    assert set(KINDS) == set(get_args(BranchKind))
    assert [kind for kind, _ in view().kinds] == ["low margin", "silent"]


def test_the_card_of_the_worst_neighbor_comes_first() -> None:
    found = in_depth()
    worst = found.cards[2].neighbor_id
    ranked = card_views(replace(found, worst=worst), 500, 2)
    assert [one.card.neighbor_id for one in ranked] == [worst, found.cards[0].neighbor_id]


def test_a_card_finds_the_outputs_of_its_neighbor() -> None:
    found = view()
    assert found.pair is PAIR
    assert found.beside is not None
    assert (found.beside.center.token, found.beside.neighbor.token) == (".", ",")


def test_a_card_without_its_pair_still_tells_the_branch() -> None:
    (found,) = card_views(verdict(pairs=(), cards=(card(PAIR),)), 500, 9)
    assert found.beside is None
    assert found.branch == (
        "The outputs part at token 6: “.” (margin 0.31 logits) against “,” (margin 1.20 logits)."
    )


def test_pairs_that_have_a_card_are_not_shown_again() -> None:
    found = in_depth()
    left = uncarded(compared_pairs(found), card_views(found, 500, 9))
    told = {one.neighbor_id for one in found.cards}
    assert {one.neighbor_id for one in left} == (
        {one.neighbor_id for one in compared_pairs(found)} - told
    )


def test_both_lists_of_candidates_share_a_scale_and_name_who_took_which() -> None:
    found = dict(view().candidates)
    assert [(row.token, row.taken) for row in found["center"]] == [
        (".", "center"),
        (",", "neighbor"),
        ("·and", ""),
        ("!", ""),
    ]
    widths = {whose: [row.width for row in rows] for whose, rows in found.items()}
    assert widths["neighbor"][0] == 100
    assert widths["center"][3] == 4
    assert widths["center"] == sorted(widths["center"], reverse=True)


def test_one_candidate_alone_has_a_bar() -> None:
    one = (Candidate(token="a", logit=-3.0),)
    found = view(branch=branch(candidates_a=one, candidates_b=()))
    assert [(whose, rows[0].width) for whose, rows in found.candidates] == [("center", 4.0)]


def test_without_candidates_there_is_no_list() -> None:
    assert view(branch=branch(candidates_a=(), candidates_b=())).candidates == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"silent_at": 2},
            "The two distributions were apart from token 3 on, 3 tokens before it showed. The "
            "outputs stay apart.",
        ),
        ({"silent_at": None, "persistent": False}, "The outputs stay close."),
        ({"silent_at": None, "kinds": ()}, ""),
    ],
)
def test_the_lead_says_only_what_is_known(changes: dict[str, object], words: str) -> None:
    assert view(branch=branch(**changes)).lead == words


def test_the_smallest_part_shows_its_white_space() -> None:
    assert view().smallest == "Recommend a book··like Dune."
