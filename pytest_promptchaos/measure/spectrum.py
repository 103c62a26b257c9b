"""The spectrum of finite-depth exponents: k orthogonal tangents, k rates, and what they add up to.

Only tangents that a thin QR keeps apart have a spectrum: independent ones all turn towards the
same few directions, and their rates are k samples of one number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.measure.sample import sample_of
from pytest_promptchaos.records import Curve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from pytest_promptchaos.measure.sample import Sample
    from pytest_promptchaos.records import Measurement

_UNIT = "nats per layer"


def exponents(growth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the k exponents, largest first, shape (k,), in nats per layer.

    ``growth`` (k, L) holds every layer's ``log|diag R|``. Formula: its mean over layers, sorted:
    QR orders exponents only in the limit of many layers. Source: G. Benettin et al., Meccanica 15
    (1980) 9-20, doi:10.1007/BF02128236.

    >>> exponents(np.array([[0.0, -2.0], [1.0, 2.0]])).tolist()
    [1.5, -1.0]
    """
    rates: NDArray[np.float64] = np.sort(growth.mean(axis=1))[::-1]
    return rates


def kaplan_yorke_dimension(spectrum: NDArray[np.float64]) -> float:
    """Return the Kaplan-Yorke dimension of exponents (k,), largest first; above 1, below k.

    Formula: ``j + (sum of the first j) / |exponent j + 1|``, with j the most exponents whose sum
    is not negative: the dimension of a volume that keeps its size. Along a depth it says how many
    directions a perturbation can fill; a depth of finitely many different layers has no
    attractor, whose dimension it would be.

    Raises:
        ValueError: where it makes no sense: no exponent is above 0, or the sums stay above 0
            over all k, so that the volume that keeps its size has more than k dimensions.

    Source: J. L. Kaplan and J. A. Yorke (1979), doi:10.1007/BFb0064319.

    >>> kaplan_yorke_dimension(np.array([0.9, 0.0, -1.8]))
    2.5
    """
    if not spectrum[0] > 0:
        raise ValueError(
            f"no exponent is above 0 (the largest is {spectrum[0]:.3g}): no volume keeps its size"
        )
    sums = np.cumsum(spectrum)
    negative = np.flatnonzero(sums < 0)
    if not len(negative):
        raise ValueError(
            f"the {len(spectrum)} exponents add up to {sums[-1]:.3g}, not below 0: the dimension "
            f"is above {len(spectrum)}; take more tangents"
        )
    whole = int(negative[0])
    return float(whole + sums[whole - 1] / abs(spectrum[whole]))


@dataclass(frozen=True, kw_only=True)
class SpectrumMeasurement:
    """The exponents one by one, their sum, the dimension, and the exponents as a curve."""

    exponents: tuple[Measurement, ...]
    total: Measurement
    dimension: Measurement
    curve: Curve


def spectrum(growths: Mapping[str, NDArray[np.float64]]) -> SpectrumMeasurement:
    """Return the spectrum of one model at one or more prompts, from orthogonal growths (k, L).

    Exponent i is averaged over prompts. The k exponents of one prompt are k numbers and no
    samples of one, so there is an interval only over prompts, from ``MIN_CLUSTERS`` on. The sum
    of k exponents is the rate at which a k-dimensional volume grows. Raises ``ValueError`` as
    :func:`pytest_promptchaos.measure.lyapunov.lyapunov` does.
    """
    sample_of(growths)
    rates = {prompt: exponents(growth)[np.newaxis] for prompt, growth in growths.items()}
    sample = sample_of(rates)
    count = sample.units.shape[1]
    singles = tuple(_single(sample, index) for index in range(count))
    return SpectrumMeasurement(
        exponents=singles,
        total=sample.measure("exponent_sum", _UNIT, lambda units: float(units.mean(axis=0).sum())),
        dimension=sample.measure(
            "kaplan_yorke_dimension",
            "dimensions",
            lambda units: kaplan_yorke_dimension(units.mean(axis=0)),
        ),
        curve=_curve(singles),
    )


def _single(sample: Sample, index: int) -> Measurement:
    """Return exponent ``index`` by its name, which counts from 1."""
    return sample.measure(f"lambda_{index + 1}", _UNIT, lambda units: float(units[:, index].mean()))


def _curve(singles: tuple[Measurement, ...]) -> Curve:
    """Return the exponents over their number."""
    known = [(s.value, s.low, s.high) for s in singles]
    return Curve(
        name="finite-depth exponents",
        x_label="exponent",
        y_label="growth rate (nats per layer)",
        x=tuple(float(index + 1) for index in range(len(singles))),
        y=tuple(value for value, _, _ in known if value is not None),
        low=tuple(low for _, low, _ in known if low is not None),
        high=tuple(high for _, _, high in known if high is not None),
    )
