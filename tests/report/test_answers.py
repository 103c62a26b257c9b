"""Askings side by side: which verdicts are one, the quadrants, and the flips by kind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_promptchaos.records import Answer, Measurement, Outcome, Sample, contradict
from pytest_promptchaos.report.answers import (
    answer_kinds,
    askings,
    measured_rows,
    quadrant_table,
)
from pytest_promptchaos.report.axes import other_axis
from pytest_promptchaos.report.flips import kind_rows
from pytest_promptchaos.report.overview import judged
from pytest_promptchaos.report.unmeasured import gaps
from report.answers import FORMS, answer, answer_records, asked, measured, sample, samples
from report.conftest import record, verdict


def said(form: int, word: str) -> Answer:
    """Return a literal yes, no or unclear to a form."""
    return replace(answer(form, "effusion", affirms=True, sure=1.0), said=word)  # type: ignore[arg-type]


PRESENT, RULED_OUT = 0, 5


# -- flips are counted on propositions ------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "other", "flip"),
    [
        (said(PRESENT, "yes"), said(RULED_OUT, "yes"), True),
        (said(PRESENT, "yes"), said(RULED_OUT, "no"), False),
        (said(PRESENT, "no"), said(RULED_OUT, "no"), True),
        (said(PRESENT, "yes"), said(1, "no"), True),
        (said(PRESENT, "yes"), said(RULED_OUT, "unclear"), False),
        (said(PRESENT, "unclear"), said(RULED_OUT, "yes"), False),
    ],
)
def test_yes_and_yes_of_opposite_polarity_contradict(
    first: Answer, other: Answer, flip: bool
) -> None:
    assert contradict(first, other) is flip
    assert contradict(other, first) is flip


def test_only_answers_to_the_unchanged_image_flip() -> None:
    one = sample(2, "cardiomegaly", (5,), sees=True)
    assert [each.kind for each in one.flips] == ["rule out"]
    assert any(contradict(one.as_is[0], each) for each in one.answers if each.condition != "as is")


# -- askings --------------------------------------------------------------------------------------


def test_a_verdict_without_samples_is_no_asking() -> None:
    assert askings(judged([record(verdict(curves=()))])) == ()


def test_two_verdicts_on_the_same_answers_are_one_asking() -> None:
    blind, sees = askings(judged(answer_records()))
    assert (blind.name, sees.name) == ("tiny-blind", "tiny-xray")
    names = [one.name for one in sees.measured]
    assert len(names) == len(set(names)) == 12
    assert names[0] == "ideal_share"
    assert len(sees.overlays) == 3
    assert (sees.reliance, sees.noun) == ("swapped", "image")
    assert (len(sees.samples), len(sees.propositions), len(sees.shown)) == (24, 2, 12)


def test_askings_of_one_model_are_told_apart_by_their_test_then_by_what_was_asked() -> None:
    some = samples()[::2]
    other = samples()[1::2]
    records = [
        record(asked(found=some), node="test_a"),
        record(asked(found=other), node="test_b"),
    ]
    assert [one.name for one in askings(judged(records))] == [
        "tiny-xray (test_a)",
        "tiny-xray (test_b)",
    ]
    same = [record(asked(found=some), asked(found=other), node="test_a")]
    assert [one.name for one in askings(judged(same))] == [
        "tiny-xray (test_a): cardiomegaly",
        "tiny-xray (test_a): pleural effusion",
    ]


def test_a_row_per_measurement_says_what_it_means_and_where_it_was_not_taken() -> None:
    own = asked(name="other", also=(measured("my_own", 0.5),), found=samples(pictures=3))
    rows = {row.name: row for row in measured_rows(askings(judged([record(asked(), own)])))}
    assert rows["text-only agreement"].meaning.startswith("samples whose answer is the same")
    assert [one is None for one in rows["my own"].cells] == [True, False]
    assert rows["my own"].meaning == ""


def test_bounds_of_unclear_answers_stand_in_the_row_of_their_measurement() -> None:
    ways = (("agreeing", 0.3), ("flipping", 0.36))
    both = tuple(measured(f"flip_rate, unclear counted as {way}", value) for way, value in ways)
    same = (measured("accuracy, unclear counted as wrong", 0.9), measured("accuracy", 0.9))
    one = asked(also=(measured("flip_rate", 0.31), *both, *same))
    rows = {row.name: row for row in measured_rows(askings(judged([record(one)])))}
    assert list(rows) == ["ideal share", "flip rate", "accuracy"]
    assert rows["flip rate"].bounds == ("0.300 to 0.360 as unclear answers are counted",)
    assert rows["accuracy"].bounds == ("",)


def test_passages_are_called_so() -> None:
    texts = replace(measured("ideal_share", 0.5), resampled="passages")
    (asking,) = askings(judged([record(asked(measurement=texts, also=()))]))
    assert asking.noun == "passage"


def test_curves_of_answers_are_theirs() -> None:
    found = answer_kinds(judged([record(asked(), verdict())]))
    assert {name for name, _, _ in found} == {"divergence of two phrasings", "spectral scaling"}


# -- quadrants ------------------------------------------------------------------------------------


def test_quadrants_count_samples_and_say_why_others_have_none() -> None:
    lost = replace(samples()[0], quadrant=None, reason="no usable swap")
    some = (lost, replace(lost, id="again"), *samples()[2:])
    (asking,) = askings(judged([record(asked(found=some))]))
    table = quadrant_table(asking)
    assert {name: cell.count for name, cell in table.cells.items()} == {
        "ideal": 11,
        "fragile": 11,
        "dangerous": 0,
        "worst": 0,
    }
    assert {cell.of for cell in table.cells.values()} == {22}
    assert table.left_out == ("2 samples without a quadrant: no usable swap",)
    ideal = table.cells["ideal"].measured
    assert ideal is not None
    assert ideal.name == "ideal_share"


def test_a_sample_without_a_quadrant_is_a_gap() -> None:
    lost = replace(samples()[0], quadrant=None, reason="no usable swap")
    found = gaps(judged([record(asked(found=(lost, *samples()[1:])))]))
    assert [(one.what, one.why) for one in found if one.what == "quadrant"] == [
        ("quadrant", "no usable swap")
    ]


def test_a_flip_rate_and_the_ideal_share_stand_beside_each_other() -> None:
    for one, other in (("ideal_share", "flip_rate"), ("flip_rate", "ideal_share")):
        beside = other_axis(asked(judged=one))
        assert beside is not None
        assert beside.name == other


# -- flips by kind of phrasing --------------------------------------------------------------------


def test_kinds_stand_by_how_often_they_flip_with_the_first_phrasing_last() -> None:
    (asking,) = askings(judged([record(asked())]))
    rows = kind_rows(asking)
    assert [row.kind for row in rows] == [
        "free",
        "rule out",
        "evidence",
        "shows",
        "absent",
        "presence",
    ]
    assert [row.flipped for row in rows] == [8, 8, 0, 0, 0, 0]
    assert {row.asked for row in rows} == {24}
    assert rows[0].example == "Is the image free of cardiomegaly?"
    assert (rows[0].polarity, rows[2].polarity) == ("yes denies", "yes affirms")
    assert [row.unclear for row in rows] == [0, 0, 0, 1, 0, 0]
    assert [row.base for row in rows] == [False] * 5 + [True]
    assert (rows[-1].measured, rows[-1].place, rows[-1].reach) == (None, None, None)


def test_the_interval_of_a_kind_is_on_the_bar() -> None:
    free = measured("free", 0.25, parts=())
    free = replace(free, low=0.125, high=0.5)
    rate = measured("flip_rate", 0.2, parts=(free,))
    one = asked(also=(rate,))
    rows = kind_rows(askings(judged([record(one)]))[0])
    assert rows[0].reach is not None
    assert (rows[0].place, rows[0].reach.start, rows[0].reach.width) == (25.0, 12.5, 37.5)
    counted = next(row for row in rows if row.kind == "rule out")
    assert (counted.measured, counted.place, counted.reach) == (None, 33.3, None)


def test_a_kind_that_was_not_measured_has_no_place() -> None:
    absent = Measurement(name="free", unit="share", reason="every answer is unclear", n=24)
    rows = kind_rows(
        askings(judged([record(asked(also=(measured("flip_rate", 0.2, parts=(absent,)),)))]))[0]
    )
    assert (rows[0].place, rows[0].reach) == (None, None)


def test_a_second_phrasing_of_the_first_kind_is_counted_by_itself() -> None:
    one = sample(1, "cardiomegaly", (), sees=True)
    again = replace(one.answers[0], phrasing="p2", question="Do you see it?", said="yes")
    both = Sample(**{**vars(one), "answers": (one.answers[0], again)})
    (asking,) = askings(judged([record(asked(Outcome.PASSED, found=(both,), overlays=()))]))
    assert [(row.kind, row.base, row.flipped) for row in kind_rows(asking)] == [
        (FORMS[0][0], False, 1),
        (FORMS[0][0], True, 0),
    ]
