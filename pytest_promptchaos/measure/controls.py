"""The guards of a neighborhood: is there evidence at all?

Noise floor from the identical control, the positive control, the effective n, the embedder's
truncation and the edits that the template erased.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal

from pytest_promptchaos.measure.pairs import distances
from pytest_promptchaos.records import Control

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.measure.pairs import Observed, Semantics
    from pytest_promptchaos.records import Pair, Run, Rung

Metric = Literal["semantic", "token_edit"]


def noise_floor(
    observed: Sequence[Observed], metric: Metric, semantics: Semantics | None
) -> tuple[Control, ...]:
    """Return the three arms of the identical control, each with its largest distance."""
    batched = [
        (o.center, o.runs[n.id])
        for o in observed
        for n in o.neighborhood.neighbors
        if n.rung == "identical"
    ]
    again = [o.alone for o in observed]
    shape = [(o.center, o.alone[0]) for o in observed]
    return (
        _arm("identical control", "the same prompt twice in one batch", batched, metric, semantics),
        _arm("run to run", "the same prompt decoded again by itself", again, metric, semantics),
        _arm("batch shape", "alone against inside the batch", shape, metric, semantics),
        Control(
            name="device or worker",
            role="note",
            state="absent",
            words="not measured: one process on one device made these runs",
        ),
    )


def _arm(
    name: str,
    words: str,
    pairs: Sequence[tuple[Run, Run]],
    metric: Metric,
    semantics: Semantics | None,
) -> Control:
    if not pairs:
        return Control(name=name, role="gate", state="failed", words="no identical control was run")
    measured = [distances(a, b, semantics) for a, b in pairs]
    largest = max(m[metric] for m in measured)
    js = max(m["js"] for m in measured)
    exact = "exactly zero" if largest == js == 0.0 else f"largest {largest:.3g}, JS {js:.2g} nats"
    return Control(
        name=name,
        role="floor",
        state="held",
        words=f"{words}: {exact} ({len(pairs)}x)",
        value=largest,
    )


def positive_control(pairs: Sequence[Pair], metric: Metric, floor: float) -> Control:
    """Return whether every meaning-changing edit was seen by the metric that is judged.

    Its value is the smallest distance among them: a limit above it could not fail.
    """
    seen = [p for p in pairs if p.rung == "positive_control" and p.certification == "effective"]
    if not seen:
        return Control(
            name="positive control",
            role="gate",
            state="failed",
            words="no meaning-changing edit was run, so nothing shows that the metric can see one",
        )
    weakest = min(seen, key=lambda p: p.distances[metric])
    value = weakest.distances[metric]
    blind = value <= floor
    return Control(
        name="positive control",
        role="detection",
        state="failed" if blind else "held",
        words=(
            f"{len(seen)} meaning-changing edits, smallest distance {value:.3f} "
            f"(prompt {weakest.prompt_id!r}, {weakest.edit})"
            + (": not seen above the noise floor" if blind else "")
        ),
        value=value,
    )


def effective_count(pairs: Sequence[Pair], rungs: Sequence[Rung], least: int) -> Control:
    """Return whether enough neighbors differ after template and tokenizer to judge at all."""
    asked = [p for p in pairs if p.rung in rungs]
    effective = sum(p.certification == "effective" for p in asked)
    lost = Counter(p.certification for p in asked if p.certification != "effective")
    told = "".join(f", {count} {name}" for name, count in sorted(lost.items()))
    return Control(
        name="minimum effective n",
        role="gate",
        state="held" if effective >= least else "failed",
        words=f"{effective} of {len(asked)} neighbors differ for the model{told}; {least} needed",
        value=float(effective),
    )


def truncation(pairs: Sequence[Pair], embedder: str) -> Control:
    """Return how many comparisons the embedder cut short; such a distance misses the rest."""
    run = [p for p in pairs if p.distances]
    cut = sum(p.truncated for p in run)
    return Control(
        name="embedder",
        role="note",
        state="held",
        words=f"{embedder}; {cut} of {len(run)} comparisons truncated",
        value=cut / len(run) if run else 0.0,
    )
