"""Conversations of scripts whose collapse is known, through the checks that users call."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_promptchaos import ScriptedModel, VerdictError
from pytest_promptchaos.collapse_checks import CollapseKnobs, assert_no_collapse, measure_collapse
from pytest_promptchaos.conversing import Cast
from pytest_promptchaos.errors import ArgumentError, PromptError
from pytest_promptchaos.records import Outcome, Prompt
from pytest_promptchaos.session import Session, activated
from pytest_promptchaos.settings import Settings
from pytest_promptchaos.talks import check_judgeable, edits_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_promptchaos.records import Findings

SEEDS = [
    Prompt(id="tides", text="Why are there tides?", bucket="factual_qa"),
    Prompt(id="bread", text="Plan a morning of baking bread.", bucket="planning"),
    Prompt(id="bus", text="Should buses be free?", bucket="argumentative"),
    Prompt(id="poem", text="Rewrite a poem about rain.", bucket="creative_rewrite"),
    Prompt(id="list", text="List three metals.", bucket="instruction_following"),
]
NOVEL = (
    "The moon pulls the water of the sea.",
    "Copper turns green when it stands in the rain.",
    "My neighbor sold his bicycle for a violin.",
    "Bread needs flour, water, salt and patience.",
    "The parliament voted against the new tax.",
    "A falcon dives faster than a train.",
    "She forgot her umbrella in the library.",
    "Quantum computers are cooled with helium.",
    "The goalkeeper broke his finger in March.",
    "Volcanoes made the soil of this island.",
    "Jazz began in the streets of New Orleans.",
    "Wash the spinach twice before you cook it.",
)
LOOP = "I agree, that is a very good point."
OTHER = "Volcanoes made the soil of this island."


@pytest.fixture(scope="module", autouse=True)
def session() -> Iterator[Session]:
    with activated(Session(settings=Settings(), on_disk=False)) as active:
        yield active


def after(text: str) -> str:
    """The sentence behind the one that was said last; the first behind a seed prompt."""
    places = [place for place, one in enumerate(NOVEL) if text.endswith(one)]
    return NOVEL[(places[0] + 1) % len(NOVEL)] if places else NOVEL[len(text) % len(NOVEL)]


LOOPING = ScriptedModel("looping", lambda _: LOOP)
TALKATIVE = ScriptedModel("talkative", after)
SWINGING = ScriptedModel("swinging", lambda text: OTHER if text.endswith(LOOP) else LOOP)


def measured(model: object, **knobs: object) -> Findings:
    return measure_collapse(model, SEEDS, **{"turns": 10, "repeats": 1, "horizon": 32, **knobs})  # type: ignore[arg-type]


def also(findings: Findings, name: str) -> float | None:
    return next(one for one in findings.also if one.name == name).value


def test_a_model_that_repeats_itself_collapses_at_turn_five_in_every_conversation() -> None:
    found = measured(LOOPING)
    assert found.measurement.name == "collapse_incidence"
    assert found.measurement.value == 1
    assert also(found, "collapse_rate") == pytest.approx(0.6)
    assert {line.first for line in found.timelines} == {5}
    assert {line.condition for line in found.timelines} == {"HOMO looping"}
    assert {line.bucket for line in found.timelines} == {seed.bucket for seed in SEEDS}


def test_a_model_that_says_something_new_every_turn_does_not_collapse() -> None:
    found = measured(TALKATIVE)
    assert found.measurement.value == 0
    assert also(found, "lexical_collapse_incidence") == 0


def test_a_swing_between_two_sentences_is_a_collapse_unless_both_lags_must_be_still() -> None:
    swinging = measured(SWINGING)
    assert (swinging.measurement.value, also(swinging, "collapse_incidence, drift=both")) == (1, 0)
    still = measured(SWINGING, drift="both")
    assert still.measurement.value == 0
    assert also(still, "collapse_incidence, drift=matching") == 1


def test_models_in_rotation_take_turns_and_are_one_condition() -> None:
    found = measured([LOOPING, TALKATIVE])
    assert {line.condition for line in found.timelines} == {"HETERO_ROT"}
    assert found.model.name == "looping + talkative"
    shown = next(line for line in found.timelines if line.texts)
    assert shown.speakers[:3] == ("scripted:looping", "scripted:talkative", "scripted:looping")


def test_the_rate_can_be_judged_instead() -> None:
    found = measured(LOOPING, of="rate")
    assert found.measurement.name == "collapse_rate"
    assert found.measurement.value == pytest.approx(0.6)


def test_a_conversation_model_that_collapses_fails_and_says_where() -> None:
    with pytest.raises(VerdictError) as raised:
        assert_no_collapse(LOOPING, SEEDS, at_most=0.2, turns=10, repeats=1, horizon=32)
    verdict = raised.value.verdict
    assert verdict.outcome is Outcome.FAILED
    assert "collapse_incidence 1.000" in verdict.sentence
    assert "nobody knows how often the detector is right" in verdict.explanation
    assert "from turn 5 on, 6 of 10 turns" in verdict.explanation
    assert "no limit below 1 accepts it" in verdict.explanation
    assert "  turns    ....###### (# collapsed)" in verdict.explanation
    assert f"  turn 5    {LOOP!r}" in verdict.explanation


def test_one_that_does_not_passes() -> None:
    many = [Prompt(id=f"seed{n}", text=f"{'Please. ' * n}Why?") for n in range(24)]
    verdict = assert_no_collapse(TALKATIVE, many, at_most=0.2, turns=8, repeats=1, horizon=32)
    assert verdict.outcome is Outcome.PASSED


def test_a_full_context_is_no_evidence_and_says_how_many_it_stopped() -> None:
    short = ScriptedModel("short", after, context=80)
    with pytest.raises(VerdictError) as raised:
        assert_no_collapse(short, SEEDS, at_most=0.5, turns=10, repeats=1, horizon=32)
    assert raised.value.verdict.outcome is Outcome.INVALID
    control = next(one for one in raised.value.verdict.controls if one.name == "context")
    assert control.state == "failed"
    assert "stopped" in control.words
    assert "only 1 fitted" in raised.value.verdict.explanation


def test_a_model_that_says_nothing_is_no_evidence() -> None:
    with pytest.raises(VerdictError) as raised:
        assert_no_collapse(
            ScriptedModel("silent", lambda _: ""), SEEDS, at_most=0.5, turns=8, repeats=1
        )
    assert raised.value.verdict.outcome is Outcome.INVALID


def test_without_an_embedder_it_says_so_and_keeps_no_number(session: Session) -> None:
    with session.using(Settings(embedder="none")):
        found = measured(LOOPING)
    assert found.measurement.value is None
    assert "no embedder" in str(found.measurement.reason)


def test_labels_of_a_person_are_held_against_the_detector(tmp_path: Path) -> None:
    rows = "\n".join(f"HOMO looping,{seed.id},0,{int(seed.id != 'bus')}" for seed in SEEDS)
    labels = tmp_path / "anna.csv"
    labels.write_text(f"condition,seed_id,repeat_index,label\n{rows}\n")
    found = measured(LOOPING, labels=labels)
    against = next(one for one in found.agreements if one.kind == "detector and labels")
    assert (against.both, against.first_only, against.second_only, against.neither) == (4, 1, 0, 0)
    control = next(one for one in found.controls if one.name == "detector reliability")
    assert "anna" in control.words
    # Of 5 collapsed, anna calls 4 so: p = 0.8, kappa 0, PABAK 2 p - 1, positive 8 / 9, no free.
    assert control.words == (
        "kappa 0.000 with anna over 5 conversations (raw agreement 80.0%, PABAK 0.600, AC1 0.756, "
        "on collapsed 0.889, on free 0.000, 90.0% collapsed); all 5 labeled are among these"
    )


def test_labels_that_cannot_be_read_are_counted_where_the_reliability_is_told(
    tmp_path: Path,
) -> None:
    for condition in ("HOMO looping", "HOMO_A"):
        labels = label_file(tmp_path / "anna.csv", condition, SEEDS)
        labels.write_text(labels.read_text().replace("bus,0,1", "bus,0,maybe"))
        found = measured(LOOPING, labels=labels)
        control = next(one for one in found.controls if one.name == "detector reliability")
        assert "1 of 5 labels cannot be read" in control.words
        assert "row 3: 'maybe'" in control.words


def label_file(path: Path, condition: str, seeds: list[Prompt]) -> Path:
    rows = "\n".join(f"{condition},{seed.id},0,1" for seed in seeds)
    path.write_text(f"condition,seed_id,repeat_index,label\n{rows}\n")
    return path


def test_labels_of_several_files_are_of_several_raters(tmp_path: Path) -> None:
    files = [label_file(tmp_path / f"{who}.csv", "HOMO looping", SEEDS) for who in ("anna", "ben")]
    found = measured(LOOPING, labels=files)
    assert {one.second for one in found.agreements if one.kind == "detector and labels"} == {
        "anna",
        "ben",
        "consensus of raters",
    }


def test_labels_of_other_conversations_leave_the_reliability_unknown(tmp_path: Path) -> None:
    labels = label_file(tmp_path / "anna.csv", "HOMO_A", SEEDS)
    control = next(
        one
        for one in measured(LOOPING, labels=labels).controls
        if one.name == "detector reliability"
    )
    assert control.state == "absent"
    assert control.words == (
        "5 labels match none of 5 conversations: the first label is of HOMO_A / tides / 0, and "
        "here there is HOMO looping / tides / 0, so nobody knows how often it is right"
    )


def test_labels_that_match_in_part_say_how_many_do_not(tmp_path: Path) -> None:
    files = [
        label_file(tmp_path / "anna.csv", "HOMO looping", SEEDS[:3]),
        label_file(tmp_path / "ben.csv", "HOMO_A", SEEDS[:2]),
    ]
    found = measured(LOOPING, labels=files)
    control = next(one for one in found.controls if one.name == "detector reliability")
    assert control.state == "held"
    assert "with anna over 3" in control.words
    assert "ben labels none of these" in control.words
    assert "2 of 5 labeled are not among these (HOMO_A / tides / 0, HOMO_A" in control.words


def test_the_two_detectors_are_held_against_each_other() -> None:
    found = measured(LOOPING)
    conversations, turns = (one for one in found.agreements if one.kind == "two detectors")
    assert conversations.n == len(SEEDS)
    assert turns.n == len(SEEDS) * 6


def test_depth_is_followed_at_the_turns_that_are_named(tiny_model: object) -> None:
    found = measure_collapse(
        tiny_model,  # type: ignore[arg-type]
        SEEDS[:2],
        turns=5,
        repeats=1,
        horizon=8,
        depth_turns=(1, 4),
        tangents=2,
    )
    turns = [[turn for turn, _ in line.growth] for line in found.timelines]
    told = [one for one in found.controls if one.name == "depth of turns"]
    assert sum(map(len, turns)) + sum(int(one.words.split()[0]) for one in told) == 4
    assert {number for numbers in turns for number in numbers} <= {1, 4}


def test_depth_of_a_script_is_absent_and_counted() -> None:
    found = measured(LOOPING, depth_turns=(1,))
    told = next(one for one in found.controls if one.name == "depth of turns")
    assert told.words == "5 turns: scripted:looping is a script and has no layers"


@pytest.mark.parametrize(
    ("knobs", "told"),
    [
        ({"drift": "neither"}, "drift is 'neither'"),
        ({"censor": "before"}, "censor is 'before'"),
        ({"of": "share"}, "of is 'share'"),
        ({"turn": 10}, "did you mean 'turns'"),
        ({"depth_turns": (11,)}, "a turn of depth_turns is 11, but the conversations have 10"),
        ({"turns": 0}, "turns is 0"),
        ({"condition": ""}, "the condition is ''"),
        ({"transcripts": -1}, "transcripts is -1"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(knobs: dict[str, object], told: str) -> None:
    with pytest.raises(ArgumentError, match=told):
        measured(LOOPING, **knobs)


def test_the_names_of_arguments_are_told_once() -> None:
    with pytest.raises(ArgumentError) as raised:
        measured(LOOPING, turn=10)
    names = str(raised.value).partition("it takes ")[2].split(" or ")
    assert len(names) == len(set(names)) == len(CollapseKnobs.__annotations__)


@pytest.mark.parametrize("models", [[], ()])
def test_no_model_is_said_to_be_missing(models: object) -> None:
    with pytest.raises(ArgumentError, match=r"the model is .*, so nobody speaks: pass one model"):
        measured(models)


@pytest.mark.parametrize(("asked", "kept"), [({}, 3), ({"transcripts": 0}, 0)])
def test_as_many_conversations_keep_their_texts_as_are_asked_for(
    asked: dict[str, int], kept: int
) -> None:
    assert sum(bool(line.texts) for line in measured(TALKATIVE, **asked).timelines) == kept


def test_all_of_them_can_be_read_whether_they_collapse_or_not() -> None:
    found = measured([LOOPING, TALKATIVE], transcripts=len(SEEDS))
    assert {line.texts[::2] for line in found.timelines} == {(LOOP,) * 5}
    assert {len(line.texts) for line in measured(TALKATIVE, transcripts=99).timelines} == {10}


def test_too_few_turns_have_no_number_and_say_why() -> None:
    found = measured(LOOPING, turns=4)
    assert found.measurement.value is None
    assert "turn 5 is the earliest that can be called collapsed" in str(found.measurement.reason)


def test_repeats_of_a_few_seed_prompts_do_not_pass_for_many() -> None:
    few = {"turns": 8, "horizon": 32, "repeats": 12}
    with pytest.raises(VerdictError) as raised:
        assert_no_collapse(TALKATIVE, SEEDS[:3], at_most=0.3, **few)  # type: ignore[arg-type]
    told = raised.value.verdict
    assert told.outcome is Outcome.INCONCLUSIVE
    assert "from these 3 seed prompts only; up to 63% of others may still collapse" in (
        told.explanation
    )
    # 0.05^(1/9) leaves 28% of others.
    assert "measure about 6 more seed prompts" in told.explanation


def test_a_limit_that_nothing_could_fail_is_refused() -> None:
    with pytest.raises(ArgumentError, match="everything would pass"):
        assert_no_collapse(LOOPING, SEEDS, at_most=1.0)


def test_seed_prompts_of_one_id_are_refused() -> None:
    with pytest.raises(PromptError, match="given more than once"):
        measure_collapse(LOOPING, [SEEDS[0], SEEDS[0]])


@pytest.mark.parametrize(
    ("turns", "at_most", "most"),
    [(6, 0.35, "2 can be called collapsed at most, a rate of 0.333"), (40, 0.9, "36 .* 0.9")],
)
def test_a_rate_that_so_many_turns_cannot_reach_is_no_limit(
    session: Session, turns: int, at_most: float, most: str
) -> None:
    before = session.counts.measured
    with pytest.raises(ArgumentError, match=f"of {turns} turns {most}: everything would pass"):
        assert_no_collapse(LOOPING, SEEDS, at_most=at_most, of="rate", turns=turns)
    assert session.counts.measured == before


def test_below_that_a_model_that_always_collapses_is_not_green() -> None:
    with pytest.raises(VerdictError, match=r"0\.333"):
        assert_no_collapse(LOOPING, SEEDS, at_most=0.33, of="rate", turns=6, repeats=1)


def test_turns_too_few_for_a_label_are_refused() -> None:
    for of in ("incidence", "rate"):
        with pytest.raises(ArgumentError, match=r"turn 5 is the earliest .* ask for at least 5"):
            assert_no_collapse(LOOPING, SEEDS, at_most=0.1, turns=4, of=of)


def test_a_lower_limit_that_so_many_turns_cannot_reach_is_refused() -> None:
    check_judgeable("incidence", 40, at_least=1.0, at_most=0.99)
    check_judgeable("rate", 40, at_least=0.9, at_most=0.89)
    with pytest.raises(ArgumentError, match=r"at_least is 0\.91, .*: nothing could pass"):
        check_judgeable("rate", 40, at_least=0.91)


def test_prompts_and_changed_weights_are_told_apart_by_the_settings() -> None:
    found = measured(LOOPING)
    digests = str(found.settings["prompt_digests"]).split(", ")
    assert len(set(digests)) == len(SEEDS)
    assert "edits" not in found.settings


def test_weights_that_were_changed_in_place_are_told() -> None:
    import torch

    with activated(Session(settings=Settings(), on_disk=False)) as own:
        model = own.model("bundled:tiny-chat")
        cast = Cast("HOMO", (model,))
        weight = next(model.network.parameters())
        assert edits_of(cast) == {}
        with torch.no_grad():
            weight.mul_(2)
        assert edits_of(cast) == {"edits": model.edits}
        assert len(model.edits) == 64
