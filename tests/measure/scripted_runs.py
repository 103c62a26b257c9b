"""Runs and neighborhoods whose outputs are told, for measures whose answers are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.measure.pairs import END, Observed
from pytest_promptchaos.records import (
    ModelIdentity,
    Neighbor,
    Neighborhood,
    Prompt,
    Run,
    Rung,
    Step,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MODEL = ModelIdentity(
    pin="scripted:known",
    name="known",
    revision="",
    fingerprint="0",
    template="none",
    dtype="float32",
    device="cpu",
    attention="none",
)


def run(
    prompt: Prompt,
    output: str,
    *,
    horizon: int = 64,
    margins: Sequence[float] = (),
    confidence: float = 0.5,
) -> Run:
    """A run that emits one token per word and ends, unless the horizon cuts it.

    ``margins`` are those of the first steps, 1 beyond; ``confidence`` is the top-1 probability at
    the prompt's end.
    """
    words = (*(f"{word} " for word in output.split()), END)[:horizon]
    ids = tuple(sum(place * byte for place, byte in enumerate(w.encode(), 1)) for w in words)
    margin = [*margins, *[1.0] * len(words)]
    return Run(
        key=f"{prompt.text}:{output}",
        prompt=prompt,
        prompt_ids=tuple(prompt.text.encode()),
        output_ids=ids,
        tokens=words,
        text="".join(words).removesuffix(END).rstrip(),
        steps=tuple(
            Step(top1=i, top2=0, logit1=margin[step], logit2=0.0) for step, i in enumerate(ids)
        ),
        finish="end" if words and words[-1] == END else "horizon",
        horizon=horizon,
        batch_shape=(4, 16),
        repeat=0,
        model=MODEL,
        seconds=0.0,
        prompt_logits=np.log(np.array([confidence, 1 - confidence], dtype=np.float32)),
        prompt_hidden=np.ones((3, 2), dtype=np.float32),
    )


def observed(
    prompt: str,
    center: str,
    answers: Mapping[Rung, Sequence[str]],
    *,
    horizon: int = 64,
    margins: Sequence[float] = (),
    confidence: float = 0.5,
) -> Observed:
    """A neighborhood whose neighbors on each rung answer as told, one neighbor per answer."""
    asked = Prompt(id=prompt, text=f"{prompt}?")
    neighbors, runs = [], {}
    for rung, outputs in answers.items():
        for number, output in enumerate(outputs):
            name = f"{prompt}/{rung}/{number}"
            edited = Prompt(id=name, text=f"{prompt}? {rung} {number}")
            neighbors.append(
                Neighbor(
                    id=name,
                    prompt=edited,
                    rung=rung,
                    kind="told",
                    edit=f"{rung} {number}",
                    origin="mechanical",
                    certification="identical" if rung == "identical" else "effective",
                    token_delta=1,
                )
            )
            runs[name] = run(edited, output, horizon=horizon, margins=margins)
    first = run(asked, center, horizon=horizon, margins=margins, confidence=confidence)
    built = Neighborhood(center=asked, neighbors=tuple(neighbors), seed=0, ladder_version=1)
    return Observed(
        neighborhood=built, center=first, runs=runs, alone=(first, first), unpadded=first
    )
