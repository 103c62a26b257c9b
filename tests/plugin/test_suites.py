"""Suites in YAML are collected as tests; ``expect: failed`` is strict."""

from __future__ import annotations

import pytest

from plugin.conftest import TOKENS

SUITE = """
version: 1
settings: {{horizon: 16, per_rung: 12, min_effective: 2}}
prompts:
  - id: france
    text: What is the capital of France?
    small_semantic:
      - Recommend a book like Dune.
      - Explain why it rains.
      - "What sound does a lion make?"
      - "How do I make tea?"
    positive_control: [Write a short email to Karen about dinner on Sunday.]
checks:
  - id: steady
    check: stable_neighborhood
    metric: token_edit
    at_most: {limit}
    rungs: [{rungs}]
    expect: {expect}
"""


SYSTEMS = """
version: 1
checks:
  - {check: system, id: known, system: logistic, at_least: 0.683, at_most: 0.703}
  - {check: system, id: shown, system: logistic, at_least: 0.8, expect: failed}
"""

DEPTH = """
version: 1
prompts: [{id: rain, text: Explain why it rains.}]
checks:
  - id: shape
    check: depth_profile
    tangents: 4
    no_layer_above: 0.1
    variance_at_most: 0.1
    slope_between: [-5, 5]
  - {id: grows, check: ftle, at_least: -5, at_most: 5, tangents: 4, positions: last}
"""


def suite(chaos: pytest.Pytester, limit: float, expect: str, rungs: str = "format") -> None:
    text = SUITE.format(limit=limit, expect=expect, rungs=rungs)
    (chaos.path / "a.chaos.yaml").write_text(text)


def test_a_check_is_a_test(chaos: pytest.Pytester) -> None:
    suite(chaos, 0.7, "passed")
    result = chaos.runpytest_inprocess(*TOKENS, "-v")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["a.chaos.yaml::steady[[]bundled:tiny-chat] PASSED*"])


def test_an_expected_failure_is_green(chaos: pytest.Pytester) -> None:
    suite(chaos, 0.01, "failed", rungs="small_semantic")
    chaos.runpytest_inprocess(*TOKENS).assert_outcomes(passed=1)


def test_an_expected_failure_that_passes_is_red(chaos: pytest.Pytester) -> None:
    suite(chaos, 0.7, "failed")
    result = chaos.runpytest_inprocess(*TOKENS)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*expected to fail, but the outcome is passed*"])


def test_a_failed_check_shows_the_verdict_and_no_traceback(chaos: pytest.Pytester) -> None:
    suite(chaos, 0.01, "passed", rungs="small_semantic")
    result = chaos.runpytest_inprocess(*TOKENS)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*token edit distance * is outside at_most=0.01"])
    result.stdout.no_fnmatch_line("*.py:*")


def test_the_command_line_names_the_models(chaos: pytest.Pytester) -> None:
    suite(chaos, 0.7, "passed")
    result = chaos.runpytest_inprocess(
        *TOKENS, "--collect-only", "-q", "--promptchaos-model=bundled:tiny-chat-robust"
    )
    result.stdout.fnmatch_lines(["a.chaos.yaml::steady[[]bundled:tiny-chat-robust]"])


def test_a_misspelt_key_names_file_line_and_key(chaos: pytest.Pytester) -> None:
    suite(chaos, 0.7, "passed")
    path = chaos.path / "a.chaos.yaml"
    path.write_text(path.read_text().replace("at_most", "at_mots"))
    result = chaos.runpytest_inprocess(*TOKENS)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*a.chaos.yaml:17: checks[[]0].at_mots: *at_most*"])


# -- systems and depth -----------------------------------------------------------------------------


def test_a_system_is_a_test_of_its_own_and_asks_no_model(chaos: pytest.Pytester) -> None:
    (chaos.path / "a.chaos.yaml").write_text(SYSTEMS)
    result = chaos.runpytest_inprocess("-v", "--promptchaos-model=bundled:not-there")
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(
        [
            "a.chaos.yaml::known PASSED*",
            "a.chaos.yaml::shown PASSED*",
            "known systems: 1 expected failure, 1 passed",
        ]
    )


def test_a_system_that_misses_its_answer_says_so_without_words_of_models(
    chaos: pytest.Pytester,
) -> None:
    (chaos.path / "a.chaos.yaml").write_text(SYSTEMS.replace("expect: failed", "expect: passed"))
    result = chaos.runpytest_inprocess("-k", "shown")
    result.assert_outcomes(failed=1, deselected=1)
    result.stdout.fnmatch_lines(["logistic: lambda_1 0.69* is outside at_least=0.8"])
    result.stdout.no_fnmatch_line("*.py:*")


def test_systems_come_once_and_first_whatever_the_models(chaos: pytest.Pytester) -> None:
    checks = SYSTEMS.partition("checks:")[2]
    (chaos.path / "a.chaos.yaml").write_text(DEPTH + checks)
    pins = [f"--promptchaos-model=bundled:{name}" for name in ("tiny-chat", "tiny-chat-robust")]
    result = chaos.runpytest_inprocess("--collect-only", "-q", *pins)
    result.stdout.fnmatch_lines(
        [
            "a.chaos.yaml::known",
            "a.chaos.yaml::shown",
            "a.chaos.yaml::shape[[]bundled:tiny-chat]",
            "a.chaos.yaml::grows[[]bundled:tiny-chat]",
            "a.chaos.yaml::shape[[]bundled:tiny-chat-robust]",
            "a.chaos.yaml::grows[[]bundled:tiny-chat-robust]",
        ],
        consecutive=True,
    )


def test_every_broken_limit_of_a_profile_is_shown_and_the_others_in_a_line(
    chaos: pytest.Pytester,
) -> None:
    (chaos.path / "a.chaos.yaml").write_text(DEPTH)
    result = chaos.runpytest_inprocess(*TOKENS)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*around rain: profile_variance * is outside variance_at_most=0.1",
            "  layers: * expand (0-3)*",
            "*around rain: largest_layer_growth * is outside no_layer_above=0.1",
            "as expected:",
            "  *around rain: profile_slope * is within slope_between=[[]-5, 5] with * to spare",
        ]
    )


def test_every_limit_of_a_profile_must_fail_where_a_failure_is_expected(
    chaos: pytest.Pytester,
) -> None:
    expected = DEPTH.replace("    tangents: 4", "    expect: failed")
    (chaos.path / "a.chaos.yaml").write_text(expected)
    result = chaos.runpytest_inprocess(*TOKENS, "-k", "shape")
    result.assert_outcomes(failed=1, deselected=1)
    result.stdout.fnmatch_lines(
        [
            "expected to fail, but the outcome is passed: *",
            "*profile_slope * is within slope_between=[[]-5, 5]*",
            "as expected:",
            "  *profile_variance * is outside variance_at_most=0.1",
            "  *largest_layer_growth * is outside no_layer_above=0.1",
        ]
    )
