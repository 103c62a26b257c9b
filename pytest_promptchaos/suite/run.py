"""A check of a suite -> its verdict, through the same functions that users call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_promptchaos.checks import measure_ftle, measure_neighborhood
from pytest_promptchaos.judging import judge_findings
from pytest_promptchaos.measure.divergence import NAMES
from pytest_promptchaos.neighborhoods.ladder import neighborhood
from pytest_promptchaos.records import Limit
from pytest_promptchaos.session import active
from pytest_promptchaos.suite.schema import FtleCheck
from pytest_promptchaos.surround import ladder

if TYPE_CHECKING:
    from pytest_promptchaos.records import Findings, Neighborhood, Verdict
    from pytest_promptchaos.suite.schema import Check, StableNeighborhoodCheck, Suite


def run_check(suite: Suite, check: Check, pin: str) -> Verdict:
    """Return the verdict of one check on one model; never raises because of what it found."""
    if isinstance(check, FtleCheck):
        findings = _ftle(suite, check, pin)
        limit = Limit(name="lambda_1", at_most=check.at_most)
    else:
        findings = _stable(suite, check, pin)
        limit = Limit(name=NAMES[check.metric], at_most=check.at_most)
    return judge_findings(check.check, findings, limit, expect=check.expect, name=check.id)


def _ftle(suite: Suite, check: FtleCheck, pin: str) -> Findings:
    prompts = [prompt.prompt() for prompt in suite.prompts_of(check)]
    return measure_ftle(pin, prompts, tangents=check.tangents, positions=check.positions)


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
