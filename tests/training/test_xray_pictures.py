"""Drawn chests: always the same, and the truth of every finding can be seen in the pixels."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from training.xray_pictures import (
    FINDINGS,
    LIMIT_RATIO,
    RATIOS,
    SIDE,
    Chest,
    Exposure,
    chest_with,
    covers,
    exposed,
    picture,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
SUITE = ROOT / "suites" / "xray"
CLEAN = Exposure(brightness=0.0, contrast=1.0, noise=0.0, ribs=0.0)
MANY = [picture(7, number) for number in range(200)]


def clean(chest: Chest) -> NDArray[np.float64]:
    return exposed(chest, CLEAN, np.random.default_rng(0)).astype(float)


def widest(cover: NDArray[np.float64]) -> float:
    """The longest row of a part, in pixels."""
    return float(cover.sum(axis=1).max())


def test_a_picture_is_a_function_of_series_and_number() -> None:
    assert np.array_equal(picture(7, 3).pixels, MANY[3].pixels)
    assert picture(7, 3).chest == MANY[3].chest
    assert not np.array_equal(picture(8, 3).pixels, MANY[3].pixels)
    assert not np.array_equal(picture(7, 4).pixels, MANY[3].pixels)


def test_a_picture_is_grey_and_square() -> None:
    channels = np.asarray(MANY[0].image)
    assert channels.shape == (SIDE, SIDE, 3)
    assert all(np.array_equal(channels[..., one], MANY[0].pixels) for one in range(3))


def test_findings_are_independent_halves() -> None:
    held = np.array([[one.chest.truth[name] for name in FINDINGS] for one in MANY], dtype=float)
    assert np.all(np.abs(held.mean(axis=0) - 0.5) < 0.15)
    assert np.all(np.abs(np.corrcoef(held.T) - np.eye(3)) < 0.25)


def test_the_heart_is_enlarged_where_its_pixels_say_so() -> None:
    for one in MANY:
        thorax, _, heart, _, _ = covers(one.chest)
        ratio = widest(heart) / (2 * SIDE * one.chest.thorax.across)
        assert abs(ratio - one.chest.ratio) < 0.02
        assert (ratio > LIMIT_RATIO) == one.chest.truth["cardiomegaly"]
        assert widest(thorax) <= SIDE


def test_no_ratio_is_near_the_limit() -> None:
    ratios = np.array([one.chest.ratio for one in MANY])
    assert np.abs(ratios - LIMIT_RATIO).min() >= 0.045
    assert RATIOS[False][1] < LIMIT_RATIO < RATIOS[True][0]


def test_fluid_makes_the_lower_part_of_one_lung_bright() -> None:
    wet = [one.chest for one in MANY if one.chest.fluid is not None]
    for chest in wet:
        changed = clean(chest) - clean(replace(chest, fluid=None))
        rows, columns = np.nonzero(changed > 60)
        assert len(rows) >= 10
        assert rows.min() / SIDE > chest.lungs[0].y - 0.25
        assert len(set(columns + 0.5 > SIDE * chest.thorax.x)) == 1
    assert {chest.fluid.lung for chest in wet if chest.fluid is not None} == {0, 1}


def test_a_nodule_is_a_bright_spot_that_nothing_hides() -> None:
    for chest in (one.chest for one in MANY if one.chest.nodule is not None):
        assert chest.nodule is not None
        changed = clean(chest) - clean(replace(chest, nodule=None))
        area = np.pi * (chest.nodule.across * SIDE) ** 2
        assert (changed > 60).sum() > 0.6 * area
        rows, columns = np.nonzero(changed > 60)
        assert abs(rows.mean() + 0.5 - SIDE * chest.nodule.y) < 1
        assert abs(columns.mean() + 0.5 - SIDE * chest.nodule.x) < 1


@pytest.mark.parametrize("name", FINDINGS)
def test_a_finding_can_be_asked_for(name: str) -> None:
    for held in (False, True):
        wanted = {one: held if one == name else not held for one in FINDINGS}
        assert chest_with(np.random.default_rng(1), wanted).truth == wanted


def test_the_suite_shows_every_combination_of_findings_three_times() -> None:
    entries = json.loads((SUITE / "pictures.json").read_text(encoding="utf-8"))
    shown = [tuple(one["truth"][name] for name in FINDINGS) for one in entries]
    assert len(shown) == 24
    assert {shown.count(one) for one in set(shown)} == {3}
    assert len(set(shown)) == 8


def test_the_suites_pictures_are_those_that_the_script_draws() -> None:
    from training.xray_suite import SUITE_SEED

    for number, entry in enumerate(json.loads((SUITE / "pictures.json").read_text("utf-8"))):
        path = SUITE / entry["file"]
        drawn = picture(SUITE_SEED, number)
        assert hashlib.sha256(path.read_bytes()).hexdigest() == entry["sha256"]
        assert drawn.chest.truth == entry["truth"]
        kept = np.asarray(Image.open(path).convert("L")).astype(int)
        assert np.abs(kept - drawn.pixels).max() <= 1
