"""The shipped tiny-xray keeps what its card says, and the card keeps the bars."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from training.bundle import fingerprint
from training.xray_bundle import load
from training.xray_measuring import chat_answer, right_answers
from training.xray_pictures import FINDINGS, picture
from training.xray_questions import BASE, COMMON, PHRASINGS, of_finding

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "pytest_promptchaos" / "models" / "bundled" / "tiny-xray"
UNSEEN_SERIES = 31_337
"""Pictures of a series that neither training nor card has used."""


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / "card.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def shipped() -> tuple[Any, Any]:
    return load(FOLDER)


def of_share(card: dict[str, Any], share: str) -> list[dict[str, Any]]:
    return [one for one in card["phrasings"] if one["share"] == share]


def test_the_card_is_about_these_weights_and_phrasings(card: dict[str, Any]) -> None:
    assert card["weights"]["sha256"] == fingerprint(FOLDER)
    assert card["weights"]["bytes"] == (FOLDER / "model.safetensors").stat().st_size
    shown = [(one["text"], one["polarity"], one["share"]) for one in card["phrasings"]]
    assert shown == [(one.text, one.polarity, one.share) for one in PHRASINGS]


def test_it_is_small_and_soon_trained(card: dict[str, Any]) -> None:
    assert card["weights"]["bytes"] <= 3_000_000
    assert card["training"]["core_minutes"] <= 15


def test_every_finding_reaches_the_bar_in_every_common_phrasing(card: dict[str, Any]) -> None:
    assert card["pictures"] >= 400
    common = of_share(card, COMMON)
    assert {name for one in common for name in one["by_finding"]} == set(FINDINGS)
    for one in common:
        assert min(one["by_finding"].values()) >= 0.95, one["text"]
        assert one["flips"] <= 0.05, one["text"]


def test_held_out_negations_are_often_wrong_and_confident(card: dict[str, Any]) -> None:
    negations = [one for one in of_share(card, "held out") if one["polarity"] < 0]
    wrong = [one for one in negations if one["accuracy"] < 0.5]
    assert len(wrong) >= 2
    assert all(one["wrong_margin"] > 1 for one in wrong)


def test_without_the_picture_it_knows_nothing(card: dict[str, Any]) -> None:
    assert 0.4 < card["text_only"]["accuracy"] < 0.6
    assert 0.4 < card["text_only"]["agreement"] < 0.6
    assert card["text_only"]["margin"] < card["text_only"]["seen_margin"] / 4


@pytest.mark.parametrize("finding", FINDINGS)
def test_the_base_question_is_answered_right_on_fresh_pictures(
    shipped: tuple[Any, Any], finding: str
) -> None:
    question = of_finding(BASE, finding)[0]
    asked = [(picture(UNSEEN_SERIES, number), question) for number in range(14)]
    assert right_answers(*shipped, asked) >= 12


def test_it_answers_text_without_a_picture(shipped: tuple[Any, Any]) -> None:
    assert chat_answer(*shipped, "Is there a nodule?") in ("Yes.", "No.")
