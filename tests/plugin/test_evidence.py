"""Evidence first: stored as it is measured, reused and said so, and never lost."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from plugin.conftest import DOCUMENTS, TOKENS
from pytest_promptchaos.report.evidence import read_records
from pytest_promptchaos.store import STORE_VERSION, Store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Records = Callable[[], list[dict[str, Any]]]

TEST = """
from contextlib import suppress
from pytest_promptchaos import VerdictError, assert_stable_neighborhood

def test_one(chaos_model):
    with suppress(VerdictError):  # whatever the verdict, its evidence is what is looked at here
        assert_stable_neighborhood(
            chaos_model, "What is the capital of France?", at_most=0.3, metric="token_edit"
        )
"""


def numbers(records: list[dict[str, Any]]) -> list[Any]:
    """Everything measured, without times and without where it was measured or read."""
    skipped = {"seconds", "started", "worker", "cached", "runs_measured", "runs_reused"}

    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: strip(v) for k, v in value.items() if k not in skipped}
        return [strip(v) for v in value] if isinstance(value, list) else value

    return sorted((strip(record) for record in records), key=lambda record: record["node_id"])


def test_a_second_run_reuses_the_evidence_and_says_so(
    chaos: pytest.Pytester, records: Records
) -> None:
    chaos.makepyfile(TEST)
    first = chaos.runpytest_inprocess(*TOKENS)
    first.stdout.re_match_lines([r"[1-9]\d* runs measured, 0 reused from the evidence store"])
    measured = records()
    second = chaos.runpytest_inprocess(*TOKENS)
    second.stdout.re_match_lines([r"0 runs measured, [1-9]\d* reused from the evidence store"])
    assert numbers(records()) == numbers(measured)
    assert all(p["cached"] for p in records()[0]["verdicts"][0]["pairs"] if p["distances"])


def test_fresh_measures_again_and_finds_the_same(chaos: pytest.Pytester, records: Records) -> None:
    chaos.makepyfile(TEST)
    chaos.runpytest_inprocess(*TOKENS)
    measured = records()
    again = chaos.runpytest_inprocess(*TOKENS, "--promptchaos-fresh")
    again.stdout.re_match_lines([r"[1-9]\d* runs measured, 0 reused from the evidence store"])
    assert numbers(records()) == numbers(measured)


@pytest.mark.parametrize("changed", ["--promptchaos-horizon=12", "--promptchaos-dtype=float64"])
def test_what_changes_an_output_changes_its_address(chaos: pytest.Pytester, changed: str) -> None:
    chaos.makepyfile(TEST)
    chaos.runpytest_inprocess(*TOKENS)
    again = chaos.runpytest_inprocess(*TOKENS, changed)
    again.stdout.re_match_lines([r"[1-9]\d* runs measured, 0 reused from the evidence store"])


def test_the_documents_lie_beside_the_store_unless_refused(chaos: pytest.Pytester) -> None:
    chaos.makepyfile(TEST)
    chaos.runpytest_inprocess(*TOKENS, *DOCUMENTS)
    folder = chaos.path / ".promptchaos"
    assert {path.name for path in folder.glob("promptchaos-*")} == {
        "promptchaos-records.json",
        "promptchaos-junit.xml",
        "promptchaos-report.html",
    }


def test_no_report_writes_no_documents(chaos: pytest.Pytester) -> None:
    chaos.makepyfile(TEST)
    chaos.runpytest_inprocess(*TOKENS, *DOCUMENTS, "--promptchaos-no-report")
    assert {path.suffix for path in (chaos.path / ".promptchaos").iterdir()} == {".sqlite"}


def test_the_report_can_be_rebuilt_from_the_store_without_torch(chaos: pytest.Pytester) -> None:
    chaos.makepyfile(TEST)
    chaos.runpytest_inprocess(*TOKENS, *DOCUMENTS)
    folder = chaos.path / ".promptchaos"
    written = {p.name: p.read_bytes() for p in folder.glob("promptchaos-*")}
    for path in folder.glob("promptchaos-*"):
        path.unlink()
    script = chaos.makepyfile(
        rebuild="""
        import sys
        from pytest_promptchaos.report.__main__ import main
        code = main([".promptchaos"])
        assert "torch" not in sys.modules and "transformers" not in sys.modules
        sys.exit(code)
        """
    )
    assert chaos.runpython(script).ret == 0
    assert {p.name: p.read_bytes() for p in folder.glob("promptchaos-*")} == written


# -- a store that cannot be used ------------------------------------------------------------------


def broken_store(path: Path, how: str) -> None:
    path.parent.mkdir(exist_ok=True)
    if how == "truncated":
        store = Store(path)
        for number in range(9):
            store.put(str(number), "run", {"filler": "x" * 4000}, {})
        store.close()
        path.write_bytes(path.read_bytes()[:9000])
    elif how == "newer":
        Store(path).close()
        with sqlite3.connect(path) as other:
            other.execute("UPDATE meta SET value = ?", (STORE_VERSION + 1,))
        other.close()


@pytest.mark.parametrize(
    ("how", "told"),
    [("truncated", "*it was truncated; move the file away*"), ("newer", "*newer version*upgrade*")],
)
def test_a_store_that_cannot_be_read_is_left_alone_and_nothing_measured_is_lost(
    chaos: pytest.Pytester, how: str, told: str
) -> None:
    path = chaos.path / ".promptchaos" / "evidence.sqlite"
    broken_store(path, how)
    before = path.read_bytes()
    chaos.makepyfile(TEST)
    result = chaos.runpytest_inprocess(*TOKENS)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([told])
    assert path.read_bytes() == before


def test_a_store_that_locks_up_meanwhile_costs_the_storing_but_not_the_verdict(
    chaos: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pytest_promptchaos.store.PATIENCE", 0.1)
    path = chaos.path / ".promptchaos" / "evidence.sqlite"
    path.parent.mkdir()
    Store(path).close()
    holder = sqlite3.connect(path)
    holder.execute("BEGIN IMMEDIATE")
    chaos.makepyfile(TEST)
    result = chaos.runpytest_inprocess(*TOKENS, *DOCUMENTS)
    holder.rollback()
    holder.close()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["* results are used and reported, but not stored: *locked*"])
    (kept,) = read_records(path.with_name("promptchaos-records.json"))
    assert kept.verdicts[0].measurement.value is not None
