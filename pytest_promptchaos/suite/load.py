"""A suite file, read and checked; or every mistake in it, each on its line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from pytest_promptchaos.suite.answer_rules import broken_answer_rules
from pytest_promptchaos.suite.image_files import listed_images
from pytest_promptchaos.suite.problems import Problem, problems_of, suite_error
from pytest_promptchaos.suite.prompt_files import borrowed_prompts
from pytest_promptchaos.suite.rules import broken_rules
from pytest_promptchaos.suite.schema import SUITE_VERSION, Suite, json_schema
from pytest_promptchaos.suite.source import read_source

if TYPE_CHECKING:
    import os

    from pytest_promptchaos.suite.source import Source


def load_suite(path: str | os.PathLike[str]) -> Suite:
    """Return the suite in the file at ``path``.

    Raises:
        SuiteError: with one line per problem of the file, ``file:line: path.of.keys: what is
            wrong``; a YAML syntax error is reported alone, as is a suite of a newer version, and
            so are the mistakes of a file that it takes prompts or images from.
    """
    source = read_source(path)
    _refuse_newer(source)
    borrowed = borrowed_prompts(source)
    listed = listed_images(source)
    problems = [
        *(*source.problems, *borrowed.problems, *listed.problems),
        *broken_rules(source, borrowed.places),
        *broken_answer_rules(source, listed.truths),
    ]
    try:
        suite = Suite.model_validate(source.data)
    except ValidationError as error:
        problems += problems_of(error, source, json_schema())
    told = {problem.keys for problem in problems}
    problems += [problem for problem in source.absent if problem.keys not in told]
    if problems:
        raise suite_error(source.file, problems)
    whole = {
        "prompts": (*suite.prompts, *borrowed.prompts),
        "checks": tuple(map(listed.shown, suite.checks)),
    }
    suite = suite.model_copy(update=whole)
    suite.remember(source.file, _lines(suite, source))
    return suite


def _lines(suite: Suite, source: Source) -> dict[tuple[str, ...], int]:
    return {
        (check.id, *key): source.line(("checks", place, *key))
        for place, check in enumerate(suite.checks)
        for key in ((), ("validate",))
    }


def _refuse_newer(source: Source) -> None:
    version = source.data.get("version") if isinstance(source.data, dict) else None
    if isinstance(version, int) and version > SUITE_VERSION:
        words = (
            f"the suite is of version {version}, this pytest-promptchaos reads up to "
            f"{SUITE_VERSION}; upgrade pytest-promptchaos"
        )
        keys = ("version",)
        raise suite_error(source.file, [Problem(line=source.line(keys), keys=keys, words=words)])
