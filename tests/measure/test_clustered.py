"""Values by prompt -> a measurement: the prompt is the unit, and absence has a reason."""

from __future__ import annotations

import pytest

from pytest_promptchaos.measure.clustered import (
    by_prompt,
    mean_measurement,
    share_measurement,
    wilson_measurement,
)


def test_every_prompt_counts_once_however_many_neighbors_it_has() -> None:
    groups = by_prompt([*[("odd", 1.0)] * 9, ("calm", 0.0)])
    found = mean_measurement("m", "tokens", groups, asked=12, absent="")
    assert found.value == 0.5
    assert (found.n, found.effective_n) == (12, 10)


def test_nothing_measured_is_absent_with_its_reason() -> None:
    found = mean_measurement("m", "tokens", {"cat": []}, asked=3, absent="no embedder")
    assert (found.value, found.reason, found.n, found.effective_n) == (None, "no embedder", 3, 0)
    assert wilson_measurement("s", 0, 0, absent="no pair").reason == "no pair"


def test_a_share_stays_between_zero_and_one() -> None:
    found = share_measurement("s", {"a": [True] * 3, "b": [False, True]}, asked=5, absent="")
    assert found.value == pytest.approx(0.75)
    assert found.low is not None
    assert found.high is not None
    assert 0.0 <= found.low < 0.75 < found.high <= 1.0


def test_equal_drops_may_go_as_low_as_a_drop_goes() -> None:
    found = mean_measurement(
        "m", "score", {"a": [-0.5] * 12}, asked=12, absent="", largest=1.0, smallest=-1.0
    )
    unseen = 1 - 0.05 ** (1 / 12)
    assert found.low == pytest.approx(-0.5 - 0.5 * unseen)
    assert found.high == pytest.approx(-0.5 + 1.5 * unseen)


def test_a_share_that_never_varied_is_not_certain() -> None:
    never = share_measurement("s", {"a": [False] * 12}, asked=12, absent="")
    always = share_measurement("s", {"a": [True] * 12}, asked=12, absent="")
    assert (never.low, always.high) == (0.0, 1.0)
    assert never.high == pytest.approx(1 - 0.05 ** (1 / 12))
    assert always.low == pytest.approx(0.05 ** (1 / 12))
