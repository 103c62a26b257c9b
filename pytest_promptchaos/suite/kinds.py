"""The kinds of check that a suite may hold: one model each, every key with its description."""

from __future__ import annotations

from typing import TypeAlias

from pytest_promptchaos.suite.answer_kinds import ConsistentAnswersCheck
from pytest_promptchaos.suite.conversation_kinds import BridgeCheck, NoCollapseCheck
from pytest_promptchaos.suite.depth_kinds import DepthProfileCheck, FtleCheck, SystemCheck
from pytest_promptchaos.suite.neighborhood_kinds import (
    DriftCheck,
    ResponsiveCheck,
    StableNeighborhoodCheck,
    StableSamplingCheck,
    WorstNeighborCheck,
)

ModelCheck: TypeAlias = (
    StableNeighborhoodCheck
    | ResponsiveCheck
    | StableSamplingCheck
    | WorstNeighborCheck
    | FtleCheck
    | DepthProfileCheck
)
"""A check that asks a model: it makes one test per model."""

PromptCheck: TypeAlias = ModelCheck | DriftCheck | NoCollapseCheck | BridgeCheck
"""A check that asks prompts: of one model, or of several at a time."""

Check: TypeAlias = PromptCheck | ConsistentAnswersCheck | SystemCheck

__all__ = [
    "BridgeCheck",
    "Check",
    "ConsistentAnswersCheck",
    "DepthProfileCheck",
    "DriftCheck",
    "FtleCheck",
    "ModelCheck",
    "NoCollapseCheck",
    "PromptCheck",
    "ResponsiveCheck",
    "StableNeighborhoodCheck",
    "StableSamplingCheck",
    "SystemCheck",
    "WorstNeighborCheck",
]
