"""Does what one forward pass shows go with what the model does later, and inside models too?"""

import numpy as np
import pytest

from pytest_promptchaos import VerdictError, assert_bridge, bridge_table, measure_bridge

HYPOTHESIS = "profile_slope_mean ~ collapse_rate"


def study(inside, between=1.0):
    """Return a table of three models, 40 prompts each: how strong is it, inside and between?"""
    rng = np.random.default_rng(1)
    model, prompt = np.repeat([0, 1, 2], 40), np.tile(np.arange(40), 3)
    own = rng.normal(size=120)
    return {
        "condition": [f"HOMO_{'ABC'[one]}" for one in model],
        "seed_id": [f"seed_{one}" for one in prompt],
        "profile_slope_mean": 4 * between * model + own,
        "collapse_rate": 4 * between * model + inside * own + rng.normal(size=120),
    }


def test_an_association_inside_the_models_is_supported():
    assert_bridge(study(inside=2.0), [HYPOTHESIS])


def test_one_that_only_tells_models_apart_does_not_pass():
    with pytest.raises(VerdictError, match="between-model only"):
        assert_bridge(study(inside=0.0), [HYPOTHESIS])


def test_one_that_is_reversed_inside_the_models_is_called_so():
    (found,) = measure_bridge(study(inside=-2.0, between=2.0), [HYPOTHESIS]).bridge.associations
    assert found.standing == "sign conflict"
    assert found.pooled.value > 0 > found.within.value


def test_your_own_models_make_a_table(chaos_model):
    prompts = ["Compare tea and coffee.", "Describe a library.", "Why is the sky blue?"]
    table = bridge_table(
        [chaos_model, "bundled:tiny-chat-robust"],
        prompts,
        rotation=True,
        turns=5,
        repeats=2,
        horizon=8,
        tangents=4,
    )
    assert set(table.columns["condition"]) >= {"HOMO tiny-chat-robust", "HETERO_ROT"}
    assert table.rows == 3 * 3 * 2
    bridge = measure_bridge(table).bridge
    assert len(bridge.associations) == 6  # the published hypotheses
    assert bridge.unique <= bridge.rows == 18
