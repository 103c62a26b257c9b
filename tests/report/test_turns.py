from __future__ import annotations

from dataclasses import replace

from pytest_promptchaos.report.drawing import is_cloud, is_guide
from pytest_promptchaos.report.overview import judged
from pytest_promptchaos.report.turns import LINES, growth_curves, growth_pictures
from report.conftest import record
from report.conversations import brief, in_full, timeline

ONE = in_full(
    replace(timeline("HOMO_A", 0, 0, turns=9), collapsed=(False,) * 4 + (True,) * 5, stopped="")
)


def test_a_line_per_conversation_and_a_point_per_collapsed_turn() -> None:
    line, cloud, zero = growth_curves([ONE])
    assert line.x == (1.0, 5.0, 9.0)
    assert is_cloud(cloud)
    assert (cloud.x, cloud.y) == ((5.0, 9.0), line.y[1:])
    assert cloud.labels == (f"{ONE.seed_id}, repeat 0",) * 2
    assert is_guide(zero)
    assert (zero.x, zero.y) == ((1.0, 9.0), (0.0, 0.0))


def test_without_a_collapse_there_are_lines_alone() -> None:
    calm = replace(ONE, collapsed=(False,) * 9)
    assert not any(map(is_cloud, growth_curves([calm])))


def test_only_conversations_whose_depth_was_followed_are_drawn() -> None:
    whole = brief("HOMO_A")
    bare = replace(whole, timelines=tuple(replace(one, growth=()) for one in whole.timelines))
    assert list(growth_pictures(judged([record(bare)]))) == []
    ((title, curves),) = growth_pictures(judged([record(whole), record(whole, node="again")]))
    assert title == "HOMO_A: 4 conversations"
    assert len([one for one in curves if one.series == "conversation"]) == 4


def test_many_conversations_are_drawn_in_part_and_the_title_says_so() -> None:
    many = tuple(replace(ONE, repeat=place) for place in range(LINES + 3))
    crowd = replace(brief("HOMO_A"), timelines=many)
    ((title, curves),) = growth_pictures(judged([record(crowd)]))
    assert title == f"HOMO_A: {LINES} of {LINES + 3} conversations"
    assert len([one for one in curves if one.series == "conversation"]) == LINES
