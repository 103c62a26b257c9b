"""Ctrl-C in the middle: what was measured is kept, reported, and not measured again."""

from __future__ import annotations

import pytest

from plugin.conftest import DOCUMENTS, TOKENS
from pytest_promptchaos.report.evidence import read_records

TESTS = """
from pytest_promptchaos import measure_neighborhood, assert_ftle

def test_first(chaos_model):
    assert_ftle(chaos_model, "What is the capital of France?", at_most=9.0)

def test_second(chaos_model):
    assert_ftle(chaos_model, "Recommend a book like Dune.", at_most=9.0)
    measure_neighborhood(chaos_model, "Recommend a book like Dune.", metric="token_edit")
    raise KeyboardInterrupt

def test_third(chaos_model):
    raise AssertionError("never reached")
"""


def test_what_was_measured_is_kept_and_reported(chaos: pytest.Pytester) -> None:
    chaos.makepyfile(TESTS)
    result = chaos.runpytest_subprocess(*TOKENS, *DOCUMENTS)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*KeyboardInterrupt*"])
    first, second, bridged = read_records(chaos.path / ".promptchaos" / "promptchaos-records.json")
    assert bridged.bridges
    assert (first.status, second.status) == ("passed", "interrupted")
    assert [verdict.check for verdict in second.verdicts] == ["ftle"]
    assert "in the evidence store" in second.message


def test_the_next_run_goes_on_from_there(chaos: pytest.Pytester) -> None:
    chaos.makepyfile(TESTS)
    chaos.runpytest_subprocess(*TOKENS)
    chaos.makepyfile(
        TESTS.replace("    raise KeyboardInterrupt", "").partition("def test_third")[0]
    )
    again = chaos.runpytest_inprocess(*TOKENS)
    again.assert_outcomes(passed=2)
    again.stdout.re_match_lines([r"0 runs measured, [1-9]\d* reused from the evidence store"])
