"""A depth profile against the forward pass, and against the loop of single JVPs a user writes.

python -m benchmarks.depth          a random Llama of 8 layers, width 512, on one CPU thread
python -m benchmarks.depth --gpu    a random Llama-3.1-8B in float32, 128 tokens, on the first GPU
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from transformers import LlamaConfig, LlamaForCausalLM

from benchmarks.timing import in_turns, seconds
from pytest_promptchaos.dynamics.depth import decoder_depth, depth_growth
from pytest_promptchaos.dynamics.tangent import draw_tangents

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import PreTrainedModel

    from pytest_promptchaos.dynamics.depth import Depth

TANGENTS = 10
LENGTHS = (64, 256)
BUDGETS = (0, 96)
"""MiB for the tangents of one layer; 0 is no budget."""


def small() -> LlamaForCausalLM:
    """Return a random Llama of 8 layers and width 512."""
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=512,
        num_hidden_layers=8,
        num_attention_heads=8,
        num_key_value_heads=8,
        intermediate_size=1376,
        vocab_size=1000,
    )
    return LlamaForCausalLM(config).eval()


def eight_billion() -> LlamaForCausalLM:
    """Return a random model of the shape of Llama-3.1-8B, in float32 on the GPU."""
    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=4096,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=8,
        intermediate_size=14336,
        vocab_size=128256,
        rope_parameters={"rope_type": "default", "rope_theta": 500000.0},
    )
    with torch.device("cuda"):
        return LlamaForCausalLM(config).eval()


def tokens(network: PreTrainedModel, length: int) -> Tensor:
    """Return random token ids on the model's device, shape (1, length)."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, network.config.vocab_size, (1, length), generator=generator)
    return ids.to(network.device)


@dataclass(kw_only=True)
class Work:
    """What is compared, on one model and one prompt."""

    network: PreTrainedModel
    ids: Tensor

    @cached_property
    def depth(self) -> Depth:
        """The layers that the loop pushes through; finding them is not timed."""
        return decoder_depth(self.network, self.ids)

    @cached_property
    def drawn(self) -> Tensor:
        """The loop's tangents."""
        return draw_tangents(self.depth.state.shape, TANGENTS, 0).to(self.depth.state)

    def forward(self) -> None:
        """Run one ordinary forward pass through the layers, without the head."""
        with torch.no_grad():
            self.network.model(input_ids=self.ids, use_cache=False)
        self._wait()

    def profile(self) -> None:
        """Measure a depth profile as users do."""
        depth_growth(self.network, self.ids, tangents=TANGENTS)
        self._wait()

    def loop(self) -> None:
        """Push ten tangents one by one with ``torch.func.jvp``, as its documentation shows."""
        for tangent in self.drawn:
            state, moved = self.depth.state, tangent
            with sdpa_kernel(SDPBackend.MATH), torch.no_grad():
                for step in self.depth.steps:
                    state, moved = jvp(step, state, moved)
        self._wait()

    def _wait(self) -> None:
        if self.network.device.type == "cuda":
            torch.cuda.synchronize()


def jvp(step: Callable[[Tensor], Tensor], state: Tensor, moved: Tensor) -> tuple[Tensor, Tensor]:
    """Return one step of a single tangent."""
    after: tuple[Tensor, Tensor] = torch.func.jvp(step, (state,), (moved,))  # type: ignore[assignment]
    return after


def on_one_thread(length: int) -> None:
    """Print time over one forward pass, and speed-up over the loop, on one CPU thread."""
    network = small()
    first = seconds(lambda: depth_growth(network, tokens(network, length), tangents=TANGENTS))
    work = Work(network=network, ids=tokens(network, length))
    turns = in_turns({"forward": work.forward, "profile": work.profile, "loop": work.loop})
    forward = turns.median("forward")
    print(
        f"{length} tokens, {TANGENTS} tangents: a forward pass takes {forward * 1e3:.0f} ms, a "
        f"profile {turns.told('profile', 'forward')} of it (the first of a model, checked in "
        f"full, {first / forward:.1f}); the loop takes {turns.told('loop', 'forward')}, "
        f"{turns.told('loop', 'profile')} times the profile"
    )


def peak(length: int, budget: int) -> None:
    """Print how much memory a profile takes at its peak beyond what the process held before."""
    network = small()
    ids = tokens(network, length)
    # The first profile of a model is checked in full, outside of any budget.
    depth_growth(network, ids, tangents=1)
    before, seen, over = resident(), [0], Event()

    def watch() -> None:
        while not over.wait(0.001):
            seen.append(resident())

    watcher = Thread(target=watch)
    watcher.start()
    depth_growth(network, ids, tangents=TANGENTS, memory=budget * 2**20 or None)
    over.set()
    watcher.join()
    words = f"under a budget of {budget} MiB" if budget else "without a budget"
    raised = (max(seen) - before) / 2**20
    print(f"{length} tokens, {TANGENTS} tangents, {words}: {raised:.0f} MiB at the peak")


def resident() -> int:
    """Return the bytes of memory that this process holds (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def on_gpu() -> None:
    """Print the time of a profile of an 8B model; nothing is printed that was not measured."""
    if not torch.cuda.is_available():
        sys.exit("no GPU is at hand: nothing was measured")
    torch.backends.cuda.matmul.allow_tf32 = False
    network = eight_billion()
    work = Work(network=network, ids=tokens(network, 128))
    turns = in_turns({"forward": work.forward, "profile": work.profile})
    print(
        f"{torch.cuda.get_device_name()}, Llama-3.1-8B shape, float32, 128 tokens, "
        f"{TANGENTS} tangents: {statistics.median(turns.seconds['profile']):.3f} s a profile, "
        f"{turns.told('profile', 'forward')} forward passes; peak memory "
        f"{torch.cuda.max_memory_allocated() / 2**30:.1f} GiB"
    )


def main() -> None:
    """Print what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.depth")
    parser.add_argument("--gpu", action="store_true", help="an 8B model on the first GPU")
    parser.add_argument("--peak", nargs=2, type=int, metavar=("TOKENS", "MIB"), help="memory only")
    asked = parser.parse_args()
    if asked.gpu:
        on_gpu()
        return
    torch.set_num_threads(1)
    if asked.peak:
        peak(*asked.peak)
        return
    for length in LENGTHS:
        on_one_thread(length)
    # A peak never falls: each is taken in a process of its own.
    for budget in BUDGETS:
        command = [sys.executable, "-m", "benchmarks.depth", "--peak", "256", str(budget)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
