"""Answers on the page: what a reader finds, and where."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_promptchaos.records import Outcome
from pytest_promptchaos.report.html import DETAILS, page
from report.answers import answer_records, asked, overlay, sample, samples
from report.conftest import HOSTILE, record, verdict
from report.markup import HTML, parsed, section, with_class, words

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element


@pytest.fixture(scope="module")
def tree() -> Element:
    return parsed(page(answer_records()))


def rows_of(table: Element) -> list[str]:
    return [words(row) for row in table.iter(f"{HTML}tr")]


def heads(tree: Element, level: int) -> list[str]:
    return [words(one) for one in section(tree, "answers").iter(f"{HTML}h{level}")]


def test_answers_follow_the_verdicts_and_are_linked(tree: Element) -> None:
    found = [one.get("id") for one in tree.iter(f"{HTML}section")]
    assert found[:3] == ["attention", "others", "answers"]
    assert "#curves" not in {one.get("href") for one in tree.iter(f"{HTML}a")}
    cards = with_class(section(tree, "attention"), "article", "card")
    assert all("#answers" in {one.get("href") for one in card.iter(f"{HTML}a")} for card in cards)


def test_a_page_without_answers_has_none_of_it() -> None:
    made = parsed(page([record(verdict(curves=()))]))
    assert "answers" not in {one.get("id") for one in made.iter()}
    assert "#answers" not in {one.get("href") for one in made.iter(f"{HTML}a")}


def test_a_failure_shows_two_contradicting_phrasings_side_by_side(tree: Element) -> None:
    cards = with_class(section(tree, "attention"), "article", "card")
    blind, sees, _ = cards
    assert not with_class(blind, "div", "sides")
    (sides,) = with_class(sees, "div", "sides")
    first, other = with_class(sides, "div", "side")
    assert "presence, yes affirms Is there pleural effusion?" in words(first)
    assert "yes , affirms margin +4.04" in words(first)
    assert "Is the image free of pleural effusion? yes , denies margin +5.00" in words(other)
    assert words(other).endswith("flips")


def test_models_stand_side_by_side_with_what_every_number_means(tree: Element) -> None:
    table, more = with_class(section(tree, "answers"), "table", "sticky")
    head, ideal, *others = rows_of(table)
    assert head == "Measurement tiny-blind 24 samples tiny-xray 24 samples"
    assert ideal.startswith("ideal share samples whose phrasings agree and whose answer rests on")
    assert ideal.count("[") == 2
    assert others[-1].endswith("not measured: no pair of phrasings flips")
    assert [row.split(" 0.")[0] for row in rows_of(more)[1:]] == [
        "growth in the projector tiny-blind"
    ]


def test_four_quadrants_say_what_they_mean(tree: Element) -> None:
    blind, sees = with_class(section(tree, "answers"), "table", "quadrants")
    (dangerous,) = with_class(blind, "td", "dangerous")
    assert words(dangerous).startswith(
        "Dangerous 24 of 24 share 1 [0.948, 1] the answer, or its very word, stays"
    )
    assert rows_of(sees)[1].startswith("All phrasings agree Ideal 12 of 24 share 0.500 [")
    assert rows_of(sees)[2].startswith("They do not all agree Fragile 12 of 24")
    assert "2 propositions about 12 images" in words(sees)
    assert "changes when something else is shown" in words(sees)


def test_flips_by_kind_of_phrasing_have_intervals_on_one_bar(tree: Element) -> None:
    _, table = with_class(section(tree, "answers"), "table", "by-kind")
    seen = rows_of(table)
    assert seen[1].startswith("free yes denies Is the image free of cardiomegaly? 0.333 [0.160,")
    assert seen[1].endswith("flipped 8 of 24")
    assert seen[4].endswith("flipped 0 of 24 1 unclear")
    assert seen[-1].endswith("the first phrasing, which the others are held against")
    assert len(with_class(table, "i", "reach")) == len(with_class(table, "i", "point")) == 5


def test_both_phrasings_are_drawn_with_what_was_said(tree: Element) -> None:
    overlays = with_class(section(tree, "answers"), "figure", "overlay")
    assert len(overlays) == 3
    seen = words(overlays[0])
    assert "flips" in seen
    assert "Is there cardiomegaly?" in seen
    assert "Can you rule out cardiomegaly?" in seen
    assert "cosine 0.961 (1: alike)" in seen
    assert "attention from the token that answers, mean over 4 heads of 3 layers" in seen
    assert "spread evenly it would be 0.028" in seen
    for one in overlays:
        assert len([each for each in one.iter() if each.get("role") == "img"]) == 2


def test_answers_are_marked_and_only_the_worst_sample_is_open(tree: Element) -> None:
    found = with_class(section(tree, "answers"), "details", "sample")
    assert len(found) == 2 * 24
    worst = found[24]
    assert worst.get("open") is not None
    assert found[25].get("open") is None
    flipping = with_class(worst, "tr", "flips")
    assert len(flipping) == 2
    assert all("flips" in words(row) and "wrong" in words(row) for row in flipping)
    assert "“" in words(worst)
    assert "begins with" in words(worst)
    assert "With another one shown: 0 of 2 answers as before" in words(worst)


def test_curves_of_answers_stand_with_how_they_are_read(tree: Element) -> None:
    assert heads(tree, 3) == [
        "tiny-blind",
        "tiny-xray",
        "spectral scaling: share",
        "divergence of two phrasings: relative distance (band: 95 %)",
    ]
    seen = words(section(tree, "answers"))
    assert "A flip rate that falls together with the accuracy is no repair." in seen
    for place in ("0, vision tower", "8, projector", "9, language"):
        assert place in seen


def test_samples_without_a_quadrant_are_counted_with_their_reason() -> None:
    lost = replace(samples()[0], quadrant=None, reason="no usable swap")
    made = parsed(page([record(asked(found=(lost, *samples()[1:])))]))
    assert "1 sample without a quadrant: no usable swap." in words(section(made, "answers"))
    assert "no usable swap" in words(section(made, "unmeasured"))


def test_what_the_page_leaves_out_is_counted() -> None:
    many = samples(pictures=DETAILS[0].samples)
    seen = tuple(overlay(one, 5) for one in many[: DETAILS[0].overlays + 2])
    made = words(section(parsed(page([record(asked(found=many, overlays=seen))])), "answers"))
    assert f"{DETAILS[0].samples} more samples in promptchaos-records.json" in made
    assert "2 more pictures in promptchaos-records.json" in made


def test_hostile_answers_are_only_text() -> None:
    one = sample(2, "cardiomegaly", (5,), sees=True)
    said = tuple(
        replace(each, question=HOSTILE, kind=HOSTILE, text=HOSTILE, rule=HOSTILE, change=HOSTILE)
        for each in one.answers
    )
    loud = replace(one, shown=HOSTILE, proposition=HOSTILE, answers=said)
    over = replace(overlay(loud, 5), picture=HOSTILE, provenance=HOSTILE, similarity={HOSTILE: 0.5})
    found = asked(Outcome.FAILED, found=(loud,), overlays=(over,), settings={"reliance": HOSTILE})
    made = parsed(page([record(found)]))
    tags = {str(each.tag).rpartition("}")[2] for each in made.iter()}
    assert not tags & {"script", "img", "image", "iframe", "object", "embed", "form"}
    assert "</script><img src=x onerror=" in words(section(made, "answers"))
