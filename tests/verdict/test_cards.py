"""The short form of a branch card, line by line."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.records import Branch, BranchCard, Candidate, Future, RescueMap
from pytest_promptchaos.verdict.cards import short_form

BRANCH = Branch(
    step=6,
    token_a=" Hyperion",
    token_b=" Ubik",
    margin_a=0.21,
    margin_b=1.5,
    candidates_a=(Candidate(token=" Hyperion", logit=9.0), Candidate(token=" Ubik", logit=8.79)),
    candidates_b=(Candidate(token=" Ubik", logit=9.5), Candidate(token=" Hyperion", logit=8.0)),
    kinds=("low margin", "silent"),
    silent_at=2,
    persistent=True,
)


def forced(prompt: str, to_a: float, to_b: float) -> Future:
    token = " Ubik" if prompt == "center" else " Hyperion"
    return Future(
        prompt="center" if prompt == "center" else "neighbor",
        token=token,
        forced=True,
        text="",
        tokens=(),
        to_a=to_a,
        to_b=to_b,
    )


FREE = replace(forced("center", 0.0, 0.6), forced=False)
CARD = BranchCard(
    prompt_id="dune",
    neighbor_id="n",
    edit="doubled the space after 'a' and added 2 trailing spaces",
    smallest="added 1 trailing space",
    smallest_text="Recommend a book. ",
    tried=5,
    branch=BRANCH,
    futures=(FREE, forced("center", 0.61, 0.02), forced("neighbor", 0.0, 0.6)),
    rescue=(
        RescueMap(
            direction="center into neighbor",
            layers=("layer 0", "layer 1"),
            places=("edit boundary", "last token"),
            rescue=((0.1, 0.4), (0.93, 0.4)),
            null=tuple([0.1] * 18 + [0.31]),
            threshold=0.31,
        ),
        RescueMap(direction="neighbor into center", reason="too close to divide"),
    ),
    notes=("the center's output parts from itself at token 12",),
)


def test_a_card_reads_from_the_edit_to_the_notes() -> None:
    assert short_form(CARD) == [
        "branch of 'dune': doubled the space after 'a' and added 2 trailing spaces",
        "  smallest part that still parts them: added 1 trailing space (5 tried)",
        "  they part at token 7: low margin, silent, persistent",
        "  apart unseen from token 3 on: 4 steps before",
        "  center    chose ' Hyperion' with margin 0.21, of ' Hyperion' 9.00, ' Ubik' 8.79",
        "  neighbor  chose ' Ubik' with margin 1.50, of ' Ubik' 9.50, ' Hyperion' 8.00",
        "  forced onto the other token ' Ubik', the center follows the neighbor (token edit 0.02)",
        "  forced onto the other token ' Hyperion', the neighbor follows the center "
        "(token edit 0.00)",
        "  so the token is the branch: what follows it follows from it",
        "  patching center into neighbor: layer 1, edit boundary restores 0.93 of the choice, "
        "above the 0.31",
        "      that 19 random donors reach",
        "  first above that: layer 0, last token with 0.40",
        "  patching neighbor into center: not told: too close to divide",
        "  note: the center's output parts from itself at token 12",
    ]


@pytest.mark.parametrize(
    ("center", "neighbor", "told"),
    [
        ((0.6, 0.0), (0.0, 0.6), "so the token is the branch"),
        ((0.02, 0.6), (0.6, 0.02), "so the prompt is the branch"),
        ((0.6, 0.2), (0.0, 0.6), "so neither the token alone nor the prompt alone decides"),
        ((0.6, 0.0), (0.6, 0.02), "so neither the token alone nor the prompt alone decides"),
        ((0.5, 0.6), (0.6, 0.5), "so neither the token alone nor the prompt alone decides"),
    ],
)
def test_what_the_forced_futures_did_names_the_cause(
    center: tuple[float, float], neighbor: tuple[float, float], told: str
) -> None:
    futures = (forced("center", *center), forced("neighbor", *neighbor))
    assert told in "\n".join(short_form(replace(CARD, futures=futures)))


def test_a_forced_output_that_is_near_neither_goes_a_third_way() -> None:
    lines = short_form(replace(CARD, futures=(forced("center", 0.5, 0.6),)))
    text = " ".join(line.strip() for line in lines)
    assert "goes a third way (token edit 0.50 to its own, 0.60 to the neighbor's)" in text


def test_without_futures_patches_or_a_smaller_part_only_the_branch_is_told() -> None:
    bare = BranchCard(
        prompt_id="dune",
        neighbor_id="n",
        edit="added a space",
        branch=replace(BRANCH, candidates_a=(), candidates_b=(), silent_at=None, kinds=()),
    )
    assert short_form(bare) == [
        "branch of 'dune': added a space",
        "  they part at token 7: persistent",
        "  center    chose ' Hyperion' with margin 0.21",
        "  neighbor  chose ' Ubik' with margin 1.50",
    ]


TEXT = st.text(st.characters(codec="utf-8"), max_size=300)


@settings(deadline=None)
@given(TEXT, TEXT, TEXT)
def test_no_line_is_wider_than_a_hundred_or_broken(edit: str, token: str, note: str) -> None:
    branch = replace(BRANCH, token_a=token, candidates_a=(Candidate(token=token, logit=1.0),))
    lines = short_form(replace(CARD, edit=edit, smallest=note, branch=branch, notes=(note,)))
    assert all(len(line) <= 100 for line in lines)
    assert all("\n" not in line and "\r" not in line for line in lines)
