"""Branch cards, from pairs of a scripted model and of the bundled one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_promptchaos.answer import observe
from pytest_promptchaos.branch_cards import branch_cards, edited_place
from pytest_promptchaos.measure.divergence import divergence
from pytest_promptchaos.models.scripted import ScriptedModel
from pytest_promptchaos.neighborhoods.ladder import neighborhood
from pytest_promptchaos.records import Message, Prompt
from pytest_promptchaos.session import Session
from pytest_promptchaos.settings import Settings
from pytest_promptchaos.verdict.cards import short_form

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_promptchaos.booking import Subject
    from pytest_promptchaos.branch_cards import How
    from pytest_promptchaos.models.language import LanguageModel
    from pytest_promptchaos.records import BranchCard, Neighborhood

ASKED = "Find a quick way home, please."
EDITED = "Find a fast  way home, please.  "


def flips(text: str) -> str:
    """An answer that changes with one word, and only with it."""
    return "Take the train today" if "fast" in text else "Take the bus today"


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return Session(settings=Settings(embedder="none"), root=tmp_path)


def cards(
    session: Session,
    model: Subject,
    built: Neighborhood,
    *,
    how: How = "replay",
    most: int = 3,
    horizon: int = 24,
) -> tuple[BranchCard, ...]:
    observed = [observe(session, model, built, horizon)]
    found = divergence(
        observed,
        metric="token_edit",
        rungs=("paraphrase",),
        min_effective=1,
        embed=None,
        embedder_words="none",
    )
    return branch_cards(session, model, observed, found.pairs, how=how, most=most)


def around(text: str, *edited: str) -> Neighborhood:
    return neighborhood(
        Prompt(id="asked", text=text),
        rungs=("identical", "paraphrase", "positive_control"),
        paraphrases=edited,
        positive_control=("Sing a song.",),
    )


# -- a scripted model -----------------------------------------------------------------------------


def test_the_edit_is_bisected_to_the_part_that_still_flips(session: Session) -> None:
    (card,) = cards(session, ScriptedModel("flips", flips), around(ASKED, EDITED))
    assert (card.prompt_id, card.branch.step) == ("asked", 2)
    assert card.smallest == "replaced 'quick' by 'fast'"
    assert card.smallest_text == "Find a fast way home, please."
    assert card.tried > 0


def test_traces_run_up_to_and_with_the_branch(session: Session) -> None:
    (card,) = cards(session, ScriptedModel("flips", flips), around(ASKED, EDITED))
    assert card.margins_a == card.margins_b == (8.0, 8.0, 8.0)


def test_a_model_without_a_network_gets_a_card_that_says_what_is_missing(session: Session) -> None:
    (card,) = cards(session, ScriptedModel("flips", flips), around(ASKED, EDITED), how="patch")
    assert card.futures == ()
    assert card.js == ()
    assert "no futures: scripted:flips has no network to force a token in" in card.notes
    assert [one.reason for one in card.rescue] == [
        "scripted:flips has no network to force a token in"
    ] * 2


def test_an_edit_in_one_piece_has_no_smaller_part(session: Session) -> None:
    only = ASKED.replace("quick", "fast")
    (card,) = cards(session, ScriptedModel("flips", flips), around(ASKED, only))
    assert (card.smallest, card.smallest_text, card.tried) == ("", "", 0)


def test_an_edit_that_is_needed_as_a_whole_is_said_to_be(session: Session) -> None:
    model = ScriptedModel("both", lambda t: "Go on" if "fast" in t and t.endswith("!") else "No")
    (card,) = cards(session, model, around(ASKED, "Find a fast way home, please!"))
    assert "the whole edit is needed: no part of it parts the outputs" in card.notes
    assert card.smallest_text == "Find a fast way home, please!"


def test_off_gives_no_cards_and_asks_nothing(session: Session) -> None:
    model = ScriptedModel("flips", flips)
    assert cards(session, model, around(ASKED, EDITED), how="off") == ()


def test_only_the_worst_few_are_explained_and_controls_never(session: Session) -> None:
    texts = [f"Find a fast way {place}, please." for place in ("home", "out", "back")]
    built = around(ASKED, *texts)
    model = ScriptedModel("flips", flips)
    assert len(cards(session, model, built, most=2)) == 2
    every = cards(session, model, built, most=99)
    assert len(every) == 3
    assert {card.neighbor_id for card in every} <= {
        n.id for n in built.neighbors if n.rung == "paraphrase"
    }


def test_what_must_not_gate_gets_no_card(session: Session) -> None:
    built = around(ASKED, EDITED)
    unreviewed = tuple(
        replace(n, origin="generated") if n.rung == "paraphrase" else n for n in built.neighbors
    )
    model = ScriptedModel("flips", flips)
    assert cards(session, model, replace(built, neighbors=unreviewed)) == ()


def test_the_message_that_was_edited_is_found() -> None:
    brief = Prompt(id="a", text="Why?", before=(Message(role="system", content="Be brief."),))
    told = replace(brief, before=(Message(role="system", content="Be  brief."),))
    place = edited_place(brief, told)
    assert place is not None
    assert place.text == "Be brief."
    assert edited_place(brief, replace(told, text="Why not?")) is None
    assert edited_place(brief, replace(brief, before=())) is None


# -- the bundled model ----------------------------------------------------------------------------

DUNE = "Recommend a book like Dune."


@pytest.fixture(scope="module")
def patched(tiny_model: LanguageModel, tmp_path_factory: pytest.TempPathFactory) -> BranchCard:
    """A card with everything on it."""
    fresh = Session(settings=Settings(embedder="none"), root=tmp_path_factory.mktemp("patched"))
    (card,) = cards(
        fresh,
        tiny_model,
        around(DUNE, "Recommend a  book like\N{NO-BREAK SPACE}Dune."),
        how="patch",
    )
    return card


def test_a_card_holds_four_futures_of_which_the_free_ones_are_the_runs(
    patched: BranchCard,
) -> None:
    assert [(one.prompt, one.forced) for one in patched.futures] == [
        ("center", False),
        ("neighbor", False),
        ("center", True),
        ("neighbor", True),
    ]
    center, neighbor, *forced = patched.futures
    assert (center.to_a, neighbor.to_b) == (0.0, 0.0)
    assert (center.token, neighbor.token) == (patched.branch.token_a, patched.branch.token_b)
    assert [one.token for one in forced] == [patched.branch.token_b, patched.branch.token_a]


def test_a_card_holds_the_traces_of_margin_and_divergence(patched: BranchCard) -> None:
    length = patched.branch.step + 1
    assert len(patched.margins_a) == len(patched.margins_b) == len(patched.js) == length
    assert patched.margins_a[-1] == patched.branch.margin_a
    assert all(value >= 0 for value in patched.js)


def test_a_card_holds_a_rescue_map_of_each_direction(patched: BranchCard) -> None:
    assert [one.direction for one in patched.rescue] == [
        "center into neighbor",
        "neighbor into center",
    ]
    for one in patched.rescue:
        assert one.reason == ""
        assert len(one.rescue) == 3
        assert max(max(row) for row in one.rescue) > 0.5


def test_its_short_form_names_the_edit_and_the_tokens(patched: BranchCard) -> None:
    text = "\n".join(short_form(patched))
    assert repr(patched.branch.token_a) in text
    assert "forced onto the other token" in text
    assert "patching center into neighbor" in text


def test_a_second_run_measures_nothing(tiny_model: LanguageModel, session: Session) -> None:
    built = around(DUNE, "Recommend a  book like\N{NO-BREAK SPACE}Dune.")
    first = cards(session, tiny_model, built, how="patch")
    before = session.counts.measured
    assert before > 0
    assert cards(session, tiny_model, built, how="patch") == first
    assert session.counts.measured == before
