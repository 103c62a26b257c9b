"""A family of hypotheses on tables whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.stats import spearmanr
from statsmodels.stats.multitest import multipletests

from measure.published_design import CONDITIONS, DESIGN, MODEL_OF, SEEDS, drawn
from pytest_promptchaos.measure.association import associations
from pytest_promptchaos.measure.inside import FEWEST_MOVABLE
from pytest_promptchaos.measure.rank_bootstrap import pooled_family
from pytest_promptchaos.measure.tables import equal_rows
from pytest_promptchaos.records.bridges import Association, BridgePlan, Hypothesis

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Knobs = dict[str, Any]
    Values = NDArray[np.float64]

PLAN = BridgePlan(
    hypotheses=(Hypothesis(predictor="slope", outcome="rate"),),
    strata=("condition",),
    resamples=400,
    permutations=999,
)


def held(
    columns: Mapping[str, Values], plan: BridgePlan = PLAN, **knobs: Any
) -> tuple[Association, ...]:
    """The plan on a table of the published design, clustered by model and seed prompt."""
    rows: dict[str, Any] = {
        "clusters": DESIGN.clusters,
        "strata": DESIGN.strata,
        "strata_names": CONDITIONS,
    }
    return associations(columns, plan, **{**rows, **knobs})


def one(columns: Mapping[str, Values], plan: BridgePlan = PLAN, **knobs: Any) -> Association:
    (found,) = held(columns, plan, **knobs)
    return found


@cache
def simulated(inside: float, between: float, seed: int = 0) -> Association:
    x, y = drawn(np.random.default_rng(seed), inside=inside, between=between)
    return one({"slope": x, "rate": y})


# -- what an association is worth ---------------------------------------------------------------


def test_a_pure_effect_between_groups_is_called_between_model_only() -> None:
    found = simulated(inside=0.0, between=3.0)
    assert found.pooled.value is not None
    assert found.pooled.value > 0.6
    assert found.as_published
    assert found.standing == "between-model only"
    assert found.within.value == pytest.approx(0.0, abs=0.2)
    assert "inside the strata" in found.words


def test_the_opposite_association_inside_is_called_a_sign_conflict() -> None:
    found = simulated(inside=-1.0, between=4.0)
    assert found.pooled.value is not None
    assert found.within.value is not None
    assert found.pooled.value > 0.4 > -0.3 > found.within.value
    assert (found.standing, found.as_published) == ("sign conflict", True)
    assert "reversed in HETERO_ROT" in found.words


def test_a_true_effect_inside_is_supported() -> None:
    found = simulated(inside=1.5, between=1.0)
    assert found.standing == "supported"
    assert found.p_within == 1 / 1000
    assert found.within.low is not None
    assert found.within.low > 0.3
    assert all(part.value is not None and part.value > 0.3 for part in found.by_stratum)


def test_a_small_effect_inside_is_undecided_and_not_between_models_only() -> None:
    found = simulated(inside=0.3, between=1.5, seed=3)
    assert found.holm_within is not None
    assert found.holm_within < 0.05
    assert found.standing == "undecided"
    assert "inside the strata it is there but small" in found.words


def test_a_reversed_stratum_is_undecided_and_named() -> None:
    x, y = drawn(np.random.default_rng(0), inside=2.0, between=3.0)
    last = DESIGN.strata == 3
    y = np.where(last, 2 * y[last].mean() - y, y)
    found = one({"slope": x, "rate": y})
    assert found.holm_within is not None
    assert found.holm_within < 0.05
    assert found.standing == "undecided"
    assert "it is not there in all of them; reversed in HOMO_C (-" in found.words


def test_an_effect_inside_one_model_needs_no_other() -> None:
    x, y = drawn(np.random.default_rng(3), inside=1.5, between=0.0)
    rows = DESIGN.strata == 2
    alone = replace(PLAN, strata=())
    knobs: Knobs = {"clusters": DESIGN.clusters[rows], "strata": np.zeros(180, dtype=np.int64)}
    found = one({"slope": x[rows], "rate": y[rows]}, alone, strata_names=("HOMO_B",), **knobs)
    assert found.standing == "supported"
    assert "all of one stratum: it holds with clusters moved too (Holm p " in found.words
    assert found.within.value == pytest.approx(found.pooled.value)


def test_what_the_models_levels_hide_is_masked() -> None:
    # Models far from each other, with the levels of predictor and outcome the other way round.
    x, y = drawn(np.random.default_rng(2), inside=2.0, between=0.0)
    level = 2.5 * np.array([-1.0, 0.0, 1.0])[MODEL_OF][DESIGN.strata]
    found = one({"slope": x + level, "rate": y - level})
    assert (found.standing, found.as_published) == ("masked", False)
    assert found.pooled.value == pytest.approx(-0.36, abs=0.005)
    assert found.within.value == pytest.approx(0.75, abs=0.005)
    assert "differences between them hide it over all rows" in found.words


def test_no_association_is_weak() -> None:
    found = simulated(inside=0.0, between=0.0)
    assert (found.standing, found.as_published) == ("weak", False)
    assert "|rho| is below 0.4" in found.words


def test_few_clusters_leave_it_open_whether_it_is_inside() -> None:
    # 6 seed prompts a model: the interval inside the strata reaches from below 0 past 0.4.
    rng = np.random.default_rng(1)
    strata = np.repeat([0, 1, 2], 6)
    x, y = rng.normal(size=(2, 18)) + 3.0 * strata
    knobs: Knobs = {"clusters": np.arange(18), "strata": strata, "strata_names": ("A", "B", "C")}
    found = one({"slope": x, "rate": y}, **knobs)
    assert (found.standing, found.as_published) == ("undecided", True)
    assert "leaves open whether it reaches 0.4" in found.words


# -- what it rests on ---------------------------------------------------------------------------


def test_720_rows_with_108_predictors_report_108() -> None:
    x, y = drawn(np.random.default_rng(0))
    clusters = equal_rows([x])
    assert (len(x), len(np.unique(clusters))) == (720, 108)
    found = one({"slope": x, "rate": y}, clusters=clusters)
    assert found.clustered.resampled_n == found.within.resampled_n == 108
    assert found.pooled.resampled_n == found.pooled.n == found.pooled.effective_n == 720
    assert "108 clusters that can change places, inside 4 strata" in found.within.interval


def test_each_predictor_has_clusters_of_its_own_whatever_else_is_in_the_family() -> None:
    columns = family()
    columns["mean"] = np.random.default_rng(1).normal(size=720)
    by_own = held(columns, FAMILY, clusters=None)
    assert [a.clustered.resampled_n for a in by_own] == [108, 720, 108]
    assert [a.clustered.interval.partition("; ")[2] for a in by_own] == [
        "slope has 108 unique values in 720 rows",
        "mean has 720 unique values in 720 rows",
        "slope has 108 unique values in 720 rows",
    ]
    # What is tested beside it changes nothing of its test.
    assert by_own[0].p_within == one({n: columns[n] for n in ("slope", "rate")}).p_within


def test_rounding_makes_no_predictors() -> None:
    columns = {"slope": drawn(np.random.default_rng(0))[0], "rate": family()["rate"]}
    jitter = np.random.default_rng(1).uniform(-1e-12, 1e-12, 720)
    plain, shaken = (
        one({**columns, "slope": columns["slope"] + by}, clusters=None) for by in (0.0, jitter)
    )
    assert plain.clustered.resampled_n == shaken.clustered.resampled_n == 108
    assert shaken.p_within == pytest.approx(plain.p_within, abs=0.02)


def test_other_clusters_that_are_the_same_are_told_once() -> None:
    x, y = drawn(np.random.default_rng(0))
    again = one(
        {"slope": x, "rate": y}, clusters=None, also={"seed prompts": 500 - DESIGN.clusters}
    )
    assert not [line.name for line in again.sensitivity if "moved as one" in line.name]


def test_clusters_are_less_certain_than_rows() -> None:
    found = simulated(inside=0.0, between=3.0)
    widths = [m.high - m.low for m in (found.clustered, found.pooled) if m.high and m.low]
    assert widths[0] > 1.3 * widths[1]


def test_seed_prompts_as_clusters_move_through_all_models() -> None:
    x, y = drawn(np.random.default_rng(0), inside=1.5)
    found = one({"slope": x, "rate": y}, clusters=DESIGN.seeds)
    assert "36 clusters that can change places" in found.within.interval
    assert found.standing == "supported"


def shared_by_seed_prompts(seed: int) -> tuple[Values, Values]:
    """No association inside a seed prompt: each moves predictor and outcome of all models."""
    rng = np.random.default_rng(seed)
    x, y = drawn(rng, inside=0.0, between=3.0)
    of_x, of_y = rng.normal(scale=2, size=(2, DESIGN.seeds.max() + 1))
    return x + of_x[DESIGN.seeds], y + of_y[DESIGN.seeds]


def test_seed_prompts_that_move_all_models_count_once() -> None:
    p_alone, p_strict = [], []
    for seed in range(6):
        x, y = shared_by_seed_prompts(seed)
        columns = {"slope": x, "rate": y}
        p_alone.append(one(columns).p_within or 0.0)
        p_strict.append(one(columns, also={"seed prompts": DESIGN.seeds}).p_within or 0.0)
    assert all(strict >= alone for strict, alone in zip(p_strict, p_alone, strict=True))
    assert np.median(p_strict) > np.median(p_alone)


def test_a_true_effect_stays_supported_when_seed_prompts_count_once() -> None:
    x, y = drawn(np.random.default_rng(0), inside=1.5)
    found = one({"slope": x, "rate": y}, also={"seed prompts": DESIGN.seeds})
    assert found.standing == "supported"


def test_too_few_seed_prompts_leave_it_open() -> None:
    x, y = drawn(np.random.default_rng(0), inside=1.5)
    found = one({"slope": x, "rate": y}, also={"seed prompts": DESIGN.seeds % 6})
    assert found.standing == "undecided"
    assert "with seed prompts as clusters, 6 clusters can change places" in found.words


def test_every_stratum_has_a_rho_of_its_own() -> None:
    x, y = drawn(np.random.default_rng(2), inside=0.5)
    found = one({"slope": x, "rate": y})
    assert [part.name for part in found.by_stratum] == list(CONDITIONS)
    for place, part in enumerate(found.by_stratum):
        rows = DESIGN.strata == place
        assert part.value == pytest.approx(spearmanr(x[rows], y[rows]).statistic, abs=1e-12)
        assert (part.resampled_n, part.effective_n) == (36, 180)


def test_points_and_lines_are_there_for_every_stratum() -> None:
    x, y = drawn(np.random.default_rng(2), inside=0.5)
    curves = one({"slope": x, "rate": y}).curves
    assert [curve.series for curve in curves] == [c for c in CONDITIONS for _ in range(2)]
    points, line = curves[:2]
    assert (len(points.x), points.mark, line.mark) == (180, "points", "line")
    slope, level = np.polyfit(points.x, points.y, 1)
    assert line.y == pytest.approx(level + slope * np.array(line.x))


# -- the family ---------------------------------------------------------------------------------

FAMILY = replace(
    PLAN,
    hypotheses=tuple(
        Hypothesis(predictor=x, outcome=y)
        for x, y in (("slope", "rate"), ("mean", "rate"), ("slope", "other"))
    ),
)


def family(seed: int = 0) -> dict[str, Values]:
    rng = np.random.default_rng(seed)
    (slope, rate), (mean, other) = drawn(rng, inside=0.3), drawn(rng, between=1.0)
    return {"slope": slope, "rate": rate, "mean": mean, "other": other}


def test_pooled_numbers_are_those_of_the_published_family() -> None:
    columns = family()
    found = held(columns, FAMILY)
    expected = pooled_family(columns, FAMILY.hypotheses, resamples=400, seed=42)
    for mine, published in zip(found, expected, strict=True):
        bounds = (published.interval.rho, published.interval.low, published.interval.high)
        assert (mine.pooled.value, mine.pooled.low, mine.pooled.high) == bounds
        assert (mine.p, mine.holm) == (published.p, published.holm)


def test_both_kinds_of_p_are_adjusted_over_the_family() -> None:
    found = held(family(), FAMILY)
    inside = [a.p_within for a in found]
    expected = multipletests(inside, method="holm")[1]
    assert [a.holm_within for a in found] == pytest.approx(expected.tolist(), abs=1e-12)


def test_a_test_that_is_lost_makes_the_others_no_easier() -> None:
    columns = family()
    whole = held(columns, FAMILY)
    lost = held({**columns, "mean": np.ones(720)}, FAMILY)
    assert [a.standing for a in lost][1] == "invalid"
    assert (lost[1].p, lost[1].holm, lost[1].p_within, lost[1].holm_within) == (None,) * 4
    assert lost[0].holm is not None
    assert whole[0].p is not None
    assert lost[0].holm >= 2 * whole[0].p


# -- what cannot be tested ----------------------------------------------------------------------


def test_a_predictor_that_is_constant_in_every_stratum_is_between_models_by_construction() -> None:
    _, y = drawn(np.random.default_rng(0))
    x = MODEL_OF[DESIGN.strata].astype(float)
    found = one({"slope": x, "rate": y}, clusters=equal_rows([x]))
    assert found.standing == "between-model only"
    assert found.words.endswith(
        "but the predictor is constant inside every stratum: it lies between the strata"
    )
    assert (found.within.value, found.adjusted.value, found.p_within) == (None, None, None)
    assert found.clustered.interval == (
        "no interval: 3 clusters, and resampling them takes 5; slope has 3 unique values in 720 "
        "rows"
    )


def test_an_outcome_that_is_constant_in_every_stratum_is_so_too() -> None:
    x, _ = drawn(np.random.default_rng(0))
    found = one({"slope": x, "rate": MODEL_OF[DESIGN.strata].astype(float)})
    assert "the outcome is constant inside every stratum" in found.words
    apart = np.where(DESIGN.strata < 2, x, 50.0), np.where(DESIGN.strata < 2, 0.0, x)
    found = one({"slope": apart[0], "rate": apart[1]})
    assert found.within.reason == "no stratum has both predictors and outcomes that vary"


@pytest.mark.parametrize("column", ["slope", "rate"])
def test_rows_without_a_number_are_counted_and_void_the_test(column: str) -> None:
    x, y = drawn(np.random.default_rng(0), inside=1.5)
    columns = {"slope": x, "rate": y}
    columns[column] = columns[column].copy()
    columns[column][[4, 9, 11]] = [np.nan, np.inf, np.nan]
    found = one(columns)
    assert found.standing == "invalid"
    assert f"column {column!r} holds no finite number in 3 of 720 rows, first in row 5" in (
        found.words
    )
    measured = (found.pooled, found.clustered, found.within, found.adjusted)
    assert all(m.value is None and m.reason == found.words for m in measured)
    assert (found.by_stratum, found.sensitivity, found.curves) == ((), (), ())


def test_a_constant_predictor_is_no_evidence() -> None:
    _, y = drawn(np.random.default_rng(0))
    found = one({"slope": np.ones(720), "rate": y})
    assert (found.standing, found.words) == ("invalid", "slope is the same in all 720 rows")


def test_too_few_clusters_say_how_many_are_missing() -> None:
    x, y = drawn(np.random.default_rng(0), inside=1.5)
    rows = DESIGN.seeds < 2
    knobs: Knobs = {"clusters": DESIGN.clusters[rows], "strata": DESIGN.strata[rows]}
    found = one({"slope": x[rows], "rate": y[rows]}, **knobs)
    assert found.standing == "invalid"
    assert found.words == (
        f"6 clusters can change places inside the strata, and a test takes {FEWEST_MOVABLE}: 4 "
        "more with predictors of their own are missing"
    )
    assert found.within.value is not None
    assert (found.within.low, found.p_within) == (None, None)


def test_arrangements_that_cannot_give_a_small_p_say_so() -> None:
    # Six models with two seed prompts each: 12 clusters, 64 arrangements, a family of three.
    rng = np.random.default_rng(0)
    strata = np.repeat(np.arange(6), 2)
    columns = {name: rng.normal(size=12) for name in ("slope", "rate", "mean", "other")}
    knobs: Knobs = {"clusters": np.arange(12), "strata": strata, "strata_names": list("ABCDEF")}
    found = held(columns, replace(FAMILY, alpha=0.04), **knobs)
    assert {a.standing for a in found} == {"invalid"}
    assert "the least p that these arrangements can give is 0.016" in found[0].words
    few = one({"slope": columns["slope"], "rate": columns["rate"]}, **knobs)
    assert few.standing != "invalid"


def test_one_stratum_where_the_plan_asks_for_strata_is_no_evidence() -> None:
    x, y = drawn(np.random.default_rng(0), inside=1.5)
    found = one({"slope": x, "rate": y}, strata=np.zeros(720, dtype=np.int64), strata_names=("A",))
    assert found.standing == "invalid"
    assert found.words == (
        "all 720 rows are of one stratum, and to tell inside from between takes 2: add the rows of "
        "another model, or take strata that part the prompts of this one"
    )


def test_unequal_clusters_and_a_lone_stratum_are_counted_in_words() -> None:
    rng = np.random.default_rng(5)
    clusters = np.repeat(np.arange(25), rng.integers(1, 7, 25))
    strata = np.minimum(clusters // 12, 2)
    x, y = rng.normal(size=25)[clusters], rng.normal(size=len(clusters))
    found = one(
        {"slope": x, "rate": y}, clusters=clusters, strata=strata, strata_names=("A", "B", "C")
    )
    assert found.within.interval.endswith(
        "24 clusters that can change places, 1 cannot, inside 3 strata, 1 without variation"
    )


def test_a_bridge_is_the_same_twice() -> None:
    assert held(family(), FAMILY) == held(family(), FAMILY)
    assert len(np.unique(DESIGN.clusters)) == SEEDS * 3
