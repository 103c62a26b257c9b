"""The random-initialization null: what of a growth is training, and what is architecture.

The same architecture with fresh random weights, n times, at the same prompts and with the same
tangents. One initialization is one unit. The band is a prediction interval: of further
initializations, 95 % lie in it, so a trained layer outside it is not one more of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import t as student

from pytest_promptchaos.measure.intervals import LEVEL
from pytest_promptchaos.measure.lyapunov import RATE, layer_names, profile_curve
from pytest_promptchaos.measure.profile import exponent, mean_profile
from pytest_promptchaos.measure.sample import Sample, sample_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.measure.profile import Bounds
    from pytest_promptchaos.records import Curve, Measurement


def prediction_bounds(units: NDArray[np.float64]) -> Bounds | None:
    """Return the bounds (L,) within which one more unit lies, layer by layer, with 95 %.

    Formula: ``mean +- t s sqrt(1 + 1/n)`` over units (n, L), on n - 1 degrees of freedom.
    ``None`` for one unit.

    >>> low, high = prediction_bounds(np.array([[0.0], [1.0], [2.0]]))
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([-3.968], [5.968])
    """
    count = len(units)
    if count < 2:
        return None
    spread = units.std(axis=0, ddof=1) * np.sqrt(1 + 1 / count)
    reach = student.ppf((1 + LEVEL) / 2, count - 1) * spread
    profile = mean_profile(units)
    return profile - reach, profile + reach


def difference_interval(
    trained: NDArray[np.float64], fresh: NDArray[np.float64]
) -> tuple[float, float] | None:
    """Return the 95 % bounds of a trained rate minus that of one more initialization.

    ``trained`` (n,) are the rates of tangents or prompts, ``fresh`` (m,) those of
    initializations. Formula: Welch's t on ``var(trained) / n + var(fresh) (1 + 1/m)``, because
    training started from one initialization and not from their mean. ``None`` where either has
    one value. Source: B. L. Welch, Biometrika 34 (1947) 28-35, doi:10.1093/biomet/34.1-2.28.

    >>> low, high = difference_interval(np.array([3.0, 3.0]), np.array([0.0, 1.0, 2.0]))
    >>> round(low, 3), round(high, 3)
    (-2.968, 6.968)
    """
    if min(len(trained), len(fresh)) < 2:
        return None
    parts = np.array([trained.var(ddof=1) / len(trained), fresh.var(ddof=1) * (1 + 1 / len(fresh))])
    total, value = parts.sum(), trained.mean() - fresh.mean()
    if total == 0:
        return float(value), float(value)
    freedom = total**2 / (parts**2 / [len(trained) - 1, len(fresh) - 1]).sum()
    reach = float(student.ppf((1 + LEVEL) / 2, freedom) * np.sqrt(total))
    return float(value - reach), float(value + reach)


@dataclass(frozen=True, kw_only=True)
class NullMeasurement:
    """Random initializations beside the trained model.

    ``exponent`` is their mean rate with its interval over initializations, ``difference`` the
    trained rate minus one more initialization's, ``expanding`` the layers whose whole band is
    above 0, with every layer's band in its breakdown, under the trained layers' names; ``curve``
    is their mean profile with its band.
    """

    exponent: Measurement
    difference: Measurement
    expanding: Measurement
    curve: Curve


def random_initialization_null(
    growths: Mapping[str, NDArray[np.float64]],
    fresh: Sequence[Mapping[str, NDArray[np.float64]]],
    *,
    layers: Sequence[str] = (),
) -> NullMeasurement:
    """Return the null of a trained model's ``growths`` from those of fresh initializations.

    ``growths`` and each of ``fresh`` map the same prompts to growths (k, L) in nats, from the
    same tangents. ``layers`` names the layers as in
    :func:`pytest_promptchaos.measure.lyapunov.lyapunov`.

    Raises:
        ValueError: for no initialization, growths of other prompts or shapes than the trained
            ones, or a number that is not finite.
    """
    trained = sample_of(growths)
    null = _initializations(growths, fresh)
    rates = trained.units.mean(axis=1), null.units.mean(axis=1)
    scarce = trained if len(trained.units) < 2 else null
    return NullMeasurement(
        exponent=null.measure("lambda_1 of random initializations", RATE, exponent),
        difference=scarce.told(
            "lambda_1 beyond random initializations",
            RATE,
            rates[0].mean() - rates[1].mean(),
            difference_interval(*rates),
            words=f"{LEVEL:.0%} t over {len(rates[0])} {trained.kind} and the spread between "
            f"{len(rates[1])} initializations",
        ),
        expanding=_expanding(null, layer_names(trained.units, layers)),
        curve=profile_curve(null, prediction_bounds(null.units), series="random initialization"),
    )


def _initializations(
    growths: Mapping[str, NDArray[np.float64]],
    fresh: Sequence[Mapping[str, NDArray[np.float64]]],
) -> Sample:
    """Return the initializations as units, each averaged over prompts and tangents."""
    if not fresh:
        raise ValueError("no random initialization: a null needs at least one, better five")
    shapes = {prompt: growth.shape for prompt, growth in growths.items()}
    for one in fresh:
        if {prompt: growth.shape for prompt, growth in one.items()} != shapes:
            raise ValueError(
                "an initialization was measured at other prompts, tangents or layers than the "
                "trained model: measure both alike"
            )
    units = np.stack([sample_of(one).units.mean(axis=0) for one in fresh])
    words = f"{LEVEL:.0%} t over {len(units)} random initializations"
    return Sample(units=units, words=words, kind="initializations")


def _expanding(null: Sample, names: Sequence[str]) -> Measurement:
    """Return how many layers expand in nearly every initialization, and each layer's band."""
    name, bounds = "expanding_layers of random initializations", prediction_bounds(null.units)
    if bounds is None:
        return null.absent(name, "layers", "one initialization has no spread, so there is no band")
    words = f"band of {LEVEL:.0%} of further initializations, from {len(null.units)}"
    rows = zip(names, mean_profile(null.units), *bounds, strict=True)
    return null.told(
        name,
        "layers",
        int((bounds[0] > 0).sum()),
        (int((bounds[0] > 0).sum()), int((bounds[1] > 0).sum())),
        words=words,
        breakdown=tuple(
            null.told(layer, "nats", value, (low, high), words=words)
            for layer, value, low, high in rows
        ),
    )
