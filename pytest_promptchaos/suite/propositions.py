"""What a check of consistent answers asks, and of what: propositions, images, passages."""

from __future__ import annotations

from typing import Annotated, Any, Final, Self, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from pytest_promptchaos.errors import PromptChaosError
from pytest_promptchaos.neighborhoods.phrasings import FORMS, POLARITIES, proposition
from pytest_promptchaos.records import Polarity, Proposition
from pytest_promptchaos.suite.keys import Name, Strict, Text, wrong
from pytest_promptchaos.suite.problems import NO_VALUE, unknown

SHA256: Final = "[0-9a-f]{64}"
SLOT: Final = "{x}"


def _polarity(written: object) -> Polarity:
    if written is None:
        raise wrong(NO_VALUE)
    # 1.0 and true are equal to 1, and no polarity that anyone wrote down as one.
    if type(written) in {int, str} and written in POLARITIES:
        return POLARITIES[written]
    raise wrong(f"must be yes affirms, or 1, or yes denies, or -1, not {written!r:.40}")


WrittenPolarity: TypeAlias = Annotated[
    Polarity,
    BeforeValidator(_polarity),
    WithJsonSchema({"enum": list(POLARITIES)}),
]


class SuitePhrasing(Strict):
    """A way to ask about the proposition, and what a yes to it says."""

    text: Text = Field(
        description=f"The question; {SLOT} stands for the finding.",
    )
    polarity: WrittenPolarity = Field(
        description="What a yes says of the finding: yes affirms, or 1, that it is there; yes "
        "denies, or -1, that it is not."
    )
    kind: Text | None = Field(
        default=None,
        description="What reports group it under, as in `rule out`; by its text when left out.",
    )

    @model_validator(mode="before")
    @classmethod
    def _with_its_polarity(cls, written: Any) -> Any:
        if isinstance(written, str):
            words = "write text: with the question, and polarity: yes affirms or yes denies"
            raise wrong(f"a question without its polarity; {words}")
        return written


def _kind(written: str) -> str:
    if written not in FORMS:
        raise wrong(unknown("kind", written, list(FORMS)))
    return written


Kind: TypeAlias = Annotated[
    str, AfterValidator(_kind), Field(json_schema_extra={"enum": list(FORMS)})
]
"""A form of question that is made of the finding's name."""


class SuiteProposition(Strict):
    """A finding that is there or not, and the ways to ask about it; the first is the base."""

    finding: Text = Field(description="What is there or not, as it stands in a question.")
    id: Name | None = Field(
        default=None,
        description="What truths and reports call it; the finding without its article, with "
        "hyphens for spaces, when left out.",
    )
    kinds: tuple[Kind, ...] | None = Field(
        default=None,
        min_length=1,
        description="Forms of question, made of the finding; all when left out, or none where "
        "phrasings are written.",
    )
    normal: Text | None = Field(
        default=None,
        description="What is normal without the finding, as it stands in a question: the form "
        "`normal` asks about it.",
    )
    phrasings: tuple[SuitePhrasing, ...] | None = Field(
        default=None, min_length=1, description="Further ways to ask, each with its polarity."
    )

    @model_validator(mode="after")
    def _that_can_be_asked(self) -> Self:
        try:
            self.proposition()
        except PromptChaosError as error:
            raise wrong(str(error)) from error
        return self

    def proposition(self) -> Proposition:
        """Return the proposition with all its phrasings, those made of its name first."""
        further = None if self.phrasings is None else [vars(one) for one in self.phrasings]
        return proposition(
            self.finding, id=self.id, kinds=self.kinds, phrasings=further, normal=self.normal
        )


Truth: TypeAlias = Annotated[
    dict[str, bool],
    Field(
        default_factory=dict,
        description="Of propositions, by id, whether they hold here; what is left out is open.",
    ),
]


class SuiteImage(Strict):
    """An image that is pinned by its bytes."""

    file: Text = Field(description="Where it lies, relative to the file in which it is listed.")
    sha256: str = Field(
        pattern=f"^{SHA256}$",
        description="The sha256 of the file's bytes, in hexadecimal.",
        json_schema_extra={
            "patternErrorMessage": "a sha256 has 64 hexadecimal digits, 0 to 9 and a to f"
        },
    )
    id: Name | None = Field(
        default=None, description="What reports call it; the file's name when left out."
    )
    truth: Truth


class SuitePassage(Strict):
    """A text to ask about, in place of an image."""

    text: Text = Field(description="The passage, kept to the character.")
    id: Name = Field(description="What reports call it.")
    truth: Truth
