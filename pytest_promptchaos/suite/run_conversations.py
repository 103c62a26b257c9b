"""Checks in which models talk -> what is found, through the same functions that users call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_promptchaos.session import active

if TYPE_CHECKING:
    from pytest_promptchaos.bridge_checks import BridgeKnobs
    from pytest_promptchaos.records import Findings, Prompt, Verdict
    from pytest_promptchaos.suite.kinds import BridgeCheck, NoCollapseCheck
    from pytest_promptchaos.suite.schema import Suite
    from pytest_promptchaos.talks import TalkKnobs


def conversed(suite: Suite, check: NoCollapseCheck, pin: str) -> Findings:
    """Return how often conversations collapse: of the model ``pin``, or of the check's in turn."""
    from pytest_promptchaos.collapse_checks import measure_collapse

    return measure_collapse(
        check.models or pin,
        _prompts(suite, check),
        **_talk(suite, check),
        of=check.of,
        condition=check.condition,
        labels=suite.beside(check.labels) if check.labels else None,
        depth_turns=check.depth_turns,
        # A lower limit says that they do collapse: what would look so everywhere is no evidence.
        claimed=check.at_least is not None,
    )


def bridge_verdicts(suite: Suite, check: BridgeCheck) -> tuple[Verdict, ...]:
    """Return a verdict per hypothesis on the conversations and depth profiles of all models."""
    from pytest_promptchaos.bridge_checks import judge_bridge, measure_bridge
    from pytest_promptchaos.self_play_table import bridge_table

    table = bridge_table(
        check.models,
        _prompts(suite, check),
        rotation=check.rotation and len(check.models) > 1,
        tangents=check.tangents,
        **_talk(suite, check),
    )
    findings = measure_bridge(table, check.family, **_written(suite, check))
    assert findings.bridge is not None
    expected = check.expected(len(findings.bridge.associations))
    return judge_bridge(findings, expect=expected, name=check.id)


def _prompts(suite: Suite, check: NoCollapseCheck | BridgeCheck) -> list[Prompt]:
    return [prompt.prompt() for prompt in suite.prompts_of(check)]


def _talk(suite: Suite, check: NoCollapseCheck | BridgeCheck) -> TalkKnobs:
    talk: TalkKnobs = {
        "turns": check.turns,
        "repeats": check.repeats,
        "temperature": check.temperature,
        "top_p": check.top_p,
        "drift": check.drift,
    }
    if check.horizon is not None:
        talk["horizon"] = check.horizon
    # Where the suite says nothing, the run's horizon is one of single answers.
    elif suite.settings.horizon is not None:
        talk["horizon"] = active().settings.horizon
    return talk


def _written(suite: Suite, check: BridgeCheck) -> BridgeKnobs:
    """Return the knobs that the check writes; those left out are the plan's, or the published."""
    knobs: BridgeKnobs = {}
    if check.threshold is not None:
        knobs["threshold"] = check.threshold
    if check.alpha is not None:
        knobs["alpha"] = check.alpha
    if check.censor is not None:
        knobs["censor"] = check.censor
    if check.preregistration is not None:
        knobs["preregistration"] = suite.beside(check.preregistration)
    return knobs
