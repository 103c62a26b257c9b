"""Conversations of a model with itself, and of models with each other, must not get stuck."""

from pytest_promptchaos import Prompt, ScriptedModel, assert_no_collapse, measure_collapse

SEEDS = [
    Prompt(id="tea", bucket="comparison", text="Compare tea and coffee."),
    Prompt(
        id="novel", bucket="comparison", text="What is the difference between a novel and a poem?"
    ),
    Prompt(id="library", bucket="description", text="Describe a library."),
    Prompt(id="market", bucket="description", text="Describe a market in a few sentences."),
    Prompt(id="sky", bucket="explanation", text="Why is the sky blue?"),
    Prompt(id="rain", bucket="explanation", text="Explain why it rains."),
]
SHORT = {"turns": 6, "repeats": 1, "horizon": 12}  # published: 40 turns, 5 repeats, 256 tokens


def test_a_model_does_not_get_stuck_with_itself(chaos_model):
    assert_no_collapse(chaos_model, SEEDS, at_most=0.7, **SHORT)


def test_two_models_in_turn_do_not_either():
    models = ["bundled:tiny-chat", "bundled:tiny-chat-robust"]
    assert_no_collapse(models, SEEDS, at_most=0.7, **SHORT)


def test_every_conversation_can_be_looked_at(chaos_model):
    findings = measure_collapse(chaos_model, SEEDS, depth_turns=[1, 6], **SHORT)
    for line in findings.timelines:
        assert len(line.collapsed) == len(line.s1) == line.turns == 6
        # How fast a small difference grows through depth, at the first turn and at the last.
        assert [turn for turn, _ in line.growth] == [1, 6]


def test_both_readings_of_the_detector_stand_beside_each_other():
    # Two sentences in turn: every turn is like the one before the last, and unlike the last.
    yes, no = "Yes, I agree, that is a wonderful idea.", "No: the bridge is closed until Friday."
    model = ScriptedModel("yes, then no", lambda text: no if text.endswith(yes) else yes)
    findings = measure_collapse(model, SEEDS, turns=8, repeats=1)
    other = next(one for one in findings.also if one.name == "collapse_incidence, drift=both")
    assert (findings.measurement.value, other.value) == (1.0, 0.0)
    assert {line.first for line in findings.timelines} == {5}  # three such turns in a row


def test_labels_of_people_say_how_far_the_detector_is_to_be_trusted(tmp_path):
    model = ScriptedModel("agrees", lambda _: "Yes, I agree, that is a wonderful idea.")
    rows = ["condition,seed_id,repeat_index,label"]
    rows += [f"AGREES,{seed.id},0,{int(seed.bucket != 'comparison')}" for seed in SEEDS]
    labels = tmp_path / "labels.csv"
    labels.write_text("\n".join(rows))
    findings = measure_collapse(model, SEEDS, condition="AGREES", labels=labels, turns=8, repeats=1)
    people = next(one for one in findings.agreements if one.kind == "detector and labels")
    assert (people.both, people.first_only) == (4, 2)
    assert people.raw.value == 4 / 6
