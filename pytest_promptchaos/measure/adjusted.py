"""The slope of an outcome on a predictor with every stratum's level taken out, errors clustered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from statsmodels.regression.linear_model import OLS

from pytest_promptchaos.measure.exchange import centered, cluster_count
from pytest_promptchaos.measure.resampling import RESOLUTION
from pytest_promptchaos.measure.strata import varying
from pytest_promptchaos.records import Measurement

if TYPE_CHECKING:
    from pytest_promptchaos.measure.exchange import Labels, Values

NAME = "slope adjusted for the strata"
UNIT = "standard deviations of the outcome per one of the predictor"
FEWEST_CLUSTERS = 3
"""Two clusters leave one degree of freedom, whose t reaches 12.7 standard errors."""


@dataclass(frozen=True, kw_only=True)
class Slope:
    """A least-squares coefficient with its 95 % bounds, standard error and two-sided p."""

    value: float
    low: float
    high: float
    error: float
    p: float


def standardized(values: Values) -> Values:
    """Return values (n,) minus their mean, in standard deviations (ddof 0).

    >>> standardized(np.array([1.0, 3.0]))
    array([-1.,  1.])
    """
    return np.asarray((values - values.mean()) / values.std(), dtype=np.float64)


def adjusted_slope(x: Values, y: Values, clusters: Labels, strata: Labels) -> Slope:
    """Return the coefficient of x in y = slope x + level of the stratum, x and y standardized.

    All arguments (n,). Least squares with one 0/1 covariate per stratum; errors may depend on each
    other inside a cluster (the sandwich estimator with statsmodels' correction for few clusters),
    and p and bounds are those of Student's t with one degree of freedom per cluster but one.
    Raises ``ValueError`` where no stratum has x and y that vary, and for fewer than
    ``FEWEST_CLUSTERS`` clusters. With 36 clusters the bounds held 0 in 93 % of 400 simulations
    without an association, with 10 in 87 %. Source: K.-Y. Liang and S. L. Zeger, Biometrika 73
    (1986) 13-22, doi:10.1093/biomet/73.1.13.

    >>> x, y = np.array([0.0, 1, 2, 10, 11, 12]), np.array([0.0, -1, -2, 9, 8, 7])
    >>> slope = adjusted_slope(x, y, np.arange(6), np.array([0, 0, 0, 1, 1, 1]))
    >>> round(slope.value * float(y.std() / x.std()), 9)
    -1.0
    """
    count = len(np.unique(clusters))
    if count < FEWEST_CLUSTERS:
        raise ValueError(f"{cluster_count(count)}: errors clustered need {FEWEST_CLUSTERS}")
    if np.ptp(y) == 0 or np.ptp(x) == 0:
        raise ValueError("one of the two is the same in every row: there is no slope")
    u, v = standardized(x), standardized(y)
    if np.abs(centered(u, strata)).max() <= RESOLUTION * len(x):
        raise ValueError("the predictor is the same in all rows of a stratum: it is the covariate")
    if not (varying(x, strata) & varying(y, strata)).any():
        raise ValueError("no stratum has both predictors and outcomes that vary")
    levels = (strata[:, np.newaxis] == np.unique(strata)).astype(np.float64)
    fit = OLS(v, np.column_stack([u, levels])).fit(
        cov_type="cluster", cov_kwds={"groups": clusters}, use_t=True
    )
    low, high = fit.conf_int()[0]
    return Slope(
        value=float(fit.params[0]),
        low=float(low),
        high=float(high),
        error=float(fit.bse[0]),
        p=float(fit.pvalues[0]),
    )


def adjusted(x: Values, y: Values, clusters: Labels, strata: Labels, *, given: int) -> Measurement:
    """Return :func:`adjusted_slope` as a measurement; ``given`` counts the rows of the table."""
    try:
        slope = adjusted_slope(x, y, clusters, strata)
    except ValueError as problem:
        return Measurement(name=NAME, unit=UNIT, reason=str(problem), n=given)
    count, levels = len(np.unique(clusters)), len(np.unique(strata))
    by = "one level" if levels == 1 else f"{levels} strata as covariates"
    return Measurement(
        name=NAME,
        unit=UNIT,
        value=slope.value,
        low=slope.low,
        high=slope.high,
        interval=f"95 % t, {by}, errors clustered in {cluster_count(count)}, p {slope.p:.2g}",
        resampled="clusters",
        resampled_n=count,
        n=given,
        effective_n=len(x),
    )
