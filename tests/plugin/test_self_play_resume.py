"""A run that is killed in the middle of a conversation goes on at the turn where it stopped."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

TESTS = """
import json
from dataclasses import asdict
from pathlib import Path

from pytest_promptchaos.booking import load_model
from pytest_promptchaos.conversing import Cast, Talk, converse
from pytest_promptchaos.records import Prompt
from pytest_promptchaos.session import active

PINS = {
    "HOMO": ["bundled:tiny-chat"],
    "ROT": ["bundled:tiny-chat", "bundled:tiny-chat?initialization=0"],
}
SEEDS = [
    Prompt(id="odd", text="Teapots sing of walls, and no wall may tea."),
    Prompt(id="france", text="What is the capital of France?"),
    Prompt(id="dune", text="Recommend a book like Dune."),
]

def test_talk():
    session, said = active(), []
    for condition, pins in PINS.items():
        cast = Cast(condition, tuple(load_model(pin) for pin in pins))
        talk = Talk(turns=6, repeats=2, horizon=16, temperature=1.2, rows=4)
        said += [asdict(one) for one in converse(session, cast, SEEDS, talk)]
    counts = asdict(session.counts)
    Path("said.json").write_text(json.dumps({"said": said, "counts": counts}))
"""
TALKS = 3 * 2
EACH = TALKS * 6
"""Turns of one condition, in blocks of 4 and 2."""
DISTINCT = 2 * EACH - TALKS
"""The first turns of both conditions are the same: same speaker, same prompt, same seed."""
PATIENCE = 120.0


def started(folder: Path) -> subprocess.Popen[bytes]:
    folder.mkdir(exist_ok=True)
    (folder / "test_talk.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "test_talk.py"]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def turns_in_store(folder: Path) -> int:
    """How many turns another process has written so far."""
    path = folder / ".promptchaos" / "evidence.sqlite"
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=1.0)
    except sqlite3.OperationalError:
        return 0
    try:
        row = connection.execute("SELECT COUNT(*) FROM evidence WHERE kind = 'turn'").fetchone()
        return int(row[0])
    except sqlite3.OperationalError:
        return 0
    finally:
        connection.close()


def killed(folder: Path, at: int) -> int:
    """Kill a run once it has written ``at`` turns; return how many there are then."""
    process = started(folder)
    deadline = time.monotonic() + PATIENCE
    while turns_in_store(folder) < at and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[0].decode()
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (folder / "said.json").exists()
    return turns_in_store(folder)


def said_in(folder: Path) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The transcripts, without where a turn came from and how long it took; and the counts."""
    found = json.loads((folder / "said.json").read_text())
    for conversation in found["said"]:
        for turn in conversation["turns"]:
            del turn["seconds"], turn["cached"]
    return found["said"], found["counts"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL on this system")
def test_a_killed_run_ends_with_the_transcripts_of_one_that_was_not(
    chaos: pytest.Pytester,
) -> None:
    chaos.makepyfile(test_talk=TESTS)
    chaos.runpytest_inprocess("test_talk.py").assert_outcomes(passed=1)
    expected, counts = said_in(chaos.path)
    assert counts == {"measured": DISTINCT, "reused": TALKS}
    assert sum(len(one["turns"]) for one in expected) == 2 * EACH

    broken = chaos.path / "broken"
    in_self_play = killed(broken, at=EACH // 3)
    assert EACH // 3 <= in_self_play < EACH
    in_rotation = killed(broken, at=EACH + EACH // 3)
    assert EACH + EACH // 3 <= in_rotation < DISTINCT

    last = started(broken)
    out, _ = last.communicate(timeout=PATIENCE)
    assert last.returncode == 0, out.decode()
    resumed, counts = said_in(broken)
    assert resumed == expected
    assert counts == {"measured": DISTINCT - in_rotation, "reused": TALKS + in_rotation}
