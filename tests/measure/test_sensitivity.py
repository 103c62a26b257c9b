"""The same rho under other handlings of the rows, and what a family tells twice."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.stats import spearmanr

from measure.published_design import CONDITIONS, DESIGN, MODEL_OF, drawn
from pytest_promptchaos.measure.association import associations, collinearity
from pytest_promptchaos.measure.strata import permutation
from pytest_promptchaos.records.bridges import BridgePlan, Hypothesis

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_promptchaos.records import Measurement

    Values = NDArray[np.float64]

FIRST = "first_collapse_turn"
PLAN = BridgePlan(
    hypotheses=(Hypothesis(predictor="slope", outcome=FIRST),),
    strata=("condition",),
    resamples=200,
    permutations=199,
)
LAST = np.full(720, 40.0)


def table() -> tuple[Values, Values]:
    """Predictors, and first collapsed turns from 5 on, of which a quarter never came."""
    x, y = drawn(np.random.default_rng(0), inside=1.0)
    turns = np.clip(np.round(25 + 6 * y), 5, 60)
    return x, np.where(turns > 40, np.nan, turns)


def lines(plan: BridgePlan, first: Values, **knobs: Any) -> dict[str, Measurement]:
    x, raw = table()
    (found,) = associations(
        {"slope": x, FIRST: first},
        plan,
        clusters=DESIGN.clusters,
        strata=DESIGN.strata,
        strata_names=CONDITIONS,
        first=raw,
        last=LAST,
        **knobs,
    )
    return {line.name: line for line in found.sensitivity}


def test_first_turns_that_never_came_are_shown_under_every_handling() -> None:
    x, raw = table()
    shown = lines(PLAN, np.where(np.isnan(raw), 41.0, raw))
    came = ~np.isnan(raw)
    expected = {
        "no collapse counted as the turn after the last": spearmanr(x, np.nan_to_num(raw, nan=41)),
        "no collapse counted as the last turn": spearmanr(x, np.nan_to_num(raw, nan=40)),
        "conversations without a collapse left out": spearmanr(x[came], raw[came]),
    }
    for name, scipys in expected.items():
        assert shown[name].value == pytest.approx(scipys.statistic, abs=1e-12)
    left = shown["conversations without a collapse left out"]
    assert (left.n, left.effective_n) == (720, int(came.sum()))


def test_a_plan_that_leaves_them_out_counts_what_is_left() -> None:
    x, raw = table()
    plan = replace(PLAN, censor="exclude")
    (found,) = associations(
        {"slope": x, FIRST: raw},
        plan,
        clusters=DESIGN.clusters,
        strata=DESIGN.strata,
        strata_names=CONDITIONS,
        first=raw,
    )
    came = ~np.isnan(raw)
    assert (found.pooled.n, found.pooled.effective_n) == (720, int(came.sum()))
    assert found.pooled.value == pytest.approx(spearmanr(x[came], raw[came]).statistic, abs=1e-12)
    # Without last turns there is nothing to put in the place of none.
    shown = [line.name for line in found.sensitivity if "collapse" in line.name]
    assert shown == ["conversations without a collapse left out"]


def test_exclusions_and_strata_are_left_out_one_at_a_time() -> None:
    x, raw = table()
    first = np.where(np.isnan(raw), 41.0, raw)
    disputed = DESIGN.seeds % 3 == 0
    shown = lines(PLAN, first, exclusions={"what raters disputed": disputed})
    for name, rows in {
        "without what raters disputed": ~disputed,
        "without HOMO_B": DESIGN.strata != 2,
    }.items():
        rho = spearmanr(x[rows], first[rows]).statistic
        assert shown[name].value == pytest.approx(rho, abs=1e-12)
        assert shown[name].effective_n == rows.sum()
        assert shown[name].breakdown[0].value is not None
    assert [f"without {condition}" in shown for condition in CONDITIONS] == [True] * 4
    nothing = lines(PLAN, first, exclusions={"everything": np.ones(720, dtype=bool)})
    assert nothing["without everything"].value is None
    assert nothing["without everything"].effective_n == 0


def test_one_row_per_cluster_is_as_many_points_as_there_are() -> None:
    x, raw = table()
    first = np.where(np.isnan(raw), 41.0, raw)
    found = lines(PLAN, first)["one row per cluster, its means (108)"]
    rows = [DESIGN.clusters == cluster for cluster in range(108)]
    rho = spearmanr([x[r].mean() for r in rows], [first[r].mean() for r in rows]).statistic
    assert found.value == pytest.approx(rho, abs=1e-12)
    assert found.effective_n == 108


def test_other_clusters_that_move_as_one_have_a_p_of_their_own() -> None:
    x, raw = table()
    first = np.where(np.isnan(raw), 41.0, raw)
    found = lines(PLAN, first, also={"seed_id": DESIGN.seeds})
    line = found["rho inside the strata, seed_id moved as one"]
    tested = permutation(x, first, DESIGN.seeds, DESIGN.strata, permutations=199, seed=42)
    assert tested is not None
    assert line.value == pytest.approx(tested.rho)
    assert line.interval == f"p {tested.p:.2g} of 200 arrangements of 36; 0 could not move"


# -- collinearity -------------------------------------------------------------------------------


def test_predictors_and_outcomes_that_are_one_are_one_test_told_twice() -> None:
    x, y = drawn(np.random.default_rng(0))
    noise = np.random.default_rng(1).normal(size=(2, 720))
    columns = {
        "slope": x,
        "variance": -x + 0.2 * noise[0],
        "mean": noise[1],
        "rate": y,
        "first": -y,
    }
    plan = BridgePlan(
        hypotheses=tuple(
            Hypothesis(predictor=predictor, outcome=outcome)
            for predictor, outcome in (
                ("slope", "rate"),
                ("variance", "rate"),
                ("mean", "rate"),
                ("slope", "first"),
            )
        )
    )
    found = {m.name: m for m in collinearity(columns, plan, strata=MODEL_OF[DESIGN.strata])}
    assert list(found) == [
        "slope and variance",
        "slope and mean",
        "variance and mean",
        "rate and first",
    ]
    assert found["slope and variance"].interval == (
        "over 720 rows: |rho| of 0.9 or more, so slope x rate and variance x rate: one test told "
        "twice"
    )
    assert found["rate and first"].value == pytest.approx(-1.0)
    assert "slope x rate and slope x first" in found["rate and first"].interval
    assert found["slope and mean"].interval == "over 720 rows"
    inside = found["slope and variance"].breakdown[0].value
    assert inside is not None
    assert inside < -0.9


def test_columns_with_gaps_are_compared_where_both_are_there() -> None:
    x, y = drawn(np.random.default_rng(0))
    gaps = np.where(np.arange(720) < 100, np.nan, y)
    plan = BridgePlan(
        hypotheses=(
            Hypothesis(predictor="slope", outcome="rate"),
            Hypothesis(predictor="still", outcome="rate"),
            Hypothesis(predictor="gaps", outcome="rate"),
        )
    )
    columns = {"slope": x, "still": np.ones(720), "gaps": gaps, "rate": y}
    found = {m.name: m for m in collinearity(columns, plan, strata=DESIGN.strata)}
    assert (found["slope and gaps"].n, found["slope and gaps"].effective_n) == (720, 620)
    assert found["slope and still"].value is None
