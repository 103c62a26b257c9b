"""Each file here tries one thing a user sees, through a real pytest run."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_promptchaos.records import to_plain
from pytest_promptchaos.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

QUICK = ("--promptchaos-horizon=16", "--promptchaos-min-effective=2")
TOKENS = (*QUICK, "-o", "promptchaos_per_rung=2", "--promptchaos-embedder=none")
DOCUMENTS = ("-o", "promptchaos_no_report=false")
"""Write the documents after all: most tests here need none, and the page takes a second."""


@pytest.fixture(scope="session", autouse=True)
def warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Go through every stage once, in this process.

    A pytest that runs inside this one forgets, when it ends, what it imported; torch cannot be
    imported twice, and transformers imports many of its parts on first use.
    """
    from pytest_promptchaos.checks import measure_neighborhood
    from pytest_promptchaos.depth_checks import measure_ftle
    from pytest_promptchaos.judging import judge_findings
    from pytest_promptchaos.records import Limit, Record
    from pytest_promptchaos.report.documents import write_documents
    from pytest_promptchaos.report.terminal import summary_lines
    from pytest_promptchaos.session import Session, activated
    from pytest_promptchaos.settings import Settings

    import_module("pytest_promptchaos.suite.items")
    import_module("pytest_promptchaos.suite.run")
    with activated(Session(settings=Settings(horizon=4, per_rung=1), on_disk=False)) as session:
        model, text = session.model("bundled:tiny-chat"), "What is the capital of France?"
        found = (measure_neighborhood(model, text), measure_ftle(model, text, tangents=2))
        limit = Limit(name="any", at_most=1.0)
        verdicts = tuple(judge_findings("warm", f, limit) for f in found)
        session.close()
    record = Record(node_id="warm", status="passed", verdicts=verdicts, environment={})
    write_documents([record], tmp_path_factory.mktemp("warm"))
    assert summary_lines([record])


@pytest.fixture
def chaos(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A directory in which pytest runs by itself, with the network guard."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    options = "-p network_guard -p no:cacheprovider -W default -o promptchaos_no_report=true"
    monkeypatch.setenv("PYTEST_ADDOPTS", options)
    # This run may itself be a worker of xdist; the runs inside are not.
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    monkeypatch.delenv("PYTEST_XDIST_WORKER_COUNT", raising=False)
    return pytester


@pytest.fixture
def records(chaos: pytest.Pytester) -> Callable[[], list[dict[str, Any]]]:
    """Read what the last run left in the evidence store."""

    def read() -> list[dict[str, Any]]:
        store = Store(chaos.path / ".promptchaos" / "evidence.sqlite")
        found = [to_plain(record) for record in store.records(store.sessions()[-1])]
        store.close()
        return found

    return read
