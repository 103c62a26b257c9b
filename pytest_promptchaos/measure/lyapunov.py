"""Finite-time growth over depth, as measurements: the rate, the profile's shape, its layers.

The array functions are those of :mod:`pytest_promptchaos.measure.profile`, the units of every
interval those of :mod:`pytest_promptchaos.measure.sample`. The rate lambda_1 is positive where
perturbations grow.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.measure.profile import (
    crossing_depth,
    exponent,
    largest_growth,
    layer_bounds,
    mean_profile,
    profile_slope,
    profile_variance,
    profile_variance_debiased,
    zero_crossings,
)
from pytest_promptchaos.measure.sample import Sample, sample_of
from pytest_promptchaos.records import Curve, Measurement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.measure.profile import Bounds, Statistic

RATE = "nats per layer"


@dataclass(frozen=True, kw_only=True)
class LyapunovMeasurement:
    """The finite-time growth rate with its interval, the profile's shape, and the profile.

    ``exponent`` is judged; ``also`` holds the profile's variance (as it is, and without the
    tangents' noise), its slope over layers and over depth, the largest growth of one layer, the
    layers that expand, and where the profile changes sign; ``curve`` is the mean profile with
    its band.
    """

    exponent: Measurement
    also: tuple[Measurement, ...]
    curve: Curve


def lyapunov(
    growths: Mapping[str, NDArray[np.float64]], *, layers: Sequence[str] = ()
) -> LyapunovMeasurement:
    """Return the growth over depth of one model at one or more prompts.

    ``growths`` maps a prompt's id to its growth (k, L) in nats, the tangents of all prompts drawn
    from the same k seeds. The profile is averaged over tangents and prompts, and the breakdowns of
    the exponent, the variance and the slope hold each prompt's own. ``layers`` names the layers in
    words; without it they are "layer 0", "layer 1" and so on.

    Raises:
        ValueError: for no prompts, growths of different shapes, a number that is not finite, or
            another number of names than of layers.

    Source: G. Benettin et al., Meccanica 15 (1980) 9-20, doi:10.1007/BF02128236.
    """
    sample = sample_of(growths)
    names = layer_names(sample.units, layers)
    return LyapunovMeasurement(
        exponent=sample.measure("lambda_1", RATE, exponent, breakdown=_by_prompt(growths)),
        also=(
            *_shape(sample, growths),
            _largest(sample, names),
            expanding_layers(sample, names),
            _crossings(sample, names),
        ),
        # The 95 % t band of each layer by itself.
        curve=profile_curve(sample, layer_bounds(sample.units)),
    )


def growth_rate(
    growths: Mapping[str, NDArray[np.float64]], *, name: str, unit: str = RATE
) -> Measurement:
    """Return one rate with the interval and the breakdown of lambda_1, from arrays by prompt.

    For growth that is measured elsewhere: relative to the hidden state, of shape (k, L), which
    is averaged over layers, or in logit space, of shape (k,), one number per tangent. Raises
    ``ValueError`` as :func:`lyapunov` does.
    """
    columns = {prompt: _as_columns(growth) for prompt, growth in growths.items()}
    return sample_of(columns).measure(
        name, unit, exponent, breakdown=_by_prompt(columns, unit=unit)
    )


def layer_names(units: NDArray[np.float64], layers: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the layers of units (n, L): those given, or their numbers."""
    count = units.shape[1]
    if layers and len(layers) != count:
        raise ValueError(f"{len(layers)} layer names for growths of {count} layers: name each one")
    return tuple(layers) or tuple(f"layer {index}" for index in range(count))


def expanding_layers(sample: Sample, names: Sequence[str]) -> Measurement:
    """Return how many layers expand: their growth is above 0 with its whole 95 % interval.

    The breakdown holds every layer's mean growth with its own interval, in nats, the first layer
    first. The count's interval holds for all layers at once (Bonferroni): ``low`` counts the
    layers whose widened interval is above 0, ``high`` those whose widened interval reaches above
    0. Without intervals there is no count, because a sign alone is no expansion.
    """
    bounds, together = layer_bounds(sample.units), layer_bounds(sample.units, together=True)
    if bounds is None or together is None:
        reason = f"one {sample.kind[:-1]} has no spread, so no layer's growth has an interval"
        return sample.absent("expanding_layers", "layers", reason)
    profile = mean_profile(sample.units)
    rows = zip(names, profile, *bounds, strict=True)
    words = f"{sample.words}, of this layer by itself"
    return sample.told(
        "expanding_layers",
        "layers",
        int((bounds[0] > 0).sum()),
        (int((together[0] > 0).sum()), int((together[1] > 0).sum())),
        words=f"{sample.words}, all {len(names)} layers at once (Bonferroni)",
        breakdown=tuple(
            sample.told(name, "nats", value, (low, high), words=words)
            for name, value, low, high in rows
        ),
    )


def _shape(sample: Sample, growths: Mapping[str, NDArray[np.float64]]) -> tuple[Measurement, ...]:
    """Return the variance and the slope of the profile, and of each prompt's own in their parts."""
    over_depth = partial(profile_slope, over="depth")
    per_layer, per_depth = "nats per layer, per layer", "nats per layer, over the whole depth"
    return (
        sample.measure(
            "profile_variance",
            "nats squared",
            profile_variance,
            breakdown=_by_prompt(growths, profile_variance, unit="nats squared"),
        ),
        sample.measure(
            "profile_variance_debiased", "nats squared", profile_variance_debiased, least=3
        ),
        sample.measure(
            "profile_slope",
            per_layer,
            profile_slope,
            breakdown=_by_prompt(growths, profile_slope, unit=per_layer),
        ),
        sample.measure("profile_slope_over_depth", per_depth, over_depth),
    )


def _largest(sample: Sample, names: Sequence[str]) -> Measurement:
    """Return the growth of the layer that grows most, judged for all layers at once.

    The interval is simultaneous (Bonferroni over the L layers): ``low`` is the largest of the
    layers' widened lower bounds, ``high`` the largest of their widened upper bounds. Held against
    an upper limit it therefore says something of every layer: with ``high`` below the limit all
    layers are below it, with ``low`` above it at least one layer is above it, each wrong in at
    most 5 % of measurements however many layers there are. The breakdown names that layer.
    """
    profile = mean_profile(sample.units)
    place = int(profile.argmax())
    together = layer_bounds(sample.units, together=True)
    words = f"{sample.words}, all {len(profile)} layers at once (Bonferroni)"
    widest = together and (together[0].max(), together[1].max())
    own = together and (together[0][place], together[1][place])
    return sample.told(
        "largest_layer_growth",
        "nats",
        largest_growth(sample.units),
        widest,
        words=words,
        breakdown=(sample.told(names[place], "nats", profile[place], own, words=words),),
    )


def _crossings(sample: Sample, names: Sequence[str]) -> Measurement:
    """Return how often the mean profile changes sign, and in the breakdown where.

    Each part says in its name which way it crosses, between which layers; its value is the depth
    at which the straight line between the two is zero. A crossing counts as clear where both
    layers' intervals leave out 0.
    """
    profile, bounds = mean_profile(sample.units), layer_bounds(sample.units)
    found = zero_crossings(profile)
    words = "no interval: a count of sign changes of the mean profile"
    if bounds and found:
        signed = (bounds[0] > 0) | (bounds[1] < 0)
        clear = sum(bool(signed[before] and signed[after]) for before, after in found)
        words += f"; in {clear} of {len(found)} both layers' intervals leave out 0"
    return Measurement(
        name="zero_crossings",
        unit="crossings",
        value=float(len(found)),
        interval=words,
        n=len(sample.units),
        effective_n=len(sample.units),
        breakdown=tuple(_crossing(profile, names, pair) for pair in found),
    )


def _crossing(
    profile: NDArray[np.float64], names: Sequence[str], pair: tuple[int, int]
) -> Measurement:
    """Return one crossing: which way and where in its name, at which depth as its value."""
    before, after = pair
    way = "falls below 0" if profile[before] > 0 else "rises above 0"
    return Measurement(
        name=f"{way} between {names[before]} and {names[after]}",
        unit="layer",
        value=crossing_depth(profile, before, after),
    )


def _by_prompt(
    growths: Mapping[str, NDArray[np.float64]],
    statistic: Statistic = exponent,
    *,
    unit: str = RATE,
) -> tuple[Measurement, ...]:
    """Return each prompt's own value; none for a single prompt, whose own is the value."""
    if len(growths) == 1:
        return ()
    return tuple(
        sample_of({name: growth}).measure(name, unit, statistic) for name, growth in growths.items()
    )


def _as_columns(growth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return one number per tangent as growth of a single layer; other growth as it is."""
    return growth[:, np.newaxis] if growth.ndim == 1 else growth


def profile_curve(sample: Sample, bounds: Bounds | None, *, series: str = "") -> Curve:
    """Return the mean profile of a sample's units over the layers, with a band by layer."""
    profile = mean_profile(sample.units)
    low, high = bounds or (np.empty(0), np.empty(0))
    return Curve(
        name="finite-time growth by layer",
        x_label="layer",
        y_label="log growth (nats)",
        x=tuple(float(layer) for layer in range(len(profile))),
        y=tuple(profile.tolist()),
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
        series=series,
    )
