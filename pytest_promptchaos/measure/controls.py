"""The guards of a neighborhood: is there evidence at all?

Noise floor from the identical control, the positive control, the effective n, the embedder's
truncation and the edits that the template erased.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, TypeAlias

from pytest_promptchaos.measure.averages import judged
from pytest_promptchaos.measure.distances import JS_FLOOR
from pytest_promptchaos.measure.pairs import distances
from pytest_promptchaos.records import Control

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_promptchaos.measure.distances import Metric
    from pytest_promptchaos.measure.pairs import Lens, Observed
    from pytest_promptchaos.records import Pair, Run, Rung


Floors: TypeAlias = "Mapping[str, Mapping[str, float]]"
"""By distance, by prompt: the largest that the prompt's own repeats showed."""


def noise_floor(
    observed: Sequence[Observed], metric: Metric, lens: Lens
) -> tuple[tuple[Control, ...], Mapping[str, float]]:
    """Return the arms of the identical control, and each prompt's own floor.

    An arm's value is its largest distance over the prompts, and gates the verdict; a prompt's
    floor is the largest distance over its arms, and is subtracted from its neighbors.
    """
    measured = _arms(observed, metric, lens)
    controls = [_arm(name, ARMS[name][0], observed, measured[name], metric) for name in ARMS]
    elsewhere = Control(
        name="device or worker",
        role="note",
        state="absent",
        words="not measured: one process on one device made these runs",
    )
    return (*controls, elsewhere), floors_of(observed, metric, lens)[metric]


def floors_of(observed: Sequence[Observed], metric: Metric, lens: Lens) -> Floors:
    """Return each prompt's floor of every distance, prefix lengths included."""
    measured = _arms(observed, metric, lens)
    floors: dict[str, dict[str, float]] = {}
    for place, o in enumerate(observed):
        for distance in (m for by_prompt in measured.values() for m in by_prompt[place]):
            for key, value in distance.items():
                of_key = floors.setdefault(key, {})
                of_key[o.center.prompt.id] = max(value, of_key.get(o.center.prompt.id, 0.0))
    return floors


def _arms(
    observed: Sequence[Observed], metric: Metric, lens: Lens
) -> dict[str, list[list[dict[str, float]]]]:
    """Return the distances of every arm's pairs, by prompt."""
    return {
        name: [[_distances(a, b, lens, metric) for a, b in arm(o)] for o in observed]
        for name, (_, arm) in ARMS.items()
    }


def _distances(a: Run, b: Run, lens: Lens, metric: Metric) -> dict[str, float]:
    # An answer that is read in neither of two repeats of one prompt has not changed.
    return {metric: 0.0} | distances(a, b, lens.semantics, lens.lengths, lens.read)


def _identical(observed: Observed) -> list[tuple[Run, Run]]:
    neighbors = observed.neighborhood.neighbors
    return [(observed.center, observed.runs[n.id]) for n in neighbors if n.rung == "identical"]


ARMS: Mapping[str, tuple[str, Callable[[Observed], list[tuple[Run, Run]]]]] = {
    "identical control": ("the same prompt twice in one batch", _identical),
    "run to run": ("the same prompt decoded again", lambda o: [(o.alone[0], o.alone[1])]),
    "batch shape": ("in a batch of another size", lambda o: [(o.center, o.alone[0])]),
    "padding": ("with as little padding as it needs", lambda o: [(o.alone[0], o.unpadded)]),
}


def _arm(
    name: str,
    words: str,
    observed: Sequence[Observed],
    measured: Sequence[Sequence[Mapping[str, float]]],
    metric: Metric,
) -> Control:
    without = [o.center.prompt.id for o, m in zip(observed, measured, strict=True) if not m]
    if without:
        told = f"no identical control was run for {', '.join(without)}"
        return Control(name=name, role="gate", state="failed", words=told)
    every = [m for of_prompt in measured for m in of_prompt]
    largest, js = (max(m[key] for m in every) for key in (metric, "js"))
    logits = f"JS {js:.2g} nats" if js > JS_FLOOR else "JS within float32 rounding"
    exact = "exactly zero" if largest == js == 0.0 else f"largest {largest:.3g}, {logits}"
    told = f"{words}: {exact} ({len(every)}x)"
    return Control(name=name, role="floor", state="held", words=told, value=largest)


def positive_control(pairs: Sequence[Pair], metric: Metric, floors: Mapping[str, float]) -> Control:
    """Return whether every meaning-changing edit was seen by the metric that is judged.

    Its value is the smallest distance among them, in excess of the prompt's noise floor like the
    judged number itself: a limit above it could not fail.
    """
    run = judged(pairs, ("positive_control",))
    seen = [p for p in run if metric in p.distances]
    without = sorted({p.prompt_id for p in pairs} - {p.prompt_id for p in seen})
    if without or not seen:
        what = "was run" if not run else "was run whose output could be measured"
        return Control(
            name="positive control",
            role="gate",
            state="failed",
            words=f"no meaning-changing edit {what} for {', '.join(without) or 'any prompt'}, so "
            "nothing shows that the metric can see one there",
        )
    excess = {p.neighbor_id: p.distances[metric] - floors.get(p.prompt_id, 0.0) for p in seen}
    weakest = min(seen, key=lambda p: excess[p.neighbor_id])
    value = excess[weakest.neighbor_id]
    blind = "" if value > 0 else ": not seen above the noise floor"
    return Control(
        name="positive control",
        role="detection",
        state="failed" if blind else "held",
        words=f"{len(seen)} meaning-changing edits, smallest distance {value:.3f} "
        f"(prompt {weakest.prompt_id!r}, {weakest.edit}){blind}",
        value=value,
    )


def effective_count(pairs: Sequence[Pair], rungs: Sequence[Rung], least: int) -> Control:
    """Return whether enough neighbors differ after template and tokenizer to judge at all."""
    asked = [p for p in pairs if p.rung in rungs]
    kept = {p.neighbor_id for p in asked if p.certification == "effective" and p.gates}
    effective = len(kept)
    lost = Counter(
        "unreviewed" if p.certification == "effective" else p.certification
        for p in asked
        if p.neighbor_id not in kept
    )
    told = "".join(f", {count} {name}" for name, count in sorted(lost.items()))
    empty = {p.prompt_id for p in pairs} - {p.prompt_id for p in asked if p.neighbor_id in kept}
    told += f", none for {', '.join(sorted(empty))}" if empty else ""
    return Control(
        name="minimum effective n",
        role="gate",
        state="held" if effective >= least else "failed",
        words=f"{effective} of {len(asked)} neighbors differ for the model and are judged{told}; "
        f"{least} needed",
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
