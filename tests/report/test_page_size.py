"""The page stays small: 3 MB are promised for 10,000 measurements."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pytest_promptchaos.records import Outcome
from pytest_promptchaos.report.html import DETAILS, LARGEST, page
from report.answers import asked, chest, overlay, samples
from report.bridges import bridge_records
from report.conftest import curves, pairs, record, verdict
from report.conversations import CONDITIONS, collapse_records
from report.dynamics import layered
from report.neighborhoods import card, in_depth, rescue_map
from report.scatter import cloud

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_promptchaos.records import Curve, Verdict


def crowd(outcome: Outcome, count: int, text: str) -> Iterator[Verdict]:
    model = pairs(1.0)[1]
    for place in range(count):
        many = tuple(
            replace(
                model,
                prompt_id=f"prompt {place}",
                neighbor_id=f"{place} {n}",
                center_text=text,
                neighbor_text=text,
                output_a=text,
                output_b=text,
                tokens_a=(*model.tokens_a[:5], *text.split(" ")),
                tokens_b=(*model.tokens_b[:6], *text.split(" ")),
            )
            for n in range(50)
        )
        yield verdict(
            outcome,
            id=f"books({place})",
            pairs=many,
            worst=many[0].neighbor_id,
            curves=curves(1.0) if place < 4 else (),
        )


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (Outcome.FAILED, "word " * 300),
        (Outcome.FAILED, '"<&> ' * 300),
        (Outcome.PASSED, "言 葉 " * 300),
    ],
)
def test_ten_thousand_measurements_stay_under_the_size(outcome: Outcome, text: str) -> None:
    verdicts = tuple(crowd(outcome, 200, text))
    assert sum(len(one.pairs) for one in verdicts) == 10_000
    made = page([record(*verdicts)])
    assert len(made.encode()) <= LARGEST < 2_500_000
    assert "characters more" in made
    assert "books(0)" in made
    assert "books(199)" in made


def test_many_deep_models_stay_under_the_size() -> None:
    deep = replace(layered(growths=(0.1, -0.1) * 63), curves=())
    made = page([record(*(replace(deep, id=f"depth({n})") for n in range(200)))])
    assert len(made.encode()) <= LARGEST
    assert "All 126 layers" in made
    assert "depth(199)" in made


def test_many_branch_cards_and_clouds_stay_under_the_size() -> None:
    found = in_depth()
    deep = tuple(f"layer {n}" for n in range(96))
    maps = tuple(replace(rescue_map(), layers=deep, rescue=((0.1234,) * 4,) * 96) for _ in range(2))
    long = tuple(0.001 * n for n in range(500))
    cards = tuple(
        card(pair, rescue=maps, margins_a=long, margins_b=long, js=long) for pair in found.pairs[:4]
    )
    verdicts = [
        in_depth(id=f"books({n})", cards=cards, curves=tuple(crowded(n)) if n < 12 else ())
        for n in range(200)
    ]
    made = page([record(*verdicts)])
    assert len(made.encode()) <= LARGEST
    assert "more branch card" in made
    assert "points are drawn" in made
    assert "books(199)" in made


def test_a_whole_study_of_self_play_stays_under_the_size() -> None:
    records = (*collapse_records(seeds=36, repeats=5, turns=40), *bridge_records())
    assert sum(len(one.timelines) for record in records for one in record.verdicts) == 720
    made = page(records)
    assert len(made.encode()) <= LARGEST
    assert "conversations are drawn" not in made


def test_ten_thousand_answers_with_pictures_stay_under_the_size() -> None:
    picture = chest(0.4, width=128, height=128)
    verdicts = []
    for place in range(100):
        some = tuple(replace(one, id=f"{one.id} {place}") for one in samples(pictures=9))
        seen = tuple(overlay(one, 5, grid=(24, 24), picture=picture) for one in some[:6])
        verdicts.append(asked(found=some, overlays=seen, id=f"answers({place})", curves=()))
    assert sum(len(one.answers) for found in verdicts for one in found.samples) > 10_000
    made = page([record(*verdicts)])
    assert len(made.encode()) <= LARGEST
    assert "more sets of answers in promptchaos-records.json" in made
    assert "more pictures in promptchaos-records.json" in made
    assert "more samples in promptchaos-records.json" in page(
        [record(asked(found=samples(pictures=40)))]
    )


def test_conversations_that_the_page_leaves_out_are_counted() -> None:
    many = len(CONDITIONS) * (DETAILS[0].timelines + 5)
    made = page(collapse_records(seeds=1, repeats=many // len(CONDITIONS), turns=6))
    assert "of 405 conversations are drawn" in made
    assert f"{405 - DETAILS[0].conversations} more conversations" in made


def crowded(place: int) -> Iterator[Curve]:
    for name in ("stability", "dissociation"):
        yield cloud(name, ("x", "y"), place, count=1_000)


def test_layers_that_the_page_leaves_out_are_counted() -> None:
    endless = replace(layered(growths=(0.1,) * (DETAILS[0].lines + 9), null=False), curves=())
    assert "9 more layers in promptchaos-records.json" in page([record(endless)])


def test_what_the_page_leaves_out_is_counted() -> None:
    many = DETAILS[0].folded + DETAILS[0].rows + 7
    small = replace(verdict(Outcome.PASSED), pairs=(), curves=(), controls=())
    made = page([record(*(replace(small, id=f"books({n})") for n in range(many)))])
    assert "7 more verdicts in promptchaos-records.json" in made
