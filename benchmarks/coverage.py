"""How often the 95 % interval holds the true mean, and how often a permutation test cries wolf.

python -m benchmarks.coverage                        4,000 simulations a row, half a minute
python -m benchmarks.coverage --simulations 20000    a Monte-Carlo error of 0.15 %
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_promptchaos.measure.resampling import mean_bounds, sign_flip, unseen_reach

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.random import Generator
    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    Draw = Callable[[Generator, tuple[int, int]], Values]

NEIGHBORS = 8
PROMPTS = (5, 6, 12, 24, 48, 96)
NOMINAL = 0.95
CHANGED = 0.8
"""The distance of a changed answer: as far as what lies still may have moved unseen."""
AT_ONCE = 500
"""Simulations that are in memory together: 500 x 9,999 flips are 40 MB."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A population of prompts: ``draw`` gives their mean distances, ``mean`` is the true one."""

    draw: Draw
    mean: float


def _levels(rng: Generator, size: tuple[int, int], draw: Draw) -> Values:
    """Return one value per prompt and neighbor, (S, P, 1), to be spread over the neighbors."""
    return draw(rng, size)[..., np.newaxis]


def _within(rng: Generator, size: tuple[int, int], draw: Draw) -> Values:
    """Return values of the neighbors of every prompt, (S, P, K)."""
    flat = draw(rng, (size[0], size[1] * NEIGHBORS))
    return flat.reshape(*size, NEIGHBORS)


def _mean(distances: Values) -> Values:
    """Return each prompt's mean over its neighbors."""
    return np.asarray(distances.mean(axis=-1), dtype=np.float64)


def _normal(rng: Generator, size: tuple[int, int]) -> Values:
    levels = 0.1 * _levels(rng, size, lambda r, s: r.standard_normal(s))
    within = 0.1 * _within(rng, size, lambda r, s: r.standard_normal(s))
    return _mean(0.3 + levels + within)


def _exponential_levels(rng: Generator, size: tuple[int, int]) -> Values:
    levels = _levels(rng, size, lambda r, s: r.exponential(0.2, s))
    return _mean(levels * _within(rng, size, lambda r, s: r.exponential(1.0, s)))


def _zeros(rng: Generator, size: tuple[int, int]) -> Values:
    moved = _within(rng, size, lambda r, s: r.random(s)) < 0.4
    return _mean(moved * _within(rng, size, lambda r, s: r.exponential(0.3, s)))


def _zeros_by_prompt(rng: Generator, size: tuple[int, int]) -> Values:
    chance = _levels(rng, size, lambda r, s: r.beta(0.8, 1.2, s))
    moved = _within(rng, size, lambda r, s: r.random(s)) < chance
    return _mean(moved * _within(rng, size, lambda r, s: r.uniform(0.0, 0.8, s)))


def _still_prompts(rng: Generator, size: tuple[int, int]) -> Values:
    moves = _levels(rng, size, lambda r, s: r.random(s)) < 0.4
    return _mean(moves * _within(rng, size, lambda r, s: r.uniform(0.0, 0.6, s)))


def _one_neighbor(rng: Generator, size: tuple[int, int]) -> Values:
    return np.where(rng.random(size) < 0.4, rng.exponential(0.3, size), 0.0)


def _rare(rng: Generator, size: tuple[int, int]) -> Values:
    return _mean(np.where(_within(rng, size, lambda r, s: r.random(s)) < 0.05, 0.5, 0.0))


def _moved_or_not(rng: Generator, size: tuple[int, int]) -> Values:
    return np.where(rng.random(size) < 0.4, 0.5, 0.0)


SHAPES: Mapping[str, Shape] = {
    "normal, 8 neighbors": Shape(draw=_normal, mean=0.3),
    "exponential, 1 neighbor": Shape(draw=lambda r, s: r.exponential(0.2, s), mean=0.2),
    "exponential levels, 8 neighbors": Shape(draw=_exponential_levels, mean=0.2),
    "60 % zeros, 8 neighbors": Shape(draw=_zeros, mean=0.12),
    "60 % zeros, more in some prompts": Shape(draw=_zeros_by_prompt, mean=0.16),
    "60 % of prompts never move": Shape(draw=_still_prompts, mean=0.12),
    "60 % zeros, 1 neighbor": Shape(draw=_one_neighbor, mean=0.12),
    "moved or not, 1 neighbor": Shape(draw=_moved_or_not, mean=0.2),
    "5 % move, 8 neighbors": Shape(draw=_rare, mean=0.025),
    "log-normal, 1 neighbor": Shape(
        draw=lambda r, s: r.lognormal(-2.0, 1.0, s), mean=float(np.exp(-1.5))
    ),
}
"""Mean distances of prompts; the last is the hardest, with a tail that 24 prompts seldom show."""


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """Shares of simulations: ``held`` the truth, had it ``above`` the interval, or ``below``.

    ``skipped`` had no spread at all, and so another interval; ``error`` is the Monte-Carlo
    standard error of ``held``.
    """

    held: float
    above: float
    below: float
    skipped: float
    error: float


def coverage(shape: Shape, prompts: int, simulations: int, seed: int = 0) -> Coverage:
    """Return how often the interval of a verdict holds the shape's true mean.

    That is :func:`mean_bounds`, and where values tie what :func:`unseen_reach` adds to them.
    """
    above, below, skipped = [], [], 0
    for rng, size in _parts(prompts, simulations, seed):
        drawn = shape.draw(rng, size)
        spread = drawn[np.ptp(drawn, axis=-1) > 0]
        skipped += len(drawn) - len(spread)
        low, high = verdict_bounds(spread)
        above.append(high < shape.mean)
        below.append(low > shape.mean)
    over, under = (float(np.concatenate(side).mean()) for side in (above, below))
    held = 1 - over - under
    counted = simulations - skipped
    return Coverage(
        held=held,
        above=over,
        below=under,
        skipped=skipped / simulations,
        error=float(np.sqrt(held * (1 - held) / counted)),
    )


def verdict_bounds(means: Values) -> tuple[Values, Values]:
    """Return the bounds of data sets (S, P) as :func:`clustered_mean` gives them one by one."""
    low, high = mean_bounds(means)
    low = np.maximum(low, means.min(axis=-1))
    value = means.mean(axis=-1)
    farthest = np.maximum(means.max(axis=-1), CHANGED)
    return (
        np.minimum(low, value - unseen_reach(-means, 0.0)),
        np.maximum(high, value + unseen_reach(means, farthest)),
    )


def false_positives(
    shape: Shape, prompts: int, simulations: int, seed: int = 0
) -> tuple[float, float]:
    """Return how often the sign-flip test finds p <= 0.05 between two equal systems.

    And the Monte-Carlo standard error of that share.
    """
    found = [
        sign_flip(shape.draw(rng, size) - shape.draw(rng, size)) <= 1 - NOMINAL
        for rng, size in _parts(prompts, simulations, seed)
    ]
    rate = float(np.concatenate(found).mean())
    return rate, float(np.sqrt(rate * (1 - rate) / simulations))


def _parts(
    prompts: int, simulations: int, seed: int
) -> Iterator[tuple[Generator, tuple[int, int]]]:
    rng = np.random.default_rng(seed)
    for done in range(0, simulations, AT_ONCE):
        yield rng, (min(AT_ONCE, simulations - done), prompts)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulations", type=int, default=4000)
    simulations: int = parser.parse_args().simulations
    print(f"Coverage of the nominal 95 % interval, {simulations} simulations a row, in percent")
    print(f"{'shape':34}{'prompts':>8}{'holds':>8}{'+-':>6}{'above':>7}{'below':>7}{'skipped':>9}")
    for name, shape in SHAPES.items():
        for prompts in PROMPTS:
            found = coverage(shape, prompts, simulations)
            print(
                f"{name:34}{prompts:8}{100 * found.held:8.1f}{100 * found.error:6.1f}"
                f"{100 * found.above:7.1f}{100 * found.below:7.1f}{100 * found.skipped:9.1f}"
            )
    print("\nFalse positives of the paired sign-flip test at p <= 0.05, in percent")
    for name, shape in SHAPES.items():
        for prompts in PROMPTS[1:]:
            rate, error = false_positives(shape, prompts, simulations)
            print(f"{name:34}{prompts:8}{100 * rate:8.1f}{100 * error:6.1f}")


if __name__ == "__main__":
    main()
