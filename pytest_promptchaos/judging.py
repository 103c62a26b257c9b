"""Findings x limit -> verdict, kept for the report and enforced on the test."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from pytest_promptchaos.errors import VerdictError
from pytest_promptchaos.measure.distances import FROM_THE_ANSWER
from pytest_promptchaos.measure.repetition import COLLAPSE
from pytest_promptchaos.measure.responsiveness import diagnose
from pytest_promptchaos.measure.scaffold import MASKING_SHARE, SCAFFOLD
from pytest_promptchaos.records import Outcome, Verdict
from pytest_promptchaos.session import active
from pytest_promptchaos.verdict.explain import explanation, figure, judged_pairs, sentence, subject
from pytest_promptchaos.verdict.judge import judge, settle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.records import Control, Findings, Limit, Measurement


class InconclusiveWarning(UserWarning):
    """A verdict is inconclusive and was let through by ``inconclusive=warn``."""


def judge_findings(
    check: str,
    findings: Findings,
    limit: Limit,
    *,
    expect: Literal["passed", "failed"] = "passed",
    name: str = "",
) -> Verdict:
    """Return the verdict on findings, and keep it for the report; never raises.

    ``expect="failed"`` is for a check that shows what a failure looks like; ``name`` is the
    check's own name in a suite.
    """
    controls = _undiluted(settle(findings.controls, limit), findings, limit)
    outcome = judge(findings.measurement, limit, controls)
    around = str(findings.settings.get("prompts", ""))
    stable = _of_stability(findings, limit)
    diagnosis = diagnose(controls, findings.measurement, limit) if stable else None
    told = sentence(subject(findings.model), around, findings.measurement, limit, outcome)
    verdict = Verdict(
        check=check,
        id=name or f"{check}({around})",
        outcome=outcome,
        limit=limit,
        sentence=told,
        explanation=explanation(told, findings, limit, outcome, controls),
        worst=_worst(findings),
        expect=expect,
        seed=int(findings.settings.get("seed") or 0),
        **{**vars(findings), "controls": controls, "diagnosis": diagnosis},
    )
    active().record(verdict)
    return verdict


def _of_stability(findings: Findings, limit: Limit) -> bool:
    """Return whether edits that keep the meaning were judged, with an eye on collapse.

    A response, a changed meaning or a depth profile is neither robust nor sensitive.
    """
    rungs = str(findings.settings.get("rungs", "")).split(", ")
    looked = any(control.name == COLLAPSE for control in findings.controls)
    return looked and limit.at_most is not None and "small_semantic" not in rungs


def _undiluted(
    controls: tuple[Control, ...], findings: Findings, limit: Limit
) -> tuple[Control, ...]:
    """Return the controls; the scaffold fails where it decides between pass and fail.

    A preamble that is most of every output dilutes the distance of whole outputs. Where the one
    from the answer on says otherwise about the limit, whole outputs are no evidence.
    """
    aligned = next((one for one in findings.also if one.name.endswith(FROM_THE_ANSWER)), None)
    if aligned is None:
        return controls
    whole = judge(findings.measurement, limit, ())
    if _agrees(aligned, limit, whole):
        return controls
    told = f"{figure(aligned)}, though whole outputs are called {whole}: scaffold-masked"
    return tuple(
        replace(one, state="failed", words=f"{one.words}; {told}")
        # Of a comparison, the name goes on with the system's.
        if one.name.partition(",")[0] == SCAFFOLD
        and one.role == "gate"
        and one.state == "held"
        and (one.value or 0.0) > MASKING_SHARE
        else one
        for one in controls
    )


def _agrees(aligned: Measurement, limit: Limit, whole: Outcome) -> bool:
    """Return whether the value from the answer on is on the side that whole outputs say."""
    if aligned.value is None or whole is Outcome.INCONCLUSIVE:
        return True
    above = limit.at_most is not None and aligned.value > limit.at_most
    below = limit.at_least is not None and aligned.value < limit.at_least
    return (above or below) is (whole is Outcome.FAILED)


def _worst(findings: Findings) -> str | None:
    """Return the neighbor that shows the number best: of those whose output moved, the first."""
    rests_on = judged_pairs(findings)
    moved = [p for p in rests_on if p.distances and p.output_a != p.output_b]
    parted = next((p.neighbor_id for p in rests_on if p.branch is not None), None)
    return parted or next((p.neighbor_id for p in moved), None)


def enforce(verdict: Verdict) -> Verdict:
    """Return a verdict that is green; raise ``VerdictError`` with the evidence for any other."""
    __tracebackhide__ = True
    relaxed = active().settings.inconclusive == "warn"
    if verdict.outcome is Outcome.INCONCLUSIVE and relaxed:
        warnings.warn(verdict.sentence, InconclusiveWarning, stacklevel=3)
        return verdict
    if verdict.outcome is not Outcome.PASSED:
        raise VerdictError(verdict)
    return verdict


def enforce_all(verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """Return verdicts that are all green; raise for the first that is not, naming the others."""
    __tracebackhide__ = True
    relaxed = active().settings.inconclusive == "warn"
    green = {Outcome.PASSED, Outcome.INCONCLUSIVE} if relaxed else {Outcome.PASSED}
    red = [verdict for verdict in verdicts if verdict.outcome not in green]
    if red:
        others = [f"also: {one.sentence}" for one in verdicts if one is not red[0]]
        raise VerdictError(replace(red[0], explanation="\n".join([red[0].explanation, *others])))
    return tuple(enforce(verdict) for verdict in verdicts)
