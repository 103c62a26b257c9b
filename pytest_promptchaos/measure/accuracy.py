"""Samples -> the share of right answers, with the image and without, and what stays without it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_promptchaos.measure.by_image import share_by_image
from pytest_promptchaos.measure.flips import kinds
from pytest_promptchaos.records import Control

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_promptchaos.records import Answer, Condition, Measurement, Sample

WRONG, RIGHT = "unclear counted as wrong", "unclear counted as right"
NAMES: tuple[tuple[Condition, str], ...] = (
    ("as is", "accuracy"),
    ("removed", "text_only_accuracy"),
)


def text_only_agreement(samples: Sequence[Sample], *, images: str = "images") -> Measurement:
    """Return the share of samples whose base answer is the same without the image.

    In the breakdown, that of each kind of phrasing. An answer that is unclear without the image
    is another one: the model then says that it needs it. Samples whose answer is unclear with the
    image, or that were not asked without it, are left out and counted. Clustered by image.
    """

    def over(name: str, chosen: Callable[[Sample], Sequence[Answer]]) -> Measurement:
        asked = [one for one in samples if chosen(one)]
        return share_by_image(
            name,
            [(one.shown, _same(one, chosen(one))) for one in asked],
            absent="no clear answer was asked again without the image",
            images=images,
            left_out="no clear answer that was asked again without the image",
        )

    parts = tuple(over(kind, _picking(kind, "as is")) for kind in kinds(samples))
    whole = over("text_only_agreement", lambda one: one.as_is[:1])
    return replace(whole, breakdown=parts)


def accuracy(
    samples: Sequence[Sample], *, condition: Condition = "as is", images: str = "images"
) -> Measurement:
    """Return the share of right answers among the clear ones, by kind in the breakdown.

    An answer is right where what it says of the proposition is the truth. A sample's value is the
    mean over its phrasings asked under ``condition``, ``"as is"`` or ``"removed"``; samples whose
    truth is not known, or that have no clear answer, count in ``n`` only. Clustered by image.
    """
    name = dict(NAMES)[condition]
    parts = tuple(_right(samples, kind, condition, images, kind=kind) for kind in kinds(samples))
    return replace(_right(samples, name, condition, images), breakdown=parts)


def accuracy_bounds(
    samples: Sequence[Sample], *, images: str = "images"
) -> tuple[Measurement, ...]:
    """Return both accuracies with every unclear answer counted as wrong, then as right."""
    return tuple(
        _right(samples, f"{name}, {told}", condition, images, unclear=unclear)
        for condition, name in NAMES
        for told, unclear in ((WRONG, False), (RIGHT, True))
    )


def follows_truth(
    samples: Sequence[Sample], found: Measurement, *, images: str = "images"
) -> Iterator[Control]:
    """Yield whether answers follow what is in the image, or only which image it is.

    ``found`` is the accuracy of the samples. The gate fails where even the upper end of its
    interval is not above what always affirming or always denying would get over the same images,
    unless true propositions are plainly affirmed more often than false ones: their intervals lie
    apart, as they may where few propositions hold and most mistakes are false alarms. Nothing is
    yielded where no truth is known; absent where only one truth occurs, which tells nothing.
    """
    known = [(one, one.truth) for one in samples if one.truth is not None]
    if not known:
        return
    clear = [(one, truth) for one, truth in known if any(a.affirms is not None for a in one.as_is)]
    if found.high is None or len({truth for _, truth in clear}) < 2:
        words = "not both a true and a false proposition have a clear answer, so nothing shows "
        words += f"that answers follow what is in the {images}"
        yield Control(name="accuracy", role="gate", state="absent", words=words)
        return
    held = share_by_image("", [(one.shown, float(truth)) for one, truth in clear], absent="").value
    alike = max(held or 0.0, 1.0 - (held or 0.0))
    true, false = (
        _affirmed([o for o, truth in clear if truth is t], images) for t in (True, False)
    )
    words = f"{found.value or 0.0:.0%} of answers are right (up to {found.high:.0%}), where always "
    words += f"affirming, or always denying, would get {alike:.0%}; true propositions are affirmed "
    words += f"in {true.value or 0.0:.0%}, false ones in {false.value or 0.0:.0%}"
    untold = (found.low or 0.0) <= alike
    blind = found.high <= alike and (true.low or 0.0) <= (false.high or 0.0)
    yield Control(
        name="accuracy",
        role="gate",
        state="failed" if blind else "held",
        words=f"{words}{_judged(blind, untold, images)}",
        value=found.value,
    )


def _judged(blind: bool, untold: bool, images: str) -> str:
    """Return what an accuracy says of what answers follow, in words."""
    if blind:
        return f": answers do not follow what is in the {images}"
    return ": not told from always saying the same" if untold else ""


def _affirmed(samples: Sequence[Sample], images: str) -> Measurement:
    """Return the share of clear answers as is that affirm the proposition."""
    values = [(one.shown, _mean([answer.affirms for answer in one.as_is])) for one in samples]
    return share_by_image("affirmed", values, absent="no clear answer", images=images)


def _right(
    samples: Sequence[Sample],
    name: str,
    condition: Condition,
    images: str,
    *,
    kind: str | None = None,
    unclear: bool | None = None,
) -> Measurement:
    """Return the share of right answers; ``unclear`` ones are left out, or right, or wrong."""
    chosen = _picking(kind, condition)
    asked = [one for one in samples if chosen(one)]
    known = sum(one.truth is not None for one in asked)
    why = (
        "none of the clear answers is to a known truth"
        if known
        else f"no truth is known of {len(asked)} samples"
        if asked
        else "nothing was asked like that"
    )
    return share_by_image(
        name,
        [(one.shown, _hits(one.truth, chosen(one), unclear)) for one in asked],
        absent=why,
        images=images,
        left_out="no clear answer, or no known truth",
    )


def _hits(truth: bool | None, answers: Sequence[Answer], unclear: bool | None) -> float | None:
    """Return the share of answers that say the truth, ``None`` where there is none to say."""
    if truth is None:
        return None
    return _mean([unclear if a.affirms is None else a.affirms is truth for a in answers])


def _same(sample: Sample, answers: Sequence[Answer]) -> float | None:
    """Return the share of clear answers that are the same without the image."""
    bare = {one.phrasing: one for one in sample.answers if one.condition == "removed"}
    clear = [one for one in answers if one.affirms is not None and one.phrasing in bare]
    return _mean([bare[one.phrasing].affirms is one.affirms for one in clear])


def _picking(kind: str | None, condition: Condition) -> Callable[[Sample], list[Answer]]:
    """Return what picks a sample's answers of one kind, or all, under a condition."""
    return lambda sample: [
        one for one in sample.answers if one.condition == condition and kind in {None, one.kind}
    ]


def _mean(hits: Sequence[bool | None]) -> float | None:
    kept = [hit for hit in hits if hit is not None]
    return sum(kept) / len(kept) if kept else None
