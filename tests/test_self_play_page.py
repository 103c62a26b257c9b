"""The page on self-play prints what stands on it, and its commands and its suite are real."""

from __future__ import annotations

import csv
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_promptchaos.session import Session, activated
from pytest_promptchaos.settings import Settings
from pytest_promptchaos.suite import load_suite
from pytest_promptchaos.tables import table_of

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "self_play.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)


CODE, SHOWN = blocks("python"), blocks("text")


def test_all_of_its_code_has_an_output() -> None:
    assert len(CODE) == len(SHOWN) == 4


@pytest.mark.parametrize(
    ("code", "shown"),
    list(zip(CODE, SHOWN, strict=True)),
    ids=["detector", "labels", "table", "bridge"],
)
def test_its_code_prints_what_it_says(
    code: str,
    shown: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)  # some of it writes files
    with activated(Session(settings=Settings(), on_disk=False)) as session:
        exec(code, {})
        session.close()
    assert capsys.readouterr().out == shown
    for written in tmp_path.glob("study.csv"):
        assert table_of(written).columns["seed_id"] == ["tea", "rain"]


def test_its_suite_can_be_loaded(tmp_path: Path) -> None:
    (suite,) = blocks("yaml")
    tmp_path.joinpath("seed_prompts.yaml").write_text(
        (ROOT / "suites" / "seed_prompts.yaml").read_text()
    )
    path = tmp_path / "page.chaos.yaml"
    path.write_text(suite)
    loaded = load_suite(path)
    assert len(loaded.prompts) == 36
    assert [loaded.checks[1].standing_of(place) for place in (0, 1)] == [
        "between-model only",
        "weak",
    ]


KEY = ("condition", "seed_id", "repeat_index")


def write_tables(folder: Path) -> None:
    """Write two models with 12 prompts each, where slope and rate rise together in both."""
    keys = [(f"HOMO_{model}", f"s{prompt}", 0) for model in "AB" for prompt in range(12)]
    rise = [int(seed[1:]) + 20 * (condition == "HOMO_B") for condition, seed, _ in keys]
    tables = {"depth": "profile_slope_mean", "collapse": "collapse_rate"}
    for name, column in tables.items():
        with folder.joinpath(f"{name}.csv").open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow([*KEY, column])
            rows.writerows([*key, value / 40] for key, value in zip(keys, rise, strict=True))


def test_its_commands_run_one_after_the_other(tmp_path: Path) -> None:
    write_tables(tmp_path)
    (commands,) = blocks("sh")
    printed = []
    for line in commands.splitlines():
        program, *words = shlex.split(line)
        assert program == "promptchaos"
        done = subprocess.run(
            [sys.executable, "-m", "pytest_promptchaos", *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, ""), line
        printed.append(" ".join(done.stdout.split()))
    for told in ("profile_slope_mean", "supported", "Fewer prompts than planned could be run."):
        assert told in printed[-1]
