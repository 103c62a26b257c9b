"""What checks of conversations leave as verdicts: the same that the functions would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from pytest_promptchaos.errors import PreregistrationError
from pytest_promptchaos.preregistration import freeze
from pytest_promptchaos.records import BridgePlan, Hypothesis
from pytest_promptchaos.session import Session, activated
from pytest_promptchaos.settings import Settings
from pytest_promptchaos.suite import load_suite
from pytest_promptchaos.suite.run import run_check

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_promptchaos.records import Verdict


class Run(Protocol):
    """Returns the verdicts of a suite's one check."""

    def __call__(self, check: str, suite: str = ...) -> tuple[Verdict, ...]: ...


PIN = "bundled:tiny-chat"
TALK = "    turns: 5\n    repeats: 1\n    horizon: 6\n"
SUITE = """version: 1
prompts:
  - {id: tea, bucket: comparison, text: Compare tea and coffee.}
  - {id: sky, bucket: explanation, text: 'Why is the sky blue?'}
checks:
  - id: one
"""
ALONE = f"    check: no_collapse\n    at_most: 0.9\n{TALK}"


OTHERS = """version: 1
prompts:
  - {id: tea, text: Compare tea and coffee.}
  - {id: novel, text: 'What is the difference between a novel and a poem?'}
  - {id: robot, text: Tell me a story about a robot in a big city and a lost letter.}
  - {id: library, text: Describe a library.}
  - {id: norway, text: 'What is the capital of Norway?'}
  - {id: sky, text: 'Why is the sky blue?'}
checks:
  - id: one
"""
BRIDGE = """    check: bridge
    models: ['bundled:tiny-chat', 'bundled:tiny-chat-step300']
    rotation: false
    turns: 6
    repeats: 1
    horizon: 6
    tangents: 2
"""


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the suite."""
    return tmp_path_factory.mktemp("conversations")


@pytest.fixture(scope="module")
def run(beside: Path) -> Iterator[Run]:
    """Run the one check of a suite in a session that keeps what was said."""
    beside.joinpath("labels.csv").write_text(
        "condition,seed_id,repeat_index,label\nALONE,tea,0,1\nALONE,sky,0,0\n"
    )
    with activated(Session(settings=Settings(horizon=9, seed=3), on_disk=False)) as session:

        def run(check: str, suite: str = SUITE) -> tuple[Verdict, ...]:
            path = beside / "s.chaos.yaml"
            path.write_text(suite + check)
            loaded = load_suite(path)
            return run_check(loaded, loaded.checks[0], PIN)

        yield run
        session.close()


def test_conversations_are_held_by_the_knobs_of_the_check(run: Run) -> None:
    (verdict,) = run(
        f"{ALONE}    temperature: 0.5\n    top_p: 0.9\n    drift: both\n    of: rate\n".replace(
            "at_most: 0.9", "at_most: 0.19"
        )
    )
    told = [verdict.settings[name] for name in ("turns", "repeats", "horizon", "seed")]
    assert told == [5, 1, 6, 3]
    read = [verdict.settings[name] for name in ("temperature", "top_p", "drift", "of")]
    assert read == [0.5, 0.9, "both", "rate"]
    assert (verdict.check, verdict.id) == ("no_collapse", "one")
    assert (verdict.measurement.name, verdict.limit.at_most) == ("collapse_rate", 0.19)


def test_every_prompt_has_its_conversation_and_bucket(run: Run) -> None:
    (verdict,) = run(ALONE)
    found = {(line.seed_id, line.bucket, line.asked) for line in verdict.timelines}
    assert found == {("tea", "comparison", 5), ("sky", "explanation", 5)}
    assert {line.condition for line in verdict.timelines} == {"HOMO tiny-chat"}


def test_several_models_speak_in_turn_under_the_name_of_the_check(run: Run) -> None:
    other = f"{PIN}-robust"
    (verdict,) = run(f"{ALONE}    models: ['{PIN}', '{other}']\n    condition: ROUND\n")
    assert verdict.model.name == "tiny-chat + tiny-chat-robust"
    assert {line.condition for line in verdict.timelines} == {"ROUND"}


def test_one_model_that_is_named_talks_with_itself(run: Run) -> None:
    (verdict,) = run(f"{ALONE}    models: ['{PIN}-robust']\n")
    assert {line.condition for line in verdict.timelines} == {"HOMO tiny-chat-robust"}


def test_depth_is_followed_at_the_turns_that_are_named(run: Run) -> None:
    (verdict,) = run(f"{ALONE}    depth_turns: [1, 5]\n")
    assert {tuple(turn for turn, _ in line.growth) for line in verdict.timelines} == {(1, 5)}


def test_the_detector_is_held_against_labels_beside_the_suite(run: Run) -> None:
    (verdict,) = run(f"{ALONE}    condition: ALONE\n    labels: labels.csv\n")
    (held,) = [one for one in verdict.agreements if one.kind == "detector and labels"]
    assert held.n == 2


def test_the_horizon_of_the_suite_is_that_of_its_conversations(run: Run) -> None:
    check = ALONE.replace("    horizon: 6\n", "")
    (verdict,) = run(check, SUITE.replace("prompts:", "settings: {horizon: 7}\nprompts:"))
    assert verdict.settings["horizon"] == 9  # the run's: the command line overrides the suite


def test_a_bridge_has_a_verdict_per_published_hypothesis(run: Run) -> None:
    verdicts = run(BRIDGE, OTHERS)
    assert [verdict.id for verdict in verdicts] == [
        "one:lambda1_mean x collapse_rate",
        "one:lambda1_mean x first_collapse_turn",
        "one:lambda1_mean x has_collapse",
        "one:layerwise_variance_mean x collapse_rate",
        "one:profile_slope_mean x collapse_rate",
        "one:profile_slope_mean x first_collapse_turn",
    ]
    bridge = verdicts[0].bridge
    assert bridge is not None
    assert (bridge.rows, bridge.strata) == (12, ("HOMO tiny-chat", "HOMO tiny-chat-step300"))


def test_a_bridge_is_judged_by_the_knobs_of_the_check(run: Run) -> None:
    (verdict,) = run(
        f"{BRIDGE}    hypotheses: [lambda1_cv ~ collapsed_turns]\n    threshold: 0.3\n"
        "    alpha: 0.1\n    censor: last\n    expect: failed\n",
        OTHERS,
    )
    told = [verdict.settings[name] for name in ("hypothesis", "threshold", "alpha", "censor")]
    assert told == ["lambda1_cv x collapsed_turns", 0.3, 0.1, "last"]
    assert verdict.expect == "failed"


def test_a_rotation_over_all_models_is_one_more_condition(run: Run) -> None:
    verdicts = run(BRIDGE.replace("rotation: false", "rotation: true"), OTHERS)
    assert verdicts[0].bridge is not None
    assert "HETERO_ROT" in verdicts[0].bridge.strata


def test_what_a_check_leaves_out_is_as_frozen_and_what_it_changes_is_refused(
    run: Run, beside: Path
) -> None:
    hypotheses = (Hypothesis(predictor="lambda1_mean", outcome="collapse_rate"),)
    plan = BridgePlan(hypotheses=hypotheses, strata=("condition",), threshold=0.35)
    freeze(plan, beside / "plan.yaml", title="Two variants of a small model")
    frozen = f"{BRIDGE}    preregistration: plan.yaml\n"
    (verdict,) = run(frozen, OTHERS)
    assert verdict.bridge is not None
    assert (verdict.bridge.threshold, len(verdict.bridge.preregistration)) == (0.35, 64)
    with pytest.raises(PreregistrationError, match="threshold"):
        run(f"{frozen}    threshold: 0.2\n", OTHERS)


def test_an_association_must_turn_out_as_it_was_said_to(pytester: pytest.Pytester) -> None:
    hypotheses = (
        "    hypotheses:\n      - lambda1_mean ~ collapse_rate\n"
        "      - {hypothesis: lambda1_mean ~ has_collapse, standing: between-model only}\n"
    )
    as_found = BRIDGE.replace("    check", "  - check") + "    standing: weak\n"
    text = f"{OTHERS}{BRIDGE}    standing: weak\n{hypotheses}{as_found}"
    pytester.path.joinpath("s.chaos.yaml").write_text(text)
    result = pytester.runpytest_inprocess("--promptchaos-no-report", "-q")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "expected to be between-model only, but it is weak",
            "lambda1_mean x has_collapse in self-play*",
            "as expected:",
            "  lambda1_mean x collapse_rate in self-play*",
        ]
    )
    result.stdout.no_fnmatch_line("expected to be weak*")
