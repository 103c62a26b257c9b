"""What the plugin's hooks call: one pytest run, from its options to its reports."""

from __future__ import annotations

import os
import platform
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Literal, cast

import pytest

from pytest_promptchaos.errors import PromptChaosError, StoreError, VerdictError
from pytest_promptchaos.records import Record, from_plain, to_plain
from pytest_promptchaos.report.progress import Heartbeat
from pytest_promptchaos.session import Session, activated
from pytest_promptchaos.settings import MARKER_KEYS, OPTIONS, option_named, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pytest_promptchaos.settings import Settings

CUT_OFF = (
    "interrupted: its finished runs are in the evidence store, so the next run of this test goes "
    "on from there"
)
SESSION_BRIDGE = "promptchaos::session-bridge"
"""The node id of the record that no test left, but the whole run."""
DEPTH_CHECKS = {"ftle", "depth_profile"}
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
            progress=Heartbeat(self._write_progress),
        )
        self.records: list[Record] = []
        self.documents: dict[str, Path] = {}
        self.unwritten: list[str] = []
        self.running: set[str] = set()
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
        with self.session.using(self.settings_of(item)):
            yield

    def attach(
        self, item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport
    ) -> None:
        """Put what an item left since its last phase on its report, as plain dictionaries.

        That is its verdicts; and, for an item that uses us, why it broke if no verdict tells.
        """
        verdicts = self.session.drain()
        error = call.excinfo.value if call.excinfo is not None and report.failed else None
        ours = isinstance(error, PromptChaosError)
        broke = error is not None and not isinstance(error, VerdictError)
        if ours:
            report.longrepr = _short(item, call, str(error))
        if not verdicts and not (broke and (ours or _uses_us(item))):
            return
        record = self._record(
            report.nodeid,
            "failed" if report.failed else "passed",
            verdicts,
            seconds=report.duration,
            message=f"{type(error).__name__}: {error}" if broke else "",
        )
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
        except StoreError as error:
            self.session.unstored.append(str(error))

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
        """Write the documents; what Ctrl-C cut off is kept as such."""
        told = {record.node_id for record in self.records if record.status == "error"}
        for node_id in sorted(self.running - told):
            self.keep(self._record(node_id, "interrupted", self.session.drain(), message=CUT_OFF))
        self._bridge()
        if self.records and not self.session.settings.no_report:
            from pytest_promptchaos.report.documents import write_documents

            self.documents, self.unwritten = write_documents(self.records, self.session.directory)

    def _bridge(self) -> None:
        """Keep what the depth that was measured in this run has to do with the behavior."""
        checks = {verdict.check for record in self.records for verdict in record.verdicts}
        if not checks & DEPTH_CHECKS:
            return
        from pytest_promptchaos.session_bridge import session_bridges

        if bridges := session_bridges(self.records):
            self.keep(replace(self._record(SESSION_BRIDGE, "passed", ()), bridges=bridges))

    def close(self) -> None:
        """Release the models, close the store, and stop being the active session."""
        self.session.close()
        self._active.__exit__(None, None, None)

    def _write_progress(self, text: str) -> None:
        """Write past pytest's capture; a worker of xdist has no terminal to write to."""
        plugins = self.config.pluginmanager
        capture, terminal = (plugins.getplugin(n) for n in ("capturemanager", "terminalreporter"))
        if terminal is None or hasattr(self.config, "workerinput"):
            return
        with capture.global_and_fixture_disabled() if capture else nullcontext():
            self.config.get_terminal_writer().write(text, flush=True)


class Reporter:
    """The hooks of the process that writes the documents; workers of xdist have none."""

    def __init__(self, run: ChaosRun) -> None:
        self._run = run

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note that an item is running, here or in a worker."""
        self._run.running.add(nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Note that an item is over."""
        self._run.running.discard(nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect a finished item's record."""
        self._run.collect(report)

    def pytest_sessionfinish(self) -> None:
        """Write the documents, also after Ctrl-C."""
        self._run.finish()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table of verdicts and where the report lies."""
        run = self._run
        if not run.records:
            return
        from pytest_promptchaos.report.terminal import summary_lines

        written = {name: str(path) for name, path in run.documents.items()}
        terminalreporter.section("promptchaos")
        width = terminalreporter._tw.fullwidth
        for line in summary_lines(run.records, width=width, written=written):
            terminalreporter.write_line(line.text, **line.markup)
        for words in (*run.unwritten, *_unstored(run.session.unstored)):
            terminalreporter.write_line(words, yellow=True)


def _uses_us(item: pytest.Item) -> bool:
    """Return whether an item is a check of a suite, or a test that asks for our model."""
    return hasattr(item, "suite_settings") or "chaos_model" in getattr(item, "fixturenames", ())


def _short(item: pytest.Item, call: pytest.CallInfo[None], words: str) -> str:
    """Return an error of ours as the line of the test that met it, and what it says."""
    if call.excinfo is None or hasattr(item, "suite_settings"):
        return words
    mine = [entry for entry in call.excinfo.traceback if entry.path == item.path]
    where = f"\n\n{item.location[0]}:{mine[-1].lineno + 1}: {mine[-1].statement}" if mine else ""
    # What is wrong comes first: pytest's short summary shows one line of it.
    return f"{call.excinfo.type.__name__}: {words}{where}"


def _unstored(reasons: Sequence[str]) -> list[str]:
    """Return one line about what could not be stored, if anything could not."""
    if not reasons:
        return []
    return [f"{len(reasons)} results are used and reported, but not stored: {reasons[0]}"]


def _check_ini_keys(config: pytest.Config) -> None:
    """Refuse a misspelt ``promptchaos_*`` key, which pytest itself would only warn about."""
    # Private, but the only place that knows every key as written; the public attribute is
    # deprecated and getini() answers for declared keys only. A test holds this to its word.
    for key in cast("Mapping[str, object]", config._inicfg):
        if key.startswith("promptchaos"):
            option_named(key.removeprefix("promptchaos_"), f"{config.inipath or '-o'}: {key}")


def _environment() -> dict[str, str]:
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
