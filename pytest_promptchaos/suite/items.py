"""Suite files as pytest sees them: a file of checks, one item per check, and per model it asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_promptchaos.errors import PromptChaosError, SuiteError, VerdictError
from pytest_promptchaos.records import Outcome
from pytest_promptchaos.settings import resolve
from pytest_promptchaos.suite.load import load_suite

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_promptchaos.records import Standing, Verdict
    from pytest_promptchaos.suite.kinds import Check
    from pytest_promptchaos.suite.schema import Suite


class SuiteFile(pytest.File):
    """A ``*.chaos.yaml`` file."""

    def collect(self) -> Iterator[SuiteItem]:
        """Yield an item per system, per model and check (a model's together), per comparison.

        Comparisons come last: what their models answered to other checks is stored by then.
        """
        try:
            suite = load_suite(self.path)
        except SuiteError as error:
            raise self.CollectError(str(error)) from error
        asking = {
            how: [check for check in suite.checks if check.models_asked == how]
            for how in ("none", "one", "several")
        }
        for check in asking["none"]:
            yield SuiteItem.from_parent(self, name=check.id, suite=suite, check=check)
        of_the_run = self._pins(suite) if asking["one"] else ()
        named = [pin for check in asking["one"] for pin in check.pins(of_the_run)]
        for pin in dict.fromkeys((*of_the_run, *named)):
            for check in asking["one"]:
                if pin in check.pins(of_the_run):
                    yield SuiteItem.from_parent(
                        self, name=f"{check.id}[{pin}]", suite=suite, check=check, pin=pin
                    )
        for check in asking["several"]:
            yield SuiteItem.from_parent(self, name=check.id, suite=suite, check=check)

    def _pins(self, suite: Suite) -> tuple[str, ...]:
        """Return the models: the command line's, else the suite's, else the ini file's."""
        from pytest_promptchaos.plugin import RUN

        layers = self.config.stash[RUN].layers({}, {"model": suite.models})
        return resolve(*layers).model


class SuiteItem(pytest.Item):
    """One check of a suite; ``pin`` is its model, and empty where it asks none or several."""

    def __init__(self, *, suite: Suite, check: Check, pin: str = "", **options: Any) -> None:
        super().__init__(**options)
        self.suite, self.check, self.pin = suite, check, pin

    @property
    def suite_settings(self) -> Mapping[str, object]:
        """The suite file's settings for this check; the command line overrides them."""
        return self.suite.settings_of(self.check).model_dump(exclude_none=True)

    def runtest(self) -> None:
        """Measure and judge; green is when every verdict is the one that the check expects."""
        from pytest_promptchaos.suite.run import run_check

        verdicts = run_check(self.suite, self.check, self.pin)
        asked = [self.check.standing_of(place) for place in range(len(verdicts))]
        held_against = enumerate(zip(verdicts, asked, strict=True))
        wrong = {place: told for place, (one, of) in held_against if (told := _unmet(one, of))}
        if wrong:
            held = [one for place, one in enumerate(verdicts) if place not in wrong]
            raise VerdictError(_together(list(wrong.values()), held))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show what the verdict or the error says, without a traceback through our own code."""
        if isinstance(excinfo.value, VerdictError | PromptChaosError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[os.PathLike[str], int, str]:
        """Return the file and line where the check stands."""
        return self.path, self.suite.line_of(self.check) - 1, self.name


def _unmet(verdict: Verdict, standing: Standing | None) -> Verdict | None:
    """Return the verdict, worded for the reader, unless it is the one that was expected."""
    from pytest_promptchaos.judging import enforce

    if standing is not None:
        return _of_another_standing(verdict, standing)
    if verdict.expect == "failed":
        return None if verdict.outcome is Outcome.FAILED else _unexpected(verdict)
    try:
        enforce(verdict)
    except VerdictError as error:
        return error.verdict
    return None


def _of_another_standing(verdict: Verdict, standing: Standing) -> Verdict | None:
    """Return the verdict on an association, unless that turned out as it was said to."""
    from dataclasses import replace

    (found,) = verdict.bridge.associations if verdict.bridge else ()
    if found.standing == standing:
        return None
    told = f"expected to be {standing}, but it is {found.standing}"
    return replace(verdict, explanation=f"{told}\n\n{verdict.explanation}")


def _unexpected(verdict: Verdict) -> Verdict:
    """Return the verdict with the reason why it is no green: it was expected to fail."""
    from dataclasses import replace

    told = (
        f"expected to fail, but the outcome is {verdict.outcome}: the limit no longer shows a "
        "failure; move it, or drop 'expect: failed'"
    )
    return replace(verdict, explanation=f"{told}\n\n{verdict.explanation}")


def _together(wrong: Sequence[Verdict], held: Sequence[Verdict]) -> Verdict:
    """Return the first wrong verdict, telling all of them in full and each other one in a line."""
    from dataclasses import replace

    parts = [verdict.explanation for verdict in wrong]
    if held:
        parts.append("\n".join(["as expected:", *(f"  {verdict.sentence}" for verdict in held)]))
    return replace(wrong[0], explanation="\n\n".join(parts))
