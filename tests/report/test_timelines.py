"""Timelines as a picture: what is drawn where, and that nothing is left out in silence."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.records import Timeline
from pytest_promptchaos.report.timelines import LEFT, RIGHT, pictures, row_words, runs
from report.conftest import HOSTILE
from report.conversations import timelines

if TYPE_CHECKING:
    from collections.abc import Sequence

SVG = "{http://www.w3.org/2000/svg}"

ONE = Timeline(
    condition="HOMO_A",
    seed_id="planning_0",
    bucket="planning",
    repeat=1,
    asked=10,
    collapsed=(False, False, True, True, False, True),
    otherwise=(False, False, True, False, False, False),
    lexical=(False, True, False, False, False, False),
    stopped="turn 7 would need 1,030 tokens",
)


def drawn(*found: Timeline, most: int = 400) -> ElementTree.Element:
    (one,) = pictures(found, most)
    return ElementTree.fromstring(str(one.svg))


def paths(svg: ElementTree.Element, name: str) -> list[str]:
    return [one.get("d", "") for one in svg.iter("path") if one.get("class") == name]


def spans(drawn: str) -> list[tuple[float, float]]:
    """Return begin and width of every rectangle of a path, in turns of ten."""
    turn = (RIGHT - LEFT) / 10
    found = re.findall(r"M([\d.]+) [\d.]+h([\d.]+)", drawn)
    return [(round((float(x) - LEFT) / turn, 2), round(float(w) / turn, 2)) for x, w in found]


@pytest.mark.parametrize(
    ("lane", "expected"),
    [
        ("spoken", [(0, 6)]),
        ("collapsed", [(2, 2), (5, 1)]),
        ("otherwise", [(2, 1)]),
        ("lexical", [(1, 1)]),
    ],
)
def test_a_lane_is_a_rectangle_per_run_of_turns(
    lane: str, expected: list[tuple[float, float]]
) -> None:
    (path,) = paths(drawn(ONE), lane)
    assert spans(path) == expected


def test_the_first_collapsed_turn_and_the_stop_are_marked_where_they_are() -> None:
    turn = (RIGHT - LEFT) / 10
    svg = drawn(ONE)
    (first,), (stop,) = paths(svg, "first"), paths(svg, "stop")
    assert first.startswith(f"M{LEFT + 2 * turn:g} ")
    assert stop.startswith(f"M{LEFT + 6 * turn:g} ")


def test_a_conversation_that_went_well_has_no_mark() -> None:
    svg = drawn(replace(ONE, collapsed=(False,) * 10, otherwise=(), lexical=(), stopped=""))
    names = {one.get("class") for one in svg.iter("path")}
    assert names == {"spoken"}


def test_no_lane_hides_another() -> None:
    everywhere = replace(ONE, collapsed=(True,) * 6, otherwise=(True,) * 6, lexical=(True,) * 6)
    svg = drawn(everywhere)
    places = []
    for lane in ("collapsed", "otherwise", "lexical"):
        (path,) = paths(svg, lane)
        (top, high), *rest = re.findall(r"M[\d.]+ ([\d.]+)h[\d.]+v([\d.]+)", path)
        assert not rest
        places.append((float(top), float(top) + float(high)))
    assert places == sorted(places)
    assert all(one[1] <= other[0] for one, other in pairwise(places))


def test_every_conversation_has_a_row_that_names_it() -> None:
    found = timelines("HOMO_A")
    rows = [one.findtext("title") for one in drawn(*found).iter("g")]
    assert sorted(rows, key=str) == sorted(map(row_words, found))
    assert len(rows) == 180


def test_a_row_is_told_in_words() -> None:
    assert row_words(ONE) == (
        "planning_0, repeat 1: 3 of 6 turns collapsed, first at turn 3, "
        "stopped: turn 7 would need 1,030 tokens"
    )


def test_buckets_stand_together_and_are_named_once() -> None:
    svg = drawn(ONE, replace(ONE, bucket="facts"), replace(ONE, repeat=2))
    names = [one.text for one in svg.iter("text")]
    assert names[:2] == ["planning", "facts"]


def test_a_picture_per_condition() -> None:
    both = pictures([*timelines("HOMO_A", 6, 1), *timelines("HOMO_B", 6, 1)], 400)
    assert [one.condition for one in both] == ["HOMO_A", "HOMO_B"]


@pytest.mark.parametrize("most", [60, 200, 1])
def test_what_is_not_drawn_is_counted(most: int) -> None:
    (one,) = pictures(timelines("HOMO_A"), most)
    assert one.shown <= most
    assert one.shown + one.left_out == 180
    assert "of 180 conversations collapsed" in one.words


def test_hostile_names_are_only_text() -> None:
    svg = drawn(replace(ONE, seed_id=HOSTILE, bucket=HOSTILE, stopped=HOSTILE, condition=HOSTILE))
    assert {one.tag for one in svg.iter()} <= {"svg", "g", "title", "path", "text"}


def test_720_conversations_of_40_turns_stay_small() -> None:
    found: Sequence[Timeline] = [
        one
        for condition in ("HOMO_A", "HOMO_B", "HOMO_C", "HETERO_ROT")
        for one in timelines(condition)
    ]
    assert len(found) == 720
    assert sum(len(one.svg) for one in pictures(found, 400)) < 450_000


@given(st.lists(st.booleans(), max_size=60))
@settings(deadline=None)
def test_runs_are_the_flags_again(flags: list[bool]) -> None:
    again = [False] * len(flags)
    for start, length in runs(flags):
        again[start : start + length] = [True] * length
    assert again == flags
