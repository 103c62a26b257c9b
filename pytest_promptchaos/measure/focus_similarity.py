"""How alike two focus maps are, and how alike they would be with nothing in common.

A similarity alone says little: attention of one model to two different images can have a cosine
of 0.9. So it stands beside two nulls: maps of the same question on other images, and maps of one
prompt asked twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from scipy.ndimage import uniform_filter
from scipy.special import xlogy

from pytest_promptchaos.errors import FocusError
from pytest_promptchaos.measure.focus import refuse_no_focus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from pytest_promptchaos.measure.focus import FocusMap

    Values: TypeAlias = NDArray[np.float64]

Likeness = Literal["cosine", "js", "ssim"]

LARGEST_WINDOW = 7
"""The side of scikit-image's uniform window; smaller where a grid is."""
MOST_PAIRS = 2000
"""Pairs of other images that are compared: their 95 % quantile is then known to a half percent."""


@dataclass(frozen=True, kw_only=True)
class Similarity:
    """How alike two maps are.

    ``cosine`` in [0, 1], ``js`` the Jensen-Shannon divergence in nats in [0, ln 2], ``ssim`` the
    structural similarity in [-1, 1]; it is absent with a ``reason``.
    """

    cosine: float
    js: float
    ssim: float | None = None
    reason: str = ""

    def likeness(self, metric: Likeness) -> float | None:
        """Return one of the three so that more is more alike: ``js`` becomes 1 - js / ln 2."""
        return 1.0 - self.js / float(np.log(2)) if metric == "js" else getattr(self, metric)

    @property
    def named(self) -> dict[str, float]:
        """The values that are there, by name."""
        known = {"cosine": self.cosine, "JS (nats)": self.js, "SSIM": self.ssim}
        return {name: value for name, value in known.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Null:
    """Similarities of pairs that share nothing, or everything. ``left_out`` have unequal tokens."""

    name: str
    pairs: tuple[Similarity, ...]
    left_out: int = 0

    def values(self, metric: Likeness) -> Values:
        """Return the likeness of every pair that has one, shape (pairs,)."""
        found = (pair.likeness(metric) for pair in self.pairs)
        return np.array([value for value in found if value is not None], dtype=np.float64)

    def quantile(self, metric: Likeness, share: float = 0.95) -> float | None:
        """Return the likeness that ``share`` of the pairs do not exceed; none without pairs."""
        values = self.values(metric)
        return float(np.quantile(values, share)) if values.size else None


def ssim_window(grid: tuple[int, int]) -> int | None:
    """Return the side of the window for a grid: odd, about half the shorter side, 3 to 7.

    None where the shorter side is below 4, because 3 is the smallest window that has a middle.

    >>> [ssim_window((side, 24)) for side in (3, 4, 6, 10, 24)]
    [None, 3, 3, 5, 7]
    """
    half = min(grid) // 2
    return None if min(grid) < 4 else max(3, min(LARGEST_WINDOW, half - 1 + half % 2))


def ssim(a: Values, b: Values, keep: NDArray[np.bool_], *, side: int) -> float:
    """Return the mean structural similarity of two maps on a grid, in [-1, 1].

    ``a``, ``b`` and ``keep`` have shape (rows, columns). Formula: the mean over kept places of
    (2 m_a m_b + C1) (2 c_ab + C2) / ((m_a^2 + m_b^2 + C1) (v_a + v_b + C2)), with means, variances
    (ddof 0) and covariance over a uniform window of ``side`` x ``side`` that is cut at the border
    and at places that are not kept. C1 = (0.01 R)^2 and C2 = (0.03 R)^2, R the data range: the
    largest less the smallest kept value of both maps. Source: Z. Wang et al., IEEE Trans. Image
    Process. 13 (2004) 600-612, doi:10.1109/TIP.2003.819861; its window is Gaussian and 11 wide,
    which no grid of image tokens of 6 x 6 holds.

    >>> grid = np.arange(16.0).reshape(4, 4)
    >>> ssim(grid, grid, np.ones((4, 4), dtype=bool), side=3)
    1.0
    """
    inside = uniform_filter(keep.astype(np.float64), side, mode="constant")

    def over(values: Values) -> Values:
        total = uniform_filter(np.where(keep, values, 0.0), side, mode="constant")
        return np.asarray(total[keep] / inside[keep], dtype=np.float64)

    both = np.concatenate([a[keep], b[keep]])
    # Divided by the range, so that squares of small shares do not lose digits.
    x, y = ((one - both.min()) / np.ptp(both) for one in (a, b))
    lowest = float(both.min() / np.ptp(both))
    mean_x, mean_y = over(x), over(y)
    product = over(x * y) - mean_x * mean_y
    squares = over(x**2) - mean_x**2 + over(y**2) - mean_y**2
    mean_x, mean_y = mean_x + lowest, mean_y + lowest
    light = (2 * mean_x * mean_y + 1e-4) / (mean_x**2 + mean_y**2 + 1e-4)
    return float(np.clip(np.mean(light * (2 * product + 9e-4) / (squares + 9e-4)), -1.0, 1.0))


def similarity(a: FocusMap, b: FocusMap) -> Similarity:
    """Return how alike two maps of equally many image tokens are.

    Tokens that are a sink in either map are left out of both, which are then scaled to sum to 1:
    a sink that both share would make any two maps alike. Cosine and JS are over tokens, in no
    order; SSIM is over the grid, and absent with a reason without one. Raises
    :class:`FocusError` for maps of different sizes, and where what is left of one is constant.

    >>> from pytest_promptchaos.measure.focus import given
    >>> similarity(given([1.0, 0.0]), given([0.0, 1.0])).cosine
    0.0
    """
    keep = _comparable(a, b)
    p, q = (_scaled(one, keep) for one in (a, b))
    inside, reason = _structure(a, b)
    if np.array_equal(p, q):
        return Similarity(cosine=1.0, js=0.0, ssim=1.0 if inside else None, reason=reason)
    cosine = float(p @ q / (np.linalg.norm(p) * np.linalg.norm(q)))
    return Similarity(
        cosine=min(cosine, 1.0),
        js=_js(p, q),
        ssim=_on_grid(p, q, keep, a.grid, inside) if inside and a.grid else None,
        reason=reason,
    )


def other_image_null(
    maps: Mapping[tuple[str, str], FocusMap], *, most: int = MOST_PAIRS, seed: int = 0
) -> Null:
    """Return the similarities of maps of the same question on different images.

    ``maps`` are by image and question, both as ids. All pairs are compared, or ``most`` random
    ones of them. Pairs with unequal numbers of image tokens are counted as left out.
    """
    pairs = [
        (maps[one], maps[other])
        for one, other in combinations(maps, 2)
        if one[0] != other[0] and one[1] == other[1]
    ]
    drawn = np.random.default_rng(seed).permutation(len(pairs))[:most]
    chosen = pairs if len(pairs) <= most else [pairs[i] for i in sorted(drawn)]
    told = f"same question, another image ({len(chosen):,} of {len(pairs):,} pairs)"
    return _null(told, chosen)


def identical_null(pairs: Sequence[tuple[FocusMap, FocusMap]]) -> Null:
    """Return the similarities of maps of one prompt asked twice: 1 but for noise of the batch."""
    return _null(f"the same prompt again ({len(pairs):,} pairs)", pairs)


def _null(name: str, pairs: Sequence[tuple[FocusMap, FocusMap]]) -> Null:
    alike = [(a, b) for a, b in pairs if len(a.values) == len(b.values)]
    found = tuple(similarity(a, b) for a, b in alike)
    return Null(name=name, pairs=found, left_out=len(pairs) - len(alike))


def _js(p: Values, q: Values) -> float:
    """Return the Jensen-Shannon divergence of two distributions in nats, in [0, ln 2]."""
    # The ratio of p to the middle is at most 2; half of the smallest float is 0, and its log none.
    total = np.where(p + q > 0, p + q, 1.0)
    found = float(np.sum(xlogy(p, 2 * p / total) + xlogy(q, 2 * q / total))) / 2
    return min(max(found, 0.0), float(np.log(2)))


def _comparable(a: FocusMap, b: FocusMap) -> NDArray[np.bool_]:
    """Return which tokens are no sink in either map, or raise where there is nothing to compare."""
    if len(a.values) != len(b.values):
        raise FocusError(
            f"maps of {len(a.values)} and {len(b.values)} image tokens are not comparable: show "
            "both phrasings the same image at the same size"
        )
    keep = np.asarray(a.kept & b.kept, dtype=np.bool_)
    for one in (a, b):
        if not one.values[keep].sum() > 0:
            raise FocusError(
                f"nothing of the focus of {one.provenance.query} is left without the sinks of both "
                "maps: find sinks once, over all maps, and pass them to each"
            )
        refuse_no_focus(one.values[keep], f"without sinks the focus of {one.provenance.query}")
    return keep


def _scaled(one: FocusMap, keep: NDArray[np.bool_]) -> Values:
    values = np.where(keep, one.values, 0.0)
    return np.asarray(values / values.sum(), dtype=np.float64)


def _structure(a: FocusMap, b: FocusMap) -> tuple[int | None, str]:
    """Return the side of the window for SSIM, or why there is none."""
    if a.grid is None or b.grid is None:
        return None, "no SSIM: the image tokens form no grid"
    if a.grid != b.grid:
        return None, f"no SSIM: grids of {a.grid} and {b.grid}"
    side = ssim_window(a.grid)
    small = f"no SSIM: no window is smaller than a grid of {a.grid[0]} x {a.grid[1]}"
    return (side, "") if side else (None, small)


def _on_grid(
    p: Values, q: Values, keep: NDArray[np.bool_], grid: tuple[int, int], side: int
) -> float:
    return ssim(p.reshape(grid), q.reshape(grid), keep.reshape(grid), side=side)
