"""What a failure says of conversations."""

from __future__ import annotations

from dataclasses import replace

from pytest_promptchaos.measure.detector import Thresholds
from pytest_promptchaos.records import Control, Findings, Measurement, ModelIdentity, Timeline
from pytest_promptchaos.verdict.conversations import FEWEST_TURNS, mends, worst_conversation

MODEL = ModelIdentity(
    pin="bundled:a",
    name="a",
    revision="",
    fingerprint="",
    template="",
    dtype="",
    device="",
    attention="",
)
CALM = Timeline(
    condition="HOMO a", seed_id="tides", bucket="", repeat=0, asked=6, collapsed=(False,) * 6
)
LOOP = replace(
    CALM,
    seed_id="bread",
    bucket="planning",
    collapsed=(False, False, False, False, True, False),
    texts=("Mix.", "Knead.", "Bake.", "Bake.", "Bake.", "Eat."),
    speakers=("bundled:a",) * 6,
)


def test_no_collapse_is_not_told() -> None:
    assert worst_conversation([CALM]) == []
    assert worst_conversation([]) == []


def test_the_most_collapsed_is_told_with_its_first_loop() -> None:
    assert worst_conversation([CALM, LOOP]) == [
        "",
        "most collapsed: HOMO a, seed prompt 'bread' (planning), repeat 0: from turn 5 on, 1 of 6 "
        "turns",
        "  turns    ....#. (# collapsed)",
        "  turn 3    'Bake.'",
        "  turn 4    'Bake.'",
        "  turn 5    'Bake.'",
    ]


def test_the_one_whose_words_are_kept_is_told_before_one_that_collapsed_more() -> None:
    silent = replace(LOOP, collapsed=(False,) * 4 + (True,) * 2, texts=(), seed_id="rain")
    told = worst_conversation([silent, LOOP])
    assert "'bread'" in told[1]
    assert "'rain'" in worst_conversation([CALM, silent])[1]


def test_a_long_turn_is_cut() -> None:
    long = replace(LOOP, texts=("word " * 100,) * 6)
    assert all(len(line) < 120 for line in worst_conversation([long])[3:])


# -- what to do where a control failed ------------------------------------------------------------


def stopped(*turns: int, control: str = "context", state: str = "failed") -> Findings:
    lines = (replace(CALM, asked=40, collapsed=(False,) * count) for count in turns)
    failed = Control(name=control, role="gate", state=state, words="seen")  # type: ignore[arg-type]
    return Findings(
        model=MODEL,
        measurement=Measurement(name="collapse_incidence", unit="share", value=0.0),
        timelines=tuple(lines),
        controls=(failed,),
    )


def test_a_full_context_asks_for_the_turns_that_fitted_everywhere() -> None:
    assert mends(stopped(12, 9, 40)) == [
        "  ask for turns=9, which fitted in every conversation; a smaller horizon= leaves room "
        "for more"
    ]


def test_where_too_few_turns_fit_only_shorter_ones_help() -> None:
    assert Thresholds().earliest == FEWEST_TURNS
    assert mends(stopped(12, 4)) == [
        "  ask for fewer tokens per turn, horizon=: only 4 fitted, and turn 5 is the first that "
        "can be labelled"
    ]


def test_silence_sends_to_the_template_and_what_held_to_nothing() -> None:
    (told,) = mends(stopped(40, control="silent turns"))
    assert "does the model have its chat template" in told
    assert mends(stopped(12, state="held")) == []
