"""What checks of consistent answers leave as verdicts: the same that the functions would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from pytest_promptchaos.answer_checks import measure_answers
from pytest_promptchaos.session import Session, activated
from pytest_promptchaos.settings import Settings
from pytest_promptchaos.suite import load_suite
from pytest_promptchaos.suite.run import run_check
from pytest_promptchaos.suite.run_answers import shown_by

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_promptchaos.records import Verdict
    from pytest_promptchaos.suite import Suite


class Run(Protocol):
    """Returns the verdicts of a suite's one check."""

    def __call__(self, text: str) -> tuple[Verdict, ...]: ...


PIN = "bundled:tiny-chat"
DOORS = """version: 1
checks:
  - id: doors
    check: consistent_answers
    passages:
      - {text: The door is shut., id: shut, truth: {shut: true}}
      - {text: The door is open., id: open, truth: {shut: false}}
      - {text: The window is open., id: window}
    propositions:
      - finding: a shut door
        id: shut
        kinds: [presence, absent]
        phrasings: [{text: 'Is the door open?', polarity: yes denies, kind: open}]
"""
LIMITS = "    flips_at_most: 0.4\n"


@pytest.fixture(scope="module")
def suite_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Run the one check of a suite in a session that keeps what was answered."""
    path = tmp_path_factory.mktemp("answers") / "s.chaos.yaml"
    with activated(Session(settings=Settings(horizon=9, seed=3), on_disk=False)) as session:

        def run(text: str) -> tuple[Verdict, ...]:
            path.write_text(text)
            loaded = load_suite(path)
            return run_check(loaded, loaded.checks[0], PIN)

        yield run
        session.close()


def test_every_phrasing_of_every_proposition_is_asked_of_every_passage(suite_of: Run) -> None:
    (verdict,) = suite_of(DOORS + LIMITS)
    assert (verdict.check, verdict.id) == ("consistent_answers", "doors")
    assert (verdict.measurement.name, verdict.limit.at_most) == ("flip_rate", 0.4)
    assert [(one.id, one.truth) for one in verdict.samples] == [
        ("shut/shut", True),
        ("open/shut", False),
        ("window/shut", None),
    ]
    for sample in verdict.samples:
        assert [one.kind for one in sample.as_is] == ["presence", "absent", "open"]
        assert [one.polarity for one in sample.as_is] == [1, -1, -1]


def test_each_limit_has_a_verdict_of_its_own(suite_of: Run) -> None:
    both = suite_of(f"{DOORS}{LIMITS}    ideal_at_least: 0.5\n    expect: failed\n")
    assert [(one.id, one.expect) for one in both] == [
        ("doors:ideal_share", "failed"),
        ("doors:flip_rate", "failed"),
    ]


def test_what_the_check_writes_decides_how_it_is_asked(suite_of: Run) -> None:
    knobs = "    reliance: both\n    swaps: 1\n    again: false\n    horizon: 4\n    seed: 5\n"
    (verdict,) = suite_of(f"{DOORS}{LIMITS}{knobs}")
    told = [verdict.settings[name] for name in ("reliance", "swaps", "again")]
    assert told == ["both", 1, False]
    for sample in verdict.samples:
        conditions = [one.condition for one in sample.answers]
        assert (conditions.count("swapped"), conditions.count("again")) == (1, 0)


def test_an_answer_is_as_long_as_the_function_says_unless_the_suite_does(suite_of: Run) -> None:
    # 9 is the run's: what the command line says overrides the suite.
    lengths = [
        suite_of(text)[0].settings["horizon"]
        for text in (
            DOORS + LIMITS,
            DOORS.replace("checks:", "settings: {horizon: 5}\nchecks:") + LIMITS,
        )
    ]
    assert lengths == [8, 9]


def test_a_suite_finds_what_the_function_finds(suite_of: Run, tmp_path: Path) -> None:
    path = tmp_path / "s.chaos.yaml"
    path.write_text(DOORS + LIMITS)
    suite: Suite = load_suite(path)
    (check,) = suite.checks
    assert check.check == "consistent_answers"
    (proposition,) = (one.proposition() for one in check.propositions)
    (verdict,) = suite_of(DOORS + LIMITS)
    with activated(Session(settings=Settings(horizon=9, seed=3), on_disk=False)) as session:
        findings = measure_answers(PIN, shown_by(suite, check), [proposition])
        session.close()
    rate = next(one for one in findings.also if one.name == "flip_rate")
    assert rate == verdict.measurement
    assert findings.samples == verdict.samples


def test_a_model_that_says_neither_yes_nor_no_gives_no_evidence(
    pytester: pytest.Pytester,
) -> None:
    text = f"{DOORS}    ideal_at_least: 1\n    models: ['{PIN}']\n"
    pytester.path.joinpath("s.chaos.yaml").write_text(text)
    result = pytester.runpytest_inprocess("--promptchaos-no-report", "-q")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            f"{PIN} asked about shut: no evidence about ideal_at_least=1: a control failed",
            "worst sample: 'shut' of 'shut' (it holds): 3 of 3 answers are unclear; worst",
            "  FAILED unclear answers: *",
        ]
    )
