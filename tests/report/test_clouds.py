from __future__ import annotations

from dataclasses import replace

from pytest_promptchaos.records import Curve
from pytest_promptchaos.report.charts import CLOUDS, Key
from pytest_promptchaos.report.drawing import SERIES, SVG
from pytest_promptchaos.report.points import columns, point_rows
from report.conftest import verdict
from report.pictures import drawn, shown, titles, vertical
from report.scatter import drift

CLOUD = Curve(
    name="stability against responsiveness",
    x_label="responsiveness",
    y_label="distance",
    x=(0.4, 0.6, 0.5),
    y=(0.11, 0.3, 0.2),
    mark="points",
    labels=("dune", "emma", "tea"),
)
DIAGONAL = Curve(
    name=CLOUD.name, x_label="", y_label="", x=(0.4, 0.6), y=(0.4, 0.6), series="y = x"
)


def strokes(*lines: Curve) -> int:
    """Return how many lines of a series are drawn: paths with a stroke of its colour."""
    colours = {light for light, _ in SERIES}
    return sum(one.get("stroke") in colours for one in drawn(*lines).iter())


def crowd(points: int, series: str = "") -> Curve:
    x = tuple(0.1 + place / points for place in range(points))
    return replace(CLOUD, x=x, y=x, labels=tuple(map(str, range(points))), series=series)


def test_a_cloud_is_points_without_a_line_and_each_says_which_it_is() -> None:
    assert titles(drawn(CLOUD)) == [
        "dune: responsiveness 0.400, distance 0.110",
        "emma: responsiveness 0.600, distance 0.300",
        "tea: responsiveness 0.500, distance 0.200",
    ]
    assert (strokes(CLOUD), strokes(replace(CLOUD, mark="line"))) == (0, 1)


def test_a_point_says_its_series_and_a_nameless_one_its_numbers() -> None:
    (first, *_) = titles(drawn(replace(CLOUD, series="int8")))
    assert first == "dune, int8: responsiveness 0.400, distance 0.110"
    (first, *_) = titles(drawn(replace(CLOUD, labels=())))
    assert first == "responsiveness 0.400, distance 0.110"


def test_series_of_a_cloud_are_told_by_colour_and_shape() -> None:
    clouds = [replace(CLOUD, series=name) for name in ("float32", "int8")]
    points = [one for one in drawn(*clouds).iter() if one.findall(f"{{{SVG}}}title")]
    shapes = {(one.get("fill"), one.get("d")) for one in points}
    assert len(points) == 6
    assert len({fill for fill, _ in shapes}) == len({path for _, path in shapes}) == 2


def test_a_cloud_has_its_axes_from_its_points_and_no_line_at_zero() -> None:
    assert vertical(CLOUD) == ([0.11, 0.3], False)


def test_a_diagonal_is_drawn_only_where_there_is_one() -> None:
    made = drawn(CLOUD, DIAGONAL)
    assert strokes(CLOUD, DIAGONAL) == 1
    assert len(titles(made)) == 3


def test_an_interval_is_a_stroke_through_its_point() -> None:
    bounded = replace(CLOUD, low=(0.0, 0.2, 0.1), high=(0.2, 0.4, 0.3))
    assert (strokes(CLOUD), strokes(bounded)) == (0, 3)


def test_the_legend_of_a_cloud_has_no_line() -> None:
    (found,) = shown(
        verdict(curves=(CLOUD, replace(DIAGONAL, x_label="responsiveness", y_label="distance")))
    )
    assert found.legend == (
        Key(name="", marked=True, lined=False),
        Key(name="y = x", marked=False, lined=True),
    )


def test_the_points_stand_in_rows_by_their_names() -> None:
    two = (replace(CLOUD, series="int8"), replace(CLOUD, series="float32"))
    (found,) = shown(verdict(curves=two))
    assert columns(found.panels[0]) == ["point", "series", "responsiveness", "distance"]
    assert point_rows(found.panels[0])[0] == ("dune", "int8", "0.400", "0.110")
    (alone,) = shown(verdict(curves=two[:1]))
    assert columns(alone.panels[0]) == ["point", "responsiveness", "distance"]


def test_what_a_lone_cloud_says_of_itself_stands_by_its_picture() -> None:
    (found,) = shown(
        *(verdict(name=str(n), curves=(replace(CLOUD, series=f"rho 0.{n}"),)) for n in range(9)),
        panels=9,
    )
    assert [one.note for one in found.panels] == [f"rho 0.{n}" for n in range(6)]
    assert [key.name for key in found.legend] == [""]
    assert found.left_out == 3


def test_points_that_share_a_place_all_have_their_row() -> None:
    same = replace(CLOUD, x=(0.5,) * 3, y=(0.1,) * 3, labels=())
    (found,) = shown(verdict(curves=(same,)))
    assert [row[0] for row in point_rows(found.panels[0])] == ["1", "2", "3"]


def test_a_few_hundred_points_are_all_drawn_in_little() -> None:
    (found,) = shown(verdict(curves=(crowd(300),)))
    (panel,) = found.panels
    assert (panel.drawn, panel.points, len(point_rows(panel))) == (300, 300, 75)
    assert len(panel.svg) < 80_000


def test_a_crowd_is_thinned_and_what_is_drawn_is_counted() -> None:
    (found,) = shown(verdict(curves=(crowd(4_000),)))
    (panel,) = found.panels
    assert (panel.drawn, panel.points) == (400, 4_000)


def test_many_clouds_share_the_room_of_a_page() -> None:
    many = [verdict(id=str(n), curves=(crowd(400, series=str(n % 6)),)) for n in range(6)]
    other = [replace(one, curves=(replace(one.curves[0], name="b"),)) for one in many]
    third = [replace(one, curves=(replace(one.curves[0], name="c"),)) for one in many]
    found = shown(*many, *other, *third, panels=24)
    assert [len(one.panels) for one in found] == [6, 6, 6]
    assert sum(panel.drawn for one in found for panel in one.panels) <= CLOUDS
    assert {panel.points for one in found for panel in one.panels} == {400}


def test_systems_that_are_compared_share_a_picture() -> None:
    (figure,) = shown(*drift())
    (panel,) = figure.panels
    assert panel.title == "test_dune: systems side by side"
    assert [key.name for key in figure.legend] == ["bfloat16", "y = x", "int8"]
    assert len(panel.clouds) == 2


def test_a_long_title_takes_two_lines_beside_the_picture() -> None:
    long_label = "semantic distance of the small edits"
    texts = [one.text for one in drawn(replace(CLOUD, y_label=long_label)).iter() if one.text]
    assert {"semantic distance of the", "small edits"} <= set(texts)
