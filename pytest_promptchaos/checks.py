"""The public checks of neighborhoods: surround, answer, measure, judge.

Each ``assert_*`` is its ``measure_*`` plus a judgement; a ``measure_*`` never raises because of
what it found. This file joins the stages; none of them knows another.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias, TypedDict, Unpack

from pytest_promptchaos.answer import observe
from pytest_promptchaos.booking import booked, model_of
from pytest_promptchaos.branch_cards import branch_cards
from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.judging import enforce, judge_findings
from pytest_promptchaos.measure.answers import reader
from pytest_promptchaos.measure.averages import judged
from pytest_promptchaos.measure.distances import NAMES
from pytest_promptchaos.measure.divergence import divergence
from pytest_promptchaos.measure.intervals import MIN_CLUSTERS
from pytest_promptchaos.measure.repetition import CHANGING, COLLAPSE
from pytest_promptchaos.measure.responsiveness import AXES, RESPONSE
from pytest_promptchaos.measure.scaffold import SCAFFOLD
from pytest_promptchaos.neighborhoods.ladder import check_rungs
from pytest_promptchaos.neighborhoods.ledger import ledger, ledger_hash
from pytest_promptchaos.records import SMALL_RUNGS, Control, Findings, Limit, Neighborhood, Verdict
from pytest_promptchaos.session import active
from pytest_promptchaos.surround import (
    Asked,
    check_choice,
    check_count,
    check_number,
    neighborhoods_of,
    several,
)

if TYPE_CHECKING:
    from pytest_promptchaos.booking import Subject
    from pytest_promptchaos.measure.answers import Validator
    from pytest_promptchaos.measure.distances import Metric
    from pytest_promptchaos.measure.extractors import Extractor
    from pytest_promptchaos.measure.pairs import Observed
    from pytest_promptchaos.neighborhoods.ledger import Texts
    from pytest_promptchaos.neighborhoods.messages import Target
    from pytest_promptchaos.records import Rung, Scalar
    from pytest_promptchaos.session import Session

How: TypeAlias = Literal["off", "replay", "patch"]
CARDS: tuple[How, ...] = ("off", "replay", "patch")
CARDS_OF_MANY = 3
"""Cards of a check around several prompts; a check around one gets one."""


JUDGED_HERE = {COLLAPSE, SCAFFOLD, "positive control", "minimum effective n"}
"""Guards of stability that say nothing against a response: a low one is the finding itself."""


class NeighborhoodKnobs(TypedDict, total=False):
    """The further arguments of :func:`measure_neighborhood`, where they are told."""

    metric: Metric
    rungs: Sequence[Rung]
    horizon: int | Sequence[int] | None
    per_rung: int | None
    seed: int | None
    paraphrases: Texts
    small_semantic: Texts
    positive_control: Texts
    target: Target | None
    extract: str | Extractor | None
    validate: Validator | None
    branch_cards: How


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
    check_number("at_most", at_most)
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
    check_number("at_least", at_least)
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
    asked = _checked(session, **knobs)
    neighborhoods = _neighborhoods(prompt, asked)
    before = replace(session.counts)
    observed = [observe(session, subject, n, asked.lengths[-1]) for n in neighborhoods]
    findings = _measured(session, observed, asked)
    most = CARDS_OF_MANY if len(observed) >= MIN_CLUSTERS else 1
    worst = judged(findings.pairs, asked.rungs)
    cards = branch_cards(session, subject, observed, worst, how=asked.branch_cards, most=most)
    notes = (*_generation_note(subject), *_unavailable(neighborhoods))
    findings = replace(findings, cards=cards, controls=(*findings.controls, *notes))
    told: dict[str, Scalar] = {
        "horizon": asked.lengths[-1],
        "horizons": ", ".join(map(str, asked.lengths)),
        "seed": neighborhoods[0].seed,
        "embedder": session.embedder_words,
        "ledger": ledger_hash(ledger([o.neighborhood for o in observed])),
        "prompts": ", ".join(n.center.id for n in neighborhoods),
    }
    return booked(findings, session, before, started, told)


@dataclass(frozen=True, kw_only=True)
class _Knobs:
    metric: Metric = "semantic"
    rungs: Sequence[Rung] = SMALL_RUNGS
    horizon: int | Sequence[int] | None = None
    per_rung: int | None = None
    seed: int | None = None
    paraphrases: Texts = ()
    small_semantic: Texts = ()
    positive_control: Texts = ()
    target: Target | None = None
    extract: str | Extractor | None = None
    validate: Validator | None = None
    branch_cards: How = "replay"

    @property
    def lengths(self) -> tuple[int, ...]:
        """The horizons, shortest first; the last one bounds the generation and is judged."""
        given = self.horizon if isinstance(self.horizon, Sequence) else (self.horizon,)
        return tuple(sorted({length for length in given if length is not None}))


def _checked(session: Session, **knobs: Unpack[NeighborhoodKnobs]) -> _Knobs:
    """Return the arguments with the options in the place of those left out."""
    for name in knobs:
        check_choice("argument", name, _Knobs.__dataclass_fields__)
    asked = _Knobs(**knobs)
    check_rungs(asked.rungs)
    check_choice("metric", asked.metric, NAMES)
    if asked.extract is not None:
        reader(asked.extract)
    elif asked.metric == "answer":
        raise ArgumentError("metric is 'answer', but nothing reads one: pass extract='number', ...")
    check_choice("branch_cards", asked.branch_cards, CARDS)
    chosen = session.settings
    horizon = chosen.horizon if asked.horizon is None else asked.horizon
    lengths = horizon if isinstance(horizon, Sequence) else [horizon]
    if not lengths:
        raise ArgumentError("horizon is empty: pass a number of tokens, or several")
    for length in lengths:
        check_count("horizon", length, least=1)
    return replace(
        asked,
        horizon=tuple(lengths),
        per_rung=chosen.per_rung if asked.per_rung is None else asked.per_rung,
        seed=chosen.seed if asked.seed is None else asked.seed,
    )


def _neighborhoods(prompt: Asked | Sequence[Asked], asked: _Knobs) -> list[Neighborhood]:
    assert asked.per_rung is not None
    assert asked.seed is not None
    return neighborhoods_of(
        several(prompt),
        rungs=asked.rungs,
        paraphrases=asked.paraphrases,
        small_semantic=asked.small_semantic,
        positive_control=asked.positive_control,
        per_rung=asked.per_rung,
        seed=asked.seed,
        target=asked.target,
    )


def _measured(session: Session, observed: Sequence[Observed], asked: _Knobs) -> Findings:
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


def _generation_note(model: Subject) -> tuple[Control, ...]:
    words = "; ".join(model.identity.notes) or "nothing to clear: the checkpoint asks for none"
    return (Control(name="generation settings", role="note", state="held", words=words),)


def _unavailable(neighborhoods: Sequence[Neighborhood]) -> tuple[Control, ...]:
    told: dict[str, list[str]] = {}
    for built in neighborhoods:
        for rung, why in built.unavailable:
            told.setdefault(f"{rung}: {why}", []).append(built.center.id)
    return tuple(
        Control(name="rung not run", role="note", state="absent", words=f"{why} ({', '.join(ids)})")
        for why, ids in told.items()
    )
