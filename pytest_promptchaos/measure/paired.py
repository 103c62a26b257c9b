"""The rows on which one hypothesis is held against a table, or why there are none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from pytest_promptchaos.measure.ranks import FEWEST_ROWS, spearman
from pytest_promptchaos.measure.strata import within_rho
from pytest_promptchaos.measure.tables import missing
from pytest_promptchaos.records import Measurement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from pytest_promptchaos.measure.exchange import Labels, Values
    from pytest_promptchaos.measure.rank_bootstrap import RankInterval
    from pytest_promptchaos.records import Hypothesis

    Flags: TypeAlias = NDArray[np.bool_]

UNIT = "Spearman's rho, -1 to 1"
WITHIN_UNIT = "correlation of ranks centered by stratum, -1 to 1"
WITHIN = "rho inside the strata"


@dataclass(frozen=True, kw_only=True, eq=False)
class Paired:
    """A predictor x and an outcome y (n,) with the cluster and stratum of every row.

    ``rows`` (n,) are their places in a table of ``given`` rows, ``names`` the columns of x and y.
    ``reason`` says why they cannot be associated; it is empty where they can.
    """

    x: Values
    y: Values
    clusters: Labels
    strata: Labels
    rows: Labels
    given: int
    names: tuple[str, str]
    reason: str = ""

    def at(self, chosen: Flags) -> Paired:
        """Return only the chosen rows (n,)."""
        return replace(
            self,
            x=self.x[chosen],
            y=self.y[chosen],
            clusters=self.clusters[chosen],
            strata=self.strata[chosen],
            rows=self.rows[chosen],
        )


def paired(
    columns: Mapping[str, Values],
    hypothesis: Hypothesis,
    *,
    clusters: Labels,
    strata: Labels,
    leave_out: Flags | None = None,
) -> Paired:
    """Return the rows of a hypothesis; ``leave_out`` flags rows (n,) that are to have no part."""
    x, y = columns[hypothesis.predictor], columns[hypothesis.outcome]
    whole = Paired(
        x=x,
        y=y,
        clusters=clusters,
        strata=strata,
        rows=np.arange(len(x)),
        given=len(x),
        names=(hypothesis.predictor, hypothesis.outcome),
    )
    kept = whole if leave_out is None else whole.at(~leave_out)
    return replace(kept, reason=unfit(kept))


def unfit(pair: Paired) -> str:
    """Return why these rows have no rank correlation, by column; empty where they have one."""
    named = dict(zip(pair.names, (pair.x, pair.y), strict=True))
    told = [found for name, values in named.items() if (found := missing({}, name, values))]
    if told:
        return f"{' and '.join(told)}: mend these rows, or leave them out of the table and count it"
    if len(pair.x) < FEWEST_ROWS:
        return f"{len(pair.x)} of {pair.given} rows are left: a rank correlation needs more"
    still = [name for name, values in named.items() if np.ptp(values) == 0]
    return f"{still[0]} is the same in all {len(pair.x):,} rows" if still else ""


def rho_of(name: str, pair: Paired) -> Measurement:
    """Return Spearman's rho of the rows, without an interval; inside the strata as breakdown."""
    reason = unfit(pair) or None
    rho = None if reason else spearman(pair.x, pair.y)[0]
    inner = None if reason else within_rho(pair.x, pair.y, pair.strata)
    within = Measurement(
        name=WITHIN,
        unit=WITHIN_UNIT,
        value=inner,
        reason="nothing varies inside a stratum" if inner is None else None,
        n=pair.given,
        effective_n=0 if inner is None else len(pair.x),
    )
    return Measurement(
        name=name,
        unit=UNIT,
        value=rho,
        reason=reason,
        n=pair.given,
        effective_n=0 if rho is None else len(pair.x),
        breakdown=(within,),
    )


def bounded(
    name: str, unit: str, pair: Paired, found: RankInterval, resampled: Literal["rows", "clusters"]
) -> Measurement:
    """Return a bootstrap of the rows as a measurement; ``resampled`` says what was drawn."""
    count = len(pair.x) if resampled == "rows" else len(np.unique(pair.clusters))
    lost = f", {found.undefined:,} of them without a rho" if found.undefined else ""
    told = f"{found.resamples:,} resamples of {count:,} {resampled}{lost}"
    return Measurement(
        name=name,
        unit=unit,
        value=found.rho,
        low=found.low,
        high=found.high,
        interval=f"95 % bias-corrected, {told}",
        resampled=resampled,
        resampled_n=count,
        n=pair.given,
        effective_n=len(pair.x),
    )
