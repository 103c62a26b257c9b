"""The bootstrap of a family of rank correlations, against a loop over ``scipy.stats.spearmanr``.

make bench    or    python -m benchmarks.bridge
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import spearmanr

from benchmarks.timing import in_turns
from pytest_promptchaos.measure.rank_bootstrap import RESAMPLES, bias_corrected, pooled_family
from pytest_promptchaos.records import Hypothesis

if TYPE_CHECKING:
    from numpy.typing import NDArray

PREDICTORS, REPEATS, TURNS = 144, 5, 40
"""720 rows: five repeats of 144 seed prompts, each with a depth profile of its own."""
SEED = 42
FAMILY = [
    Hypothesis(predictor=predictor, outcome=outcome)
    for predictor, outcome in (
        ("mean", "rate"),
        ("mean", "first_turn"),
        ("mean", "collapsed"),
        ("variance", "rate"),
        ("slope", "rate"),
        ("slope", "first_turn"),
    )
]


def simulated() -> dict[str, NDArray[np.float64]]:
    """Return columns like the published ones: 108 of 144 predictors differ, outcomes tie often."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(3, PREDICTORS))
    features[:, 108:] = features[:, :36]
    mean, variance, slope = np.repeat(features, REPEATS, axis=1)
    lean = 0.5 * variance - 0.5 * slope + rng.normal(size=len(mean))
    turns = np.clip(np.round(12 + 12 * lean), 0, TURNS - 4)
    first_turn = np.where(turns > 0, TURNS + 1 - turns, TURNS + 1)
    columns = {"mean": mean, "variance": variance, "slope": slope, "first_turn": first_turn}
    return columns | {"rate": turns / TURNS, "collapsed": (turns > 0).astype(np.float64)}


def looped(columns: dict[str, NDArray[np.float64]]) -> list[tuple[float, float]]:
    """Return the bounds of every hypothesis as one would write it: a sort for every resample."""
    rng = np.random.default_rng(SEED)
    bounds = []
    for hypothesis in FAMILY:
        x, y = columns[hypothesis.predictor], columns[hypothesis.outcome]
        rhos = np.empty(RESAMPLES)
        for place in range(RESAMPLES):
            rows = rng.integers(0, len(x), size=len(x))
            rhos[place] = spearmanr(x[rows], y[rows]).statistic
        bounds.append(bias_corrected(rhos, float(spearmanr(x, y).statistic)))
    return bounds


def main() -> None:
    """Print the ratio, and how far the bounds are apart."""
    columns = simulated()
    ours: list[tuple[float, float]] = []
    theirs: list[tuple[float, float]] = []

    def without_sorting() -> None:
        found = pooled_family(columns, FAMILY, resamples=RESAMPLES, seed=SEED)
        ours[:] = [(pooled.interval.low, pooled.interval.high) for pooled in found]

    def one_by_one() -> None:
        theirs[:] = looped(columns)

    # One turn: the loop takes half a minute, and runs twice in it.
    turns = in_turns({"ours": without_sorting, "loop": one_by_one}, repeats=1)
    apart = np.abs(np.subtract(ours, theirs)).max()
    print(
        f"{RESAMPLES:,} resamples x {len(FAMILY)} hypotheses of {len(columns['mean'])} rows: "
        f"{turns.median('ours'):.2f} s against {turns.median('loop'):.1f} s of spearmanr in a "
        f"loop: ratio {turns.ratio('loop', 'ours')[0]:.1f} (bar 30), both whole, draws included; "
        f"bounds {apart:.0e} apart at most"
    )


if __name__ == "__main__":
    main()
