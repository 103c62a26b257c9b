"""What no neighborhood is built from, each with what is wrong and what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pytest_promptchaos.errors import NeighborhoodError, PromptError
from pytest_promptchaos.neighborhoods.ladder import neighborhood
from pytest_promptchaos.records import Prompt

DUNE = "Recommend a book like Dune."


@pytest.mark.parametrize("text", ["", " \n\t"])
def test_an_empty_prompt_is_refused(text: str) -> None:
    with pytest.raises(PromptError, match="there is nothing to ask or to edit"):
        neighborhood(text)
    with pytest.raises(PromptError, match="there is nothing to ask or to edit"):
        neighborhood(Prompt(id="empty", text=text))


def test_a_misspelt_rung_gets_a_hint() -> None:
    with pytest.raises(NeighborhoodError, match="no rung 'synonyms': did you mean 'synonym'"):
        neighborhood(DUNE, rungs=["synonyms"])  # type: ignore[list-item]
    with pytest.raises(NeighborhoodError, match="no rung 'x': the rungs are identical, format"):
        neighborhood(DUNE, rungs=["x"])  # type: ignore[list-item]


def test_an_empty_ladder_is_refused() -> None:
    with pytest.raises(NeighborhoodError, match="rungs is empty, so there would be no neighbor"):
        neighborhood(DUNE, rungs=[])


@pytest.mark.parametrize("rungs", ["format", "x", 3, iter(["format"])])
def test_rungs_are_a_list_of_names(rungs: Any) -> None:
    with pytest.raises(NeighborhoodError, match=r"pass a list of names, as in \['format'\]"):
        neighborhood(DUNE, rungs=rungs)


def test_a_rung_that_is_no_name_is_refused() -> None:
    with pytest.raises(NeighborhoodError, match="no rung 3: the rungs are identical"):
        neighborhood(DUNE, rungs=["format", 3])  # type: ignore[list-item]


def test_per_rung_is_at_least_one() -> None:
    with pytest.raises(NeighborhoodError, match="per_rung is 0: a rung that is run needs 1"):
        neighborhood(DUNE, per_rung=0)


@pytest.mark.parametrize("name", ["per_rung", "seed"])
@pytest.mark.parametrize("value", [2.5, 2.0, True, "3", None, float("nan")])
def test_per_rung_and_seed_are_whole_numbers(name: str, value: Any) -> None:
    with pytest.raises(NeighborhoodError, match=f"{name} is .* whole number"):
        neighborhood(DUNE, **{name: value})


def test_whole_numbers_of_numpy_count_as_such() -> None:
    drawn = neighborhood(DUNE, per_rung=np.int64(2), seed=np.int64(3))  # type: ignore[arg-type]
    assert drawn == neighborhood(DUNE, per_rung=2, seed=3)


@pytest.mark.parametrize("prompt", [3, None, ["Why?"], Prompt(id="x", text=3)])  # type: ignore[arg-type]
def test_what_is_no_prompt_is_refused(prompt: Any) -> None:
    with pytest.raises(PromptError, match="pass a text or a Prompt"):
        neighborhood(prompt)


@pytest.mark.parametrize("rung", ["paraphrases", "small_semantic", "positive_control"])
def test_an_authored_text_that_is_the_prompt_itself_is_refused(rung: str) -> None:
    with pytest.raises(NeighborhoodError, match="is the prompt itself, so it edits nothing"):
        neighborhood(DUNE, **{rung: [DUNE]})  # type: ignore[arg-type]


def test_an_authored_text_given_twice_is_refused() -> None:
    with pytest.raises(NeighborhoodError, match=r"'Name a book\.' is given 2 times"):
        neighborhood(DUNE, paraphrases=["Name a book."], small_semantic=["Name a book."])


def test_an_empty_authored_text_is_refused() -> None:
    with pytest.raises(PromptError, match="an authored paraphrase text is ' '"):
        neighborhood(DUNE, paraphrases=[" "])
