"""The public checks of neighborhoods: surround, answer, measure, judge.

Each ``assert_*`` is its ``measure_*`` plus a judgement; a ``measure_*`` never raises because of
what it found. This file joins the stages; none of them knows another.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

from pytest_promptchaos.answer import observe
from pytest_promptchaos.booking import booked, model_of
from pytest_promptchaos.branch_cards import branch_cards
from pytest_promptchaos.judging import enforce, judge_findings
from pytest_promptchaos.knobs import NeighborhoodKnobs, built_around, check_limit, checked
from pytest_promptchaos.measure.averages import judged
from pytest_promptchaos.measure.divergence import divergence
from pytest_promptchaos.measure.intervals import MIN_CLUSTERS
from pytest_promptchaos.measure.repetition import CHANGING, COLLAPSE
from pytest_promptchaos.measure.responsiveness import AXES, RESPONSE
from pytest_promptchaos.measure.scaffold import SCAFFOLD
from pytest_promptchaos.neighborhoods.ledger import ledger, ledger_hash
from pytest_promptchaos.notes import notes_on
from pytest_promptchaos.prompt_digests import DIGESTS, prompt_digests
from pytest_promptchaos.records import Control, Findings, Limit, Verdict
from pytest_promptchaos.session import active

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.booking import Subject
    from pytest_promptchaos.knobs import Knobs
    from pytest_promptchaos.measure.pairs import Observed
    from pytest_promptchaos.records import Scalar
    from pytest_promptchaos.session import Session
    from pytest_promptchaos.surround import Asked

CARDS_OF_MANY = 3
"""Cards of a check around several prompts; a check around one gets one."""
JUDGED_HERE = {COLLAPSE, SCAFFOLD, "positive control", "minimum effective n"}
"""Guards of stability that say nothing against a response: a low one is the finding itself."""


def assert_stable_neighborhood(
    model: Subject | str,
    prompt: Asked | Sequence[Asked],
    *,
    at_most: float,
    **knobs: Unpack[NeighborhoodKnobs],
) -> Verdict:
    """Return the verdict that the outputs around ``prompt`` move by at most ``at_most``.

    Judged is the mean distance, in excess of the noise floor, between the greedy output for the
    prompt and the outputs for its neighbors on ``rungs``. It passes when its whole 95 % interval
    is within the limit. Raises ``VerdictError`` (an ``AssertionError``) with the evidence when it
    fails, when the interval straddles the limit, and when a control says that there is no
    evidence: a model that answers everything alike, one that hides its answers behind a preamble,
    a metric that sees nothing. The other arguments are those of :func:`measure_neighborhood`.
    """
    __tracebackhide__ = True
    check_limit("at_most", at_most, knobs.get("metric", "semantic"))
    findings = measure_neighborhood(model, prompt, **knobs)
    limit = Limit(name=findings.measurement.name, at_most=at_most)
    return enforce(judge_findings("stable_neighborhood", findings, limit))


def assert_responsive(
    model: Subject | str,
    prompt: Asked | Sequence[Asked],
    *,
    at_least: float,
    **knobs: Unpack[NeighborhoodKnobs],
) -> Verdict:
    """Return the verdict that another request moves the output by at least ``at_least``.

    The second axis beside stability: a model that answers everything alike is perfectly stable.
    Judged is the mean distance, in excess of the noise floor, to the outputs for neighbors that
    change the meaning (``small_semantic`` and ``positive_control``). Raises ``VerdictError``
    unless the whole 95 % interval is above the limit. The other arguments are those of
    :func:`measure_neighborhood`.
    """
    __tracebackhide__ = True
    check_limit("at_least", at_least, knobs.get("metric", "semantic"))
    knobs.setdefault("branch_cards", "off")
    findings = responding(measure_neighborhood(model, prompt, **knobs))
    limit = Limit(name=findings.measurement.name, at_least=at_least)
    return enforce(judge_findings("responsive", findings, limit))


def responding(findings: Findings) -> Findings:
    """Return the findings of a neighborhood with its response to a changed meaning in front.

    What voids stability is here what is judged: a model that answers everything alike fails. The
    first pair is the one that moved least. Curves of small edits are left to their own check.
    """
    response = next(one for one in findings.also if one.name == RESPONSE)
    also = (findings.measurement, *(one for one in findings.also if one is not response))
    metric = str(findings.settings["metric"])
    asked = {id(pair) for pair in judged(findings.pairs, CHANGING)}
    return replace(
        findings,
        measurement=response,
        also=also,
        controls=tuple(_as_note(c) if c.name in JUDGED_HERE else c for c in findings.controls),
        pairs=tuple(
            sorted(findings.pairs, key=lambda p: (id(p) not in asked, p.distances.get(metric, 2.0)))
        ),
        curves=tuple(c for c in findings.curves if c.name == AXES),
        settings={**findings.settings, "rungs": ", ".join(CHANGING)},
    )


def _as_note(control: Control) -> Control:
    return replace(
        control, role="note", state="held" if control.state == "failed" else control.state
    )


def measure_neighborhood(
    model: Subject | str, prompt: Asked | Sequence[Asked], **knobs: Unpack[NeighborhoodKnobs]
) -> Findings:
    """Return how far a model's greedy outputs move around one or several prompts.

    ``prompt`` is a text, a ``Prompt``, a ``Neighborhood``, or several of them with distinct ids;
    from five prompts on the prompt is the unit of the interval. Further arguments:

    - ``metric``: ``"semantic"`` (1 - cosine of sentence embeddings), ``"token_edit"``, or
      ``"answer"`` (share of pairs whose extracted answers differ; needs ``extract``).
    - ``extract``: reads the answer in an output: ``"number"``, ``"yes_no"``, ``"first_line"``,
      ``"last_line"``, ``"json"``, ``"choice"``, ``"regex:..."``, or a function from text to text or
      ``None``. ``validate``: says whether an output is right, or scores it from 0 to 1. A
      function that raises is told with the prompt it raised for, and voids the verdict.
    - ``rungs``: those that enter the measurement (format, punctuation, synonym); every rung that
      has neighbors is run and shown.
    - ``horizon``: bounds the output, in tokens. Several, as in ``(64, 256, 512)``, are read from
      one generation; the longest is judged, the others stand beside it.
    - ``per_rung``: neighbors drawn per rung; this, ``horizon`` and ``seed`` come from the options
      when left out.
    - ``paraphrases``, ``small_semantic``, ``positive_control``: authored texts, with one prompt.
    - ``target``: the message that is edited, by role or index; the last user message by default.
    - ``branch_cards``: what is done about the worst outputs that part: ``"replay"`` (four futures
      and the smallest edit), ``"patch"`` (also which layer and place carries it), ``"off"``.

    Raises:
        PromptError: for a prompt that is empty, too long for the horizon, or given twice.
        NeighborhoodError: for a rung that does not exist or an edit that edits nothing.
        ArgumentError: for any other argument that makes no sense.
    """
    started = time.perf_counter()
    session, subject = active(), model_of(model)
    asked = checked(session, **knobs)
    neighborhoods = built_around(prompt, asked)
    before = replace(session.counts)
    observed = [observe(session, subject, n, asked.lengths[-1]) for n in neighborhoods]
    findings = _measured(session, observed, asked)
    most = CARDS_OF_MANY if len(observed) >= MIN_CLUSTERS else 1
    worst = judged(findings.pairs, asked.rungs)
    cards = branch_cards(session, subject, observed, worst, how=asked.branch_cards, most=most)
    notes = notes_on(subject, neighborhoods)
    findings = replace(findings, cards=cards, controls=(*findings.controls, *notes))
    told: dict[str, Scalar] = {
        "horizon": asked.lengths[-1],
        "horizons": ", ".join(map(str, asked.lengths)),
        "seed": neighborhoods[0].seed,
        "embedder": session.embedder_words,
        "ledger": ledger_hash(ledger([o.neighborhood for o in observed])),
        "prompts": ", ".join(n.center.id for n in neighborhoods),
        DIGESTS: prompt_digests([n.center for n in neighborhoods]),
    }
    if subject.edits:
        told["edits"] = subject.edits
    return booked(findings, session, before, started, told)


def _measured(session: Session, observed: Sequence[Observed], asked: Knobs) -> Findings:
    return divergence(
        observed,
        metric=asked.metric,
        rungs=tuple(asked.rungs),
        min_effective=session.settings.min_effective,
        embed=None if session.embedder is None else session.embed,
        embedder_words=session.embedder_words,
        lengths=asked.lengths[:-1],
        extract=asked.extract,
        validate=asked.validate,
    )
