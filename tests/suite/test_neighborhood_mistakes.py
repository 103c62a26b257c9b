"""What is said about mistakes in checks of answers and in authored texts: line and sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from suite.mistakes import said_about
from suite.texts import SHORT

if TYPE_CHECKING:
    from pathlib import Path

STEADY = SHORT.replace("ftle", "stable_neighborhood").replace("at_most: 1", "at_most: 0.5")
DRIFT = SHORT.replace("ftle", "drift").replace("1", "0.5", 2).replace("n: 0.5", "n: 1") + (
    "    models:\n      - bundled:a\n      - bundled:b\n"
)


def beside_the_prompt(keys: str) -> str:
    """Return a suite whose prompt, on line 3, has more keys from line 5 on."""
    return SHORT.replace("checks:", f"{keys}\nchecks:")


ONE_MISTAKE = {
    "no limit on responses": (
        STEADY.replace("stable_neighborhood", "responsive").replace("at_most: 0.5", "seed: 1"),
        "6: checks[0].at_least: missing: Limit on the mean distance between answers to requests "
        "that differ in meaning: semantic 0 to 2, token edit and answer 0 to 1.",
    ),
    "limit on responses that everything passes": (
        STEADY.replace("stable_neighborhood", "responsive").replace("at_most: 0.5", "at_least: 0"),
        "7: checks[0].at_least: must be above 0, not 0",
    ),
    "limit on responses that nothing passes": (
        STEADY.replace("stable_neighborhood", "responsive").replace("at_most: 0.5", "at_least: 1.5")
        + "    metric: token_edit",
        "7: checks[0].at_least: must be below 1, not 1.5: a token edit distance is a share",
    ),
    "limit on the worst neighbor that nothing breaks": (
        STEADY.replace("stable_neighborhood", "worst_neighbor").replace("0.5", "1"),
        "7: checks[0].at_most: must be below 1, not 1: a token edit distance is a share",
    ),
    "unknown rung": (
        STEADY + "    rungs: [synonim]",
        "8: checks[0].rungs[0]: unknown value 'synonim'; did you mean 'synonym'? allowed values: "
        "format, punctuation, synonym, paraphrase, small_semantic",
    ),
    "control as a rung": (
        STEADY + "    rungs: [positive_control]",
        "8: checks[0].rungs[0]: unknown value 'positive_control'; allowed values: format, "
        "punctuation, synonym, paraphrase, small_semantic",
    ),
    "empty ladder": (
        STEADY + "    rungs: []",
        "8: checks[0].rungs: an empty list; write at least one entry, or remove the key",
    ),
    "rung listed twice": (
        STEADY + "    rungs:\n      - format\n      - format",
        "10: checks[0].rungs[1]: 'format' is already listed on line 9",
    ),
    "rung that cannot be combined": (
        STEADY.replace("stable_neighborhood", "worst_neighbor") + "    rungs: [paraphrase]",
        "8: checks[0].rungs[0]: unknown value 'paraphrase'; allowed values: format, punctuation, "
        "synonym",
    ),
    "no horizons": (
        STEADY + "    horizons: []",
        "8: checks[0].horizons: an empty list; write at least one entry, or remove the key",
    ),
    "horizons that fall": (
        STEADY + "    horizons: [64, 16]",
        "8: checks[0].horizons: lengths must increase, but 16 follows 64",
    ),
    "horizon listed twice": (
        STEADY + "    horizons: [16, 16]",
        "8: checks[0].horizons: lengths must increase, but 16 follows 16",
    ),
    "horizon of nothing": (
        STEADY + "    horizons: [0, 16]",
        "8: checks[0].horizons[0]: must be at least 1, not 0",
    ),
    "one number as horizons": (
        STEADY + "    horizons: 64",
        "8: checks[0].horizons: a list is meant, not the number 64",
    ),
    "several numbers as horizon": (
        STEADY + "    horizon: [16, 64]",
        "8: checks[0].horizon: a whole number is meant, not a list",
    ),
    "horizon beside horizons": (
        STEADY + "    horizons: [16, 64]\n    horizon: 64",
        "9: checks[0].horizon: stands beside horizons, the longest of which is it; remove one of "
        "the two",
    ),
    "unknown way to explain a flip": (
        STEADY + "    branch_cards: replays",
        "8: checks[0].branch_cards: unknown value 'replays'; did you mean 'replay'? allowed "
        "values: off, replay, patch",
    ),
    "unknown extractor": (
        STEADY + "    extract: numbre",
        "8: checks[0].extract: unknown extractor 'numbre'; did you mean 'number'? allowed "
        "extractors: number, yes_no, first_line, last_line, json, choice, regex:...",
    ),
    "answer that nothing reads": (
        STEADY + "    metric: answer",
        "8: checks[0].metric: compares what is read out of outputs; write extract: with what "
        "reads it",
    ),
    "limit that no share of answers can break": (
        STEADY.replace("0.5", "1") + "    extract: number\n    metric: answer",
        "7: checks[0].at_most: must be below 1, not 1: what an answer metric says is a share",
    ),
    "metric of answers for draws": (
        STEADY.replace("stable_neighborhood", "stable_sampling") + "    metric: answer",
        "8: checks[0].metric: unknown value 'answer'; allowed values: semantic, token_edit",
    ),
    "regex without a pattern": (
        STEADY + "    extract: 'regex:'",
        "8: checks[0].extract: no pattern; write one behind the colon, as in regex:[0-9]+",
    ),
    "pattern that is none": (
        STEADY + "    extract: 'regex:['",
        "8: checks[0].extract: no regular expression: unterminated character set at position 0",
    ),
    "validator without a function": (
        STEADY + "    validate: mypkg.checks",
        "8: checks[0].validate: names no function; write package.module:function",
    ),
    "validator that is a path": (
        STEADY + "    validate: checks/answers.py:right",
        "8: checks[0].validate: names no function; write package.module:function",
    ),
    "validator that is a number": (
        STEADY + "    validate: 7",
        '8: checks[0].validate: text is meant, not the number 7; quote it: "7"',
    ),
    "validator by its role": (
        STEADY + "    validator: checks:right",
        "8: checks[0].validator: unknown key 'validator'; did you mean 'validate'? allowed keys: "
        "check, id, expect, seed, prompts, metric, rungs, horizon, horizons, per_rung, extract, "
        "validate, branch_cards, at_most",
    ),
    "validator of draws": (
        STEADY.replace("stable_neighborhood", "stable_sampling") + "    validate: checks:right",
        "8: checks[0].validate: unknown key 'validate'; allowed keys: check, id, expect, seed, "
        "prompts, at_most, metric, rungs, horizon, per_rung, draws, temperature, top_p",
    ),
    "one draw": (
        STEADY.replace("stable_neighborhood", "stable_sampling") + "    draws: 1",
        "8: checks[0].draws: must be at least 4, not 1",
    ),
    "greedy sampling": (
        STEADY.replace("stable_neighborhood", "stable_sampling") + "    temperature: 0",
        "8: checks[0].temperature: must be above 0, not 0",
    ),
    "more than all probability": (
        STEADY.replace("stable_neighborhood", "stable_sampling") + "    top_p: 1.5",
        "8: checks[0].top_p: must be at most 1, not 1.5",
    ),
    "no budget": (
        STEADY.replace("stable_neighborhood", "worst_neighbor") + "    budget: 0",
        "8: checks[0].budget: must be at least 24, not 0",
    ),
    "budget that its controls use up": (
        beside_the_prompt("    positive_control: ['Why?', 'How?', 'When?']")
        .replace("check: ftle", "check: worst_neighbor")
        .replace("at_most: 1", "at_most: 0.5")
        + "    budget: 25",
        "9: checks[0].budget: must be at least 26, not 25: a prompt has 3 positive controls, and "
        "each is asked",
    ),
    "drift of nothing": (
        DRIFT.partition("    models")[0],
        "6: checks[0].models: missing: Pins of the systems to compare, two or more; one test "
        "covers them all.",
    ),
    "drift of one model": (
        DRIFT.replace("      - bundled:b\n", ""),
        "9: checks[0].models: one model has nothing to drift from; name two or more",
    ),
    "drift of no model": (
        DRIFT.partition("    models")[0] + "    models: []",
        "8: checks[0].models: an empty list; write at least one entry, or remove the key",
    ),
    "pin listed twice": (
        DRIFT.replace("bundled:b", "bundled:a"),
        "10: checks[0].models[1]: 'bundled:a' is already listed on line 9",
    ),
    "reference that is not compared": (
        DRIFT + "    reference: bundled:c",
        "11: checks[0].reference: unknown model 'bundled:c'; did you mean 'bundled:b'? allowed "
        "models: bundled:a, bundled:b",
    ),
    "models of a check that asks one": (
        STEADY + "    models: [bundled:a, bundled:b]",
        "8: checks[0].models: unknown key 'models'; allowed keys: check, id, expect, seed, "
        "prompts, metric, rungs, horizon, horizons, per_rung, extract, validate, branch_cards, "
        "at_most",
    ),
    "reviewer without a name": (
        beside_the_prompt('    paraphrases: [{text: A book., reviewer: ""}]'),
        "5: prompts[0].paraphrases[0].reviewer: empty; write a text",
    ),
    "reviewer who is not there": (
        beside_the_prompt("    paraphrases:\n      - text: A book.\n        reviewer:"),
        "7: prompts[0].paraphrases[0].reviewer: has no value; write one, or remove the key",
    ),
    "origin that is none": (
        beside_the_prompt("    paraphrases: [{text: A book., origin: generate}]"),
        "5: prompts[0].paraphrases[0].origin: unknown value 'generate'; did you mean 'generated'? "
        "allowed values: authored, generated",
    ),
    "key of a text": (
        beside_the_prompt("    paraphrases: [{text: A book., reviewd: Ann}]"),
        "5: prompts[0].paraphrases[0].reviewd: unknown key 'reviewd'; did you mean 'reviewer'? "
        "allowed keys: text, origin, reviewer",
    ),
    "reviewer of nothing": (
        beside_the_prompt("    paraphrases: [{reviewer: Ann}]"),
        "5: prompts[0].paraphrases[0].text: missing: The text, kept to the character.",
    ),
    "empty text": (
        beside_the_prompt("    paraphrases: ['']"),
        "5: prompts[0].paraphrases[0]: empty; write a text",
    ),
    "number for a text": (
        beside_the_prompt("    paraphrases: [{text: 7}]"),
        '5: prompts[0].paraphrases[0].text: text is meant, not the number 7; quote it: "7"',
    ),
    "reviewed neighbor like the prompt": (
        beside_the_prompt("    paraphrases: [{text: Recommend a book., reviewer: Ann}]"),
        "5: prompts[0].paraphrases[0]: is the prompt itself; a neighbor must differ from it",
    ),
    "reviewed neighbor written twice": (
        beside_the_prompt("    paraphrases: [a]\n    small_semantic: [{text: a, reviewer: Ann}]"),
        "6: prompts[0].small_semantic[0]: 'a' is already a neighbor on line 5",
    ),
    "target that is no role": (
        beside_the_prompt("    target: sytem"),
        "5: prompts[0].target: unknown value 'sytem'; did you mean 'system'? allowed values: "
        "system, user, assistant",
    ),
    "target that is not there": (
        beside_the_prompt("    target: system"),
        "5: prompts[0].target: no message of the system in this prompt; it has user",
    ),
    "target past the end": (
        beside_the_prompt("    system: Be brief.\n    target: 2"),
        "6: prompts[0].target: no message 2 in this prompt; the last is 1, counted from 0",
    ),
    "target that is no place": (
        beside_the_prompt("    target: true"),
        "5: prompts[0].target: a whole number is meant, not the boolean true",
    ),
    "fraction of a target": (
        beside_the_prompt("    target: 0.5"),
        "5: prompts[0].target: unknown value '0.5'; allowed values: system, user, assistant",
    ),
}


@pytest.mark.parametrize(("content", "said"), ONE_MISTAKE.values(), ids=ONE_MISTAKE.keys())
def test_one_sentence_per_mistake(tmp_path: Path, content: str, said: str) -> None:
    assert said_about(tmp_path / "s.chaos.yaml", content) == [said]
