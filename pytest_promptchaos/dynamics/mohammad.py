"""The protocol ``mohammad-2026`` as it was published, for comparison with its published values.

Not the default, because of two known defects. Its profile holds the logarithm of a norm that is
only reset every c layers, so it is a sawtooth, whose variance grows with c, as c^2 where layers
grow alike (and where one layer outgrows all others, c hides or shows it); and it renormalizes
every token by itself, which changes the tokens' ratio before attention mixes them, so lambda_1
depends on c as well. :func:`pytest_promptchaos.dynamics.depth.depth_growth` has neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.dynamics.tangent import draw_tangents, push

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_promptchaos.dynamics.depth import Depth

TANGENT_SEEDS = 10
CADENCE = 4


@dataclass(frozen=True, kw_only=True)
class MohammadRow:
    """One row of the published table, under its column names.

    ``lambda1_cv`` is absent where the mean is exactly zero. A number that is not finite raises an
    error here instead of being counted, so ``n_valid`` is ``n_tangent_seeds``.
    """

    lambda1_mean: float
    lambda1_std: float
    lambda1_cv: float | None
    layerwise_variance_mean: float
    profile_slope_mean: float
    n_tangent_seeds: int
    n_valid: int
    nan_count: int
    renorm_cadence: int


def mohammad_2026(depth: Depth, *, cadence: int = CADENCE, chunk: int | None = None) -> MohammadRow:
    """Return the growth over ``depth`` as the protocol ``mohammad-2026`` defines it.

    Ten tangents from seeds 0-9 on all prompt tokens, each token's vector of norm 1 at the start
    and again every ``cadence`` layers (4 in the protocol). ``lambda1`` is the mean over tokens of
    the summed log norms over L, in nats per layer, mean and standard deviation (ddof 1) over
    seeds. The profile is the mean over tokens of ``log |v_token|`` after each layer; its variance
    over layers (ddof 0) and its least-squares slope over the layer index are averaged over seeds.

    The published runs drew the vectors in the model's own dtype and device; these are drawn in
    float64 and cast, so single values differ as those of other seeds do. ``chunk`` bounds how
    many tangents travel at once. The two defects are those in the head of this file: a variance
    that grows with ``cadence``, and a lambda_1 that depends on it.

    Raises:
        DepthError: as :func:`pytest_promptchaos.dynamics.tangent.push` does, for NaN too.
    """
    tangents = draw_tangents(depth.state.shape, TANGENT_SEEDS, seed=0)
    growth = push(
        depth.steps,
        depth.state,
        tangents,
        unit="row",
        cadence=cadence,
        chunk=chunk,
        precision=depth.precision,
    )
    assert growth.row_profile is not None
    return summary(growth.row_profile, cadence)


def recorded(rows: NDArray[np.float64], cadence: int) -> NDArray[np.float64]:
    """Return the published profile, (k, L), from every token's growth per layer, (k, L, T).

    Formula: the mean over tokens of ``log |v_token|``, which is the growth since the token was
    last renormalized, ``cadence`` layers at most.

    >>> recorded(np.ones((1, 6, 2)), 4).tolist()
    [[1.0, 2.0, 3.0, 4.0, 1.0, 2.0]]
    """
    profile = rows.mean(axis=2)
    blocks = np.split(profile, range(cadence, profile.shape[1], cadence), axis=1)
    return np.concatenate([block.cumsum(axis=1) for block in blocks], axis=1)


def summary(rows: NDArray[np.float64], cadence: int) -> MohammadRow:
    """Return the published columns from every token's growth per layer, (k, L, T), in nats."""
    rates = rows.sum(axis=1).mean(axis=1) / rows.shape[1]
    profile = recorded(rows, cadence)
    layers = np.arange(profile.shape[1])
    mean, spread = float(rates.mean()), float(rates.std(ddof=1))
    return MohammadRow(
        lambda1_mean=mean,
        lambda1_std=spread,
        lambda1_cv=spread / abs(mean) if mean else None,
        layerwise_variance_mean=float(profile.var(axis=1).mean()),
        profile_slope_mean=float(np.polyfit(layers, profile.T, 1)[0].mean()),
        n_tangent_seeds=len(rows),
        n_valid=len(rows),
        nan_count=0,
        renorm_cadence=cadence,
    )
