"""What a verdict says, top to bottom: the number, the worst neighbor, the controls, what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_promptchaos.records import (
    Branch,
    Control,
    Findings,
    Limit,
    Measurement,
    ModelIdentity,
    Outcome,
    Pair,
)
from pytest_promptchaos.verdict.explain import explanation, marked, sentence

MODEL = ModelIdentity(
    pin="bundled:m",
    name="m",
    revision="",
    fingerprint="",
    template="",
    dtype="",
    device="",
    attention="",
)
LIMIT = Limit(name="semantic distance", at_most=0.15)
MEASURED = Measurement(
    name="semantic distance",
    unit="1 - cosine",
    value=0.213,
    low=0.118,
    high=0.345,
    n=12,
    effective_n=12,
    interval="95 % BCa",
    resampled="neighbors",
    resampled_n=12,
)
PAIR = Pair(
    prompt_id="dune",
    neighbor_id="n",
    rung="format",
    kind="doubled space",
    edit="doubled the space after 'a'",
    origin="mechanical",
    certification="effective",
    token_delta=1,
    center_text="Recommend a book.",
    neighbor_text="Recommend a  book.",
    output_a="Try Hyperion.",
    output_b="Try Ubik.",
    tokens_a=("Try", " Hyperion", "."),
    tokens_b=("Try", " Ubik", "."),
    distances={"semantic": 0.61, "token_edit": 0.33},
    branch=Branch(step=1, token_a=" Hyperion", token_b=" Ubik", margin_a=0.21, margin_b=0.08),
)
FINDINGS = Findings(
    model=MODEL,
    measurement=MEASURED,
    pairs=(PAIR,),
    controls=(
        Control(name="identical control", role="floor", state="held", words="zero", value=0),
    ),
)


def told(outcome: Outcome, findings: Findings = FINDINGS) -> str:
    first = sentence("bundled:m", "dune", findings.measurement, LIMIT, outcome)
    return explanation(first, findings, LIMIT, outcome, findings.controls)


def test_a_failure_reads_from_the_number_to_the_next_step() -> None:
    lines = [line.strip() for line in told(Outcome.FAILED).splitlines() if line]
    assert lines == [
        "bundled:m around dune: semantic distance 0.213 [0.118, 0.345] is outside at_most=0.15",
        "1 - cosine; 95 % BCa",
        "worst neighbor: format: doubled the space after 'a' (prompt 'dune'; semantic 0.610, "
        "token edit 0.330)",
        "center    'Recommend a book.'",
        "neighbor  'Recommend a  book.'",
        "outputs part at token 2, margin 0.21 against 0.08 logits; >>marked<<:",
        "- Try>> Hyperion<<.",
        "+ Try>> Ubik<<.",
        "controls:",
        "ok     identical control: zero",
        "next:",
        "read the outputs side by side in the report; is the moved answer still right?",
        "to accept it as it is, set at_most above the interval's upper end, 0.345, in a file "
        "that is reviewed",
    ]


def test_a_pass_prints_the_margin_that_is_left() -> None:
    calm = Measurement(name="semantic distance", unit="", value=0.05, low=0.01, high=0.1)
    assert sentence("bundled:m", "dune", calm, LIMIT, Outcome.PASSED).endswith(
        "is within at_most=0.15 with 0.050 to spare"
    )


def test_an_inconclusive_verdict_says_how_much_more_to_measure() -> None:
    # Half width 0.095 at 0.063 from the limit: (0.095 / 0.063)^2 * 12 = 27.3, so 16 more.
    assert "about 16 more neighbors" in told(Outcome.INCONCLUSIVE)
    assert "--promptchaos-inconclusive=warn" in told(Outcome.INCONCLUSIVE)


def test_it_speaks_of_the_unit_that_would_narrow_the_interval() -> None:
    prompts = Findings(model=MODEL, measurement=replace(MEASURED, resampled="prompts"))
    assert "more neighbors would not narrow it" in told(Outcome.INCONCLUSIVE, prompts)
    tangents = Findings(model=MODEL, measurement=replace(MEASURED, resampled="tangents"))
    assert "raise tangents=" in told(Outcome.INCONCLUSIVE, tangents)
    close = Findings(model=MODEL, measurement=replace(MEASURED, value=0.1501))
    assert "no number of neighbors decides soon" in told(Outcome.INCONCLUSIVE, close)


def test_an_invalid_verdict_sends_to_the_control_that_failed() -> None:
    text = told(Outcome.INVALID)
    assert text.startswith("bundled:m around dune: no evidence about at_most=0.15")
    assert "mend the control marked FAILED above" in text


def test_a_depth_failure_does_not_speak_of_outputs() -> None:
    depth = Findings(model=MODEL, measurement=MEASURED)
    assert "outputs" not in told(Outcome.FAILED, depth)
    assert "which layers expand" in told(Outcome.FAILED, depth)


@pytest.mark.parametrize(
    ("tokens", "step", "expected"),
    [
        (("a", "b", "c"), 0, ">>a<<bc"),
        (("a", "b"), 2, "ab>><horizon><<"),
        (("line\n", "two"), 1, "line\\n>>two<<"),
        (("x" * 500, "y", "z" * 500), 1, "…" + "x" * 80 + ">>y<<" + "z" * 80 + "…"),
    ],
)
def test_the_branching_token_is_marked(tokens: tuple[str, ...], step: int, expected: str) -> None:
    assert marked(tokens, step) == expected
