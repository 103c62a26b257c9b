"""What every check does around its stages: find the model, and book what was measured."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, TypeAlias

from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.session import active

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_promptchaos.models.language import LanguageModel
    from pytest_promptchaos.models.scripted import ScriptedModel
    from pytest_promptchaos.records import Findings, Scalar
    from pytest_promptchaos.session import Counts, Session


Subject: TypeAlias = "LanguageModel | ScriptedModel"
"""What answers prompts: a pinned language model, or a script with known answers."""


def load_model(pin: str) -> LanguageModel:
    """Return the model that ``pin`` names, from the pool of the running session.

    ``bundled:NAME``, ``dir:PATH`` or ``hub:ORG/NAME@<commit>``, options after ``?``. Weights load
    on first use. Raises ``PinError`` for a pin that does not name one exact model.
    """
    return active().model(pin)


def model_of(model: Subject | str) -> Subject:
    """Return the model itself, or the one that a pin names.

    Raises ``ArgumentError`` for what is no model.
    """
    if isinstance(model, str):
        return load_model(model)
    if not hasattr(model, "render") or not hasattr(model, "identity"):
        fix = (
            "wrap the function: ScriptedModel(name, function)" if callable(model) else "pass a pin"
        )
        raise ArgumentError(
            f"the model is {model!r:.60}, which is neither a model nor a pin: {fix}, or take the "
            "fixture chaos_model"
        )
    return model


def booked(
    findings: Findings,
    session: Session,
    before: Counts,
    started: float,
    settings: Mapping[str, Scalar],
) -> Findings:
    """Return the findings with their knobs, how much was measured or reused, and the time."""
    return replace(
        findings,
        settings={**findings.settings, **settings},
        runs_measured=session.counts.measured - before.measured,
        runs_reused=session.counts.reused - before.reused,
        seconds=time.perf_counter() - started,
    )
