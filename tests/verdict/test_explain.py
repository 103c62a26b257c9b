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
    # The wider half, 0.132, at 0.063 from the limit: (0.132 / 0.063)^2 * 12 = 52.7, so 41 more.
    assert "about 41 more neighbors" in told(Outcome.INCONCLUSIVE)
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


# -- limits ----------------------------------------------------------------------------------------

WITHIN = Measurement(name="lambda_1", unit="nats per unit of time", value=0.9, low=0.89, high=0.91)


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (Limit(name="lambda_1", at_most=1), "at_most=1 with 0.090 to spare"),
        (Limit(name="lambda_1", at_least=0.5), "at_least=0.5 with 0.390 to spare"),
        (
            Limit(name="lambda_1", at_least=0.5, at_most=0.92),
            "at_least=0.5 and at_most=0.92 with 0.010 to spare",
        ),
        (
            Limit(name="lambda_1", at_least=0.885, at_most=1),
            "at_least=0.885 and at_most=1 with 0.005 to spare",
        ),
        (Limit(name="profile_variance", at_most=4), "variance_at_most=4 with 3.090 to spare"),
        (
            Limit(name="profile_slope", at_least=-1, at_most=1.5),
            "slope_between=[-1, 1.5] with 0.590 to spare",
        ),
        (Limit(name="largest_layer_growth", at_most=1), "no_layer_above=1 with 0.090 to spare"),
    ],
)
def test_a_limit_reads_as_it_was_typed_and_says_what_its_nearer_side_leaves(
    limit: Limit, words: str
) -> None:
    said = sentence("bundled:m", "dune", WITHIN, limit, Outcome.PASSED)
    assert said == f"bundled:m around dune: lambda_1 0.900 [0.890, 0.910] is within {words}"


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (Limit(name="lambda_1", at_most=0.8), "set at_most above the interval's upper end, 0.910"),
        (Limit(name="lambda_1", at_least=1), "set at_least below the interval's lower end, 0.890"),
        (
            Limit(name="lambda_1", at_least=1, at_most=2),
            "set at_least below the interval's lower end, 0.890",
        ),
        (
            Limit(name="profile_slope", at_least=0, at_most=0.5),
            "set the upper end of slope_between above the interval's upper end, 0.910",
        ),
        (
            Limit(name="profile_slope", at_least=1, at_most=2),
            "set the lower end of slope_between below the interval's lower end, 0.890",
        ),
        (
            Limit(name="largest_layer_growth", at_most=0.5),
            "set no_layer_above above the interval's upper end, 0.910",
        ),
    ],
)
def test_a_failure_says_which_end_of_which_limit_would_accept_it(limit: Limit, words: str) -> None:
    failed = Findings(model=MODEL, measurement=WITHIN)
    text = explanation("", failed, limit, Outcome.FAILED, ())
    assert f"to accept it as it is, {words}, in a file that is reviewed" in text


def test_a_number_too_small_for_three_decimals_keeps_three_digits() -> None:
    tiny = replace(WITHIN, value=1.234e-7, low=0.0, high=2e-7)
    said = sentence("bundled:m", "dune", tiny, Limit(name="v", at_most=1e-8), Outcome.FAILED)
    assert "lambda_1 1.23e-07 [0.000, 2.00e-07] is outside at_most=1e-08" in said


# -- depth -----------------------------------------------------------------------------------------


def layer(name: str, value: float, reach: float = 0.1) -> Measurement:
    low, high = value - reach, value + reach
    return Measurement(name=name, unit="nats", value=value, low=low, high=high)


def profiled(*layers: Measurement) -> Findings:
    counted = Measurement(name="expanding_layers", unit="layers", value=1, breakdown=layers)
    return Findings(model=MODEL, measurement=WITHIN, also=(counted,))


def test_a_depth_verdict_names_the_layers_that_expand() -> None:
    growths = (0.5, 0.3, 0.2, -0.4, 0.05, -0.3, -0.05)
    layers = [layer(f"layer {place}", growth) for place, growth in enumerate(growths)]
    text = explanation("", profiled(*layers), Limit(name="l", at_most=2), Outcome.PASSED, ())
    assert text.splitlines()[2] == (
        "  layers: 3 expand (0-2), 2 contract (3, 5), 2 undecided (4, 6), each by its own interval"
    )


def test_a_layer_without_an_interval_is_undecided() -> None:
    bare = Measurement(name="layer 0", unit="nats", value=3.0)
    text = explanation("", profiled(bare), Limit(name="l", at_most=2), Outcome.PASSED, ())
    assert "layers: 1 undecided (0), each by its own interval" in text


def test_a_depth_failure_names_the_layer_that_grows_most() -> None:
    absent = Measurement(name="layer 2", unit="nats", reason="not measured")
    found = profiled(layer("layer 0", 0.2), layer("layer 1", 0.7), absent)
    text = explanation("", found, Limit(name="lambda_1", at_most=0.5), Outcome.FAILED, ())
    looked = "look at the layers in the report; "
    assert f"{looked}layer 1 grows most, by 0.700 [0.600, 0.800] nats" in text
    text = explanation("", found, Limit(name="lambda_1", at_least=2), Outcome.FAILED, ())
    assert f"{looked}layer 0 grows least, by 0.200 [0.100, 0.300] nats" in text


# -- systems ---------------------------------------------------------------------------------------

LORENZ = Findings(model=replace(MODEL, pin="steps:lorenz", name="lorenz"), measurement=WITHIN)
KNOWN = Limit(name="lambda_1", at_least=0.886, at_most=0.926)


def test_a_system_is_told_without_model_and_prompt() -> None:
    assert sentence("steps:lorenz", "", WITHIN, KNOWN, Outcome.PASSED) == (
        "lorenz: lambda_1 0.900 [0.890, 0.910] is within at_least=0.886 and at_most=0.926 "
        "with 0.004 to spare"
    )
    text = explanation("said", LORENZ, KNOWN, Outcome.PASSED, ())
    assert text.splitlines() == [
        "said",
        "  nats per unit of time",
        "",
        "next:",
        "  nothing; the margin above says how much room is left",
    ]


@pytest.mark.parametrize("outcome", list(Outcome))
def test_what_to_do_about_a_system_speaks_of_no_prompt(outcome: Outcome) -> None:
    text = explanation("", LORENZ, KNOWN, outcome, ())
    assert not {"prompt", "prompts", "neighbors", "outputs", "edit"} & set(text.split())


def test_a_missed_known_answer_sends_to_the_curves() -> None:
    text = explanation("", LORENZ, KNOWN, Outcome.FAILED, ())
    assert "look at the curves in the report: was it followed far enough to settle?" in text


def test_without_an_interval_more_of_nothing_decides() -> None:
    bare = replace(WITHIN, low=None, high=None, interval="no interval: one trajectory")
    text = explanation("", replace(LORENZ, measurement=bare), KNOWN, Outcome.INCONCLUSIVE, ())
    assert "nothing is known about the spread: no interval: one trajectory" in text


def test_a_unit_without_an_option_is_named_all_the_same() -> None:
    wide = replace(WITHIN, value=0.92, high=0.95, resampled="trajectories", resampled_n=8)
    text = explanation("", replace(LORENZ, measurement=wide), KNOWN, Outcome.INCONCLUSIVE, ())
    # Half width 0.03 at 0.006 from the limit: (0.03 / 0.006)^2 * 8 = 200, less the eight.
    assert "the value sits on the limit" in text
    wide = replace(wide, resampled_n=20, value=0.91)
    text = explanation("", replace(LORENZ, measurement=wide), KNOWN, Outcome.INCONCLUSIVE, ())
    assert "measure about 105 more trajectories; or leave more room in the limit" in text


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
