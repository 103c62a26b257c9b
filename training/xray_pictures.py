"""Chest pictures drawn from ellipses: the truth of each finding is a fact of its geometry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

SIDE = 64
"""Height and width of every picture in pixels; all lengths below are fractions of it."""
FINDINGS = ("cardiomegaly", "effusion", "nodule")
LIMIT_RATIO = 0.5
"""A heart wider than this share of the thorax is enlarged."""
RATIOS = {False: (0.36, 0.455), True: (0.545, 0.65)}
"""Drawn ratios keep away from the limit, so that no picture is in doubt."""
FLUID_DEPTHS = (0.26, 0.46)
"""Height of the fluid as a share of its lung's height."""
NODULE_RADII = (0.048, 0.066)
RIBS = 9


@dataclass(frozen=True)
class Ellipse:
    """Centre and half axes."""

    x: float
    y: float
    across: float
    down: float

    def radius(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the distance from the centre, 1 on the rim."""
        return np.hypot((x - self.x) / self.across, (y - self.y) / self.down)


@dataclass(frozen=True)
class Fluid:
    """A level in one lung (0 or 1), a little higher at the chest wall."""

    lung: int
    level: float
    rise: float


@dataclass(frozen=True)
class Chest:
    """What one picture shows."""

    thorax: Ellipse
    lungs: tuple[Ellipse, Ellipse]
    heart: Ellipse
    fluid: Fluid | None
    nodule: Ellipse | None

    @property
    def ratio(self) -> float:
        """Width of the heart over width of the thorax."""
        return self.heart.across / self.thorax.across

    @property
    def truth(self) -> dict[str, bool]:
        """Return which findings hold."""
        return {
            "cardiomegaly": self.ratio > LIMIT_RATIO,
            "effusion": self.fluid is not None,
            "nodule": self.nodule is not None,
        }


@dataclass(frozen=True)
class Exposure:
    """What may differ between two pictures of one chest."""

    brightness: float
    contrast: float
    noise: float
    ribs: float


@dataclass(frozen=True)
class Picture:
    """Grey values (SIDE, SIDE) from 0 to 255 and the chest that they show."""

    pixels: NDArray[np.uint8]
    chest: Chest

    @property
    def image(self) -> Image.Image:
        """The picture in three equal channels."""
        return Image.fromarray(self.pixels).convert("RGB")


def picture(seed: int, number: int) -> Picture:
    """Return picture `number` of the series `seed`; every finding holds in half of them."""
    rng = np.random.default_rng([seed, number])
    chest = chest_with(rng, dict(zip(FINDINGS, (rng.random(3) < 0.5).tolist(), strict=True)))
    exposure = Exposure(
        brightness=rng.uniform(-0.07, 0.07),
        contrast=rng.uniform(0.8, 1.15),
        noise=rng.uniform(0.01, 0.035),
        ribs=rng.uniform(0.0, 0.025),
    )
    return Picture(exposed(chest, exposure, rng), chest)


def chest_with(rng: Generator, findings: dict[str, bool]) -> Chest:
    """Return a chest with exactly these findings, everything else drawn from `rng`."""
    scale = rng.uniform(0.88, 1.06)
    x, y = 0.5 + rng.uniform(-0.04, 0.04), 0.51 + rng.uniform(-0.03, 0.03)
    thorax = Ellipse(x, y, 0.42 * scale * rng.uniform(0.96, 1.04), 0.46 * scale)
    lungs = (_lung(rng, thorax, -1), _lung(rng, thorax, 1))
    heart = _heart(rng, thorax, findings["cardiomegaly"])
    fluid = _fluid(rng, lungs) if findings["effusion"] else None
    nodule = _nodule(rng, lungs, heart, fluid) if findings["nodule"] else None
    return Chest(thorax, lungs, heart, fluid, nodule)


def _lung(rng: Generator, thorax: Ellipse, side: int) -> Ellipse:
    return Ellipse(
        thorax.x + side * 0.5 * thorax.across,
        thorax.y - 0.02 + rng.uniform(-0.015, 0.015),
        thorax.across * rng.uniform(0.40, 0.44),
        thorax.down * rng.uniform(0.72, 0.80),
    )


def _heart(rng: Generator, thorax: Ellipse, enlarged: bool) -> Ellipse:
    across = thorax.across * rng.uniform(*RATIOS[enlarged])
    return Ellipse(
        thorax.x + thorax.across * rng.uniform(0.06, 0.16),
        thorax.y + thorax.down * rng.uniform(0.26, 0.36),
        across,
        thorax.down * rng.uniform(0.34, 0.46),
    )


def _fluid(rng: Generator, lungs: tuple[Ellipse, Ellipse]) -> Fluid:
    number = int(rng.integers(2))
    lung = lungs[number]
    depth = rng.uniform(*FLUID_DEPTHS) * 2 * lung.down
    return Fluid(number, lung.y + lung.down - depth, rng.uniform(0.0, 0.06))


def _nodule(
    rng: Generator, lungs: tuple[Ellipse, Ellipse], heart: Ellipse, fluid: Fluid | None
) -> Ellipse:
    """A round spot inside a lung that touches neither heart nor fluid nor the lung's rim."""
    radius = rng.uniform(*NODULE_RADII)
    while True:
        number = int(rng.integers(2))
        lung = lungs[number]
        x = lung.x + rng.uniform(-1, 1) * (lung.across - radius)
        y = lung.y + rng.uniform(-1, 1) * (lung.down - radius)
        spot = Ellipse(x, y, radius, radius)
        wet = fluid is not None and fluid.lung == number and y > fluid.level - 1.8 * radius
        if not wet and _clear(spot, lung, heart):
            return spot


def _clear(spot: Ellipse, lung: Ellipse, heart: Ellipse) -> bool:
    far = Ellipse(
        heart.x, heart.y, heart.across + 1.4 * spot.across, heart.down + 1.4 * spot.across
    )
    near = Ellipse(lung.x, lung.y, lung.across - spot.across, lung.down - spot.across)
    x, y = np.array(spot.x), np.array(spot.y)
    return bool(far.radius(x, y) > 1 and near.radius(x, y) < 1)


def exposed(chest: Chest, exposure: Exposure, rng: Generator) -> NDArray[np.uint8]:
    """Return the grey values of the chest under one exposure, the noise drawn from `rng`."""
    grey = 0.5 + exposure.contrast * (_tissue(chest, exposure.ribs) - 0.5) + exposure.brightness
    noisy = grey + exposure.noise * rng.standard_normal(grey.shape)
    return np.round(255 * np.clip(noisy, 0, 1)).astype(np.uint8)


def covers(chest: Chest) -> NDArray[np.float64]:
    """Return the cover of each pixel by thorax, lungs, heart, fluid, nodule, (5, SIDE, SIDE)."""
    y, x = (np.mgrid[:SIDE, :SIDE] + 0.5) / SIDE
    lungs = [_inside(lung, x, y) for lung in chest.lungs]
    nothing = np.zeros((SIDE, SIDE))
    fluid = nothing
    if chest.fluid is not None:
        number = chest.fluid.lung
        fluid = lungs[number] * _below(chest.fluid, chest.lungs[number], x, y)
    nodule = nothing if chest.nodule is None else _inside(chest.nodule, x, y)
    heart = _inside(chest.heart, x, y)
    return np.stack([_inside(chest.thorax, x, y), lungs[0] + lungs[1], heart, fluid, nodule])


def _tissue(chest: Chest, ribs: float) -> NDArray[np.float64]:
    """Density from 0 (air) to 1, painted from the back to the front."""
    thorax, lungs, heart, fluid, nodule = covers(chest)
    rows = (np.arange(SIDE) + 0.5)[:, None] / SIDE
    canvas = np.full((SIDE, SIDE), 0.08)
    _paint(canvas, thorax, 0.52)
    _paint(canvas, lungs, 0.24 + ribs * np.sin(2 * np.pi * RIBS * rows))
    _paint(canvas, fluid, 0.66)
    _paint(canvas, nodule, 0.66)
    _paint(canvas, heart, 0.74)
    return canvas


def _paint(
    canvas: NDArray[np.float64], cover: NDArray[np.float64], value: float | NDArray[np.float64]
) -> None:
    canvas += cover * (value - canvas)


def _inside(shape: Ellipse, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how much of each pixel the ellipse covers, its rim about one pixel wide."""
    pixels = min(shape.across, shape.down) * SIDE
    return np.clip(0.5 + (1 - shape.radius(x, y)) * pixels, 0, 1)


def _below(
    fluid: Fluid, lung: Ellipse, x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    outward = (x - lung.x) / lung.across * (-1 if fluid.lung == 0 else 1)
    return np.clip(0.5 + (y - (fluid.level - fluid.rise * outward)) * SIDE, 0, 1)
