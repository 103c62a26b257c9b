"""All wording of a verdict: one sentence, the worst neighbor, the controls, what to do next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_promptchaos.records import Outcome
from pytest_promptchaos.verdict.answers import look, mend_answers, quadrants_line, worst_sample
from pytest_promptchaos.verdict.cards import short_form
from pytest_promptchaos.verdict.conversations import LOOK, mends, worst_conversation
from pytest_promptchaos.verdict.judge import needed
from pytest_promptchaos.verdict.numbers import (
    ASKED,
    TYPED,
    bounds,
    digits,
    figure,
    margin,
    spans,
    valued,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.records import (
        Control,
        Findings,
        Limit,
        Measurement,
        ModelIdentity,
        Pair,
    )

__all__ = ["digits", "explanation", "figure", "judged_pairs", "marked", "sentence", "subject"]

EXCERPT = 160
"""Characters of an output that a failure text shows around the branch."""
FEW = 3
"""Prompts that a sentence names before it counts the others."""
STEPS = "steps:"
"""How the pin of a list of steps begins, such as a known system: it is no model."""
LAYERS = "expanding_layers"
"""The measurement beside a verdict whose parts are the growths of the single layers."""
MARKS = {"held": "ok    ", "failed": "FAILED", "absent": "absent", "noted": "note  "}


def sentence(
    asked: str, around: str, measurement: Measurement, limit: Limit, outcome: Outcome
) -> str:
    """Return the one sentence that a verdict is, with its number, interval and limit.

    ``around`` names the prompts, or the propositions that were asked about; it is empty for a
    system, which is asked nothing.
    """
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
    about, named = asked.removeprefix(STEPS), few(around.split(", "))
    near = "asked about" if limit.name in ASKED else "around"
    return f"{about} {near} {named}: {told[outcome]}" if around else f"{about}: {told[outcome]}"


def few(names: Sequence[str]) -> str:
    """Return the names in a row, the first two of many.

    >>> few(["a", "b", "c"]), few(["a", "b", "c", "d"])
    ('a, b, c', 'a, b and 2 more')
    """
    if len(names) <= FEW:
        return ", ".join(names)
    return f"{', '.join(names[: FEW - 1])} and {len(names) - FEW + 1} more"


def subject(model: ModelIdentity) -> str:
    """Return what was asked: the pin, and where it is not plain float32, in which numbers."""
    numbers = [model.dtype] if model.dtype not in {"float32", ""} else []
    numbers += [model.quantization.split(" ")[0]] if model.quantization != "none" else []
    plain = model.pin.startswith(STEPS) or not numbers
    return model.pin if plain else f"{model.pin} ({', '.join(numbers)})"


def explanation(
    told: str, findings: Findings, limit: Limit, outcome: Outcome, controls: Sequence[Control]
) -> str:
    """Return the text of a verdict, top to bottom as a reader needs it."""
    parts = [told, *_basis(findings.measurement), *_layers(findings.also)]
    parts += quadrants_line(findings.samples)
    if outcome is not Outcome.PASSED:
        parts += _worst(judged_pairs(findings))
        parts += _cards(findings)
        parts += worst_conversation(findings.timelines)
        parts += worst_sample(findings.samples)
    if controls:
        parts += ["", "controls:"]
    parts += [f"  {MARKS[_standing(c)]} {c.name}: {c.words}" for c in controls]
    parts += ["", "next:"]
    parts += [f"  {line}" for line in next_steps(findings, limit, outcome)]
    return "\n".join(parts)


def _standing(control: Control) -> str:
    """Return the state of a control; a note is said, and neither held nor failed."""
    return "noted" if control.role == "note" and control.state == "held" else control.state


def _basis(measurement: Measurement) -> list[str]:
    if measurement.value is None:
        return []
    told = "; ".join(filter(None, (measurement.unit, measurement.interval)))
    return [f"  {told}"] if told else []


def _layers(also: Sequence[Measurement]) -> list[str]:
    """Return which layers expand, which contract, and which may do either."""
    layers = [layer for one in also if one.name == LAYERS for layer in one.breakdown]
    kinds: dict[str, list[str]] = {"expand": [], "contract": [], "undecided": []}
    for layer in layers:
        kinds[direction(layer)].append(layer.name.removeprefix("layer "))
    told = [f"{len(names)} {kind} ({spans(names)})" for kind, names in kinds.items() if names]
    return [f"  layers: {', '.join(told)}, each by its own interval"] if layers else []


def direction(layer: Measurement) -> str:
    """Return whether a layer's growth lies above zero, below it, or neither for certain."""
    if layer.low is not None and layer.low > 0:
        return "expand"
    return "contract" if layer.high is not None and layer.high < 0 else "undecided"


def judged_pairs(findings: Findings) -> list[Pair]:
    """Return the pairs that the number rests on, in their order: no control, nothing unreviewed."""
    rungs = set(filter(None, str(findings.settings.get("rungs", "")).split(", ")))
    return [p for p in findings.pairs if p.gates and (not rungs or p.rung in rungs | {"identical"})]


def _worst(pairs: Sequence[Pair]) -> list[str]:
    """Return the neighbor that shows the number: what was edited, and what became of the output."""
    moved = [p for p in pairs if p.distances and p.output_a != p.output_b]
    shown = next((p for p in moved if p.branch is not None), moved[0] if moved else None)
    if shown is None:
        return []
    numbers = ", ".join(
        f"{name} {shown.distances[key]:.3f}"
        for key, name in (("semantic", "semantic"), ("token_edit", "token edit"))
        if key in shown.distances
    )
    about = "; ".join(filter(None, (f"prompt {shown.prompt_id!r}", numbers)))
    return [
        "",
        f"worst neighbor: {shown.rung}: {shown.edit} ({about})",
        *_asked(shown),
        *_parted(shown),
    ]


def _asked(pair: Pair) -> list[str]:
    """Return the two prompts, or the one that two systems were asked."""
    if pair.center_text == pair.neighbor_text:
        return [f"  prompt    {pair.center_text!r}"]
    return [f"  center    {pair.center_text!r}", f"  neighbor  {pair.neighbor_text!r}"]


def _parted(pair: Pair) -> list[str]:
    where = pair.branch
    if where is None:
        return [f"  - {excerpt(pair.output_a)}", f"  + {excerpt(pair.output_b)}"]
    read = [f"  answers   {pair.answer_a!r} against {pair.answer_b!r}"] if pair.answer_a else []
    return [
        *read,
        f"  outputs part at token {where.step + 1}, margin {where.margin_a:.2f} against "
        f"{where.margin_b:.2f} logits; >>marked<<:",
        f"  - {marked(pair.tokens_a, where.step)}",
        f"  + {marked(pair.tokens_b, where.step)}",
    ]


def excerpt(text: str) -> str:
    """Return the beginning of an output on one line."""
    cut = text if len(text) <= EXCERPT else text[:EXCERPT] + "…"
    return cut.replace("\n", "\\n").replace("\t", "\\t")


def _cards(findings: Findings) -> list[str]:
    """Return the card of the worst neighbor in its short form."""
    return ["", *short_form(findings.cards[0])] if findings.cards else []


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
    if outcome is Outcome.INVALID:
        seen = "every edit and its certification" if findings.pairs else "what each control saw"
        return [
            "mend the control marked FAILED above; until then this is no evidence either way",
            *mends(findings),
            *mend_answers(findings),
            f"see {seen} in the report",
        ]
    if outcome is Outcome.INCONCLUSIVE:
        return [*_measure_more(findings, limit), RELAX]
    if outcome is Outcome.FAILED:
        return [_look(findings, limit), _accept(findings, limit)]
    return ["nothing; the margin above says how much room is left"]


def _look(findings: Findings, limit: Limit) -> str:
    if findings.timelines:
        return LOOK
    if findings.samples:
        return look(findings)
    if findings.pairs:
        return "read the outputs side by side in the report; is the moved answer still right?"
    layers = [layer for one in findings.also if one.name == LAYERS for layer in one.breakdown]
    grown = [layer for layer in layers if layer.value is not None]
    if grown:
        pick, most = (min, "least") if _below(findings, limit) else (max, "most")
        layer = pick(grown, key=lambda one: one.value or 0.0)
        told = f"{layer.name} grows {most}, by {valued(layer)} {layer.unit}"
        return f"look at the layers in the report; {told}"
    if findings.model.pin.startswith(STEPS):
        return "look at the curves in the report: was it followed far enough to settle?"
    return "look at the profile in the report: which layers expand, and by how much?"


def _below(findings: Findings, limit: Limit) -> bool:
    high = findings.measurement.high
    return limit.at_least is not None and high is not None and high < limit.at_least


def _accept(findings: Findings, limit: Limit) -> str:
    low, high = findings.measurement.low or 0.0, findings.measurement.high or 0.0
    name, side = "at_most", f"above the interval's upper end, {digits(high)}"
    share = bool(findings.timelines) or limit.name in ASKED
    if share and not _below(findings, limit) and high >= 1:
        return "no limit below 1 accepts it: the interval reaches 1"
    if limit.name in ASKED and _below(findings, limit) and low < LEAST_ACCEPTED:
        return f"no limit that says anything accepts it: the interval reaches {digits(low)}"
    if below := _below(findings, limit):
        name, side = "at_least", f"below the interval's lower end, {digits(low)}"
    if limit.name in TYPED:
        end = f"the {'lower' if below else 'upper'} end of " if limit.at_least is not None else ""
        name = f"{end}{TYPED[limit.name]}"
    name = ASKED.get(limit.name, name)
    return f"to accept it as it is, set {name} {side}, in a file that is reviewed"


LEAST_ACCEPTED = 0.05
"""A share of ideal samples that is to be at least less than this is no limit."""
RELAX = "or accept it for now: pytest --promptchaos-inconclusive=warn"
HOW = {
    "neighbors": "per_rung= in the call, else pytest --promptchaos-per-rung=N; or more prompts",
    "prompts": "pass more prompts to the assertion; more neighbors would not narrow it",
    "tangents": "raise tangents=, or pass more prompts to the assertion",
    "seed prompts": "pass more seed prompts; repeats= of the same ones narrow it less",
    "conversations": "raise repeats=, or pass more seed prompts",
    "images": "pass more images; more phrasings of the same ones narrow it less",
    "passages": "pass more passages; more phrasings of the same ones narrow it less",
}


def _measure_more(findings: Findings, limit: Limit) -> list[str]:
    measurement = findings.measurement
    if measurement.low is None or measurement.high is None:
        why = measurement.interval or "nothing was repeated"
        return [f"there is no interval, so nothing is known about the spread: {why}"]
    unit = measurement.resampled or ("neighbors" if findings.pairs else "repetitions")
    more = needed(measurement, limit)
    # Beyond a few times what was measured the value sits on the limit, and no number decides.
    if more is None or more > 20 * max(measurement.resampled_n, 1):
        return [f"the value sits on the limit: no number of {unit} decides soon; move the limit"]
    how = [f"  {HOW[unit]}"] if unit in HOW else []
    end = ":" if how else "; or leave more room in the limit"
    return [f"the interval straddles the limit: measure about {more} more {unit}{end}", *how]
