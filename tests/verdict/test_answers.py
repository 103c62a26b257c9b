"""What a failure says of propositions asked in several phrasings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_promptchaos.records import (
    Answer,
    Control,
    Findings,
    Limit,
    Measurement,
    ModelIdentity,
    Outcome,
    Quadrant,
    Sample,
)
from pytest_promptchaos.verdict.answers import (
    look,
    mend_answers,
    quadrants_line,
    worst_sample,
)
from pytest_promptchaos.verdict.explain import explanation, sentence

MODEL = ModelIdentity(
    pin="bundled:x",
    name="x",
    revision="",
    fingerprint="",
    template="",
    dtype="",
    device="",
    attention="",
)
IDEAL = Limit(name="ideal_share", at_least=0.8)
FLIPS = Limit(name="flip_rate", at_most=0.1)
YES = Answer(
    phrasing="is",
    kind="presence",
    question="Is there an effusion?",
    polarity=1,
    condition="as is",
    said="yes",
    rule="begins with 'Yes'",
    text="Yes.",
    margin=4.125,
)
CAN = replace(
    YES, kind="rule out", question="Can you rule out an effusion?", polarity=-1, margin=2.3
)
FREE = replace(
    YES, kind="free", question="Is it free of effusion?", polarity=-1, said="no", margin=-3
)
OPEN = replace(FREE, said="unclear", rule="neither yes nor no", text="It depends.")


def sample(*answers: Answer, quadrant: Quadrant | None = "fragile", **other: object) -> Sample:
    told: dict[str, object] = {
        "id": "p03 effusion",
        "shown": "p03",
        "proposition": "effusion",
        "truth": True,
        "answers": answers,
        "quadrant": quadrant,
    }
    return Sample(**(told | other))  # type: ignore[arg-type]


def share(name: str, value: float, low: float, high: float, *parts: Measurement) -> Measurement:
    return Measurement(
        name=name,
        unit="share, 0 to 1",
        value=value,
        low=low,
        high=high,
        interval="clustered by image",
        resampled="images",
        resampled_n=24,
        n=24,
        effective_n=24,
        breakdown=parts,
    )


RATE = share(
    "flip_rate", 0.31, 0.2, 0.42, share("free", 0, 0, 0.1), share("rule out", 0.92, 0.8, 1)
)
FINDINGS = Findings(
    model=MODEL,
    measurement=share("ideal_share", 0.5, 0.31, 0.68),
    also=(RATE,),
    samples=(sample(YES, FREE, CAN), sample(YES, FREE, quadrant="ideal")),
    controls=(Control(name="image reliance", role="gate", state="held", words="24 of 24"),),
)


def told(outcome: Outcome, findings: Findings = FINDINGS, limit: Limit = IDEAL) -> list[str]:
    first = sentence("bundled:x", "effusion", findings.measurement, limit, outcome)
    text = explanation(first, findings, limit, outcome, findings.controls)
    return [line.strip() for line in text.splitlines() if line]


def test_a_failure_reads_from_the_number_to_the_next_step() -> None:
    assert told(Outcome.FAILED) == [
        "bundled:x asked about effusion: ideal_share 0.500 [0.310, 0.680] is outside "
        "ideal_at_least=0.8",
        "share, 0 to 1; clustered by image",
        "quadrants of 2 samples: 1 ideal (agree, and rest on the image), 1 fragile (rest on it "
        "only)",
        "worst sample: 'effusion' of 'p03' (it holds): 1 of 2 phrasings contradict the first; "
        "fragile",
        "- 'Is there an effusion?'          yes: affirmed, margin +4.12",
        "- 'Can you rule out an effusion?'  yes: denied, margin +2.30",
        "controls:",
        "ok     image reliance: 24 of 24",
        "next:",
        "read the flips by phrasing kind in the report; 'rule out' flips most, "
        "0.920 [0.800, 1.000]",
        "to accept it as it is, set ideal_at_least below the interval's lower end, 0.310, in a "
        "file that is reviewed",
    ]


def test_a_flip_rate_is_held_against_what_the_user_typed() -> None:
    lines = told(Outcome.FAILED, replace(FINDINGS, measurement=RATE, also=()), FLIPS)
    assert lines[0].endswith("flip_rate 0.310 [0.200, 0.420] is outside flips_at_most=0.1")
    assert lines[-2].endswith("'rule out' flips most, 0.920 [0.800, 1.000]")
    assert "set flips_at_most above the interval's upper end, 0.420" in lines[-1]


@pytest.mark.parametrize(
    ("measurement", "limit", "words"),
    [
        (share("ideal_share", 0.0, 0.0, 0.1), IDEAL, "no limit that says anything accepts it"),
        (share("flip_rate", 0.9, 0.8, 1.0), FLIPS, "no limit below 1 accepts it"),
    ],
)
def test_nobody_is_told_to_set_a_limit_that_means_nothing(
    measurement: Measurement, limit: Limit, words: str
) -> None:
    assert told(Outcome.FAILED, replace(FINDINGS, measurement=measurement), limit)[-1].startswith(
        words
    )


def test_a_pass_tells_its_quadrants_and_no_sample() -> None:
    passed = told(Outcome.PASSED, replace(FINDINGS, measurement=share("ideal_share", 1, 0.9, 1)))
    assert passed[0].endswith("is within ideal_at_least=0.8 with 0.100 to spare")
    assert passed[2].startswith("quadrants of 2 samples: ")
    assert not any("worst sample" in line for line in passed)


def test_what_straddles_its_limit_asks_for_images() -> None:
    close = replace(FINDINGS, measurement=share("ideal_share", 0.7, 0.55, 0.85))
    lines = told(Outcome.INCONCLUSIVE, close)
    assert any("more images" in line for line in lines)
    assert "pass more images; more phrasings of the same ones narrow it less" in lines


# -- flips ----------------------------------------------------------------------------------------


def test_yes_and_yes_of_opposite_polarity_contradict_and_yes_and_no_agree() -> None:
    assert sample(YES, FREE, CAN).flips == (CAN,)
    assert sample(YES, OPEN).flips == ()
    assert sample(OPEN, YES, CAN).flips == ()


def test_the_sample_that_flips_most_and_most_surely_is_told() -> None:
    few = sample(YES, FREE, CAN, shown="few")
    many = sample(YES, CAN, CAN, shown="many")
    sure = sample(YES, CAN, replace(CAN, margin=3.9), shown="sure")
    assert "'many'" in worst_sample([few, many])[1]
    assert "'sure'" in worst_sample([few, many, sure])[1]
    assert "margin +3.90" in worst_sample([sure])[3]


def test_where_nothing_flips_a_sample_that_does_without_the_image_is_told() -> None:
    removed = replace(YES, condition="removed", margin=4.0)
    swapped = replace(YES, condition="swapped", change="p07", margin=3.5)
    other = replace(FREE, condition="removed")
    blind = sample(YES, FREE, removed, swapped, other, quadrant="dangerous", truth=False)
    assert worst_sample([sample(YES, FREE, quadrant="ideal"), blind]) == [
        "",
        "worst sample: 'effusion' of 'p03' (it does not hold): what is shown alone does not "
        "decide the answer; dangerous",
        "  asked     'Is there an effusion?'",
        "  - as it is          yes: affirmed, margin +4.12",
        "  - nothing shown     yes: affirmed, margin +4.00",
        "  - another one: p07  yes: affirmed, margin +3.50",
    ]


def test_where_answers_are_left_open_one_is_told_with_the_rule_that_read_it() -> None:
    assert worst_sample([sample(YES, OPEN, truth=None)]) == [
        "",
        "worst sample: 'effusion' of 'p03': 1 of 2 answers are unclear; fragile",
        "  - 'Is it free of effusion?'  answered 'It depends.': neither yes nor no",
    ]


def test_of_ideal_samples_none_is_worst() -> None:
    assert worst_sample([sample(YES, FREE, quadrant="ideal")]) == []
    assert worst_sample([]) == quadrants_line([]) == []


def test_a_long_question_is_cut_and_a_missing_margin_left_out() -> None:
    long = replace(CAN, question="Is it so? " * 40, margin=None)
    lines = worst_sample([sample(YES, long)])
    assert all(len(line) < 110 for line in lines[2:])
    assert lines[-1].endswith("yes: denied")


# -- quadrants ------------------------------------------------------------------------------------


def test_samples_without_a_quadrant_are_counted_with_their_reason() -> None:
    lost = sample(YES, quadrant=None, reason="no usable swap")
    assert quadrants_line([sample(YES, quadrant="worst"), lost, lost]) == [
        "  quadrants of 1 of 3 samples: 1 worst (neither), 2 without a quadrant (no usable swap)"
    ]
    other = replace(lost, reason="the first answer is unclear")
    (line,) = quadrants_line([lost, lost, other])
    assert line.endswith("3 without a quadrant (no usable swap, and 1 more reason)")


# -- what to do -----------------------------------------------------------------------------------


def test_where_most_are_dangerous_a_low_flip_rate_is_called_no_merit() -> None:
    blind = replace(FINDINGS, samples=(sample(YES, FREE, quadrant="dangerous"),) * 2)
    assert "a low flip rate is no merit there" in look(blind)
    assert look(replace(FINDINGS, also=())) == "read the flips by phrasing kind in the report"


@pytest.mark.parametrize(
    ("control", "words"),
    [
        ("image reliance", "does the picture reach the model"),
        ("positive control", "truth="),
        ("image perturbed", "brightness or a crop"),
        ("unclear answers", "Answer yes or no."),
    ],
)
def test_a_failed_control_says_what_to_mend(control: str, words: str) -> None:
    failed = Control(name=control, role="gate", state="failed", words="seen")
    voided = replace(FINDINGS, controls=(failed,))
    (line,) = mend_answers(voided)
    assert words in line
    assert line.strip() in told(Outcome.INVALID, voided)
    assert mend_answers(replace(voided, samples=())) == []
    assert mend_answers(FINDINGS) == []
