"""The mean excess has an interval that covers the truth and never leaves what is possible."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_promptchaos.measure.energy import LARGEST
from pytest_promptchaos.measure.excess import center_error, mean_excess, possible
from pytest_promptchaos.measure.intervals import clustered_mean

if TYPE_CHECKING:
    from pytest_promptchaos.measure.energy import Floats, OutputMetric


def clouds(rng: np.random.Generator, count: int) -> Floats:
    """The Euclidean distances of two normal clouds that lie apart."""
    points = np.concatenate([rng.normal(size=(count, 2)), 1.0 + rng.normal(size=(count, 2))])
    found: Floats = np.linalg.norm(points[:, np.newaxis] - points, axis=-1)
    return found


def test_the_error_of_a_center_shrinks_with_its_draws() -> None:
    rng = np.random.default_rng(4)
    few, many = (np.mean([center_error([clouds(rng, n)], n) for _ in range(20)]) for n in (6, 24))
    assert many < 0.7 * few
    assert center_error([np.zeros((8, 8))], 4) == 0.0


def test_the_interval_of_one_prompt_counts_its_own_draws() -> None:
    groups = {"one": [0.1, 0.2, 0.15]}
    bare = mean_excess(groups, {"one": 0.0}, largest=1.0, metric="semantic")
    wide = mean_excess(groups, {"one": 0.2}, largest=1.0, metric="semantic")
    assert bare.low is not None
    assert wide.low is not None
    assert wide.low < bare.low < bare.value == wide.value
    assert wide.low < bare.value - 1.96 * 0.2


def test_an_excess_below_zero_has_an_interval_around_it() -> None:
    found = mean_excess(
        {str(p): [-0.01 * p] for p in range(1, 8)}, {}, largest=1.0, metric="semantic"
    )
    assert found.unit == "prompts"
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value == pytest.approx(-0.04)
    assert found.value - found.low >= 0.99 * (found.high - found.value)


def test_the_interval_covers_the_truth_over_prompts() -> None:
    """24 prompts whose excess is drawn around 0.1: 95 % of the intervals hold 0.1."""
    rng = np.random.default_rng(11)
    hits = 0
    for _ in range(200):
        groups = {str(p): list(v) for p, v in enumerate(rng.normal(0.1, 0.05, size=(24, 1)))}
        found = mean_excess(groups, {}, largest=1.0, metric="semantic")
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= 0.1 <= found.high
    assert 0.91 <= hits / 200 <= 0.99


@pytest.mark.parametrize("metric", ["semantic", "token_edit"])
@given(st.data())
def test_no_interval_leaves_what_the_metric_allows(
    metric: OutputMetric, data: st.DataObject
) -> None:
    most = LARGEST[metric]
    values = st.lists(st.floats(-most, most), min_size=1, max_size=6)
    groups = data.draw(st.dictionaries(st.sampled_from("abcdefg"), values, min_size=1))
    errors = dict.fromkeys(groups, data.draw(st.floats(0, 1)))
    found = mean_excess(groups, errors, largest=most, metric=metric)
    if found.low is not None and found.high is not None:
        assert -most <= found.low <= found.high <= most


def test_two_neighbors_have_a_mean_and_no_interval() -> None:
    found = mean_excess({"one": [0.0, 0.59]}, {"one": 0.1}, largest=1.0, metric="semantic")
    assert found.value == pytest.approx(0.295)
    assert (found.low, found.high) == (None, None)
    assert found.words == "no interval: 2 neighbors show no spread, it takes 3 or more"


def test_what_has_no_interval_keeps_its_own_words() -> None:
    single = clustered_mean([np.array([0.3])])
    assert single.words == "a single neighbor: no interval"
    assert possible(single, -1.0, 1.0) == single
