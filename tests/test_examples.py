"""What a user copies runs as it stands, and the quickstart shows what it promises."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pytest_promptchaos.report.evidence import read_records

ROOT = Path(__file__).parents[1]
OFFLINE = ("-p", "network_guard", "-p", "no:cacheprovider", "-q")


def test_the_examples_pass(pytester: pytest.Pytester) -> None:
    for folder in ("examples", "suites"):
        shutil.copytree(ROOT / folder, pytester.path / folder)
    files = sorted(path.name for path in (ROOT / "examples").glob("test_*.py"))
    assert len(files) >= 3
    result = pytester.runpytest_subprocess(*OFFLINE, "examples", "--promptchaos-no-report")
    assert result.ret == pytest.ExitCode.OK


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of documents that the quickstart leaves, run as `make demo` runs it."""
    import subprocess
    import sys

    folder = tmp_path_factory.mktemp("quickstart")
    shutil.copytree(ROOT / "suites", folder / "suites")
    command = [sys.executable, "-m", "pytest", *OFFLINE, "suites/quickstart.chaos.yaml"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return folder / ".promptchaos"


def test_the_identical_control_of_every_prompt_is_exactly_zero(quickstart: Path) -> None:
    verdicts = [
        v for r in read_records(quickstart / "promptchaos-records.json") for v in r.verdicts
    ]
    controls = [p for v in verdicts for p in v.pairs if p.rung == "identical"]
    assert {p.prompt_id for p in controls} >= {"dune", "capital", "rain", "tea", "raven", "email"}
    assert all(set(p.distances.values()) == {0.0} for p in controls)
    assert all(p.branch is None for p in controls)


def test_the_quickstart_shows_the_whole_ladder_and_a_failure(quickstart: Path) -> None:
    verdicts = {
        v.id: v for r in read_records(quickstart / "promptchaos-records.json") for v in r.verdicts
    }
    assert {v.check for v in verdicts.values()} == {"stable_neighborhood", "ftle"}
    assert {p.rung for p in verdicts["small-edits"].pairs} == {
        "identical",
        "format",
        "punctuation",
        "synonym",
        "paraphrase",
        "small_semantic",
        "positive_control",
    }
    (failure,) = [v for v in verdicts.values() if v.expect == "failed"]
    assert failure.outcome == "failed"
    assert "worst neighbor" in failure.explanation


def test_the_report_of_the_quickstart_is_small(quickstart: Path) -> None:
    assert (quickstart / "promptchaos-report.html").stat().st_size < 2_500_000
