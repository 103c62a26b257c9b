"""A check of a suite -> its verdicts, through the same functions that users call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_promptchaos.checks import measure_neighborhood
from pytest_promptchaos.depth_checks import judge_depth_profile, measure_ftle
from pytest_promptchaos.judging import judge_findings
from pytest_promptchaos.measure.divergence import NAMES
from pytest_promptchaos.neighborhoods.ladder import neighborhood
from pytest_promptchaos.records import Limit
from pytest_promptchaos.session import active
from pytest_promptchaos.suite.kinds import (
    DepthProfileCheck,
    StableNeighborhoodCheck,
    SystemCheck,
)
from pytest_promptchaos.surround import ladder

if TYPE_CHECKING:
    from pytest_promptchaos.records import Findings, Neighborhood, Verdict
    from pytest_promptchaos.suite.kinds import Check, FtleCheck
    from pytest_promptchaos.suite.schema import Suite


def run_check(suite: Suite, check: Check, pin: str) -> tuple[Verdict, ...]:
    """Return the verdicts of one check, on one model unless it is a system's.

    A depth profile has a verdict per limit, every other check has one. Never raises because of
    what it found.
    """
    if isinstance(check, DepthProfileCheck):
        return _depth_profile(suite, check, pin)
    if isinstance(check, StableNeighborhoodCheck):
        findings = _stable(suite, check, pin)
        limit = Limit(name=NAMES[check.metric], at_most=check.at_most)
    else:
        findings = _system(check) if isinstance(check, SystemCheck) else _ftle(suite, check, pin)
        name = findings.measurement.name
        limit = Limit(name=name, at_most=check.at_most, at_least=check.at_least)
    return (judge_findings(check.check, findings, limit, expect=check.expect, name=check.id),)


def _system(check: SystemCheck) -> Findings:
    from pytest_promptchaos.systems import measure_system

    seed = active().settings.seed
    return measure_system(check.system, seed=seed, radius=check.radius, weights=check.weights)


def _ftle(suite: Suite, check: FtleCheck, pin: str) -> Findings:
    prompts = [prompt.prompt() for prompt in suite.prompts_of(check)]
    return measure_ftle(
        pin,
        prompts,
        tangents=check.tangents,
        positions=check.positions,
        beside=check.beside,
        null=active().settings.null,
    )


def _depth_profile(suite: Suite, check: DepthProfileCheck, pin: str) -> tuple[Verdict, ...]:
    slopes = check.slope_between
    return judge_depth_profile(
        pin,
        [prompt.prompt() for prompt in suite.prompts_of(check)],
        variance_at_most=check.variance_at_most,
        slope_between=None if slopes is None else (slopes[0], slopes[1]),
        no_layer_above=check.no_layer_above,
        tangents=check.tangents,
        positions=check.positions,
        beside=check.beside,
        null=active().settings.null,
        seed=active().settings.seed,
        expect=check.expect,
        name=check.id,
    )


def _stable(suite: Suite, check: StableNeighborhoodCheck, pin: str) -> Findings:
    return measure_neighborhood(
        pin, _neighborhoods(suite, check), metric=check.metric, rungs=check.rungs
    )


def _neighborhoods(suite: Suite, check: StableNeighborhoodCheck) -> list[Neighborhood]:
    """Return the neighborhoods of a check's prompts; any prompt of the suite may be a control."""
    settings = active().settings
    everyone = [prompt.prompt() for prompt in suite.prompts]
    return [
        neighborhood(
            prompt.prompt(),
            rungs=ladder(check.rungs, prompt.paraphrases, prompt.small_semantic),
            seed=settings.seed,
            per_rung=settings.per_rung,
            paraphrases=prompt.paraphrases,
            small_semantic=prompt.small_semantic,
            positive_control=prompt.positive_control,
            other_prompts=[other for other in everyone if other.id != prompt.id],
        )
        for prompt in suite.prompts_of(check)
    ]
