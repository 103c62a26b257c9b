"""Margins step by step, and confidence at the prompt's end against what happened later."""

from __future__ import annotations

import pytest

from measure.scripted_runs import observed
from pytest_promptchaos.measure.pairs import Lens, Observed, pairs_of
from pytest_promptchaos.measure.traces import dissociation, margin_traces
from pytest_promptchaos.records import SMALL_RUNGS, Pair


def all_pairs(several: list[Observed]) -> list[Pair]:
    return [pair for o in several for pair in pairs_of(o, Lens())]


def prompts(moves: list[str], confidences: list[float]) -> list[Observed]:
    return [
        observed(f"prompt {n}", "a b c d", {"format": [move, "a b c d"]}, confidence=confidence)
        for n, (move, confidence) in enumerate(zip(moves, confidences, strict=True))
    ]


def test_a_trace_is_the_mean_margin_over_prompts_with_its_band() -> None:
    centers, neighbors = margin_traces(
        [
            observed("cat", "a b", {"format": ["a b"]}, margins=[1.0, 4.0, 2.0]),
            observed("sun", "a b", {"format": ["a b"]}, margins=[3.0, 4.0, 2.0]),
        ],
        SMALL_RUNGS,
    )
    assert (centers.series, neighbors.series) == ("centers", "neighbors")
    assert centers.x == (0.0, 1.0, 2.0)
    assert centers.y == (2.0, 4.0, 2.0)
    assert centers.low[0] == 0.0
    assert centers.high[0] > 3.0
    assert (centers.low[1], centers.high[1]) == (4.0, 4.0)


def test_a_trace_ends_where_most_prompts_have_no_output_left() -> None:
    several = [
        observed(name, text, {})
        for name, text in [("cat", "a b c d e f"), ("sun", "a b"), ("sea", "a b"), ("sky", "a b c")]
    ]
    (centers,) = margin_traces(several, SMALL_RUNGS)
    # Four steps of "a b c" with its end are left of half of the prompts; three beyond of one.
    assert len(centers.x) == 4


def test_a_single_prompt_has_no_band() -> None:
    (centers,) = margin_traces([observed("cat", "a b", {})], SMALL_RUNGS)
    assert (centers.y, centers.low, centers.high) == ((1.0, 1.0, 1.0), (), ())


def test_each_prompt_is_one_point_of_confidence_against_divergence() -> None:
    moves = ["a b c d", "a b c x", "a b x y", "a x y z", "w x y z"]
    several = prompts(moves, [0.9, 0.8, 0.7, 0.6, 0.95])
    curve = dissociation(several, all_pairs(several), "token_edit", SMALL_RUNGS)
    assert curve is not None
    assert curve.mark == "points"
    assert curve.labels == tuple(f"prompt {n}" for n in range(5))
    assert curve.x == pytest.approx((0.9, 0.8, 0.7, 0.6, 0.95), abs=1e-6)
    assert curve.y == pytest.approx((0.0, 0.1, 0.2, 0.3, 0.4))
    assert curve.series.startswith("5 prompts, Spearman's rho 0.00 [")


def test_a_perfect_order_is_told_without_bounds() -> None:
    moves = ["a b c d", "a b c x", "a b x y", "a x y z", "w x y z"]
    several = prompts(moves, [0.9, 0.8, 0.7, 0.6, 0.5])
    curve = dissociation(several, all_pairs(several), "token_edit", SMALL_RUNGS)
    assert curve is not None
    assert curve.series.startswith("5 prompts, Spearman's rho -1.00, no interval: 5 prompts in")


def test_by_js_each_pair_is_one_point_and_rounding_is_shown_at_its_floor() -> None:
    several = prompts(["a b c x", "w x y z"], [0.5, 0.9])
    curve = dissociation(several, all_pairs(several), "token_edit", SMALL_RUNGS, by="js")
    assert curve is not None
    assert len(curve.x) == 4
    assert min(curve.x) == 1e-9
    assert max(curve.x) > 0.05
    assert curve.series.startswith("4 pairs, no rank correlation: 4 pairs")


def test_without_a_pair_there_is_no_cloud() -> None:
    several = prompts(["a"], [0.5])
    found = dissociation(several, all_pairs(several), "token_edit", ("paraphrase",))
    assert found is None
    assert dissociation(several, all_pairs(several), "semantic", SMALL_RUNGS) is None
