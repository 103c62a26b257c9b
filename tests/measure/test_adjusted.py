"""The slope with every stratum's level taken out and errors clustered, against statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from measure.published_design import DESIGN, drawn
from pytest_promptchaos.measure.adjusted import adjusted, adjusted_slope, standardized


def test_it_equals_a_direct_call_of_statsmodels() -> None:
    x, y = drawn(np.random.default_rng(0), inside=0.5)
    slope = adjusted_slope(x, y, DESIGN.clusters, DESIGN.strata)
    # The same model written otherwise: an intercept, and three conditions against the first.
    dummies = np.stack([DESIGN.strata == level for level in (1, 2, 3)], axis=1).astype(float)
    table = sm.add_constant(np.column_stack([(x - x.mean()) / x.std(), dummies]))
    fit = sm.OLS((y - y.mean()) / y.std(), table).fit(
        cov_type="cluster", cov_kwds={"groups": DESIGN.clusters}, use_t=True
    )
    low, high = fit.conf_int()[1]
    expected = (fit.params[1], low, high, fit.bse[1])
    assert (slope.value, slope.low, slope.high, slope.error) == pytest.approx(expected, abs=1e-12)
    assert slope.p == pytest.approx(fit.pvalues[1], rel=1e-9)


def test_levels_of_the_strata_do_not_enter_the_slope() -> None:
    strata = np.repeat([0, 1, 2], 20)
    x = np.random.default_rng(1).normal(size=60)
    lifted = x + 50 * strata
    slope = adjusted_slope(lifted, 100.0 * strata - 2 * x, np.arange(60), strata)
    y = 100.0 * strata - 2 * x
    assert slope.value * y.std() / lifted.std() == pytest.approx(-2.0)


def test_rows_that_are_there_five_times_are_no_evidence_of_their_own() -> None:
    x, y = drawn(np.random.default_rng(2))
    by_cluster = adjusted_slope(x, y, DESIGN.clusters, DESIGN.strata)
    by_row = adjusted_slope(x, y, np.arange(len(x)), DESIGN.strata)
    assert by_cluster.value == pytest.approx(by_row.value)
    assert by_cluster.error > 1.5 * by_row.error


def test_a_measurement_says_what_it_rests_on() -> None:
    x, y = drawn(np.random.default_rng(3), inside=0.5)
    found = adjusted(x, y, DESIGN.clusters, DESIGN.strata, given=730)
    assert (found.n, found.effective_n, found.resampled_n) == (730, 720, 108)
    assert found.interval.startswith(
        "95 % t, 4 strata as covariates, errors clustered in 108 clusters, p "
    )
    one = adjusted(x, y, DESIGN.clusters, np.zeros(720, dtype=np.int64), given=720)
    assert one.interval.startswith("95 % t, one level, ")


@pytest.mark.parametrize(
    ("x", "y", "clusters", "reason"),
    [
        ([0, 0, 0, 0, 1, 1, 1, 1], range(8), range(8), "the same in all rows of a stratum"),
        ([0, 0, 0, 0, 1, 2, 3, 4], [4, 3, 2, 1, 0, 0, 0, 0], range(8), "no stratum has both"),
        ([1] * 8, range(8), range(8), "the same in every row"),
        (range(8), [1] * 8, range(8), "the same in every row"),
        (range(8), range(8), [0, 0, 0, 0, 1, 1, 1, 1], "2 clusters: errors clustered need 3"),
    ],
)
def test_what_has_no_slope_says_why(
    x: list[int], y: list[int], clusters: list[int], reason: str
) -> None:
    strata = np.repeat([0, 1], 4)
    u, v = np.array([list(x), list(y)], dtype=float)
    found = adjusted(u, v, np.array(list(clusters)), strata, given=8)
    assert found.value is None
    assert reason in (found.reason or "")


def test_standardized_values_have_mean_zero_and_spread_one() -> None:
    values = standardized(np.array([3.0, 5.0, 10.0]))
    assert (values.mean(), values.std()) == pytest.approx((0.0, 1.0))
