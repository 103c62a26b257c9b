"""The answers to one proposition: worst first, what flips marked, what the controls did."""

from __future__ import annotations

from dataclasses import replace

from pytest_promptchaos.report.replies import (
    contradiction,
    contradiction_words,
    questioned,
)
from report.answers import asked, sample, samples
from report.conftest import verdict


def test_samples_that_flip_most_come_first_then_those_that_see_nothing() -> None:
    made = (
        sample(1, "cardiomegaly", (), sees=True),
        sample(2, "cardiomegaly", (), sees=False),
        sample(3, "cardiomegaly", (5,), sees=True),
        sample(4, "cardiomegaly", (3, 4, 5), sees=True),
    )
    found = questioned(made, 3)
    assert [(one.shown, one.flipped, one.quadrant) for one in found] == [
        ("p04.png", 3, "fragile"),
        ("p03.png", 1, "fragile"),
        ("p02.png", 0, "dangerous"),
    ]


def test_a_reply_says_what_it_means_and_what_is_marked() -> None:
    (one,) = questioned([sample(2, "cardiomegaly", (5,), sees=True, vague=True)], 1)
    assert (one.truth, one.flipped, one.unclear, one.others) == ("holds", 1, 1, 5)
    told = {reply.kind: (reply.said, reply.meant, reply.mark, reply.wrong) for reply in one.replies}
    assert told == {
        "presence": ("yes", "affirms", "first", False),
        "evidence": ("yes", "affirms", "", False),
        "shows": ("unclear", "neither", "unclear", False),
        "absent": ("no", "affirms", "", False),
        "free": ("no", "affirms", "", False),
        "rule out": ("yes", "denies", "flips", True),
    }


def test_without_a_known_truth_nothing_is_wrong() -> None:
    unknown = replace(sample(2, "cardiomegaly", (5,), sees=True), truth=None)
    (one,) = questioned([unknown], 1)
    assert one.truth == ""
    assert not any(reply.wrong for reply in one.replies)


def test_controls_say_how_often_the_answer_stayed_and_what_moved_it() -> None:
    seeing, blind = questioned(
        [sample(2, "cardiomegaly", (5,), sees=True), sample(2, "cardiomegaly", (), sees=False)], 2
    )
    assert seeing.controls[:3] == (
        "Asked again: 1 of 1 answer as before",
        "With nothing shown: 0 of 1 answer as before; denies (presence)",
        "With another one shown: 0 of 2 answers as before; denies (p07.png), denies (p08.png)",
    )
    assert seeing.controls[3].startswith("Shown with a change that keeps its meaning: ")
    assert blind.controls[2] == "With another one shown: 2 of 2 answers as before"


def test_the_contradiction_is_between_the_first_and_the_surest_that_flips() -> None:
    one = sample(2, "cardiomegaly", (4, 5), sees=True)
    sure = {"free": 1.5, "rule out": -4.5}
    told = tuple(replace(each, margin=sure.get(each.kind, each.margin)) for each in one.answers)
    found = contradiction(asked(found=(replace(one, answers=told),), overlays=()))
    assert found is not None
    _, first, other = found
    assert (first.kind, other.kind, other.mark) == ("presence", "rule out", "flips")


def test_the_terminal_names_both_questions_and_answers() -> None:
    one = sample(2, "cardiomegaly", (5,), sees=True)
    assert contradiction_words(asked(found=(one,), overlays=())) == (
        "p02.png, cardiomegaly: yes to 'Is there cardiomegaly?' and yes to "
        "'Can you rule out cardiomegaly?'"
    )


def test_where_nothing_flips_there_is_no_contradiction() -> None:
    calm = samples(reads=6, sees=False)
    assert contradiction(asked(found=calm, overlays=())) is None
    assert contradiction_words(verdict()) == ""
