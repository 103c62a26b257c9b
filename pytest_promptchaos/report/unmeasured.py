"""What was not measured, and why: every gap of the records, counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_promptchaos.report.controls import control_of
from pytest_promptchaos.report.distances import distance_words
from pytest_promptchaos.report.legible import plural

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_promptchaos.records import Measurement, Pair, Verdict
    from pytest_promptchaos.report.overview import Judged


@dataclass(frozen=True, kw_only=True)
class Gap:
    """Something that has no number: for which model, what, why, and how often."""

    model: str
    what: str
    why: str
    times: int


def gaps(verdicts: Sequence[Judged]) -> tuple[Gap, ...]:
    """Return the gaps of all verdicts, by model, alike ones counted together."""
    found = Counter(gap for one in verdicts for gap in _gaps_of_verdict(one))
    return tuple(
        Gap(model=model, what=what, why=why, times=times)
        for (model, what, why), times in sorted(found.items())
    )


def _gaps_of_verdict(one: Judged) -> Iterator[tuple[str, str, str]]:
    """Yield (model, what, why); the control of a compared system is that system's."""
    for control in one.verdict.controls:
        if control.state == "absent":
            name, model = control_of(one, control)
            yield model, f"control: {name}", control.words
    for what, why in _gaps_of_numbers(one.verdict):
        yield one.model, what, why


def _gaps_of_numbers(verdict: Verdict) -> Iterator[tuple[str, str]]:
    for measurement in (verdict.measurement, *verdict.also):
        yield from _absent(measurement, measurement.name)
    for pair in verdict.pairs:
        yield from _gaps_of_pair(pair)
    for sample in verdict.samples:
        if sample.quadrant is None:
            yield "quadrant", sample.reason or "no reason was recorded"
    for card in verdict.cards:
        for rescue in card.rescue:
            if not rescue.rescue:
                yield f"rescue map, {rescue.direction}", rescue.reason or "no reason was recorded"


def _absent(measurement: Measurement, name: str) -> Iterator[tuple[str, str]]:
    if measurement.value is None:
        yield name, measurement.reason or "no reason was recorded"
    for part in measurement.breakdown:
        yield from _absent(part, f"{name}, {part.name}")


def _gaps_of_pair(pair: Pair) -> Iterable[tuple[str, str]]:
    if pair.certification == "erased":
        reason = "erased by the template: the model would have seen the same tokens"
        return [(f"{pair.rung} edit \u201c{pair.kind}\u201d", reason)]
    edit = f"{pair.rung} edit \u201c{pair.kind}\u201d"
    found = [(f"{distance_words(name)}, {edit}", reason) for name, reason in pair.missing]
    if pair.truncated:
        found.append((f"full text, {edit}", "an output was longer than the embedder reads"))
    return found


def times_words(gap: Gap) -> str:
    """Return how often the gap was met, such as ``"3 times"``."""
    return "once" if gap.times == 1 else plural(gap.times, "time")
