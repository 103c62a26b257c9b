"""What several mappings of a suite file share: the strict mapping, and the types of its values."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag
from pydantic_core import PydanticCustomError

from pytest_promptchaos.measure.extractors import EXTRACTORS, PATTERN
from pytest_promptchaos.records import Role
from pytest_promptchaos.suite.problems import nearest, unknown

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

Text: TypeAlias = Annotated[
    str, Field(pattern=r"\S", json_schema_extra={"patternErrorMessage": "empty; write a text"})
]
"""Text of at least one visible character, kept to the character."""

Horizon: TypeAlias = Annotated[int, Field(ge=1, description="Tokens generated per answer.")]
PerRung: TypeAlias = Annotated[int, Field(ge=1, description="Neighbors tried per rung and prompt.")]
Seed: TypeAlias = Annotated[
    int,
    Field(
        ge=0,
        lt=2**32,
        description="Seed for choosing edits and for drawing tangents, networks and conversations.",
    ),
]
Null: TypeAlias = Annotated[
    int, Field(ge=0, description="Random initializations of the same architecture shown beside.")
]
Metric: TypeAlias = Annotated[
    Literal["semantic", "token_edit"], Field(description="Distance between two answers.")
]
JudgedRung: TypeAlias = Literal["format", "punctuation", "synonym", "paraphrase", "small_semantic"]
"""A rung that can be judged; ``identical`` and ``positive_control`` are controls, always run."""


LEAST_BUDGET: Final = 24
"""As for :func:`find_worst`: what its controls and one failure cost."""


class Strict(BaseModel):
    """A mapping of a suite file: no other key, no value of another type, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def wrong(words: str) -> PydanticCustomError:
    """Return the error that says ``words`` about a value."""
    # As a filling: words hold what the user wrote, and that may hold braces.
    return PydanticCustomError("wrong", "{words}", {"words": words})


def _increasing(lengths: tuple[int, ...]) -> tuple[int, ...]:
    for shorter, longer in pairwise(lengths):
        if longer <= shorter:
            raise wrong(f"lengths must increase, but {longer} follows {shorter}")
    return lengths


Horizons: TypeAlias = Annotated[
    tuple[Annotated[int, Field(ge=1)], ...],
    Field(
        min_length=1,
        description="Answer lengths in tokens at which distances are taken, shortest first; the "
        "longest is generated once and judged. Instead of `horizon`.",
    ),
    AfterValidator(_increasing),
]


def _extractor(written: str) -> str:
    if written.startswith(PATTERN):
        _compile(written.removeprefix(PATTERN))
    elif written not in EXTRACTORS:
        raise wrong(unknown("extractor", written, [*EXTRACTORS, f"{PATTERN}..."]))
    return written


def _compile(pattern: str) -> None:
    if not pattern:
        raise wrong(f"no pattern; write one behind the colon, as in {PATTERN}[0-9]+")
    try:
        re.compile(pattern)
    except re.error as error:
        raise wrong(f"no regular expression: {error}") from error


Extract: TypeAlias = Annotated[
    str,
    AfterValidator(_extractor),
    Field(
        description="How the answer is read out of an output: "
        f"{', '.join(EXTRACTORS)}, or {PATTERN} and a pattern.",
        json_schema_extra={"pattern": rf"^({'|'.join(EXTRACTORS)}|{PATTERN}[\s\S]+)$"},
    ),
]


_NAME = r"[^\W\d]\w*(\.[^\W\d]\w*)*"
FunctionName: TypeAlias = Annotated[
    str,
    Field(
        pattern=rf"^{_NAME}:{_NAME}$",
        json_schema_extra={
            "patternErrorMessage": "names no function; write package.module:function"
        },
    ),
]
"""Where a function of the user's stands; it is imported when the check runs."""


def _json_type(value: object) -> str:
    return "integer" if isinstance(value, int) else "string"


Target: TypeAlias = Annotated[
    Annotated[Role, Tag("string")] | Annotated[int, Tag("integer")],
    Discriminator(_json_type),
    Field(
        description="The message that edits apply to: the last one of this role, or its place "
        "among the messages, from 0; the prompt's text when left out."
    ),
]


class SuiteAuthored(Strict):
    """A neighbor's text with its writer and its reviewer."""

    text: Text = Field(description="The text, kept to the character.")
    origin: Literal["authored", "generated"] = Field(
        default="authored",
        description="Who wrote it: authored, a person; generated, a model. Generated text that "
        "nobody reviewed is shown and never judged.",
    )
    reviewer: Text | None = Field(
        default=None, description="Who read it and found that it asks what its rung says."
    )


def _text_or_mapping(value: Any) -> str:
    """Return the type that is meant: a text with a colon in it comes as a mapping too."""
    keys = list(SuiteAuthored.model_fields)
    mapping = isinstance(value, SuiteAuthored) or (
        isinstance(value, dict) and any(nearest(str(key), keys) for key in value)
    )
    return "object" if mapping else "string"


AuthoredText: TypeAlias = Annotated[
    Annotated[Text, Tag("string")] | Annotated[SuiteAuthored, Tag("object")],
    Discriminator(_text_or_mapping),
]
"""A neighbor's text, bare or with its writer and its reviewer."""
