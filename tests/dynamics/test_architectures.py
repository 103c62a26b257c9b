"""Depth of one tiny random model of many families; docs/architectures.md holds all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from transformers import logging

from benchmarks.architectures import survey
from benchmarks.tiny_models import config_classes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.architecture_table import Report

FAMILIES = {
    "full attention": "gpt2 llama qwen2 qwen3 gpt_neox gptj opt phi phi3 stablelm olmo2 bert bart",
    "sliding windows": "mistral gemma2 gemma3_text cohere2 starcoder2",
    "ALiBi": "bloom mpt",
    "compressed attention": "deepseek_v2 deepseek_v4 glm_moe_dsa",
    "experts": "mixtral qwen3_moe gpt_oss llama4_text",
    "state spaces": "mamba mamba2 falcon_mamba rwkv",
    "hybrids": "jamba zamba bamba nemotron_h recurrent_gemma lfm2 qwen3_next",
    "more than one state": "gemma3n_text gemma4_text zaya hrm_text reformer xlnet",
}
TYPES = [model_type for types in FAMILIES.values() for model_type in types.split()]


@pytest.fixture(scope="module", params=TYPES)
def report(request: pytest.FixtureRequest) -> Iterator[Report]:
    """What holds for the model type, and why the rest does not."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    yield survey(next(c for c in config_classes() if c.model_type == request.param))
    logging.set_verbosity(verbosity)


def test_the_profile_is_finite(report: Report) -> None:
    assert report.finite, report.reason


def test_the_replayed_layers_give_the_ordinary_forward(report: Report) -> None:
    assert report.parity is not None, report.reason
    assert report.parity < 1e-4


def test_the_tangent_agrees_with_finite_differences(report: Report) -> None:
    assert report.difference is not None, report.reason
    assert report.difference < 1e-4
