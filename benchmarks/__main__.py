"""Ratios against what a user would otherwise do, each measured in one run with paired repeats.

make bench    or    python -m benchmarks
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

import torch

from benchmarks import depth
from benchmarks.timing import in_turns
from pytest_promptchaos.models.language import LanguageModel
from pytest_promptchaos.models.pins import parse_pin
from pytest_promptchaos.neighborhoods.ladder import neighborhood

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = "Recommend a book like Dune."


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


def a_neighborhood(model: LanguageModel) -> None:
    """A neighborhood in one fixed-shape batch, and prompt by prompt."""
    built = neighborhood(TEXT)
    prompts = [
        (built.center, 0),
        *((n.prompt, 0) for n in built.neighbors if n.rung != "identical"),
    ]
    shape = model.shape([prompt for prompt, _ in prompts], len(prompts))

    def batched() -> None:
        list(model.runs(prompts, shape=shape, horizon=64))

    def one_by_one() -> None:
        list(model.runs(prompts, shape=(1, shape[1]), horizon=64))

    paired(f"{len(prompts)} prompts, 64 tokens", batched, one_by_one, "prompt by prompt")


def main() -> None:
    """Print every ratio."""
    torch.set_num_threads(1)
    model = LanguageModel(parse_pin("bundled:tiny-chat"))
    start_up()
    a_neighborhood(model)
    depth.main()


if __name__ == "__main__":
    main()
