"""Samples -> does the answer rest on the image? Beside another one, without it, and perturbed.

An unchanged answer is a reproach only where it should have changed: beside a swapped image of
which the opposite is true. Where truths are not known, the other image may show the same.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from pytest_promptchaos.records import Control

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_promptchaos.measure.quadrants import Reliance
    from pytest_promptchaos.records import Answer, Condition, Sample

Truths: TypeAlias = "Mapping[tuple[str, str], bool | None]"
"""By image and proposition, what is true."""
STEADY = 0.75
"""Least share of perturbed images that leave an answer which is said to rest on the image."""
MOST = 0.5
"""Least share of swaps of opposite truth that change an answer which is said to rest on the
image, and least share of such samples in a model that does not ignore it."""
RELIANCE = "image reliance"


# -- one sample -----------------------------------------------------------------------------------


def truths_of(samples: Sequence[Sample]) -> Truths:
    """Return what is true of each image, for the truth of the images that are swapped in."""
    return {(one.shown, one.proposition): one.truth for one in samples}


def changed_by_swap(sample: Sample, truths: Truths) -> bool | None:
    """Return whether another image changes the base answer.

    Where the swapped image is known to have the opposite truth, at least half of the clear answers
    must change; where that is not known, one that changes is enough, and one that does not shows
    nothing. ``None`` where no answer shows anything.
    """
    seen = [change for change, opposite in _swaps(sample, truths) if change or opposite]
    return sum(seen) >= MOST * len(seen) if seen else None


def changed_by_removal(sample: Sample) -> bool | None:
    """Return whether the base answer changes without the image.

    ``None`` where that was not asked, and where the answer then is unclear: to refuse without an
    image is what a model does that would not have looked at one, too.
    """
    changes = _changes(sample, "removed")
    return changes[0] if changes else None


def steady(sample: Sample) -> bool:
    """Return whether three quarters of the perturbations leave the base answer as it is.

    An unclear answer to a perturbed image has changed. Without any perturbation nothing speaks
    against it. Of answers drawn at random one in five is steady under five perturbations.
    """
    seen = under(sample, "perturbed")
    kept = sum(answer.affirms is sample.as_is[0].affirms for answer in seen)
    return kept >= STEADY * len(seen)


def under(sample: Sample, condition: Condition) -> list[Answer]:
    """Return the answers of a sample under a condition."""
    return [answer for answer in sample.answers if answer.condition == condition]


def _swaps(sample: Sample, truths: Truths) -> list[tuple[bool, bool]]:
    """Return of each clear swap whether the base answer changed, and whether the truth did."""
    return [
        (answer.affirms is not sample.as_is[0].affirms, _opposite(sample, answer, truths))
        for answer in _clear(sample, "swapped")
    ]


def _opposite(sample: Sample, swap: Answer, truths: Truths) -> bool:
    """Return whether what is swapped in is known to have the opposite truth.

    What is not among the samples was chosen for it, where the sample's own truth is known.
    """
    if sample.truth is None:
        return False
    return truths.get((swap.change, sample.proposition), not sample.truth) is (not sample.truth)


def _changes(sample: Sample, condition: Condition) -> list[bool]:
    """Return whether the base answer changed, for every clear answer to the base phrasing."""
    base = sample.as_is[0]
    return [
        answer.affirms is not base.affirms
        for answer in _clear(sample, condition)
        if answer.phrasing == base.phrasing
    ]


def _clear(sample: Sample, condition: Condition) -> list[Answer]:
    """Return the clear answers under a condition; none to hold against an unclear base answer."""
    if sample.as_is[0].affirms is None:
        return []
    return [answer for answer in under(sample, condition) if answer.affirms is not None]


# -- all samples ----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """What swaps and perturbations changed: samples, and single answers."""

    by_sample: list[bool]
    of_opposite: list[bool]
    swaps: list[bool]
    perturbed: list[bool]


def image_reliance(
    samples: Sequence[Sample], *, reliance: Reliance = "swapped", image: str = "image"
) -> Control:
    """Return whether answers follow the image, beside how often perturbed ones change them.

    Its value is the share of samples whose base answer changes under swaps, as
    :func:`changed_by_swap` says. It fails where no swap changes any answer, where swaps change
    answers no more often than perturbations do, and where of the samples whose swaps are known to
    have the opposite truth fewer than half change. Without a usable swap nothing shows that
    answers rest on the image, so it fails, too; unless ``reliance`` asks what happens without the
    image, and clear answers then differ. Absent where there are no samples.
    """
    control = partial(Control, name=RELIANCE, role="gate")
    if not samples:
        return control(state="absent", words="nothing was asked")
    seen = _seen(samples)
    if not seen.swaps:
        return _without_swaps(samples, reliance, image, control)
    some = sum(seen.by_sample)
    told = f"another {image} changes the base answer in {some} of {len(seen.by_sample)} samples"
    told += f" ({sum(seen.swaps)} of {len(seen.swaps)} swaps)"
    if seen.perturbed:
        told += f", a perturbed one in {sum(seen.perturbed)} of {len(seen.perturbed)} answers"
    why = _ignored(seen, image)
    return control(
        state="failed" if why else "held",
        words=f"{told}: {why}" if why else told,
        value=some / len(seen.by_sample),
    )


def _seen(samples: Sequence[Sample]) -> _Seen:
    truths = truths_of(samples)
    found = _Seen(by_sample=[], of_opposite=[], swaps=[], perturbed=[])
    for one in samples:
        found.perturbed.extend(_changes(one, "perturbed"))
        swaps = _swaps(one, truths)
        if not swaps:
            continue
        found.swaps.extend(change for change, _ in swaps)
        found.by_sample.append(bool(changed_by_swap(one, truths)))
        if all(opposite for _, opposite in swaps):
            found.of_opposite.append(found.by_sample[-1])
    return found


def _ignored(seen: _Seen, image: str) -> str:
    """Return in words why answers cannot be said to follow the image, or nothing."""
    if not any(seen.swaps):
        same = "" if seen.of_opposite else ", or the others show the same: declare truths (truth=)"
        return f"this model ignores the {image}{same}"
    if seen.perturbed and _share(seen.swaps) <= _share(seen.perturbed):
        return f"no more often, so the changes say nothing of what the {image} shows"
    if seen.of_opposite and _share(seen.of_opposite) < MOST:
        counted = f"{sum(seen.of_opposite)} of {len(seen.of_opposite)}"
        return (
            f"fewer than half ({counted}) of those where the opposite is true of the other "
            f"{image}, so this model mostly ignores the {image}"
        )
    return ""


def _share(changes: Sequence[bool]) -> float:
    return sum(changes) / len(changes)


def _without_swaps(
    samples: Sequence[Sample], reliance: Reliance, image: str, control: Callable[..., Control]
) -> Control:
    """Return what removal shows, where reliance was asked by it, since no swap shows anything."""
    asked = sum(len(under(one, "swapped")) for one in samples)
    none = (
        f"none of {asked} answers to swapped {image}s can be compared, because it or the base "
        "answer is unclear"
        if asked
        else f"no other {image} was shown"
    )
    removed = [change for one in samples if (change := changed_by_removal(one)) is not None]
    if reliance in {"removed", "either"} and any(removed):
        words = f"{none}; without the {image} {sum(removed)} of {len(removed)} clear base answers "
        return control(state="held", words=f"{words}change", value=_share(removed))
    mend = (
        "say in the question how to answer"
        if asked
        else f"show {image}s for which the truth differs, and ask with swaps=3"
    )
    words = f"{none}, so nothing shows that answers rest on the {image}: {mend}"
    return control(state="failed", words=words)


def image_perturbed(samples: Sequence[Sample], *, image: str = "image") -> Control:
    """Return how often the base answer changes with an image whose meaning is kept."""
    name, asked, by_change = "image perturbed", Counter[str](), Counter[str]()
    for one in samples:
        for answer in under(one, "perturbed"):
            if one.as_is[0].affirms is not None:
                asked[answer.change] += 1
                by_change[answer.change] += answer.affirms is not one.as_is[0].affirms
    total, changed = sum(asked.values()), sum(by_change.values())
    if not total:
        words = f"no clear answer was asked again of a perturbed {image}, so nothing tells "
        words += f"reliance on the {image} from answers that change with everything"
        return Control(name=name, role="note", state="absent", words=words)
    parts = ", ".join(f"{change or 'unnamed'} {by_change[change]}" for change in asked)
    words = f"{changed} of {total} base answers change or become unclear, by change: {parts}"
    return Control(name=name, role="note", state="held", words=words, value=changed / total)
