"""A file that holds one list of items, read with all of its problems at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import TypeAdapter, ValidationError

from pytest_promptchaos.suite.problems import problems_of, suite_error
from pytest_promptchaos.suite.schema import EditorSchema

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_promptchaos.suite.problems import Problem
    from pytest_promptchaos.suite.source import Source

_T = TypeVar("_T")


def listed(
    source: Source, kind: TypeAdapter[tuple[_T, ...]], broken: Sequence[Problem]
) -> tuple[_T, ...]:
    """Return the items of a file; raises ``SuiteError`` with every problem of it.

    ``broken`` are the problems that are known already: what is told of a key is not told twice.
    """
    problems = list(broken)
    items: tuple[_T, ...] = ()
    try:
        items = kind.validate_python(source.data)
    except ValidationError as error:
        schema = kind.json_schema(schema_generator=EditorSchema)
        problems += problems_of(error, source, schema)
    told = {problem.keys for problem in problems}
    problems += [problem for problem in source.absent if problem.keys not in told]
    if problems:
        raise suite_error(source.file, problems)
    return items
