"""What is said about mistakes in checks of conversations and in files of prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from suite.mistakes import said_about
from suite.texts import SHORT

if TYPE_CHECKING:
    from pathlib import Path

ALONE = SHORT.replace("ftle", "no_collapse").replace("at_most: 1", "at_most: 0.5")
BRIDGE = SHORT.replace("ftle", "bridge").replace("at_most: 1", "models: ['bundled:a', 'bundled:b']")
BORROWING = SHORT.replace("checks:", "prompts_from: more.yaml\nchecks:")
RAIN = "- id: rain\n  bucket: weather\n  text: Why does it rain?\n"

ONE_MISTAKE = {
    "no limit on collapse": (
        ALONE.replace("at_most: 0.5", "turns: 8"),
        "6: checks[0]: no limit; write at_most or at_least",
    ),
    "limit on collapse that nothing breaks": (
        ALONE.replace("0.5", "1"),
        "7: checks[0].at_most: must be below 1, not 1",
    ),
    "limit on collapse in percent": (
        ALONE.replace("at_most: 0.5", "at_least: 50"),
        "7: checks[0].at_least: must be at most 1, not 50",
    ),
    "limit on collapse that everything passes": (
        ALONE.replace("at_most: 0.5", "at_least: 0"),
        "7: checks[0].at_least: must be above 0, not 0",
    ),
    "rate that so many turns cannot exceed": (
        ALONE + "    turns: 8\n    of: rate",
        "7: checks[0].at_most: must be below 0.5, not 0.5: of 8 turns 4 can be called collapsed "
        "at most, so everything would pass",
    ),
    "rate that the published turns cannot exceed": (
        ALONE.replace("0.5", "0.95") + "    of: rate",
        "7: checks[0].at_most: must be below 0.9, not 0.95: of 40 turns 36 can be called collapsed "
        "at most, so everything would pass",
    ),
    "rate that so many turns cannot reach": (
        ALONE.replace("at_most: 0.5", "at_least: 0.3") + "    turns: 5\n    of: rate",
        "7: checks[0].at_least: must be at most 0.2, not 0.3: of 5 turns 1 can be called collapsed "
        "at most, so nothing could pass",
    ),
    "limits that cross": (
        ALONE + "    at_least: 0.6",
        "8: checks[0].at_least: must be below at_most, which is 0.5, not 0.6",
    ),
    "conversation too short to be labeled": (
        ALONE + "    turns: 4",
        "8: checks[0].turns: must be at least 5, not 4: the detector labels turn 5 first",
    ),
    "no conversation": (
        ALONE + "    repeats: 0",
        "8: checks[0].repeats: must be at least 1, not 0",
    ),
    "greedy conversation": (
        ALONE + "    temperature: 0",
        "8: checks[0].temperature: must be above 0, not 0",
    ),
    "more than all probability": (
        ALONE + "    top_p: 1.5",
        "8: checks[0].top_p: must be at most 1, not 1.5",
    ),
    "unknown reading of drift": (
        ALONE + "    drift: match",
        "8: checks[0].drift: unknown value 'match'; did you mean 'matching'? allowed values: "
        "matching, both",
    ),
    "unknown number to judge": (
        ALONE + "    of: rates",
        "8: checks[0].of: unknown value 'rates'; did you mean 'rate'? allowed values: incidence, "
        "rate",
    ),
    "rotation with one twice": (
        ALONE + "    models:\n      - bundled:a\n      - bundled:a",
        "10: checks[0].models[1]: 'bundled:a' is already listed on line 9",
    ),
    "condition of two words": (
        ALONE + "    condition: ALL IN TURN",
        "8: checks[0].condition: an id has no spaces, colons or brackets, because it becomes part "
        "of a test's name",
    ),
    "labels that are not there": (
        ALONE + "    labels: people.csv",
        "8: checks[0].labels: there is no file 'people.csv', seen from the suite's folder; "
        "mend the path",
    ),
    "depth of a turn that is not spoken": (
        ALONE + "    turns: 8\n    depth_turns: [1, 9]",
        "9: checks[0].depth_turns: there is no turn 9: a conversation has 8",
    ),
    "depth of a turn twice": (
        ALONE + "    depth_turns: [5, 5]",
        "8: checks[0].depth_turns: turns must increase, but 5 follows 5",
    ),
    "depth of turn 0": (
        ALONE + "    depth_turns: [0]",
        "8: checks[0].depth_turns[0]: must be at least 1, not 0",
    ),
    "slip in a key of conversations": (
        ALONE + "    repeat: 2",
        "8: checks[0].repeat: unknown key 'repeat'; did you mean 'repeats'? allowed keys: check, "
        "id, expect, seed, at_most, at_least, prompts, turns, repeats, temperature, top_p, "
        "horizon, drift, models, condition, of, ...",
    ),
    "bridge of no model": (
        BRIDGE.partition("    models")[0],
        "6: checks[0].models: missing: Pins of the models, each a condition of its own: it talks "
        "with itself.",
    ),
    "bridge with a limit of another kind": (
        BRIDGE + "    at_least: 0.4",
        "8: checks[0].at_least: unknown key 'at_least'; allowed keys: "
        "check, id, expect, seed, prompts, turns, repeats, temperature, top_p, horizon, drift, "
        "models, rotation, tangents, hypotheses, standing, ...",
    ),
    "rotation over one model": (
        BRIDGE.replace(", 'bundled:b'", "") + "    rotation: true",
        "8: checks[0].rotation: one model takes no turns with others; name two or more models, or "
        "remove rotation",
    ),
    "hypothesis that names one column": (
        BRIDGE + "    hypotheses: [lambda1_mean]",
        "8: checks[0].hypotheses[0]: names no two columns; write predictor ~ outcome, as in "
        "lambda1_mean ~ collapse_rate",
    ),
    "slip in a predictor": (
        BRIDGE + "    hypotheses: [lamda1_mean ~ collapse_rate]",
        "8: checks[0].hypotheses[0]: unknown predictor 'lamda1_mean'; did you mean "
        "'lambda1_mean'? allowed predictors: lambda1_mean, layerwise_variance_mean, "
        "profile_slope_mean, lambda1_std, lambda1_cv",
    ),
    "predictor as an outcome": (
        BRIDGE + "    hypotheses: [lambda1_mean ~ lambda1_std]",
        "8: checks[0].hypotheses[0]: unknown outcome 'lambda1_std'; allowed outcomes: "
        "collapse_rate, first_collapse_turn, has_collapse, collapsed_turns",
    ),
    "hypothesis twice": (
        BRIDGE + "    hypotheses: [lambda1_mean~has_collapse, lambda1_mean ~ has_collapse]",
        "8: checks[0].hypotheses: 'lambda1_mean ~ has_collapse' is listed twice; it would be "
        "tested twice",
    ),
    "no hypotheses": (
        BRIDGE + "    hypotheses: []",
        "8: checks[0].hypotheses: an empty list; write at least one entry, or remove the key",
    ),
    "hypothesis that is a number": (
        BRIDGE + "    hypotheses: [7]",
        '8: checks[0].hypotheses[0]: text is meant, not the number 7; quote it: "7"',
    ),
    "hypothesis in a mapping without a standing": (
        BRIDGE + "    hypotheses: [{hypothesis: lambda1_mean ~ has_collapse}]",
        "8: checks[0].hypotheses[0].standing: missing: What an association must turn out as for "
        "the test to pass, to the word; says more than `expect`, and stands instead of it.",
    ),
    "slip in a standing": (
        BRIDGE + "    standing: between models only",
        "8: checks[0].standing: unknown value 'between models only'; did you mean 'between-model "
        "only'? allowed values: supported, between-model only, sign conflict, masked, weak",
    ),
    "standing that is no finding": (
        BRIDGE + "    standing: undecided",
        "8: checks[0].standing: unknown value 'undecided'; allowed values: supported, "
        "between-model only, sign conflict, masked, weak",
    ),
    "standing beside expect": (
        BRIDGE + "    expect: failed\n    standing: weak",
        "9: checks[0].standing: stands beside expect, which says less; remove one of the two",
    ),
    "threshold that nothing reaches": (
        BRIDGE + "    threshold: 1",
        "8: checks[0].threshold: must be below 1, not 1",
    ),
    "unknown censoring": (
        BRIDGE + "    censor: first",
        "8: checks[0].censor: unknown value 'first'; allowed values: after, last, exclude",
    ),
    "plan that is not there": (
        BRIDGE + "    preregistration: plan.yaml",
        "8: checks[0].preregistration: there is no file 'plan.yaml', seen from the suite's folder; "
        "mend the path",
    ),
    "conversations of no prompt": (
        "version: 1\nchecks:\n  - {check: no_collapse, at_most: 0.5}",
        "3: checks[0].check: no_collapse asks a model, and the file has no prompts; write "
        "prompts: with an id and a text each",
    ),
    "prompts from a file that is not there": (
        BORROWING.replace("more.yaml", "none.yaml"),
        "5: prompts_from: there is no file 'none.yaml', seen from the suite's folder; "
        "mend the path",
    ),
    "prompts from a folder": (
        BORROWING.replace("more.yaml", "."),
        "5: prompts_from: there is no file '.', seen from the suite's folder; mend the path",
    ),
    "prompts from nowhere": (
        BORROWING.replace("more.yaml", ""),
        "5: prompts_from: has no value; write one, or remove the key",
    ),
    "prompts from several files": (
        BORROWING.replace("more.yaml", "[more.yaml]"),
        "5: prompts_from: text is meant, not a list",
    ),
    "slip in prompts_from": (
        BORROWING.replace("prompts_from", "prompts_form").replace(
            "  - check: ftle", "  - check: ftle\n    prompts: [rain]"
        ),
        "5: prompts_form: unknown key 'prompts_form'; did you mean 'prompts_from'? allowed keys: "
        "version, title, models, settings, prompts, prompts_from, checks",
    ),
    "id that the other file has": (
        BORROWING.replace("id: dune", "id: rain"),
        "3: prompts[0].id: 'rain' is already an id, in more.yaml on line 1",
    ),
    "prompt that neither file has": (
        BORROWING + "    prompts: [rian]",
        "9: checks[0].prompts[0]: unknown prompt 'rian'; did you mean 'rain'? allowed prompts: "
        "dune, rain",
    ),
    "bucket that is a number": (
        SHORT.replace("checks:", "    bucket: 3\nchecks:"),
        '5: prompts[0].bucket: text is meant, not the number 3; quote it: "3"',
    ),
}


@pytest.mark.parametrize(("content", "said"), ONE_MISTAKE.values(), ids=ONE_MISTAKE.keys())
def test_one_sentence_per_mistake(tmp_path: Path, content: str, said: str) -> None:
    tmp_path.joinpath("more.yaml").write_text(RAIN)
    assert said_about(tmp_path / "s.chaos.yaml", content) == [said]
