"""The kind of check that asks one proposition in many ways, of images or of passages."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)
from pydantic.config import JsonDict  # noqa: TC002 - beside what pydantic reads

from pytest_promptchaos.errors import PromptChaosError
from pytest_promptchaos.suite.check import Limited, one_of
from pytest_promptchaos.suite.keys import Horizon, Strict, Text, wrong
from pytest_promptchaos.suite.propositions import (  # noqa: TC001 - pydantic reads them
    SuiteImage,
    SuitePassage,
    SuiteProposition,
)

SOURCES: Final = ("images", "images_from", "passages")
"""The keys that say what is shown; a check has one of them."""

OF_IMAGES: Final = (
    *("perturbations", "focus", "focus_layers", "focus_heads", "stable_at", "overlays"),
)
"""The keys that say nothing about a passage."""

EXPANDING: Final = "expanding"


Place: TypeAlias = Annotated[int, Field(ge=0)]


def _word_or_places(value: Any) -> str:
    return "string" if isinstance(value, str) else "array"


LayersOfFocus: TypeAlias = Annotated[
    Annotated[Literal["all"], Tag("string")]
    | Annotated[tuple[Place, ...], Field(min_length=1), Tag("array")],
    Discriminator(_word_or_places),
    Field(description="Layers whose attention is averaged: all, or places counted from 0."),
]
LayersToScale: TypeAlias = Annotated[
    Annotated[Literal["expanding", "all"], Tag("string")]
    | Annotated[tuple[Place, ...], Field(min_length=1), Tag("array")],
    Discriminator(_word_or_places),
    Field(
        description="Layers of the language model that are scaled: the expanding ones, in which "
        "two phrasings part (as `depth` finds them), all, or places counted from 0."
    ),
]


class SuiteScaling(Strict):
    """What the spectral norms of some layers are scaled by, and the answers asked for again."""

    layers: LayersToScale = EXPANDING
    factors: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field(
        default=(0.9, 0.75, 0.5),
        min_length=1,
        description="What the largest singular values are multiplied by, above 0 and at most 1.",
    )


def _known_change(written: str) -> str:
    # Here, because a suite without pictures needs no imaging library.
    from pytest_promptchaos.models.pictures import parse_change

    try:
        parse_change(written)
    except PromptChaosError as error:
        raise wrong(str(error)) from error
    return written


Change: TypeAlias = Annotated[Text, AfterValidator(_known_change)]
Words: TypeAlias = Annotated[tuple[Text, ...], Field(min_length=1)]

_ONE_SOURCE: Final[JsonDict] = {"oneOf": [{"required": [source]} for source in SOURCES]}
_NOT_OF_PASSAGES: Final[JsonDict] = {
    "if": {"required": ["passages"]},
    "then": {"properties": dict.fromkeys(OF_IMAGES, False)},
}
_WHOSE_GROWTH_IS_KNOWN: Final[JsonDict] = {
    "if": {
        "required": ["scaling"],
        "properties": {"scaling": {"properties": {"layers": {"const": EXPANDING}}}},
    },
    "then": {"required": ["depth"], "properties": {"depth": {"minimum": 1}}},
}


class ConsistentAnswersCheck(Limited):
    """A model must say the same of an image however it is asked, and because of the image."""

    limits = ("ideal_at_least", "flips_at_most")
    model_config = ConfigDict(
        json_schema_extra={
            **one_of(*limits),
            "allOf": [_ONE_SOURCE, _NOT_OF_PASSAGES, _WHOSE_GROWTH_IS_KNOWN],
        }
    )

    check: Literal["consistent_answers"] = Field(description="The kind of check.")
    models: tuple[Text, ...] | None = Field(
        default=None,
        min_length=1,
        description="Pins to ask, each in a test of its own; the models of the run when left out.",
        json_schema_extra={"uniqueItems": True},
    )
    images: tuple[SuiteImage, ...] | None = Field(
        default=None, min_length=1, description="The images that are asked about."
    )
    images_from: Text | None = Field(
        default=None,
        description="File that lists the images instead, JSON or YAML, relative to the suite; "
        "their files are relative to it.",
    )
    passages: tuple[SuitePassage, ...] | None = Field(
        default=None, min_length=1, description="Texts to ask about, in place of images."
    )
    propositions: tuple[SuiteProposition, ...] = Field(
        min_length=1, description="What is asked of each of them."
    )
    ideal_at_least: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Lower limit on the share of samples whose answers agree and rest on the "
        "image.",
    )
    flips_at_most: float | None = Field(
        default=None,
        ge=0,
        lt=1,
        description="Upper limit on the share of answers that contradict that to the base "
        "phrasing.",
    )
    reliance: Literal["swapped", "removed", "either", "both"] = Field(
        default="swapped",
        description="What must change the answer for it to rest on the image: another image in its "
        "place, no image, either, or both.",
    )
    yes: Words | None = Field(
        default=None,
        description="Tokens with which a yes begins, for the margin; the usual spellings when left "
        "out.",
    )
    no: Words | None = Field(
        default=None,
        description="Tokens with which a no begins; the usual spellings when left out.",
    )
    horizon: Horizon | None = None
    swaps: int = Field(default=3, ge=0, description="Other images shown in the place of each.")
    perturbations: tuple[Change, ...] | None = Field(
        default=None,
        description="Changes of an image that keep what it shows, in words as in `brightness "
        "+20 %`; a fixed set when left out.",
    )
    again: bool = Field(
        default=True,
        description="Whether the base phrasing is asked a second time, for the noise floor.",
    )
    focus: Literal["answering", "question", "off"] = Field(
        default="answering",
        description="Whose attention to the image is the focus: that of the token that answers, or "
        "that of the question's tokens.",
    )
    focus_layers: LayersOfFocus = "all"
    focus_heads: Literal["mean", "max"] = Field(
        default="mean", description="What is taken over the heads of a layer."
    )
    stable_at: float | None = Field(
        default=None,
        description="Similarity from which on a focus counts as stable; when left out, the 95 % "
        "quantile of that between different images.",
    )
    depth: int = Field(
        default=0, ge=0, description="Pairs of phrasings that are followed through depth."
    )
    tangents: int = Field(
        default=4, ge=2, description="Random directions followed through the layers."
    )
    overlays: int = Field(
        default=4, ge=0, description="Images that the report shows with two focuses on them."
    )
    scaling: SuiteScaling | None = Field(
        default=None,
        description="Layers whose spectral norms are scaled, and by what: flips, accuracy and "
        "text-only agreement are measured again.",
    )

    def pins(self, of_the_run: tuple[str, ...]) -> tuple[str, ...]:
        """Return the models that are asked."""
        return self.models or of_the_run

    @model_validator(mode="after")
    def _shown_something(self) -> Self:
        # A key without a value counts as written here: that mistake is told by itself.
        if not self.model_fields_set & set(SOURCES):
            raise wrong(f"nothing is shown; write {', '.join(SOURCES[:-1])} or {SOURCES[-1]}")
        return self
