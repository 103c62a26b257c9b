"""The checks of several systems: surround once, answer with each, measure, judge.

A system is a model as it runs: two models, or one in two dtypes or quantizations. All are asked
the same texts and compared on those that reach every one of them. There is no ranking. This file
joins the stages; none of them knows another.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

from pytest_promptchaos.answer import observe
from pytest_promptchaos.booking import model_of
from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.judging import enforce_all, judge_findings
from pytest_promptchaos.knobs import built_around, check_limit, checked_outputs, output_metric
from pytest_promptchaos.measure.compared import Comparison, System, labels_of
from pytest_promptchaos.measure.drift import drift, without_embedder
from pytest_promptchaos.neighborhoods.certify import common
from pytest_promptchaos.notes import notes_on
from pytest_promptchaos.records import Findings, Limit, Verdict
from pytest_promptchaos.session import active

if TYPE_CHECKING:
    from pytest_promptchaos.booking import Subject
    from pytest_promptchaos.knobs import Knobs, OutputKnobs
    from pytest_promptchaos.records import Neighborhood, Scalar
    from pytest_promptchaos.session import Counts, Session
    from pytest_promptchaos.surround import (
        Asked,
    )


def assert_no_drift(
    models: Sequence[Subject | str],
    prompt: Asked | Sequence[Asked],
    *,
    at_most: float,
    reference: Subject | str | None = None,
    **knobs: Unpack[OutputKnobs],
) -> tuple[Verdict, ...]:
    """Return the verdicts that no system's outputs drift more than ``at_most`` from a reference.

    One verdict per system that is not the reference. Each passes when the whole 95 % interval of
    the mean distance between its outputs and the reference's to the same texts is within the
    limit. Raises ``VerdictError`` (an ``AssertionError``) for the first that is not green, naming
    the others. The other arguments are those of :func:`measure_drift`.
    """
    __tracebackhide__ = True
    check_limit("at_most", at_most, knobs.get("metric", "semantic"))
    verdicts = []
    for findings in measure_drift(models, prompt, reference=reference, **knobs):
        limit = Limit(name=findings.measurement.name, at_most=at_most)
        name = f"no_drift({findings.settings['system']}, {findings.settings['prompts']})"
        verdicts.append(judge_findings("no_drift", findings, limit, name=name))
    return enforce_all(verdicts)


def measure_drift(
    models: Sequence[Subject | str],
    prompt: Asked | Sequence[Asked],
    *,
    reference: Subject | str | None = None,
    **knobs: Unpack[OutputKnobs],
) -> tuple[Findings, ...]:
    """Return for every system but the reference how far its outputs are from the reference's.

    ``models`` are two or more pins or loaded models; a pin with another ``?dtype=`` or
    ``?quantization=`` is another system. All get the same texts, and only the neighbors that are
    effective for every one of them count. The measurement is the drift; beside it stand the
    sensitivities of both systems to small edits, their paired difference with its permutation
    test, Holm-corrected over all pairs of systems, and the groups of systems that are not told
    apart. Further arguments:

    - ``reference``: one of ``models``; the first by default.
    - ``metric``: ``"semantic"`` (1 - cosine of sentence embeddings) or ``"token_edit"``, for
      systems with one tokenizer.
    - ``rungs``: the edits that count (format, punctuation, synonym).
    - ``horizon``, ``per_rung``, ``seed``: from the options when left out.
    - ``paraphrases``, ``small_semantic``, ``positive_control``: authored texts, with one prompt.
    - ``target``: the message that is edited, by role or index; the last user message by default.

    Raises:
        ArgumentError: for what is no sequence of two or more models, a reference that is none of
            them, token edits across tokenizers, and any argument that does not exist.
        PromptError: for a prompt that is empty, too long for a model, or given twice.
        NeighborhoodError: for a rung that does not exist or an edit that edits nothing.
    """
    session = active()
    asked = checked_outputs(session, **knobs)
    subjects = _reference_first(models, reference)
    same_tokens = _one_tokenizer(subjects)
    if asked.metric == "token_edit" and not same_tokens:
        raise ArgumentError(
            "metric='token_edit' compares token ids, but the models have different tokenizers, so "
            "one id means different things: use metric='semantic'"
        )
    neighborhoods = built_around(prompt, asked)
    labels = labels_of([subject.identity for subject in subjects])
    if asked.metric == "semantic" and session.embedder is None:
        found = _without_embedder(session, subjects, labels)
    else:
        found = _measured(session, asked, subjects, labels, neighborhoods, same_tokens=same_tokens)
    told: dict[str, Scalar] = {
        "horizon": asked.lengths[-1],
        "seed": neighborhoods[0].seed,
        "embedder": session.embedder_words,
        "prompts": ", ".join(built.center.id for built in neighborhoods),
    }
    return tuple(
        replace(
            one,
            controls=(*one.controls, *notes_on(subject, neighborhoods)),
            settings={**one.settings, **told},
        )
        for one, subject in zip(found, subjects[1:], strict=True)
    )


def _reference_first(
    models: Sequence[Subject | str], reference: Subject | str | None
) -> list[Subject]:
    """Return the models with the reference in front, the others in the order given."""
    _check_models(models)
    place = 0
    if reference is not None:
        places = [i for i, one in enumerate(models) if one is reference or one == reference]
        if not places:
            raise ArgumentError(
                f"reference is {_named(reference)}, which is none of the models "
                f"{', '.join(map(_named, models))}: write it as it stands there"
            )
        place = places[0]
    ordered = [models[place], *(one for i, one in enumerate(models) if i != place)]
    return [model_of(one) for one in ordered]


def _check_models(models: object) -> None:
    """Raise ``ArgumentError`` unless ``models`` is a sequence of two or more of what answers."""
    if not isinstance(models, Sequence) or isinstance(models, str) or len(models) < 2:
        found = "" if isinstance(models, list) else f", a {type(models).__name__}"
        raise ArgumentError(
            f"models is {models!r:.80}{found}, but drift is that of one system from another: "
            "pass two or more pins or loaded models in a list, the reference first, such as "
            "['bundled:tiny-chat', 'bundled:tiny-chat?dtype=bfloat16']"
        )
    for place, one in enumerate(models):
        if not isinstance(one, str) and not hasattr(one, "render"):
            raise ArgumentError(
                f"models[{place}] is {one!r:.80}, a {type(one).__name__}, which answers no prompt: "
                "pass a pin, load_model(...) or a ScriptedModel"
            )


def _named(model: object) -> str:
    pin = getattr(model, "pin", None)
    return f"{model if pin is None else pin.text!r:.80}"


def _one_tokenizer(subjects: Sequence[Subject]) -> bool:
    """Return whether one token id means the same for all systems."""
    vocabularies = [_vocabulary(subject) for subject in subjects]
    return all(one == vocabularies[0] for one in vocabularies)


def _vocabulary(subject: Subject) -> object:
    # A script cuts every text by one rule, so all scripts share their ids.
    tokenizer = getattr(subject, "tokenizer", None)
    return "script" if tokenizer is None else tokenizer.get_vocab()


def _measured(
    session: Session,
    asked: Knobs,
    subjects: Sequence[Subject],
    labels: Sequence[str],
    neighborhoods: Sequence[Neighborhood],
    *,
    same_tokens: bool,
) -> tuple[Findings, ...]:
    assert asked.seed is not None
    # One system after the other, so that a pool of few models loads each of them once.
    systems, spent = [], []
    for subject, label in zip(subjects, labels, strict=True):
        started, before = time.perf_counter(), replace(session.counts)
        observed = [observe(session, subject, built, asked.lengths[-1]) for built in neighborhoods]
        systems.append(System(label=label, observed=observed))
        spent.append(_spent(session, before, started))
    certified = zip(*([o.neighborhood for o in s.observed] for s in systems), strict=True)
    comparison = Comparison(
        systems=systems,
        common=[common(*of_prompt) for of_prompt in certified],
        metric=output_metric(asked),
        rungs=tuple(asked.rungs),
        same_tokens=same_tokens,
    )
    found = drift(
        comparison,
        min_effective=session.settings.min_effective,
        embed=None if session.embedder is None else session.embed,
        embedder_words=session.embedder_words,
        seed=asked.seed,
    )
    # Each findings books its own system; the first also the reference, which is decoded once.
    first = [sum(both) for both in zip(spent[0], spent[1], strict=True)]
    return tuple(
        replace(one, runs_measured=int(of[0]), runs_reused=int(of[1]), seconds=of[2])
        for one, of in zip(found, [first, *spent[2:]], strict=True)
    )


def _spent(session: Session, before: Counts, started: float) -> tuple[float, float, float]:
    """Return what was measured, what was reused and the seconds since ``before``."""
    counts, seconds = session.counts, time.perf_counter() - started
    return counts.measured - before.measured, counts.reused - before.reused, seconds


def _without_embedder(
    session: Session, subjects: Sequence[Subject], labels: Sequence[str]
) -> tuple[Findings, ...]:
    told = {"reference": labels[0], "metric": "semantic", "systems": "; ".join(labels)}
    return tuple(
        without_embedder(subject.identity, {**told, "system": label}, session.embedder_words)
        for subject, label in zip(subjects[1:], labels[1:], strict=True)
    )
