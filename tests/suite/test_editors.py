"""What editors learn about suites: the JSON Schema refuses what is refused here."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from pytest_promptchaos.errors import SuiteError
from pytest_promptchaos.suite import json_schema
from suite.texts import LINES, SHORT, SYSTEM, VALID

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_promptchaos.suite import Suite

ASKED = (
    "check: consistent_answers, passages: [{text: Shut., id: door}], "
    "propositions: [{finding: a door}]"
)


def test_every_key_is_described_for_editors() -> None:
    schema = json_schema()
    mappings = [schema, *schema["$defs"].values()]
    described = [key for found in mappings for key in found["properties"].items()]
    assert {key for key, _ in described} == {path.rpartition(".")[2] for _, path in LINES}
    assert [key for key, value in described if not value.get("description")] == []


def test_editors_accept_what_is_accepted_here() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(json_schema())
    # Elsewhere than here the key null is nothing, as `No` is false, and 1e-3 a text: YAML 1.1.
    text = VALID.replace(": No", ": 'No'").replace("1e-3", "1")
    for key in ("null", "yes", "no"):
        text = text.replace(f" {key}:", f" '{key}':")
    assert validator.is_valid(yaml.safe_load(text))
    assert not validator.is_valid(yaml.safe_load(VALID))  # `No` without quotes, as of YAML 1.1
    assert validator.is_valid(yaml.safe_load(SYSTEM))


@pytest.mark.parametrize(
    "check",
    [
        "{check: ftle}",
        "{check: system, system: lorenz}",
        "{check: depth_profile, tangents: 3}",
        "{check: depth_profile, slope_between: [1]}",
        "{check: system, system: tanh, at_most: 1, weights: tied, radius: 0}",
        "{check: system, system: tanh, at_most: 1, radius: 1}",
        "{check: system, system: lorenz, at_most: 1, radius: 1}",
        "{check: responsive, at_least: 0}",
        "{check: stable_neighborhood, at_most: 0.5, horizons: []}",
        "{check: stable_neighborhood, at_most: 0.5, horizon: 8, horizons: [8, 16]}",
        "{check: stable_neighborhood, at_most: 0.5, extract: numbre}",
        "{check: stable_neighborhood, at_most: 0.5, metric: answer}",
        "{check: stable_neighborhood, at_most: 0.5, validate: rules}",
        "{check: drift, at_most: 0.5, models: ['bundled:a']}",
        "{check: drift, at_most: 0.5, models: ['bundled:a', 'bundled:a']}",
        "{check: stable_sampling, at_most: 0.5, draws: 1}",
        "{check: worst_neighbor, at_most: 0.5, rungs: [paraphrase]}",
        "{check: no_collapse}",
        "{check: no_collapse, at_most: 1}",
        "{check: no_collapse, at_most: 0.5, turns: 4}",
        "{check: no_collapse, at_most: 0.5, models: []}",
        "{check: no_collapse, at_most: 0.5, depth_turns: [0]}",
        "{check: bridge, models: []}",
        "{check: bridge, models: ['bundled:a'], rotation: true}",
        "{check: bridge, models: ['bundled:a'], hypotheses: [lamda1_mean ~ collapse_rate]}",
        "{check: bridge, models: ['bundled:a'], standing: undecided}",
        "{check: bridge, models: ['bundled:a'], standing: weak, expect: failed}",
        f"{{{ASKED}}}",
        f"{{{ASKED}, flips_at_most: 1}}",
        f"{{{ASKED}, flips_at_most: 0, images_from: list.json}}",
        f"{{{ASKED}, flips_at_most: 0, focus: 'off'}}",
        f"{{{ASKED}, flips_at_most: 0, scaling: {{}}}}",
        f"{{{ASKED}, flips_at_most: 0, scaling: {{layers: all, factors: [0]}}}}",
        f"{{{ASKED}, ideal_at_least: 0}}",
        "{check: consistent_answers, flips_at_most: 0, propositions: [{finding: a door}]}",
    ],
)
def test_editors_refuse_what_is_refused_here(load: Callable[[str], Suite], check: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    text = f"{SHORT}  - {check}"
    validator = jsonschema.Draft202012Validator(json_schema())
    assert not validator.is_valid(yaml.safe_load(text))
    with pytest.raises(SuiteError):
        load(text)


def test_the_schema_is_written_by_a_command() -> None:
    command = [sys.executable, "-m", "pytest_promptchaos.suite"]
    written = subprocess.run(command, capture_output=True, check=True).stdout
    assert json.loads(written) == json_schema()
