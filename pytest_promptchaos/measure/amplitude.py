"""Finite perturbations: where their growth is that of tangents, and the slope of two trajectories.

A tangent is the limit of a small perturbation. A real edit is not small, so the same growth is
measured at several relative sizes epsilon: too small and rounding decides, too large and the
perturbation saturates. The linear window between the two is where a tangent speaks for edits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.measure.lyapunov import growth_rate
from pytest_promptchaos.measure.profile import mean_profile
from pytest_promptchaos.measure.sample import sample_of
from pytest_promptchaos.records import Curve, Measurement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

TOLERANCE = 0.05
"""Growths agree within this many nats per layer, about 5 % of the perturbation's size."""
SATURATION = 0.1
"""Above this share of the state's own size a separation no longer grows like a small one."""
ROUNDINGS = 100
"""Below this many rounding errors of the state a separation is rounding."""


def finite_growth(separations: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the log growth of separations over their last axis, shape (..., L), in nats.

    ``separations`` (..., L + 1) are the distances of twin trajectories before, between and after
    the steps. Not finite where a separation is zero: the twins are then one trajectory.

    >>> finite_growth(np.array([1.0, 2.0, 1.0])).round(3).tolist()
    [0.693, -0.693]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        growth: NDArray[np.float64] = np.diff(np.log(separations), axis=-1)
    return growth


def gaps(finite: NDArray[np.float64], tangent: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far finite growth is from that of tangents, shape (E,), in nats per layer.

    ``finite`` (E, k, L) are the growths of the same k perturbations at E sizes, ``tangent``
    (k, L) their limit. Formula: the root mean square over perturbations, of the layer where it is
    largest; infinite for a size at which any growth is not finite.

    >>> gaps(np.array([[[0.1, 0.4]], [[0.1, np.inf]]]), np.array([[0.1, 0.1]])).round(3).tolist()
    [0.3, inf]
    """
    off = np.where(np.isfinite(finite), finite - tangent, np.inf)
    largest: NDArray[np.float64] = np.sqrt(np.square(off).mean(axis=1)).max(axis=-1)
    return largest


def linear_window(gap: NDArray[np.float64], tolerance: float = TOLERANCE) -> tuple[int, int] | None:
    """Return the first and the last index of the longest run of sizes that agree, or ``None``.

    ``gap`` (E,) is ordered by size. Of runs of equal length it is that of the larger sizes,
    because an agreement below the window is one of rounding.

    >>> linear_window(np.array([0.3, 0.01, 0.02, 0.5, 0.04]))
    (1, 2)
    """
    runs, start = [], 0
    for index, near in enumerate([*(gap <= tolerance), False]):
        if not near:
            runs.append((start, index - 1))
            start = index + 1
    first, last = max(runs, key=lambda run: (run[1] - run[0], run))
    return None if last < first else (first, last)


@dataclass(frozen=True, kw_only=True, eq=False)
class TwinSlope:
    """The slope of the log separation of two trajectories, and the points that it rests on.

    ``value`` is in nats per step. ``used`` (S + 1,) is true where a separation was neither
    saturated nor rounding, up to the first that was.
    """

    value: float
    used: NDArray[np.bool_]


def twin_slope(
    separation: NDArray[np.float64],
    sizes: NDArray[np.float64],
    *,
    precision: float,
    saturation: float = SATURATION,
) -> TwinSlope:
    """Return the growth rate of two trajectories from their separation, in nats per step.

    ``separation`` and ``sizes`` (S + 1,) are the distance of the twins and the size of the state
    at every time. Formula: the least-squares slope of ``log separation`` over time, over the
    first unbroken run of times at which the separation is at most ``saturation`` times the size
    (above it the twins are as far apart as they can get) and at least ``ROUNDINGS`` times
    ``precision`` times the size (below it their distance is rounding; ``precision`` is the
    dtype's eps). What comes after the run is left out: twins meet again by chance.

    Raises:
        ValueError: where fewer than three times are left.

    >>> times = np.arange(8.0)
    >>> slope = twin_slope(np.exp(0.7 * times - 6), np.ones(8), precision=1e-7)
    >>> round(slope.value, 6), int(slope.used.sum())
    (0.7, 6)
    """
    inside = (separation <= saturation * sizes) & (separation >= ROUNDINGS * precision * sizes)
    start = int(inside.argmax())
    end = start + int(np.append(~inside[start:], True).argmax())
    if end - start < 3:
        raise ValueError(
            f"only {end - start} times between rounding and saturation: a slope needs three; "
            "start the twins closer together, or in a wider dtype"
        )
    times = np.arange(start, end) - (start + end - 1) / 2
    used = np.zeros(len(separation), dtype=bool)
    used[start:end] = True
    slope = times @ np.log(separation[start:end]) / (times @ times)
    return TwinSlope(value=float(slope), used=used)


@dataclass(frozen=True, kw_only=True)
class AmplitudeMeasurement:
    """The linear window, and the growth over depth at every size as a curve of its own.

    ``window`` holds the largest size that still grows like a tangent, and in its breakdown the
    gap at every size.
    """

    window: Measurement
    curves: tuple[Curve, ...]


def amplitude(
    finite: Mapping[str, NDArray[np.float64]],
    tangent: Mapping[str, NDArray[np.float64]],
    sizes: Sequence[float],
    *,
    tolerance: float = TOLERANCE,
) -> AmplitudeMeasurement:
    """Return where finite perturbations of one model grow like its tangents.

    ``finite`` maps a prompt's id to growths (E, k, L) in nats at the relative ``sizes``, smallest
    first; ``tangent`` maps it to growths (k, L) of the same directions. A size agrees where the
    growth of every layer is within ``tolerance`` nats, root mean square over directions and
    prompts. A size at which a separation vanished has no curve.

    Raises:
        ValueError: for other prompts, directions, layers or sizes in the one than in the other.
    """
    ours = _pooled(finite, tangent, sizes)
    limit = np.concatenate([tangent[prompt] for prompt in finite])
    gap = gaps(ours, limit)
    known = [place for place in range(len(sizes)) if np.isfinite(ours[place]).all()]
    return AmplitudeMeasurement(
        window=_window(gap, sizes, tolerance, len(limit)),
        curves=tuple(_curve(mean_profile(ours[place]), sizes[place]) for place in known),
    )


def two_trajectories(
    separations: Mapping[str, NDArray[np.float64]],
    sizes: Mapping[str, NDArray[np.float64]],
    *,
    precision: float,
) -> Measurement:
    """Return the growth rate of twin trajectories with its interval, in nats per layer.

    ``separations`` maps a prompt's id to distances (k, L + 1) of k twins, ``sizes`` to those of
    the state (L + 1,); the slopes are those of :func:`twin_slope`. Absent with its reason where
    a twin has too few times between rounding and saturation.
    """
    try:
        slopes = {
            prompt: np.array(
                [twin_slope(s, sizes[prompt], precision=precision).value for s in twins]
            )
            for prompt, twins in separations.items()
        }
    except ValueError as error:
        return Measurement(name="two_trajectory_slope", unit="nats per layer", reason=str(error))
    return growth_rate(slopes, name="two_trajectory_slope")


def _pooled(
    finite: Mapping[str, NDArray[np.float64]],
    tangent: Mapping[str, NDArray[np.float64]],
    sizes: Sequence[float],
) -> NDArray[np.float64]:
    """Return the finite growths of all prompts, (E, prompts * k, L), checked."""
    sample_of(tangent)
    wanted = {prompt: (len(sizes), *growth.shape) for prompt, growth in tangent.items()}
    if not sizes or wanted != {prompt: growth.shape for prompt, growth in finite.items()}:
        raise ValueError(
            "finite and infinitesimal growth must be of the same prompts, directions and layers, "
            f"the finite one at {len(sizes)} sizes, at least one"
        )
    if list(sizes) != sorted(sizes):
        raise ValueError(f"sizes {list(sizes)} are not in order: give the smallest first")
    return np.concatenate(list(finite.values()), axis=1)


def _window(
    gap: NDArray[np.float64], sizes: Sequence[float], tolerance: float, count: int
) -> Measurement:
    """Return the largest size of the linear window, or why there is none."""
    found = linear_window(gap, tolerance)
    parts = tuple(_gap(size, float(value)) for size, value in zip(sizes, gap, strict=True))
    absent = Measurement(
        name="linear_window",
        unit="relative size",
        reason=f"at no size does the growth agree with that of tangents within {tolerance:g} nats",
        n=count,
        effective_n=count,
        breakdown=parts,
    )
    if found is None:
        return absent
    first, last = (sizes[place] for place in found)
    return replace(
        absent,
        value=float(last),
        reason=None,
        interval=f"growth within {tolerance:g} nats of that of tangents from {first:g} to {last:g}",
    )


def _gap(size: float, gap: float) -> Measurement:
    """Return the gap at one size."""
    name, unit = f"gap at relative size {size:g}", "nats per layer"
    if not np.isfinite(gap):
        return Measurement(name=name, unit=unit, reason="a separation vanished: it is rounding")
    return Measurement(name=name, unit=unit, value=gap)


def _curve(profile: NDArray[np.float64], size: float) -> Curve:
    """Return the mean growth over the layers at one size."""
    return Curve(
        name="growth at finite size by layer",
        x_label="layer",
        y_label="log growth (nats)",
        x=tuple(float(layer) for layer in range(len(profile))),
        y=tuple(profile.tolist()),
        series=f"relative size {size:g}",
    )
