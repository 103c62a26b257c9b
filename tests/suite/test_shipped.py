"""The suites that ship say what they promise, without a model being asked."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from pytest_promptchaos.suite import (
    BridgeCheck,
    ConsistentAnswersCheck,
    DriftCheck,
    NoCollapseCheck,
    Suite,
    load_images,
    load_prompts,
    load_suite,
)

SUITES = sorted((Path(__file__).parents[2] / "suites").glob("*.chaos.yaml"))


@pytest.fixture(scope="module")
def nearby() -> Suite:
    return next(load_suite(path) for path in SUITES if path.name.startswith("nearby_prompts"))


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.name)
def test_a_shipped_suite_has_a_title_and_names_its_checks(path: Path) -> None:
    suite = load_suite(path)
    assert suite.title
    assert not [check.id for check in suite.checks if check.id.startswith(f"{check.check}-")]


def test_every_nearby_prompt_has_its_whole_ladder(nearby: Suite) -> None:
    assert len(nearby.prompts) >= 24
    for prompt in nearby.prompts:
        texts = prompt.authored()
        assert all(texts.values()), prompt.id
        unsigned = [one for one in texts["paraphrase"] if not one.reviewer]
        assert {one.origin for one in unsigned} <= {"generated"}, prompt.id


def test_no_nearby_prompt_asks_what_another_asks(nearby: Suite) -> None:
    texts = [prompt.text for prompt in nearby.prompts]
    for prompt in nearby.prompts:
        texts += [one.text for listed in prompt.authored().values() for one in listed]
    assert len(texts) == len(set(texts))


def test_three_systems_are_compared_at_two_horizons(nearby: Suite) -> None:
    assert nearby.models is not None
    assert len(nearby.models) == 3
    (drift,) = [check for check in nearby.checks if isinstance(check, DriftCheck)]
    assert drift.models == nearby.models
    several = [getattr(check, "horizons", None) for check in nearby.checks]
    assert (16, 64) in several


@pytest.fixture(scope="module")
def dynamics() -> Suite:
    return next(load_suite(path) for path in SUITES if path.name.startswith("depth_dynamics"))


def test_the_study_has_two_prompts_of_each_bucket_of_the_seed_prompts(dynamics: Suite) -> None:
    seeds = load_prompts(SUITES[0].parent / "seed_prompts.yaml")
    buckets = Counter(prompt.bucket for prompt in dynamics.prompts)
    assert buckets == dict.fromkeys({prompt.bucket for prompt in seeds}, 2)


def test_the_study_has_four_families_alone_and_in_turn(dynamics: Suite) -> None:
    trained, every = [check for check in dynamics.checks if isinstance(check, BridgeCheck)]
    named = [one for one in dynamics.checks if isinstance(one, NoCollapseCheck) and one.models]
    alone = {pin for check in named if len(check.models or ()) == 1 for pin in check.models or ()}
    (in_turn,) = [check.models for check in named if len(check.models or ()) > 1]
    assert in_turn == trained.models == dynamics.models
    assert set(every.models) == {*trained.models, *alone}
    assert len(every.models) == 4
    assert trained.rotation
    assert not every.rotation


def test_the_bridge_of_the_study_rests_on_conversations_that_are_judged(dynamics: Suite) -> None:
    talks = {
        (check.turns, check.repeats, check.temperature, check.top_p, check.horizon, check.seed)
        for check in dynamics.checks
        if isinstance(check, BridgeCheck | NoCollapseCheck)
    }
    assert talks == {(20, 2, 0.7, 0.95, None, None)}


@pytest.fixture(scope="module")
def xray() -> dict[str, ConsistentAnswersCheck]:
    suite = next(load_suite(path) for path in SUITES if path.name.startswith("xray_phrasings"))
    checks = [one for one in suite.checks if isinstance(one, ConsistentAnswersCheck)]
    assert len(checks) == len(suite.checks)
    return {check.id: check for check in checks}


def shares() -> dict[str, tuple[str, int]]:
    """Return of every question how often it was trained and its polarity, as listed beside it."""
    listed = json.loads((SUITES[0].parent / "xray" / "phrasings.json").read_text())
    names = [name for several in listed["findings"].values() for name in several]
    return {
        one["text"].replace("{X}", name): (one["share"], one["polarity"])
        for one in listed["phrasings"]
        for name in (*names, *(name.removeprefix("a ") for name in names))
    }


@pytest.mark.parametrize("share", ["common", "rare", "held out"])
def test_every_question_about_a_picture_was_trained_as_often_as_its_check_says(
    share: str, xray: dict[str, ConsistentAnswersCheck]
) -> None:
    known = shares()
    for asked in xray[share.replace(" ", "-")].propositions:
        base, *others = asked.proposition().phrasings
        assert known[base.text] == ("common", base.polarity)
        for one in others:
            assert known[one.text] == (share, one.polarity)


def test_every_finding_is_there_in_half_of_the_pictures(
    xray: dict[str, ConsistentAnswersCheck],
) -> None:
    pictures = load_images(SUITES[0].parent / "xray" / "pictures.json")
    for check in xray.values():
        assert check.images_from == "xray/pictures.json"
        for asked in check.propositions:
            held = [one.truth[asked.proposition().id] for one in pictures]
            assert 8 <= sum(held) <= len(held) - 8


def test_the_pictures_of_depth_and_of_the_intervention_are_asked_for(
    xray: dict[str, ConsistentAnswersCheck],
) -> None:
    held_out = xray["held-out"]
    assert held_out.depth >= 3
    assert held_out.overlays >= 3
    assert held_out.scaling is not None
