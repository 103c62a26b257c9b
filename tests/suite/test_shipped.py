"""The suites that ship say what they promise, without a model being asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_promptchaos.suite import DriftCheck, Suite, load_suite

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
