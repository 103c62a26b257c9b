"""Curves that only say something together are drawn together."""

from __future__ import annotations

from dataclasses import replace

from pytest_promptchaos.report.overview import judged
from pytest_promptchaos.report.pooling import PROFILE, SIDE_BY_SIDE, pictures_by_kind
from pytest_promptchaos.report.turns import GROWTH
from report.conftest import record
from report.conversations import brief, collapse_records
from report.dynamics import layered

SMALL = {"seeds": 6, "repeats": 2, "turns": 12}
SURVIVAL = ("first collapse", "share without a collapse (band: 95 %)", "turn")
SWEEP = ("collapse incidence by threshold", "collapse incidence", "threshold s1")


def test_conditions_of_one_test_file_share_a_picture() -> None:
    found = pictures_by_kind(judged(collapse_records(**SMALL)))
    ((title, curves),) = found[SURVIVAL]
    assert title == "tests/test_books.py: conditions side by side"
    assert [curve.series for curve in curves] == ["HETERO_ROT", "HOMO_A", "HOMO_B", "HOMO_C"]


def test_a_series_that_does_not_name_its_condition_is_told_by_it() -> None:
    ((_, curves),) = pictures_by_kind(judged(collapse_records(**SMALL)[:2]))[SWEEP]
    assert [curve.series for curve in curves] == [
        "HOMO_A, drift=matching, judged",
        "HOMO_A, drift=both",
        "HOMO_B, drift=matching, judged",
        "HOMO_B, drift=both",
    ]


def test_conditions_with_more_series_than_colours_have_a_picture_each() -> None:
    found = pictures_by_kind(judged(collapse_records(**SMALL)))[SWEEP]
    assert [title for title, _ in found] == [
        "model-a: no_collapse(HOMO_A)",
        "model-b: no_collapse(HOMO_B)",
        "model-t: no_collapse(HETERO_ROT)",
        "model-c: no_collapse(HOMO_C)",
    ]
    assert {len(curves) for _, curves in found} == {2}


def test_two_files_have_a_picture_each() -> None:
    records = collapse_records(**SMALL)
    other = replace(records[0], node_id="tests/test_other.py::test_homo_a")
    found = pictures_by_kind(judged([*records[1:], other]))
    assert [title.partition(":")[0] for title, _ in found[SURVIVAL]] == [
        "tests/test_books.py",
        "tests/test_other.py",
    ]


def test_two_verdicts_on_one_condition_draw_its_curve_once() -> None:
    one = brief("HOMO_A")
    found = pictures_by_kind(judged([record(one, replace(one, id="no_collapse(HOMO_A, rate)"))]))
    ((_, curves),) = found[SURVIVAL]
    assert len(curves) == 1


def test_growth_by_turn_has_a_picture_per_condition() -> None:
    found = pictures_by_kind(judged(collapse_records(**SMALL)))
    assert [title.partition(":")[0] for title, _ in found[GROWTH]] == [
        "HOMO_A",
        "HOMO_B",
        "HETERO_ROT",
        "HOMO_C",
    ]


def test_profiles_that_one_test_took_of_two_models_stand_side_by_side() -> None:
    records = [record(layered(name=name), node="test_depth") for name in ("small", "large")]
    found = pictures_by_kind(judged(records))
    kind = (SIDE_BY_SIDE, "log growth (nats)", "layer")
    ((title, curves),) = found[kind]
    assert title == "test_depth: 2 models"
    assert [curve.series for curve in curves] == ["small", "large"]
    assert all(curve.low and curve.high for curve in curves)
    assert len(found[(PROFILE, *kind[1:])]) == 2


def test_profiles_of_two_tests_or_of_one_model_do_not() -> None:
    apart = [record(layered(), node="a"), record(layered(name="large"), node="b")]
    assert SIDE_BY_SIDE not in {kind[0] for kind in pictures_by_kind(judged(apart))}
