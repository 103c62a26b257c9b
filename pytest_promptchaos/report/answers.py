"""What was answered to propositions asked in several phrasings: measurements and quadrants."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_promptchaos.records import QUADRANTS
from pytest_promptchaos.report.legible import number, one_line, plural
from pytest_promptchaos.report.overview import name_of_test
from pytest_promptchaos.report.pooling import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_promptchaos.records import Measurement, Overlay, Quadrant, Sample
    from pytest_promptchaos.report.charts import Figure
    from pytest_promptchaos.report.overview import Judged
    from pytest_promptchaos.report.pooling import Kind

MEANINGS: Mapping[str, str] = {
    "ideal_share": "samples whose phrasings agree and whose answer rests on what is shown",
    "fragile_share": "samples whose answer rests on what is shown, and on the wording",
    "dangerous_share": "samples whose answers agree, or are one word, and do not rest on what "
    "is shown",
    "worst_share": "samples whose answer rests on the wording, whatever is shown",
    "flip_rate": "phrasings that contradict the first one, averaged over samples",
    "pairwise_flip_rate": "pairs of phrasings that contradict each other",
    "inconsistent_samples": "samples whose phrasings do not all agree",
    "parse_rate": "answers that are a yes or a no",
    "text_only_agreement": "samples whose answer is the same with nothing shown",
    "accuracy": "answers that are right, of those whose truth is known",
    "text_only_accuracy": "the same with nothing shown",
    "focus similarity": "how alike the attention to the image of two phrasings is",
    "P(stable | flip)": "pairs of phrasings that looked alike, of those that contradict each other",
    "P(stable | no flip)": "pairs that looked alike, of those that agree",
    "stable-focus lift": "the one over the other: at 1, where a model looks tells no flip",
    "stable-focus difference": "the one minus the other: at 0, where a model looks tells no flip",
}
"""What the measurements of answers say."""
COUNTED = ", unclear counted as "
"""What stands in the name of a bound, between a measurement and how it counts unclear answers."""
SHARES: Mapping[Quadrant, str] = {name: f"{name}_share" for name in QUADRANTS}
QUADRANT_MEANINGS: Mapping[Quadrant, str] = {
    "ideal": "the answer follows what is shown, however it is asked",
    "fragile": "the answer follows what is shown, and turns over with the wording",
    "dangerous": "the answer, or its very word, stays however it is asked, and whatever is "
    "shown, or moves with any change: it looks sure, and does not rest on what is shown",
    "worst": "the answer turns over with the wording, and does not follow what is shown",
}
READINGS: Mapping[str, str] = {
    "divergence of two phrasings": "How far the states of two phrasings about the same image lie "
    "apart, place by place from the first layer to the last. Two answers of one word end close "
    "together and two words apart, whatever they say of the image: hold flips against agreements "
    "of the same kind of words.",
    "spectral scaling": "The same questions with the largest singular value of every matrix of "
    "the chosen layers scaled by a factor; at 1 the model is as it is. A flip rate that falls "
    "together with the accuracy is no repair.",
}
"""How a figure is read, by the name of its curves."""
PASSAGES = "passages"
"""What measurements rest on where texts were shown, and no images."""


@dataclass(frozen=True, kw_only=True)
class Asking:
    """The samples of one or several verdicts on one model, with everything measured of them.

    ``reliance`` is the knob that says when an answer rests on what is shown, ``noun`` what that
    is called, an image or a passage.
    """

    name: str
    model: str
    samples: tuple[Sample, ...]
    overlays: tuple[Overlay, ...]
    measured: tuple[Measurement, ...]
    reliance: str = ""
    noun: str = "image"

    @property
    def propositions(self) -> tuple[str, ...]:
        """What was asked about, each once."""
        return tuple(dict.fromkeys(one.proposition for one in self.samples))

    @property
    def shown(self) -> tuple[str, ...]:
        """The images or passages that it was asked of, each once."""
        return tuple(dict.fromkeys(one.shown for one in self.samples))

    def taken(self, name: str) -> Measurement | None:
        """Return the measurement of that name, if it was taken."""
        return next((one for one in self.measured if one.name == name), None)


@dataclass(frozen=True, kw_only=True)
class QuadrantCell:
    """One quadrant: how many samples of those that have one, and its measured share."""

    quadrant: Quadrant
    meaning: str
    count: int
    of: int
    measured: Measurement | None


@dataclass(frozen=True, kw_only=True)
class QuadrantTable:
    """Consistent or not, by image-reliant or not; ``left_out`` says why samples have no place."""

    cells: Mapping[str, QuadrantCell]
    left_out: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class MeasuredRow:
    """One measurement over all askings, absent where it was not taken.

    ``bounds`` say of each asking between what the value lies as unclear answers are counted; they
    are empty where that changes nothing.
    """

    name: str
    meaning: str
    cells: tuple[Measurement | None, ...]
    bounds: tuple[str, ...]


def askings(verdicts: Sequence[Judged]) -> tuple[Asking, ...]:
    """Return the askings in the order of the verdicts; verdicts on the same answers are one.

    A measurement that two verdicts took alike counts once. Askings of one model are told apart by
    their test, and by their propositions where that is the same too.
    """
    found: dict[tuple[str, tuple[Sample, ...]], list[Judged]] = {}
    for one in verdicts:
        if one.verdict.samples:
            found.setdefault((one.model, one.verdict.samples), []).append(one)
    made = [(_asking(group), name_of_test(group[0])) for group in found.values()]
    tested = [(f"{one.name} ({test})", one) for one, test in made]
    models, tests = Counter(one.name for one, _ in made), Counter(name for name, _ in tested)
    return tuple(
        one
        if models[one.name] == 1
        else replace(one, name=name if tests[name] == 1 else _about(name, one))
        for name, one in tested
    )


def _about(name: str, one: Asking) -> str:
    return one_line(f"{name}: {', '.join(one.propositions)}")


def _asking(group: Sequence[Judged]) -> Asking:
    verdicts = [one.verdict for one in group]
    measured = {
        one.name: one for verdict in verdicts for one in (verdict.measurement, *verdict.also)
    }
    overlays: list[Overlay] = []
    for verdict in verdicts:
        overlays += [one for one in verdict.overlays if one not in overlays]
    return Asking(
        name=group[0].model,
        model=group[0].model,
        samples=verdicts[0].samples,
        overlays=tuple(overlays),
        measured=_known_first(measured),
        reliance=str(verdicts[0].settings.get("reliance", "")),
        noun="passage" if PASSAGES in {one.resampled for one in measured.values()} else "image",
    )


def _known_first(measured: Mapping[str, Measurement]) -> tuple[Measurement, ...]:
    """Return the measurements, those with a meaning first and in its order, whatever was judged."""
    names = [*(name for name in MEANINGS if name in measured), *measured]
    return tuple(measured[name] for name in dict.fromkeys(names))


def answer_kinds(verdicts: Sequence[Judged]) -> set[Kind]:
    """Return the kinds of curves that belong to answers."""
    asked = (one.verdict for one in verdicts if one.verdict.samples)
    return {kind_of(curve) for verdict in asked for curve in verdict.curves}


def reading(figure: Figure) -> str:
    """Return how the figure is read; empty where that is not known."""
    return READINGS.get(figure.kind[0], "")


def measured_rows(found: Sequence[Asking]) -> tuple[MeasuredRow, ...]:
    """Return a row per measurement, its cells in the order of the askings.

    What a measurement is with unclear answers counted one way or the other stands in its row.
    """
    taken = (one.name for asking in found for one in asking.measured if COUNTED not in one.name)
    names = dict.fromkeys(taken)
    known = [*(name for name in MEANINGS if name in names), *names]
    return tuple(
        MeasuredRow(
            name=one_line(name.replace("_", " ").replace("text only", "text-only")),
            meaning=MEANINGS.get(name, ""),
            cells=tuple(asking.taken(name) for asking in found),
            bounds=tuple(_bounds(asking, name) for asking in found),
        )
        for name in dict.fromkeys(known)
    )


def _bounds(asking: Asking, name: str) -> str:
    bounds = (one.value for one in asking.measured if one.name.startswith(f"{name}{COUNTED}"))
    known = sorted({value for value in bounds if value is not None})
    if len(known) < 2:
        return ""
    return f"{number(known[0])} to {number(known[-1])} as unclear answers are counted"


def quadrant_table(asking: Asking) -> QuadrantTable:
    """Return the four quadrants by name, and why samples are in none of them, each counted."""
    counts = Counter(one.quadrant for one in asking.samples)
    of = len(asking.samples) - counts[None]
    reasons = Counter(one.reason or "no reason was recorded" for one in _placeless(asking))
    return QuadrantTable(
        cells={
            name: QuadrantCell(
                quadrant=name,
                meaning=QUADRANT_MEANINGS[name],
                count=counts[name],
                of=of,
                measured=asking.taken(SHARES[name]),
            )
            for name in QUADRANTS
        },
        left_out=tuple(
            f"{plural(count, 'sample')} without a quadrant: {one_line(reason)}"
            for reason, count in reasons.most_common()
        ),
    )


def _placeless(asking: Asking) -> Iterator[Sample]:
    return (one for one in asking.samples if one.quadrant is None)
