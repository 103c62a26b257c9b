"""The checks of sampled answers: surround, draw, measure, judge.

Everything here is sampled and nothing is greedy: the draws are a kind of evidence of their own,
and the measurement's name says so. This file joins the stages; none of them knows another.
"""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Unpack

from pytest_promptchaos.booking import booked, model_of
from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.judging import enforce, judge_findings
from pytest_promptchaos.knobs import built_around, check_limit, checked_outputs, output_metric
from pytest_promptchaos.measure.drawn import Drawn
from pytest_promptchaos.measure.sampled import sampled_divergence, without_embedder
from pytest_promptchaos.neighborhoods.certify import certify
from pytest_promptchaos.notes import notes_on
from pytest_promptchaos.records import Findings, Limit, Verdict
from pytest_promptchaos.session import active
from pytest_promptchaos.surround import (
    Asked,
    check_count,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_promptchaos.booking import Subject
    from pytest_promptchaos.knobs import OutputKnobs
    from pytest_promptchaos.models.language import LanguageModel
    from pytest_promptchaos.models.sampling import Draw, Sampling
    from pytest_promptchaos.records import Neighborhood, Prompt
    from pytest_promptchaos.session import Session

ROWS = 16
"""Draws per batch, where memory allows and the options say nothing else."""
FEWEST = 4
"""Draws per prompt: with 3 against 3 no relabeling reaches p < 0.05, whatever is drawn."""


def assert_stable_sampling(
    model: LanguageModel | str,
    prompt: Asked | Sequence[Asked],
    *,
    at_most: float,
    draws: int = 30,
    temperature: float = 0.7,
    top_p: float = 1.0,
    **knobs: Unpack[OutputKnobs],
) -> Verdict:
    """Return the verdict that sampled answers move with the prompt by at most ``at_most``.

    Judged is the excess: the mean distance between sampled answers to a prompt and to its
    neighbors, minus the mean distance among answers to one prompt. It passes when its whole 95 %
    interval is within the limit. Raises ``VerdictError`` (an ``AssertionError``) with the evidence
    when it fails, when the interval straddles the limit, and when a control says that there is no
    evidence. The other arguments are those of :func:`measure_sampling`.
    """
    __tracebackhide__ = True
    check_limit("at_most", at_most, knobs.get("metric", "semantic"))
    findings = measure_sampling(
        model, prompt, draws=draws, temperature=temperature, top_p=top_p, **knobs
    )
    limit = Limit(name=findings.measurement.name, at_most=at_most)
    return enforce(judge_findings("stable_sampling", findings, limit))


def measure_sampling(
    model: LanguageModel | str,
    prompt: Asked | Sequence[Asked],
    *,
    draws: int = 30,
    temperature: float = 0.7,
    top_p: float = 1.0,
    **knobs: Unpack[OutputKnobs],
) -> Findings:
    """Return how far sampled answers move around prompts, beyond their own spread.

    ``draws`` answers are sampled at ``temperature`` and ``top_p`` to each prompt, again to each
    prompt (the noise control), and to each of its neighbors: with three prompts and 15 neighbors
    that is 51 times ``draws`` answers, told by the progress line before the first. ``seed`` draws
    the neighbors and the answers. The other arguments are those of ``measure_neighborhood``.

    Raises:
        ArgumentError: for a model that is not a language model, fewer than 4 draws, and a
            temperature or ``top_p`` out of range.
    """
    # Imported here: reading a suite file must not load torch.
    from pytest_promptchaos.models.sampling import Sampling

    started = time.perf_counter()
    session = active()
    subject = _language_model(model_of(model))
    asked = checked_outputs(session, **knobs)
    check_count("draws", draws, least=FEWEST)
    length, seed = asked.lengths[-1], asked.seed or 0
    how = Sampling(temperature=temperature, top_p=top_p, seed=seed, horizon=length)
    neighborhoods = built_around(prompt, asked)
    certified = [certify(built, subject.render) for built in neighborhoods]
    how = replace(how, rows=_rows(session, subject, certified, length))
    before = replace(session.counts)
    if asked.metric == "semantic" and session.embedder is None:
        findings = without_embedder(subject.identity, asked.rungs, session.embedder_words)
    else:
        findings = sampled_divergence(
            list(_gathered(session, subject, certified, draws, how)),
            metric=output_metric(asked),
            rungs=tuple(asked.rungs),
            min_effective=session.settings.min_effective,
            embed=session.embed if asked.metric == "semantic" else None,
            embedder_words=session.embedder_words,
            seed=seed,
        )
    prompts = ", ".join(built.center.id for built in neighborhoods)
    told = {**asdict(how), "draws": draws, "embedder": session.embedder_words, "prompts": prompts}
    findings = replace(findings, controls=(*findings.controls, *notes_on(subject, neighborhoods)))
    return booked(findings, session, before, started, told)


def _language_model(subject: Subject) -> LanguageModel:
    from pytest_promptchaos.models.language import LanguageModel

    if not isinstance(subject, LanguageModel):
        raise ArgumentError(
            f"{type(subject).__name__} {subject.identity.pin!r} has no distribution to draw from: "
            "pass a pin or load_model(...), or measure its own answers with measure_neighborhood"
        )
    return subject


def _rows(
    session: Session, model: LanguageModel, certified: Sequence[Neighborhood], horizon: int
) -> int:
    """Return the rows of every batch, whatever the number of draws: it goes into their address."""
    prompts = [p for built in certified for p in _prompts(built)]
    for prompt in prompts:
        model.check_length(prompt, horizon)
    longest = max(prompts, key=lambda prompt: len(model.render(prompt)))
    return session.settings.batch_rows or model.rows([longest] * ROWS, horizon)


def _prompts(certified: Neighborhood) -> list[Prompt]:
    effective = [n.prompt for n in certified.neighbors if n.certification == "effective"]
    return [certified.center, *effective]


def _gathered(
    session: Session,
    model: LanguageModel,
    certified: Sequence[Neighborhood],
    draws: int,
    how: Sampling,
) -> Iterator[Drawn]:
    """Yield each prompt's draws, telling what all of them cost before the first."""
    groups = sum(len(_prompts(built)) + 1 for built in certified)
    total = groups * draws
    label = f"{model.pin.name}: sampling {groups} x {draws} answers of up to {how.horizon} tokens"
    session.progress(label, 0, total)
    done = 0

    def drawn(prompt: Prompt, first: int) -> tuple[Draw, ...]:
        nonlocal done
        found = tuple(stored_draws(session, model, prompt, range(first, first + draws), how))
        done += draws
        session.progress(label, done, total)
        return found

    # The second set begins with a batch of its own, so that no draw is made twice.
    second = -(-draws // how.rows) * how.rows
    for built in certified:
        yield Drawn(
            neighborhood=built,
            model=model.identity,
            center=drawn(built.center, 0),
            again=drawn(built.center, second),
            answers={
                n.id: drawn(n.prompt, 0) for n in built.neighbors if n.certification == "effective"
            },
        )


def stored_draws(
    session: Session, model: LanguageModel, prompt: Prompt, indices: Sequence[int], how: Sampling
) -> Iterator[Draw]:
    """Yield the draws of these indices, from the store where they were made before.

    A batch that is drawn is kept whole, so that more draws go on from it.
    """
    from pytest_promptchaos.models.sampling import Draw, draw_batch, draw_key

    made: dict[int, Draw] = {}

    def make(index: int) -> tuple[Mapping[str, object], dict[str, object]]:
        if index not in made:
            batch = draw_batch(model, prompt, how, index // how.rows)
            made.update({draw.index: draw for draw in batch})
        return asdict(made[index]), {}

    for index in indices:
        key = draw_key(model, prompt, how, index)
        plain, _ = session.recall("draw", key, partial(make, index))  # type: ignore[arg-type]
        yield Draw(
            index=index,
            output_ids=tuple(plain["output_ids"]),  # type: ignore[arg-type]
            tokens=tuple(plain["tokens"]),  # type: ignore[arg-type]
            text=str(plain["text"]),
            seconds=float(plain["seconds"]),  # type: ignore[arg-type]
        )
    for index in sorted(made.keys() - set(indices)):
        key = draw_key(model, prompt, how, index)
        session.recall("draw", key, partial(make, index))  # type: ignore[arg-type]
