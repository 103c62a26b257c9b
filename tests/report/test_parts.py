"""The parts of a model beneath a line through its depth."""

from __future__ import annotations

from dataclasses import replace

from pytest_promptchaos.report.charts import figures
from pytest_promptchaos.report.drawing import wide
from pytest_promptchaos.report.overview import judged
from pytest_promptchaos.report.parts import part_rows, parted
from pytest_promptchaos.report.points import point_rows
from report.answers import PARTS, asked, through_depth
from report.conftest import record
from report.pictures import LINE, drawn, titles

DEEP = replace(
    LINE,
    x=tuple(map(float, range(6))),
    y=(0.1,) * 6,
    labels=("vision tower",) * 3 + ("projector",) + ("language",) * 2,
)


def texts(*lines: object) -> list[str]:
    return [one.text or "" for one in drawn(*lines).iter() if one.tag.endswith("text")]  # type: ignore[arg-type]


def test_a_part_reaches_half_way_to_its_neighbors() -> None:
    rows = part_rows([DEEP])
    assert [(row["words"], row["start"], row["end"]) for row in rows] == [
        ("vision tower", 0.0, 2.5),
        ("projector", 2.5, 3.5),
        ("language", 3.5, 5.0),
    ]
    assert [row["odd"] for row in rows] == [0, 1, 0]


def test_names_of_parts_are_drawn_and_those_of_single_points_are_not() -> None:
    assert {"vision tower", "projector", "language"} <= set(texts(DEEP))
    named = replace(LINE, labels=("a", "b", "c"))
    assert not {"a", "b", "c"} & set(texts(named))
    assert not parted(named)
    assert not parted(LINE)
    assert not parted(replace(DEEP, mark="points"))


def test_only_a_picture_with_parts_is_shaded() -> None:
    def bands(*lines: object) -> int:
        found = drawn(*lines).iter()  # type: ignore[arg-type]
        return sum(one.get("opacity") == "0.22" for one in found)

    assert (bands(LINE), bands(DEEP), bands(DEEP, replace(DEEP, series="b"))) == (0, 1, 1)


def test_a_picture_with_parts_has_room_for_their_names() -> None:
    assert wide([DEEP])
    assert not wide([LINE])


def test_a_point_and_a_row_say_which_part_they_are_in() -> None:
    assert "layer 3 (projector): 0.100" in titles(drawn(DEEP))
    (figure, *_) = figures(judged([record(asked(curves=through_depth()))]))
    rows = point_rows(figure.panels[0])
    assert [row[0] for row in rows] == [f"{place}, {part}" for place, part in enumerate(PARTS)]
