"""Samples -> quadrants: do the phrasings agree, and does the answer rest on the image?

A model that says the same whatever it is shown never flips. So consistency is worth nothing by
itself: the share of samples that are consistent and rely on the image is what a check passes on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.measure.accuracy import (
    accuracy,
    accuracy_bounds,
    follows_truth,
    text_only_agreement,
)
from pytest_promptchaos.measure.answer_controls import answer_controls
from pytest_promptchaos.measure.by_image import share_by_image
from pytest_promptchaos.measure.flips import refuse_misfits
from pytest_promptchaos.measure.reliance import (
    changed_by_removal,
    changed_by_swap,
    steady,
    truths_of,
    under,
)
from pytest_promptchaos.records import QUADRANTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.measure.reliance import Truths
    from pytest_promptchaos.records import Control, Measurement, Quadrant, Sample

Reliance: TypeAlias = Literal["swapped", "removed", "either", "both"]
"""What must change the answer for it to rest on the image."""
UNCLEAR_BASE = "the base answer is unclear, so nothing shows that it rests on the image"
UNCLEAR_BARE = "without the image the answer is unclear, which is no proof either way"
SAME_TRUTH = "swapped images leave the answer, but whether they should is not known: declare truths"


@dataclass(frozen=True, kw_only=True)
class Quadrants:
    """The share of samples in each quadrant, what it rests on, and the guards.

    The quadrants have their propositions in the breakdown; agreement and accuracies, their kinds of
    phrasing. ``bounds`` hold each accuracy with unclear answers counted as wrong, then as right.
    """

    ideal: Measurement
    fragile: Measurement
    dangerous: Measurement
    worst: Measurement
    text_only_agreement: Measurement
    accuracy: Measurement
    text_only_accuracy: Measurement
    bounds: tuple[Measurement, ...]
    controls: tuple[Control, ...]


# -- one sample -----------------------------------------------------------------------------------


def consistent(sample: Sample) -> bool:
    """Return whether all phrasings were answered clearly and agree about the proposition."""
    affirms = {answer.affirms for answer in sample.as_is}
    return len(affirms) == 1 and None not in affirms


def one_word(sample: Sample) -> bool:
    """Return whether all phrasings were answered clearly and with the same word.

    Where polarities differ that contradicts itself, but it is as steady, and as easily taken for
    knowledge, as a consistent answer.
    """
    said = {answer.said for answer in sample.as_is}
    return len(said) == 1 and "unclear" not in said


def quadrants(samples: Sequence[Sample], *, reliance: Reliance = "swapped") -> tuple[Sample, ...]:
    """Return the samples with their quadrants, or with the reason why one has none.

    A sample is consistent where all its phrasings were answered clearly and agree. It relies on
    the image where the base answer changes with it and stays in three quarters of the
    perturbations, because an answer that changes with everything rests on nothing. What must
    change it:

    - ``"swapped"``: other images. Where they are known to have the opposite truth, at least half
      of the clear answers to them differ. Where that is not known, one that differs is enough; if
      none does, they may show the same, and the sample has no quadrant.
    - ``"removed"``: no image. A refusal or an unclear answer is no proof either way, and leaves the
      sample without a quadrant.
    - ``"either"``, ``"both"`` of them.

    A sample that does not rely on the image is dangerous where it is consistent, or says one word
    whatever is asked: both look sure of what they do not see. A sample whose base answer is
    unclear has no answer to rely on anything: it is ``"worst"``, with a reason. One without a
    usable swap, or asked in a single phrasing, has no quadrant, with a reason.

    Raises:
        ArgumentError: a ``reliance`` that is none of the four.
        ValueError: samples that :func:`flips` refuses, too.
    """
    if reliance not in get_args(Reliance):
        raise ArgumentError(
            f"reliance is {reliance!r}: take one of {', '.join(get_args(Reliance))}"
        )
    refuse_misfits(samples)
    truths = truths_of(samples)
    return tuple(_placed(one, reliance, truths) for one in samples)


def _placed(sample: Sample, reliance: Reliance, truths: Truths) -> Sample:
    if len(sample.as_is) < 2:
        return replace(sample, quadrant=None, reason="asked in one phrasing only")
    if sample.as_is[0].affirms is None:
        return replace(sample, quadrant="worst", reason=UNCLEAR_BASE)
    swapped, removed = changed_by_swap(sample, truths), changed_by_removal(sample)
    changes = _changes(swapped, removed, reliance)
    if changes is None:
        reasons = [_swaps_unknown(sample)] if reliance != "removed" and swapped is None else []
        reasons += [_removal_unknown(sample)] if reliance != "swapped" and removed is None else []
        return replace(sample, quadrant=None, reason=", and ".join(reasons))
    return replace(sample, quadrant=_quadrant(sample, changes and steady(sample)), reason="")


def _quadrant(sample: Sample, relies: bool) -> Quadrant:
    if relies:
        return "ideal" if consistent(sample) else "fragile"
    return "dangerous" if consistent(sample) or one_word(sample) else "worst"


def _changes(swapped: bool | None, removed: bool | None, reliance: Reliance) -> bool | None:
    """Return whether the base answer changes with the image, ``None`` where that is not known."""
    if reliance == "swapped":
        return swapped
    if reliance == "removed":
        return removed
    # What decides an "either" or a "both" by itself needs no second one.
    decides = reliance == "either"
    if decides in (swapped, removed):
        return decides
    return None if None in (swapped, removed) else not decides


def _swaps_unknown(sample: Sample) -> str:
    """Return why swaps do not tell whether a sample relies on its image."""
    swaps = under(sample, "swapped")
    if not swaps:
        return "no usable swap"
    if any(one.affirms is not None for one in swaps):
        return SAME_TRUTH
    clear = "is clear" if len(swaps) == 1 else "are clear"
    return f"none of {len(swaps)} answers to swapped images {clear}"


def _removal_unknown(sample: Sample) -> str:
    """Return why removal does not tell whether a sample relies on its image."""
    base = sample.as_is[0].phrasing
    asked = any(one.phrasing == base for one in under(sample, "removed"))
    return UNCLEAR_BARE if asked else "not asked without the image"


# -- all samples ----------------------------------------------------------------------------------


def shares(
    samples: Sequence[Sample], *, reliance: Reliance = "swapped", images: str = "images"
) -> Quadrants:
    """Return how many samples lie in each quadrant, agree without the image, and are right.

    ``samples`` are those that :func:`quadrants` returned for this ``reliance``. Every share is a
    mean over the samples of an image, then over images, with an interval clustered by image;
    ``images`` names them. Samples without a quadrant are left out of the four, which sum to 1; but
    the interval of each reaches as far as it would go with all of those in it that might be, and
    with none, so that nothing passes by having been left out. ``text_only_agreement`` is the share
    of samples whose base answer is the same without the image, ``accuracy`` that of right answers
    to all phrasings of a sample among the clear ones, ``text_only_accuracy`` the same without the
    image. Raises what :func:`quadrants` raises.
    """
    refuse_misfits(samples)
    found = [_share_of(samples, quadrant, images) for quadrant in QUADRANTS]
    right = accuracy(samples, images=images)
    return Quadrants(
        ideal=found[0],
        fragile=found[1],
        dangerous=found[2],
        worst=found[3],
        text_only_agreement=text_only_agreement(samples, images=images),
        accuracy=right,
        text_only_accuracy=accuracy(samples, condition="removed", images=images),
        bounds=accuracy_bounds(samples, images=images),
        controls=(
            *answer_controls(samples, reliance=reliance, images=images),
            *follows_truth(samples, right, images=images),
        ),
    )


def _share_of(samples: Sequence[Sample], quadrant: Quadrant, images: str) -> Measurement:
    """Return the share of one quadrant, with the propositions in the breakdown."""
    names = list(dict.fromkeys(one.proposition for one in samples))
    parts = tuple(
        _reaching([one for one in samples if one.proposition == name], name, quadrant, images)
        for name in names
    )
    return replace(_reaching(samples, f"{quadrant}_share", quadrant, images), breakdown=parts)


def _reaching(samples: Sequence[Sample], name: str, quadrant: Quadrant, images: str) -> Measurement:
    """Return the share of a quadrant, its interval reaching over what has no quadrant."""
    why = "no sample was asked" if not samples else _no_quadrant(samples)
    inside = [
        (one.shown, None if one.quadrant is None else one.quadrant == quadrant) for one in samples
    ]
    found = _shared(name, inside, why, images)
    missing = [one for one in samples if one.quadrant is None]
    if not missing or found.value is None:
        return found
    without, within = (
        _shared(name, [(s.shown, _counted(s, quadrant, may)) for s in samples], why, images)
        for may in (False, True)
    )
    if None in (found.low, found.high, without.low, within.high):
        return found
    return replace(
        found,
        low=min(found.low or 0.0, without.low or 0.0),
        high=max(found.high or 0.0, within.high or 0.0),
        interval=f"{found.interval}; {len(missing)} of {len(samples)} samples have no quadrant, "
        "and the interval reaches from none to all of them that may be here",
    )


def _counted(sample: Sample, quadrant: Quadrant, may: bool) -> bool:
    """Return whether a sample counts as in a quadrant, where one without a quadrant may be."""
    if sample.quadrant is not None:
        return sample.quadrant == quadrant
    possible = {_quadrant(sample, relies) for relies in (True, False)}
    return may and (len(sample.as_is) < 2 or quadrant in possible)


def _no_quadrant(samples: Sequence[Sample]) -> str:
    reasons = dict.fromkeys(one.reason or "no reason was recorded" for one in samples)
    return f"none of {len(samples)} samples has a quadrant: {'; '.join(reasons)}"


def _shared(
    name: str, inside: Sequence[tuple[str, bool | None]], absent: str, images: str
) -> Measurement:
    values = [(image, None if hit is None else float(hit)) for image, hit in inside]
    return share_by_image(name, values, absent=absent, images=images)
