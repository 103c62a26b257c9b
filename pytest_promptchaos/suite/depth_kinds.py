"""The kinds of check that follow a difference through depth: growth rate, profile, systems."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import ConfigDict, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from pytest_promptchaos.suite.check import Bounded, Limited, ModelsAsked, OfPrompts, one_of
from pytest_promptchaos.suite.keys import Null  # noqa: TC001 - pydantic reads it

Tangents: TypeAlias = Annotated[
    int, Field(ge=2, description="Random directions followed through the layers.")
]
Positions: TypeAlias = Annotated[
    Literal["prompt", "last", "assistant"],
    Field(
        description="Tokens that are perturbed: the whole prompt, its last, or those of the "
        "model's own first answer."
    ),
]
Measures: TypeAlias = Annotated[
    tuple[
        Literal[
            "readout", "spectrum", "leading", "amplitudes", "blocks", "residual", "mohammad-2026"
        ],
        ...,
    ],
    Field(description="Further measures to show beside the growth rate."),
]


class FtleCheck(Bounded, OfPrompts):
    """A small difference may grow through the depth of the model only this fast."""

    check: Literal["ftle"] = Field(description="The kind of check.")
    at_most: float | None = Field(
        default=None,
        description="Upper limit on the finite-depth growth rate, in nats per layer; 0 neither "
        "grows nor shrinks.",
    )
    at_least: float | None = Field(
        default=None, description="Lower limit on the same rate, in nats per layer."
    )
    tangents: Tangents = 10
    positions: Positions = "prompt"
    beside: Measures = ("readout",)
    null: Null | None = None


class DepthProfileCheck(Limited, OfPrompts):
    """The growth of a small difference, layer by layer, must have this shape."""

    limits = ("variance_at_most", "slope_between", "no_layer_above")
    model_config = ConfigDict(json_schema_extra=one_of(*limits))

    check: Literal["depth_profile"] = Field(description="The kind of check.")
    variance_at_most: float | None = Field(
        default=None, ge=0, description="Limit on the variance over layers, in squared nats."
    )
    slope_between: tuple[float, ...] | None = Field(
        default=None,
        description="Limits [low, high] on the slope over layers, in nats per layer, per layer.",
        json_schema_extra={"minItems": 2, "maxItems": 2},
    )
    no_layer_above: float | None = Field(
        default=None, description="Limit on the growth in any one layer, in nats."
    )
    tangents: Tangents = 10
    positions: Positions = "prompt"
    beside: Measures = ("readout",)
    null: Null | None = None

    @field_validator("slope_between")
    @classmethod
    def _low_and_high(cls, slopes: tuple[float, ...] | None) -> tuple[float, ...] | None:
        if slopes is not None and (len(slopes) != 2 or slopes[0] >= slopes[1]):
            written = f"[{', '.join(f'{slope:g}' for slope in slopes)}]"
            words = "two numbers are meant, the lower one first: [low, high], not {written}"
            raise PydanticCustomError("slope_between", words, {"written": written})
        return slopes


class SystemCheck(Bounded):
    """A system with a known answer must show it; no model and no prompt is needed."""

    model_config = ConfigDict(
        json_schema_extra={
            **one_of("at_most", "at_least"),
            "if": {"properties": {"system": {"const": "tanh"}}},
            "then": {"required": ["radius", "weights"]},
            "else": {"properties": {"radius": False, "weights": False}},
        }
    )

    check: Literal["system"] = Field(description="The kind of check.")
    system: Literal["logistic", "henon", "lorenz", "rossler", "tanh", "tanh_sweep"] = Field(
        description="The system that is followed."
    )
    at_most: float | None = Field(
        default=None, description="Upper limit on what the system is known for."
    )
    at_least: float | None = Field(default=None, description="Lower limit on the same.")
    radius: float | None = Field(
        default=None, gt=0, description="Spectral radius of the weights of system tanh."
    )
    weights: Literal["tied", "fresh"] | None = Field(
        default=None,
        description="Whether the layers of system tanh share their weights or draw fresh ones.",
    )

    @property
    def models_asked(self) -> ModelsAsked:
        """None: a system is no model."""
        return "none"

    @field_validator("radius", "weights")
    @classmethod
    def _of_tanh(cls, chosen: float | str | None, written: ValidationInfo) -> float | str | None:
        if (system := written.data.get("system")) not in {"tanh", None}:
            words = "belongs to system tanh, not to {system}; remove it"
            raise PydanticCustomError("of_tanh", words, {"system": system})
        return chosen

    @model_validator(mode="after")
    def _network(self) -> Self:
        if self.system == "tanh" and not self.model_fields_set >= {"radius", "weights"}:
            words = "system tanh needs radius, a number above 0, and weights, tied or fresh"
            raise PydanticCustomError("network", words)
        return self
