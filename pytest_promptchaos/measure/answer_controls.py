"""Samples -> guards: is the image used at all, is the proposition, and are answers read?"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import combinations
from statistics import median
from typing import TYPE_CHECKING

from pytest_promptchaos.measure.reliance import RELIANCE, image_perturbed, image_reliance
from pytest_promptchaos.records import Control

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_promptchaos.measure.quadrants import Reliance
    from pytest_promptchaos.records import Sample

MOST_UNCLEAR = 0.5
"""Above this share of unclear answers those that are clear are a selection."""
POSITIVE = "positive control"
NAMED = 3
"""Of reasons and rules, as many are told."""


def answer_controls(
    samples: Sequence[Sample], *, reliance: Reliance = "swapped", images: str = "images"
) -> tuple[Control, ...]:
    """Return the guards of answers to propositions; ``images`` names what is shown, in plural.

    ``reliance`` is what the answers' reliance was asked by.

    ``image reliance`` and ``positive control`` fail for a model that ignores the image or the
    proposition: its low flip rate is no merit, and a limit on flips is then void. The share of
    ideal samples needs no such guard, because a sample that ignores the image is not ideal: hold
    a limit on that share against :func:`as_notes` of these controls.
    """
    image = images[:-1]
    return (
        image_reliance(samples, reliance=reliance, image=image),
        image_perturbed(samples, image=image),
        positive_control(samples, image=image),
        unclear_answers(samples),
        *_without_quadrant(samples),
        *_one_polarity(samples),
        *_truths(samples),
        *_margins(samples),
    )


def as_notes(controls: Sequence[Control]) -> tuple[Control, ...]:
    """Return controls in which reliance and the positive control tell, and void nothing.

    For a limit on the share of ideal samples: there a model that ignores the image has a value, 0,
    and fails with it.
    """
    return tuple(
        replace(one, role="note", state="held" if one.state == "failed" else one.state)
        if one.name in {RELIANCE, POSITIVE}
        else one
        for one in controls
    )


def positive_control(samples: Sequence[Sample], *, image: str = "image") -> Control:
    """Return whether asking about something else changes the answer.

    Pairs are base questions about two propositions on one image whose truths differ; the value is
    the share of pairs whose answers differ, and a limit on flips above it could not fail. Where no
    truth is known, pairs are all of them, and right answers may well be alike: a note, then.
    """
    if len({one.proposition for one in samples}) < 2:
        words = "one proposition only: nothing shows that asking about something else is heard"
        return Control(name=POSITIVE, role="detection", state="absent", words=words)
    pairs = list(_on_one_image(samples))
    known = any(one.truth is not None for one in samples)
    if known:
        pairs = [(a, b) for a, b in pairs if {a.truth, b.truth} == {True, False}]
    of = f"two propositions on one {image}" + (", one true and one false" if known else "")
    if not pairs:
        words = f"no clear answers to {of}, so nothing shows that the proposition is heard"
        return Control(name=POSITIVE, role="detection", state="absent", words=words)
    differ = sum(a.as_is[0].affirms is not b.as_is[0].affirms for a, b in pairs)
    deaf = "" if differ else ": this model answers alike whatever it is asked about"
    may = "" if known else "; no truth is known, so they may rightly be alike: declare truths"
    return Control(
        name=POSITIVE,
        role="detection" if known else "note",
        state="held" if differ or not known else "failed",
        words=f"base answers to {of} differ in {differ} of {len(pairs)} pairs{may or deaf}",
        value=differ / len(pairs),
    )


def _on_one_image(samples: Sequence[Sample]) -> Iterator[tuple[Sample, Sample]]:
    """Yield every two samples of one image whose base answers are clear."""
    by_image: dict[str, list[Sample]] = {}
    for one in samples:
        if one.as_is[0].affirms is not None:
            by_image.setdefault(one.shown, []).append(one)
    for together in by_image.values():
        yield from combinations(together, 2)


def unclear_answers(samples: Sequence[Sample]) -> Control:
    """Return how many answers are neither yes nor no, under which condition, by which rule.

    Fails where more than ``MOST_UNCLEAR`` of the as-is answers are.
    """
    every = [answer for one in samples for answer in one.answers]
    unclear = [answer for answer in every if answer.said == "unclear"]
    asked = sum(answer.condition == "as is" for answer in every)
    as_is = sum(answer.condition == "as is" for answer in unclear)
    told = f"{len(unclear)} of {len(every)} answers are unclear"
    if unclear:
        where = Counter(answer.condition for answer in unclear)
        rules = Counter(answer.rule for answer in unclear).most_common(NAMED)
        told += f" ({', '.join(f'{where[name]} {name}' for name in where)}); most often: "
        told += "; ".join(f"{rule} ({count}x)" for rule, count in rules)
    share = as_is / asked if asked else 0.0
    failed = share > MOST_UNCLEAR
    return Control(
        name="unclear answers",
        role="gate",
        state="failed" if failed else "held",
        words=told + (": more than half, so what was read is a selection" if failed else ""),
        value=share,
    )


def asked_again(samples: Sequence[Sample]) -> Control:
    """Return the noise floor: the share of second answers to the base phrasing read otherwise.

    An answer that is clear in one of the two only is read otherwise, too.
    """
    pairs = [
        (one.as_is[0], answer)
        for one in samples
        for answer in one.answers
        if answer.condition == "again"
    ]
    if not pairs:
        return Control(
            name="asked again",
            role="floor",
            state="absent",
            words="the base phrasing was not asked a second time, so how much of a flip is noise "
            "is not known",
        )
    read, worded = (
        sum(getattr(a, name) != getattr(b, name) for a, b in pairs) for name in ("affirms", "text")
    )
    return Control(
        name="asked again",
        role="floor",
        state="held",
        words=f"the base phrasing asked a second time: {read} of {len(pairs)} answers are read "
        f"otherwise, {worded} worded otherwise",
        value=read / len(pairs),
    )


# -- notes ----------------------------------------------------------------------------------------


def _without_quadrant(samples: Sequence[Sample]) -> Iterator[Control]:
    missing = [one for one in samples if one.quadrant is None]
    if missing:
        reasons = Counter(one.reason or "no reason was recorded" for one in missing)
        told = "; ".join(f"{reason} ({n}x)" for reason, n in reasons.most_common(NAMED))
        words = f"{len(missing)} of {len(samples)} samples have no quadrant: {told}"
        yield _note("samples without a quadrant", words, len(missing) / len(samples))


def _one_polarity(samples: Sequence[Sample]) -> Iterator[Control]:
    """Yield that some samples could not have shown a yes to everything as flips."""
    one_sided = [one for one in samples if len({answer.polarity for answer in one.as_is}) == 1]
    if one_sided:
        words = f"{len(one_sided)} of {len(samples)} samples are asked in one polarity only: a "
        words += "model that gives one answer to everything looks consistent there"
        yield _note("polarities", words, len(one_sided) / len(samples))


def _truths(samples: Sequence[Sample]) -> Iterator[Control]:
    """Yield what always answering alike would be worth, beside an accuracy."""
    known = [one.truth for one in samples if one.truth is not None]
    if known:
        true = sum(known)
        alike = max(true, len(known) - true) / len(known)
        words = f"{true} of {len(known)} propositions with a known truth hold: always affirming, "
        yield _note("truths", f"{words}or always denying, would be right in {alike:.0%}", alike)


def _margins(samples: Sequence[Sample]) -> Iterator[Control]:
    """Yield how far margins and answers agree, and how much probability the margins speak of."""
    told = [a for one in samples for a in one.as_is if a.margin is not None and a.said != "unclear"]
    if not told:
        return
    against = sum(
        (answer.margin or 0.0) * (1 if answer.said == "yes" else -1) < 0 for answer in told
    )
    masses = [answer.mass for answer in told if answer.mass is not None]
    words = f"the yes-minus-no margin is against the answer in {against} of {len(told)} clear ones"
    if masses:
        words += f"; the declared tokens hold {median(masses):.0%} of the probability (median)"
    yield _note("margins", words, against / len(told))


def _note(name: str, words: str, value: float) -> Control:
    return Control(name=name, role="note", state="held", words=words, value=value)
