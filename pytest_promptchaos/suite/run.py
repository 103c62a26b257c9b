"""A check of a suite -> its verdicts, through the same functions that users call."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.judging import judge_findings
from pytest_promptchaos.neighborhoods.ladder import neighborhood
from pytest_promptchaos.records import Limit
from pytest_promptchaos.session import active
from pytest_promptchaos.suite.functions import named_function
from pytest_promptchaos.suite.kinds import (
    BridgeCheck,
    ConsistentAnswersCheck,
    DepthProfileCheck,
    DriftCheck,
    FtleCheck,
    NoCollapseCheck,
    ResponsiveCheck,
    StableNeighborhoodCheck,
    StableSamplingCheck,
    SystemCheck,
    WorstNeighborCheck,
)
from pytest_promptchaos.suite.run_answers import answer_verdicts
from pytest_promptchaos.suite.run_conversations import bridge_verdicts, conversed
from pytest_promptchaos.surround import ladder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.knobs import NeighborhoodKnobs
    from pytest_promptchaos.records import Findings, Neighborhood, Rung, Verdict
    from pytest_promptchaos.suite.kinds import Check, PromptCheck
    from pytest_promptchaos.suite.schema import Suite

    _OneNumber: TypeAlias = (
        StableNeighborhoodCheck
        | ResponsiveCheck
        | StableSamplingCheck
        | WorstNeighborCheck
        | DriftCheck
        | FtleCheck
        | NoCollapseCheck
        | SystemCheck
    )


def run_check(suite: Suite, check: Check, pin: str) -> tuple[Verdict, ...]:
    """Return the verdicts of one check, on the model ``pin`` unless it asks none or several.

    A depth profile has a verdict per limit, a drift one per system that is held against the
    reference, a search one per prompt, a bridge one per hypothesis, consistent answers one per
    limit, every other check has one.
    Never raises because of what it found.
    """
    if isinstance(check, DepthProfileCheck):
        return _depth_profile(suite, check, pin)
    if isinstance(check, BridgeCheck):
        return bridge_verdicts(suite, check)
    if isinstance(check, ConsistentAnswersCheck):
        return answer_verdicts(suite, check, pin)
    most, least = getattr(check, "at_most", None), getattr(check, "at_least", None)
    return tuple(
        judge_findings(
            check.check,
            findings,
            Limit(name=findings.measurement.name, at_most=most, at_least=least),
            expect=check.expect,
            name=check.id,
        )
        for findings in _findings(suite, check, pin)
    )


def _findings(suite: Suite, check: _OneNumber, pin: str) -> Sequence[Findings]:
    match check:
        case StableNeighborhoodCheck():
            found = [_around(suite, check, pin)]
        case ResponsiveCheck():
            found = [_responding(suite, check, pin)]
        case StableSamplingCheck():
            found = [_sampled(suite, check, pin)]
        case WorstNeighborCheck():
            found = _searched(suite, check, pin)
        case DriftCheck():
            found = _drifted(suite, check)
        case FtleCheck():
            found = [_ftle(suite, check, pin)]
        case NoCollapseCheck():
            found = [conversed(suite, check, pin)]
        case SystemCheck():
            found = [_system(check)]
    return found


# -- answers ----------------------------------------------------------------------------------


def _around(suite: Suite, check: StableNeighborhoodCheck | ResponsiveCheck, pin: str) -> Findings:
    from pytest_promptchaos.checks import measure_neighborhood

    knobs = _written(check)
    if check.validator is not None:
        try:
            knobs["validate"] = named_function(check.validator)
        except ArgumentError as error:
            raise suite.error_at(check, "validate", str(error)) from error
    return measure_neighborhood(pin, _neighborhoods(suite, check, check.rungs), **knobs)


def _responding(suite: Suite, check: ResponsiveCheck, pin: str) -> Findings:
    from pytest_promptchaos.checks import responding

    return responding(_around(suite, check, pin))


def _sampled(suite: Suite, check: StableSamplingCheck, pin: str) -> Findings:
    from pytest_promptchaos.sampling_checks import measure_sampling

    return measure_sampling(
        pin,
        _neighborhoods(suite, check, check.rungs),
        draws=check.draws,
        temperature=check.temperature,
        top_p=check.top_p,
        metric=check.metric,
        rungs=check.rungs,
        horizon=check.horizon,
    )


def _drifted(suite: Suite, check: DriftCheck) -> list[Findings]:
    from pytest_promptchaos.system_checks import measure_drift

    findings = measure_drift(
        check.models,
        _neighborhoods(suite, check, check.rungs),
        reference=check.reference,
        metric=check.metric,
        rungs=check.rungs,
        horizon=check.horizon,
    )
    return list(findings)


def _searched(suite: Suite, check: WorstNeighborCheck, pin: str) -> list[Findings]:
    from pytest_promptchaos.search.find import measure_worst_neighbor

    return [
        measure_worst_neighbor(
            pin,
            prompt.prompt(),
            budget=check.budget,
            at_most=check.at_most,
            metric=check.metric,
            rungs=check.rungs,
            horizon=check.horizon,
            target=prompt.target,
            positive_control=prompt.authored()["positive_control"],
        )
        for prompt in suite.prompts_of(check)
    ]


def _written(check: StableNeighborhoodCheck | ResponsiveCheck) -> NeighborhoodKnobs:
    """Return the knobs that the check writes; those left out are the run's."""
    knobs: NeighborhoodKnobs = {"metric": check.metric, "rungs": check.rungs}
    if check.lengths is not None:
        knobs["horizon"] = check.lengths
    if check.extract is not None:
        knobs["extract"] = check.extract
    # Cards tell why small edits move an answer; for a response that is beside the point.
    if check.branch_cards is not None:
        knobs["branch_cards"] = check.branch_cards
    elif isinstance(check, ResponsiveCheck):
        knobs["branch_cards"] = "off"
    return knobs


def _neighborhoods(suite: Suite, check: PromptCheck, rungs: Sequence[Rung]) -> list[Neighborhood]:
    """Return the neighborhoods of a check's prompts; any prompt of the suite may be a control."""
    settings = active().settings
    everyone = [prompt.prompt() for prompt in suite.prompts]
    built = []
    for prompt in suite.prompts_of(check):
        texts = prompt.authored()
        around = neighborhood(
            prompt.prompt(),
            rungs=ladder(rungs, texts["paraphrase"], texts["small_semantic"]),
            seed=settings.seed,
            per_rung=settings.per_rung,
            paraphrases=texts["paraphrase"],
            small_semantic=texts["small_semantic"],
            positive_control=texts["positive_control"],
            other_prompts=[other for other in everyone if other.id != prompt.id],
            target=prompt.target,
        )
        built.append(around)
    return built


# -- depth and systems ------------------------------------------------------------------------


def _ftle(suite: Suite, check: FtleCheck, pin: str) -> Findings:
    from pytest_promptchaos.depth_checks import measure_ftle

    return measure_ftle(
        pin,
        [prompt.prompt() for prompt in suite.prompts_of(check)],
        tangents=check.tangents,
        positions=check.positions,
        beside=check.beside,
        null=active().settings.null,
    )


def _depth_profile(suite: Suite, check: DepthProfileCheck, pin: str) -> tuple[Verdict, ...]:
    from pytest_promptchaos.depth_checks import judge_depth_profile

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


def _system(check: SystemCheck) -> Findings:
    from pytest_promptchaos.systems import measure_system

    seed = active().settings.seed
    return measure_system(check.system, seed=seed, radius=check.radius, weights=check.weights)
