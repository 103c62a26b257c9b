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
