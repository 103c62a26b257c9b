from __future__ import annotations

from dataclasses import replace

from pytest_promptchaos.records import Control, Measurement, Verdict
from pytest_promptchaos.report.overview import judged
from pytest_promptchaos.report.unmeasured import Gap, gaps, times_words
from report.conftest import pairs, record, verdict

COMPLETE = verdict(measurement=replace(verdict().measurement, breakdown=()), controls=(), pairs=())


def found(*verdicts: Verdict) -> dict[str, Gap]:
    return {gap.what: gap for gap in gaps(judged([record(*verdicts)]))}


def test_a_complete_verdict_has_no_gap() -> None:
    assert found(COMPLETE) == {}


def test_an_absent_measurement_tells_its_reason() -> None:
    absent = Measurement(name="drift", unit="", reason="no reference model")
    gap = found(replace(COMPLETE, also=(absent,)))["drift"]
    assert (gap.model, gap.why, gap.times) == ("small", "no reference model", 1)


def test_an_absent_rung_is_named_with_its_measurement() -> None:
    gap = found(replace(verdict(), controls=(), pairs=()))["semantic distance, small_semantic"]
    assert gap.why == "none of 2 neighbors differs for the model"


def test_an_absent_control_tells_why() -> None:
    assert found(verdict())["control: rung not run"].why == "small_semantic: no text"


def test_the_control_of_a_compared_system_is_that_systems() -> None:
    absent = Control(name="device, tiny bfloat16", role="note", state="absent", words="one device")
    told = {"systems": "tiny float32; tiny bfloat16"}
    gap = found(replace(COMPLETE, controls=(absent,), settings=told))["control: device"]
    assert (gap.model, gap.why) == ("tiny bfloat16", "one device")


def test_an_erased_edit_is_told_once_per_kind() -> None:
    gap = found(verdict())["format edit “trailing space”"]
    assert gap.why.startswith("erased by the template")


def test_a_missing_distance_and_a_truncated_text_are_told() -> None:
    short = replace(pairs(1.0)[0], missing=(("js", "no logits"),), truncated=True)
    seen = found(replace(COMPLETE, pairs=(short,)))
    assert seen["JS at the prompt's end, format edit “doubled inner space”"].why == "no logits"
    assert "longer than the embedder" in seen["full text, format edit “doubled inner space”"].why


def test_alike_gaps_are_counted_together() -> None:
    gap = found(verdict(), verdict(id="again"))["control: rung not run"]
    assert times_words(gap) == "2 times"
    assert times_words(replace(gap, times=1)) == "once"
