"""Answers that changed, validity that differs, and functions that raise."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest

from measure.scripted_runs import observed
from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.measure.answers import (
    answers,
    check_validator,
    quiet,
    reader,
    validity,
)
from pytest_promptchaos.measure.pairs import END
from pytest_promptchaos.records import SMALL_RUNGS

if TYPE_CHECKING:
    from pytest_promptchaos.records import Run

SUMS = [
    observed(
        "sum",
        "that is 4",
        {"format": ["4", "it makes 5"], "positive_control": ["9"], "identical": ["that is 4"]},
    ),
    observed("product", "it is 6", {"format": ["6", "six"], "positive_control": ["6"]}),
]


def test_answers_are_compared_and_not_their_wording() -> None:
    found = answers(SUMS, SMALL_RUNGS, "number")
    assert found.read["sum/format/0"] == ("4", "4")
    assert found.read["sum/format/1"] == ("4", "5")
    assert found.read["sum/identical/0"] == ("4", "4")
    # One of two changed for the sum; of the product one of two can no longer be read.
    assert found.changed.value == pytest.approx(0.5)
    assert (found.changed.n, found.changed.effective_n) == (4, 4)
    assert [(part.name, part.value) for part in found.changed.breakdown] == [
        ("format", 0.5),
        ("positive_control", 0.5),
    ]


def test_an_answer_that_vanishes_has_changed_and_is_counted_apart() -> None:
    found = answers(SUMS, SMALL_RUNGS, "number")
    assert found.read["product/format/1"] == ("6", None)
    assert found.unread.value == pytest.approx(0.25)
    assert found.changed.interval.endswith("; 2 changed, of which 1 no longer read")
    assert found.control.state == "held"
    assert found.control.words == (
        "answers read by number; 0 of 2 centers not read; 1 of 4 neighbors no longer read"
    )
    gone = answers([observed("sum", "4", {"format": ["four"] * 3})], SMALL_RUNGS, "number")
    assert (gone.changed.value, gone.control.state) == (1.0, "held")


def test_a_center_without_an_answer_is_left_out_and_bounds_the_share() -> None:
    silent = observed("riddle", "who knows", {"format": ["4", "who knows"]})
    found = answers([*SUMS, silent], SMALL_RUNGS, "number")
    assert found.changed.value == pytest.approx(0.5)
    assert (found.changed.n, found.changed.effective_n) == (6, 4)
    assert "; 2 of 6 pairs not read: 0.33 to 0.67 were they not, or all, changed" in (
        found.changed.interval
    )
    assert "1 of 3 centers not read" in found.control.words
    assert found.control.state == "held"


def test_mostly_unread_answers_are_no_evidence() -> None:
    found = answers(SUMS, SMALL_RUNGS, "json")
    assert found.control.state == "failed"
    assert found.changed.reason == "no pair was read"
    assert "2 of 2 centers not read, more than 50%" in found.control.words


def test_a_thought_is_not_read_and_one_that_never_ends_has_no_answer() -> None:
    thinking = observed(
        "sum",
        "<think> 1 or 2 </think> so 4",
        {"format": ["<think> 3? </think> so 4", "<think> it may be 4"]},
    )
    found = answers([thinking], SMALL_RUNGS, lambda text: text.split()[0])
    assert found.read == {"sum/format/0": ("so", "so"), "sum/format/1": ("so", None)}


def test_a_thought_between_special_tokens_is_seen_in_the_tokens() -> None:
    spoken = "{} <|message|> is it 7 <|end|> <|channel|> final <|message|> so {} <|eot|>"
    thinking = observed(
        "sum",
        spoken.format("<|channel|> analysis", "4"),
        {"format": [spoken.format("<|channel|> analysis", "5"), "<|channel|> analysis it is 4"]},
    )
    special = re.compile(r"<\|\w+\|> ")

    def decoded(run: Run) -> Run:
        return replace(run, text=special.sub("", "".join(run.tokens).removesuffix(END)))

    runs = {neighbor: decoded(run) for neighbor, run in thinking.runs.items()}
    hidden = replace(thinking, center=decoded(thinking.center), runs=runs)
    found = answers([hidden], SMALL_RUNGS, lambda text: text)
    assert found.read == {"sum/format/0": ("so 4", "so 5"), "sum/format/1": ("so 4", None)}
    assert quiet(str.upper)(hidden.center) == "SO 4"


def test_a_text_without_a_thought_is_read_as_it_was_decoded() -> None:
    asked = observed("sum", "<b> 4 </b>", {"format": ["4"]})
    found = answers([asked], SMALL_RUNGS, lambda text: text)
    assert found.read == {"sum/format/0": ("<b> 4 </b>", "4")}


def test_a_heading_stays_in_the_text_for_a_pattern_to_find() -> None:
    headed = observed("sum", "Answer: 4 or 5", {"format": ["Answer: 4"]})
    found = answers([headed], SMALL_RUNGS, r"regex:Answer: (\d)")
    assert found.read == {"sum/format/0": ("4", "4")}


def test_an_extractor_that_raises_is_told_with_its_prompt_and_the_others_go_on() -> None:
    def last(text: str) -> str:
        if "makes" in text:
            raise KeyError("makes")
        return text.rsplit(maxsplit=1)[-1]

    found = answers(SUMS, SMALL_RUNGS, last)
    assert found.errors == (("sum", "format 1", "KeyError: 'makes'"),)
    assert found.control.state == "failed"
    assert found.control.words.endswith(
        "; raised for 1 output: KeyError: 'makes' (prompt 'sum', format 1)"
    )
    assert found.read["sum/format/0"] == ("4", "4")
    assert found.read["product/format/1"] == ("6", "six")


def test_what_is_raised_for_every_output_is_told_once() -> None:
    def broken(text: str) -> bool:
        raise ValueError("no such file:\n  answers.csv")

    found = validity(SUMS, SMALL_RUNGS, broken)
    assert len(found.errors) == 9
    assert found.control.words.endswith(
        "; raised for 9 outputs: ValueError: no such file: answers.csv (prompt 'sum', center; "
        "prompt 'sum', format 0; prompt 'sum', format 1; and 6 more)"
    )


def test_of_many_messages_the_first_are_told_and_the_others_counted() -> None:
    def broken(text: str) -> bool:
        raise ValueError(text)

    words = validity(SUMS, SMALL_RUNGS, broken).control.words
    # "that is 4" is raised for the center and for its repeat, "6" for two neighbors.
    assert words.count("ValueError") == 3
    assert "ValueError: that is 4 (prompt 'sum', center; prompt 'sum', identical 0); " in words
    assert words.endswith("; and 4 more")


def test_an_extractor_that_returns_no_text_is_told_too() -> None:
    found = answers(SUMS[:1], SMALL_RUNGS, len)  # type: ignore[arg-type]
    assert found.control.state == "failed"
    assert "TypeError: returned 9: an extractor returns a str, or None" in found.control.words


def test_an_extractor_is_a_name_or_a_function() -> None:
    assert reader("number")[0] == "number"
    assert reader(str.strip)[0] == "strip"
    with pytest.raises(ArgumentError, match="extract is 4: it must be a name or a function"):
        reader(4)  # type: ignore[arg-type]


def test_a_function_that_does_not_take_one_text_is_refused_before_it_is_called() -> None:
    def between(text: str, start: str) -> str:
        return text.removeprefix(start)

    told = r"extract is between\(.*\) -> 'str', which cannot be called with one text \(missing"
    with pytest.raises(ArgumentError, match=told):
        reader(between)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="validate is between"):
        check_validator(between)
    with pytest.raises(ArgumentError, match="too many positional arguments"):
        check_validator(lambda: True)
    assert check_validator(bool) == "bool"
    assert check_validator(partial(between, start="so")) == "partial"


def test_validity_differs_where_one_of_two_outputs_is_valid() -> None:
    found = validity(SUMS, SMALL_RUNGS, lambda text: "4" in text)
    assert found.scores["sum/format/1"] == (1.0, 0.0)
    assert found.differs.value == pytest.approx((0.5 + 0.0) / 2)
    assert found.drop.value == pytest.approx((0.5 + 0.0) / 2)
    assert found.control.state == "held"


def test_a_score_drops_on_average_and_can_rise() -> None:
    found = validity(SUMS, SMALL_RUNGS, lambda text: np.float64(len(text) / 20))
    # "that is 4" has 9 characters, its neighbors 1 and 10; "it is 6" has 7, its neighbors 1 and 3.
    assert found.drop.value == pytest.approx(((8 - 1) / 40 + (6 + 4) / 40) / 2)
    assert found.differs.value == pytest.approx(0.25)


def test_an_output_that_never_answers_is_not_valid() -> None:
    thinking = observed("sum", "4", {"format": ["<think> 4"]})
    found = validity([thinking], SMALL_RUNGS, bool)
    assert found.scores == {"sum/format/0": (1.0, 0.0)}


@pytest.mark.parametrize("score", [1.5, -0.1, float("nan"), None, "yes"])
def test_a_score_outside_its_range_is_an_error_and_no_number(score: object) -> None:
    found = validity(SUMS[:1], SMALL_RUNGS, lambda _: score)  # type: ignore[arg-type, return-value]
    assert found.control.state == "failed"
    assert "a validator returns a bool, or 0 to 1" in found.control.words
    assert (found.drop.value, found.drop.reason) == (None, "no pair was scored")


def test_a_validator_is_a_function() -> None:
    with pytest.raises(ArgumentError, match="validate is 'number': it must be a function"):
        validity(SUMS, SMALL_RUNGS, "number")  # type: ignore[arg-type]
