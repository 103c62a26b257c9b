"""Under xdist the numbers are the same, and a worker that dies takes one test with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from plugin.conftest import DOCUMENTS, TOKENS
from plugin.test_evidence import numbers
from pytest_promptchaos.report.evidence import read_records

if TYPE_CHECKING:
    from collections.abc import Callable

    Records = Callable[[], list[dict[str, Any]]]

FOUR = """
import os
import pytest
from contextlib import suppress
from pytest_promptchaos import (
    VerdictError, assert_ftle, measure_ftle, assert_stable_neighborhood,
)

PROMPTS = ["What is the capital of France?", "Recommend a book like Dune."]

@pytest.mark.parametrize("text", PROMPTS)
def test_nearby(chaos_model, text):
    with suppress(VerdictError):
        assert_stable_neighborhood(chaos_model, text, at_most=0.3, metric="token_edit")

@pytest.mark.parametrize("text", PROMPTS)
def test_depth(chaos_model, text):
    assert_ftle(chaos_model, text, at_most=9.0)
"""


def test_two_workers_measure_the_same_numbers(chaos: pytest.Pytester, records: Records) -> None:
    chaos.makepyfile(FOUR)
    alone = chaos.runpytest_inprocess(*TOKENS)
    measured = numbers(records())
    together = chaos.runpytest_subprocess(*TOKENS, "--promptchaos-fresh", "-n", "2")
    together.stdout.re_match_lines([r"[1-9]\d* runs measured, 0 reused from the evidence store"])
    assert numbers(records()) == measured
    assert together.ret == alone.ret


def test_a_worker_that_dies_loses_only_its_running_test(chaos: pytest.Pytester) -> None:
    chaos.makepyfile(
        FOUR
        + """
def test_dies(chaos_model):
    measure_ftle(chaos_model, PROMPTS[0])
    os._exit(1)
"""
    )
    result = chaos.runpytest_subprocess(*TOKENS, *DOCUMENTS, "-n", "2")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    kept = read_records(chaos.path / ".promptchaos" / "promptchaos-records.json")
    finished = {record.node_id.partition("::")[2] for record in kept if record.status == "passed"}
    assert len(finished - {"session-bridge"}) == 4
    (died,) = [record for record in kept if record.status == "error"]
    assert "test_dies" in died.node_id
    assert "crashed" in died.message
    page = (chaos.path / ".promptchaos" / "promptchaos-report.html").read_text()
    assert "test_dies" in page
