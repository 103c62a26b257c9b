"""A bridge's plan as a person reads it and a hash takes it: plain types, hypotheses as text."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from pytest_promptchaos.errors import PreregistrationError
from pytest_promptchaos.records import BridgePlan, Hypothesis

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    Written = dict[str, Any]

SIGNS: dict[str, Literal[-1, 0, 1]] = {"": 0, "(+)": 1, "(-)": -1}
"""What stands behind a hypothesis whose direction was said beforehand."""


class _Plan(BaseModel):
    """The types and ranges of a written plan; text from the command line is read as numbers."""

    model_config = ConfigDict(extra="forbid")

    hypotheses: tuple[str, ...] = Field(min_length=1)
    clusters: tuple[str, ...]
    strata: tuple[str, ...]
    threshold: float = Field(gt=0, lt=1)
    alpha: float = Field(gt=0, lt=1)
    censor: Literal["after", "last", "exclude"]
    resamples: int = Field(ge=100)
    permutations: int = Field(ge=99)
    seed: int = Field(ge=0)

    @field_validator("hypotheses", "clusters", "strata")
    @classmethod
    def _printable(cls, told: tuple[str, ...]) -> tuple[str, ...]:
        # YAML does not bring every control character back as it was.
        odd = [one for one in told if not one.isprintable() or not one.strip()]
        if odd:
            raise ValueError(f"{odd[0]!r} is empty or holds a character that cannot be printed")
        return told

    @field_validator("hypotheses")
    @classmethod
    def _each_once(cls, told: tuple[str, ...]) -> tuple[str, ...]:
        names = [hypothesis_of(one).name for one in told]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"{twice[0]} is there twice: state it once")
        return told


def written(plan: BridgePlan) -> Written:
    """Return a plan as it is written and hashed: plain types, hypotheses as text.

    >>> written(BridgePlan(hypotheses=(Hypothesis(predictor="x", outcome="y"),)))["hypotheses"]
    ['x ~ y']
    """
    told: Written = json.loads(json.dumps(asdict(plan), default=plain))
    return told | {"hypotheses": [hypothesis_text(one) for one in plan.hypotheses]}


def plain(value: Any) -> Any:
    """Return a scalar of an array library as Python's own; anything else as it is.

    A number of few bits is the decimal that it is written as: a plan says 0.4, and its nearest
    neighbor in 32 bits is another plan.

    >>> import numpy as np
    >>> plain(np.int64(42)), plain(np.float32(0.4)), plain("after")
    (42, 0.4, 'after')
    """
    if getattr(value, "shape", None) != () or not hasattr(value, "item"):
        return value
    own = value.item()
    return float(str(value)) if isinstance(own, float) else own


def hypothesis_text(hypothesis: Hypothesis) -> str:
    """Return a hypothesis as it is written: ``x ~ y``, with the sign that was said of it.

    >>> hypothesis_text(Hypothesis(predictor="x", outcome="y", sign=-1))
    'x ~ y (-)'
    """
    sign = next(text for text, sign in SIGNS.items() if sign == hypothesis.sign)
    return f"{hypothesis.predictor} ~ {hypothesis.outcome} {sign}".rstrip()


def hypothesis_of(text: str) -> Hypothesis:
    """Return the hypothesis that :func:`hypothesis_text` writes; raises ``ValueError``.

    >>> hypothesis_of("x ~ y (-)")
    Hypothesis(predictor='x', outcome='y', sign=-1)
    """
    pair, said = text.strip(), ""
    for sign in ("(+)", "(-)"):
        if pair.endswith(sign):
            pair, said = pair.removesuffix(sign), sign
    predictor, _, outcome = (part.strip() for part in pair.partition("~"))
    if predictor and predictor == outcome:
        raise ValueError(_itself(text))
    if not predictor or not outcome or "~" in outcome:
        raise ValueError(
            f"{text!r} is no hypothesis: write 'PREDICTOR ~ OUTCOME', and '(+)' or '(-)' behind "
            "it where the direction is said beforehand"
        )
    return Hypothesis(predictor=predictor, outcome=outcome, sign=SIGNS[said])


def check_two(hypothesis: Hypothesis) -> Hypothesis:
    """Return a hypothesis of two columns; raise ``ValueError`` for one of a column with itself."""
    if hypothesis.predictor == hypothesis.outcome:
        raise ValueError(_itself(hypothesis.name))
    return hypothesis


def _itself(told: str) -> str:
    return f"{told!r} holds a column against itself, with which it always goes: name two columns"


def changed_plan(plan: BridgePlan, wanted: Mapping[str, object]) -> BridgePlan:
    """Return the plan with some keys changed, as they are written; raises for what cannot be."""
    for key in wanted:
        if key not in _Plan.model_fields:
            near = get_close_matches(key, _Plan.model_fields, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise PreregistrationError(
                f"a plan has no key {key!r}: {hint}its keys are {', '.join(_Plan.model_fields)}"
            )
    return checked(written(plan) | dict(wanted))


def fingerprint(told: object) -> str:
    """Return the sha256 of canonical JSON: keys sorted, no spaces, 64 hex digits.

    >>> fingerprint({"b": 1, "a": [2]})[:12]
    '63c9663de90e'
    """
    canonical = json.dumps(told, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def checked(written_so: Written) -> BridgePlan:
    """Return the plan that is written so; raise ``PreregistrationError`` for what cannot be."""
    try:
        told = _Plan.model_validate(written_so)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        words = first["msg"].removeprefix("Value error, ")
        raise PreregistrationError(
            f"the plan cannot be frozen: {where} is {first['input']!r}: {words}"
        ) from error
    hypotheses = tuple(map(hypothesis_of, told.hypotheses))
    return BridgePlan(**{**told.model_dump(), "hypotheses": hypotheses})


def changes(before: Written, after: Written) -> dict[str, dict[str, Any]]:
    """Return what differs between two written plans, old and new by key.

    >>> changes({"seed": 1, "alpha": 0.05}, {"seed": 2, "alpha": 0.05})
    {'seed': {'old': 1, 'new': 2}}
    """
    return {
        key: {"old": before[key], "new": after[key]} for key in before if before[key] != after[key]
    }


def change_words(changed: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield what changed in words, one key at a time, old -> new."""
    for key, change in changed.items():
        old, new = change["old"], change["new"]
        if key == "hypotheses":
            gone = [f"without {one}" for one in old if one not in new]
            come = [f"with {one}" for one in new if one not in old]
            yield f"hypotheses: {', '.join([*gone, *come]) or 'in another order'}"
        else:
            yield f"{key}: {_value(old)} -> {_value(new)}"


def _value(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none named"
    return str(value)
