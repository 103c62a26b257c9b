"""Bring the generated parts of the README up to date: the options table and the failing output.

make docs            write them
python docs/build.py --check    fail if they are not what the code says today
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from pytest_promptchaos.settings import OPTIONS

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
FAILING = """
from pytest_promptchaos import assert_stable_neighborhood


def test_nearby_prompts(chaos_model):
    assert_stable_neighborhood(
        chaos_model, {prompt!r}, at_most={limit}, rungs={rungs!r}, per_rung=16
    )
"""
SHOWN = {"prompt": "What is the capital of France?", "limit": 0.02, "rungs": ["format"]}


def options_table() -> str:
    """Return the table of options as Markdown."""
    rows = [
        f"| `{o.flag}` | `{o.ini}` | {'yes' if o.marker else ''} | `{o.default}` | {o.help} |"
        for o in OPTIONS
    ]
    head = ["| flag | ini key | marker | default | meaning |", "|---|---|---|---|---|"]
    return "\n".join([*head, *rows])


def failing_output() -> str:
    """Return what pytest prints for a check that fails, between its header and its summary."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_nearby.py").write_text(FAILING.format(**SHOWN))
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--tb=short"]
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "COLUMNS": "100"},
        )
        shown = re.findall(r"^E {1,3}(?:\S+Error: )?(.*)$", done.stdout, flags=re.MULTILINE)
    if done.returncode != 1 or not shown:
        raise SystemExit(f"the example did not fail as it should:\n{done.stdout}")
    return "```text\n" + "\n".join(line.rstrip() for line in shown) + "\n```"


def put(text: str, name: str, content: str) -> str:
    """Return ``text`` with what stands between the markers called ``name`` replaced."""
    pattern = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
    return re.sub(pattern, lambda m: f"{m[1]}{content}\n{m[2]}", text, flags=re.DOTALL)


def main() -> int:
    """Write or check the generated parts."""
    before = README.read_text()
    after = put(before, "options", options_table())
    if "--check" not in sys.argv:
        README.write_text(put(after, "failure", failing_output()))
        return 0
    return 0 if after == before else 1


if __name__ == "__main__":
    sys.exit(main())
