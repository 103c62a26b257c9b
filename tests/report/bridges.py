"""Records of bridges: the published family at its real size, and those of a whole session."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_promptchaos.records import (
    Association,
    Bridge,
    Curve,
    Hypothesis,
    Limit,
    Measurement,
    Outcome,
    Record,
)
from report.conftest import record, verdict

if TYPE_CHECKING:
    from pytest_promptchaos.records import Standing, Verdict

STRATA = ("HOMO_A", "HOMO_B", "HOMO_C", "HETERO_ROT")
MEAN, VARIANCE, SLOPE = "lambda1_mean", "layerwise_variance_mean", "profile_slope_mean"
RATE, FIRST, INCIDENCE = "collapse_rate", "first_collapse_turn", "has_collapse"
FAMILY: tuple[tuple[str, str, float, float, Standing], ...] = (
    (MEAN, RATE, 0.246, 0.061, "weak"),
    (MEAN, FIRST, -0.251, -0.044, "weak"),
    (MEAN, INCIDENCE, 0.036, 0.021, "weak"),
    (VARIANCE, RATE, 0.511, 0.012, "between-model only"),
    (SLOPE, RATE, -0.536, 0.187, "sign conflict"),
    (SLOPE, FIRST, 0.507, 0.413, "supported"),
)
"""Predictor, outcome, pooled rho (as published), rho within the strata (made up), standing."""


def rho(name: str, value: float, reach: float = 0.07, n: int = 720) -> Measurement:
    """Return a rank correlation with its interval."""
    return Measurement(
        name=name,
        unit="rank correlation, -1 to 1",
        value=value,
        low=max(-1.0, value - reach),
        high=min(1.0, value + reach),
        interval="10,000 resamples",
        n=n,
        effective_n=n,
    )


def points(hypothesis: Hypothesis, count: int) -> tuple[Curve, ...]:
    """Return a cloud and a line per stratum."""
    found = []
    for place, stratum in enumerate(STRATA):
        draw = random.Random(f"{hypothesis.name} {stratum}")
        x = tuple(round(0.1 * place + 0.05 * draw.random(), 4) for _ in range(count))
        y = tuple(round(0.2 * place + 0.3 * draw.random(), 4) for _ in range(count))
        cloud = Curve(
            name=hypothesis.name,
            x_label=hypothesis.predictor,
            y_label=hypothesis.outcome,
            x=x,
            y=y,
            series=stratum,
            mark="points",
        )
        line = Curve(
            name=hypothesis.name,
            x_label=hypothesis.predictor,
            y_label=hypothesis.outcome,
            x=(min(x), max(x)),
            y=(0.2 * place + 0.12, 0.2 * place + 0.17),
            series=stratum,
        )
        found += [cloud, line]
    return tuple(found)


def association(said: tuple[str, str, float, float, Standing], count: int = 180) -> Association:
    """Return one hypothesis held against the table, with ``count`` points per stratum."""
    predictor, outcome, pooled, within, standing = said
    hypothesis = Hypothesis(predictor=predictor, outcome=outcome)
    passes = abs(pooled) >= 0.4
    return Association(
        hypothesis=hypothesis,
        standing=standing,
        words=f"pooled {pooled:+.3f}, within the strata {within:+.3f}: {standing}",
        pooled=rho("pooled", pooled),
        clustered=rho("clustered", pooled, 0.16, 108),
        within=rho("within", within, 0.1),
        adjusted=rho("adjusted", 0.4 * within, 0.2),
        p=1e-11,
        holm=4.3e-11 if passes else 0.337,
        p_within=0.004 if abs(within) > 0.1 else 0.61,
        holm_within=0.02 if abs(within) > 0.1 else 1.0,
        as_published=passes,
        by_stratum=tuple(rho(one, within, 0.15, 180) for one in STRATA),
        sensitivity=(rho("censored at the last turn", pooled - 0.01), rho("excluded", pooled)),
        curves=points(hypothesis, count) if count else (),
    )


def bridge(name: str = "published pair", count: int = 180) -> Bridge:
    """Return the published family with its pooled numbers."""
    return Bridge(
        name=name,
        associations=tuple(association(one, count) for one in FAMILY),
        given=724,
        rows=720,
        unique=108,
        clusters=108,
        strata=STRATA,
        collinear=(
            rho(f"{VARIANCE} and {SLOPE}", -0.91, 0.02, 108),
            rho(f"{RATE} and {FIRST}", -0.88, 0.02),
        ),
        counts=("724 rows of depth and 720 of collapse: 720 merged, 4 and 0 without a partner",),
        preregistration="9f" * 32,
        deviations=("censor: last instead of after, because the published protocol does so",),
    )


def bridge_verdicts(found: Bridge | None = None) -> tuple[Verdict, ...]:
    """Return a verdict per hypothesis, each with its own association of the shared bridge."""
    shared = found or bridge()
    outcomes = {"supported": Outcome.PASSED, "undecided": Outcome.INCONCLUSIVE}
    made = []
    for one in shared.associations:
        name = one.hypothesis.name
        absolute = abs(one.clustered.value or 0.0)
        made.append(
            verdict(
                outcomes.get(one.standing, Outcome.FAILED),
                "table",
                check="bridge",
                id=f"bridge({name})",
                measurement=Measurement(
                    name=f"|rho| of {name}",
                    unit="rank correlation, 0 to 1",
                    value=absolute,
                    low=max(0.0, absolute - 0.16),
                    high=absolute + 0.16,
                    n=720,
                    effective_n=108,
                ),
                limit=Limit(name=f"|rho| of {name}", at_least=0.4),
                sentence=f"{name}: {one.standing}",
                explanation=f"{name}: {one.standing}\n\nnext:\n  measure more prompts per model",
                pairs=(),
                worst=None,
                controls=(),
                curves=(),
                bridge=replace(shared, associations=(one,)),
                settings={"hypothesis": name},
            )
        )
    return tuple(made)


def session_bridges() -> tuple[Bridge, ...]:
    """Return the bridges of a session: one pooled, and one of a model with too few prompts."""
    pooled = Bridge(
        name="pooled over 3 models",
        associations=tuple(association(one, 0) for one in FAMILY[3:5]),
        given=36,
        rows=36,
        unique=36,
        clusters=36,
        strata=("small", "large", "table"),
        counts=("36 prompts with depth, 36 of them with a neighborhood",),
    )
    few = Bridge(
        name="small",
        given=12,
        rows=12,
        unique=4,
        reason="4 prompts with depth of their own, 10 are needed: 6 are missing",
    )
    return pooled, few


def bridge_records() -> tuple[Record, ...]:
    """Return a test with the published family, and the record of the whole session."""
    return (record(*bridge_verdicts(), node="test_bridge"), session_record())


def session_record() -> Record:
    """Return the record that no test left, but the whole run."""
    return Record(
        node_id="promptchaos::session-bridge",
        status="passed",
        verdicts=(),
        environment={},
        bridges=session_bridges(),
    )
