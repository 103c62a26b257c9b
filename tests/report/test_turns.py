"""Growth by turn: the mean over conversations, and how far they differ."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_promptchaos.report.turns import growth_curve
from report.conversations import timeline

CALM = timeline("HOMO_C", 0, 0, turns=9)


def test_a_turn_holds_the_mean_of_the_conversations_that_were_followed_there() -> None:
    first = replace(CALM, growth=((1, 0.1), (5, 0.4)))
    second = replace(CALM, repeat=1, growth=((1, 0.3),))
    curve = growth_curve("HOMO_C", [first, second, replace(CALM, repeat=2)])
    assert curve is not None
    assert (curve.x, curve.series, curve.mark) == ((1.0, 5.0), "HOMO_C", "line")
    assert curve.y == pytest.approx((0.2, 0.4))
    assert curve.low == pytest.approx((0.12, 0.4))
    assert curve.high == pytest.approx((0.28, 0.4))


def test_the_band_leaves_out_the_outer_tenths() -> None:
    many = [replace(CALM, repeat=n, growth=((1, float(n)),)) for n in range(11)]
    curve = growth_curve("HOMO_C", many)
    assert curve is not None
    assert (*curve.low, *curve.y, *curve.high) == pytest.approx((1.0, 5.0, 9.0))


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=30))
def test_the_band_lies_inside_what_was_measured(rates: list[float]) -> None:
    many = [replace(CALM, repeat=n, growth=((1, rate),)) for n, rate in enumerate(rates)]
    curve = growth_curve("HOMO_C", many)
    assert curve is not None
    assert min(rates) - 1e-9 <= curve.low[0] <= curve.high[0] <= max(rates) + 1e-9


def test_without_a_followed_turn_there_is_no_curve() -> None:
    assert growth_curve("HOMO_C", [replace(CALM, growth=())]) is None
