"""Samples -> how often the answer to a proposition flips when only the phrasing changes.

Three estimators, because they answer three questions: how far a phrasing can be trusted where the
base was answered, how far any two phrasings agree, and how many samples hold together at all. An
answer enters as what it says of the proposition, so "yes" and "yes" to phrasings of opposite
polarity is a flip, and "yes" and "no" is none.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from pytest_promptchaos.measure.answer_controls import asked_again
from pytest_promptchaos.measure.by_image import share_by_image

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from pytest_promptchaos.records import Answer, Control, Measurement, Sample

    Affirmed: TypeAlias = bool | None
    Estimator: TypeAlias = Callable[[Sequence[bool | None], bool | None], float | None]

AGREEING, FLIPPING = "unclear counted as agreeing", "unclear counted as flipping"


@dataclass(frozen=True, kw_only=True)
class Flips:
    """How often answers flip. Each measurement has its kinds of phrasing in the breakdown.

    ``bounds`` hold each of the three with every unclear answer counted as agreeing, then as
    flipping; ``again`` is the noise floor, the base phrasing asked a second time.
    """

    flip_rate: Measurement
    pairwise: Measurement
    inconsistent: Measurement
    bounds: tuple[Measurement, ...]
    parse_rate: Measurement
    again: Control

    @property
    def judged(self) -> Measurement:
        """The flip rate with an interval that reaches over both of its bounds.

        What a limit is held against: no model passes by leaving the hard phrasings unanswered.
        """
        rate, (agreeing, flipping) = self.flip_rate, self.bounds[:2]
        if rate.low is None or rate.high is None or agreeing.low is None or flipping.high is None:
            return rate
        low, high = min(rate.low, agreeing.low), max(rate.high, flipping.high)
        if (low, high) == (rate.low, rate.high):
            return rate
        told = "reaching from unclear counted as agreeing to unclear counted as flipping"
        return replace(rate, low=low, high=high, interval=f"{rate.interval}; {told}")


# -- one sample -----------------------------------------------------------------------------------


def against_base(affirms: Sequence[Affirmed], unclear: bool | None = None) -> float | None:
    """Return the share of phrasings whose answer differs from the first one's, 0 to 1.

    ``affirms`` holds what each phrasing's answer says of the proposition, ``None`` where it is
    unclear. ``unclear`` counts a comparison with an unclear answer as a flip (true) or as
    agreement (false); by default it is left out. ``None`` where nothing is left to compare.
    Formula: mean over k > 1 of [a_k != a_1].

    >>> against_base([True, True, False, None]), against_base([None, True])
    (0.5, None)
    >>> against_base([True, True, False, None], True), against_base([None, True], False)
    (0.6666666666666666, 0.0)
    """
    return _mean(_differ(affirms[0], other, unclear) for other in affirms[1:])


def pairwise(affirms: Sequence[Affirmed], unclear: bool | None = None) -> float | None:
    """Return the share of all pairs of phrasings whose answers differ, 0 to 1.

    Arguments are those of :func:`against_base`. Formula: mean over j < k of [a_j != a_k], at most
    n / (2 (n - 1)) of n clear answers: half of them against the other half.

    >>> pairwise([True, True, False]), pairwise([True, False, None], True)
    (0.6666666666666666, 1.0)
    """
    return _mean(
        _differ(one, other, unclear)
        for place, one in enumerate(affirms)
        for other in affirms[place + 1 :]
    )


def inconsistent(affirms: Sequence[Affirmed], unclear: bool | None = None) -> float | None:
    """Return 1 where the phrasings do not all agree, else 0; group consistency is 1 minus it.

    Arguments are those of :func:`against_base`: by default the clear answers alone decide, and
    ``None`` comes back where there are not two of them.

    >>> inconsistent([True, None, True]), inconsistent([True, None, False])
    (0.0, 1.0)
    >>> inconsistent([True, None, True], True), inconsistent([True, None])
    (1.0, None)
    """
    clear = {one for one in affirms if one is not None}
    if len(affirms) < 2 or (unclear is None and len(affirms) - affirms.count(None) < 2):
        return None
    return float(len(clear) > 1 or (bool(unclear) and None in affirms))


def _differ(one: Affirmed, other: Affirmed, unclear: bool | None) -> bool | None:
    return unclear if one is None or other is None else one is not other


def _mean(flips: Iterable[bool | None]) -> float | None:
    kept = [flip for flip in flips if flip is not None]
    return sum(kept) / len(kept) if kept else None


# -- measurements ---------------------------------------------------------------------------------

ESTIMATORS: tuple[tuple[str, Estimator], ...] = (
    ("flip_rate", against_base),
    ("pairwise_flip_rate", pairwise),
    ("inconsistent_samples", inconsistent),
)


def flips(samples: Sequence[Sample], *, images: str = "images") -> Flips:
    """Return the three flip rates of samples with bounds, the parse rate, and the noise floor.

    A sample's value is that of :func:`against_base`, :func:`pairwise` and :func:`inconsistent`
    over its as-is answers; a rate is the mean over the samples of an image, then over images, so
    that an image counts once however often it was asked about, and its interval is clustered by
    image. A kind of phrasing in the breakdown is compared with the base phrasing, for the
    pairwise rate with every other phrasing, and is consistent where it agrees with the base.
    ``n`` counts samples asked in at least two phrasings, ``effective_n`` those with two clear
    answers to compare; the interval's words count what was left out. Unclear answers are left out
    of the values, which the ``bounds`` enclose. ``images`` names the clusters, as in "passages".
    The order of samples and phrasings does not matter, except for which phrasing is the base.

    Raises:
        ValueError: for two samples of one id, a sample without an as-is answer, or one in which a
            phrasing is asked twice as is, or twice without the image.
    """
    refuse_misfits(samples)
    found = [_rate(samples, name, estimator, images) for name, estimator in ESTIMATORS]
    return Flips(
        flip_rate=found[0],
        pairwise=found[1],
        inconsistent=found[2],
        bounds=tuple(
            _bound(samples, name, estimator, images, unclear=unclear)
            for name, estimator in ESTIMATORS
            for unclear in (False, True)
        ),
        parse_rate=parse_rate(samples, images=images),
        again=asked_again(samples),
    )


def refuse_misfits(samples: Sequence[Sample]) -> None:
    """Raise ``ValueError`` for samples that would be counted wrongly."""
    twice = [name for name, count in Counter(one.id for one in samples).items() if count > 1]
    if twice:
        raise ValueError(f"two samples have the id {twice[0]!r}: ask it once, or number them")
    for one in samples:
        if not one.as_is:
            raise ValueError(f"sample {one.id!r} has no as-is answer, so nothing was asked of it")
        asked = Counter(
            (answer.phrasing, answer.condition)
            for answer in one.answers
            if answer.condition in {"as is", "removed"}
        )
        (phrasing, condition), count = asked.most_common(1)[0]
        if count > 1:
            raise ValueError(
                f"sample {one.id!r} has {count} answers to the phrasing {phrasing!r} under the "
                f"condition {condition!r}; a second answer to the base has the condition 'again'"
            )


def parse_rate(samples: Sequence[Sample], *, images: str = "images") -> Measurement:
    """Return the share of as-is answers that were read as yes or no, by kind in the breakdown."""
    parts = tuple(_parsed(samples, kind, {kind}, images) for kind in kinds(samples))
    whole = _parsed(samples, "parse_rate", set(kinds(samples)), images)
    return replace(whole, breakdown=parts)


def _parsed(
    samples: Sequence[Sample], name: str, among: Collection[str], images: str
) -> Measurement:
    values = [
        (one.shown, float(answer.said != "unclear"))
        for one in samples
        for answer in one.as_is
        if answer.kind in among
    ]
    why = "nothing was asked"
    return share_by_image(name, values, absent=why, images=images, samples="answers")


def kinds(samples: Sequence[Sample]) -> list[str]:
    """Return the kinds of phrasing in the order in which they were asked."""
    return list(dict.fromkeys(answer.kind for one in samples for answer in one.as_is))


def _rate(samples: Sequence[Sample], name: str, estimator: Estimator, images: str) -> Measurement:
    """Return one of the three rates with the kinds of phrasing in the breakdown."""
    whole = _over(samples, name, lambda one: estimator(_affirms(one.as_is), None), images)
    comparisons, unclear = _comparisons(samples, every_pair=estimator is pairwise)
    if unclear and whole.value is not None and estimator is not inconsistent:
        told = f"{unclear} of {comparisons} comparisons left out: an answer is unclear"
        whole = replace(whole, interval=f"{whole.interval}; {told}")
    parts = (_of_kind(samples, kind, estimator, images) for kind in kinds(samples))
    return replace(whole, breakdown=tuple(part for part in parts if part is not None))


def _of_kind(
    samples: Sequence[Sample], kind: str, estimator: Estimator, images: str
) -> Measurement | None:
    """Return the rate of one kind of phrasing, or ``None`` where it is only ever the base."""
    asked = [one for one in samples if any(answer.kind == kind for answer in _others(one))]
    if not asked:
        return None

    def value(one: Sample) -> float | None:
        if estimator is not pairwise:
            base = one.as_is[:1]
            chosen = tuple(answer for answer in _others(one) if answer.kind == kind)
            return estimator(_affirms(base + chosen), None)
        return _mean(
            _differ(answer.affirms, other.affirms, None)
            for place, answer in enumerate(one.as_is)
            for other in one.as_is[place + 1 :]
            if kind in {answer.kind, other.kind}
        )

    return _over(asked, kind, value, images)


def _bound(
    samples: Sequence[Sample], name: str, estimator: Estimator, images: str, *, unclear: bool
) -> Measurement:
    told = FLIPPING if unclear else AGREEING
    return _over(
        samples, f"{name}, {told}", lambda one: estimator(_affirms(one.as_is), unclear), images
    )


def _over(
    samples: Sequence[Sample], name: str, value: Callable[[Sample], float | None], images: str
) -> Measurement:
    """Return the mean of a sample's value over those that have two phrasings to compare."""
    asked = [one for one in samples if len(one.as_is) > 1]
    why = (
        "no sample was asked in two phrasings"
        if not asked
        else f"none of {len(asked)} samples has two clear answers to compare"
    )
    return share_by_image(
        name,
        [(one.shown, value(one)) for one in asked],
        absent=why,
        images=images,
        left_out="no two clear answers to compare",
    )


def _affirms(answers: Sequence[Answer]) -> list[bool | None]:
    return [answer.affirms for answer in answers]


def _others(sample: Sample) -> tuple[Answer, ...]:
    return sample.as_is[1:]


def _comparisons(samples: Sequence[Sample], *, every_pair: bool) -> tuple[int, int]:
    """Return how many comparisons there are, and in how many an answer is unclear."""
    pairs = [
        (one, other)
        for sample in samples
        for place, one in enumerate(sample.as_is[: None if every_pair else 1])
        for other in sample.as_is[place + 1 :]
    ]
    return len(pairs), sum("unclear" in {one.said, other.said} for one, other in pairs)
