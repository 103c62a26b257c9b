"""The kinds of check that compare answers: around a prompt, between draws, between systems."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from pydantic import ConfigDict, Field, field_validator

from pytest_promptchaos.suite.check import ModelsAsked, OfPrompts
from pytest_promptchaos.suite.keys import (
    LEAST_BUDGET,
    Extract,
    FunctionName,
    Horizon,
    Horizons,
    JudgedRung,
    Metric,
    PerRung,
    Text,
    wrong,
)

SmallRung: TypeAlias = Literal["format", "punctuation", "synonym"]
"""A rung whose edits are made by rules, so that they can be combined."""

SMALL: Final[tuple[SmallRung, ...]] = ("format", "punctuation", "synonym")
FEWEST_DRAWS: Final = 4
"""As for :func:`measure_sampling`: fewer can show no difference, whatever is drawn."""


class _OfNeighborhoods(OfPrompts):
    model_config = ConfigDict(
        json_schema_extra={
            "not": {"required": ["horizon", "horizons"]},
            "if": {"properties": {"metric": {"const": "answer"}}, "required": ["metric"]},
            "then": {"required": ["extract"]},
        }
    )

    metric: Literal["semantic", "token_edit", "answer"] = Field(
        default="semantic",
        description="Distance between two answers; `answer` is the share of those that differ in "
        "what `extract` reads.",
    )
    rungs: tuple[JudgedRung, ...] = Field(
        default=SMALL, min_length=1, description="Rungs of the ladder that enter the mean."
    )
    horizon: Horizon | None = None
    horizons: Horizons | None = None
    per_rung: PerRung | None = None
    extract: Extract | None = None
    validator: FunctionName | None = Field(
        default=None,
        alias="validate",
        description="Function that says of an output whether it is right, or scores it from 0 to "
        "1, as package.module:function; imported when the check runs.",
    )
    branch_cards: Literal["off", "replay", "patch"] | None = Field(
        default=None,
        description="How a flip is explained: not at all, by replaying both futures, or by "
        "patching the residual stream too.",
    )

    @property
    def lengths(self) -> int | tuple[int, ...] | None:
        """The answer lengths at which distances are taken; ``None`` for the run's."""
        return self.horizons or self.horizon


class StableNeighborhoodCheck(_OfNeighborhoods):
    """Small edits of a prompt may change the answer only this much."""

    check: Literal["stable_neighborhood"] = Field(description="The kind of check.")
    at_most: float = Field(
        ge=0,
        lt=2,
        description="Limit on the mean distance between answers: semantic 0 to 2, token edit "
        "and answer 0 to 1.",
    )


class ResponsiveCheck(_OfNeighborhoods):
    """Requests that mean something else must change the answer at least this much."""

    check: Literal["responsive"] = Field(description="The kind of check.")
    at_least: float = Field(
        gt=0,
        lt=2,
        description="Limit on the mean distance between answers to requests that differ in "
        "meaning: semantic 0 to 2, token edit and answer 0 to 1.",
    )


class WorstNeighborCheck(OfPrompts):
    """The worst edit that a search finds may change the answer only this much."""

    check: Literal["worst_neighbor"] = Field(description="The kind of check.")
    at_most: float = Field(
        ge=0,
        lt=2,
        description="Limit on the largest distance found: semantic 0 to 2, token edit 0 to 1.",
    )
    metric: Metric = "token_edit"
    rungs: tuple[SmallRung, ...] = Field(
        default=SMALL,
        min_length=1,
        description="Rungs of the ladder whose edits the search combines.",
    )
    horizon: Horizon | None = None
    budget: int = Field(
        default=200, ge=LEAST_BUDGET, description="Answers per prompt that the search may ask for."
    )


class StableSamplingCheck(OfPrompts):
    """Small edits of a prompt may move sampled answers only this much beyond their own spread."""

    check: Literal["stable_sampling"] = Field(description="The kind of check.")
    at_most: float = Field(
        ge=0,
        lt=2,
        description="Limit on the distance between answers drawn for a prompt and for its "
        "neighbors, beyond that between answers drawn for one prompt.",
    )
    metric: Metric = "semantic"
    rungs: tuple[JudgedRung, ...] = Field(
        default=SMALL, min_length=1, description="Rungs of the ladder that enter the mean."
    )
    horizon: Horizon | None = None
    per_rung: PerRung | None = None
    draws: int = Field(
        default=30, ge=FEWEST_DRAWS, description="Answers drawn per prompt and neighbor."
    )
    temperature: float = Field(
        default=0.7, gt=0, description="What logits are divided by before a token is drawn."
    )
    top_p: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="Tokens are drawn from the fewest that hold this share of the probability.",
    )


class DriftCheck(OfPrompts):
    """Other systems may answer the same prompts only this differently from a reference."""

    check: Literal["drift"] = Field(description="The kind of check.")
    models: tuple[Text, ...] = Field(
        min_length=1,
        description="Pins of the systems to compare, two or more; one test covers them all.",
        json_schema_extra={"minItems": 2, "uniqueItems": True},
    )
    reference: Text | None = Field(
        default=None,
        description="The pin among `models` that the others are held against; the first when "
        "left out.",
    )
    at_most: float = Field(
        ge=0,
        lt=2,
        description="Limit on the mean distance between a system's answers and the reference's: "
        "semantic 0 to 2, token edit 0 to 1.",
    )
    metric: Metric = "semantic"
    rungs: tuple[JudgedRung, ...] = Field(
        default=SMALL,
        min_length=1,
        description="Rungs of the ladder on which the systems are compared, beside the prompts.",
    )
    horizon: Horizon | None = None
    per_rung: PerRung | None = None

    @property
    def models_asked(self) -> ModelsAsked:
        """Several: they are compared in one test."""
        return "several"

    @field_validator("models")
    @classmethod
    def _two_or_more(cls, pins: tuple[str, ...]) -> tuple[str, ...]:
        if len(pins) == 1:
            raise wrong("one model has nothing to drift from; name two or more")
        return pins
