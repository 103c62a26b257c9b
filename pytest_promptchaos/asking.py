"""Images x propositions -> samples: every phrasing asked, the controls beside it, answers read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING

from pytest_promptchaos.answer import answers
from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.measure.said import margin, mass, say
from pytest_promptchaos.models.language import LanguageModel
from pytest_promptchaos.neighborhoods.shown import question_prompt
from pytest_promptchaos.records import Answer, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_promptchaos.booking import Subject
    from pytest_promptchaos.records import Condition, Phrasing, Prompt, Proposition, Run, Shown
    from pytest_promptchaos.session import Session


@dataclass(frozen=True, kw_only=True)
class Asking:
    """How a question is asked: the controls beside it, and where its answer is read.

    ``yes`` and ``no`` are the token ids whose logits make the margin; without them there is none.
    """

    horizon: int
    swaps: int
    perturbations: tuple[str, ...]
    again: bool
    seed: int
    yes: tuple[int, ...] = ()
    no: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Inquiry:
    """Who is asked what about what, and how."""

    session: Session
    model: Subject
    shown: Sequence[Shown]
    propositions: Sequence[Proposition]
    how: Asking

    @property
    def noun(self) -> str:
        """What is shown, in words: images, or passages where there is none."""
        return "images" if any(one.image is not None for one in self.shown) else "passages"

    @cached_property
    def questions(self) -> tuple[Question, ...]:
        """All questions, those of one sample together, its base phrasing as it is first."""
        return tuple(
            question
            for one in self.shown
            for proposition in self.propositions
            for question in questions_of(one, proposition, self.shown, self.how)
        )


@dataclass(frozen=True, kw_only=True)
class Question:
    """One prompt of a sample, and how its image is shown; ``words`` are the proposition's."""

    sample: str
    words: str
    phrasing: Phrasing
    condition: Condition
    change: str
    prompt: Prompt


def sample_id(shown: Shown, proposition: Proposition) -> str:
    """Return the name of a proposition asked of an image."""
    return f"{shown.id}/{proposition.id}"


def ask(inquiry: Inquiry, label: str = "") -> tuple[Sample, ...]:
    """Return one sample per image and proposition, in that order, without its quadrant.

    Each holds the answers to every phrasing as it is and without the image, and those of the base
    phrasing to swapped and perturbed images and a second time. A question that two samples share,
    such as one without its image, is asked once. Raises ``PromptError`` for a question that does
    not fit, and ``PictureError`` for an image that is not the pinned one, before anything is asked.
    """
    runs = _runs(inquiry, label or f"{inquiry.model.pin.name} answers")
    read: dict[str, list[Answer]] = {}
    for question, run in zip(inquiry.questions, runs, strict=True):
        read.setdefault(question.sample, []).append(_answer(question, run, inquiry.how))
    return tuple(
        Sample(
            id=sample_id(one, proposition),
            shown=one.id,
            proposition=proposition.id,
            truth=one.truth.get(proposition.id),
            answers=tuple(read[sample_id(one, proposition)]),
        )
        for one in inquiry.shown
        for proposition in inquiry.propositions
    )


def questions_of(
    shown: Shown, proposition: Proposition, others: Sequence[Shown], how: Asking
) -> Iterator[Question]:
    """Yield the questions of one sample, the base phrasing as it is first."""
    sample, base = (shown, proposition), proposition.phrasings[0]
    for phrasing in proposition.phrasings:
        yield _question(sample, phrasing, "as is")
    for phrasing in proposition.phrasings:
        yield _question(sample, phrasing, "removed")
    for other in swapped_in(shown, proposition, others, how):
        yield _question(sample, base, "swapped", other.id, other)
    if shown.image is not None:
        for change in how.perturbations:
            changed = replace(shown, image=replace(shown.image, change=change))
            yield _question(sample, base, "perturbed", change, changed)
    if how.again:
        yield _question(sample, base, "again")


def swapped_in(
    shown: Shown, proposition: Proposition, others: Sequence[Shown], how: Asking
) -> list[Shown]:
    """Return what stands in for an image: drawn by the seed, where the truth is another.

    Where the truth of the proposition is not known here, or nowhere else, any other will do; where
    it is known to be the same everywhere, none: an unchanged answer would then be right.
    """
    here = shown.truth.get(proposition.id)
    rest = [one for one in others if one.id != shown.id]
    known = [one for one in rest if proposition.id in one.truth]
    if here is not None and known:
        rest = [one for one in known if one.truth[proposition.id] is not here]
    words = f"{how.seed}/{sample_id(shown, proposition)}"
    # Each other image has a rank of its own here, whatever the order or the number of the others.
    ranked = sorted(rest, key=lambda one: sha256(f"{words}/{one.id}".encode()).digest())
    return ranked[: how.swaps]


def _question(
    sample: tuple[Shown, Proposition],
    phrasing: Phrasing,
    condition: Condition,
    change: str = "",
    instead: Shown | None = None,
) -> Question:
    shown, proposition = sample
    name = f"{sample_id(shown, proposition)}/{phrasing.id}"
    told = {"as is": "", "again": "/again"}.get(condition, f"/{condition} {change}")
    prompt = question_prompt(
        instead or shown,
        phrasing,
        id=f"{name}{told}",
        proposition=proposition.id,
        removed=condition == "removed",
    )
    return Question(
        sample=sample_id(shown, proposition),
        words=proposition.words,
        phrasing=phrasing,
        condition=condition,
        change=change,
        prompt=prompt,
    )


def _runs(inquiry: Inquiry, label: str) -> list[Run]:
    """Return one run per question, in order, those of one text and image decoded once.

    A question asked again is decoded again, far from its first time.
    """
    distinct: dict[tuple[object, ...], Prompt] = {}
    horizon = inquiry.how.horizon
    for question in inquiry.questions:
        distinct.setdefault(_content(question), question.prompt)
    for prompt in distinct.values():
        inquiry.model.check_length(prompt, horizon)
    # The second times last: a batch would otherwise hold both.
    keys = sorted(distinct, key=lambda key: bool(key[0]))
    prompts = [distinct[key] for key in keys]
    runs = answers(inquiry.session, inquiry.model, prompts, horizon, label)
    found = dict(zip(keys, runs, strict=True))
    return [found[_content(question)] for question in inquiry.questions]


def _content(question: Question) -> tuple[object, ...]:
    """Return what tells a prompt from others; a script may look at what it asks about, too."""
    prompt = question.prompt
    again = question.condition == "again"
    return (again, prompt.image, prompt.text, prompt.proposition, prompt.polarity)


def _answer(question: Question, run: Run, how: Asking) -> Answer:
    phrasing = question.phrasing
    said, rule = say(
        run.text, question=phrasing.text, polarity=phrasing.polarity, words=question.words
    )
    read = bool(how.yes and how.no)
    return Answer(
        phrasing=phrasing.id,
        kind=phrasing.kind,
        question=phrasing.text,
        polarity=phrasing.polarity,
        condition=question.condition,
        change=question.change,
        said=said,
        rule=rule,
        text=run.text,
        margin=margin(run.prompt_logits, how.yes, how.no) if read else None,
        mass=mass(run.prompt_logits, (*how.yes, *how.no)) if read else None,
    )


def token_sets(
    model: Subject, yes: Sequence[str] | None, no: Sequence[str] | None
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the ids of the tokens that begin a yes and a no; none for a model without logits.

    What is declared must be single tokens; without it, those of the usual spellings that are.
    Raises ``ArgumentError`` for a declared word of several tokens, and for one on both sides.
    """
    if not isinstance(model, LanguageModel):
        return (), ()
    sides = []
    for name, declared, usual in (("yes", yes, YES), ("no", no, NO)):
        words = tuple(declared) if declared is not None else _single(model, usual)
        if not words:
            raise ArgumentError(
                f"{model.pin.text}: none of {', '.join(map(repr, usual))} is a single token, so "
                f"there is no {name} logit: declare the tokens that begin its answers, as in "
                f"{name}=['...']"
            )
        sides.append(model.answer_tokens(words))
    if both := set(sides[0]) & set(sides[1]):
        raise ArgumentError(f"the tokens {sorted(both)} are both a yes and a no: declare others")
    return sides[0], sides[1]


YES = ("Yes", " Yes", "yes", " yes", "YES", "True", "true")
NO = ("No", " No", "no", " no", "NO", "False", "false")
"""Spellings that are looked for where a suite declares none."""


def _single(model: LanguageModel, words: Sequence[str]) -> tuple[str, ...]:
    found = []
    for word in words:
        try:
            model.answer_tokens([word])
        except ArgumentError:
            continue
        found.append(word)
    return tuple(found)


def by_sample(samples: Sequence[Sample]) -> Mapping[str, Sample]:
    """Return the samples by their id."""
    return {sample.id: sample for sample in samples}
