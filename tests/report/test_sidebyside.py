from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.records import Branch
from pytest_promptchaos.report.sidebyside import branch_words, difference_words, side_by_side
from report.conftest import CENTER, EDITS, HOSTILE, OTHER, pair

NEIGHBOR = pair(EDITS[0][:4], 0.3)
TOKENS = st.lists(st.text(st.characters(codec="ascii", categories=["L", "P"]), min_size=1))


def test_the_first_divergent_token_is_marked_in_both() -> None:
    view = side_by_side(NEIGHBOR, 500)
    assert view.center.shared == view.neighbor.shared == "Try Hyperion by Dan Simmons"
    assert (view.center.token, view.neighbor.token) == (".", ",")
    assert view.center.rest == "".join(CENTER[6:])
    assert view.neighbor.rest == "".join(OTHER[6:])
    assert view.center.margin == "token 6, margin 0.31 logits"
    assert view.neighbor.margin == "token 6, margin 1.20 logits"


def test_the_branch_is_told_in_words() -> None:
    branch = Branch(step=5, token_a=" a", token_b="\n", margin_a=0.314, margin_b=2)
    assert branch_words(branch) == (
        "The outputs part at token 6: “·a” (margin 0.31 logits) against “↵” (margin 2.00 logits)."
    )


def test_equal_outputs_mark_nothing() -> None:
    view = side_by_side(replace(NEIGHBOR, tokens_b=CENTER, branch=None), 500)
    assert view.branch == "Both outputs are the same."
    assert (view.center.token, view.neighbor.token) == ("", "")
    assert view.center.rest == "".join(CENTER)


def test_an_output_cut_by_the_horizon_is_marked_as_cut() -> None:
    branch = Branch(step=5, token_a="<horizon>", token_b=",", margin_a=0, margin_b=1.2)
    view = side_by_side(replace(NEIGHBOR, tokens_a=CENTER[:5], branch=branch), 500)
    assert view.center.token == "(cut at the horizon)"
    assert view.neighbor.token == ","


def test_outputs_without_tokens_are_compared_by_character() -> None:
    bare = replace(
        NEIGHBOR, tokens_a=(), tokens_b=(), branch=None, output_a="A cat.", output_b="A car."
    )
    view = side_by_side(bare, 500)
    assert (view.center.shared, view.center.token, view.neighbor.token) == ("A ca", "t", "r")
    assert view.branch == "The outputs part at the marks; no margins were recorded there."


def test_the_first_difference_is_found_without_a_recorded_branch() -> None:
    drawn = replace(NEIGHBOR, branch=None)
    bare = replace(drawn, tokens_a=(), tokens_b=(), output_a="A cat.", output_b="A car.")
    assert difference_words(NEIGHBOR) == difference_words(drawn) == "token 6"
    assert difference_words(bare) == "character 5"
    assert difference_words(replace(bare, output_b="A cat.")) == "none"
    assert difference_words(replace(drawn, tokens_b=CENTER)) == "none"
    assert difference_words(replace(bare, output_b="")) == "character 1"
    assert difference_words(replace(bare, output_b="", distances={})) == "not run"


def test_an_edit_of_white_space_is_visible_in_the_prompts() -> None:
    view = side_by_side(NEIGHBOR, 500)
    assert view.neighbor_prompt == "Recommend a book··like"


def test_what_is_cut_is_counted() -> None:
    view = side_by_side(NEIGHBOR, 10)
    assert (view.center.shared, view.center.skipped) == ("mmons", 22)
    assert (len(view.center.rest), view.center.cut) == (10, len("".join(CENTER[6:])) - 10)
    assert view.center_prompt == "Recommend  … (17 characters more)"


def test_hostile_tokens_lose_their_control_characters() -> None:
    branch = Branch(step=5, token_a=".", token_b=HOSTILE, margin_a=0, margin_b=0)
    view = side_by_side(replace(NEIGHBOR, tokens_b=(*CENTER[:5], HOSTILE), branch=branch), 500)
    assert "\x1b" not in view.neighbor.token
    assert len(view.branch) < 200


def test_where_the_outputs_meet_again_is_told() -> None:
    ours = ("a", " b", " c", ".", " the", " same", " three", " x")
    theirs = ("a", " z", " c", " q", " the", " same", " three", " y")
    branch = Branch(step=1, token_a=" b", token_b=" z", margin_a=1, margin_b=1)
    view = side_by_side(replace(NEIGHBOR, tokens_a=ours, tokens_b=theirs, branch=branch), 500)
    assert [(one.text, one.again) for one in view.center.pieces] == [
        (" c.", False),
        (" the same three", True),
        (" x", False),
    ]
    assert [(one.text, one.again) for one in view.neighbor.pieces] == [
        (" c q", False),
        (" the same three", True),
        (" y", False),
    ]


@given(TOKENS, TOKENS, st.integers(1, 50))
@settings(deadline=None)
def test_the_pieces_are_the_rest(center: list[str], neighbor: list[str], characters: int) -> None:
    made = replace(NEIGHBOR, tokens_a=tuple(center), tokens_b=tuple(neighbor), branch=None)
    view = side_by_side(replace(made, output_a="", output_b=""), characters)
    for seen in (view.center, view.neighbor):
        assert "".join(one.text for one in seen.pieces) == seen.rest


@given(TOKENS, TOKENS, st.integers(1, 50))
@settings(deadline=None)
def test_shown_and_counted_characters_add_up(
    center: list[str], neighbor: list[str], characters: int
) -> None:
    made = replace(NEIGHBOR, tokens_a=(), tokens_b=(), branch=None)
    texts = "".join(center), "".join(neighbor)
    view = side_by_side(replace(made, output_a=texts[0], output_b=texts[1]), characters)
    for text, seen in zip(texts, (view.center, view.neighbor), strict=True):
        token = "" if seen.token == "(cut at the horizon)" else seen.token
        assert seen.skipped + len(seen.shared + token + seen.rest) + seen.cut == len(text)
        assert text[seen.skipped :].startswith(seen.shared + token + seen.rest)
