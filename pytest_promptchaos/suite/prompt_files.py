"""Files of prompts: a YAML list that suites and Python take prompts from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, TypeAdapter

from pytest_promptchaos.suite.listed import listed
from pytest_promptchaos.suite.rules import broken_rules, missing_file
from pytest_promptchaos.suite.schema import SuitePrompt
from pytest_promptchaos.suite.source import read_source

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from pytest_promptchaos.records import Prompt
    from pytest_promptchaos.suite.problems import Problem
    from pytest_promptchaos.suite.source import Source

_LISTED = TypeAdapter[tuple[SuitePrompt, ...]](
    Annotated[tuple[SuitePrompt, ...], Field(min_length=1)]
)


def load_prompts(path: str | os.PathLike[str]) -> tuple[Prompt, ...]:
    """Return the prompts in the file at ``path``, in its order.

    The file is a YAML list of mappings, each with an id and a text, and if there is one a
    ``bucket``, the kind of request. Neighbors that stand there are left to suites.

    Raises:
        SuiteError: with one line per problem, ``file:line: [0].text: what is wrong``.
    """
    return tuple(prompt.prompt() for prompt in _read(path)[1])


@dataclass(frozen=True, kw_only=True)
class Borrowed:
    """Prompts that a suite takes from another file, and the place of each id there.

    ``places`` is ``None`` where the file is not there; the problem says so.
    """

    prompts: tuple[SuitePrompt, ...] = ()
    places: Mapping[str, str] | None = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def borrowed_prompts(source: Source) -> Borrowed:
    """Return what the suite's key ``prompts_from`` names; raises ``SuiteError`` of that file."""
    written = source.data.get("prompts_from") if isinstance(source.data, dict) else None
    if not isinstance(written, str) or not written.strip():
        return Borrowed(places={} if written is None else None)
    if problems := tuple(missing_file(source, ("prompts_from",), written)):
        return Borrowed(places=None, problems=problems)
    there, prompts = _read(Path(source.file).parent / written)
    places = {
        prompt.id: f"in {written} on line {there.line((place, 'id'))}"
        for place, prompt in enumerate(prompts)
    }
    return Borrowed(prompts=prompts, places=places)


def _read(path: str | os.PathLike[str]) -> tuple[Source, tuple[SuitePrompt, ...]]:
    source = read_source(path, "a list of prompts is meant, each with an id and a text")
    problems = [*source.problems, *broken_rules(source, {})]
    prompts = listed(source, _LISTED, problems)
    return source, prompts
