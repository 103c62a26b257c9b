"""Suite files as pytest sees them: a file of checks, one item per model and check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_promptchaos.errors import PromptChaosError, SuiteError, VerdictError
from pytest_promptchaos.records import Outcome
from pytest_promptchaos.settings import resolve
from pytest_promptchaos.suite.load import load_suite

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from pytest_promptchaos.records import Verdict
    from pytest_promptchaos.suite.schema import Check, Suite


class SuiteFile(pytest.File):
    """A ``*.chaos.yaml`` file."""

    def collect(self) -> Iterator[SuiteItem]:
        """Yield an item per model and check, a model's items together."""
        try:
            suite = load_suite(self.path)
        except SuiteError as error:
            raise self.CollectError(str(error)) from error
        for pin in self._pins(suite):
            for check in suite.checks:
                yield SuiteItem.from_parent(
                    self, name=f"{check.id}[{pin}]", suite=suite, check=check, pin=pin
                )

    def _pins(self, suite: Suite) -> tuple[str, ...]:
        """Return the models: the command line's, else the suite's, else the ini file's."""
        from pytest_promptchaos.plugin import RUN

        layers = self.config.stash[RUN].layers({}, {"model": suite.models})
        return resolve(*layers).model


class SuiteItem(pytest.Item):
    """One check of a suite on one model."""

    def __init__(self, *, suite: Suite, check: Check, pin: str, **options: Any) -> None:
        super().__init__(**options)
        self.suite, self.check, self.pin = suite, check, pin

    @property
    def suite_settings(self) -> Mapping[str, object]:
        """The suite file's settings for this check; the command line overrides them."""
        return self.suite.settings_of(self.check).model_dump(exclude_none=True)

    def runtest(self) -> None:
        """Measure and judge; green is the outcome that the check expects."""
        from pytest_promptchaos.judging import enforce
        from pytest_promptchaos.suite.run import run_check

        verdict = run_check(self.suite, self.check, self.pin)
        if self.check.expect == "passed":
            enforce(verdict)
        elif verdict.outcome is not Outcome.FAILED:
            raise VerdictError(_unexpected(verdict))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show what the verdict or the error says, without a traceback through our own code."""
        if isinstance(excinfo.value, VerdictError | PromptChaosError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[os.PathLike[str], int, str]:
        """Return the file and line where the check stands."""
        return self.path, self.suite.line_of(self.check) - 1, self.name


def _unexpected(verdict: Verdict) -> Verdict:
    """Return the verdict with the reason why it is no green: it was expected to fail."""
    from dataclasses import replace

    told = (
        f"expected to fail, but the outcome is {verdict.outcome}: the limit no longer shows a "
        "failure; lower it, or drop 'expect: failed'"
    )
    return replace(verdict, explanation=f"{told}\n\n{verdict.explanation}")
