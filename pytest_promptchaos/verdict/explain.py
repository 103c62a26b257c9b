"""All wording of a verdict: one sentence, the worst neighbor, the controls, what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_promptchaos.records import Outcome
from pytest_promptchaos.verdict.judge import needed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.records import Control, Findings, Limit, Measurement, Pair

EXCERPT = 160
"""Characters of an output that a failure text shows around the branch."""
MARKS = {"held": "ok    ", "failed": "FAILED", "absent": "absent"}


def sentence(
    subject: str, around: str, measurement: Measurement, limit: Limit, outcome: Outcome
) -> str:
    """Return the one sentence that a verdict is, with its number, interval and limit."""
    number = figure(measurement)
    bound = bounds(limit)
    told = {
        Outcome.PASSED: f"{number} is within {bound}{margin(measurement, limit)}",
        Outcome.FAILED: f"{number} is outside {bound}",
        Outcome.INCONCLUSIVE: f"{number} straddles {bound}",
        Outcome.INVALID: f"no evidence about {bound}: a control failed",
    }
    if outcome is Outcome.INVALID and measurement.value is None:
        told[outcome] = f"no evidence about {bound}: {measurement.reason}"
    return f"{subject} around {around}: {told[outcome]}"


def figure(measurement: Measurement) -> str:
    """Return name, value and interval of a measurement in words."""
    if measurement.value is None:
        return f"{measurement.name} absent ({measurement.reason})"
    if measurement.low is None or measurement.high is None:
        return f"{measurement.name} {measurement.value:.3f}"
    return (
        f"{measurement.name} {measurement.value:.3f} "
        f"[{measurement.low:.3f}, {measurement.high:.3f}]"
    )


def bounds(limit: Limit) -> str:
    """Return the limit as the user typed it."""
    parts = [
        f"{name}={value:g}"
        for name, value in (("at_most", limit.at_most), ("at_least", limit.at_least))
        if value is not None
    ]
    return " and ".join(parts)


def margin(measurement: Measurement, limit: Limit) -> str:
    """Return how far the interval's end lies inside an upper limit, in words."""
    if limit.at_most is None or measurement.high is None:
        return ""
    return f" with {limit.at_most - measurement.high:.3f} to spare"


def explanation(
    told: str, findings: Findings, limit: Limit, outcome: Outcome, controls: Sequence[Control]
) -> str:
    """Return the text of a verdict, top to bottom as a reader needs it."""
    parts = [told, *_basis(findings.measurement)]
    if outcome is not Outcome.PASSED:
        parts += _worst(findings.pairs)
    parts += ["", "controls:"]
    parts += [f"  {MARKS[c.state]} {c.name}: {c.words}" for c in controls]
    parts += ["", "next:"]
    parts += [f"  {line}" for line in next_steps(findings, limit, outcome)]
    return "\n".join(parts)


def _basis(measurement: Measurement) -> list[str]:
    if measurement.value is None:
        return []
    return [f"  {measurement.unit}; {measurement.interval}"]


def _worst(pairs: Sequence[Pair]) -> list[str]:
    shown = next((p for p in pairs if p.distances and p.branch is not None), None)
    if shown is None:
        return []
    where = shown.branch
    assert where is not None
    numbers = ", ".join(
        f"{name} {shown.distances[key]:.3f}"
        for key, name in (("semantic", "semantic"), ("token_edit", "token edit"))
        if key in shown.distances
    )
    return [
        "",
        f"worst neighbor: {shown.rung}: {shown.edit} (prompt {shown.prompt_id!r}; {numbers})",
        f"  center    {shown.center_text!r}",
        f"  neighbor  {shown.neighbor_text!r}",
        f"  outputs part at token {where.step + 1}, margin {where.margin_a:.2f} against "
        f"{where.margin_b:.2f} logits; >>marked<<:",
        f"  - {marked(shown.tokens_a, where.step)}",
        f"  + {marked(shown.tokens_b, where.step)}",
    ]


def marked(tokens: Sequence[str], step: int) -> str:
    """Return an output with the token at ``step`` marked, cut around it, on one line.

    >>> marked(("Try", " Dune", " now"), 1)
    'Try>> Dune<< now'
    """
    before = "".join(tokens[:step])
    after = "".join(tokens[step + 1 :])
    chosen = tokens[step] if step < len(tokens) else "<horizon>"
    head = before if len(before) <= EXCERPT // 2 else "…" + before[-EXCERPT // 2 :]
    tail = after if len(after) <= EXCERPT // 2 else after[: EXCERPT // 2] + "…"
    return f"{head}>>{chosen}<<{tail}".replace("\n", "\\n").replace("\t", "\\t")


def next_steps(findings: Findings, limit: Limit, outcome: Outcome) -> list[str]:
    """Return what a user does about this outcome, with the command to type."""
    measurement = findings.measurement
    if outcome is Outcome.INVALID:
        return [
            "mend the control marked FAILED above; until then this is no evidence either way",
            "see every edit and its certification in the report",
        ]
    if outcome is Outcome.INCONCLUSIVE:
        return [*_measure_more(measurement, limit), RELAX]
    if outcome is Outcome.FAILED:
        look = (
            "read the outputs side by side in the report; is the moved answer still right?"
            if findings.pairs
            else "look at the profile in the report: which layers expand, and by how much?"
        )
        return [
            look,
            "to accept it as it is, set at_most above the interval's upper end, "
            f"{(measurement.high or 0.0):.3f}, in a file that is reviewed",
        ]
    return ["nothing; the margin above says how much room is left"]


RELAX = "or accept it for now: pytest --promptchaos-inconclusive=warn"
HOW = {
    "neighbors": "pytest --promptchaos-per-rung=8, or more prompts in the same assertion",
    "prompts": "pass more prompts to the assertion; more neighbors would not narrow it",
    "tangents": "raise tangents=, or pass more prompts to the assertion",
}


def _measure_more(measurement: Measurement, limit: Limit) -> list[str]:
    unit = measurement.resampled or "neighbors"
    more = needed(measurement, limit)
    # Beyond a few times what was measured the value sits on the limit, and no number decides.
    if more is None or more > 20 * max(measurement.resampled_n, 1):
        return [f"the value sits on the limit: no number of {unit} decides soon; move the limit"]
    return [
        f"the interval straddles the limit: measure about {more} more {unit}:",
        f"  {HOW[unit]}",
    ]
