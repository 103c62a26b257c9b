from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from pytest_promptchaos.records import Curve, Outcome, Verdict
from pytest_promptchaos.report.charts import (
    DASHES,
    POINTS,
    SERIES,
    SHAPES,
    Figure,
    chart,
    figures,
    picture,
    point_rows,
)
from pytest_promptchaos.report.overview import judged
from report.conftest import HOSTILE, curves, depth, record, verdict

LINE = Curve(name="profile", x_label="layer", y_label="nats", x=(0, 1, 2), y=(0.5, -0.25, 0.125))
BANDED = replace(LINE, low=(0.4, -0.3, 0.1), high=(0.6, -0.2, 0.2), series="small edits")


def drawn(*lines: Curve) -> ElementTree.Element:
    series = tuple(dict.fromkeys(line.series for line in lines))
    specification = chart(lines, series=series).to_dict()
    return ElementTree.fromstring(picture(specification, lines, series=series, label="a profile"))


def titles(svg: ElementTree.Element) -> list[str]:
    return [element.text or "" for element in svg.iter() if element.tag.endswith("title")]


def shown(*verdicts: Verdict, panels: int = 12) -> tuple[Figure, ...]:
    return figures(judged([record(*verdicts)]), panels=panels)


def test_every_point_says_its_numbers() -> None:
    assert titles(drawn(BANDED)) == [
        "small edits layer 0: 0.500",
        "small edits layer 1: -0.250",
        "small edits layer 2: 0.125",
    ]


def test_the_band_is_drawn_only_where_there_is_one() -> None:
    def bands(*lines: Curve) -> int:
        return sum(element.get("opacity") == "0.16" for element in drawn(*lines).iter())

    assert (bands(LINE), bands(BANDED), bands(BANDED, replace(BANDED, series="b"))) == (0, 1, 2)


def test_two_curves_of_one_series_stay_two_lines() -> None:
    lines = [
        element
        for element in drawn(LINE, replace(LINE, y=(1, 1, 1))).iter()
        if element.get("stroke") == SERIES[0][0] and element.get("stroke-width") == "2"
    ]
    assert len(lines) == 2


def test_a_series_is_told_by_colour_dash_and_point() -> None:
    lines = [replace(LINE, series=str(place)) for place in range(len(SERIES))]
    found = [element.attrib for element in drawn(*lines).iter()]
    assert {light for light, _ in SERIES} <= {one.get("stroke") for one in found}
    dashes = {one.get("stroke-dasharray") for one in found} - {None}
    assert dashes >= {",".join(map(str, dash)) for dash in DASHES[1:]}
    assert len(SERIES) == len(DASHES) == len(SHAPES) == len(POINTS)


def test_the_picture_is_labelled_and_needs_nothing_from_outside() -> None:
    svg = drawn(BANDED)
    assert (svg.get("role"), svg.get("aria-label")) == ("img", "a profile")
    names = {name for element in svg.iter() for name in element.attrib}
    assert not {name for name in names if "href" in name or name in {"id", "class", "onclick"}} - {
        "class"
    }


def test_hostile_labels_are_only_text() -> None:
    named = replace(LINE, x_label=HOSTILE, y_label=HOSTILE, series=HOSTILE)
    tags = {element.tag.rpartition("}")[2] for element in drawn(named).iter()}
    assert tags <= {"svg", "g", "path", "line", "text", "title", "rect"}


def test_a_figure_per_name_and_a_panel_per_verdict() -> None:
    found = shown(verdict(), depth(Outcome.PASSED, "large", 1), verdict(name="large"))
    assert [(one.name, len(one.panels)) for one in found] == [
        ("divergence by horizon: semantic distance", 2),
        ("hidden state distance: relative distance", 2),
        ("depth profile: growth, nats per layer", 1),
    ]
    assert found[0].series == ("judged edits", "positive control")
    assert found[0].panels[1].title == "large: stable_neighborhood(dune)"


def test_another_metric_is_another_figure() -> None:
    found = shown(verdict(curves=(LINE, replace(LINE, y_label="share"))))
    assert [one.name for one in found] == ["profile: nats", "profile: share"]


def test_the_same_curves_are_drawn_once() -> None:
    assert [len(one.panels) for one in shown(verdict(), verdict())] == [1, 1]


def test_panels_of_a_figure_share_their_scale() -> None:
    def scale(figure: Figure, place: int) -> list[str]:
        texts = ElementTree.fromstring(figure.panels[place].svg).iter()
        return [one.text or "" for one in texts if one.tag.endswith("}text")]

    found = shown(verdict(), verdict(name="large", curves=curves(0.1)))[0]
    assert scale(found, 0) == scale(found, 1)


def test_what_is_not_drawn_is_counted() -> None:
    many = [verdict(id=str(n), curves=(replace(LINE, y=(n, n, n)),)) for n in range(9)]
    (found,) = shown(*many, panels=4)
    assert (len(found.panels), found.left_out) == (4, 5)
    crowd = verdict(curves=tuple(replace(LINE, series=str(n)) for n in range(10)))
    (found,) = shown(crowd)
    assert (len(found.panels[0].curves), found.left_out) == (6, 4)


def test_a_curve_without_points_is_no_figure() -> None:
    assert shown(verdict(curves=(replace(LINE, x=(), y=()),))) == ()


def test_the_numbers_stand_in_rows() -> None:
    other = replace(LINE, x=(1, 2), y=(1, 2), series="b")
    (found,) = shown(verdict(curves=(BANDED, other)))
    assert point_rows(found.panels[0]) == [
        ("0", "0.500 [0.400, 0.600]", ""),
        ("1", "-0.250 [-0.300, -0.200]", "1"),
        ("2", "0.125 [0.100, 0.200]", "2"),
    ]


@pytest.mark.parametrize("y", [(0.0, 0.0, 0.0), (1e-12, 2e-12, 3e-12), (-1e9, 0.0, 1e9)])
def test_flat_tiny_and_huge_curves_are_drawn(y: tuple[float, ...]) -> None:
    assert len(titles(drawn(replace(LINE, y=y)))) == 3
