"""Whether what is measured in one forward pass goes with what the model does later."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from pytest_promptchaos.records.measurements import Curve, Measurement  # noqa: TC001

Standing: TypeAlias = Literal[
    "supported", "between-model only", "sign conflict", "masked", "weak", "undecided", "invalid"
]
"""What an association is worth; only ``supported`` passes."""
Censor: TypeAlias = Literal["after", "last", "exclude"]
"""The first collapsed turn of a conversation that never collapsed: the one after its last, its
last (as published), or left out."""
CENSORS: tuple[Censor, ...] = get_args(Censor)


@dataclass(frozen=True, kw_only=True)
class Hypothesis:
    """A column of depth features that is said to go with a column of outcomes.

    ``sign`` is the direction that was said beforehand, 0 where none was.
    """

    predictor: str
    outcome: str
    sign: Literal[-1, 0, 1] = 0

    @property
    def name(self) -> str:
        """Both columns in words."""
        return f"{self.predictor} x {self.outcome}"


@dataclass(frozen=True, kw_only=True)
class BridgePlan:
    """Everything that is decided before a bridge is looked at, and that a preregistration holds.

    ``clusters`` and ``strata`` name columns; empty ``clusters`` are, for each hypothesis, rows with
    equal predictors. By the published rule an association passes with |rho| of at least
    ``threshold``, a Holm-adjusted p below ``alpha`` and an interval without 0; what it takes inside
    the strata beside that is said in ``measure.standing``.
    """

    hypotheses: tuple[Hypothesis, ...]
    clusters: tuple[str, ...] = ()
    strata: tuple[str, ...] = ()
    threshold: float = 0.40
    alpha: float = 0.05
    censor: Censor = "after"
    resamples: int = 10_000
    permutations: int = 9_999
    seed: int = 42


@dataclass(frozen=True, kw_only=True)
class Association:
    """One hypothesis held against a table.

    ``pooled`` is Spearman's rho over all rows with its bias-corrected bootstrap interval,
    ``clustered`` the same rho with clusters resampled, ``within`` the correlation of the ranks
    centered by stratum, ``adjusted`` the least-squares coefficient with a covariate per stratum
    and errors clustered. ``p`` is the pooled one, ``p_within`` that of the permutation inside the
    strata; ``holm`` and ``holm_within`` are adjusted over the family. ``by_stratum`` holds rho in
    every stratum, ``sensitivity`` the pooled rho under other handlings. ``as_published`` says
    whether the pooled rule alone would pass it. ``curves`` are the points by stratum with a line
    through each.
    """

    hypothesis: Hypothesis
    standing: Standing
    words: str
    pooled: Measurement
    clustered: Measurement
    within: Measurement
    adjusted: Measurement
    p: float | None = None
    holm: float | None = None
    p_within: float | None = None
    holm_within: float | None = None
    as_published: bool = False
    by_stratum: tuple[Measurement, ...] = ()
    sensitivity: tuple[Measurement, ...] = ()
    curves: tuple[Curve, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Bridge:
    """A family of associations over one table, with what they all rest on.

    ``rows`` entered, of ``given``, the most that one association rests on; ``unique`` of them have
    predictors of their own, and ``clusters`` is the fewest of an association. ``collinear`` are
    rank correlations between predictors and between outcomes of the family. ``counts`` say in words
    what every merge and exclusion kept and lost; ``deviations`` what was changed after the plan was
    frozen. ``reason`` says why there is no association, and how many rows are missing.
    """

    name: str
    associations: tuple[Association, ...] = ()
    given: int = 0
    rows: int = 0
    unique: int = 0
    clusters: int = 0
    strata: tuple[str, ...] = ()
    threshold: float = 0.40
    alpha: float = 0.05
    collinear: tuple[Measurement, ...] = ()
    counts: tuple[str, ...] = ()
    preregistration: str = ""
    deviations: tuple[str, ...] = ()
    reason: str = ""
