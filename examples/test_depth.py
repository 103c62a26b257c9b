"""How a perturbation grows through the layers, and how two models compare."""

import pytest

from pytest_promptchaos import assert_ftle, load_model, measure_ftle

PROMPTS = ["What is the capital of France?", "Recommend a book like Dune."]


@pytest.mark.parametrize("text", PROMPTS)
def test_growth_stays_bounded(chaos_model, text):
    assert_ftle(chaos_model, text, at_most=3.0)


def test_the_profile_can_be_read_layer_by_layer(chaos_model):
    findings = measure_ftle(chaos_model, PROMPTS)
    profile = findings.curves[0]
    assert len(profile.y) == chaos_model.config.num_hidden_layers
    assert findings.measurement.low <= findings.measurement.value <= findings.measurement.high


def test_fine_tuning_did_not_change_the_growth_much():
    base = measure_ftle(load_model("bundled:tiny-chat"), PROMPTS).measurement.value
    tuned = measure_ftle(load_model("bundled:tiny-chat-robust"), PROMPTS).measurement.value
    assert abs(base - tuned) < 0.5
