"""Values by image -> a share: each image counts once, because its samples resemble each other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_promptchaos.measure.clustered import by_prompt, mean_measurement, wilson_measurement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_promptchaos.records import Measurement

SHARE = "share, 0 to 1"


def share_by_image(
    name: str,
    values: Iterable[tuple[str, float | None]],
    *,
    absent: str,
    images: str = "images",
    samples: str = "samples",
    left_out: str = "",
) -> Measurement:
    """Return the mean over images of each image's mean share, 0 to 1, with its interval.

    ``values`` are pairs of an image's id and a share, ``None`` where it could not be taken: those
    count in ``n`` alone, and the interval's words count them with the reason ``left_out``.
    Formula: (1/I) sum_i mean(v_i). With one whole answer (0 or 1) per image the interval is
    Wilson's, else that of :func:`clustered_mean`: over images from five on, within the images
    below. ``images`` and ``samples`` name both in words. The order of ``values`` does not matter.
    Absent, for the reason ``absent``, where no value could be taken.

    >>> share_by_image("s", [("a", 1.0), ("a", 0.0), ("b", 1.0), ("b", None)], absent="").value
    0.75
    """
    asked = list(values)
    # Sorted, because a resample depends on the order of what it is drawn from.
    pairs = sorted((image, value) for image, value in asked if value is not None)
    groups = by_prompt(pairs)
    found = _interval(name, groups, len(asked), absent)
    words = in_words(found.interval, images, samples)
    missing = len(asked) - len(pairs)
    if missing and pairs and left_out:
        words += f"; {missing} of {len(asked)} {samples} left out: {left_out}"
    return replace(found, interval=words, resampled=in_words(found.resampled, images, samples))


def _interval(
    name: str, groups: Mapping[str, Sequence[float]], asked: int, absent: str
) -> Measurement:
    whole = [values[0] for values in groups.values() if list(values) in ([0.0], [1.0])]
    if groups and len(whole) == len(groups):
        found = wilson_measurement(name, int(sum(whole)), len(whole), absent=absent)
        # Of single values the unit is the image, as it is from five images on.
        words = found.interval.replace("neighbors", "prompts")
        return replace(found, n=asked, interval=words, resampled="prompts")
    found = mean_measurement(name, SHARE, groups, asked=asked, absent=absent, largest=1.0)
    # Student's t knows no bound; a share outside [0, 1] would be absurd.
    low = None if found.low is None else max(found.low, 0.0)
    high = None if found.high is None else min(found.high, 1.0)
    return replace(found, low=low, high=high)


def in_words(words: str, images: str, samples: str) -> str:
    """Return the words of an interval with our nouns in place of prompts and neighbors.

    >>> in_words("a single neighbor: no interval", "images", "pairs")
    'a single pair: no interval'
    """
    for theirs, ours in (("prompt", images), ("neighbor", samples)):
        words = words.replace(f"{theirs}s", ours).replace(theirs, ours[:-1])
    return words.replace("may still move", "may still differ")
