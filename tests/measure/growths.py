"""Growths that the tests of depth measures share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

if TYPE_CHECKING:
    from numpy.typing import NDArray

GROWTHS = arrays(
    np.float64,
    array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=8),
    elements=st.floats(-5, 5, allow_subnormal=False),
)


def noisy(seed: int, tangents: int = 10, layers: int = 6) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(0.2, 0.1, (tangents, layers))
