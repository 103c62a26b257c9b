"""Models and sessions that tests share: loading them once keeps the suite fast."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# Set before anything imports transformers: a test that wants a hub would hang, not fail.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Before torch, too: two workers with all cores each spend their time waiting for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("PYTHONPATH", str(Path(__file__).parent))

if TYPE_CHECKING:
    from pytest_promptchaos.models.language import LanguageModel

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def tiny_chat() -> Path:
    """The directory of the bundled model."""
    return ROOT / "pytest_promptchaos" / "models" / "bundled" / "tiny-chat"


@pytest.fixture(scope="session")
def tiny_model() -> LanguageModel:
    """The bundled model, loaded once."""
    from pytest_promptchaos.models.language import LanguageModel
    from pytest_promptchaos.models.pins import parse_pin

    return LanguageModel(parse_pin("bundled:tiny-chat"))
