"""Neighborhoods -> runs: what the model answers, or the store knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_promptchaos.measure.pairs import Observed
from pytest_promptchaos.neighborhoods.certify import certify

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_promptchaos.booking import Subject
    from pytest_promptchaos.records import Forced, Neighborhood, Prompt, Run
    from pytest_promptchaos.session import Session


def observe(session: Session, model: Subject, built: Neighborhood, horizon: int) -> Observed:
    """Return a neighborhood with the runs of its center and of every neighbor that differs.

    Prompts of similar length are decoded in one batch of a fixed shape, the identical control
    last, so that it stands as far from its center as it can. Every run is then compared with its
    center's along both outputs, token by token.
    """
    for prompt in (built.center, *(n.prompt for n in built.neighbors)):
        model.check_length(prompt, horizon)
    certified = certify(built, model.render)
    run = [n for n in certified.neighbors if n.certification in {"effective", "identical"}]
    run.sort(key=lambda neighbor: neighbor.rung == "identical")
    prompts = [built.center, *(n.prompt for n in run)]
    label = f"{model.pin.name} {built.center.id}"
    center, *rest = answers(session, model, prompts, horizon, label)
    width = center.batch_shape[1]
    # One row, or two where one row is the batch itself: a control of another shape.
    other = (1 if center.batch_shape[0] > 1 else 2, width)
    bare = (other[0], len(model.render(built.center)))
    alone = session.runs(model, [built.center] * 2, shape=other, horizon=horizon, label=label)
    (unpadded,) = session.runs(model, [built.center], shape=bare, horizon=horizon, label=label)
    runs = {n.id: r for n, r in zip(run, rest, strict=True)}
    return Observed(
        neighborhood=certified,
        center=center,
        runs=runs,
        alone=(alone[0], alone[1]),
        unpadded=unpadded,
        forced=_forced(session, model, center, runs),
    )


def answers(
    session: Session, model: Subject, prompts: Sequence[Prompt], horizon: int, label: str
) -> list[Run]:
    """Return one run per prompt, in order, those of similar length decoded together."""
    found: dict[int, Run] = {}
    for places in model.together(prompts):
        batch = [prompts[place] for place in places]
        rows = session.settings.batch_rows or model.rows(batch, horizon)
        shape = model.shape(batch, rows)
        runs = session.runs(model, batch, shape=shape, horizon=horizon, label=label)
        found |= dict(zip(places, runs, strict=True))
    return [found[place] for place in range(len(prompts))]


def _forced(
    session: Session, model: Subject, center: Run, runs: Mapping[str, Run]
) -> dict[str, tuple[Forced, Forced]]:
    """Return the pairs' comparison along both outputs; empty for a model that has no logits."""
    found = session.forced(model, center, list(runs.values()))
    return dict(zip(runs, found, strict=True)) if found else {}
