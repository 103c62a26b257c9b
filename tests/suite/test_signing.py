"""The authored texts of a suite as whoever signs them off reads them."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from pytest_promptchaos.suite.signing import ledger_text
from suite.texts import SHORT, SYSTEM

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_promptchaos.suite import Suite

SIGNED = SHORT.replace(
    "checks:",
    """    system: Be brief.
    paraphrases:
      - {text: Suggest a book., reviewer: Ann}
      - {text: 'A book to read?', origin: generated}
    positive_control: ['How do I boil an egg?']
  - {id: bare, text: 'Why?'}
checks:""",
)


def test_every_authored_text_has_a_line_in_the_order_of_the_ladder(
    load: Callable[[str], Suite],
) -> None:
    head, *rows, ending = ledger_text(load(SIGNED)).splitlines()
    columns = {row[head.index("text") :]: row.split()[:5] for row in rows}
    assert head.split() == ["prompt", "rung", "origin", "reviewer", "decides", "sha256", "text"]
    assert columns == {
        "Suggest a book.": ["dune", "paraphrase", "authored", "Ann", "yes"],
        "A book to read?": ["dune", "paraphrase", "generated", "-", "no"],
        "How do I boil an egg?": ["dune", "positive_control", "authored", "-", "yes"],
    }
    assert rows[-1].endswith("How do I boil an egg?")
    assert ending.startswith(
        "3 authored texts, 1 that decides nothing until it is reviewed; ledger "
    )


def test_the_hash_follows_what_was_written(load: Callable[[str], Suite]) -> None:
    hashes = {
        ledger_text(load(SIGNED.replace(*change))).rpartition(" ")[2]
        for change in [("", ""), ("Ann", "Bob"), ("Suggest", "Name"), ("Be brief", "Be kind")]
    }
    assert len(hashes) == 4
    again = ledger_text(load(SIGNED.replace("id: steady", "id: other")))
    assert again.rpartition(" ")[2] in hashes


def test_a_text_for_another_message_is_shown(load: Callable[[str], Suite]) -> None:
    aimed = SIGNED.replace("Be brief.", "Be brief.\n    target: system")
    assert "Suggest a book." in ledger_text(load(aimed))


def test_a_suite_of_systems_has_nothing_to_sign(load: Callable[[str], Suite]) -> None:
    head, ending = ledger_text(load(SYSTEM)).splitlines()
    assert head.startswith("prompt")
    assert ending.startswith("0 authored texts; ledger ")


def test_generated_texts_decide_nothing_until_each_is_reviewed(
    load: Callable[[str], Suite],
) -> None:
    unsigned = SIGNED.replace("reviewer: Ann", "origin: generated")
    ending = ledger_text(load(unsigned)).splitlines()[-1]
    assert "3 authored texts, 2 that decide nothing until they are reviewed;" in ending
    signed = SIGNED.replace("origin: generated", "origin: generated, reviewer: Bob")
    assert "3 authored texts; ledger" in ledger_text(load(signed)).splitlines()[-1]


def command(*words: str) -> subprocess.CompletedProcess[str]:
    asked = [sys.executable, "-m", "pytest_promptchaos.suite", *words]
    return subprocess.run(asked, capture_output=True, text=True, check=False)


def test_the_ledger_is_written_by_a_command(tmp_path: Path, load: Callable[[str], Suite]) -> None:
    file = tmp_path / "s.chaos.yaml"
    file.write_text(SIGNED, encoding="utf-8")
    done = command("ledger", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == ledger_text(load(SIGNED)) + "\n"


def test_a_command_that_is_none_is_told_what_there_is(tmp_path: Path) -> None:
    assert command("leger").stderr == "usage: python -m pytest_promptchaos.suite [ledger FILE]\n"
    missing = command("ledger", str(tmp_path / "none.yaml"))
    assert missing.returncode == 1
    assert missing.stderr.endswith("none.yaml: cannot be read: No such file or directory\n")
