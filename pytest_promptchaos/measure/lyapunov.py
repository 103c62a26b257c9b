"""Finite-time growth over depth: rate, profile, and the shape of the profile, with intervals.

A growth array has shape (k, L): the log growth, in nats, of k tangents in each of L layers. Its
mean over tangents is a profile, one number per layer; it is no spectrum. The profile's mean is
the finite-time growth rate lambda_1, positive where perturbations grow.

Every interval is a jackknife t-interval over units. For the rate, the slopes and one layer's
growth, which are linear in the units, it is the ordinary t-interval; a bootstrap of ten values
is too narrow. The units are the tangents, which sample the directions at these prompts, or the
prompts as soon as there are ``MIN_CLUSTERS`` of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.stats import t as student

from pytest_promptchaos.measure.intervals import LEVEL, MIN_CLUSTERS
from pytest_promptchaos.records import Curve, Measurement

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    Statistic = Callable[[NDArray[np.float64]], float]


def mean_profile(growth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean log growth of each layer, shape (L,), in nats, from growth (k, L).

    >>> mean_profile(np.array([[0.0, 1.0], [2.0, 3.0]])).tolist()
    [1.0, 2.0]
    """
    profile: NDArray[np.float64] = growth.mean(axis=0)
    return profile


def exponent(growth: NDArray[np.float64]) -> float:
    """Return lambda_1, the finite-time growth rate in nats per layer, from growth (k, L).

    Formula: ``(1/L) sum_l g_l``, where ``g_l`` is the mean over tangents. Any real number; zero
    where perturbations keep their size. Source: G. Benettin et al., Meccanica 15 (1980) 9-20.

    >>> round(exponent(np.log([[2.0, 0.5], [2.0, 2.0]])), 4)
    0.3466
    """
    return float(mean_profile(growth).mean())


def profile_variance(growth: NDArray[np.float64]) -> float:
    """Return the variance over layers (ddof 0) of the mean profile, in squared nats, >= 0.

    The noise of k tangents adds about its own variance divided by k.

    >>> profile_variance(np.array([[0.0, 2.0], [0.0, 2.0]]))
    1.0
    """
    return float(mean_profile(growth).var())


def profile_slope(
    growth: NDArray[np.float64], *, over: Literal["layer", "depth"] = "layer"
) -> float:
    """Return the least-squares slope of the mean profile, in nats per layer or per whole depth.

    ``over="layer"`` takes the layer index l as abscissa, ``over="depth"`` the fraction l / L:
    only the second compares models of different depth. Raises ``ValueError`` for one layer.

    >>> profile_slope(np.array([[0.0, 1.0, 2.0]])), profile_slope(np.eye(2)[:1], over="depth")
    (1.0, -2.0)
    """
    layers = growth.shape[1]
    if layers < 2:
        raise ValueError("one layer has no slope: at least two are needed")
    abscissa = np.arange(layers) / (layers if over == "depth" else 1)
    centered = abscissa - abscissa.mean()
    return float(centered @ mean_profile(growth) / (centered @ centered))


def largest_growth(growth: NDArray[np.float64]) -> float:
    """Return the mean log growth of the layer that grows most, in nats.

    >>> largest_growth(np.array([[0.0, 3.0, 1.0]]))
    3.0
    """
    return float(mean_profile(growth).max())


def jackknife_interval(
    units: NDArray[np.float64], statistic: Statistic
) -> tuple[float, float] | None:
    """Return the bounds of the 95 % jackknife t-interval of ``statistic(units)``.

    ``units`` has shape (n, L). With ``s_i`` the statistic without unit i, the standard error is
    ``sqrt((n - 1) / n * sum((s_i - mean(s))**2))``, on n - 1 degrees of freedom. ``None`` for
    one unit, which shows no spread. Source: B. Efron, The Jackknife
    (1982), doi:10.1137/1.9781611970319.

    >>> low, high = jackknife_interval(np.array([[0.0], [1.0], [2.0]]), exponent)
    >>> round(low, 3), round(high, 3)
    (-1.484, 3.484)
    """
    count = len(units)
    if count < 2:
        return None
    without = np.array([statistic(np.delete(units, i, axis=0)) for i in range(count)])
    error = np.sqrt((count - 1) * without.var())
    reach = float(student.ppf((1 + LEVEL) / 2, count - 1) * error)
    value = statistic(units)
    return value - reach, value + reach


@dataclass(frozen=True, kw_only=True, eq=False)
class _Sample:
    """The units (n, L) that an interval is taken over, in words."""

    units: NDArray[np.float64]
    words: str
    kind: str

    def measure(
        self,
        name: str,
        unit: str,
        statistic: Statistic,
        breakdown: tuple[Measurement, ...] = (),
    ) -> Measurement:
        """Return the statistic with its interval, or the reason why it has no value."""
        units = self.units
        try:
            value = statistic(units)
        except ValueError as error:
            return Measurement(
                name=name,
                unit=unit,
                reason=str(error),
                n=len(units),
                effective_n=len(units),
            )
        low, high = jackknife_interval(units, statistic) or (None, None)
        return Measurement(
            name=name,
            unit=unit,
            value=value,
            low=low,
            high=high,
            level=LEVEL,
            interval=self.words if low is not None else "no interval: one tangent has no spread",
            resampled=self.kind,
            resampled_n=len(units),
            n=len(units),
            effective_n=len(units),
            breakdown=breakdown,
        )


@dataclass(frozen=True, kw_only=True)
class LyapunovMeasurement:
    """The finite-time growth rate with its interval, the profile's shape, and the profile.

    ``exponent`` is judged; ``also`` holds the profile's variance, its slope over layers and over
    depth, and the largest growth of one layer; ``curve`` is the mean profile with its band.
    """

    exponent: Measurement
    also: tuple[Measurement, ...]
    curve: Curve


def lyapunov(growths: Mapping[str, NDArray[np.float64]]) -> LyapunovMeasurement:
    """Return the growth over depth of one model at one or more prompts.

    ``growths`` maps a prompt's id to its growth (k, L) in nats, the tangents of all prompts drawn
    from the same k seeds. The profile is averaged over tangents and prompts. Tangent i is the
    same draw at every prompt, so below ``MIN_CLUSTERS`` prompts the units are the k tangents,
    each averaged over the prompts, and the interval speaks of these prompts only; from there on
    the units are the prompts. The breakdown of the exponent holds each prompt's own.

    Raises:
        ValueError: for no prompts, growths of different shapes, or a number that is not finite.

    Source: G. Benettin et al., Meccanica 15 (1980) 9-20, doi:10.1007/BF02128236.
    """
    _refuse_misfits(growths)
    sample = _sample(growths)
    return LyapunovMeasurement(
        exponent=sample.measure("lambda_1", _RATE, exponent, _by_prompt(growths)),
        also=(
            sample.measure("profile_variance", "nats squared", profile_variance),
            sample.measure("profile_slope", "nats per layer, per layer", profile_slope),
            sample.measure(
                "profile_slope_over_depth",
                "nats per layer, over the whole depth",
                partial(profile_slope, over="depth"),
            ),
            sample.measure("largest_layer_growth", "nats", largest_growth),
        ),
        curve=_curve(sample.units),
    )


_RATE = "nats per layer"


def _refuse_misfits(growths: Mapping[str, NDArray[np.float64]]) -> None:
    """Raise ``ValueError`` for growths that cannot be averaged."""
    if not growths:
        raise ValueError("no growths: at least one prompt is needed")
    shapes = {growth.shape for growth in growths.values()}
    if len(shapes) > 1 or len(shape := shapes.pop()) != 2 or not all(shape):
        raise ValueError(
            "growths must all have one shape (tangents, layers), neither of them zero; got "
            + ", ".join(f"{name} {growth.shape}" for name, growth in growths.items())
        )
    for name, growth in growths.items():
        if not np.isfinite(growth).all():
            raise ValueError(f"the growth of prompt {name!r} holds a number that is not finite")


def _sample(growths: Mapping[str, NDArray[np.float64]]) -> _Sample:
    """Return the prompts as units where there are enough of them, else the tangents."""
    stacked = np.stack(list(growths.values()))
    prompts, tangents, _ = stacked.shape
    if prompts >= MIN_CLUSTERS:
        units, words = stacked.mean(axis=1), f"{LEVEL:.0%} t over {prompts} prompts"
        kind = "prompts"
    else:
        kind = "tangents"
        where = "this prompt" if prompts == 1 else f"these {prompts} prompts"
        units = stacked.mean(axis=0)
        words = f"{LEVEL:.0%} t over {tangents} tangents at {where}, not over prompts"
    return _Sample(units=units, words=words, kind=kind)


def _by_prompt(growths: Mapping[str, NDArray[np.float64]]) -> tuple[Measurement, ...]:
    """Return each prompt's own rate; none for a single prompt, whose rate is the value."""
    if len(growths) == 1:
        return ()
    return tuple(
        _sample({name: growth}).measure(name, _RATE, exponent) for name, growth in growths.items()
    )


def _curve(units: NDArray[np.float64]) -> Curve:
    """Return the mean profile over the layers, with the 95 % t band of each layer by itself."""
    profile = mean_profile(units)
    bounds = [jackknife_interval(layer[:, np.newaxis], exponent) for layer in units.T]
    known = [bound for bound in bounds if bound is not None]
    return Curve(
        name="finite-time growth by layer",
        x_label="layer",
        y_label="log growth (nats)",
        x=tuple(float(layer) for layer in range(len(profile))),
        y=tuple(profile.tolist()),
        low=tuple(low for low, _ in known),
        high=tuple(high for _, high in known),
    )
