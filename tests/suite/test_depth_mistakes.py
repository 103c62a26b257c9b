"""What is said about mistakes in checks of depth and of systems: the exact line and sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest

from pytest_promptchaos.suite.kinds import PromptCheck
from pytest_promptchaos.suite.rules import ASKS_A_MODEL
from suite.mistakes import said_about
from suite.texts import SHORT

if TYPE_CHECKING:
    from pathlib import Path

SYSTEM = """version: 1
checks:
  - check: system
    system: lorenz
    at_most: 0.926
"""
PROFILE = SHORT.replace("ftle", "depth_profile").replace("at_most: 1", "slope_between: [0, 1]")

ONE_MISTAKE = {
    "no limit for a neighborhood": (
        SHORT.replace("ftle", "stable_neighborhood").replace("at_most", "seed"),
        "6: checks[0].at_most: missing: Limit on the mean distance between answers: semantic 0 to "
        "2, token edit and answer 0 to 1.",
    ),
    "no limit on a profile": (
        SHORT.replace("ftle", "depth_profile").replace("at_most", "seed"),
        "6: checks[0]: no limit; write variance_at_most or slope_between or no_layer_above",
    ),
    "no limit for a system": (
        SYSTEM.replace("at_most: 0.926", "seed: 1"),
        "3: checks[0]: no limit; write at_most or at_least",
    ),
    "limit without a value": (
        SHORT.replace("at_most: 1", "at_most:"),
        "7: checks[0].at_most: has no value; write one, or remove the key",
    ),
    "bounds between which nothing lies": (
        SHORT + "    at_least: 1",
        "8: checks[0].at_least: must be below at_most, which is 1, not 1",
    ),
    "slopes between which nothing lies": (
        PROFILE.replace("[0, 1]", "[0.5, -0.25]"),
        "7: checks[0].slope_between: two numbers are meant, the lower one first: [low, high], not "
        "[0.5, -0.25]",
    ),
    "one slope": (
        PROFILE.replace("[0, 1]", "[1]"),
        "7: checks[0].slope_between: two numbers are meant, the lower one first: [low, high], not "
        "[1]",
    ),
    "three slopes": (
        PROFILE.replace("[0, 1]", "[1, 2, 3]"),
        "7: checks[0].slope_between: two numbers are meant, the lower one first: [low, high], not "
        "[1, 2, 3]",
    ),
    "slope that is no list": (
        PROFILE.replace("[0, 1]", "0.5"),
        "7: checks[0].slope_between: a list is meant, not the number 0.5",
    ),
    "slope that is no number": (
        PROFILE.replace("[0, 1]", "[low, 1]"),
        "7: checks[0].slope_between[0]: a number is meant, not the text 'low'",
    ),
    "negative variance": (
        PROFILE + "    variance_at_most: -1",
        "8: checks[0].variance_at_most: must be at least 0, not -1",
    ),
    "layer limit not a number": (
        PROFILE + "    no_layer_above: high",
        "8: checks[0].no_layer_above: a number is meant, not the text 'high'",
    ),
    "unknown positions": (
        SHORT + "    positions: asistant",
        "8: checks[0].positions: unknown value 'asistant'; did you mean 'assistant'? allowed "
        "values: prompt, last, assistant",
    ),
    "negative number of initializations": (
        SHORT + "    null: -1",
        "8: checks[0].null: must be at least 0, not -1",
    ),
    "unknown system": (
        SYSTEM.replace("lorenz", "lorentz"),
        "4: checks[0].system: unknown value 'lorentz'; did you mean 'lorenz'? allowed values: "
        "logistic, henon, lorenz, rossler, tanh, tanh_sweep",
    ),
    "no system": (
        SYSTEM.replace("system: lorenz", "seed: 1"),
        "3: checks[0].system: missing: The system that is followed.",
    ),
    "radius of nothing": (
        SYSTEM.replace("lorenz", "tanh") + "    weights: tied\n    radius: 0",
        "7: checks[0].radius: must be above 0, not 0",
    ),
    "radius of another system": (
        SYSTEM + "    radius: 1",
        "6: checks[0].radius: belongs to system tanh, not to lorenz; remove it",
    ),
    "weights of a sweep": (
        SYSTEM.replace("lorenz", "tanh_sweep") + "    weights: fresh",
        "6: checks[0].weights: belongs to system tanh, not to tanh_sweep; remove it",
    ),
    "network without weights": (
        SYSTEM.replace("lorenz", "tanh") + "    radius: 0.9",
        "3: checks[0]: system tanh needs radius, a number above 0, and weights, tied or fresh",
    ),
    "radius without a value": (
        SYSTEM.replace("lorenz", "tanh") + "    weights: tied\n    radius:",
        "7: checks[0].radius: has no value; write one, or remove the key",
    ),
    "prompts for a system": (
        SHORT + "  - {check: system, system: henon, at_most: 1, prompts: [dune]}",
        "8: checks[1].prompts: unknown key 'prompts'; allowed keys: check, id, expect, seed, "
        "at_most, at_least, system, radius, weights",
    ),
    "check of a model without prompts": (
        SHORT.replace("prompts:\n  - id: dune\n    text: Recommend a book.\n", ""),
        "3: checks[0].check: ftle asks a model, and the file has no prompts; write prompts: with "
        "an id and a text each",
    ),
    "prompts without a value": (
        SHORT.replace("\n  - id: dune\n    text: Recommend a book.", ""),
        "2: prompts: has no value; write one, or remove the key",
    ),
}


@pytest.mark.parametrize(("content", "said"), ONE_MISTAKE.values(), ids=ONE_MISTAKE.keys())
def test_one_sentence_per_mistake(tmp_path: Path, content: str, said: str) -> None:
    assert said_about(tmp_path / "s.chaos.yaml", content) == [said]


def test_every_check_of_a_model_is_told_that_prompts_are_missing(tmp_path: Path) -> None:
    kinds = [get_args(kind.model_fields["check"].annotation)[0] for kind in get_args(PromptCheck)]
    assert sorted(kinds) == sorted(ASKS_A_MODEL)
    text = "version: 1\nchecks:\n" + "".join(f"  - {{check: {kind}}}\n" for kind in kinds)
    told = said_about(tmp_path / "s.chaos.yaml", text)
    assert sum("asks a model, and the file has no prompts" in line for line in told) == len(kinds)
