"""Neighborhoods -> runs: what the model answers, or the store knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_promptchaos.measure.pairs import Observed
from pytest_promptchaos.neighborhoods.certify import certify

if TYPE_CHECKING:
    from pytest_promptchaos.models.language import LanguageModel
    from pytest_promptchaos.records import Neighborhood
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
