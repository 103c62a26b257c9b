"""The checks of answers: ask one proposition in several phrasings, read, control, judge.

Each ``assert_*`` is its ``measure_*`` plus a judgement; a ``measure_*`` never raises because of
what it found. This file joins the stages; none of them knows another.
"""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Literal, Unpack

from pytest_promptchaos.answer_depth import depth_findings
from pytest_promptchaos.answer_knobs import AnswerKnobs, asked_of, check_asked
from pytest_promptchaos.asking import Asking, Inquiry, ask, token_sets
from pytest_promptchaos.booking import booked, model_of
from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.focus_evidence import focus_control, focus_findings, looked
from pytest_promptchaos.judging import enforce_all, judge_findings
from pytest_promptchaos.knobs import check_limit
from pytest_promptchaos.measure.flips import flips
from pytest_promptchaos.measure.quadrants import quadrants, shares
from pytest_promptchaos.overlays import overlays
from pytest_promptchaos.records import Findings, Limit, Outcome
from pytest_promptchaos.session import active
from pytest_promptchaos.spectral_sweep import sweep
from pytest_promptchaos.verdict.explain import figure
from pytest_promptchaos.verdict.judge import judge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_promptchaos.answer_knobs import AnswersAsked
    from pytest_promptchaos.booking import Subject
    from pytest_promptchaos.records import Control, Proposition, Sample, Scalar, Shown, Verdict
    from pytest_promptchaos.session import Session

IDEAL, FLIPS = "ideal_share", "flip_rate"
UNCLEAR = "unclear answers"
JUDGED_HERE = {"image reliance", "positive control", "accuracy"}
"""Guards against a pass that says nothing: where the number fails by itself, they explain it."""


def assert_consistent_answers(
    model: Subject | str,
    shown: Sequence[Shown],
    propositions: Sequence[Proposition],
    *,
    ideal_at_least: float | None = None,
    flips_at_most: float | None = None,
    **knobs: Unpack[AnswerKnobs],
) -> tuple[Verdict, ...]:
    """Return the verdicts that answers hold from phrasing to phrasing and rest on the image.

    ``ideal_at_least`` bounds the share of samples that are consistent and image-reliant, which is
    what a release should rest on; ``flips_at_most`` the flip rate against the base phrasing, which
    a model that ignores its image passes with ease: then the verdict is invalid, not green. One
    verdict per limit. Raises ``VerdictError`` (an ``AssertionError``) for the first that is not
    green, naming the others. The other arguments are those of :func:`measure_answers`.
    """
    __tracebackhide__ = True
    return enforce_all(
        judge_answers(
            model,
            shown,
            propositions,
            ideal_at_least=ideal_at_least,
            flips_at_most=flips_at_most,
            **knobs,
        )
    )


def judge_answers(
    model: Subject | str,
    shown: Sequence[Shown],
    propositions: Sequence[Proposition],
    *,
    ideal_at_least: float | None = None,
    flips_at_most: float | None = None,
    expect: Literal["passed", "failed"] = "passed",
    name: str = "",
    **knobs: Unpack[AnswerKnobs],
) -> tuple[Verdict, ...]:
    """Return the verdicts of :func:`assert_consistent_answers` without enforcing them."""
    limits = _limits(ideal_at_least, flips_at_most)
    findings = measure_answers(model, shown, propositions, **knobs)
    several = len(limits) > 1
    return tuple(
        judge_findings(
            "consistent_answers",
            _explaining(_judging(findings, limit.name), limit),
            limit,
            expect=expect,
            name=f"{name}:{limit.name}" if name and several else name,
        )
        for limit in limits
    )


def measure_answers(
    model: Subject | str,
    shown: Sequence[Shown],
    propositions: Sequence[Proposition],
    **knobs: Unpack[AnswerKnobs],
) -> Findings:
    """Return how answers about images hold from phrasing to phrasing, and what they rest on.

    Every proposition is asked of everything ``shown`` (images, or passages of text) in all its
    phrasings; the first is the base. Answers are read as yes, no or unclear, and a flip is counted
    where the proposition is affirmed once and denied once, whatever words were said. In front
    stands ``ideal_share``: the samples whose phrasings all agree and whose answer rests on the
    image. Further arguments:

    - ``reliance``: what shows that an answer rests on the image: that it changes when the image is
      ``"swapped"`` (under half of the swaps, where truths are known), ``"removed"``, ``"either"``
      or ``"both"``, while three quarters of the perturbed images leave it.
    - ``yes``, ``no``: texts of the single tokens whose logits make the margin; by default the
      usual spellings.
    - ``horizon``: tokens of an answer (8). ``seed`` chooses which images are swapped in.
    - ``swaps``: other images that are shown instead (3); ``perturbations``: changes that keep the
      meaning, in words as in ``"brightness +20 %"``; ``again``: ask the base question twice.
    - ``focus``: attention to the image of the ``"answering"`` token or of the ``"question"``, or
      ``"off"``; ``focus_layers`` (``"all"`` or places), ``focus_heads`` (``"mean"`` or ``"max"``);
      ``stable_at``: the similarity from which on focus is called stable, by default the 95 %
      quantile between images.
    - ``depth``: pairs of phrasings followed through depth (0), with ``tangents`` directions (4).
    - ``overlays``: pictures with focus for the report (4).
    - ``scaling``: ``{"layers": "expanding", "factors": [0.9, 0.5]}`` asks everything again with
      the spectral norms of these layers' matrices scaled; the weights are put back.

    Raises:
        ArgumentError: for arguments that make no sense, or answer words of several tokens.
        PictureError: for an image that is missing, changed, unreadable or too large.
        PromptError: for an image given to a text-only model, or no chat template.
    """
    started, session = time.perf_counter(), active()
    subject = model_of(model)
    check_asked(shown, propositions)
    asked = asked_of(knobs, session.settings.seed)
    before = replace(session.counts)
    inquiry = _inquiry(session, subject, shown, propositions, asked)
    samples = quadrants(ask(inquiry), reliance=asked.reliance)
    found = _found(inquiry, samples, asked)
    return booked(found, session, before, started, _told(asked, shown, propositions, subject))


def _inquiry(
    session: Session,
    model: Subject,
    shown: Sequence[Shown],
    propositions: Sequence[Proposition],
    asked: AnswersAsked,
) -> Inquiry:
    yes, no = token_sets(model, asked.yes, asked.no)
    how = Asking(
        horizon=asked.horizon,
        swaps=asked.swaps,
        perturbations=asked.perturbations,
        again=asked.again,
        seed=asked.seed,
        yes=yes,
        no=no,
    )
    return Inquiry(session=session, model=model, shown=shown, propositions=propositions, how=how)


def _found(inquiry: Inquiry, samples: Sequence[Sample], asked: AnswersAsked) -> Findings:
    """Return the findings of samples: flips and quadrants, focus, depth, and the intervention."""
    images = inquiry.noun
    flipped, held = (
        flips(samples, images=images),
        shares(samples, reliance=asked.reliance, images=images),
    )
    looking = [one for one in inquiry.questions if one.condition in {"as is", "again"}]
    seen = looked(inquiry.session, inquiry.model, looking, asked)
    focused, alike = focus_findings(samples, seen, asked)
    deep = depth_findings(inquiry, samples, seen, asked)
    scaled = sweep(inquiry, asked, deep.growth, samples)
    return Findings(
        model=inquiry.model.identity,
        measurement=held.ideal,
        also=(
            *(flipped.judged, flipped.pairwise, flipped.inconsistent, flipped.parse_rate),
            *(held.fragile, held.dangerous, held.worst, held.text_only_agreement),
            *(held.accuracy, held.text_only_accuracy, *flipped.bounds, *held.bounds),
            *(*focused, *deep.measurements, *scaled.measurements),
        ),
        controls=(
            *(flipped.again, *held.controls, focus_control(seen)),
            *(*deep.controls, *scaled.controls),
        ),
        curves=(*deep.curves, *scaled.curves),
        samples=tuple(samples),
        overlays=overlays(inquiry, samples, seen, alike, asked.overlays),
    )


def _told(
    asked: AnswersAsked,
    shown: Sequence[Shown],
    propositions: Sequence[Proposition],
    model: Subject,
) -> Mapping[str, Scalar]:
    plain = {
        key: ", ".join(map(str, value)) if isinstance(value, tuple) else value
        for key, value in asdict(asked).items()
        if key != "scaling"
    }
    chosen = asked.scaling
    factors = "" if chosen is None else ", ".join(map(str, chosen.factors))
    scaling = None if chosen is None else f"layers {chosen.layers}, factors {factors}"
    told: dict[str, Scalar] = {
        **plain,
        "scaling": scaling,
        "images": len(shown),
        "propositions": ", ".join(one.id for one in propositions),
        "phrasings": sum(len(one.phrasings) for one in propositions),
        "prompts": ", ".join(one.id for one in propositions),
    }
    return told | {"edits": model.edits} if model.edits else told


# -- judging ------------------------------------------------------------------------------------


def _limits(ideal: float | None, flipped: float | None) -> list[Limit]:
    """Return the limits that were given; raise ``ArgumentError`` where there is none."""
    limits = []
    if ideal is not None:
        check_limit("at_least", ideal, "the share of ideal samples")
        limits.append(Limit(name=IDEAL, at_least=ideal))
    if flipped is not None:
        check_limit("at_most", flipped, "a flip rate")
        limits.append(Limit(name=FLIPS, at_most=flipped))
    if not limits:
        raise ArgumentError(
            "no limit was given: pass ideal_at_least (the share of samples that are consistent and "
            "rest on the image), flips_at_most, or both"
        )
    return limits


def _judging(findings: Findings, name: str) -> Findings:
    """Return the findings with the measurement of a limit in front."""
    if findings.measurement.name == name:
        return findings
    chosen = next(one for one in findings.also if one.name == name)
    rest = (findings.measurement, *(one for one in findings.also if one is not chosen))
    return replace(findings, measurement=chosen, also=rest)


def _explaining(findings: Findings, limit: Limit) -> Findings:
    """Return the findings with their guards as this limit needs them.

    A model that says yes to everything, or looks at no image, fails by its share of ideal samples
    and by its flips; that a guard failed too is why, and no reason to call it no evidence. Where
    the verdict hangs on how unclear answers are counted, there is none.
    """
    controls = findings.controls
    if judge(findings.measurement, limit, ()) is Outcome.FAILED:
        controls = tuple(map(_as_note, controls))
    if told := _hangs_on_unclear(findings, limit):
        controls = tuple(
            replace(one, role="gate", state="failed", words=f"{one.words}; {told}")
            if one.name == UNCLEAR
            else one
            for one in controls
        )
    return replace(findings, controls=controls)


def _as_note(control: Control) -> Control:
    """Return a guard that voids nothing any more, also not where a limit is yet to settle it."""
    if control.name not in JUDGED_HERE:
        return control
    if control.state != "failed":
        return replace(control, role="note")
    words = f"{control.words}; this is why it fails"
    return replace(control, role="note", state="held", words=words)


def _hangs_on_unclear(findings: Findings, limit: Limit) -> str:
    """Return in words that unclear answers decide between pass and fail, or nothing."""
    bounds = [
        one for one in findings.also if one.name.startswith(f"{findings.measurement.name}, unclear")
    ]
    outcomes = {judge(one, limit, ()) for one in bounds}
    if not outcomes >= {Outcome.PASSED, Outcome.FAILED}:
        return ""
    return f"{', '.join(map(figure, bounds))}: how they are counted decides between pass and fail"
