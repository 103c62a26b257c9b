"""What the checks of a suite leave as verdicts: the same that the functions would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from pytest_promptchaos.errors import SuiteError
from pytest_promptchaos.sampling_checks import FEWEST
from pytest_promptchaos.search.find import LEAST_BUDGET as ASKED_BY_A_SEARCH
from pytest_promptchaos.session import Session, activated
from pytest_promptchaos.settings import Settings
from pytest_promptchaos.suite import load_suite
from pytest_promptchaos.suite.keys import LEAST_BUDGET
from pytest_promptchaos.suite.neighborhood_kinds import FEWEST_DRAWS
from pytest_promptchaos.suite.run import run_check

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_promptchaos.records import Verdict


class Run(Protocol):
    """Returns the verdicts of a suite's one check."""

    def __call__(self, check: str, prompts: str = ...) -> tuple[Verdict, ...]: ...


PIN = "bundled:tiny-chat"
PROMPTS = """version: 1
prompts:
  - id: france
    text: What is the capital of France?
    system: You are a helpful assistant.
    paraphrases:
      - Name the capital of France.
      - {text: 'France, and its capital?', origin: generated}
    small_semantic: ['What is the capital of Japan?']
    positive_control: [Explain why it rains.]
checks:
  - id: one
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Run the one check of a suite in a session of few and short answers."""
    path = tmp_path_factory.mktemp("runs") / "s.chaos.yaml"
    settings = Settings(horizon=8, per_rung=2, min_effective=2, embedder="none", seed=0)
    with activated(Session(settings=settings, on_disk=False)) as session:

        def run(check: str, prompts: str = PROMPTS) -> tuple[Verdict, ...]:
            path.write_text(prompts + check)
            suite = load_suite(path)
            return run_check(suite, suite.checks[0], PIN)

        yield run
        session.close()


STEADY = "    check: stable_neighborhood\n    at_most: 0.9\n    metric: token_edit\n"


def test_several_horizons_are_read_from_one_generation_and_the_longest_is_judged(run: Run) -> None:
    (verdict,) = run(f"{STEADY}    horizons: [2, 6]\n")
    assert (verdict.settings["horizons"], verdict.settings["horizon"]) == ("2, 6", 6)
    assert max(len(pair.tokens_a) for pair in verdict.pairs) <= 6


def test_the_horizon_is_the_runs_where_none_is_written(run: Run) -> None:
    (verdict,) = run(STEADY)
    assert (verdict.check, verdict.id, verdict.settings["horizon"]) == (
        "stable_neighborhood",
        "one",
        8,
    )


def test_generated_text_that_nobody_reviewed_is_shown_and_decides_nothing(run: Run) -> None:
    (verdict,) = run(f"{STEADY}    rungs: [paraphrase]\n")
    says = {pair.origin: pair.gates for pair in verdict.pairs if pair.rung == "paraphrase"}
    assert says == {"authored": True, "generated": False}
    assert verdict.measurement.effective_n == 1


def test_edits_go_to_the_message_that_the_prompt_aims_at(run: Run) -> None:
    aimed = PROMPTS.partition("    paraphrases:")[0] + "    target: system\nchecks:\n  - id: one\n"
    (verdict,) = run(STEADY, aimed)
    small = [pair for pair in verdict.pairs if pair.rung == "format"]
    assert small
    assert {pair.target for pair in small} == {"system message"}


def test_answers_are_read_by_the_extractor_that_the_check_names(run: Run) -> None:
    check = STEADY.replace("token_edit", "answer")
    (verdict,) = run(f"{check}    extract: 'regex:capital of (\\w+)'\n")
    by_rung = {pair.rung: (pair.answer_a, pair.answer_b) for pair in verdict.pairs}
    assert by_rung["small_semantic"] == ("France", "Japan")
    assert by_rung["identical"] == ("France", "France")


def test_outputs_are_scored_by_the_validator_that_the_check_names(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.joinpath("rules_of_run.py").write_text("def right(text):\n    return 'F' in text\n")
    monkeypatch.syspath_prepend(tmp_path)
    (verdict,) = run(f"{STEADY}    validate: rules_of_run:right\n")
    (control,) = [one for one in verdict.controls if one.name == "validator"]
    assert (control.state, control.words) == ("held", "outputs scored by right")
    response = "    check: responsive\n    at_least: 0.1\n    metric: token_edit\n"
    (verdict,) = run(f"{response}    validate: rules_of_run:right\n")
    assert "validator" in {one.name for one in verdict.controls}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            "no_such_package.rules:right",
            "no module 'no_such_package' was found, looking for no_such_package.rules; its folder "
            "must be on sys.path: name it in pytest's setting pythonpath",
        ),
        ("json.decoder:JSONDecodr", "there is no 'JSONDecodr' in it, looking for"),
        ("json:JSONDecoder.decoed", "did you mean 'decode'?"),
        ("math:pi", "math:pi is 3.14159"),
        ("faulty_of_run:right", "importing faulty_of_run raised ModuleNotFoundError: No module"),
    ],
)
def test_a_validator_that_is_not_there_is_told_with_file_and_line(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, said: str
) -> None:
    tmp_path.joinpath("faulty_of_run.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(SuiteError) as error:
        run(f"{STEADY}    validate: {written}\n")
    line = 1 + len((PROMPTS + STEADY).splitlines())
    assert f"s.chaos.yaml:{line}: checks[0].validate: " in str(error.value)
    assert said in str(error.value)


def test_how_flips_are_explained_can_be_chosen(run: Run) -> None:
    check = STEADY + "    rungs: [small_semantic]\n"
    (without,) = run(f"{check}    branch_cards: 'off'\n")
    (explained,) = run(f"{check}    branch_cards: replay\n")
    assert without.cards == ()
    assert [card.prompt_id for card in explained.cards] == ["france"]


def test_a_response_is_judged_by_what_changes_the_meaning(run: Run) -> None:
    (verdict,) = run("    check: responsive\n    at_least: 0.1\n    metric: token_edit\n")
    assert (verdict.check, verdict.limit.at_least) == ("responsive", 0.1)
    assert verdict.measurement.effective_n == 2
    assert [part.name for part in verdict.measurement.breakdown] == [
        "small_semantic",
        "positive_control",
    ]


def test_a_drift_has_a_verdict_per_system_that_is_held_against_the_reference(run: Run) -> None:
    other = f"{PIN}?dtype=bfloat16"
    verdicts = run(
        "    check: drift\n    at_most: 0.9\n    metric: token_edit\n"
        f"    models: ['{PIN}', '{other}', '{PIN}-robust']\n    reference: '{other}'\n"
    )
    assert [verdict.model.name for verdict in verdicts] == ["tiny-chat", "tiny-chat-robust"]
    assert {verdict.model.dtype for verdict in verdicts} == {"float32"}
    assert {(verdict.check, verdict.id) for verdict in verdicts} == {("drift", "one")}


def test_draws_are_judged_by_the_knobs_of_the_check(run: Run) -> None:
    (verdict,) = run(
        "    check: stable_sampling\n    at_most: 0.9\n    metric: token_edit\n"
        "    draws: 4\n    temperature: 0.5\n    top_p: 0.9\n    horizon: 4\n    per_rung: 1\n"
    )
    told = [verdict.settings[name] for name in ("draws", "temperature", "top_p", "horizon")]
    assert told == [4, 0.5, 0.9, 4]


def test_a_search_has_a_verdict_per_prompt(run: Run) -> None:
    another = PROMPTS.replace("checks:", "  - {id: rain, text: Explain why it rains.}\nchecks:")
    check = "    check: worst_neighbor\n    at_most: 0.9\n    budget: 24\n    horizon: 4\n"
    verdicts = run(check, another)
    assert [verdict.settings["prompts"] for verdict in verdicts] == ["france", "rain"]
    assert {verdict.settings["budget"] for verdict in verdicts} == {24}


def test_a_search_asks_the_positive_controls_that_the_prompt_has(run: Run) -> None:
    check = "    check: worst_neighbor\n    at_most: 0.99\n    budget: 25\n    horizon: 4\n"
    two = PROMPTS.replace("[Explain why it rains.]", "[Explain why it rains., 'How many?']")
    (verdict,) = run(check, two)
    (control,) = [one for one in verdict.controls if "positive control" in one.name]
    assert control.words.startswith("authored request ")
    plain = PROMPTS.replace("    positive_control: [Explain why it rains.]\n", "")
    (verdict,) = run(check, plain)
    (control,) = [one for one in verdict.controls if "positive control" in one.name]
    assert "authored" not in control.words


def test_the_least_that_a_suite_may_write_is_what_the_functions_take() -> None:
    assert (FEWEST_DRAWS, LEAST_BUDGET) == (FEWEST, ASKED_BY_A_SEARCH)


def test_a_comparison_of_systems_is_one_test_and_comes_last(pytester: pytest.Pytester) -> None:
    compared = "    check: drift\n    at_most: 1\n    models: [bundled:a, bundled:b]\n"
    steady = STEADY.replace("    check", "  - check")
    pytester.path.joinpath("s.chaos.yaml").write_text(PROMPTS + compared + steady)
    pins = [f"--promptchaos-model=bundled:{name}" for name in ("tiny-chat", "tiny-chat-robust")]
    result = pytester.runpytest_inprocess("--collect-only", "-q", *pins)
    result.stdout.fnmatch_lines(
        [
            "s.chaos.yaml::stable_neighborhood-2[[]bundled:tiny-chat]",
            "s.chaos.yaml::stable_neighborhood-2[[]bundled:tiny-chat-robust]",
            "s.chaos.yaml::one",
        ],
        consecutive=True,
    )
