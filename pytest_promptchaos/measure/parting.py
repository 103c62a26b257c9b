"""Where in depth two phrasings of one question part: distance, growth, and what it goes with.

Places are states one after another: through the vision tower, the projector, the language layers.
What both phrasings share is identical in both, as the image in a tower that no text reaches: there
is no distance, and no growth of nothing. A growth that is not defined is NaN inside the array
functions of this file, and an absence with its reason in what they are made into.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from pytest_promptchaos.measure.by_image import in_words
from pytest_promptchaos.measure.clustered import by_prompt, mean_measurement
from pytest_promptchaos.measure.intervals import clustered_mean
from pytest_promptchaos.records import Curve, Measurement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Values: TypeAlias = NDArray[np.float64]
    States: TypeAlias = Sequence[NDArray[np.floating]]
    Distances: TypeAlias = tuple[float, float, float]

Of = Literal["relative", "raw"]

IDENTICAL = 1e-6
"""A relative distance up to this is float32 rounding; of half-precision states it is 1e-2."""
NAMED = {"language": "language layers"}
"""What a part is called in names, where labels of places say it otherwise."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Divergence:
    """How far the states of two phrasings are apart at each place, each of shape (places,).

    ``raw`` is ||a - b||; ``relative`` ||a - b|| / (0.5 (||a|| + ||b||)) in [0, 2], which takes
    growth of the states themselves away; ``cosine`` in [-1, 1] that of both states, all tokens
    read as one vector. ``parts`` name what every place belongs to; ``steps`` say whether a layer
    of that part leads to it from the place before.
    """

    raw: Values
    relative: Values
    cosine: Values
    parts: tuple[str, ...]
    steps: tuple[bool, ...]


def aligned(
    states: States,
    parts: Sequence[str],
    *,
    tokens: Literal["last"] | NDArray[np.bool_] = "last",
    language: str = "language",
) -> tuple[NDArray[np.floating], ...]:
    """Return the states (tokens, width) of which those in the language part are cut to ``tokens``.

    Two phrasings differ in length, and token by token only two of equal meaning compare: the last,
    where the answer begins, or a mask (tokens,) of the image's. All tokens of other parts stay.

    >>> kept = aligned([np.zeros((4, 2)), np.zeros((9, 3))], ["vision tower", "language"])
    >>> [state.shape for state in kept]
    [(4, 2), (1, 3)]
    """
    _match(states, parts)
    chosen = slice(-1, None) if isinstance(tokens, str) else tokens
    return tuple(s[chosen] if p == language else s for s, p in zip(states, parts, strict=True))


def divergence(
    a: States, b: States, parts: Sequence[str], *, steps: Sequence[bool] | None = None
) -> Divergence:
    """Return how far two phrasings' states are apart at each place, computed in float64.

    ``a`` and ``b`` hold a state per place, (width,) or (tokens, width), of equal shapes place by
    place (:func:`aligned`); ``parts`` name the part of each. ``steps`` say whether a layer leads to
    a place from the one before, by default wherever both are of one part; none leads from part to
    part. Two states of zero have relative distance 0 and cosine 1. Raises ``ValueError`` for shapes
    that differ and for values that are not finite.

    >>> found = divergence([np.array([3.0, 0.0])], [np.array([0.0, 3.0])], ["language"])
    >>> found.raw.round(3).item(), found.relative.round(3).item(), found.cosine.item()
    (4.243, 1.414, 0.0)
    """
    _match(a, parts)
    _match(b, parts)
    found = np.array([_apart(x, y, place) for place, (x, y) in enumerate(zip(a, b, strict=True))])
    raw, relative, cosine = found.reshape(-1, 3).T
    led = _steps(parts, steps)
    return Divergence(raw=raw, relative=relative, cosine=cosine, parts=tuple(parts), steps=led)


def growths(found: Divergence, *, of: Of = "relative", identical: float = IDENTICAL) -> Values:
    """Return the log growth of the distance from each place to the next, in nats, (places - 1,).

    Formula: g_l = ln(d_{l+1} / d_l), d the ``raw`` or the ``relative`` distance: of a linear map
    a I these are ln a and 0. NaN where no layer leads from one to the other: places of different
    parts, whose widths and scales differ, states to which something is added between two layers,
    modules side by side. NaN also where either relative distance is at most ``identical``: what was
    not there cannot grow. A relative distance is at most 2, so that it stops growing where
    phrasings have nothing in common.

    >>> states = [np.array([1.0]), np.array([2.0])]
    >>> growths(divergence(states, [2 * s for s in states], ["language"] * 2), of="raw").round(3)
    array([0.693])
    """
    distance = found.raw if of == "raw" else found.relative
    there = (found.relative > identical) & (distance > 0)
    logs = np.log(np.where(there, distance, 1.0))
    defined = there[1:] & there[:-1] & np.array(found.steps, dtype=np.bool_)[1:]
    return np.asarray(np.where(defined, np.diff(logs), np.nan), dtype=np.float64)


def turns_positive(growth: Values) -> int | None:
    """Return the first step from which on every defined growth (steps,) is positive, else none.

    Steps without a growth (NaN) are passed over; there is no turn where none is defined or the
    last that is does not grow.

    >>> turns_positive(np.array([np.nan, 0.2, -0.1, 0.3, 0.1]))
    3
    """
    defined = np.flatnonzero(~np.isnan(growth))
    still = defined[growth[defined] <= 0]
    after = defined[defined > still[-1]] if still.size else defined
    return int(after[0]) if after.size else None


def part_growths(growth: Values, found: Divergence, part: str) -> Values:
    """Return the growth of each layer of one part, (layers,), from growth (places - 1,).

    A place that no layer leads to is no layer: what is added between two of them counts for none.

    >>> states = [np.array([1.0, n]) for n in range(4)]
    >>> found = divergence(states, states, ["tower", "text", "text", "text"])
    >>> part_growths(np.array([np.nan, 0.1, 0.3]), found, "text")
    array([0.1, 0.3])
    """
    pairs = zip(found.parts[1:], found.steps[1:], strict=True)
    inside = np.array([step and one == part for one, step in pairs], dtype=np.bool_)
    return np.asarray(growth[inside], dtype=np.float64)


# -- nouns ----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Parted:
    """Two inputs on one image and how they part. ``series`` says what the two have in common.

    As in "flip, same word", "agree, same word", "image perturbed".
    """

    image: str
    series: str
    divergence: Divergence


def parting_curves(pairs: Sequence[Parted]) -> tuple[Curve, ...]:
    """Return the mean relative distance at each place with its interval over images, per series.

    Labels name the part of every place. Raises ``ValueError`` for pairs with different places.
    """
    return tuple(_curve(series, own) for series, own in _by_series(pairs).items())


def growth_measurements(
    pairs: Sequence[Parted], *, of: Of = "relative", identical: float = IDENTICAL
) -> tuple[Measurement, ...]:
    """Return for every series and part the mean growth per layer, and the layer where it turns.

    A growth is that of :func:`growths`, its mean over the defined layers of a part and then over
    images; the turn is that of :func:`turns_positive`, counted from the part's first layer, with
    how many pairs turn at all in ``effective_n``. Both are absent where states are identical.
    """
    found: list[Measurement] = []
    for series, own in _by_series(pairs).items():
        for part in dict.fromkeys(own[0].divergence.parts):
            layers = [
                part_growths(growths(each, of=of, identical=identical), each, part)
                for each in (pair.divergence for pair in own)
            ]
            places = own[0].divergence.parts.count(part)
            found += _of_part(f"in the {NAMED.get(part, part)}, {series}", own, layers, places, of)
    return tuple(found)


def _of_part(
    where: str, own: Sequence[Parted], layers: Sequence[Values], places: int, of: Of
) -> tuple[Measurement, Measurement]:
    """Return the mean growth and the turning layer of one part in one series."""
    images = [pair.image for pair in own]
    defined = [one[~np.isnan(one)] for one in layers]
    if not layers[0].size:
        apart = "a single place" if places == 1 else f"{places} places, not known to be a chain"
        absent = f"{apart}: nothing there grows from layer to layer"
    else:
        absent = f"both states are identical in all {len(own)} pairs: no growth to speak of"
    mean = _mean(
        f"growth {where}",
        f"nats per layer, {of} distance",
        [(i, float(one.mean())) for i, one in zip(images, defined, strict=True) if one.size],
        asked=len(own),
        absent=absent,
    )
    turns = [(i, turns_positive(one)) for i, one in zip(images, layers, strict=True)]
    never = absent if mean.value is None else f"in none of {len(own)} pairs growth stays positive"
    turn = _mean(
        f"turn to growth {where}",
        "layer of the part, from 0",
        [(i, float(at)) for i, at in turns if at is not None],
        asked=len(own),
        absent=never,
    )
    return mean, turn


def _mean(
    name: str, unit: str, values: Sequence[tuple[str, float]], *, asked: int, absent: str
) -> Measurement:
    """Return a mean over images in words of images."""
    found = mean_measurement(name, unit, by_prompt(values), asked=asked, absent=absent)
    told, unit = (in_words(one, "images", "pairs") for one in (found.interval, found.resampled))
    return replace(found, interval=told, resampled=unit)


def _by_series(pairs: Sequence[Parted]) -> dict[str, list[Parted]]:
    found: dict[str, list[Parted]] = {}
    for pair in pairs:
        found.setdefault(pair.series, []).append(pair)
    for series, own in found.items():
        if len({(pair.divergence.parts, pair.divergence.steps) for pair in own}) > 1:
            raise ValueError(f"{series}: pairs of different places; follow one model at a time")
    return found


def _curve(series: str, own: Sequence[Parted]) -> Curve:
    """Return one series' mean relative distance over depth."""
    means = []
    for place in range(len(own[0].divergence.parts)):
        values = by_prompt((pair.image, float(pair.divergence.relative[place])) for pair in own)
        means.append(clustered_mean([np.array(one) for one in values.values()]))
    # Where all pairs are equal a mean has no bounds: a band of no width, as in an unmoved tower.
    known = [mean for mean in means if mean.low is not None or mean.value == 0]
    banded = len(known) == len(means) and any(mean.low is not None for mean in means)
    return Curve(
        name="divergence of two phrasings",
        x_label="place, in order of depth",
        y_label="relative distance, 0 to 2",
        x=tuple(float(place) for place in range(len(means))),
        y=tuple(mean.value for mean in means),
        low=tuple(mean.low or 0.0 for mean in means) if banded else (),
        high=tuple(min(mean.high or 0.0, 2.0) for mean in means) if banded else (),
        series=series,
        labels=own[0].divergence.parts,
    )


# -- states ---------------------------------------------------------------------------------------


def _match(values: Sequence[object], parts: Sequence[str], what: str = "states") -> None:
    if len(values) != len(parts):
        raise ValueError(f"{len(values)} {what}, {len(parts)} parts: name the part of each place")


def _steps(parts: Sequence[str], steps: Sequence[bool] | None) -> tuple[bool, ...]:
    """Return to which places a layer leads, never from part to part, and never to the first."""
    given = [True] * len(parts) if steps is None else steps
    _match(given, parts, "steps")
    inside = [False, *(one == other for one, other in pairwise(parts))]
    return tuple(bool(led) and same for led, same in zip(given, inside, strict=True))


def _apart(a: NDArray[np.floating], b: NDArray[np.floating], place: int) -> Distances:
    """Return raw and relative distance and cosine of two states."""
    if a.shape != b.shape:
        raise ValueError(
            f"place {place}: states of shapes {a.shape} and {b.shape}; phrasings differ in length, "
            "so compare the last token or the image's (aligned)"
        )
    x, y = (np.asarray(one, dtype=np.float64).ravel() for one in (a, b))
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError(f"place {place}: states that are not finite; run the model in float32")
    if np.array_equal(x, y):
        return 0.0, 0.0, 1.0
    # In units of the largest value, so that squares of tiny ones do not vanish.
    scale = float(max(np.abs(x).max(), np.abs(y).max()))
    x, y = x / scale, y / scale
    gap, norms = float(np.linalg.norm(x - y)), (np.linalg.norm(x), np.linalg.norm(y))
    product = float(norms[0] * norms[1])
    cosine = float(np.clip(x @ y / product, -1.0, 1.0)) if product else 0.0
    return gap * scale, min(gap / (0.5 * float(sum(norms))), 2.0), cosine
