"""The same neighborhoods on a model and on its fine-tuned successor, paired by prompt."""

import pytest

from pytest_promptchaos import load_model, measure_neighborhood

PROMPTS = [
    "What is the capital of France?",
    "What is the capital of Japan?",
    "Recommend a book like Dune.",
]


@pytest.mark.promptchaos(per_rung=6)
def test_robust_training_did_not_make_it_worse():
    share = {}
    for name in ("tiny-chat", "tiny-chat-robust"):
        findings = measure_neighborhood(
            load_model(f"bundled:{name}"), PROMPTS, rungs=["format"], metric="token_edit"
        )
        share[name] = findings.measurement.value
    assert share["tiny-chat-robust"] <= share["tiny-chat"]
