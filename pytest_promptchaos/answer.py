"""Neighborhoods -> runs, prompts -> depth profiles: what the model answers, or the store knows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from pytest_promptchaos.dynamics.depth import depth_growth
from pytest_promptchaos.measure.pairs import Observed
from pytest_promptchaos.neighborhoods.certify import certify
from pytest_promptchaos.stored import DepthProfile, depth_from_evidence, depth_to_evidence

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from pytest_promptchaos.models.language import LanguageModel
    from pytest_promptchaos.records import Neighborhood, Prompt
    from pytest_promptchaos.session import Session


def observe(session: Session, model: LanguageModel, built: Neighborhood, horizon: int) -> Observed:
    """Return a neighborhood with the runs of its center and of every neighbor that differs.

    The identical control is decoded last, so that it stands as far from its center as it can.
    """
    for prompt in (built.center, *(n.prompt for n in built.neighbors)):
        model.check_length(prompt, horizon)
    certified = certify(built, model.render)
    run = [n for n in certified.neighbors if n.certification in {"effective", "identical"}]
    run.sort(key=lambda neighbor: neighbor.rung == "identical")
    rows = session.settings.batch_rows
    shape = model.shape([built.center, *(n.prompt for n in built.neighbors)], rows)
    label = f"{model.pin.name} {built.center.id}"
    prompts = [built.center, *(n.prompt for n in run)]
    center, *rest = session.runs(model, prompts, shape=shape, horizon=horizon, label=label)
    # One row, or two where one row is the batch itself: a control of another shape.
    other = (1 if rows > 1 else 2, shape[1])
    bare = (other[0], len(model.render(built.center)))
    alone = session.runs(model, [built.center] * 2, shape=other, horizon=horizon, label=label)
    (unpadded,) = session.runs(model, [built.center], shape=bare, horizon=horizon, label=label)
    return Observed(
        neighborhood=certified,
        center=center,
        runs={n.id: r for n, r in zip(run, rest, strict=True)},
        alone=(alone[0], alone[1]),
        unpadded=unpadded,
    )


@dataclass(frozen=True, kw_only=True)
class DepthKnobs:
    """What a depth profile depends on, beside model and prompt.

    ``cadence`` counts the layers between two renormalizations; no number depends on it.
    """

    tangents: int
    seed: int
    positions: Literal["prompt", "last"]
    cadence: int = 4


def depth_profile(
    session: Session, model: LanguageModel, prompt: Prompt, knobs: DepthKnobs
) -> DepthProfile:
    """Return a prompt's depth profile, from the evidence store where it was measured before."""
    model.check_length(prompt, 0)

    def measure() -> tuple[Mapping[str, object], Mapping[str, NDArray[np.generic]]]:
        session.progress(f"{model.pin.name} depth of {prompt.id}", 0, 1)
        growth = depth_growth(model.network, model.tensor(prompt), **asdict(knobs))
        return depth_to_evidence(
            DepthProfile(
                profile=growth.profile,
                relative_profile=growth.relative_profile,
                parity=growth.parity,
                notes=growth.notes,
            )
        )

    parts = model.key_parts(prompt) | asdict(knobs)
    return depth_from_evidence(*session.recall("growth", parts, measure))
