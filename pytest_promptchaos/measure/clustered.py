"""Values by prompt -> a measurement: the mean, or the share, with its interval and its counts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.measure.intervals import clustered_mean, share
from pytest_promptchaos.records import Measurement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_promptchaos.measure.intervals import Interval


def by_prompt(values: Iterable[tuple[str, float]]) -> dict[str, list[float]]:
    """Return the values of every prompt, from pairs of a prompt's id and a value.

    >>> by_prompt([("a", 1.0), ("b", 2.0), ("a", 3.0)])
    {'a': [1.0, 3.0], 'b': [2.0]}
    """
    groups: dict[str, list[float]] = {}
    for prompt, value in values:
        groups.setdefault(prompt, []).append(value)
    return groups


def mean_measurement(
    name: str,
    unit: str,
    groups: Mapping[str, Sequence[float]],
    *,
    asked: int,
    absent: str,
    largest: float | None = None,
    smallest: float = 0.0,
) -> Measurement:
    """Return the mean over prompts of each prompt's mean, clustered by prompt.

    ``groups`` maps a prompt's id to its values, ``asked`` counts what was to be measured, and
    ``absent`` says why there is nothing where ``groups`` hold no value; ``largest`` and
    ``smallest`` are those of :func:`clustered_mean`.

    >>> mean_measurement("m", "tokens", {"a": [1.0], "b": [2.0, 4.0]}, asked=3, absent="").value
    2.0
    """
    count = sum(len(values) for values in groups.values())
    if not count:
        return Measurement(name=name, unit=unit, reason=absent, n=asked)
    arrays = [np.array(values) for values in groups.values()]
    found = clustered_mean(arrays, largest=largest, smallest=smallest)
    return _told(name, unit, found, asked, count)


def share_measurement(
    name: str, groups: Mapping[str, Sequence[bool]], *, asked: int, absent: str
) -> Measurement:
    """Return the share of what is true, clustered by prompt, its interval within 0 and 1.

    >>> share_measurement("s", {"a": [True, False], "b": [True]}, asked=3, absent="").value
    0.75
    """
    numbers = {prompt: [float(hit) for hit in hits] for prompt, hits in groups.items()}
    found = mean_measurement(
        name, "share, 0 to 1", numbers, asked=asked, absent=absent, largest=1.0
    )
    # Student's t knows no bound; a share outside [0, 1] would be absurd.
    return replace(
        found,
        low=None if found.low is None else max(found.low, 0.0),
        high=None if found.high is None else min(found.high, 1.0),
    )


def wilson_measurement(name: str, hits: int, total: int, *, absent: str) -> Measurement:
    """Return the share ``hits / total`` with its Wilson interval, or why there is none.

    >>> wilson_measurement("s", 1, 2, absent="").value
    0.5
    """
    if not total:
        return Measurement(name=name, unit="share, 0 to 1", reason=absent)
    return _told(name, "share, 0 to 1", share(hits, total), total, total)


def _told(name: str, unit: str, found: Interval, asked: int, count: int) -> Measurement:
    return Measurement(
        name=name,
        unit=unit,
        value=found.value,
        low=found.low,
        high=found.high,
        interval=found.words,
        resampled=found.unit,
        resampled_n=found.count,
        n=asked,
        effective_n=count,
    )
