"""Prompts as users give them: whose texts they are, which message is edited, what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_promptchaos.errors import NeighborhoodError
from pytest_promptchaos.neighborhoods.ladder import neighborhood
from pytest_promptchaos.neighborhoods.ledger import Authored
from pytest_promptchaos.records import Message, Neighborhood, Prompt
from pytest_promptchaos.surround import ladder, neighborhoods_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.surround import Asked

CHAT = Prompt(id="chat", text="Why?", before=(Message(role="system", content="Be brief, please."),))
OTHER = replace(CHAT, id="other", text="Name a book like Dune.")
READY = neighborhood(OTHER)


def surrounded(*asked: Asked, **knobs: Any) -> list[Neighborhood]:
    written: dict[str, Sequence[str]] = dict.fromkeys(
        ("paraphrases", "small_semantic", "positive_control"), ()
    )
    return neighborhoods_of(
        asked, **{"rungs": ["format"], "per_rung": 2, "seed": 0, **written, **knobs}
    )


def test_without_a_target_the_last_message_is_edited() -> None:
    assert {n.target for n in surrounded(CHAT)[0].neighbors} == {""}


def test_a_target_holds_for_every_prompt() -> None:
    for built in surrounded(CHAT, OTHER, target="system"):
        assert {n.target for n in built.neighbors if n.rung == "format"} == {"system message"}


def test_a_prompt_without_the_target_is_named() -> None:
    with pytest.raises(NeighborhoodError, match="prompt 'bare' has no system message"):
        surrounded(CHAT, Prompt(id="bare", text="Why?"), target="system")


def test_texts_with_an_origin_go_with_one_prompt() -> None:
    texts = [Authored("How come?", origin="generated")]
    (built,) = surrounded(CHAT, paraphrases=texts)
    assert [n.gates for n in built.neighbors if n.rung == "paraphrase"] == [False]
    with pytest.raises(NeighborhoodError, match="beside several prompts"):
        surrounded(CHAT, OTHER, paraphrases=texts)


def test_texts_and_targets_have_no_place_beside_a_ready_made_neighborhood() -> None:
    with pytest.raises(NeighborhoodError, match="a ready-made neighborhood, so it is unclear"):
        surrounded(READY, paraphrases=["How come?"])
    with pytest.raises(NeighborhoodError, match="target is 0 beside a ready-made neighborhood"):
        surrounded(CHAT, READY, target=0)


def test_what_is_no_text_is_refused_by_name() -> None:
    with pytest.raises(NeighborhoodError, match="the paraphrase texts are 5: pass a list"):
        surrounded(CHAT, paraphrases=5)


def test_an_empty_ladder_and_a_bare_name_are_refused() -> None:
    with pytest.raises(NeighborhoodError, match="rungs is empty"):
        ladder([], (), ())
    with pytest.raises(NeighborhoodError, match="rungs is 'format': pass a list"):
        ladder("format", (), ())  # type: ignore[arg-type]


def test_a_sound_ready_made_neighborhood_stays_as_it_is() -> None:
    chat = neighborhood(CHAT, target="system", paraphrases=["Answer briefly."])
    assert surrounded(READY, chat) == [READY, chat]


def with_first(on: str, **fields: Any) -> Neighborhood:
    """Return the ready-made neighborhood with one neighbor of a rung changed by hand."""
    first = next(n for n in READY.neighbors if n.rung == on)
    changed = replace(first, **fields)
    return replace(READY, neighbors=tuple(changed if n is first else n for n in READY.neighbors))


@pytest.mark.parametrize(
    ("built", "message"),
    [
        (
            with_first("format", prompt=OTHER),
            "on the rung 'format' is the prompt itself, so it edits nothing",
        ),
        (
            with_first("identical", prompt=replace(OTHER, text="Name a film.")),
            "on the rung 'identical' differs from the prompt, so it is no control",
        ),
        (
            with_first("format", prompt=replace(OTHER, text=" \n")),
            "on the rung 'format' leaves an empty message",
        ),
        (
            with_first(
                "format", prompt=replace(OTHER, before=(Message(role="system", content=""),))
            ),
            "on the rung 'format' leaves an empty message",
        ),
        (with_first("format", rung="formats"), "'formats' stands on none of the rungs"),
        (
            with_first("format", id=READY.neighbors[-1].id),
            "two neighbors with the id .* give each its own",
        ),
    ],
)
def test_a_ready_made_neighbor_that_is_none_is_refused(built: Neighborhood, message: str) -> None:
    with pytest.raises(NeighborhoodError, match=f"prompt 'other'.*{message}"):
        surrounded(built)
