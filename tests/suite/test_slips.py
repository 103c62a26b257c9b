"""Any slip in a key is found, any other content refused, with file and line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.errors import SuiteError
from pytest_promptchaos.suite import load_suite
from suite.texts import LINES, SHORT

if TYPE_CHECKING:
    from pathlib import Path


def slips(word: str) -> list[str]:
    """Return the word with one letter left out, doubled, or swapped with the next: no key."""
    places = range(len(word))
    found = {word[:i] + word[i + 1 :] for i in places}
    found |= {word[: i + 1] + word[i:] for i in places}
    found |= {word[:i] + word[i + 1 : i + 2] + word[i] + word[i + 2 :] for i in places}
    return sorted(found - {path.rpartition(".")[2] for _, path in LINES})


@settings(deadline=None)
@given(data=st.data(), place=st.integers(0, len(LINES) - 1))
def test_a_slip_in_any_key_is_named_with_line_path_and_the_right_key(
    file: Path, data: st.DataObject, place: int
) -> None:
    path = LINES[place][1]
    key = path.rpartition(".")[2]
    slip = data.draw(st.sampled_from(slips(key)))
    lines = [line for line, _ in LINES]
    lines[place] = lines[place].replace(f"{key}:", f"{slip}:", 1)
    file.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(SuiteError) as error:
        load_suite(file)
    wrong = path.removesuffix(key) + slip
    said = f"{file}:{place + 1}: {wrong}: unknown key '{slip}'; did you mean '{key}'? allowed keys"
    assert str(error.value).startswith(said)
    assert "\n" not in str(error.value)


@settings(deadline=None)
@given(text=st.text().filter(str.strip))
def test_any_text_in_quotes_reaches_the_prompt_as_it_is(file: Path, text: str) -> None:
    quoted = "".join(f"\\U{ord(character):08x}" for character in text)
    file.write_text(SHORT.replace("Recommend a book.", f'"{quoted}"'), encoding="utf-8")
    assert load_suite(file).prompts[0].prompt().text == text


@settings(deadline=None)
@given(content=st.binary() | st.text(alphabet="ab:-[]{}&*!|>'\"#%@ \n").map(str.encode))
def test_any_other_content_is_refused_with_file_and_line(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(SuiteError, match=r"s\.chaos\.yaml:\d+: "):
        load_suite(file)


VALUES = ["", "true", "-1", "1.5", ".nan", "'1 2'", "''", "[]", "[[x]]", "{}", "{a: 1}", "[{a: 1}]"]


@settings(deadline=None)
@given(place=st.integers(0, len(LINES) - 1), value=st.sampled_from(VALUES))
def test_any_value_at_any_place_is_taken_or_refused_with_its_line(
    file: Path, place: int, value: str
) -> None:
    key, path = LINES[place][0].partition(":")[0], LINES[place][1]
    below = sum(1 for _, other in LINES if other.startswith((f"{path}.", f"{path}[")))
    lines = [line for line, _ in LINES]
    lines[place : place + below + 1] = [f"{key}: {value}"]
    file.write_text("\n".join(lines), encoding="utf-8")
    try:
        load_suite(file)
    except SuiteError as error:
        assert f"{file}:{place + 1}: {path}" in str(error)  # noqa: PT017
