"""Flips with a stable focus, never alone: beside how often focus is stable without a flip.

That nine in ten flips come with a stable focus says nothing where nine in ten agreements do, too
(published means: 0.871 and 0.879). What speaks is the contrast of the two shares.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from pytest_promptchaos.measure.by_image import in_words
from pytest_promptchaos.measure.clustered import by_prompt, mean_measurement
from pytest_promptchaos.measure.share_contrast import (
    clustered_share,
    difference_bounds,
    ratio_bounds,
)
from pytest_promptchaos.records import Measurement

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.measure.focus_similarity import Likeness, Null, Similarity
    from pytest_promptchaos.measure.share_contrast import Share

    _Bounds: TypeAlias = Callable[[Share, Share], tuple[float, float]]

_SHARE = "share, 0 to 1"
_LIFT = {
    "P(stable | flip)": _SHARE,
    "P(stable | no flip)": _SHARE,
    "stable-focus lift": "ratio of shares",
    "stable-focus difference": "difference of shares, -1 to 1",
}
UNITS: dict[Likeness, str] = {
    "cosine": "cosine, 0 to 1",
    "js": "1 - JS / ln 2, 0 to 1",
    "ssim": "SSIM, -1 to 1",
}


@dataclass(frozen=True, kw_only=True)
class Compared:
    """The focus of a phrasing held against that of its base phrasing, on one image.

    ``flipped`` is absent where an answer is unclear, ``similarity`` where there is no map.
    """

    image: str
    flipped: bool | None
    similarity: Similarity | None


@dataclass(frozen=True, kw_only=True)
class Lift:
    """P(stable | flip) beside P(stable | no flip), their ratio (the lift) and difference.

    ``words`` say whether there is a contrast.
    """

    given_flip: Measurement
    given_agreement: Measurement
    ratio: Measurement
    difference: Measurement
    words: str

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """All four, in the order in which they are read."""
        return self.given_flip, self.given_agreement, self.ratio, self.difference


def stable_focus_lift(
    similarities: Sequence[float],
    flipped: Sequence[bool],
    images: Sequence[Hashable],
    *,
    stable_at: float,
    asked: int | None = None,
) -> Lift:
    """Return how often the focus is stable where the answer flips and where it does not.

    One entry per pair of phrasings: its similarity (more is more alike), whether the answers
    contradict each other, and the image. ``stable_at`` is the least similarity that counts as
    stable, ``asked`` how many pairs there were with those that are left out. Lift = P(stable |
    flip) / P(stable | no flip); 1 is no contrast. Absent with a reason are shares of nothing, the
    ratio to a share of 0, and intervals of one image.

    >>> pairs = [0.9, 0.9, 0.2, 0.9], [True, True, False, False], ["a", "b", "a", "b"]
    >>> stable_focus_lift(*pairs, stable_at=0.8).ratio.value
    2.0
    """
    if not len(similarities) == len(flipped) == len(images):
        raise ValueError(
            f"{len(similarities)} similarities, {len(flipped)} flips, {len(images)} images: one "
            "of each per pair of phrasings"
        )
    stable = np.asarray(similarities, dtype=np.float64) >= stable_at
    flips = np.asarray(flipped, dtype=np.bool_)
    codes = {image: code for code, image in enumerate(dict.fromkeys(images))}
    of = np.array([codes[image] for image in images], dtype=np.int64)
    of_flips, of_rest = (_share_of(stable, which, of) for which in (flips, ~flips))
    count = len(flips) if asked is None else asked
    told = f"stable: a likeness of at least {stable_at:.3g}"
    given_flip = _told_share("P(stable | flip)", of_flips, int(flips.sum()), "flips", told)
    given_rest = _told_share("P(stable | no flip)", of_rest, int((~flips).sum()), "agrees", told)
    empty = Measurement(
        name="-",
        unit="-",
        reason="-",
        resampled="images",
        resampled_n=len(codes),
        n=count,
        effective_n=len(flips),
    )
    ratio, difference = _contrasts(of_flips, of_rest, empty)
    words = _verdict(difference)
    return Lift(
        given_flip=replace(given_flip, n=count),
        given_agreement=replace(given_rest, n=count),
        ratio=replace(ratio, interval=f"{ratio.interval}; {words}" if ratio.interval else ""),
        difference=difference,
        words=words,
    )


def focus_measurements(
    compared: Sequence[Compared],
    others: Null,
    again: Null,
    *,
    metric: Likeness = "cosine",
    stable_at: float | None = None,
) -> tuple[Measurement, ...]:
    """Return how similar the focus of two phrasings is, with its nulls, and the stable-focus lift.

    ``others`` are similarities of the same question on other images, ``again`` those of one prompt
    asked twice. ``stable_at`` is by default the 95 % quantile of ``others``: stable is a focus
    that resembles its base phrasing's more than that of another image does in 19 of 20. Pairs
    without a map or with an unclear answer are counted in ``n`` and leave ``effective_n``.
    """
    known = [(one, value) for one in compared if (value := _likeness(one, metric)) is not None]
    mean = _similarity(known, len(compared), others, again, metric)
    bound = others.quantile(metric) if stable_at is None else stable_at
    if bound is None:
        reason = f"no similarity to call stable: {others.name} gave none; pass stable_at"
        absent = (
            Measurement(name=name, unit=unit, reason=reason, n=len(compared))
            for name, unit in _LIFT.items()
        )
        return mean, *absent
    clear = [(one, value) for one, value in known if one.flipped is not None]
    lift = stable_focus_lift(
        [value for _, value in clear],
        [bool(one.flipped) for one, _ in clear],
        [one.image for one, _ in clear],
        stable_at=bound,
        asked=len(compared),
    )
    return mean, *lift.measurements


def _share_of(
    stable: NDArray[np.bool_], which: NDArray[np.bool_], of: NDArray[np.int64]
) -> Share | None:
    """Return the share of stable pairs among some; none without any."""
    if not which.any():
        return None
    images = int(of.max()) + 1
    hits, totals = (
        np.bincount(of, weights=one, minlength=images).astype(np.float64)
        for one in (which & stable, which)
    )
    return clustered_share(hits, totals)


def _told_share(name: str, share: Share | None, pairs: int, what: str, told: str) -> Measurement:
    if share is None:
        return Measurement(name=name, unit=_SHARE, reason=f"no pair of phrasings {what}")
    worth = f"{pairs} pairs on {share.images} images, worth {share.worth:.0f} independent ones"
    one = f"no interval: all {pairs} pairs are of one image"
    return Measurement(
        name=name,
        unit=_SHARE,
        value=share.value,
        low=share.low,
        high=share.high,
        interval=f"{f'95 % Wilson over {worth}' if share.low is not None else one}; {told}",
        resampled="images",
        resampled_n=share.images,
        effective_n=pairs,
    )


def _contrasts(
    flips: Share | None, rest: Share | None, empty: Measurement
) -> tuple[Measurement, Measurement]:
    """Return the ratio and the difference of two shares, or why there is none."""
    ratio, difference = (replace(empty, name=name, unit=_LIFT[name]) for name in list(_LIFT)[2:])
    if flips is None or rest is None:
        reason = f"no pair of phrasings {'flips' if flips is None else 'agrees'}: no contrast"
        return replace(ratio, reason=reason), replace(difference, reason=reason)
    difference = _between(difference, difference_bounds, flips, rest)
    if rest.value == 0:
        reason = "no focus is stable where answers agree: a ratio to 0; see the difference"
        return replace(ratio, reason=reason), difference
    return _between(ratio, ratio_bounds, flips, rest), difference


def _between(empty: Measurement, bounds: _Bounds, flips: Share, rest: Share) -> Measurement:
    value = flips.value - rest.value if bounds is difference_bounds else flips.value / rest.value
    found = replace(empty, reason=None, value=value)
    if flips.low is None or rest.low is None:
        return replace(found, interval="no interval: a share rests on one image")
    low, high = bounds(flips, rest)
    words = f"95 % from the Wilson bounds of both shares, clustered over {found.resampled_n} images"
    return replace(found, low=low, high=high, interval=words)


def _verdict(difference: Measurement) -> str:
    if difference.value is None:
        return f"no contrast can be told: {difference.reason}"
    if difference.low is None or difference.high is None:
        return "no contrast can be told from one image"
    if difference.low <= 0 <= difference.high:
        return "no contrast: the interval holds a focus as stable in flips as in agreements"
    more = "more" if difference.low > 0 else "less"
    return f"focus is {more} often stable where answers flip than where they agree"


def _likeness(one: Compared, metric: Likeness) -> float | None:
    return None if one.similarity is None else one.similarity.likeness(metric)


def _similarity(
    known: Sequence[tuple[Compared, float]],
    asked: int,
    others: Null,
    again: Null,
    metric: Likeness,
) -> Measurement:
    """Return the mean likeness over images, with flips, agreements and both nulls beside it."""
    kinds = {"phrasings that flip": True, "phrasings that agree": False, "an unclear answer": None}
    parts = [
        _mean(kind, [(o, v) for o, v in known if o.flipped is value], metric)
        for kind, value in kinds.items()
        if any(o.flipped is value for o, _ in known)
    ]
    nulls = [_null(null, metric) for null in (others, again)]
    whole = _mean("focus similarity", known, metric)
    return replace(whole, n=asked, breakdown=(*parts, *nulls))


def _mean(name: str, known: Sequence[tuple[Compared, float]], metric: Likeness) -> Measurement:
    found = mean_measurement(
        name,
        UNITS[metric],
        by_prompt((one.image, value) for one, value in known),
        asked=len(known),
        absent=f"no pair of phrasings has a {metric} of two maps",
        largest=1.0,
        smallest=-1.0 if metric == "ssim" else 0.0,
    )
    return _by_image(found, largest=1.0)


def _by_image(found: Measurement, *, largest: float) -> Measurement:
    """Return a mean whose clusters are images, in words of images, no bound above ``largest``."""
    told, unit = (in_words(one, "images", "pairs") for one in (found.interval, found.resampled))
    high = None if found.high is None else min(found.high, largest)
    return replace(found, interval=told, resampled=unit, high=high)


def _null(null: Null, metric: Likeness) -> Measurement:
    """Return the mean and the middle 95 % of a null; as pairs share images, it is no interval."""
    values = null.values(metric)
    n = len(null.pairs) + null.left_out
    if not values.size:
        return Measurement(name=null.name, unit=UNITS[metric], reason="no pairs", n=n)
    low, high = np.quantile(values, [0.025, 0.975])
    return Measurement(
        name=null.name,
        unit=UNITS[metric],
        value=float(values.mean()),
        low=float(low),
        high=float(high),
        interval=f"the middle 95 % of {values.size:,} pairs, no interval of the mean",
        n=n,
        effective_n=values.size,
    )
