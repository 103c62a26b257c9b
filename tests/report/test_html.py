from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_promptchaos.records import Outcome
from pytest_promptchaos.report.diagnosis import next_step
from pytest_promptchaos.report.html import page, write_page
from pytest_promptchaos.report.sidebyside import compared_pairs
from report.conftest import HOSTILE, pairs, record, run_records, verdict
from report.markup import HTML, parsed, section, with_class, words

if TYPE_CHECKING:
    from pathlib import Path
    from xml.etree.ElementTree import Element

    from pytest_promptchaos.records import Record, Verdict


@pytest.fixture(scope="module")
def whole() -> str:
    return page(run_records())


@pytest.fixture(scope="module")
def tree(whole: str) -> Element:
    return parsed(whole)


def undrawn(outcome: Outcome = Outcome.FAILED) -> Verdict:
    """Return a verdict without curves: pictures take most of a page's time."""
    return verdict(outcome, curves=())


# -- a document ------------------------------------------------------------------------------------


def test_the_page_is_strict_html5(tree: Element) -> None:
    ids = [one.get("id") for one in tree.iter() if one.get("id")]
    assert len(ids) == len(set(ids))
    assert {"attention", "others", "edits", "curves", "controls", "environment"} <= set(ids)


def test_the_page_asks_for_nothing_from_outside(tree: Element) -> None:
    tags = {str(one.tag).rpartition("}")[2] for one in tree.iter()}
    assert not tags & {"script", "img", "iframe", "object", "embed", "link", "base", "form", "use"}
    assert all(value.startswith("#") for one in tree.iter() if (value := one.get("href", "#")))
    assert not [name for one in tree.iter() for name in one.attrib if str(name).startswith("on")]
    (style,) = tree.iter(f"{HTML}style")
    assert "url(" not in words(style)
    assert "@import" not in words(style)


def test_the_page_forbids_scripts_and_requests_to_itself(tree: Element) -> None:
    (policy,) = [one for one in tree.iter(f"{HTML}meta") if one.get("http-equiv")]
    assert policy.get("content") == (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )


def test_hostile_output_is_only_text(tree: Element, whole: str) -> None:
    (marked, *_) = [one for one in tree.iter(f"{HTML}mark") if "owned" in words(one)]
    assert "</script><img·src=x·onerror=\"console.error('owned')\">" in words(marked)
    assert "{{·7·*·7·}}" in words(marked)
    assert "\\x00\\x1b[31m·\\u202egnp.exe" in words(marked)
    assert not re.search("[\x00-\x08\x0b-\x1f\u202e\ufffe]", whole)


def test_hostile_text_is_inert_wherever_a_record_holds_text() -> None:
    everywhere = verdict(
        check=HOSTILE,
        id=HOSTILE,
        sentence=HOSTILE,
        explanation=f"{HOSTILE}\n\n{HOSTILE}",
        model=replace(verdict().model, name=HOSTILE, pin=HOSTILE, notes=(HOSTILE,)),
        measurement=replace(verdict().measurement, name=HOSTILE, unit=HOSTILE),
        controls=tuple(replace(one, name=HOSTILE, words=HOSTILE) for one in verdict().controls),
        pairs=tuple(replace(one, kind=HOSTILE, edit=HOSTILE) for one in pairs(1.0)),
        curves=tuple(replace(one, name=HOSTILE, series=HOSTILE) for one in verdict().curves),
        settings={HOSTILE: HOSTILE},
    )
    told = replace(record(everywhere, status="error"), node_id=HOSTILE, message=HOSTILE)
    test_the_page_asks_for_nothing_from_outside(parsed(page([told])))


def test_the_same_records_give_the_same_page(whole: str) -> None:
    assert page(run_records()) == whole


def test_the_file_is_the_page(tmp_path: Path) -> None:
    write_page((), tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page(())


# -- what a reader finds ---------------------------------------------------------------------------


def test_the_head_counts_the_verdicts(tree: Element) -> None:
    (head,) = tree.iter(f"{HTML}h1")
    assert words(head) == "4 of 8 results need attention"
    pills = [words(one) for one in with_class(next(tree.iter(f"{HTML}header")), "span", "pill")]
    assert pills == [
        "1 failed",
        "1 invalid",
        "1 inconclusive",
        "1 expected failure",
        "3 passed",
        "1 test broken off",
    ]


@pytest.mark.parametrize(
    ("records", "head"),
    [
        ((), "No verdicts"),
        ((record(undrawn(Outcome.PASSED), status="passed"),), "The verdict is as expected"),
        (
            (record(*[undrawn(Outcome.PASSED)] * 3, status="passed"),),
            "All 3 verdicts are as expected",
        ),
        ((record(undrawn()),), "1 of 1 result needs attention"),
    ],
)
def test_the_head_agrees_with_its_number(records: tuple[Record, ...], head: str) -> None:
    assert words(next(parsed(page(records)).iter(f"{HTML}h1"))) == head


def test_what_needs_attention_comes_first_and_open(tree: Element) -> None:
    cards = with_class(section(tree, "attention"), "article", "card")
    assert [words(with_class(card, "span", "pill")[0]) for card in cards] == [
        "failed",
        "invalid",
        "inconclusive",
    ]
    folded = with_class(section(tree, "others"), "details", "card")
    assert [words(with_class(card, "span", "pill")[0]) for card in folded] == [
        "expected failure",
        "passed",
        "passed",
        "passed",
    ]


def test_tests_that_broke_off_stand_in_one_table_behind_the_verdicts(tree: Element) -> None:
    attention = section(tree, "attention")
    (table,) = with_class(attention, "table", "broken")
    assert words(attention).endswith(words(table))
    (row,) = list(table.iter(f"{HTML}tr"))[1:]
    assert words(row).startswith("error tests/test_books.py::test_worker worker 'gw1' crashed")
    (full,) = row.iter(f"{HTML}details")
    assert words(full) == "Full text worker 'gw1' crashed Bye"


@pytest.mark.parametrize(
    ("message", "told", "folded"),
    [
        ("ArgumentError: draws is 0", "ArgumentError: draws is 0", 0),
        ("", "nothing was recorded", 0),
        ("x" * 400, "x" * 300, 1),
    ],
)
def test_only_a_message_that_has_more_is_folded(message: str, told: str, folded: int) -> None:
    tree = parsed(page([replace(record(status="failed"), message=message)]))
    (table,) = with_class(tree, "table", "broken")
    assert told in words(table)
    assert len(list(table.iter(f"{HTML}details"))) == folded


def test_a_control_is_told_in_words_alone(card: Element) -> None:
    assert "positive control : a recipe instead of a book is detected" in words(card)


def test_an_invalid_verdict_names_the_control_in_place_of_an_open_diagnosis() -> None:
    failed = replace(verdict().controls[2], state="failed")
    said = undrawn(Outcome.INVALID)
    voided = replace(said, diagnosis="undecided", controls=(failed,))
    (shown,) = with_class(parsed(page([record(voided)])), "article", "card")
    assert not with_class(shown, "span", "chip")
    (told,) = with_class(shown, "p", "diagnosis")
    assert words(told) == "control failed positive control"


def test_verdicts_of_one_name_are_told_by_their_prompts() -> None:
    def searched(prompt: str) -> Verdict:
        return replace(undrawn(), id="worst", settings={"prompts": prompt})

    tree = parsed(page([record(searched("dune"), searched("emma"))]))
    heads = [words(next(card.iter(f"{HTML}h3"))) for card in with_class(tree, "article", "card")]
    assert heads == [
        "stable_neighborhood: worst dune test_dune",
        "stable_neighborhood: worst emma test_dune",
    ]


@pytest.fixture(scope="module")
def card() -> Element:
    (found,) = with_class(parsed(page([record(undrawn())])), "article", "card")
    return found


def test_a_failure_shows_number_neighbor_controls_and_what_to_do(card: Element) -> None:
    seen = words(card)
    assert "semantic distance 0.214" in seen
    assert "95 % interval [0.151, 0.283]" in seen
    assert "Worst neighbor: doubled the space after 'book'" in seen
    assert "held run to run" in seen
    assert "What to do next read the outputs side by side" in seen
    (bar, *_) = with_class(card, "div", "bar")
    assert bar.get("aria-label", "").endswith("interval [0.151, 0.283], limit at most 0.15")


def test_both_first_divergent_tokens_are_marked(card: Element) -> None:
    sides = with_class(with_class(card, "div", "comparison")[1], "div", "side")
    assert [words(next(side.iter(f"{HTML}mark"))) for side in sides] == [".", ","]
    assert [next(side.iter(f"{HTML}mark")).get("title") for side in sides] == [
        "token 6, margin 0.31 logits",
        "token 6, margin 1.20 logits",
    ]


def test_an_erased_neighbor_is_shown_as_not_averaged_in(card: Element) -> None:
    (row,) = with_class(card, "tr", "erased")
    assert words(row) == "added a space at the end format erased by the template: not averaged in"


def test_an_invalid_verdict_shows_its_controls_before_its_outputs(tree: Element) -> None:
    (card,) = with_class(section(tree, "attention"), "article", "invalid")
    seen = words(card)
    assert seen.index("answers everything alike") < seen.index("Worst neighbor")


def test_the_page_says_what_was_not_measured(tree: Element) -> None:
    seen = words(section(tree, "unmeasured"))
    assert "format edit “trailing space” erased by the template" in seen
    assert "control: rung not run small_semantic: no text" in seen


def test_pins_and_environment_are_on_the_page(tree: Element) -> None:
    seen = words(section(tree, "environment"))
    assert "pin bundled:small" in seen
    assert "note cleared repetition_penalty=1.1" in seen
    assert "python 3.11.9" in seen


def test_different_environments_are_both_shown() -> None:
    there = replace(record(undrawn()), environment={"python": "3.13.1"})
    assert "3.11.9; 3.13.1" in page([record(undrawn()), there])


# -- parts -----------------------------------------------------------------------------------------


def test_the_last_paragraph_says_what_to_do() -> None:
    told = "It failed.\n\ncontrols:\n  ok\n\nnext:\n  raise it:\n    pytest -x"
    assert next_step(verdict(explanation=told)) == "raise it:\n  pytest -x"
    assert next_step(verdict(explanation="It failed.")) == ""


def test_only_changed_outputs_are_compared_and_the_worst_comes_first() -> None:
    judged_pairs = verdict(worst="synonym-synonym")
    found = [pair.neighbor_id for pair in compared_pairs(judged_pairs)]
    assert found[0] == "synonym-synonym"
    assert "punctuation-quotes style" not in found
    assert "format-trailing space" not in found
