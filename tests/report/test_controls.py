from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_promptchaos.records import Control, Verdict
from pytest_promptchaos.report.controls import ControlTally, control_tallies
from pytest_promptchaos.report.overview import judged
from report.conftest import model, record, run_records, verdict

SYSTEMS = ("tiny float32", "tiny bfloat16", "tiny float32 int8")


def held(name: str, words: str = "exactly zero", **changes: object) -> Control:
    made = Control(name=name, role="floor", state="held", words=words, value=0.0)
    return replace(made, **changes)  # type: ignore[arg-type]


def compared(*others: Control) -> tuple[Verdict, ...]:
    """Return the drift of two systems from the first: each verdict has the reference's controls."""
    ran = ({"dtype": "bfloat16"}, {"quantization": "int8 dynamic"})
    return tuple(
        verdict(
            check="no_drift",
            model=model("tiny", **how),
            controls=(
                held(f"batch shape, {SYSTEMS[0]}"),
                held(f"batch shape, {SYSTEMS[place]}"),
                *others,
            ),
            settings={"systems": "; ".join(SYSTEMS)},
        )
        for place, how in enumerate(ran, start=1)
    )


def found(*verdicts: Verdict) -> list[ControlTally]:
    return list(control_tallies(judged([record(*verdicts)])))


def test_controls_are_tallied_per_model_those_that_failed_first() -> None:
    seen = control_tallies(judged(run_records()))
    assert [(one.name, one.models, one.held, one.failed) for one in seen][:2] == [
        ("positive control", ("large",), 2, 1),
        ("batch shape", ("large",), 3, 0),
    ]
    assert seen[0].words == "not above the limit 0.15: the model answers everything alike"


def test_models_on_which_a_control_went_alike_share_a_row() -> None:
    assert {one.models for one in found(verdict(), verdict(name="large"))} == {("small", "large")}


def test_systems_of_a_comparison_stand_in_the_models_column_each_once() -> None:
    (only,) = found(*compared())
    assert (only.name, only.models, only.held) == ("batch shape", SYSTEMS, 1)


def test_a_system_that_is_asked_and_compared_has_its_controls_in_one_row() -> None:
    alone = verdict(model=model("tiny"), controls=(held("batch shape"),))
    rows = {one.models: one.held for one in found(alone, *compared())}
    assert rows == {(SYSTEMS[0],): 2, SYSTEMS[1:]: 1}


def test_a_comma_in_a_name_is_no_system() -> None:
    (row, _) = found(*compared(held("a floor, of sorts")))
    assert (row.name, row.models) == ("a floor, of sorts", SYSTEMS[1:])


@pytest.mark.parametrize(("role", "worst"), [("floor", "at 0.9"), ("detection", "at 0.2")])
def test_the_words_are_those_of_the_highest_floor_and_the_faintest_detection(
    role: str, worst: str
) -> None:
    controls = [held("one", f"at {value}", role=role, value=value) for value in (0.5, 0.9, 0.2)]
    (row,) = found(*(verdict(controls=(one,)) for one in controls))
    assert (row.words, row.held) == (worst, 3)


def test_every_note_is_told_for_itself() -> None:
    notes = [
        Control(name="published claim", role="note", state="held", words=f"it {what} here")
        for what in ("reproduces", "does not reproduce")
    ]
    told = {one.words: one for one in found(*(verdict(controls=(note,)) for note in notes))}
    assert {words: (one.noted, one.held) for words, one in told.items()} == {
        "it reproduces here": (1, 0),
        "it does not reproduce here": (1, 0),
    }
