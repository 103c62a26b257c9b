"""Colours keep the contrast of WCAG AA in both schemes."""

from __future__ import annotations

import re

import pytest

from pytest_promptchaos.report import drawing
from pytest_promptchaos.report.html import page


def palettes() -> dict[str, dict[str, str]]:
    text = page(())
    light, dark = re.findall(r":root \{(.*?)\}", text, re.DOTALL)[:2]
    found = {
        scheme: dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
        for scheme, block in (("light", light), ("dark", dark))
    }
    return {"light": found["light"], "dark": found["light"] | found["dark"]}


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_of_black_on_white_is_21() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_the_contrast_of_wcag_aa(scheme: str) -> None:
    palette = palettes()[scheme]
    grounds = ("ground", "surface", "sunken")
    couples = [(text, ground) for text in ("text", "muted", "accent") for ground in grounds]
    for outcome in ("failed", "invalid", "inconclusive", "passed"):
        couples += [(outcome, f"{outcome}-soft"), (outcome, "surface")]
    for soft in ("passed", "inconclusive", "failed", "invalid"):
        couples += [("muted", f"{soft}-soft"), ("text", f"{soft}-soft")]
    couples += [(text, "expands-soft") for text in ("text", "muted", "expands")]
    couples += [("heat-text", f"{sign}{shade}") for sign in "sn" for shade in range(9)]
    couples += [("mark-text", "mark"), ("text", "failed-soft"), ("muted", "failed-soft")]
    for text, ground in couples:
        assert contrast(palette[text], palette[ground]) >= 4.5, (text, ground)


@pytest.mark.parametrize(("scheme", "place"), [("light", 0), ("dark", 1)])
def test_lines_have_the_contrast_of_wcag_graphics(scheme: str, place: int) -> None:
    surface = palettes()[scheme]["surface"]
    assert min(contrast(series[place], surface) for series in drawing.SERIES) >= 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_lanes_of_a_timeline_have_the_contrast_of_wcag_graphics(scheme: str) -> None:
    palette = palettes()[scheme]
    for lane in ("failed", "invalid", "accent", "text", "inconclusive"):
        assert contrast(palette[lane], palette["line"]) >= 3, lane


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_bars_of_layers_have_the_contrast_of_wcag_graphics(scheme: str) -> None:
    palette = palettes()[scheme]
    for bar, ground in (
        ("expands", "expands-soft"),
        ("contracts", "surface"),
        ("muted", "surface"),
    ):
        assert contrast(palette[bar], palette[ground]) >= 3, (bar, ground)
