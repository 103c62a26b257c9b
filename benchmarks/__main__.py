"""Ratios against what a user would otherwise do, each measured in one run with paired repeats.

make bench    or    python -m benchmarks
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from pytest_promptchaos.dynamics.depth import decoder_depth, depth_growth
from pytest_promptchaos.dynamics.tangent import draw_tangents
from pytest_promptchaos.models.language import LanguageModel
from pytest_promptchaos.models.pins import parse_pin
from pytest_promptchaos.neighborhoods.ladder import as_prompt, neighborhood

if TYPE_CHECKING:
    from collections.abc import Callable

REPEATS = 5
TEXT = "Recommend a book like Dune."


def seconds(work: Callable[[], object]) -> float:
    """Return how long one call takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def paired(title: str, ours: Callable[[], object], theirs: Callable[[], object], word: str) -> None:
    """Print the ratio of the medians of two pieces of work, run in turns after a warm-up."""
    ours(), theirs()
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(REPEATS)]
    ratios = [b / a for a, b in pairs]
    ours_median, theirs_median = (statistics.median(p[i] for p in pairs) for i in (0, 1))
    print(
        f"{title}: {ours_median:.3f} s against {theirs_median:.3f} s {word}: "
        f"ratio {statistics.median(ratios):.2f} [{min(ratios):.2f}, {max(ratios):.2f}]"
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


def a_depth_profile(model: LanguageModel) -> None:
    """Ten tangents on one shared primal, and the loop of ten single JVPs a user would write."""
    ids = model.tensor(as_prompt(TEXT))
    depth = decoder_depth(model.network, ids)
    drawn = draw_tangents(depth.state.shape, 10, 0).to(depth.state.dtype)

    def loop() -> None:
        for tangent in drawn:
            state, moved = depth.state, tangent
            with sdpa_kernel(SDPBackend.MATH):
                for step in depth.steps:
                    state, moved = jvp(step, state, moved)

    def ours() -> None:
        depth_growth(model.network, ids, tangents=10)

    paired("10 tangents with all checks", ours, loop, "looping single JVPs without checks")


def jvp(
    step: Callable[[torch.Tensor], torch.Tensor], state: torch.Tensor, moved: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return one step of a single tangent, as the documentation of torch shows it."""
    after: tuple[torch.Tensor, torch.Tensor] = torch.func.jvp(step, (state,), (moved,))  # type: ignore[assignment]
    return after


def main() -> None:
    """Print every ratio."""
    torch.set_num_threads(1)
    model = LanguageModel(parse_pin("bundled:tiny-chat"))
    start_up()
    a_neighborhood(model)
    a_depth_profile(model)


if __name__ == "__main__":
    main()
