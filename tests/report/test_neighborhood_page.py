"""What the page shows of neighborhoods in depth."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_promptchaos.records import Outcome
from pytest_promptchaos.report.html import DETAILS, page
from report.conftest import HOSTILE, record, verdict
from report.markup import HTML, parsed, section, with_class, words
from report.neighborhoods import branch, card, in_depth, neighborhood_records

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


@pytest.fixture(scope="module")
def whole() -> Element:
    return parsed(page(neighborhood_records()))


@pytest.fixture(scope="module")
def shown() -> Element:
    (found,) = with_class(parsed(page([record(in_depth(curves=()))])), "article", "card")
    return found


@pytest.fixture(scope="module")
def first(shown: Element) -> Element:
    (found,) = with_class(shown, "div", "branchcard")
    return found


def test_the_page_is_strict_html5_and_leads_to_its_ledger(whole: Element) -> None:
    ids = [one.get("id") for one in whole.iter() if one.get("id")]
    assert len(ids) == len(set(ids))
    assert "ledger" in ids
    assert "#ledger" in {one.get("href") for one in whole.iter(f"{HTML}a")}


def test_three_systems_of_one_checkpoint_are_told_apart(whole: Element) -> None:
    (head, *_) = section(whole, "edits").iter(f"{HTML}tr")
    assert words(head) == "Edit tiny-chat float32 tiny-chat bfloat16 tiny-chat float32 int8"


def test_the_seeds_pictures_are_all_there(whole: Element) -> None:
    figures = [words(one) for one in section(whole, "curves").iter(f"{HTML}h3")]
    assert figures == [
        "divergence by horizon: semantic distance",
        "hidden state distance: relative distance",
        "stability against responsiveness: semantic distance of small edits",
        "prompt-end confidence against divergence: semantic distance",
        "margin along the output: top-1 minus top-2 logit",
        "drift against sensitivity: drift from float32",
    ]
    assert "more curve" not in words(section(whole, "curves"))


# -- a verdict -------------------------------------------------------------------------------------


def test_the_diagnosis_stands_beside_the_outcome_with_its_meaning(shown: Element) -> None:
    (chip,) = with_class(shown, "span", "chip")
    assert words(chip) == "sensitive"
    (told,) = with_class(shown, "p", "diagnosis")
    assert words(told) == (
        "diagnosis sensitive : small edits that change no meaning move the answers."
    )


def test_the_head_counts_the_diagnoses(whole: Element) -> None:
    head = words(next(whole.iter(f"{HTML}header")))
    assert "Diagnoses: 1 robust, 1 sensitive, 1 collapsed, 1 scaffold-masked" in head


def test_verdicts_in_a_row_of_a_table_have_their_diagnosis_too() -> None:
    many = [in_depth(id=str(n), pairs=(), cards=(), curves=()) for n in range(DETAILS[0].cards + 1)]
    tree = parsed(page([record(*many)]))
    (table,) = [
        one for one in section(tree, "attention").iter(f"{HTML}table") if "Outcome" in words(one)
    ]
    assert "failed sensitive" in words(table)


def test_the_response_stands_next_to_the_judged_number(shown: Element) -> None:
    seen = words(with_class(shown, "div", "measured")[0])
    assert seen.startswith(
        "semantic distance 0.214 1 - cosine, 0 to 2 responsiveness 0.410 [0.328, 0.451]"
    )


def test_lengths_stand_side_by_side(shown: Element) -> None:
    (table,) = with_class(shown, "table", "lengths")
    assert [words(row) for row in table.iter(f"{HTML}tr")] == [
        "By output length 16 tokens 32 tokens 64 tokens judged",
        "semantic distance 0.080 [0.064, 0.096] n 24 0.140 [0.112, 0.168] n 24 "
        "0.214 [0.151, 0.283] n 6",
        "answer-aligned semantic distance not taken not taken 0.190 [0.152, 0.228] n 24",
    ]


def test_answers_stand_beside_the_outputs(first: Element) -> None:
    answers = [words(one) for one in with_class(first, "p", "answer")]
    assert answers == ["Answer Hyperion", "Answer Solaris another"]


def test_without_answers_no_answer_is_spoken_of() -> None:
    assert not with_class(parsed(page([record(verdict(curves=()))])), "p", "answer")


def test_an_answer_that_was_not_found_is_said_to_be_missing() -> None:
    bare = tuple(replace(one, answer_b=None) for one in in_depth().pairs)
    tree = parsed(page([record(in_depth(pairs=bare, curves=()))]))
    assert words(with_class(tree, "p", "answer")[1]) == "Answer none found another"


def test_a_compared_system_stands_beside_its_reference() -> None:
    settings = {"reference": "tiny float32", "system": "tiny int8", "metric": "semantic"}
    compared = verdict(check="no_drift", curves=(), settings=settings)
    (found,) = with_class(parsed(page([record(compared)])), "article", "card")
    (plain, *_) = with_class(found, "div", "comparison")
    assert words(plain).startswith("Largest drift: ")
    sides = [words(next(one.iter(f"{HTML}h5"))) for one in with_class(plain, "div", "side")]
    assert sides == ["Reference: tiny float32", "System: tiny int8"]


def test_systems_that_answer_alike_are_said_to() -> None:
    alike = tuple(replace(one, branch=None, output_b=one.output_a) for one in in_depth().pairs)
    compared = verdict(Outcome.PASSED, check="no_drift", curves=(), pairs=alike)
    assert "Both systems answer every text alike." in page([record(compared, status="passed")])


def test_a_distance_at_a_length_is_named_in_words() -> None:
    (pair,) = in_depth().pairs[:1]
    read = replace(pair, distances={"semantic": 0.3, "semantic@64": 0.2})
    tree = parsed(page([record(verdict(pairs=(read,), curves=()))]))
    seen = words(with_class(tree, "p", "distances")[0])
    assert seen == "semantic distance 0.300 semantic distance at 64 tokens 0.200"


def test_a_twin_and_a_draft_are_shown_as_not_judged(shown: Element) -> None:
    seen = words(shown)
    assert "the same for the model as another neighbor: not averaged in" in seen
    assert "asked what else to read unreviewed: not judged user message 1 of 2" in seen


def test_outputs_without_a_recorded_branch_are_still_compared() -> None:
    drawn = replace(in_depth().pairs[0], branch=None, answer_a=None, answer_b=None)
    bare = replace(drawn, tokens_a=(), tokens_b=(), output_a="A cat.", output_b="A car.")
    tree = parsed(page([record(verdict(pairs=(drawn, bare), curves=()))]))
    (table,) = [one for one in tree.iter(f"{HTML}table") if "First difference" in words(one)]
    last = [words(row).split()[-2:] for row in table.iter(f"{HTML}tr")]
    assert last == [["First", "difference"], ["token", "6"], ["character", "5"]]


# -- branch cards ----------------------------------------------------------------------------------


def test_the_first_card_is_open_and_the_others_fold(shown: Element, first: Element) -> None:
    assert words(first).startswith(
        "Why the outputs part: doubled the space after 'book' prompt dune"
    )
    folded = with_class(shown, "details", "branchcard")
    assert len(folded) == 2
    assert not [one for one in folded if one.get("open") is not None]


def test_a_card_takes_the_place_of_the_plain_comparison(shown: Element) -> None:
    assert "Worst neighbor" not in words(shown)
    assert "2 more neighbors side by side" not in words(shown)
    assert "3 more neighbors side by side" in words(shown)


def test_a_card_tells_edit_branch_kinds_and_lead(first: Element) -> None:
    seen = words(first)
    assert "The smallest part of the edit that still parts them: doubled one space " in seen
    assert "(3 parts tried) Recommend a book··like Dune." in seen
    assert "low margin at least one of the choices was close: a small push decides it" in seen
    assert "apart from token 3 on, 3 tokens before it showed. The outputs stay apart." in seen


def test_an_edit_that_has_no_smaller_part_says_so() -> None:
    found = in_depth(curves=())
    whole_edit = card(found.pairs[0], smallest=found.pairs[0].edit)
    seen = words(parsed(page([record(replace(found, cards=(whole_edit,)))])))
    assert "No smaller part of the edit parts them (3 parts tried) ." in seen


def test_a_card_lists_what_could_have_come_next(first: Element) -> None:
    lists = [words(one) for one in with_class(first, "table", "candidates")]
    assert lists == [
        "Center Logit . the center's 9.400 , the neighbor's 9.090 ·and 6.200 ! 3.100",
        "Neighbor Logit , the neighbor's 10.100 . the center's 8.900 ·who 7.700 ·and 5",
    ]


def test_a_card_shows_the_four_futures_and_what_they_say(first: Element) -> None:
    (table,) = with_class(first, "table", "futures")
    rows = list(table.iter(f"{HTML}tr"))
    assert words(rows[3]) == (
        "center , forced Try Hyperion by Dan Simmons , which has depth, then more.<end> 0.620 "
        "0.050 goes on as the other output"
    )
    assert [words(next(row.iter(f"{HTML}mark"))) for row in rows[1:]] == [".", ",", ",", "."]
    assert "The token decides" in words(first)


def test_a_card_outlines_the_cells_that_beat_the_null(first: Element) -> None:
    (table,) = with_class(first, "table", "map")
    outlined = [words(one) for one in with_class(table, "td", "beats")]
    assert outlined == ["0.36", "0.91", "0.40", "0.36"]
    assert "4 of 32 cells are above 0.210, the 95 % quantile" in words(first)
    assert "No map: the center's margin at the branch is 0.02 logits" in words(first)


def test_notes_of_a_card_are_told(first: Element) -> None:
    assert words(first).endswith("the edit was cut into 3 parts; 2 of them change nothing")


def test_cards_that_do_not_fit_are_counted() -> None:
    found = in_depth(curves=())
    many = tuple(card(found.pairs[0], neighbor_id=str(n)) for n in range(DETAILS[0].branches + 3))
    tree = parsed(page([record(replace(found, cards=many))]))
    assert "3 more branch cards in promptchaos-records.json" in words(section(tree, "attention"))


def test_the_worst_neighbor_is_shown_even_where_only_others_have_a_card() -> None:
    found = in_depth(curves=())
    seen = words(parsed(page([record(replace(found, cards=found.cards[1:]))])))
    assert seen.index("Worst neighbor: doubled the space") < seen.index("Why the outputs part")


def test_hostile_text_in_a_card_is_only_text() -> None:
    found = in_depth(curves=())
    hostile = card(
        found.pairs[0],
        edit=HOSTILE,
        prompt_id=HOSTILE,
        branch=branch(token_a=HOSTILE, token_b=HOSTILE),
        smallest=HOSTILE,
        smallest_text=HOSTILE,
        futures=tuple(
            replace(one, token=HOSTILE, tokens=(HOSTILE,) * 9) for one in found.cards[0].futures
        ),
        rescue=tuple(
            replace(one, reason=HOSTILE, places=(HOSTILE,) * 4, layers=(HOSTILE,) * 8)
            for one in found.cards[0].rescue
        ),
        notes=(HOSTILE,),
    )
    tree = parsed(page([record(replace(found, cards=(hostile,)))]))
    tags = {str(one.tag).rpartition("}")[2] for one in tree.iter()}
    assert not tags & {"script", "img", "link", "iframe"}


# -- the ledger ------------------------------------------------------------------------------------


def test_the_ledger_counts_by_model_and_rung_and_lists_every_edit(whole: Element) -> None:
    counts, entries = section(whole, "ledger").iter(f"{HTML}table")
    rows = [words(row) for row in counts.iter(f"{HTML}tr")]
    assert rows[1:3] == ["tiny-chat bfloat16", "format 5 3 1 1"]
    assert len(list(entries.iter(f"{HTML}tr"))) == 1 + 11
    assert "asked in other words paraphrase authored effective R. Reader yes 07c407c407c4" in (
        words(entries)
    )


def test_edits_that_the_ledger_leaves_out_are_counted() -> None:
    (one, *_) = in_depth().pairs
    count = DETAILS[0].ledger + 5
    many = tuple(replace(one, neighbor_id=str(n)) for n in range(count))
    seen = words(section(parsed(page([record(verdict(Outcome.PASSED, pairs=many))])), "ledger"))
    assert f"{DETAILS[0].ledger} of {count} edited prompts" in seen
    assert "5 more edited prompts in promptchaos-records.json" in seen
