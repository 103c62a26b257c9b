from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.report.drawing import SERIES, TEXT
from pytest_promptchaos.report.trace import HEIGHT, LAST, LEFT, RIGHT, WIDTH, Trace, trace
from report.conftest import pairs
from report.neighborhoods import branch, card

if TYPE_CHECKING:
    from pytest_promptchaos.records import BranchCard

CARD = card(pairs(1.0)[1])


def traced(found: BranchCard) -> Trace:
    drawn = trace(found)
    assert drawn is not None
    return drawn


def tree(drawn: Trace) -> ElementTree.Element:
    assert drawn.svg is not None
    return ElementTree.fromstring(drawn.svg)


def paths(drawn: Trace, colour: str) -> list[str]:
    return [one.get("d", "") for one in tree(drawn).iter("path") if one.get("stroke") == colour]


def places(path: str) -> list[float]:
    return [float(found) for found in re.findall(r"-?\d+(?:\.\d+)?", path)]


def test_both_margins_and_js_are_lines_with_a_place_per_step() -> None:
    drawn = traced(CARD)
    assert drawn.measured == ("center's margin", "neighbor's margin", "JS")
    for light, _ in SERIES[:3]:
        (line,) = paths(drawn, light)
        assert len(places(line)) == 2 * 6
        assert (places(line)[0], places(line)[-2]) == (LEFT, RIGHT)


def test_the_branch_and_the_silent_step_are_uprights_in_both_panels() -> None:
    def at(drawn: Trace) -> list[float]:
        return [places(path)[0] for path in paths(drawn, TEXT)]

    silent = round(LEFT + (RIGHT - LEFT) * 2 / 5, 1)
    assert at(traced(CARD)) == [silent, RIGHT] * 2
    assert at(traced(replace(CARD, branch=branch(silent_at=None)))) == [RIGHT] * 2


def test_a_point_at_the_branch_says_its_margin() -> None:
    assert [one.text for one in tree(traced(CARD)).iter("title")] == [
        "center, token 6: margin 0.310 logits",
        "neighbor, token 6: margin 1.200 logits",
    ]


def test_the_picture_says_in_words_what_it_shows() -> None:
    drawn = traced(CARD)
    assert drawn.words == (
        "Along 5 shared tokens to the branch at token 6: the center's margin 0.310 logits, "
        "the neighbor's margin 1.200 logits, JS 1.00e-06 nats at the first token, 0.310 there"
    )
    assert tree(drawn).get("aria-label") == drawn.words


def test_a_long_way_is_drawn_from_its_end_and_the_rest_is_counted() -> None:
    steps = LAST + 30
    long = replace(
        CARD,
        branch=branch(step=steps - 1, silent_at=2),
        margins_a=(1.0,) * steps,
        margins_b=(2.0,) * steps,
        js=(1e-3,) * steps,
    )
    drawn = traced(long)
    assert drawn.left_out == 30
    assert len(places(paths(drawn, SERIES[0][0])[0])) == 2 * LAST
    assert len(paths(drawn, TEXT)) == 2
    assert len(drawn.svg or "") < 8_000


def test_what_was_not_recorded_is_not_drawn() -> None:
    bare = replace(CARD, margins_a=(), margins_b=(), js=())
    assert trace(bare) is None
    assert traced(replace(CARD, js=())).measured == ("center's margin", "neighbor's margin")
    assert traced(replace(CARD, margins_a=(), margins_b=())).measured == ("JS",)


def test_an_immediate_branch_has_no_way_to_draw_only_words() -> None:
    at_once = replace(
        CARD,
        branch=branch(step=0, silent_at=None),
        margins_a=(0.3,),
        margins_b=(0.0,),
        js=(0.02,),
    )
    drawn = traced(at_once)
    assert drawn.svg is None
    assert drawn.words == (
        "Along 0 shared tokens to the branch at token 1: the center's margin 0.300 logits, the "
        "neighbor's margin 0 logits, JS 0.020 nats"
    )


STEPS = st.lists(st.floats(0, 1e6), max_size=200)


@pytest.mark.parametrize("silent", [None, 0, 500])
@given(margins=STEPS, others=STEPS, js=st.lists(st.floats(0, 0.7), max_size=200))
@settings(deadline=None, max_examples=30)
def test_everything_lies_within_the_picture(
    silent: int | None, margins: list[float], others: list[float], js: list[float]
) -> None:
    made = replace(
        CARD,
        branch=branch(silent_at=silent),
        margins_a=tuple(margins),
        margins_b=tuple(others),
        js=tuple(js),
    )
    drawn = trace(made)
    if drawn is None or drawn.svg is None:
        assert max(map(len, (margins, others, js))) < 2
        return
    for colour in (TEXT, *(light for light, _ in SERIES[:3])):
        for path in paths(drawn, colour):
            numbers = places(path)
            assert all(0 <= one <= max(WIDTH, HEIGHT) for one in numbers)
