"""What the plugin's hooks call: one pytest run, from its options to its reports."""

from __future__ import annotations

import os
import platform
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Literal, cast

import pytest

from pytest_promptchaos.errors import PromptChaosError, StoreError
from pytest_promptchaos.records import Record, from_plain, to_plain
from pytest_promptchaos.report.progress import Heartbeat
from pytest_promptchaos.session import Session, activated
from pytest_promptchaos.settings import MARKER_KEYS, OPTIONS, option_named, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pytest_promptchaos.settings import Settings

PACKAGES = (
    "pytest-promptchaos",
    "torch",
    "transformers",
    "tokenizers",
    "sentence-transformers",
    "numpy",
    "scipy",
    "pytest",
)


class ChaosRun:
    """One pytest run: its session, the records of its items, and the documents at its end."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self._flags = {o.name: config.getoption(o.ini) for o in OPTIONS}
        self._ini = {o.name: config.getini(o.ini) for o in OPTIONS}
        _check_ini_keys(config)
        self.session = Session(
            settings=resolve(*self.layers({}, {})),
            root=config.rootpath,
            threads=_threads(),
            progress=Heartbeat(self._write_progress),
        )
        self.records: list[Record] = []
        self.documents: dict[str, Path] = {}
        self._item = ""
        self._active = activated(self.session)
        self._active.__enter__()
        if not hasattr(config, "workerinput"):
            config.pluginmanager.register(Reporter(self), "promptchaos-reporter")

    # -- settings ------------------------------------------------------------------------------

    def layers(
        self, marker: Mapping[str, object], suite: Mapping[str, object]
    ) -> tuple[tuple[str, Mapping[str, object]], ...]:
        """Return the layers of settings, the strongest first."""
        return (
            ("command line", self._flags),
            ("marker promptchaos", marker),
            ("suite settings", suite),
            ("ini file", self._ini),
        )

    def settings_of(self, item: pytest.Item) -> Settings:
        """Return an item's settings: command line, marker, suite file, ini, default."""
        marker: dict[str, object] = {}
        for found in item.iter_markers("promptchaos"):
            where = f"{item.nodeid}: marker promptchaos"
            if found.args:
                raise PromptChaosError(f"{where} takes keys only, as in promptchaos(horizon=128)")
            for key, value in found.kwargs.items():
                option_named(key, where, MARKER_KEYS)
                marker.setdefault(key, value)
        return resolve(*self.layers(marker, getattr(item, "suite_settings", {})))

    def pins(self, item: pytest.Item) -> tuple[str, ...]:
        """Return the model pins that a test runs on."""
        try:
            return self.settings_of(item).model
        except PromptChaosError as error:
            raise pytest.UsageError(str(error)) from error

    # -- items ---------------------------------------------------------------------------------

    @contextmanager
    def around(self, item: pytest.Item) -> Iterator[None]:
        """Run one item under its own settings."""
        self._item = item.nodeid
        with self.session.using(self.settings_of(item)):
            yield
        self._item = ""

    def attach(self, report: pytest.TestReport) -> None:
        """Put the verdicts since the last phase on a report, as plain dictionaries."""
        verdicts = self.session.drain()
        if verdicts:
            status: Literal["passed", "failed"] = "failed" if report.failed else "passed"
            record = self._record(report.nodeid, status, verdicts, seconds=report.duration)
            report.promptchaos = to_plain(record)  # type: ignore[attr-defined]

    def collect(self, report: pytest.TestReport) -> None:
        """Keep the record that came with a report, and note a worker that died."""
        plain = getattr(report, "promptchaos", None)
        if plain is not None:
            self.keep(from_plain(plain))
        elif report.failed and report.when not in {"setup", "call", "teardown"}:
            message = str(report.longrepr)
            self.keep(self._record(report.nodeid, "error", (), message=message))

    def keep(self, record: Record) -> None:
        """Keep a record for the documents, and write it to the store at once."""
        self.records.append(record)
        try:
            self.session.store.add_record(self.session.id, record)
        except StoreError:
            self.session.unstored += 1

    def _record(
        self,
        node_id: str,
        status: Literal["passed", "failed", "error", "interrupted"],
        verdicts: Sequence[object],
        *,
        seconds: float = 0.0,
        message: str = "",
    ) -> Record:
        return Record(
            node_id=node_id,
            status=status,
            verdicts=tuple(verdicts),  # type: ignore[arg-type]
            environment=_environment(),
            message=message,
            started=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
            seconds=seconds,
            worker=os.environ.get("PYTEST_XDIST_WORKER", "main"),
        )

    # -- end -----------------------------------------------------------------------------------

    def finish(self) -> None:
        """Write the documents; verdicts of an interrupted item are kept as such."""
        if self._item:
            left = self.session.drain()
            message = (
                "interrupted: its finished runs are in the evidence store, so the next run of "
                "this test goes on from there"
            )
            self.keep(self._record(self._item, "interrupted", left, message=message))
        if self.records and not self.session.settings.no_report:
            from pytest_promptchaos.report.documents import write_documents

            self.documents = write_documents(self.records, self.session.directory)

    def close(self) -> None:
        """Release the models, close the store, and stop being the active session."""
        self.session.close()
        self._active.__exit__(None, None, None)

    def _write_progress(self, text: str) -> None:
        """Write past pytest's capture; a worker of xdist has no terminal to write to."""
        capture = self.config.pluginmanager.getplugin("capturemanager")
        if capture is None or hasattr(self.config, "workerinput"):
            return
        with capture.global_and_fixture_disabled():
            self.config.get_terminal_writer().write(text, flush=True)


class Reporter:
    """The hooks of the process that writes the documents; workers of xdist have none."""

    def __init__(self, run: ChaosRun) -> None:
        self._run = run

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect a finished item's record."""
        self._run.collect(report)

    def pytest_sessionfinish(self) -> None:
        """Write the documents, also after Ctrl-C."""
        self._run.finish()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table of verdicts and where the report lies."""
        if not self._run.records:
            return
        from pytest_promptchaos.report.terminal import summary_lines

        written = {name: str(path) for name, path in self._run.documents.items()}
        terminalreporter.section("promptchaos")
        width = terminalreporter._tw.fullwidth
        for line in summary_lines(self._run.records, width=width, written=written):
            terminalreporter.write_line(line.text, **line.markup)


def _check_ini_keys(config: pytest.Config) -> None:
    """Refuse a misspelt ``promptchaos_*`` key, which pytest itself would only warn about."""
    # Private, but the only place that knows every key as written; the public attribute is
    # deprecated and getini() answers for declared keys only. A test holds this to its word.
    for key in cast("Mapping[str, object]", config._inicfg):
        if key.startswith("promptchaos"):
            option_named(key.removeprefix("promptchaos_"), f"{config.inipath}: {key}")


def _threads() -> int | None:
    """Return the threads of one worker: the machine's cores shared among xdist's workers."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return max(1, (os.cpu_count() or 1) // workers) if workers > 1 else None


def _environment() -> dict[str, str]:
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
