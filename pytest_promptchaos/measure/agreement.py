"""How far two yes-or-no labelings of the same things agree, by chance and beyond it.

Kappa alone misleads where nearly all things carry one label: chance then agrees on nearly all of
them, and a few disagreements take most of what is left. So every coefficient stands beside the
others, each with its interval, and a sentence says when the prevalence is that extreme.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from pytest_promptchaos.measure.fourfold import (
    ac1,
    chance,
    delta_bounds,
    effective_share,
    fourfold,
    kappa,
    negative,
    negative_bounds,
    pabak,
    pabak_bounds,
    positive,
    positive_bounds,
    prevalence,
    prevalence_bounds,
    raw,
    raw_bounds,
)
from pytest_promptchaos.records import Agreement, Measurement

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
    from typing import Literal

    from pytest_promptchaos.measure.fourfold import Coefficient, Values

    Kind: TypeAlias = Literal["detector and labels", "raters", "two detectors"]
    Bounds: TypeAlias = Callable[[Values], tuple[float, float]]

EXTREME = 0.15
"""Where one label is rarer than this, chance alone agrees on three things in four."""
LOPSIDED = 0.1
"""One labeling that calls this share more of the things collapsed is worth a sentence."""


# -- nouns ----------------------------------------------------------------------------------------


class _Told(NamedTuple):
    """A coefficient with its bounds, in words."""

    coefficient: Coefficient
    bounds: Bounds
    unit: str
    method: str
    absent: str = ""


_SHARE, _BEYOND = "share, 0 to 1", "agreement beyond chance, -1 to 1"
_DELTA = "delta method, the wider of as counted and with half a thing more in every cell,"
_ON_ONE = "Wilson of what either labels so and both do,"
_COEFFICIENTS = {
    "raw_agreement": _Told(raw, raw_bounds, _SHARE, "Wilson"),
    "kappa": _Told(
        kappa,
        partial(delta_bounds, kappa),
        _BEYOND,
        _DELTA,
        "both give every thing the same one label: chance alone agrees on all of them",
    ),
    "pabak": _Told(pabak, pabak_bounds, _BEYOND, "Wilson of the raw agreement, doubled, less 1,"),
    "ac1": _Told(ac1, partial(delta_bounds, ac1), _BEYOND, _DELTA),
    "positive_agreement": _Told(
        positive, positive_bounds, _SHARE, _ON_ONE, "neither calls anything collapsed"
    ),
    "negative_agreement": _Told(
        negative, negative_bounds, _SHARE, _ON_ONE, "both call everything collapsed"
    ),
    "prevalence": _Told(prevalence, prevalence_bounds, _SHARE, "Wilson"),
}


def agreement(
    kind: Kind,
    first: str,
    second: str,
    a: Sequence[bool],
    b: Sequence[bool],
    *,
    clusters: Sequence[Hashable] = (),
    things: str = "conversations",
    note: str = "",
) -> Agreement:
    """Return how far two labelings of the same things agree, every coefficient with its interval.

    ``a`` and ``b`` hold what ``first`` and ``second`` say of each thing, ``True`` for collapsed;
    ``things`` is their plural, and the words begin with how many there are. ``clusters`` names
    the seed prompt of each: intervals then count the things of one prompt for as much as they are
    worth (:func:`effective_share`), below ``MIN_CLUSTERS`` prompts for one thing each, and several
    things of one single prompt have no interval; without it things are taken for independent.
    ``note`` ends the words. Absent with its reason is every coefficient that the table does not
    know. Raises ``ValueError`` for lengths that differ.

    >>> agreement("raters", "x", "y", [True, False], [True, True]).raw.value
    0.5
    """
    counts = fourfold(a, b)
    if clusters and len(clusters) != len(a):
        raise ValueError(f"{len(clusters)} clusters of {len(a)} labels: name one for each")
    grouped = _grouped(a, b, clusters)
    of = {
        name: _measured(name, told, counts, grouped, things) for name, told in _COEFFICIENTS.items()
    }
    both, first_only, second_only, neither = (int(count) for count in counts)
    return Agreement(
        kind=kind,
        first=first,
        second=second,
        both=both,
        first_only=first_only,
        second_only=second_only,
        neither=neither,
        raw=of["raw_agreement"],
        kappa=of["kappa"],
        pabak=of["pabak"],
        ac1=of["ac1"],
        positive=of["positive_agreement"],
        negative=of["negative_agreement"],
        prevalence=of["prevalence"],
        words=" ".join(filter(None, [*_sentences(first, second, counts, of, things), note])),
    )


def _grouped(a: Sequence[bool], b: Sequence[bool], clusters: Sequence[Hashable]) -> list[Values]:
    """Return the counts of every cluster, none where no clusters are named."""
    members: dict[Hashable, list[int]] = {}
    for place, cluster in enumerate(clusters):
        members.setdefault(cluster, []).append(place)
    return [fourfold([a[i] for i in own], [b[i] for i in own]) for own in members.values()]


def _measured(
    name: str, told: _Told, counts: Values, grouped: Sequence[Values], things: str
) -> Measurement:
    """Return one coefficient with its interval, or why the table does not know it."""
    total = int(counts.sum())
    if not total:
        return Measurement(name=name, unit=told.unit, reason=f"no {things} carry both labels")
    value = told.coefficient(counts / total)[0]
    if not np.isfinite(value):
        return Measurement(name=name, unit=told.unit, reason=told.absent, n=total)
    found = Measurement(name=name, unit=told.unit, value=value, n=total, effective_n=total)
    if len(grouped) == 1 and total > 1:
        # What differs between prompts cannot be told from one of them, however much it holds.
        why = f"no interval: all {total} {things} are of one seed prompt and depend on each other"
        return replace(found, interval=why)
    worth = effective_share(told.coefficient, np.array(grouped)) if grouped else 1.0
    low, high = told.bounds(counts * worth)
    over = f"{total} {things}" + (
        f" of {len(grouped)} seed prompts, worth {total * worth:.0f} independent ones"
        if grouped
        else ", taken for independent"
    )
    return replace(
        found,
        # Half a thing more in every cell moves the middle; the value itself is never outside.
        low=min(low, value),
        high=max(high, value),
        interval=f"95 % {told.method} over {over}",
        resampled="seed prompts" if grouped else things,
        resampled_n=len(grouped) or total,
    )


def _sentences(
    first: str, second: str, counts: Values, of: Mapping[str, Measurement], things: str
) -> Iterator[str]:
    """Yield what a reader of these numbers must know first."""
    total = int(counts.sum())
    if not total:
        yield f"No {things} are labeled by both {first} and {second}."
        return
    counted = f"{things} are" if total > 1 else f"{things.removesuffix('s')} is"
    yield f"{total:,} {counted} labeled by both {first} and {second}."
    called = of["prevalence"].value or 0.0
    rare = min(called, 1 - called)
    if of["kappa"].value is None:
        only = "collapsed" if called > 0.5 else "not collapsed"
        yield f"Both call all {total} {things} {only}: that is agreement, and no test of it."
    elif rare <= EXTREME:
        yield _extreme(of, called, chance(counts / total))
    if abs(counts[1] - counts[2]) / total >= LOPSIDED:
        by_first, by_second = counts[0] + counts[1], counts[0] + counts[2]
        yield (
            f"{first} calls {by_first / total:.0%} of them collapsed, "
            f"{second} {by_second / total:.0%}."
        )


def _extreme(of: Mapping[str, Measurement], called: float, by_chance: float) -> str:
    """Return in words why kappa is low where nearly all carry one label, and what to read."""
    label = "collapsed" if called > 0.5 else "not collapsed"
    rare = "negative_agreement" if called > 0.5 else "positive_agreement"
    return (
        f"{max(called, 1 - called):.0%} of the labels are {label!r}, so chance alone would agree "
        f"on {by_chance:.0%}: kappa falls to {of['kappa'].value:.3f} though the raw agreement is "
        f"{of['raw_agreement'].value:.1%}, PABAK {of['pabak'].value:.3f} and AC1 "
        f"{of['ac1'].value:.3f}. On the rare label they agree to {of[rare].value:.3f}."
    )
