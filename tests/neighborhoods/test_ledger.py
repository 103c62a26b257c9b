"""The validity ledger: who wrote a neighbor, who reviewed it, and what may decide a verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.errors import NeighborhoodError, PromptError
from pytest_promptchaos.neighborhoods.certify import certify
from pytest_promptchaos.neighborhoods.ladder import neighborhood
from pytest_promptchaos.neighborhoods.ledger import Authored, counts, ledger, ledger_hash
from pytest_promptchaos.records import Message, Neighborhood, Prompt

CENTER = Prompt(id="dune", text="Recommend a book.")
BY_HAND = Authored("Which book do you recommend?", reviewer="Ada")
UNREAD = Authored("Tell me of a good read.", origin="generated")
READ = Authored("What should I read?", origin="generated", reviewer="Ada")


def built(**more: Any) -> Neighborhood:
    return neighborhood(CENTER, paraphrases=["Name a book.", BY_HAND, UNREAD, READ], **more)


def render(prompt: Prompt) -> list[int]:
    return list(prompt.text.strip().encode())


def test_an_authored_text_carries_its_origin_and_its_reviewer() -> None:
    texts = [n for n in built().neighbors if n.rung == "paraphrase"]
    assert [(n.edit, n.origin, n.reviewer, n.gates) for n in texts] == [
        ("authored paraphrase 1", "authored", "", True),
        ("authored paraphrase 2", "authored", "Ada", True),
        ("generated paraphrase 3", "generated", "", False),
        ("generated paraphrase 4", "generated", "Ada", True),
    ]


def test_an_unreviewed_generated_text_is_certified_and_listed_and_never_gates() -> None:
    entries = ledger([certify(built(), render)])
    (entry,) = [entry for entry in entries if not entry.gates]
    assert (entry.rung, entry.origin, entry.reviewer) == ("paraphrase", "generated", "")
    assert entry.certification == "effective"
    texts = {n.id: n.prompt.text for n in built().neighbors}
    assert texts[entry.neighbor_id] == UNREAD.text


def test_what_was_reviewed_keeps_the_id_it_had_before() -> None:
    before = neighborhood(CENTER, paraphrases=[UNREAD])
    after = neighborhood(CENTER, paraphrases=[replace(UNREAD, reviewer="Ada")])
    assert [n.id for n in before.neighbors] == [n.id for n in after.neighbors]


def test_all_authored_rungs_take_texts_with_an_origin() -> None:
    made = neighborhood(
        CENTER,
        rungs=["small_semantic", "positive_control"],
        small_semantic=Authored("Recommend a film.", origin="generated"),  # type: ignore[arg-type]
        positive_control=[Authored("Boil an egg.", reviewer="Ada")],
    )
    assert [(n.edit, n.reviewer, n.gates) for n in made.neighbors] == [
        ("generated small semantic 1", "", False),
        ("authored positive control 1", "Ada", True),
    ]


def test_a_text_that_only_shows_never_takes_the_place_of_one_that_gates() -> None:
    padded = Authored(" " + READ.text, origin="generated")
    for spaces in range(4):
        gating = replace(READ, text=READ.text + " " * spaces)
        certified = certify(neighborhood(CENTER, paraphrases=[padded, gating]), render)
        found = {n.gates: n.certification for n in certified.neighbors if n.rung == "paraphrase"}
        assert found == {True: "effective", False: "duplicate"}


def test_nor_does_it_on_a_smaller_rung() -> None:
    certified = certify(
        neighborhood(
            CENTER,
            paraphrases=[Authored(" Recommend a film.", origin="generated")],
            small_semantic=["Recommend a film."],
        ),
        render,
    )
    found = {n.rung: n.certification for n in certified.neighbors}
    assert (found["paraphrase"], found["small_semantic"]) == ("duplicate", "effective")


def test_the_ledger_has_a_line_for_every_neighbor() -> None:
    certified = certify(built(), render)
    entries = {entry.neighbor_id: entry for entry in ledger([certified])}
    assert len(entries) == len(certified.neighbors)
    for neighbor in certified.neighbors:
        entry = entries[neighbor.id]
        assert (entry.prompt_id, entry.rung, entry.kind) == ("dune", neighbor.rung, neighbor.kind)
        assert (entry.origin, entry.reviewer) == (neighbor.origin, neighbor.reviewer)
        assert (entry.certification, entry.sha256) == (neighbor.certification, neighbor.sha256)
        assert (entry.gates, entry.target) == (neighbor.gates, neighbor.target)


def test_a_line_names_the_message_that_was_edited() -> None:
    chat = Prompt(
        id="c", text="Why?", before=(Message(role="system", content="Be brief, please."),)
    )
    entries = ledger([neighborhood(chat, target="system")])
    assert {(entry.rung, entry.target) for entry in entries} >= {
        ("identical", ""),
        ("format", "system message"),
        ("positive_control", ""),
    }


def test_lines_are_counted_by_rung_origin_and_whether_they_gate() -> None:
    assert counts(ledger([built(per_rung=2)])) == {
        ("identical", "mechanical", True): 1,
        ("format", "mechanical", True): 2,
        ("punctuation", "mechanical", True): 2,
        ("synonym", "lexicon", True): 1,
        ("paraphrase", "authored", True): 2,
        ("paraphrase", "generated", False): 1,
        ("paraphrase", "generated", True): 1,
        ("positive_control", "generated", True): 2,
    }


def test_a_neighbor_listed_twice_has_one_line() -> None:
    assert ledger([built(), built()]) == ledger([built()])


def test_an_empty_ledger_is_empty() -> None:
    assert ledger([]) == ()
    assert counts([]) == {}


@given(order=st.permutations(built().neighbors))
@settings(deadline=None)
def test_neither_lines_nor_hash_depend_on_the_order_of_the_neighbors(order: list[Any]) -> None:
    shuffled = ledger([replace(built(), neighbors=tuple(order))])
    assert shuffled == ledger([built()])
    assert ledger_hash(reversed(shuffled)) == ledger_hash(shuffled)


def test_nor_on_the_order_of_the_prompts() -> None:
    other = neighborhood("Name a film.")
    assert ledger([built(), other]) == ledger([other, built()])


FIELDS = {
    "prompt_id": "other",
    "neighbor_id": "0" * 12,
    "rung": "synonym",
    "kind": "other",
    "origin": "generated",
    "certification": "erased",
    "reviewer": "Grace",
    "sha256": "0" * 64,
    "gates": False,
    "target": "system message",
}


@pytest.mark.parametrize("name", FIELDS)
def test_whatever_is_said_of_a_neighbor_is_in_the_hash(name: str) -> None:
    first, *rest = ledger([built()])
    changed: Any = {name: FIELDS[name]}
    assert ledger_hash([replace(first, **changed), *rest]) != ledger_hash([first, *rest])


def test_the_hash_stays() -> None:
    """Pinned: two runs of one suite are told to have used the same texts by it."""
    assert ledger_hash(ledger([built()]))[:16] == "c7b56c2bb94f82c3"


@pytest.mark.parametrize("rung", ["paraphrases", "small_semantic", "positive_control"])
@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([3], r"is 3 \(int\): pass a string or Authored"),
        ([None], r"is None \(NoneType\): pass a string"),
        ([b"Name a book."], r"\(bytes\): pass a string"),
        (5, "texts are 5: pass a list of strings"),
        ({"Name a book."}, "pass a list of strings or of Authored"),
    ],
)
def test_what_is_no_text_is_refused(rung: str, texts: Any, message: str) -> None:
    with pytest.raises(NeighborhoodError, match=message):
        neighborhood(CENTER, **{rung: texts})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"text": 3}, "an Authored text is 3, but it takes a string"),
        ({"origin": "human"}, "has the origin 'human': it takes 'authored'"),
        ({"origin": "mechanical"}, "has the origin 'mechanical'"),
        ({"reviewer": " "}, "has the reviewer ' ': name who read it"),
        ({"reviewer": None}, "has the reviewer None"),
    ],
)
def test_an_authored_text_that_does_not_say_what_it_must_is_refused(
    fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(NeighborhoodError, match=message):
        Authored(**{"text": "Name a book.", **fields})


def test_the_prompt_itself_is_refused_whoever_wrote_it() -> None:
    with pytest.raises(NeighborhoodError, match="is the prompt itself"):
        neighborhood(CENTER, paraphrases=[Authored(CENTER.text, reviewer="Ada")])
    with pytest.raises(PromptError, match="an authored paraphrase text is ''; write what it"):
        neighborhood(CENTER, paraphrases=[Authored("")])


def test_one_text_by_two_writers_is_one_text_too_many() -> None:
    with pytest.raises(NeighborhoodError, match="is given 2 times"):
        neighborhood(CENTER, paraphrases=[READ, READ.text])


def test_a_change_of_white_space_alone_is_an_edit() -> None:
    (one,) = neighborhood(CENTER, rungs=["paraphrase"], paraphrases=[CENTER.text + "\n"]).neighbors
    assert one.prompt.text == CENTER.text + "\n"
