"""What a suite file holds: one model per kind of mapping, every key with its description.

The JSON Schema for editors is made from these models, and so are the lists of allowed keys in
error messages.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias

from pydantic import Field, PrivateAttr, field_validator
from pydantic.json_schema import GenerateJsonSchema

from pytest_promptchaos.neighborhoods.ledger import Authored
from pytest_promptchaos.records import Message, Prompt, Role
from pytest_promptchaos.suite.keys import (
    AuthoredText,
    Horizon,
    Name,
    Null,
    PerRung,
    Seed,
    Strict,
    SuiteAuthored,
    Target,
    Text,
)
from pytest_promptchaos.suite.kinds import Check, PromptCheck  # noqa: TC001 - pydantic reads them
from pytest_promptchaos.suite.problems import Problem, suite_error
from pytest_promptchaos.suite.rules import check_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import core_schema

    from pytest_promptchaos.errors import SuiteError
    from pytest_promptchaos.records import Rung

SUITE_VERSION: Final = 1

MinEffective: TypeAlias = Annotated[
    int, Field(ge=1, description="Fewest effective neighbors on which a verdict is given.")
]
Device: TypeAlias = Annotated[
    str,
    Field(
        pattern=r"^(auto|cpu|mps|cuda(:[0-9]+)?)$",
        json_schema_extra={"patternErrorMessage": "write auto, cpu, mps, cuda or cuda:0"},
    ),
]


class SuiteMessage(Strict):
    """One turn of the conversation ahead of the prompt."""

    role: Role = Field(description="Who speaks: system, user or assistant.")
    content: Text = Field(description="What is said.")


class SuitePrompt(Strict):
    """A prompt and the neighbors that its author wrote for it.

    Quote a text that holds a colon and a space, or a space and ``#``. A text under ``|`` ends
    with a line break, one under ``|-`` does not: the difference reaches the model.
    """

    id: Name = Field(description="The name that checks and reports use for the prompt.")
    bucket: Text | None = Field(
        default=None, description="The kind of request, where prompts are grouped by kind."
    )
    text: Text = Field(description="The user's message, kept to the character.")
    system: Text | None = Field(default=None, description="The system message ahead of the text.")
    messages: Annotated[tuple[SuiteMessage, ...], Field(min_length=1)] | None = Field(
        default=None, description="Earlier turns of the conversation; instead of `system`."
    )
    target: Target | None = None
    paraphrases: tuple[AuthoredText, ...] = Field(
        default=(),
        description="The same request in other words: a text, or a mapping of text, origin and "
        "reviewer.",
    )
    small_semantic: tuple[AuthoredText, ...] = Field(
        default=(),
        description="Requests that differ slightly in meaning: the answer may change a little.",
    )
    positive_control: tuple[AuthoredText, ...] = Field(
        default=(), description="Requests that mean something else: the answer must change."
    )

    def prompt(self) -> Prompt:
        """Return the prompt that the stages work with."""
        turns = [Message(role=turn.role, content=turn.content) for turn in self.messages or ()]
        if self.system is not None:
            turns = [Message(role="system", content=self.system)]
        return Prompt(id=self.id, text=self.text, before=tuple(turns), bucket=self.bucket or "")

    def authored(self) -> dict[Rung, tuple[Authored, ...]]:
        """Return the texts of each authored rung, with their writers and reviewers."""
        return {
            "paraphrase": tuple(map(_authored, self.paraphrases)),
            "small_semantic": tuple(map(_authored, self.small_semantic)),
            "positive_control": tuple(map(_authored, self.positive_control)),
        }


def _authored(text: str | SuiteAuthored) -> Authored:
    if isinstance(text, str):
        return Authored(text)
    return Authored(text.text, text.origin, text.reviewer or "")


class SuiteSettings(Strict):
    """Defaults for all checks of the file; the command line overrides them.

    A setting that is left out is the run's, from pytest's options.
    """

    horizon: Horizon | None = None
    seed: Seed | None = None
    per_rung: PerRung | None = None
    embedder: Text | None = Field(
        default=None, description="Pin of the sentence embedder, auto, or none."
    )
    dtype: Literal["auto", "float64", "float32", "bfloat16", "float16"] | None = Field(
        default=None, description="Number type in which the models run."
    )
    device: Device | None = Field(default=None, description="Device on which the models run.")
    min_effective: MinEffective | None = None
    null: Null | None = None
    inconclusive: Literal["fail", "warn"] | None = Field(
        default=None, description="What an inconclusive verdict does to the test."
    )


class Suite(Strict):
    """Checks, and the prompts on which models must pass them."""

    version: int = Field(ge=1, le=SUITE_VERSION, description="Version of this format: write 1.")
    title: Text | None = Field(default=None, description="Heading of the suite in reports.")
    models: Annotated[tuple[Text, ...], Field(min_length=1)] | None = Field(
        default=None, description="Pins of the models to test; the run's models when left out."
    )
    settings: SuiteSettings = Field(
        default=SuiteSettings(), description="Defaults for all checks of the file."
    )
    prompts: tuple[SuitePrompt, ...] = Field(
        default=(), min_length=1, description="What is asked; checks of a system need none."
    )
    prompts_from: Text | None = Field(
        default=None,
        description="File of further prompts, relative to the suite: a YAML list of mappings of "
        "id, bucket, text and whatever else a prompt has.",
    )
    checks: tuple[Annotated[Check, Field(discriminator="check")], ...] = Field(
        min_length=1,
        description="What must hold; each check becomes one test per model, and one in all where "
        "it is a system's or asks several models.",
    )

    _file: str = PrivateAttr(default="")
    _lines: Mapping[tuple[str, ...], int] = PrivateAttr(default_factory=dict)

    @field_validator("checks")
    @classmethod
    def _name_checks(cls, checks: tuple[Check, ...]) -> tuple[Check, ...]:
        return tuple(
            check.model_copy(update={"id": check_id(dict(check), place)})
            for place, check in enumerate(checks, start=1)
        )

    def prompts_of(self, check: PromptCheck) -> tuple[SuitePrompt, ...]:
        """Return the prompts that ``check`` names, in its order; all of them if it names none."""
        by_id = {prompt.id: prompt for prompt in self.prompts}
        return tuple(by_id[name] for name in check.prompts or by_id)

    def settings_of(self, check: Check) -> SuiteSettings:
        """Return the suite's settings with those of ``check`` laid over them.

        ``model_dump(exclude_none=True)`` makes of them what :func:`settings.resolve` takes.
        """
        own = {name: getattr(check, name, None) for name in ("horizon", "seed", "per_rung", "null")}
        return self.settings.model_copy(
            update={name: value for name, value in own.items() if value is not None}
        )

    def line_of(self, check: Check, *key: str) -> int:
        """Return the line on which ``check``, or a key of it, begins; 1 without a file."""
        return self._lines.get((check.id, *key), 1)

    def error_at(self, check: Check, key: str, words: str) -> SuiteError:
        """Return the error that says ``words`` about a key of ``check``, with file and line."""
        place = next(at for at, one in enumerate(self.checks) if one.id == check.id)
        problem = Problem(line=self.line_of(check, key), keys=("checks", place, key), words=words)
        return suite_error(self._file or "suite", [problem])

    def beside(self, path: str) -> Path:
        """Return where a file lies that the suite names, relative to the suite."""
        return Path(self._file).parent / path

    def remember(self, file: str, lines: Mapping[tuple[str, ...], int]) -> None:
        """Keep the file, and the lines of each check id and of its keys that are told again."""
        self._file, self._lines = file, lines


class EditorSchema(GenerateJsonSchema):
    """Leaves out null: a key is given a value or left out."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Return the schema of the value alone."""
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: object) -> bool:  # noqa: ARG002
        """Return no: a title would repeat the key."""
        return False

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Return the schema with its default, unless that is nothing."""
        described = super().default_schema(schema)
        if described.get("default") in (None, "", [], {}):
            described.pop("default", None)
        return described


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of suite files, for editors: every key with its description."""
    schema = Suite.model_json_schema(schema_generator=EditorSchema)
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        **schema,
        "title": "Suite of pytest-promptchaos (*.chaos.yaml)",
    }
