"""Ratios against what a user would otherwise do, each measured in one run with paired repeats.

make bench    or    python -m benchmarks
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

import torch

from benchmarks import bridge, depth, neighborhood
from benchmarks.timing import in_turns

if TYPE_CHECKING:
    from collections.abc import Callable


def paired(title: str, ours: Callable[[], object], theirs: Callable[[], object], word: str) -> None:
    """Print the ratio of two pieces of work."""
    turns = in_turns({"ours": ours, "theirs": theirs})
    print(
        f"{title}: {turns.median('ours'):.3f} s against {turns.median('theirs'):.3f} s {word}: "
        f"ratio {turns.told('theirs', 'ours')}"
    )


def start_up() -> None:
    """A pytest in an empty folder, with the plugin installed and with it switched off."""
    with tempfile.TemporaryDirectory() as folder:

        def run(*options: str) -> None:
            command = [sys.executable, "-m", "pytest", "-q", "--collect-only", *options]
            subprocess.run(command, cwd=folder, capture_output=True, check=False)

        paired("start-up", run, lambda: run("-p", "no:promptchaos"), "with the plugin off")


def main() -> None:
    """Print every ratio."""
    torch.set_num_threads(1)
    start_up()
    neighborhood.main()
    depth.main()
    bridge.main()


if __name__ == "__main__":
    main()
