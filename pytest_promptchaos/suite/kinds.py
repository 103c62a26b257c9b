"""The kinds of check that a suite may hold: one model each, every key with its description."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

Name: TypeAlias = Annotated[
    str,
    Field(
        pattern=r"^[^\s\[\]:]+$",
        json_schema_extra={
            "patternErrorMessage": "an id has no spaces, colons or brackets, "
            "because it becomes part of a test's name"
        },
    ),
]
"""An id: one word, because it becomes part of a test's name."""

Horizon: TypeAlias = Annotated[int, Field(ge=1, description="Tokens generated per answer.")]
PerRung: TypeAlias = Annotated[int, Field(ge=1, description="Neighbors tried per rung and prompt.")]
Seed: TypeAlias = Annotated[
    int,
    Field(
        ge=0, lt=2**32, description="Seed for choosing edits and for drawing tangents and networks."
    ),
]
JudgedRung: TypeAlias = Literal["format", "punctuation", "synonym", "paraphrase", "small_semantic"]
"""A rung that can be judged; ``identical`` and ``positive_control`` are controls, always run."""

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
Null: TypeAlias = Annotated[
    int, Field(ge=0, description="Random initializations of the same architecture shown beside.")
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


class Strict(BaseModel):
    """A mapping of a suite file: no other key, no value of another type, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class _Check(Strict):
    check: str = Field(description="The kind of check.")
    id: Name = Field(
        default="",
        description="Name of the check in reports; without one, its kind and place in the file.",
    )
    expect: Literal["passed", "failed"] = Field(
        default="passed",
        description="The verdict that makes the test pass; `failed` is strict, and asks it of "
        "every limit of the check.",
    )
    seed: Seed | None = None


class _OfModel(_Check):
    prompts: Annotated[tuple[str, ...], Field(min_length=1)] | None = Field(
        default=None, description="Ids of the prompts to check; all when left out."
    )


class _Limited(_Check):
    """A check with several limits, of which one at least is written."""

    limits: ClassVar[tuple[str, ...]]

    @model_validator(mode="after")
    def _limited(self) -> Self:
        # A key without a value counts as written here: that mistake is told by itself.
        if not self.model_fields_set & set(self.limits):
            raise PydanticCustomError(
                "no_limit", "no limit; write {limits}", {"limits": " or ".join(self.limits)}
            )
        return self


def _one_of(*limits: str) -> dict[str, JsonValue]:
    return {"anyOf": [{"required": [limit]} for limit in limits]}


class _Bounded(_Limited):
    limits = ("at_most", "at_least")
    model_config = ConfigDict(json_schema_extra=_one_of(*limits))

    at_most: float | None = Field(default=None, description="Upper limit.")
    at_least: float | None = Field(default=None, description="Lower limit.")

    @field_validator("at_least")
    @classmethod
    def _below_the_upper(cls, least: float | None, written: ValidationInfo) -> float | None:
        most = written.data.get("at_most")
        if least is not None and most is not None and least >= most:
            words = "must be below at_most, which is {most:g}, not {least:g}"
            raise PydanticCustomError("bounds", words.format(most=most, least=least))
        return least


class StableNeighborhoodCheck(_OfModel):
    """Small edits of a prompt may change the answer only this much."""

    check: Literal["stable_neighborhood"] = Field(description="The kind of check.")
    at_most: float = Field(
        ge=0,
        lt=2,
        description="Limit on the mean distance between answers: semantic 0 to 2, token edit 0 "
        "to 1.",
    )
    metric: Literal["semantic", "token_edit"] = Field(
        default="semantic", description="Distance between two answers."
    )
    rungs: tuple[JudgedRung, ...] = Field(
        default=("format", "punctuation", "synonym"),
        min_length=1,
        description="Rungs of the ladder that enter the mean.",
    )
    horizon: Horizon | None = None
    per_rung: PerRung | None = None


class FtleCheck(_Bounded, _OfModel):
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


class DepthProfileCheck(_Limited, _OfModel):
    """The growth of a small difference, layer by layer, must have this shape."""

    limits = ("variance_at_most", "slope_between", "no_layer_above")
    model_config = ConfigDict(json_schema_extra=_one_of(*limits))

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


class SystemCheck(_Bounded):
    """A system with a known answer must show it; no model and no prompt is needed."""

    model_config = ConfigDict(
        json_schema_extra={
            **_one_of("at_most", "at_least"),
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


ModelCheck: TypeAlias = StableNeighborhoodCheck | FtleCheck | DepthProfileCheck
"""A check that asks a model: it makes one test per model."""

Check: TypeAlias = ModelCheck | SystemCheck
