"""The kinds of check in which models talk: whether they collapse, and what goes with it."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    field_validator,
)

from pytest_promptchaos.records import Standing  # noqa: TC001 - beside what pydantic reads
from pytest_promptchaos.suite.check import Bounded, ModelsAsked, OfPrompts
from pytest_promptchaos.suite.depth_kinds import Tangents  # noqa: TC001 - pydantic reads it
from pytest_promptchaos.suite.keys import Horizon, Name, Strict, Text, wrong
from pytest_promptchaos.suite.problems import unknown

FEWEST_TURNS: Final = 5
"""As for the detector: the third of three similar turns is the first that it labels."""

PREDICTORS: Final = (
    "lambda1_mean",
    "layerwise_variance_mean",
    "profile_slope_mean",
    "lambda1_std",
    "lambda1_cv",
)
"""Columns of a bridge table that hold what depth shows."""

OUTCOMES: Final = ("collapse_rate", "first_collapse_turn", "has_collapse", "collapsed_turns")
"""Columns of a bridge table that hold what the conversation came to."""


def _enough(turns: int) -> int:
    if turns < FEWEST_TURNS:
        first = f"the detector labels turn {FEWEST_TURNS} first"
        raise wrong(f"must be at least {FEWEST_TURNS}, not {turns}: {first}")
    return turns


Turns: TypeAlias = Annotated[
    int,
    Field(
        description="Turns of a conversation, five or more.",
        json_schema_extra={"minimum": FEWEST_TURNS},
    ),
    AfterValidator(_enough),
]


class _OfConversations(OfPrompts):
    turns: Turns = 40
    repeats: int = Field(
        default=5, ge=1, description="Conversations from each prompt on, drawn anew."
    )
    temperature: float = Field(
        default=0.7, gt=0, description="What logits are divided by before a token is drawn."
    )
    top_p: float = Field(
        default=0.95,
        gt=0,
        le=1,
        description="Tokens are drawn from the fewest that hold this share of the probability.",
    )
    horizon: Horizon | None = None
    drift: Literal["matching", "both"] = Field(
        default="matching",
        description="Which turns a periodic turn must be close to: those at the lag that makes it "
        "periodic, or both the one before and the one before that. The other reading stands "
        "beside.",
    )


class NoCollapseCheck(_OfConversations, Bounded):
    """Conversations of a model with itself, or of several in turn, may collapse only this often."""

    check: Literal["no_collapse"] = Field(description="The kind of check.")
    models: tuple[Text, ...] | None = Field(
        default=None,
        min_length=1,
        description="Pins that speak in turn, in one test; one pin alone talks with itself. When "
        "left out each model of the run talks with itself, in a test of its own.",
        json_schema_extra={"uniqueItems": True},
    )
    condition: Name | None = Field(
        default=None, description="What reports call the cast, as in HOMO or HETERO_ROT."
    )
    of: Literal["incidence", "rate"] = Field(
        default="incidence",
        description="What is judged: the share of conversations that ever collapse, or the mean "
        "share of collapsed turns.",
    )
    at_most: float | None = Field(
        default=None, ge=0, lt=1, description="Upper limit on that share, 0 to 1."
    )
    at_least: float | None = Field(
        default=None, gt=0, le=1, description="Lower limit on the same share."
    )
    labels: Text | None = Field(
        default=None,
        description="File of people's labels, CSV or JSONL, relative to the suite: how far the "
        "detector agrees with them stands beside.",
    )
    depth_turns: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(), description="Turns whose depth is followed, from 1 on."
    )

    @property
    def models_asked(self) -> ModelsAsked:
        """One of the run's that talks with itself, or those that are named."""
        return "several" if self.models else "one"

    @field_validator("depth_turns")
    @classmethod
    def _turns_that_are_spoken(
        cls, followed: tuple[int, ...], written: ValidationInfo
    ) -> tuple[int, ...]:
        for earlier, later in pairwise(followed):
            if later <= earlier:
                raise wrong(f"turns must increase, but {later} follows {earlier}")
        spoken = written.data.get("turns")
        if spoken is not None and followed and followed[-1] > spoken:
            raise wrong(f"there is no turn {followed[-1]}: a conversation has {spoken}")
        return followed


_EXAMPLE: Final = "lambda1_mean ~ collapse_rate"
_FORM: Final = re.compile(r"(\w+) *~ *(\w+)")


def _columns(written: str) -> str:
    """Return a hypothesis as its two columns with `` ~ `` between."""
    found = _FORM.fullmatch(written.strip())
    if found is None:
        raise wrong(f"names no two columns; write predictor ~ outcome, as in {_EXAMPLE}")
    for kind, name, known in zip(
        ("predictor", "outcome"), found.groups(), (PREDICTORS, OUTCOMES), strict=True
    ):
        if name not in known:
            raise wrong(unknown(kind, name, known))
    return " ~ ".join(found.groups())


HypothesisText: TypeAlias = Annotated[
    str,
    AfterValidator(_columns),
    Field(
        description="A column of depth and a column of outcomes: predictor ~ outcome.",
        json_schema_extra={
            "pattern": rf"^ *({'|'.join(PREDICTORS)}) *~ *({'|'.join(OUTCOMES)}) *$"
        },
    ),
]
FoundStanding: TypeAlias = Annotated[
    Literal["supported", "between-model only", "sign conflict", "masked", "weak"],
    Field(
        description="What an association must turn out as for the test to pass, to the word; "
        "says more than `expect`, and stands instead of it."
    ),
]
"""A standing that says something; ``undecided`` and ``invalid`` are no findings to expect."""


class SuiteHypothesis(Strict):
    """A hypothesis with what it must turn out as."""

    hypothesis: HypothesisText
    standing: FoundStanding


def _text_or_mapping(value: Any) -> str:
    return "object" if isinstance(value, dict | SuiteHypothesis) else "string"


WrittenHypothesis: TypeAlias = Annotated[
    Annotated[HypothesisText, Tag("string")] | Annotated[SuiteHypothesis, Tag("object")],
    Discriminator(_text_or_mapping),
]


def _texts(listed: tuple[WrittenHypothesis, ...]) -> tuple[str, ...]:
    return tuple(one if isinstance(one, str) else one.hypothesis for one in listed)


class BridgeCheck(_OfConversations):
    """What depth shows of a prompt must go with what conversations from it on come to."""

    model_config = ConfigDict(
        json_schema_extra={
            "not": {"required": ["expect", "standing"]},
            "if": {"properties": {"models": {"maxItems": 1}}},
            "then": {"properties": {"rotation": {"const": False}}},
        }
    )

    check: Literal["bridge"] = Field(description="The kind of check.")
    models: tuple[Text, ...] = Field(
        min_length=1,
        description="Pins of the models, each a condition of its own: it talks with itself.",
        json_schema_extra={"uniqueItems": True},
    )
    rotation: bool = Field(
        default=True,
        description="Whether a rotation over all models is one more condition; of a single model "
        "there is none.",
    )
    tangents: Tangents = 10
    hypotheses: tuple[WrittenHypothesis, ...] | None = Field(
        default=None,
        min_length=1,
        description="Which columns are said to go together, as predictor ~ outcome, or a mapping "
        "of hypothesis and standing; the six published ones when left out.",
    )
    standing: FoundStanding | None = None
    threshold: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Least |rho| of an association that counts; 0.40, as published, when left out.",
    )
    alpha: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Error rate over all hypotheses of the check; 0.05 when left out.",
    )
    censor: Literal["after", "last", "exclude"] | None = Field(
        default=None,
        description="First collapsed turn of a conversation that never collapses: `after` its "
        "last, the default; its `last`, as published; or `exclude`: it is left out.",
    )
    preregistration: Text | None = Field(
        default=None,
        description="File of the frozen plan, relative to the suite: what the check leaves out is "
        "as frozen, and a check that says otherwise is refused.",
    )

    @property
    def models_asked(self) -> ModelsAsked:
        """Several: their conversations make one table."""
        return "several"

    @property
    def family(self) -> tuple[str, ...] | None:
        """The hypotheses as text; ``None`` for those of the plan, or else those published."""
        return None if self.hypotheses is None else _texts(self.hypotheses)

    def standing_of(self, place: int) -> Standing | None:
        """Return what the hypothesis at ``place`` must turn out as, if anything is said of it."""
        own = self.hypotheses[place] if self.hypotheses else None
        return own.standing if isinstance(own, SuiteHypothesis) else self.standing

    def expected(self, count: int) -> tuple[Literal["passed", "failed"], ...]:
        """Return the outcome that each of ``count`` hypotheses must have."""
        return tuple(map(self._expected, range(count)))

    def _expected(self, place: int) -> Literal["passed", "failed"]:
        standing = self.standing_of(place)
        if standing is None:
            return self.expect
        return "passed" if standing == "supported" else "failed"

    @field_validator("rotation")
    @classmethod
    def _of_several(cls, chosen: bool, written: ValidationInfo) -> bool:
        if chosen and len(written.data.get("models", "..")) == 1:
            words = "one model takes no turns with others; name two or more models, or remove"
            raise wrong(f"{words} rotation")
        return chosen

    @field_validator("hypotheses")
    @classmethod
    def _once_each(
        cls, listed: tuple[WrittenHypothesis, ...] | None
    ) -> tuple[WrittenHypothesis, ...] | None:
        texts = _texts(listed or ())
        for text in texts:
            if texts.count(text) > 1:
                raise wrong(f"{text!r} is listed twice; it would be tested twice")
        return listed
