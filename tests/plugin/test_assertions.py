"""What a user types, and what a user reads when it is not green."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugin.conftest import DOCUMENTS, QUICK, TOKENS

if TYPE_CHECKING:
    import pytest

STEADY = """
from pytest_promptchaos import assert_stable_neighborhood

def test_nearby_prompts(chaos_model):
    assert_stable_neighborhood(
        chaos_model,
        "What is the capital of France?",
        at_most={limit},
        metric="{metric}",
        positive_control=["Recommend a book like Dune."],
    )
"""


def test_a_steady_neighborhood_passes(chaos: pytest.Pytester) -> None:
    chaos.makepyfile(STEADY.format(limit=0.7, metric="token_edit"))
    result = chaos.runpytest_inprocess(*TOKENS, *DOCUMENTS, "--promptchaos-per-rung=12")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*= promptchaos =*", "*tiny-chat*1 passed*", "report: *.html"])


def test_a_failure_reads_from_number_to_next_step(chaos: pytest.Pytester) -> None:
    chaos.makepyfile(
        """
        from pytest_promptchaos import assert_stable_neighborhood

        def test_nearby_prompts(chaos_model):
            # An edit that changes the meaning is judged here as if it were harmless.
            assert_stable_neighborhood(
                chaos_model,
                "What is the capital of France?",
                at_most=0.05,
                rungs=["small_semantic"],
                small_semantic=["Recommend a book like Dune.", "What is the capital of Japan?"],
            )
        """
    )
    result = chaos.runpytest_inprocess(*QUICK)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*bundled:tiny-chat around *: semantic distance * is outside at_most=0.05",
            "*worst neighbor: small_semantic: authored small semantic*",
            "*center    'What is the capital of France?'",
            "*outputs part at token *, margin * against * logits; >>marked<<:",
            "*  - *>>*<<*",
            "*  + *>>*<<*",
            "*controls:",
            "*ok     identical control*exactly zero*",
            "*ok     positive control*",
            "*next:",
        ]
    )
    result.stdout.no_fnmatch_line("*checks.py:*")


def test_without_an_embedder_a_semantic_verdict_is_invalid_and_says_how_to_get_one(
    chaos: pytest.Pytester,
) -> None:
    chaos.makepyfile(STEADY.format(limit=0.9, metric="semantic"))
    result = chaos.runpytest_inprocess(*TOKENS)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*no evidence about at_most=0.9: no embedder, as asked (embedder=none)",
            "*FAILED embedder: *only tokens, logits*were compared. Or judge*metric='token_edit'",
        ]
    )


def test_too_few_effective_neighbors_are_no_evidence(chaos: pytest.Pytester) -> None:
    chaos.makepyfile(STEADY.format(limit=0.9, metric="token_edit"))
    result = chaos.runpytest_inprocess(*TOKENS, "--promptchaos-min-effective=50")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*FAILED minimum effective n: * of * neighbors differ*; 50 needed"]
    )


def test_a_limit_that_nothing_could_break_is_no_evidence(chaos: pytest.Pytester) -> None:
    chaos.makepyfile(STEADY.format(limit=1.5, metric="semantic"))
    result = chaos.runpytest_inprocess(*QUICK)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*FAILED positive control: *not above the limit 1.5*blind*"])


INCONCLUSIVE = """
from pytest_promptchaos import assert_stable_neighborhood
from pytest_promptchaos.checks import measure_neighborhood
from pytest_promptchaos.judging import enforce, judge_findings
from pytest_promptchaos.records import Limit

def test_limit_inside_the_interval(chaos_model):
    texts = ["Recommend a book like Dune.", "Name the capital of France."]
    findings = measure_neighborhood(
        chaos_model, "What is the capital of France?", rungs=["format", "small_semantic"],
        small_semantic=texts, metric="token_edit",
    )
    found = findings.measurement
    assert found.low < found.value < found.high
    limit = Limit(name="token edit distance", at_most=found.value)
    enforce(judge_findings("stable_neighborhood", findings, limit))
"""


def test_an_interval_across_the_limit_is_not_green(chaos: pytest.Pytester) -> None:
    chaos.makepyfile(INCONCLUSIVE)
    result = chaos.runpytest_inprocess(*TOKENS)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*straddles at_most=*", "*--promptchaos-inconclusive=warn*"])


def test_inconclusive_can_be_relaxed_to_a_warning(chaos: pytest.Pytester) -> None:
    chaos.makepyfile(INCONCLUSIVE)
    result = chaos.runpytest_inprocess(*TOKENS, "--promptchaos-inconclusive=warn")
    result.assert_outcomes(passed=1, warnings=1)
    result.stdout.fnmatch_lines(["*InconclusiveWarning*straddles*"])


def test_invalid_stays_red_when_inconclusive_is_relaxed(chaos: pytest.Pytester) -> None:
    chaos.makepyfile(STEADY.format(limit=0.9, metric="semantic"))
    result = chaos.runpytest_inprocess(*TOKENS, "--promptchaos-inconclusive=warn")
    result.assert_outcomes(failed=1)


def test_depth_is_judged_by_its_interval(chaos: pytest.Pytester) -> None:
    chaos.makepyfile(
        """
        import pytest
        from pytest_promptchaos import VerdictError, assert_ftle

        def test_depth(chaos_model):
            verdict = assert_ftle(chaos_model, "Recommend a book like Dune.", at_most=9.0)
            found = verdict.measurement
            assert found.low < found.value < found.high
            assert len(verdict.curves[0].y) == 4
            with pytest.raises(VerdictError, match="lambda_1 .* is outside at_most=-9"):
                assert_ftle(chaos_model, "Recommend a book like Dune.", at_most=-9.0)
        """
    )
    chaos.runpytest_inprocess(*TOKENS).assert_outcomes(passed=1)


def test_a_test_runs_once_per_model(chaos: pytest.Pytester) -> None:
    chaos.makepyfile("def test_names(chaos_model):\n    assert chaos_model.pin.name\n")
    models = ("bundled:tiny-chat", "bundled:tiny-chat-robust")
    flags = [f"--promptchaos-model={name}" for name in models]
    result = chaos.runpytest_inprocess("-v", *flags)
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines([f"*test_names[[]{name}] PASSED*" for name in models])


def test_a_plain_script_needs_no_pytest(chaos: pytest.Pytester) -> None:
    script = chaos.makepyfile(
        script="""
        from pytest_promptchaos import load_model, measure_neighborhood
        from pytest_promptchaos.session import active
        from dataclasses import replace

        active().settings = replace(active().settings, horizon=8, per_rung=1, embedder="none")
        found = measure_neighborhood(
            load_model("bundled:tiny-chat"), "What is the capital of France?", metric="token_edit"
        )
        print("value", found.measurement.value)
        """
    )
    result = chaos.runpython(script)
    result.stdout.fnmatch_lines(["value *"])
    assert not (chaos.path / ".promptchaos").exists()
