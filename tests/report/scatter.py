"""Clouds of points, the pictures of a neighborhood, and systems held against each other."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_promptchaos.records import Curve, Limit, Outcome
from report.conftest import curves, model, stability, verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.records import ModelIdentity, Verdict

SYSTEMS = ({"dtype": "float32"}, {"dtype": "bfloat16"}, {"quantization": "int8"})


def cloud(
    name: str,
    axes: tuple[str, str],
    seed: int,
    *,
    series: str = "",
    count: int = 24,
    shift: float = 0.0,
) -> Curve:
    """Return a cloud of one point per prompt."""
    draw = random.Random(seed)
    x = tuple(round(draw.uniform(0.2, 0.9), 4) for _ in range(count))
    y = tuple(round(shift + 0.3 * draw.random() ** 2, 4) for _ in range(count))
    labels = tuple(f"prompt-{place:02d}" for place in range(count))
    return Curve(
        name=name,
        x_label=axes[0],
        y_label=axes[1],
        x=x,
        y=y,
        series=series,
        mark="points",
        labels=labels,
    )


def pictures(seed: int) -> tuple[Curve, ...]:
    """Return the curves that the suite of nearby prompts shows for one system."""
    margins = tuple(2.4 * math.exp(-step / 30) + 0.4 for step in range(64))
    axes = ("responsiveness", "semantic distance of small edits")
    parts = ("JS at the prompt's end (nats)", "semantic distance")
    steps = tuple(map(float, range(64)))
    traces = [
        Curve(
            name="margin along the output",
            x_label="output token",
            y_label="top-1 minus top-2 logit",
            x=steps,
            y=tuple(one * scale for one in margins),
            low=tuple(0.7 * one * scale for one in margins),
            high=tuple(1.3 * one * scale for one in margins),
            series=series,
        )
        for series, scale in (("outputs that stay", 1.2), ("outputs that branch", 0.7))
    ]
    return (
        *curves(0.5 + 0.2 * seed),
        cloud("stability against responsiveness", axes, seed),
        cloud(
            "prompt-end confidence against divergence",
            parts,
            seed + 10,
            series="judged edits",
            count=96,
        ),
        *traces,
    )


def system(identity: ModelIdentity, seed: int) -> ModelIdentity:
    """Return one of three systems that run the same weights."""
    return replace(identity, **SYSTEMS[seed])  # type: ignore[arg-type]


def drift(names: Sequence[str] = ("bfloat16", "int8")) -> tuple[Verdict, ...]:
    """Return the drift of two systems from the first, each with its own cloud."""
    axes = ("sensitivity within the system", "drift from float32")
    found = []
    for seed, name in enumerate(names, start=1):
        moved = stability(0.05 * seed, 0.03 * seed, 0.08 * seed, 0.3)
        measured = replace(moved, name="drift", breakdown=())
        points = cloud("drift against sensitivity", axes, seed, series=name, shift=0.05 * seed)
        guide = Curve(
            name=points.name,
            x_label=axes[0],
            y_label=axes[1],
            x=(0.2, 0.35),
            y=(0.2, 0.35),
            series="y = x",
        )
        made = verdict(
            Outcome.PASSED,
            "tiny-chat",
            check="no_drift",
            id=f"no_drift(tiny-chat, {name}, 24 prompts)",
            measurement=measured,
            limit=Limit(name="drift", at_most=0.2),
            pairs=(),
            worst=None,
            curves=(points, guide),
            also=(replace(measured, name=f"sensitivity of tiny-chat, {name}"),),
            sentence=f"{name} drifts from float32 by {0.05 * seed:.3f}, within at_most=0.2",
        )
        found.append(replace(made, model=system(model("tiny-chat"), seed)))
    return tuple(found)
