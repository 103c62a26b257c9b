"""Checks of consistent answers -> verdicts, through the same functions that users call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pytest_promptchaos.session import active

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_promptchaos.answer_knobs import AnswerKnobs
    from pytest_promptchaos.records import Shown, Verdict
    from pytest_promptchaos.suite.kinds import ConsistentAnswersCheck
    from pytest_promptchaos.suite.schema import Suite

KNOBS: Final = (
    *("reliance", "yes", "no", "swaps", "perturbations", "again"),
    *("focus", "focus_layers", "focus_heads", "stable_at"),
    *("depth", "tangents", "overlays", "scaling"),
)
"""The keys that are arguments of :func:`measure_answers`; the horizon comes from the run."""


def answer_verdicts(suite: Suite, check: ConsistentAnswersCheck, pin: str) -> tuple[Verdict, ...]:
    """Return a verdict per limit, on what ``pin`` answers about every image or passage."""
    from pytest_promptchaos.answer_checks import judge_answers

    return judge_answers(
        pin,
        shown_by(suite, check),
        [one.proposition() for one in check.propositions],
        ideal_at_least=check.ideal_at_least,
        flips_at_most=check.flips_at_most,
        expect=check.expect,
        name=check.id,
        **_written(suite, check),
    )


def shown_by(suite: Suite, check: ConsistentAnswersCheck) -> list[Shown]:
    """Return the images of a check, or its passages, with the truths that it asks about."""
    from pytest_promptchaos.neighborhoods.shown import passage, picture

    asked = {one.proposition().id for one in check.propositions}

    def told(truth: Mapping[str, bool]) -> dict[str, bool]:
        return {name: holds for name, holds in truth.items() if name in asked}

    return [
        *(
            picture(
                suite.beside(image.file), id=image.id, sha256=image.sha256, truth=told(image.truth)
            )
            for image in check.images or ()
        ),
        *(passage(one.text, id=one.id, truth=told(one.truth)) for one in check.passages or ()),
    ]


def _written(suite: Suite, check: ConsistentAnswersCheck) -> AnswerKnobs:
    """Return the knobs that the check writes; those left out are the function's."""
    written: dict[str, Any] = check.model_dump(include=set(KNOBS), exclude_unset=True)
    # Where the suite says nothing, the run's horizon is one of whole answers, not of a yes or no.
    if check.horizon is not None or suite.settings.horizon is not None:
        written["horizon"] = active().settings.horizon
    knobs: AnswerKnobs = {**written}  # type: ignore[typeddict-item]
    return knobs
