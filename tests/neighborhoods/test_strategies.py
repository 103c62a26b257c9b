"""Drawn neighbors: always edits, and shrinking ends at the smallest that matters."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, find, given, settings

from pytest_promptchaos.errors import ArgumentError, NeighborhoodError
from pytest_promptchaos.neighborhoods.strategies import neighbors
from pytest_promptchaos.records import SMALL_RUNGS, Message, Neighbor, Prompt

if TYPE_CHECKING:
    from collections.abc import Callable

RICE = "What is a quick way to cook rice?"
PATIENT = settings(
    deadline=None, max_examples=4000, database=None, suppress_health_check=list(HealthCheck)
)


def exactly_two(text: str) -> bool:
    return text.endswith("  ") and not text.endswith("   ")


@given(neighbors(RICE))
@settings(deadline=None)
def test_every_neighbor_is_an_edit(neighbor: Neighbor) -> None:
    assert neighbor.prompt.text != RICE
    assert neighbor.rung in SMALL_RUNGS
    assert neighbor.edit


@given(neighbors(RICE, ["format"], most=1))
@settings(deadline=None)
def test_rungs_and_number_are_kept(neighbor: Neighbor) -> None:
    assert neighbor.rung == "format"
    assert neighbor.kind != "composed"
    assert "".join(neighbor.prompt.text.split()) == "".join(RICE.split())


@pytest.mark.parametrize(
    ("fails", "words"),
    [
        (lambda _text: True, "added 1 trailing space"),
        (lambda text: text.endswith("  "), "added 2 trailing spaces"),
        (exactly_two, "added 2 trailing spaces"),
        (lambda text: "fast" in text, "replaced 'quick' by 'fast'"),
        (lambda text: "\n" in text, "added 1 trailing newline"),
        (
            lambda text: "fast" in text and text.endswith(" "),
            "replaced 'quick' by 'fast' and added 1 trailing space",
        ),
    ],
)
def test_shrinking_ends_at_the_planted_edit(fails: Callable[[str], bool], words: str) -> None:
    found = find(neighbors(RICE), lambda n: fails(n.prompt.text), settings=PATIENT)
    assert found.edit == words


def test_a_chosen_message_is_edited() -> None:
    chat = Prompt(id="c", text="Why?", before=(Message(role="system", content=RICE),))
    found = find(neighbors(chat, target="system"), lambda _: True, settings=PATIENT)
    assert found.prompt.before[0].content == RICE + " "
    assert (found.prompt.text, found.target) == ("Why?", "system message")


def test_what_cannot_be_drawn_is_refused() -> None:
    for most in (0, "a", True, 1.5):
        with pytest.raises(ArgumentError, match=f"most is {most!r}: .* whole number of edits"):
            neighbors(RICE, most=most)  # type: ignore[arg-type]
    with pytest.raises(NeighborhoodError, match="did you mean 'format'"):
        neighbors(RICE, ["formt"])  # type: ignore[list-item]
    with pytest.raises(NeighborhoodError, match="cannot be drawn from"):
        neighbors(RICE, ["paraphrase"])
    with pytest.raises(NeighborhoodError, match=r"name some of format, punctuation, synonym$"):
        neighbors(RICE, [])
    with pytest.raises(NeighborhoodError, match="no place for an edit on synonym"):
        neighbors("Zyx?", ["synonym"])


def test_a_users_test_draws_and_shrinks(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from hypothesis import given, settings
        from pytest_promptchaos.neighborhoods.strategies import neighbors

        @given(neighbors("What is a quick way to cook rice?"))
        @settings(max_examples=300, deadline=None, database=None)
        def test_no_line_break(neighbor):
            assert "\\n" not in neighbor.prompt.text, neighbor.edit
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*AssertionError: added 1 trailing newline*"])


def test_the_package_does_not_import_hypothesis() -> None:
    code = (
        "import sys, pytest_promptchaos.search.find, pytest_promptchaos.plugin\n"
        "print('hypothesis' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
