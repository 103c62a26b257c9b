"""What a suite file says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_promptchaos.neighborhoods.ledger import Authored
from pytest_promptchaos.records import SMALL_RUNGS, Message, Prompt
from pytest_promptchaos.settings import resolve
from pytest_promptchaos.suite import (
    DepthProfileCheck,
    DriftCheck,
    FtleCheck,
    ResponsiveCheck,
    StableNeighborhoodCheck,
    StableSamplingCheck,
    Suite,
    SuiteSettings,
    SystemCheck,
    WorstNeighborCheck,
)
from pytest_promptchaos.suite.kinds import PromptCheck
from suite.texts import SHORT, SYSTEM, VALID

if TYPE_CHECKING:
    from collections.abc import Callable


def test_prompts_become_the_nouns_of_the_stages(load: Callable[[str], Suite]) -> None:
    dune, capital, _ = (prompt.prompt() for prompt in load(VALID).prompts)
    assert dune == Prompt(
        id="dune",
        text="Recommend a book like Dune.",
        before=(Message(role="system", content="Answer in one line."),),
        bucket="books",
    )
    assert capital.before == (Message(role="assistant", content="Ask me."),)


def test_authored_neighbors_stand_beside_their_prompt(load: Callable[[str], Suite]) -> None:
    dune, capital, _ = load(VALID).prompts
    assert dune.authored() == {
        "paraphrase": (Authored("Answer in a single line.", "generated", "Ann"),),
        "small_semantic": (Authored("Answer in two lines."),),
        "positive_control": (Authored("How do I boil an egg?"),),
    }
    assert set(capital.authored().values()) == {()}


def test_a_text_without_more_is_a_persons_and_unreviewed(load: Callable[[str], Suite]) -> None:
    bare = "    paraphrases: [a, {text: b}, {text: c, origin: generated}]\nchecks:"
    (dune,) = load(SHORT.replace("checks:", bare)).prompts
    assert dune.authored()["paraphrase"] == (
        Authored("a"),
        Authored("b"),
        Authored("c", "generated"),
    )


@pytest.mark.parametrize("target", ["system", "user", "0", "1", "-1", "-2"])
def test_edits_can_be_aimed_at_a_message(load: Callable[[str], Suite], target: str) -> None:
    aimed = f"    system: Be brief.\n    target: {target}\nchecks:"
    (dune,) = load(SHORT.replace("checks:", aimed)).prompts
    assert str(dune.target) == target


def test_beside_a_target_a_paraphrase_is_none_of_the_text(load: Callable[[str], Suite]) -> None:
    aimed = "    system: Be brief.\n    target: system\n    paraphrases: [Recommend a book.]\n"
    (dune,) = load(SHORT.replace("checks:", f"{aimed}checks:")).prompts
    assert dune.paraphrases == (dune.text,)


def test_checks_hold_what_is_written_and_documented_defaults(load: Callable[[str], Suite]) -> None:
    steady, depth, shape, network, *_ = load(VALID).checks
    assert isinstance(steady, StableNeighborhoodCheck)
    assert (steady.metric, steady.at_most, steady.expect) == ("token_edit", 0.15, "failed")
    assert isinstance(depth, FtleCheck)
    assert (depth.at_least, depth.at_most, depth.expect) == (-2, 0.001, "passed")
    assert (depth.tangents, depth.positions, depth.null) == (4, "assistant", 3)
    assert isinstance(shape, DepthProfileCheck)
    assert (shape.variance_at_most, shape.slope_between, shape.no_layer_above) == (
        4,
        (-1, 0.5),
        2.5,
    )
    assert (shape.tangents, shape.positions, shape.null) == (10, "prompt", None)
    assert isinstance(network, SystemCheck)
    assert (network.system, network.radius, network.weights) == ("tanh", 0.9, "tied")
    bare = load(SHORT.replace("ftle", "stable_neighborhood")).checks[0]
    assert isinstance(bare, StableNeighborhoodCheck)
    assert (bare.metric, bare.rungs) == ("semantic", SMALL_RUNGS)
    assert (bare.lengths, bare.extract, bare.branch_cards) == (None, None, None)


def test_checks_of_answers_hold_what_is_written_and_defaults(load: Callable[[str], Suite]) -> None:
    steady, _, _, _, answer, drift, drawn, worst, *_ = load(VALID).checks
    assert isinstance(steady, StableNeighborhoodCheck)
    assert steady.lengths == 8
    assert isinstance(answer, ResponsiveCheck)
    assert (answer.at_least, answer.metric, answer.lengths) == (0.2, "semantic", (16, 64))
    assert (answer.extract, answer.branch_cards) == ("regex:[0-9]+", "replay")
    assert isinstance(drift, DriftCheck)
    assert (drift.models, drift.reference) == (("bundled:a", "bundled:b"), "bundled:b")
    assert (drift.at_most, drift.metric, drift.rungs) == (0.1, "semantic", SMALL_RUNGS)
    assert isinstance(drawn, StableSamplingCheck)
    assert (drawn.at_most, drawn.draws, drawn.temperature, drawn.top_p) == (0.5, 4, 1, 0.9)
    assert isinstance(worst, WorstNeighborCheck)
    assert (worst.at_most, worst.budget, worst.metric) == (0.9, 50, "token_edit")


def test_checks_of_systems_need_no_prompts(load: Callable[[str], Suite]) -> None:
    suite = load(SYSTEM)
    (lorenz,) = suite.checks
    assert isinstance(lorenz, SystemCheck)
    assert (suite.prompts, lorenz.at_least, lorenz.at_most) == ((), 0.886, 0.926)
    assert (lorenz.radius, lorenz.weights) == (None, None)


@pytest.mark.parametrize("limit", ["at_most: 1", "at_least: -1"])
@pytest.mark.parametrize("check", ["ftle", "{check: system, system: henon}"])
def test_one_bound_is_enough(load: Callable[[str], Suite], check: str, limit: str) -> None:
    text = f"- {{check: ftle, {limit}}}" if check == "ftle" else f"- {check[:-1]}, {limit}}}"
    (found,) = load(f"{SHORT.partition('checks')[0]}checks:\n  {text}\n").checks
    assert isinstance(found, FtleCheck | SystemCheck)
    assert {found.at_most, found.at_least} - {None} == {float(limit.split()[1])}


def test_a_check_without_id_is_named_by_kind_and_place(load: Callable[[str], Suite]) -> None:
    assert [check.id for check in load(VALID).checks] == [
        "steady",
        "ftle-2",
        "shape",
        "system-4",
        "responsive-5",
        "drift-6",
        "stable_sampling-7",
        "worst_neighbor-8",
        "no_collapse-9",
        "bridge-10",
        "consistent_answers-11",
        "consistent_answers-12",
        "consistent_answers-13",
    ]


def test_a_check_covers_the_prompts_it_names_or_all(load: Callable[[str], Suite]) -> None:
    suite = load(VALID)
    asking = [check for check in suite.checks if isinstance(check, PromptCheck)]
    named, rest, *_ = ([prompt.id for prompt in suite.prompts_of(check)] for check in asking)
    assert (named, rest) == (["capital"], ["dune", "capital", "rain"])


def test_a_check_lays_its_settings_over_those_of_the_suite(load: Callable[[str], Suite]) -> None:
    suite = load(VALID)
    steady, depth, *_ = (suite.settings_of(check) for check in suite.checks)
    assert (steady.horizon, steady.seed, steady.per_rung, steady.null) == (8, 7, 2, 2)
    assert (depth.horizon, depth.seed, depth.per_rung, depth.null) == (64, 1, 5, 3)


def test_settings_are_options_of_the_run(load: Callable[[str], Suite]) -> None:
    given = load(VALID).settings.model_dump(exclude_none=True)
    resolved = resolve(("suite settings", given))
    assert {key: getattr(resolved, key) for key in given} == given
    assert set(given) == set(SuiteSettings.model_fields)
    assert load(SHORT).settings.model_dump(exclude_none=True) == {}


def test_a_check_knows_its_line(load: Callable[[str], Suite]) -> None:
    suite = load(VALID)
    assert [suite.line_of(check) for check in suite.checks] == [
        33,
        42,
        50,
        55,
        60,
        66,
        70,
        75,
        78,
        88,
        99,
        134,
        138,
    ]


@pytest.mark.parametrize("word", ["No", "yes", "on", "12:30", "2024-01-01", "'1'", "1.2.3"])
def test_words_that_older_yaml_takes_for_values_are_text(
    load: Callable[[str], Suite], word: str
) -> None:
    assert load(SHORT + f"title: {word}").title == word.strip("'")


@pytest.mark.parametrize(
    ("number", "value"), [("1e-3", 0.001), (".5", 0.5), ("-2", -2.0), ("0x10", 16.0), ("007", 7.0)]
)
def test_numbers_in_all_their_spellings(
    load: Callable[[str], Suite], number: str, value: float
) -> None:
    (check,) = load(SHORT.replace("at_most: 1", f"at_most: {number}")).checks
    assert isinstance(check, FtleCheck)
    assert check.at_most == value


def test_anchors_aliases_and_merges_are_written_out(load: Callable[[str], Suite]) -> None:
    suite = load(
        SHORT.replace("- check", "- &first\n    check")
        + "  - <<: *first\n    at_most: 2\n    seed: 3\n"
    )
    assert [check.at_most for check in suite.checks if isinstance(check, FtleCheck)] == [1, 2]


@pytest.mark.parametrize("before", ["", "\ufeff", "# yaml-language-server: $schema=a.json\n"])
@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_lines_are_those_that_an_editor_shows(
    load: Callable[[str], Suite], before: str, line_break: str
) -> None:
    suite = load(
        (before + SHORT.replace("Recommend a book.", "'\u2028-'")).replace("\n", line_break)
    )
    assert suite.line_of(suite.checks[0]) == 6 + before.count("\n")


def test_a_long_file_is_read_to_its_last_line(load: Callable[[str], Suite]) -> None:
    suite = load(SHORT + "  - check: ftle\n    at_most: 2\n" * 500)
    assert suite.line_of(suite.checks[-1]) == 1006
