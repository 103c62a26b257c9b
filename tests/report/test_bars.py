from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.records import Limit, Measurement
from pytest_promptchaos.report.bars import bar, value_line
from report.conftest import verdict

NUMBER = st.floats(-1e6, 1e6)


def measured(value: float, low: float | None = None, high: float | None = None) -> Measurement:
    return Measurement(name="distance", unit="", value=value, low=low, high=high)


def test_a_failure_lies_beyond_its_limit() -> None:
    drawn = bar(
        verdict(measurement=measured(0.5, 0.4, 0.92), limit=Limit(name="distance", at_most=0.25))
    )
    assert drawn is not None
    (limit,) = drawn.limits
    assert drawn.low is not None
    assert limit.place < drawn.low < drawn.value
    assert (limit.beyond, limit.words) == (limit.place, "at most 0.25")
    assert limit.place + limit.width == 100
    assert drawn.start == "0"


def test_a_lower_limit_forbids_what_is_below() -> None:
    drawn = bar(verdict(measurement=measured(0.5), limit=Limit(name="distance", at_least=0.4)))
    assert drawn is not None
    assert (drawn.limits[0].beyond, drawn.limits[0].width) == (0, drawn.limits[0].place)


def test_a_limit_near_an_end_takes_the_room_of_its_label() -> None:
    drawn = bar(verdict(measurement=measured(0.01), limit=Limit(name="distance", at_most=0.9)))
    assert drawn is not None
    assert (drawn.end, drawn.limits[0].side) == ("", "left")


def test_two_limits_have_their_words_outside_and_the_bar_around_them() -> None:
    limit = Limit(name="lambda_1", at_least=0.886, at_most=0.926)
    drawn = bar(verdict(measurement=measured(0.904, 0.896, 0.912), limit=limit))
    assert drawn is not None
    least, most = drawn.limits
    assert (least.side, most.side) == ("left", "right")
    assert (least.beyond, least.width, most.beyond) == (0, least.place, most.place)
    assert 25 < least.place < drawn.value < most.place < 75
    assert (drawn.start, drawn.end) == ("", "")


def test_two_limits_far_below_a_value_keep_their_sides() -> None:
    limit = Limit(name="slope", at_least=-1, at_most=-0.9)
    drawn = bar(verdict(measurement=measured(5.0, 4.9, 5.1), limit=limit))
    assert drawn is not None
    assert [mark.side for mark in drawn.limits] == ["left", "right"]
    assert drawn.end == "8.760"


def test_without_an_interval_there_is_no_range() -> None:
    drawn = bar(verdict(measurement=measured(0.5)))
    assert drawn is not None
    assert (drawn.low, drawn.width) == (None, None)


def test_without_a_value_there_is_no_bar() -> None:
    absent = Measurement(name="distance", unit="", reason="no embedder")
    assert bar(verdict(measurement=absent)) is None


def test_the_bar_says_in_words_what_it_shows() -> None:
    assert value_line(verdict()) == (
        "semantic distance 0.214, 95 % interval [0.151, 0.283], limit at most 0.15"
    )


@given(st.lists(NUMBER, min_size=3, max_size=3), NUMBER, NUMBER)
@settings(deadline=None)
def test_every_mark_is_on_the_bar_and_in_order(
    found: list[float], at_least: float, at_most: float
) -> None:
    low, value, high = sorted(found)
    limit = Limit(name="distance", at_least=at_least, at_most=at_most)
    drawn = bar(verdict(measurement=measured(value, low, high), limit=limit))
    assert drawn is not None
    assert drawn.low is not None
    assert drawn.width is not None
    assert 0 <= drawn.low <= drawn.value <= drawn.low + drawn.width + 0.01 <= 100.02
    assert all(0 <= mark.place <= 100 for mark in drawn.limits)
