"""Answers read from text: one canonical spelling, or none."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.measure.extractors import EXTRACTORS, extractor

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("name", "text", "answer"),
    [
        ("number", "2 + 2 = 4", "4"),
        ("number", "4.", "4"),
        ("number", "It is 1,234,567.80 dollars.", "1234567.8"),
        ("number", "1, 2, 3", "3"),
        ("number", "\u22125 degrees", "-5"),
        ("number", "from 10-12", "12"),
        ("number", "-0.0", "0"),
        ("number", "1e3", "1000"),
        ("number", "four", None),
        ("number", "3/4", "0.75"),
        ("number", "It is 1/4.", "0.25"),
        ("number", "6/8, that is -2/6", "-1/3"),
        ("number", "1 1/2 cups", "1.5"),
        ("number", r"$\boxed{\frac{3}{4}}$", "0.75"),
        ("number", "1/0", None),
        ("number", "It starts at 12:30.", "12:30"),
        ("number", "09:05 AM", "9:05 am"),
        ("number", "16:9", "16:9"),
        ("number", "On 2024-05-03.", "2024-05-03"),
        ("number", "2024-5-3", "2024-05-03"),
        ("number", "12/31/2024", "12/31/2024"),
        ("number", "Python 1.5.2.", "1.5.2"),
        ("number", "v1.5.2", None),
        ("number", ".5", "0.5"),
        ("number", "-.50", "-0.5"),
        ("number", "12345678901234567890123456789012.50", "12345678901234567890123456789012.5"),
        ("number", "1e9999", "1e+9999"),
        ("number", "1e99999999999999999999", None),
        ("yes_no", "No problem, yes it is", "yes"),
        ("yes_no", "No doubt.", None),
        ("yes_no", "Not at all.", "no"),
        ("yes_no", "Certainly not!", "no"),
        ("yes_no", "It is not at all clear", None),
        ("yes_no", "No idea.", "unclear"),
        ("yes_no", "I don't know", "unclear"),
        ("json", '{"a": 1.0}', '{"a":1}'),
        ("json", "[1e2, -0.0, 1.50]", "[100,0,1.5]"),
        ("json", '{"a": true}', '{"a":true}'),
        ("json", "1e999", None),
        ("json", "[" * 5000, None),
        ("yes_no", "Yes.", "yes"),
        ("yes_no", "**No**, it is not.", "no"),
        ("yes_no", "I would say yes.", "yes"),
        ("yes_no", "I say yes, not no.", "unclear"),
        ("yes_no", "Maybe.", "unclear"),
        ("yes_no", "Nothing is known about eyes.", None),
        ("yes_no", "", None),
        ("first_line", "\n\n  Dune \nEmma", "Dune"),
        ("last_line", "Dune\nEmma \n\n", "Emma"),
        ("first_line", " \n ", None),
        ("last_line", "", None),
        ("json", '{"b": 1, "a": 2}', '{"a":2,"b":1}'),
        ("json", ' 42 ', "42"),
        ("json", 'Sure:\n```json\n[1,  2]\n```\nDone {"a": 3}', "[1,2]"),
        ("json", "a {broken} and [1]", "[1]"),
        ("json", "NaN", None),
        ("json", "42 books", None),
        ("choice", "B", "B"),
        ("choice", "Answer: c", "C"),
        ("choice", "The answer is (D).", "D"),
        ("choice", "(A) because it is old", "A"),
        ("choice", "I think\nB. Paris", "B"),
        ("choice", "Of these I take **C**.", "C"),
        ("choice", "A book about a planet", None),
        ("choice", "The answer is a cat", None),
        ("regex:is (\\w+)", "It is Dune.", "Dune"),
        ("regex:D\\w+", "It is Dune.", "Dune"),
        ("regex:(x)?Dune", "It is Dune.", None),
        ("regex:Emma", "It is Dune.", None),
    ],
)  # fmt: skip
def test_known_answers(name: str, text: str, answer: str | None) -> None:
    assert extractor(name)(text) == answer


def test_an_unknown_name_is_told_with_the_nearest_and_all_that_there_are() -> None:
    with pytest.raises(ArgumentError, match=r"'numbr'; did you mean 'number'.*yes_no.*regex:P"):
        extractor("numbr")
    with pytest.raises(ArgumentError, match=r"no answer extractor 'Zq'\. Take one of"):
        extractor("Zq")


@pytest.mark.parametrize(("name", "told"), [("regex:(", "unterminated"), ("regex:", "no pattern")])
def test_a_bad_pattern_is_told_before_anything_is_read(name: str, told: str) -> None:
    with pytest.raises(ArgumentError, match=told):
        extractor(name)


@settings(max_examples=60, deadline=None)
@given(st.text(), st.sampled_from(sorted(EXTRACTORS)))
def test_any_text_has_an_answer_that_is_not_empty_or_none(text: str, name: str) -> None:
    assert EXTRACTORS[name](text) != ""


@settings(max_examples=60, deadline=None)
@given(values)
def test_equal_json_values_are_equal_strings(value: object) -> None:
    spaced = json.dumps(value, indent=2)
    read = extractor("json")(spaced)
    assert read is not None
    assert read == extractor("json")(json.dumps(value, sort_keys=True))
    assert json.loads(read) == value


@settings(max_examples=60, deadline=None)
@given(st.decimals(min_value=-(10**9), max_value=10**9, allow_nan=False, places=3))
def test_a_number_is_read_however_it_is_written(number: object) -> None:
    written = [f"it is {number}", f"{number:,}", f"1 of {number:.4f} each"]
    assert len({extractor("number")(text) for text in written}) == 1


@settings(max_examples=60, deadline=None)
@given(st.integers(-99, 99), st.integers(1, 99), st.integers(1, 9))
def test_fractions_of_one_value_are_one_answer(above: int, below: int, factor: int) -> None:
    read = extractor("number")(f"it is {above}/{below}")
    assert read is not None
    assert Fraction(read) == Fraction(above, below)
    assert read == extractor("number")(f"{above * factor}/{below * factor} of it")
