from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_promptchaos.records import Measurement
from pytest_promptchaos.report.overview import judged
from pytest_promptchaos.report.reliability import UNLABELED, reliability, unlabeled
from report.conftest import record, verdict
from report.conversations import RATERS, brief, counted

if TYPE_CHECKING:
    from pytest_promptchaos.records import Agreement
    from pytest_promptchaos.report.overview import Judged

LABELS = counted("detector and labels", "embeddings", "ann", (61, 4, 7, 28))
DETECTORS = counted("two detectors", "embeddings", "words", (50, 10, 10, 30))


def shown(*agreements: Agreement) -> tuple[Judged, ...]:
    found = verdict(curves=(), agreements=agreements)
    return judged([record(found), record(replace(found, id="again"))])


def test_the_builder_gives_the_published_kappa() -> None:
    assert (round(RATERS.kappa.value or 0, 3), round(RATERS.raw.value or 0, 3)) == (0.566, 0.928)


def test_a_detector_against_labels_stands_first_and_apart_from_raters() -> None:
    found = reliability(shown(DETECTORS, RATERS, LABELS))
    assert [kind.heading for kind in found] == [
        "The detector against labels",
        "Raters among themselves",
        "Two detectors",
    ]
    assert [[panel.agreement for panel in kind.panels] for kind in found] == [
        [LABELS],
        [RATERS],
        [DETECTORS],
    ]


def test_without_labels_nothing_says_that_the_detector_is_right() -> None:
    assert unlabeled(shown(RATERS, DETECTORS)) == UNLABELED
    assert unlabeled(shown(LABELS)) == ""
    assert reliability(shown()) == ()


def test_a_statistic_lies_on_a_bar_from_zero_to_one() -> None:
    ((panel,),) = [kind.panels for kind in reliability(shown(LABELS))]
    raw = panel.rows[0]
    assert (panel.zero, raw.name, raw.place) == (0.0, "raw agreement", 89.0)
    assert raw.reach is not None
    assert (raw.reach.start, raw.reach.width) == (84.0, 10.0)


def test_an_agreement_below_chance_makes_room_below_zero() -> None:
    worse = replace(
        LABELS, kappa=Measurement(name="kappa", unit="", value=-0.5, low=-1.0, high=0.0)
    )
    ((panel,),) = [kind.panels for kind in reliability(shown(worse))]
    kappa = panel.rows[1]
    assert (panel.zero, kappa.place) == (50.0, 25.0)


def test_an_absent_statistic_has_no_place() -> None:
    bare = replace(LABELS, negative=Measurement(name="negative", unit="", reason="all alike"))
    ((panel,),) = [kind.panels for kind in reliability(shown(bare))]
    (row,) = [row for row in panel.rows if row.name == "negative agreement"]
    assert (row.place, row.reach, row.measured.reason) == (None, None, "all alike")


def test_panels_name_their_condition_and_the_things_that_are_counted() -> None:
    turns = replace(DETECTORS, words="100 turns are labeled by both embeddings and words.")
    old = replace(
        LABELS,
        raw=replace(LABELS.raw, interval="95 % Wilson over 100 conversations of 12 seed prompts"),
        words="",
    )
    records = [
        record(replace(brief(condition), agreements=(turns, old)), node=f"test_{condition}")
        for condition in ("HOMO_B", "HOMO_A")
    ]
    first, second = reliability(judged(records))
    assert (first.heading, second.heading) == ("The detector against labels", "Two detectors")
    for kind, told in ((first, "100 conversations"), (second, "100 turns")):
        assert [(panel.condition, panel.counted) for panel in kind.panels] == [
            ("HOMO_A", told),
            ("HOMO_B", told),
        ]


def test_things_without_a_name_are_things() -> None:
    ((panel,),) = [kind.panels for kind in reliability(shown(LABELS))]
    assert (panel.condition, panel.counted) == ("", "100 things")
