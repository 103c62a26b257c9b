"""Curves that only say something together are drawn together."""

from __future__ import annotations

from dataclasses import replace

from pytest_promptchaos.report.charts import figures
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


def test_conditions_with_more_series_than_colours_have_a_picture_per_reading() -> None:
    found = pictures_by_kind(judged(collapse_records(**SMALL)))[SWEEP]
    assert [title for title, _ in found] == [
        "tests/test_books.py: conditions side by side, drift=matching, judged",
        "tests/test_books.py: conditions side by side, drift=both",
    ]
    for _, curves in found:
        assert [curve.series for curve in curves] == ["HETERO_ROT", "HOMO_A", "HOMO_B", "HOMO_C"]


def test_readings_that_differ_by_condition_stay_in_the_series() -> None:
    records = collapse_records(**SMALL)
    (turned,) = records[0].verdicts
    told = {"drift=matching, judged": "drift=matching", "drift=both": "drift=both, judged"}
    curves = tuple(replace(c, series=told.get(c.series, c.series)) for c in turned.curves)
    other = replace(records[0], verdicts=(replace(turned, curves=curves),))
    first, _ = pictures_by_kind(judged([other, *records[1:]]))[SWEEP]
    assert [curve.series for curve in first[1]] == [
        "HETERO_ROT, drift=matching, judged",
        "HOMO_A, drift=both, judged",
        "HOMO_B, drift=matching, judged",
        "HOMO_C, drift=matching, judged",
    ]


def test_of_more_conditions_than_colours_those_that_collapse_most_come_first() -> None:
    calm, looping = brief("HOMO_A"), brief("HOMO_B")
    names = [f"HOMO_{letter}" for letter in "ABCDEFGH"]
    records = []
    for name in names:
        whole = looping if name == "HOMO_H" else calm
        labels = (False,) * 11 + (True,) if name == "HOMO_H" else (False,) * 12
        found = tuple(
            replace(one, condition=name, collapsed=labels, stopped="") for one in whole.timelines
        )
        curves = tuple(replace(c, series=name) for c in calm.curves[:1])
        records.append(record(replace(calm, timelines=found, curves=curves), node=name))
    ((_, curves),) = pictures_by_kind(judged(records))[SURVIVAL]
    assert [curve.series for curve in curves][:2] == ["HOMO_H", "HOMO_A"]
    (figure,) = [one for one in figures(judged(records)) if one.kind == SURVIVAL]
    assert [key.name for key in figure.legend] == ["HOMO_H", *names[:5]]
    assert figure.left_out == 2


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


def test_growth_by_turn_has_one_picture_of_all_conditions() -> None:
    found = pictures_by_kind(judged(collapse_records(**SMALL)))
    ((title, curves),) = found[GROWTH]
    assert title == (
        "tests/test_books.py: mean of 4 conversations of each condition, "
        "band: the middle 80% of them"
    )
    assert [curve.series for curve in curves] == ["HETERO_ROT", "HOMO_A", "HOMO_B", "HOMO_C"]
    assert all(curve.low and curve.high for curve in curves)


def test_more_models_than_colours_have_several_figures_of_profiles() -> None:
    names = [f"model-{letter}" for letter in "abcdefgh"]
    found = pictures_by_kind(judged([record(layered(name=n), node="test_depth") for n in names]))
    shown = {kind[0]: one for kind, one in found.items() if kind[0].startswith(SIDE_BY_SIDE)}
    assert list(shown) == [f"{SIDE_BY_SIDE} (1 to 6)", f"{SIDE_BY_SIDE} (7 to 8)"]
    drawn = [curve.series for ((_, curves),) in shown.values() for curve in curves]
    assert drawn == names


def test_a_model_with_options_behind_its_pin_stands_beside_the_others() -> None:
    made = []
    for pin in ("bundled:small", "bundled:small?initialization=0"):
        found = layered(name=pin)
        model = replace(found.model, pin=pin)
        made.append(record(replace(found, model=model), node="depth"))
    ((title, curves),) = pictures_by_kind(judged(made))[
        (SIDE_BY_SIDE, "log growth (nats)", "layer")
    ]
    assert title == "depth: 2 models"
    assert len(curves) == 2


def test_profiles_that_one_test_took_of_two_models_stand_side_by_side() -> None:
    records = [record(layered(name=name), node="test_depth") for name in ("small", "large")]
    found = pictures_by_kind(judged(records))
    kind = (SIDE_BY_SIDE, "log growth (nats)", "layer")
    ((title, curves),) = found[kind]
    assert title == "test_depth: 2 models"
    assert [curve.series for curve in curves] == ["large", "small"]
    assert all(curve.low and curve.high for curve in curves)
    assert len(found[(PROFILE, *kind[1:])]) == 2


def test_profiles_of_two_tests_or_of_one_model_do_not() -> None:
    apart = [record(layered(), node="a"), record(layered(name="large"), node="b")]
    assert SIDE_BY_SIDE not in {kind[0] for kind in pictures_by_kind(judged(apart))}
