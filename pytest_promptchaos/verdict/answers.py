"""Wording of propositions asked in several phrasings: quadrants, the worst sample, what to do."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pytest_promptchaos.records import QUADRANTS
from pytest_promptchaos.verdict.numbers import valued

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_promptchaos.records import Answer, Findings, Measurement, Quadrant, Sample

FLIPS = "flip_rate"
"""The measurement whose parts are the kinds of phrasings."""
MEANINGS: Mapping[Quadrant, str] = {
    "ideal": "agree, and rest on the image",
    "fragile": "rest on it only",
    "dangerous": "look sure, and do not rest on it",
    "worst": "neither",
}
SHOWN = {
    "removed": "nothing shown",
    "swapped": "another one",
    "perturbed": "perturbed",
}
"""How something other than the thing asked about was shown, in the words of a failure text."""
LONGEST = 72
"""Characters of a question that a failure text shows."""
MENDS: Mapping[str, str] = {
    "image reliance": "  no answer follows the image: does the picture reach the model (a pin of "
    "a vision-language class, a template with a place for it; a passage in full), and do the "
    "swapped ones differ?",
    "positive control": "  answers do not follow the proposition either: ask about findings whose "
    "truth differs on one image, and say so with truth=",
    "image perturbed": "  answers move with brightness or a crop as with another image: nothing "
    "tells reliance on the image from noise",
    "accuracy": "  answers follow the image, but not what is in it: check the truths, and that "
    "the question names what they speak of",
    "unclear answers": "  say in the question how to answer ('Answer yes or no.'), or raise "
    "horizon=",
}
"""What to do where a control of answers failed, by its name."""


def quadrants_line(samples: Sequence[Sample]) -> list[str]:
    """Return how many samples stand in which quadrant, in one line; nothing without samples."""
    counts = Counter(one.quadrant for one in samples)
    known = len(samples) - counts[None]
    told = [f"{counts[name]} {name} ({MEANINGS[name]})" for name in QUADRANTS if counts[name]]
    if counts[None]:
        told.append(f"{counts[None]} without a quadrant ({_commonest_reason(samples)})")
    of = f"{known} of {len(samples)}" if counts[None] else f"{known}"
    return [f"  quadrants of {of} samples: {', '.join(told)}"] if samples else []


def _commonest_reason(samples: Iterable[Sample]) -> str:
    reasons = Counter(one.reason or "no reason was recorded" for one in samples if not one.quadrant)
    (first, _), *others = reasons.most_common()
    if not others:
        return first
    return f"{first}, and {len(others)} more reason{'s' if len(others) > 1 else ''}"


def worst_sample(samples: Sequence[Sample]) -> list[str]:
    """Return the sample that shows the number best, as lines.

    It is the one that contradicts itself most, or where none does, one that does without the
    image, or one that leaves its answer open; nothing where every sample is ideal.
    """
    flipping = [one for one in samples if one.flips]
    if flipping:
        return _contradiction(max(flipping, key=_severity))
    blind = [one for one in samples if one.quadrant == "dangerous"]
    if blind:
        return _blindness(blind[0])
    vague = [one for one in samples if _unclear(one)]
    return _vagueness(max(vague, key=lambda one: len(_unclear(one)))) if vague else []


def _severity(sample: Sample) -> tuple[float, float]:
    """Return the share of phrasings that flip, and how sure the surest pair of answers is."""
    found = sample.flips
    return len(found) / len(sample.as_is), min(_sure(sample.as_is[0]), max(map(_sure, found)))


def _sure(answer: Answer) -> float:
    return abs(answer.margin or 0.0)


def _contradiction(sample: Sample) -> list[str]:
    found, base = sample.flips, sample.as_is[0]
    count = f"{len(found)} of {len(sample.as_is) - 1} phrasings contradict the first"
    return [
        *_heading(sample, f"{count}{_quadrant(sample)}"),
        *_answered({f"- {_cut(one.question)}": one for one in (base, max(found, key=_sure))}),
    ]


def _blindness(sample: Sample) -> list[str]:
    base = sample.as_is[0]
    others = [
        one for one in sample.answers if one.condition in SHOWN and one.question == base.question
    ]
    lines = {"- as it is": base} | {f"- {_shown(one)}": one for one in others}
    return [
        *_heading(sample, f"what is shown alone does not decide the answer{_quadrant(sample)}"),
        f"  asked     {_cut(base.question)}",
        *_answered(lines),
    ]


def _unclear(sample: Sample) -> tuple[Answer, ...]:
    return tuple(one for one in sample.as_is if one.affirms is None)


def _vagueness(sample: Sample) -> list[str]:
    found = _unclear(sample)
    told = f"{len(found)} of {len(sample.as_is)} answers are unclear{_quadrant(sample)}"
    said = f"  - {_cut(found[0].question)}  answered {_cut(found[0].text)}"
    return [*_heading(sample, told), f"{said}: {found[0].rule}"]


def _heading(sample: Sample, told: str) -> list[str]:
    holds = {True: " (it holds)", False: " (it does not hold)", None: ""}[sample.truth]
    return ["", f"worst sample: {sample.proposition!r} of {sample.shown!r}{holds}: {told}"]


def _quadrant(sample: Sample) -> str:
    return f"; {sample.quadrant}" if sample.quadrant else ""


def _shown(answer: Answer) -> str:
    words = SHOWN[answer.condition]
    return f"{words}: {answer.change}" if answer.change else words


def _answered(lines: Mapping[str, Answer]) -> Iterator[str]:
    """Yield answers beneath each other: what was asked or shown, what was said, and the margin."""
    room = max(map(len, lines))
    for words, answer in lines.items():
        margin = "" if answer.margin is None else f", margin {answer.margin:+.2f}"
        yield f"  {words:{room}}  {answer.said}: {_meant(answer)}{margin}"


def _meant(answer: Answer) -> str:
    return {True: "affirmed", False: "denied", None: "neither"}[answer.affirms]


def _cut(question: str) -> str:
    told = question if len(question) <= LONGEST else question[:LONGEST] + "…"
    return repr(told)


def look(findings: Findings) -> str:
    """Return where to look in the report, by what most samples that are not ideal lack."""
    counts = Counter(one.quadrant for one in findings.samples)
    if counts["dangerous"] > counts["fragile"] + counts["worst"]:
        return (
            "look at the dangerous samples in the report: their answers agree, or are one word, "
            "and do not rest on what is shown, so a low flip rate is no merit there"
        )
    named = [part for part in _kinds(findings) if part.value]
    most = max(named, key=lambda part: part.value or 0.0) if named else None
    told = f"; {most.name!r} flips most, {valued(most)}" if most else ""
    return f"read the flips by phrasing kind in the report{told}"


def _kinds(findings: Findings) -> tuple[Measurement, ...]:
    taken = (findings.measurement, *findings.also)
    return next((one.breakdown for one in taken if one.name == FLIPS), ())


def mend_answers(findings: Findings) -> list[str]:
    """Return what to change where a control of answers failed, as lines; empty for none."""
    failed = {control.name for control in findings.controls if control.state == "failed"}
    return [told for name, told in MENDS.items() if name in failed and findings.samples]
