"""The ladder: which neighbors a prompt gets, why a rung stays empty, what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_promptchaos.neighborhoods.ladder import LADDER_VERSION, as_prompt, neighborhood
from pytest_promptchaos.neighborhoods.layout import EDGE_KINDS
from pytest_promptchaos.neighborhoods.unrelated import UNRELATED
from pytest_promptchaos.records import (
    RUNGS,
    SMALL_RUNGS,
    Image,
    Message,
    Neighbor,
    Neighborhood,
    Prompt,
    Rung,
)

DUNE = "Recommend a book like Dune."

PROMPTS = st.one_of(
    st.text().filter(lambda text: bool(text.strip())),
    st.lists(st.sampled_from([*DUNE.split(), *UNRELATED]), min_size=1).map(" ".join),
)


def on_rung(built: Neighborhood, rung: Rung) -> list[Neighbor]:
    return [neighbor for neighbor in built.neighbors if neighbor.rung == rung]


def test_the_neighborhood_of_a_known_prompt() -> None:
    """Pinned: if this has to change, raise ``LADDER_VERSION`` with it."""
    assert LADDER_VERSION == 1
    assert [(n.id, n.rung, n.prompt.text) for n in neighborhood(DUNE).neighbors] == [
        ("2b59fd1bba35", "identical", "Recommend a book like Dune."),
        ("ba47038d7e42", "format", "\n\nRecommend a book like Dune."),
        ("7c84752f1b6e", "format", "Recommend a\n\nbook like Dune."),
        ("21a1f74d5211", "format", "Recommend a\nbook like Dune."),
        ("a09a27b5ab3f", "format", "Recommend a book like Dune.\r\n"),
        ("37d14c48fee4", "punctuation", "Recommend a a book like Dune."),
        ("e7586238ae09", "punctuation", "(Recommend) a book like Dune."),
        ("4873cfebc828", "punctuation", "recommend a book like Dune."),
        ("870961586a38", "punctuation", "Recommend a book like Dune!"),
        ("ff862a400144", "synonym", "Suggest a book like Dune."),
        ("133411d1cf9f", "positive_control", "What is the capital of Australia?"),
        ("b13af407dc62", "positive_control", "Explain why the sky looks blue."),
        ("19944d3a26d1", "positive_control", "Convert 30 degrees Celsius to Fahrenheit."),
        ("ccebbe367ea6", "positive_control", "Give one tip for better sleep."),
    ]


def test_all_seven_rungs() -> None:
    built = neighborhood(
        DUNE,
        paraphrases=["Which book is like Dune?"],
        small_semantic=["Recommend a film like Dune."],
    )
    assert tuple(dict.fromkeys(n.rung for n in built.neighbors)) == RUNGS
    assert built.unavailable == ()
    assert {n.certification for n in built.neighbors} == {"uncertified"}


def test_the_identical_control_is_the_prompt_itself_once() -> None:
    (control,) = on_rung(neighborhood(DUNE), "identical")
    assert (control.prompt.text, control.edit) == (DUNE, "left unchanged")


def test_an_edit_changes_the_text_and_copies_the_rest() -> None:
    center = Prompt(
        id="cxr",
        text="Is there a fracture?",
        before=(Message(role="system", content="Be brief."),),
        image=Image(path="cxr.png", sha256="0" * 64),
        polarity=1,
        proposition="fracture",
    )
    built = neighborhood(center, paraphrases=["Do you see a fracture?"])
    for neighbor in built.neighbors:
        assert (neighbor.prompt.id, neighbor.prompt.before) == ("cxr", center.before)
        assert neighbor.prompt.image == center.image
        same_question = neighbor.rung != "positive_control"
        assert neighbor.prompt.polarity == (1 if same_question else None)
        assert neighbor.prompt.proposition == ("fracture" if same_question else None)


def test_kinds_differ_before_any_comes_twice() -> None:
    built = neighborhood(DUNE, per_rung=12, rungs=["format"])
    assert set(Counter(neighbor.kind for neighbor in built.neighbors).values()) == {1}


@pytest.mark.parametrize("seed", range(20))
def test_half_of_the_layout_edits_survive_a_template_that_strips_edges(seed: int) -> None:
    built = neighborhood(DUNE, seed=seed, rungs=["format"])
    assert sum(neighbor.kind in EDGE_KINDS for neighbor in built.neighbors) == 2


def test_drawing_more_keeps_what_was_drawn() -> None:
    few, many = neighborhood(DUNE, per_rung=2), neighborhood(DUNE, per_rung=6)
    assert set(few.neighbors) < set(many.neighbors)


def test_authored_texts_are_all_taken_and_numbered() -> None:
    texts = [f"Paraphrase number {number}" for number in range(1, 7)]
    drawn = on_rung(neighborhood(DUNE, paraphrases=texts, per_rung=2), "paraphrase")
    assert [n.prompt.text for n in drawn] == texts
    assert drawn[2].edit == "authored paraphrase 3"
    assert {n.origin for n in drawn} == {"authored"}


def test_an_authored_positive_control_comes_first() -> None:
    built = neighborhood(DUNE, positive_control=["Boil an egg."], other_prompts=[as_prompt("No")])
    (control,) = on_rung(built, "positive_control")
    assert (control.prompt.text, control.edit) == ("Boil an egg.", "authored positive control 1")


def test_one_string_is_one_authored_text() -> None:
    built = neighborhood(DUNE, positive_control="Boil an egg.")
    assert [n.prompt.text for n in on_rung(built, "positive_control")] == ["Boil an egg."]


def test_otherwise_another_prompt_is_the_positive_control() -> None:
    others = [
        Prompt(id="film", text="Recommend a film like Dune."),
        Prompt(id="capital", text="What is the capital of France?"),
    ]
    (control,) = on_rung(neighborhood(DUNE, other_prompts=others, per_rung=1), "positive_control")
    assert control.edit == "taken from the prompt 'capital'"
    assert (control.kind, control.origin) == ("other_prompt", "generated")


def test_a_prompt_that_asks_the_same_is_no_positive_control() -> None:
    center = Prompt(id="has", text="Is there a cat?", proposition="cat", polarity=1)
    others = [
        Prompt(id="rule-out", text="Can you rule out a cat?", proposition="cat", polarity=-1),
        Prompt(id="spaced", text="Is  there a cat?"),
    ]
    built = neighborhood(center, other_prompts=others)
    assert {n.kind for n in on_rung(built, "positive_control")} == {"built_in_request"}


@pytest.mark.parametrize("text", UNRELATED)
def test_a_built_in_request_is_never_its_own_positive_control(text: str) -> None:
    controls = [n.prompt.text for n in on_rung(neighborhood(text), "positive_control")]
    assert len(controls) == 4
    assert text not in controls


@pytest.mark.parametrize(
    ("rung", "reason"),
    [
        ("synonym", "no word of this prompt is in the lexicon in a place where a swap is safe"),
        ("paraphrase", "no paraphrase was authored"),
        ("small_semantic", "no small change of meaning was authored"),
    ],
)
def test_a_rung_that_was_asked_for_and_is_empty_says_why(rung: Rung, reason: str) -> None:
    built = neighborhood("Sing!", rungs=[rung])
    assert built.neighbors == ()
    assert built.unavailable == ((rung, reason),)


def test_by_default_nobody_is_told_about_texts_that_nobody_wrote() -> None:
    assert neighborhood("Sing!").unavailable[0][0] == "synonym"
    assert len(neighborhood("Sing!").unavailable) == 1


def test_only_the_rungs_asked_for_are_filled_smallest_first() -> None:
    built = neighborhood(DUNE, rungs=["synonym", "format"], paraphrases=["Name a book."])
    assert list(dict.fromkeys(n.rung for n in built.neighbors)) == ["format", "synonym"]


def test_a_text_becomes_a_prompt_with_a_stable_id() -> None:
    assert as_prompt(DUNE) == Prompt(id="recommend-a-book-like-dune-5011", text=DUNE)
    assert as_prompt(as_prompt(DUNE)) == as_prompt(DUNE)


def test_ids_stay_when_rungs_are_left_out_or_authored_texts_change_places() -> None:
    texts = ["Name a book like Dune.", "Which book is like Dune?", "A book like Dune, please."]
    forward = neighborhood(DUNE, paraphrases=texts)
    backward = neighborhood(DUNE, paraphrases=texts[:0:-1], rungs=["paraphrase", "format"])
    ids = {n.prompt.text: n.id for n in forward.neighbors}
    assert all(ids[n.prompt.text] == n.id for n in backward.neighbors)


def test_the_same_words_on_two_rungs_are_two_neighbors() -> None:
    suggestion = "Suggest a book like Dune."
    built = neighborhood(DUNE, paraphrases=[suggestion])
    assert len({n.id for n in built.neighbors if n.prompt.text == suggestion}) == 2


def test_another_process_with_another_hash_seed_draws_the_same() -> None:
    code = (
        "import json; from pytest_promptchaos.neighborhoods.ladder import neighborhood;"
        f"print(json.dumps([n.id for n in neighborhood({DUNE!r}, seed=7).neighbors]))"
    )
    here = [neighbor.id for neighbor in neighborhood(DUNE, seed=7).neighbors]
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, check=True
        )
        assert json.loads(done.stdout) == here


@given(text=PROMPTS, seed=st.integers(), per_rung=st.integers(1, 9))
@settings(deadline=None)
def test_the_same_seed_gives_the_same_neighborhood(text: str, seed: int, per_rung: int) -> None:
    built = neighborhood(text, seed=seed, per_rung=per_rung)
    assert built == neighborhood(text, seed=seed, per_rung=per_rung)
    assert len({n.id for n in built.neighbors}) == len(built.neighbors)
    assert all(len(on_rung(built, rung)) <= per_rung for rung in SMALL_RUNGS)
    assert all(n.prompt.text != text for n in built.neighbors if n.rung != "identical")
    assert all(n.prompt.text.strip() for n in built.neighbors)
    missing = [rung for rung, _ in built.unavailable]
    assert all(bool(on_rung(built, rung)) != (rung in missing) for rung in SMALL_RUNGS)


@given(text=PROMPTS, order=st.permutations(RUNGS))
@settings(deadline=None)
def test_the_order_in_which_rungs_are_asked_for_changes_nothing(
    text: str, order: list[Rung]
) -> None:
    assert neighborhood(text, rungs=order) == neighborhood(text, rungs=RUNGS)
