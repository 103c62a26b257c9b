"""What every kind of check in a suite has: a name, an expected verdict, limits, prompts."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self, TypeAlias

from pydantic import ConfigDict, Field, JsonValue, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from pytest_promptchaos.records import Standing  # noqa: TC001 - beside what pydantic reads
from pytest_promptchaos.suite.keys import Name, Seed, Strict

ModelsAsked: TypeAlias = Literal["none", "one", "several"]


class OneCheck(Strict):
    """A check of a suite."""

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

    @property
    def models_asked(self) -> ModelsAsked:
        """Whether a test of this check asks no model, one, or several."""
        return "one"

    def pins(self, of_the_run: tuple[str, ...]) -> tuple[str, ...]:
        """Return the models of its tests, where each asks one: those of the run."""
        return of_the_run

    def standing_of(self, place: int) -> Standing | None:  # noqa: ARG002
        """Return what the association of the verdict at ``place`` must turn out as, if it has one.

        ``None`` leaves it to ``expect``.
        """
        return None


class OfPrompts(OneCheck):
    """A check that asks prompts of the suite."""

    prompts: Annotated[tuple[str, ...], Field(min_length=1)] | None = Field(
        default=None, description="Ids of the prompts to check; all when left out."
    )


class Limited(OneCheck):
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


def one_of(*limits: str) -> dict[str, JsonValue]:
    """Return what a JSON Schema says about a mapping that needs one of ``limits``."""
    return {"anyOf": [{"required": [limit]} for limit in limits]}


class Bounded(Limited):
    """A check with an upper or a lower limit on one number, or both."""

    limits = ("at_most", "at_least")
    model_config = ConfigDict(json_schema_extra=one_of(*limits))

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
