"""Conditions side by side: which verdicts are one play, and what stands in the table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_promptchaos.records import Outcome, Timeline
from pytest_promptchaos.report.overview import judged
from pytest_promptchaos.report.selfplay import (
    bucket_rows,
    condition_rows,
    plays,
    stopped_words,
)
from report.conftest import record, verdict
from report.conversations import brief, share, timelines


def said(*flags: bool, bucket: str = "", stopped: str = "") -> Timeline:
    return Timeline(
        condition="HOMO_A",
        seed_id="plan",
        bucket=bucket,
        repeat=0,
        asked=6,
        collapsed=flags,
        stopped=stopped,
    )


def test_a_verdict_without_conversations_is_no_play() -> None:
    assert plays(judged([record(verdict(curves=()))])) == ()


def test_two_verdicts_on_the_same_conversations_are_one_play() -> None:
    incidence = brief("HOMO_A")
    rate = replace(
        incidence,
        id="no_collapse(HOMO_A, rate)",
        measurement=share("collapse_rate", 0.5, 12),
        also=(share("entrenchment_depth", 0.5, 12),),
    )
    (play,) = plays(judged([record(incidence, rate)]))
    assert (play.name, play.model, len(play.timelines)) == ("HOMO_A", "small", 12)
    names = [one.name for one in play.measured]
    assert len(names) == len(set(names))
    assert names[0] == "collapse_incidence"
    assert "entrenchment_depth" in names


def test_plays_stand_by_name_and_those_of_one_name_are_told_by_their_test() -> None:
    later = replace(brief("HOMO_A"), timelines=timelines("HOMO_A")[:3])
    records = [
        record(brief("HOMO_B"), node="test_b"),
        record(brief("HOMO_A", Outcome.PASSED), node="test_a", status="passed"),
        record(later, node="test_again"),
    ]
    assert [play.name for play in plays(judged(records))] == [
        "HOMO_A (test_a)",
        "HOMO_A (test_again)",
        "HOMO_B",
    ]


def test_a_row_holds_one_measurement_of_every_condition() -> None:
    bare = replace(brief("HOMO_B"), also=())
    rows = condition_rows(plays(judged([record(brief("HOMO_A"), bare)])))
    by_name = {row.name: row for row in rows}
    incidence = by_name["collapse incidence"]
    assert incidence.meaning == "share of conversations with a collapsed turn"
    assert all(cell.measured and cell.measured.low is not None for cell in incidence.cells)
    rate = by_name["collapse rate"]
    assert rate.reading == "both"
    assert [cell.other is None for cell in rate.cells] == [False, True]
    assert not any("drift" in name for name in by_name)
    words = by_name["lexical collapse incidence"]
    assert words.meaning == "the same by repeated words"


def test_an_unknown_measurement_stands_without_a_meaning() -> None:
    own = replace(brief("HOMO_A"), also=(share("my_own_share", 0.5, 12),))
    rows = {row.name: row for row in condition_rows(plays(judged([record(own)])))}
    assert rows["my own share"].meaning == ""


def test_a_bucket_counts_conversations_collapses_and_stops() -> None:
    found = bucket_rows(
        [
            said(False, False, True, True, bucket="plans"),
            said(False, True, bucket="plans", stopped="no room"),
            said(False, False, bucket="facts"),
        ]
    )
    plans, facts, whole = found
    assert (plans.bucket, plans.conversations, plans.collapsed, plans.stopped) == ("plans", 2, 2, 1)
    assert (plans.rate, plans.first) == (0.5, 2.5)
    assert (facts.collapsed, facts.rate, facts.first) == (0, 0.0, None)
    assert (whole.bucket, whole.conversations, whole.collapsed) == ("all", 3, 2)


def test_one_bucket_needs_no_sum() -> None:
    assert [row.bucket for row in bucket_rows([said(False)])] == ["no bucket"]


@pytest.mark.parametrize(
    ("reasons", "told"),
    [
        ((), ()),
        (("",), ()),
        (("no room",) * 2, ("2 conversations stopped early, no room",)),
        (
            ("turn 17 would need 1,030 tokens", "turn 9 would need 1,041 tokens", "cut off"),
            (
                "2 conversations stopped early, such as turn 17 would need 1,030 tokens",
                "1 conversation stopped early, cut off",
            ),
        ),
    ],
)
def test_reasons_that_differ_in_numbers_alone_are_counted_together(
    reasons: tuple[str, ...], told: tuple[str, ...]
) -> None:
    assert stopped_words([said(False, stopped=reason) for reason in reasons]) == told


@pytest.mark.parametrize(
    ("censor", "handled"),
    [
        ("after", ", counted as the turn after their last"),
        ("last", ", counted as their last turn"),
        ("exclude", ", left out"),
        ("", ""),
    ],
)
def test_the_first_collapsed_turn_says_how_many_never_collapse(censor: str, handled: str) -> None:
    flags = ((False,) * 6, (False,) * 5 + (True,), (False,) * 6)
    found = tuple(replace(said(*one), repeat=place) for place, one in enumerate(flags))
    first = share("first_collapse_turn", 6.7, 3, unit="turn")
    both = replace(first, name="first_collapse_turn, drift=both", value=7.0)
    settings = {"censor": censor} if censor else {}
    one = replace(
        brief("HOMO_A"), timelines=found, measurement=first, also=(both,), settings=settings
    )
    ((cell,),) = [row.cells for row in condition_rows(plays(judged([record(one)])))]
    assert cell.note == f"never in 2 of 3{handled}"
    assert cell.other_note == f"never in 3 of 3{handled}"
    assert not cell.alike


def test_readings_that_say_the_same_are_told_once() -> None:
    rate = share("collapse_rate", 0.5, 12)
    both = replace(rate, name="collapse_rate, drift=both")
    one = replace(brief("HOMO_A"), measurement=rate, also=(both,))
    ((cell,),) = [row.cells for row in condition_rows(plays(judged([record(one)])))]
    assert cell.alike
