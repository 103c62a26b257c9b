"""Incidence and rate over the thresholds."""

from __future__ import annotations

import numpy as np
import pytest

from measure.talks import talk
from pytest_promptchaos.measure.detector import Thresholds
from pytest_promptchaos.measure.sweep import sweep_curves, swept
from pytest_promptchaos.measure.timelines import Detectors


def test_the_published_thresholds_lie_on_the_line() -> None:
    assert next(one for one in swept(Thresholds()) if one.s1 == 0.92).s2 == 0.90
    assert len(swept(Thresholds())) == 20
    assert len(swept(Thresholds(s1=0.905, s2=0.9))) == 21


@pytest.mark.parametrize(
    "given",
    [
        Thresholds(s1=0.85, s2=0.9),
        Thresholds(s1=1.0, s2=-1.0),
        Thresholds(s1=-1.0, s2=1.0),
        Thresholds(d1=0.0, d2=2.0),
        Thresholds(d1=2.0, d2=0.0),
    ],
)
def test_what_is_given_lies_on_the_line_as_it_was_given(given: Thresholds) -> None:
    # s2 = 0.9 where s1 = 0.85 would be 1.04 where s1 = 0.99: a cosine ends at 1.
    found = swept(given)
    assert [one for one in found if one.s1 == given.s1] == [given]
    assert all(-1 <= one.s2 <= 1 for one in found)


def test_the_drift_bounds_keep_their_distance() -> None:
    # 0.04 less than one minus the cosine each, at every point.
    for one in swept(Thresholds(d1=0.04, d2=0.06)):
        assert one.d1 == pytest.approx(max(1 - one.s1 - 0.04, 0.0))
        assert one.d2 == pytest.approx(max(1 - one.s2 - 0.04, 0.0))


def test_the_point_at_the_judged_threshold_is_what_is_judged() -> None:
    # s1 = 0.95 at every turn: periodic, but further than d1 = 0.04 allows.
    angles = np.arccos(0.95) * np.arange(8)
    given = Thresholds(d1=0.04)
    line = Detectors(thresholds=given).timeline(
        talk("abababab"), np.stack([np.cos(angles), np.sin(angles)], 1)
    )
    assert line.rate == 0.0
    curves = {(one.name, one.series): one for one in sweep_curves([line], given, "matching")}
    rate = curves["collapse rate by threshold", "drift=matching, judged"]
    assert dict(zip(rate.x, rate.y, strict=True))[given.s1] == 0.0
    assert rate.y[0] > 0


def test_a_conversation_counts_up_to_the_threshold_that_its_cosine_reaches() -> None:
    # Two directions in turn, 0.855 apart in cosine: s1 = 0.855 and s2 = 1 at every turn.
    near = np.array([[1.0, 0.0], [0.855, np.sqrt(1 - 0.855**2)]] * 4)
    far = np.eye(8)
    lines = [
        Detectors().timeline(talk("abababab", "p0"), near),
        Detectors().timeline(talk("abcdefgh", "p1"), far),
    ]
    curves = {(one.name, one.series): one for one in sweep_curves(lines, Thresholds(), "both")}
    assert len(curves) == 4
    both = curves["collapse incidence by threshold", "drift=both, judged"]
    assert dict(zip(both.x, both.y, strict=True)) == {
        s1: 0.5 if s1 <= 0.855 else 0.0 for s1 in both.x
    }
    rate = curves["collapse rate by threshold", "drift=both, judged"]
    # Four of eight turns of one of two seed prompts.
    assert rate.y[0] == 0.25
    matching = curves["collapse incidence by threshold", "drift=matching"]
    assert set(matching.y) == {0.5}


def test_the_drift_bounds_move_with_the_cosines() -> None:
    # Every turn points a little on: s1 = 0.96 and s2 = 2 * 0.96^2 - 1 = 0.8432, so that both lags
    # are near up to s2 = 0.84, which is s1 = 0.86.
    angles = np.arccos(0.96) * np.arange(8)
    line = Detectors().timeline(talk("abababab"), np.stack([np.cos(angles), np.sin(angles)], 1))
    curves = {(one.name, one.series): one for one in sweep_curves([line], Thresholds(), "both")}
    both = curves["collapse incidence by threshold", "drift=both, judged"]
    assert [s1 for s1, y in zip(both.x, both.y, strict=True) if y] == [
        s1 for s1 in both.x if s1 <= 0.86
    ]


def test_a_conversation_that_is_too_short_has_no_sweep() -> None:
    line = Detectors().timeline(talk("aaaa"), np.ones((4, 2)))
    assert list(sweep_curves([line], Thresholds(), "matching")) == []


def test_stricter_thresholds_never_call_more() -> None:
    rng = np.random.default_rng(0)
    noisy = [np.array([1.0, 0, 0]) + rng.normal(0, 0.15, (12, 3)) for _ in range(6)]
    lines = [Detectors().timeline(talk("a" * 12, f"p{i}"), one) for i, one in enumerate(noisy)]
    for curve in sweep_curves(lines, Thresholds(), "matching"):
        assert (np.diff(curve.y) <= 0).all()
        assert curve.y[0] > curve.y[-1]
