"""Tables of the published design: 36 seed prompts, four conditions, five repeats, three models.

HOMO_A and HETERO_ROT are measured on the same model, so that 720 rows have 108 predictors.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    Labels = NDArray[np.int64]

CONDITIONS = ("HETERO_ROT", "HOMO_A", "HOMO_B", "HOMO_C")
MODEL_OF = np.array([0, 0, 1, 2])
SEEDS, REPEATS = 36, 5


@dataclass(frozen=True)
class Design:
    """Condition, seed prompt, and cluster (model and seed prompt) of every row, shape (n,)."""

    strata: Labels
    seeds: Labels
    clusters: Labels


def design(seeds: int = SEEDS, repeats: int = REPEATS) -> Design:
    strata = np.repeat(np.arange(len(CONDITIONS)), seeds * repeats)
    of_seed = np.tile(np.repeat(np.arange(seeds), repeats), len(CONDITIONS))
    return Design(strata, of_seed, MODEL_OF[strata] * seeds + of_seed)


DESIGN = design()


def drawn(
    rng: Generator, *, inside: float = 0.0, between: float = 3.0, shared_by_seed: float = 0.0
) -> tuple[Values, Values]:
    """Return predictors and outcomes (720,) of the published design.

    A cluster has one predictor, and an outcome of its own beside that of every row. ``between``
    is how far the models' levels lie apart in both, ``inside`` the slope of the outcome on the
    predictor in every model, ``shared_by_seed`` what a seed prompt adds to each in all models,
    independently.
    """
    models, clusters = np.array([-1.0, 0.0, 1.0]), 3 * SEEDS
    x_seed, y_seed = shared_by_seed * rng.normal(size=(2, SEEDS))
    own = rng.normal(size=clusters) + np.tile(x_seed, 3)
    at_once = rng.normal(size=clusters) + np.tile(y_seed, 3) + inside * own
    x = own + between * np.repeat(models, SEEDS)
    y = at_once[DESIGN.clusters] + rng.normal(size=len(DESIGN.strata))
    return x[DESIGN.clusters], y + between * models[MODEL_OF][DESIGN.strata]
