from __future__ import annotations

import math
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from pytest_promptchaos.records import Curve, Outcome, Verdict
from pytest_promptchaos.report.charts import Figure, Key
from pytest_promptchaos.report.drawing import (
    DASHES,
    MARKED,
    POINTS,
    SERIES,
    SHAPES,
    chart,
    marked,
    picture,
    wide,
)
from pytest_promptchaos.report.points import point_rows
from report.conftest import HOSTILE, curves, depth, verdict
from report.dynamics import shape
from report.pictures import LINE, drawn, shown, titles, vertical

BANDED = replace(LINE, low=(0.4, -0.3, 0.1), high=(0.6, -0.2, 0.2), series="small edits")


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
    assert tags <= {"svg", "g", "path", "line", "text", "title", "rect", "tspan"}


def test_a_figure_per_name_and_a_panel_per_verdict() -> None:
    found = shown(verdict(), depth(Outcome.PASSED, "large", 1), verdict(name="large"))
    assert [(one.name, len(one.panels)) for one in found] == [
        ("divergence by horizon: semantic distance", 2),
        ("hidden state distance: relative distance", 2),
        ("depth profile: growth, nats per layer", 1),
    ]
    assert [key.name for key in found[0].legend] == ["judged edits", "positive control"]
    assert found[0].panels[1].title == "large: stable_neighborhood(dune)"


def test_another_metric_is_another_figure() -> None:
    found = shown(verdict(curves=(LINE, replace(LINE, y_label="share"))))
    assert [one.name for one in found] == ["profile: nats", "profile: share"]


def test_the_same_curves_are_drawn_once() -> None:
    assert [len(one.panels) for one in shown(verdict(), verdict())] == [1, 1]


def test_the_limits_of_one_profile_share_their_picture() -> None:
    (found,) = shown(*shape())
    (panel,) = found.panels
    assert panel.title == "small: shape:profile_variance and 1 more verdict"
    assert found.left_out == 0


def test_two_models_never_share_a_picture() -> None:
    lines = (LINE,)
    (found,) = shown(verdict(curves=lines), verdict(name="large", curves=lines))
    assert [one.title.partition(":")[0] for one in found.panels] == ["small", "large"]


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


def test_pictures_that_one_figure_has_no_use_for_go_to_another() -> None:
    def named(name: str, count: int) -> list[Verdict]:
        lines = [replace(LINE, name=name, y=(n, n, n)) for n in range(count)]
        return [verdict(id=f"{name} {n}", curves=(line,)) for n, line in enumerate(lines)]

    found = shown(*named("a", 1), *named("b", 5), *named("c", 2), panels=6)
    assert [(len(one.panels), one.left_out) for one in found] == [(1, 0), (3, 2), (2, 0)]
    assert [len(one.panels) for one in shown(*named("a", 1), *named("b", 1), panels=1)] == [1]


def test_a_curve_without_points_is_no_figure() -> None:
    assert shown(verdict(curves=(replace(LINE, x=(), y=()),))) == ()


# -- long lines ------------------------------------------------------------------------------------


def long(points: int, **changes: str) -> Curve:
    x = tuple(0.05 * place for place in range(points))
    y = tuple(math.sin(place) for place in x)
    return replace(LINE, x=x, y=y, **changes)  # type: ignore[arg-type]


def test_a_line_of_more_than_sixty_points_has_no_marks() -> None:
    assert len(titles(drawn(long(MARKED)))) == MARKED
    assert titles(drawn(long(MARKED + 1))) == []
    assert [marked(long(MARKED)), marked(long(MARKED + 1))] == [True, False]


def test_marked_and_long_lines_stand_in_one_picture() -> None:
    both = drawn(replace(LINE, series="measured"), long(300, series="fine"))
    assert [words.partition(" layer")[0] for words in titles(both)] == ["measured"] * 3


def test_theory_is_a_line_without_points() -> None:
    lines = (replace(LINE, series="measured"), replace(LINE, series="mean-field theory"))
    assert len(titles(drawn(*lines))) == 3
    (figure,) = shown(verdict(curves=lines))
    assert figure.legend == (
        Key(name="measured", marked=True),
        Key(name="mean-field theory", marked=False),
    )


def test_a_picture_of_many_points_stays_small() -> None:
    series = ("first", "second")
    lines = [long(700, series=name) for name in series]
    specification = chart(lines, series=series).to_dict()
    svg = picture(specification, lines, series=series, label="a")
    assert len(svg) < 30_000


def test_long_lines_are_drawn_wide() -> None:
    def width(*lines: Curve) -> float:
        return float(drawn(*lines).get("viewBox", "").split()[2])

    assert [wide([LINE]), wide([LINE, long(61)])] == [False, True]
    assert width(long(61)) > 1.3 * width(LINE)
    (figure,) = shown(verdict(curves=(long(300),)))
    assert figure.wide


def test_the_numbers_of_a_long_line_are_thinned_evenly() -> None:
    (found,) = shown(verdict(curves=(long(700),)))
    rows = point_rows(found.panels[0])
    assert len(rows) == 78
    assert [row[0] for row in rows[:3]] == ["0", "0.450", "0.900"]
    assert found.panels[0].points == 700


def test_the_numbers_of_measured_points_are_not_thinned_for_theory() -> None:
    theory = long(300, series="theory")
    (found,) = shown(verdict(curves=(replace(LINE, series="measured"), theory)))
    assert [row[:2] for row in point_rows(found.panels[0])] == [
        ("0", "0.500"),
        ("1", "-0.250"),
        ("2", "0.125"),
    ]


# -- logarithms ------------------------------------------------------------------------------------


def test_zero_is_on_the_axis_of_a_growth_even_where_all_is_below_it() -> None:
    below = replace(LINE, y=(-0.5, -0.25, -0.125))
    assert vertical(below) == ([-0.5, 0.0], True)


@pytest.mark.parametrize("y", [(-8.0, -5.0, -2.0), (-8.0, -2.0, 1.5), (3.0, 2.0, 4.0)])
def test_zero_means_nothing_on_the_axis_of_a_logarithm(y: tuple[float, float, float]) -> None:
    assert vertical(replace(LINE, y=y, y_label="log10 distance")) == ([min(y), max(y)], False)


def test_a_flat_logarithm_is_drawn() -> None:
    assert len(titles(drawn(replace(LINE, y=(-3.0,) * 3, y_label="log10 distance")))) == 3


# -- numbers ---------------------------------------------------------------------------------------


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


def test_a_title_that_says_what_its_band_is_is_told_to_the_end() -> None:
    label = "share without a collapse (band: 95% pointwise, conversations taken as independent)"
    told = "".join(drawn(replace(LINE, y_label=label)).itertext())
    assert "\u2026" not in told
    assert all(word in told for word in label.split())
