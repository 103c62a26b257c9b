"""Focus over a picture: cells in their places, one scale, nothing but a PNG embedded."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.report.answers import askings
from pytest_promptchaos.report.focus import LARGEST, SHADES, beside_each_other, half_of
from pytest_promptchaos.report.overview import judged
from report.answers import asked, chest, overlay, png, sample
from report.conftest import HOSTILE, record

if TYPE_CHECKING:
    from pytest_promptchaos.records import Overlay
    from pytest_promptchaos.report.focus import Beside

ONE = sample(2, "cardiomegaly", (5,), sees=True)
PLAIN = overlay(ONE, 5)
POINTED = replace(PLAIN, grid=(2, 2), focus_a=(0.0, 0.0, 0.0, 1.0), focus_b=(0.5, 0.5, 0.0, 0.0))


def shown(*overlays: Overlay, most: int = 9) -> tuple[Beside, ...]:
    (asking,) = askings(judged([record(asked(found=(ONE,), overlays=overlays))]))
    return beside_each_other(asking, most, "picture-1")


def shades(svg: str) -> dict[str, str]:
    root = ElementTree.fromstring(svg)
    return {one.get("class", ""): one.get("d", "") for one in root if one.get("d")}


def test_a_cell_is_warm_where_the_focus_lies() -> None:
    (one,) = shown(POINTED)
    first, second = (shades(look.svg) for look in one.looks)
    assert first[f"h{SHADES}"] == "M120 120H240V240H120z"
    assert second[f"h{SHADES // 2}"] == "M0 0H240V120H0z"
    assert set(first) == {f"h{SHADES}", "casing", "edge"}


def test_both_pictures_have_one_scale_and_say_what_even_would_be() -> None:
    (one,) = shown(POINTED)
    assert (one.most, one.even, one.grid) == ("1", "0.250", "2 x 2")


def test_the_outline_surrounds_the_cells_that_hold_half() -> None:
    (one,) = shown(POINTED)
    edge = shades(one.looks[0].svg)["edge"]
    assert sorted(re.findall(r"M[^M]+", edge)) == [
        "M120 120H240",
        "M120 120V240",
        "M120 240H240",
        "M240 120V240",
    ]


def test_what_was_asked_said_and_meant_stands_beside_the_picture() -> None:
    (one,) = shown(PLAIN)
    first, second = one.looks
    assert (first.question, first.said, first.meant) == ("Is there cardiomegaly?", "yes", "affirms")
    assert (second.question, second.said, second.meant) == (
        "Can you rule out cardiomegaly?",
        "yes",
        "denies",
    )
    assert (one.shown, one.proposition, one.verdict) == ("p02.png", "cardiomegaly", "flips")
    assert one.similarity == (
        ("cosine", "0.961", "1: alike"),
        ("Jensen-Shannon divergence", "0.012", "nats, 0: alike"),
        ("structural similarity", "0.874", "1: alike"),
    )
    assert "1 sink (patch 0) removed" in one.provenance


def test_the_picture_is_embedded_once_and_drawn_twice() -> None:
    (one,) = shown(PLAIN)
    first, second = (str(look.svg) for look in one.looks)
    assert first.count(PLAIN.picture) == 1
    assert 'id="picture-1-0"' in first
    assert PLAIN.picture not in second
    assert 'href="#picture-1-0"' in second


def test_a_picture_that_is_not_square_keeps_its_shape() -> None:
    (one,) = shown(replace(POINTED, picture=chest(0.3, width=96, height=48)))
    assert 'viewBox="0 0 240 120"' in one.looks[0].svg
    assert shades(one.looks[0].svg)[f"h{SHADES}"] == "M120 60H240V120H120z"


def test_the_spoken_words_say_where_most_of_it_lies() -> None:
    (one,) = shown(POINTED)
    assert ElementTree.fromstring(one.looks[0].svg).get("aria-label") == (
        "Focus of Is there cardiomegaly?: most in row 2, column 2 of 2 x 2; 1 patch of 4 hold "
        "half of it"
    )


def test_those_that_flip_come_first_and_no_more_than_asked_for() -> None:
    agrees = overlay(ONE, 1)
    assert [one.verdict for one in shown(agrees, PLAIN)] == ["flips", "agrees"]
    assert [one.verdict for one in shown(agrees, PLAIN, most=1)] == ["flips"]
    assert [one.verdict for one in shown(replace(PLAIN, flipped=None))] == ["unclear"]


@pytest.mark.parametrize(
    "picture",
    [
        HOSTILE,
        "",
        "http://127.0.0.1:9/seen.png",
        "data:image/svg+xml;base64," + base64.b64encode(b"<svg onload='x'/>").decode(),
        "data:image/png;base64," + base64.b64encode(b"<svg onload='x'/>" * 4).decode(),
        "data:image/png;base64,AAA",
        PLAIN.picture + '"><script>',
        png(1, 1, max)[:-4] + "A" * LARGEST,
    ],
)
def test_nothing_but_a_small_png_reaches_the_browser(picture: str) -> None:
    (one,) = shown(replace(PLAIN, picture=picture))
    svg = str(one.looks[0].svg)
    assert "href" not in svg
    assert 'class="bare"' in svg
    assert one.missing == "The picture is not embedded: it is no PNG, or too large"


def test_an_overlay_of_an_unknown_sample_is_named_as_recorded() -> None:
    (one,) = shown(replace(PLAIN, sample="elsewhere"))
    assert (one.shown, one.proposition, one.looks[0].meant) == ("elsewhere", "", "")


def test_a_grid_of_a_large_model_stays_small() -> None:
    (one,) = shown(overlay(ONE, 5, grid=(24, 24)))
    heat = [str(look.svg).replace(PLAIN.picture, "") for look in one.looks]
    assert max(map(len, heat)) < 12_000


@given(st.lists(st.floats(0, 1), min_size=1, max_size=64))
@settings(deadline=None)
def test_half_is_held_and_by_no_fewer(focus: list[float]) -> None:
    held = half_of(focus)
    inside = sum(focus[place] for place in held)
    assert inside >= 0.5 * sum(focus) - 1e-9
    assert inside - min(focus[place] for place in held) <= 0.5 * sum(focus) + 1e-9
