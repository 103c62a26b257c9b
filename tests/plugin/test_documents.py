"""The documents never say green where pytest says red, nor the other way round."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from plugin.conftest import DOCUMENTS, TOKENS

TESTS = """
import pytest
from pytest_promptchaos import VerdictError, assert_ftle

TEXT = "Recommend a book like Dune."

def test_caught(chaos_model):
    with pytest.raises(VerdictError):
        assert_ftle(chaos_model, TEXT, at_most=-9)

@pytest.mark.xfail(strict=True)
def test_expected(chaos_model):
    assert_ftle(chaos_model, TEXT, at_most=-9)

def test_breaks_after_a_pass(chaos_model):
    assert_ftle(chaos_model, TEXT, at_most=9)
    raise RuntimeError("boom")

def test_breaks_before_any_verdict(chaos_model):
    assert_ftle(chaos_model, "", at_most=9)

def test_that_has_nothing_to_do_with_us():
    raise RuntimeError("elsewhere")
"""


@pytest.fixture
def suites(chaos: pytest.Pytester) -> ElementTree.Element:
    chaos.makepyfile(TESTS)
    result = chaos.runpytest_inprocess(*TOKENS, *DOCUMENTS)
    result.assert_outcomes(passed=1, xfailed=1, failed=3)
    return ElementTree.parse(chaos.path / ".promptchaos/promptchaos-junit.xml").getroot()


def test_our_junit_agrees_with_pytest(suites: ElementTree.Element) -> None:
    red = {
        case.get("name", "").partition("[")[0].partition(":")[0]
        for case in suites.iter("testcase")
        if case.find("failure") is not None or case.find("error") is not None
    }
    assert red == {"test_breaks_after_a_pass", "test_breaks_before_any_verdict"}


def test_a_report_that_cannot_be_written_costs_only_itself(chaos: pytest.Pytester) -> None:
    Path(chaos.path, ".promptchaos", "promptchaos-report.html").mkdir(parents=True)
    chaos.makepyfile(TESTS)
    result = chaos.runpytest_inprocess(*TOKENS, *DOCUMENTS)
    result.stdout.fnmatch_lines(
        ["tiny-chat: *", "junit: *", "*promptchaos-report.html could not be written*"]
    )


def test_without_a_terminal_the_run_is_the_same(chaos: pytest.Pytester) -> None:
    chaos.makepyfile(TESTS)
    result = chaos.runpytest_inprocess(*TOKENS, "-p", "no:terminal", "-k", "caught")
    assert result.ret == pytest.ExitCode.OK


def test_an_error_of_ours_leads_the_one_line_summary(chaos: pytest.Pytester) -> None:
    chaos.makepyfile(TESTS)
    result = chaos.runpytest_inprocess(*TOKENS, "-k", "before_any")
    result.stdout.fnmatch_lines(["FAILED *test_breaks_before_any_verdict*"])
    result.stdout.fnmatch_lines(["*PromptError: the prompt is '': *"])
