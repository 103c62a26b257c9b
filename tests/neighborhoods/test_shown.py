"""Images pinned by their bytes, passages, and the prompts that ask about them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_promptchaos.errors import ArgumentError, PictureError, PromptError
from pytest_promptchaos.neighborhoods.phrasings import proposition
from pytest_promptchaos.neighborhoods.shown import passage, picture, question_prompt

if TYPE_CHECKING:
    from pathlib import Path

BYTES = b"no picture, but bytes"
PIN = hashlib.sha256(BYTES).hexdigest()
ASKED = proposition("rain", kinds=["presence", "rule out"])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "p01.png"
    path.write_bytes(BYTES)
    return path


def test_an_image_is_pinned_by_what_its_file_holds(file: Path) -> None:
    shown = picture(file, truth={"rain": True})
    assert shown.image is not None
    assert (shown.id, shown.image.path, shown.image.sha256) == ("p01", str(file), PIN)
    assert (shown.image.change, shown.passage, shown.truth) == ("", "", {"rain": True})


def test_a_relative_path_is_taken_from_the_root(file: Path) -> None:
    assert picture("p01.png", root=file.parent, sha256=PIN, id="first") == replace(
        picture(file), id="first"
    )


def test_an_image_that_is_missing_or_changed_is_refused(file: Path) -> None:
    with pytest.raises(PictureError, match=r"there is no image .*p02\.png.*exists\)"):
        picture(file.parent / "p02.png")
    with pytest.raises(PictureError, match="does not exist"):
        picture("p01.png", root=file.parent / "nowhere")
    with pytest.raises(PictureError, match=f"has changed: its sha256 is {PIN}, and 0000"):
        picture(file, sha256="0" * 64)
    with pytest.raises(PictureError, match="cannot be read"):
        picture(file.parent)


@pytest.mark.parametrize("pin", ["", "0" * 63, "G" * 64, PIN.upper()])
def test_a_pin_that_is_no_sha256_is_refused(file: Path, pin: str) -> None:
    with pytest.raises(PictureError, match="write 64 hexadecimal digits in lower case"):
        picture(file, sha256=pin)


def test_a_passage_stands_where_an_image_would() -> None:
    shown = passage("It pours.", truth={"rain": True})
    assert (shown.image, shown.passage, len(shown.id)) == (None, "It pours.", 12)
    assert shown.id == passage("It pours.").id != passage("It pours!").id
    with pytest.raises(PromptError, match="a passage is ' '"):
        passage(" ")


@pytest.mark.parametrize(
    ("knobs", "told"),
    [
        ({"truth": {"rain": 1}}, "the truth of 'rain' is 1: write true or false"),
        ({"truth": {"rain": None}}, "leave out what is not known"),
        ({"truth": ["rain"]}, "say of propositions by id"),
        ({"id": " "}, "an id is ' '"),
    ],
)
def test_truths_and_ids_that_say_nothing_are_refused(knobs: Any, told: str) -> None:
    with pytest.raises(ArgumentError, match=told):
        passage("It pours.", **knobs)


def test_a_question_shows_the_image_and_carries_its_polarity(file: Path) -> None:
    shown = picture(file)
    prompt = question_prompt(shown, ASKED.phrasings[1], id="q", proposition="rain")
    assert (prompt.id, prompt.text, prompt.image) == ("q", "Can you rule out rain?", shown.image)
    assert (prompt.polarity, prompt.proposition) == (-1, "rain")
    assert len(prompt.messages) == 1


def test_a_removed_image_leaves_the_very_same_question(file: Path) -> None:
    with_image = question_prompt(picture(file), ASKED.phrasings[0], id="q")
    without = question_prompt(picture(file), ASKED.phrasings[0], id="q", removed=True)
    assert without == replace(with_image, image=None)


def test_a_passage_stands_before_the_question_and_goes_with_it_when_removed() -> None:
    shown = passage("It pours.")
    assert question_prompt(shown, ASKED.phrasings[0], id="q").text == "It pours.\n\nIs there rain?"
    bare = question_prompt(shown, ASKED.phrasings[0], id="q", removed=True)
    assert (bare.text, bare.image) == ("Is there rain?", None)
