"""The pytest hooks, each a few lines that hand over to the session.

Nothing heavy is imported here: a pytest that does not use the plugin must not pay for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from pytest_promptchaos.chaos_run import ChaosRun
from pytest_promptchaos.errors import PromptChaosError
from pytest_promptchaos.settings import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from pytest_promptchaos.models.language import LanguageModel

RUN = pytest.StashKey[ChaosRun]()
INI_TYPES = {"text": "string", "integer": "int", "list": "linelist", "switch": "bool"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add every option as a flag and as an ini key."""
    group = parser.getgroup(
        "promptchaos", "promptchaos: how language models behave around a prompt"
    )
    for option in OPTIONS:
        action = {"list": "append", "switch": "store_true"}.get(option.kind, "store")
        told = f"{option.help} (default: {option.default})"
        group.addoption(option.flag, action=action, default=None, dest=option.ini, help=told)
        parser.addini(option.ini, told, type=INI_TYPES[option.kind], default=None)  # type: ignore[arg-type]


def pytest_configure(config: pytest.Config) -> None:
    """Resolve the options and make the run's session the active one."""
    config.addinivalue_line(
        "markers",
        "promptchaos(model, horizon, per_rung, seed, min_effective, inconclusive): "
        "settings of one test for pytest-promptchaos",
    )
    try:
        config.stash[RUN] = ChaosRun(config)
    except PromptChaosError as error:
        raise pytest.UsageError(str(error)) from error


def pytest_unconfigure(config: pytest.Config) -> None:
    """Release the models, close the store."""
    if RUN in config.stash:
        config.stash[RUN].close()


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect ``*.chaos.yaml`` suites."""
    if not file_path.name.endswith(".chaos.yaml"):
        return None
    from pytest_promptchaos.suite.items import SuiteFile

    return cast("pytest.Collector", SuiteFile.from_parent(parent, path=file_path))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for ``chaos_model`` once per model."""
    if "chaos_model" in metafunc.fixturenames:
        pins = metafunc.config.stash[RUN].pins(metafunc.definition)
        metafunc.parametrize("chaos_model", pins, indirect=True, scope="session", ids=pins)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Refuse a misspelt marker key before anything is measured."""
    try:
        item.config.stash[RUN].settings_of(item)
    except PromptChaosError as error:
        raise pytest.UsageError(str(error)) from error


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Run an item under its own settings."""
    with item.config.stash[RUN].around(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Send an item's verdicts along with its report, also across processes."""
    report = yield
    item.config.stash[RUN].attach(item, call, report)
    return report


@pytest.fixture(scope="session")
def chaos_model(request: pytest.FixtureRequest) -> LanguageModel:
    """A pinned model, one per ``--promptchaos-model``; weights load on first use."""
    return request.config.stash[RUN].session.model(request.param)
