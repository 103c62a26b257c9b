"""Depth of every causal-LM class of the installed transformers, on tiny random models.

python -m benchmarks.architectures [--only MODEL_TYPE ...] [--write]

Each class gets three checks. In float32, as it comes: the profile of three tangents is finite,
and the replayed layers give the states of the ordinary forward. In float64: the tangent of the
whole depth agrees with a central difference through the model's own forward.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import transformers
from torch.overrides import TorchFunctionMode

from benchmarks.architecture_table import PAGE, Report, page, summary
from benchmarks.tiny_models import class_of, config_classes, prompt, tiny_model
from pytest_promptchaos.dynamics.capture import capture
from pytest_promptchaos.dynamics.chain import watch
from pytest_promptchaos.dynamics.depth import decoder_depth, depth_growth
from pytest_promptchaos.dynamics.forward import Place
from pytest_promptchaos.dynamics.linearize import linearize
from pytest_promptchaos.dynamics.switches import followable
from pytest_promptchaos.dynamics.tangent import draw_tangents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from multiprocessing.connection import Connection

    from torch import Tensor
    from transformers import PreTrainedConfig, PreTrainedModel

    from pytest_promptchaos.dynamics.capture import Call
    from pytest_promptchaos.dynamics.depth import Depth

STEPS = (1e-5, 1e-6, 1e-7)
SECONDS = 120


def survey(config_class: type[PreTrainedConfig]) -> Report:
    """Return what holds for one class, and why the rest of it does not."""
    report = Report(model=class_of(config_class).__name__, kind=config_class.model_type)
    try:
        for stage in _stages(config_class):
            report = replace(report, **stage)
    except Exception as error:
        message = " ".join(str(error).split()).partition(". ")[0]
        return replace(report, reason=f"{type(error).__name__}: {message}")
    return report


def _stages(config_class: type[PreTrainedConfig]) -> Iterator[dict[str, Any]]:
    """Yield what is known after building, running, profiling and comparing."""
    network = tiny_model(config_class)
    with torch.no_grad():
        logits = network(input_ids=prompt(), use_cache=False).logits
    yield {"runs": bool(torch.isfinite(logits).all())}
    growth = depth_growth(network, prompt(), tangents=3)
    calls = capture(network, prompt())
    yield {
        "layers": _layers(calls),
        "note": _note(calls, growth.notes),
        "finite": bool(np.isfinite(growth.profile).all()),
        "parity": growth.parity,
    }
    with in_float64(network):
        difference, step = finite_difference(network)
    yield {"difference": difference, "step": step}


def _layers(calls: Sequence[Call]) -> str:
    """Return how many calls the depth has, and of which lists."""
    lists = dict.fromkeys(call.name.rpartition(".")[0] for call in calls)
    return f"{len(calls)} of {', '.join(lists)}"


def _note(calls: Sequence[Call], switched: Sequence[str]) -> str:
    """Return what was switched, and how the layers were replayed if not alone."""
    notes = [note.partition(":")[0] for note in switched]
    if not all(call.alone for call in calls):
        width = int(calls[0].scale.numel())
        earlier = max(call.scale.numel() // width - 1 for call in calls)
        notes.append(f"replayed by the model's own forward, up to {earlier} earlier states with it")
    return "; ".join(notes)


# -- the tangent against the model's own forward -------------------------------------------------


class _Float64(TorchFunctionMode):
    """Computes in float64 what a model would compute in float32 whatever its dtype."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is torch.Tensor.float:
            func = torch.Tensor.double
        named = {name: _wider(value) for name, value in (kwargs or {}).items()}
        return func(*map(_wider, args), **named)


def _wider(value: Any) -> Any:
    return torch.float64 if value is torch.float32 else value


@contextmanager
def in_float64(network: PreTrainedModel) -> Iterator[None]:
    """Have the network, and all casts to float32 within it, compute in float64.

    Many norms, rotations and routers compute in float32 whatever the dtype, which would limit a
    finite difference to about 1e-4.
    """
    own = torch.get_default_dtype()
    network.double()
    torch.set_default_dtype(torch.float64)
    try:
        # Grouped experts exist in narrow dtypes only.
        with followable(network), _Float64():
            yield
    finally:
        torch.set_default_dtype(own)


def finite_difference(network: PreTrainedModel) -> tuple[float, float]:
    """Return how far tangent and central difference are apart, relative, and the step taken.

    The difference runs through the model's own forward, from the entry of the first layer to the
    end of the last; its step, relative to the state, is the best of a few, because a router may
    send a token elsewhere within the larger ones.
    """
    depth = decoder_depth(network, prompt())
    tangent = draw_tangents(depth.state.shape, 1, seed=5)[0].to(depth.state)
    moved, shifted = _pushed(depth, tangent), _own_forward(network, depth)
    size = float(depth.state.norm())
    errors = []
    for step in STEPS:
        ahead, behind = shifted(step * size * tangent), shifted(-step * size * tangent)
        difference = (ahead - behind) / (2 * step * size)
        errors.append((float((difference - moved).norm() / difference.norm()), step))
    return min(errors)


def _pushed(depth: Depth, tangent: Tensor) -> Tensor:
    """Return the tangent after the last layer."""
    state, moved = depth.state, tangent.unsqueeze(0)
    with torch.no_grad():
        for step in depth.steps:
            state, moved = linearize(step, state, moved)
    return moved[0]


def _own_forward(network: PreTrainedModel, depth: Depth) -> Callable[[Tensor], Tensor]:
    """Return the model's own forward, from a shift of the first state to the last state."""
    first = Place(network.get_submodule(depth.names[0]), 0)
    seen = watch(network, prompt())
    layout = next(call.layout for call in seen if call.place == first)
    ends = [call.place for call in seen if call.layout == layout]
    rows = [layout.rows(call.leaving) for call in seen if call.layout == layout]
    end = next(e for e, r in zip(ends, rows, strict=True) if torch.equal(r, depth.final_hidden))

    def shifted(shift: Tensor) -> Tensor:
        moved = watch(network, prompt(), {first: lambda state: state + layout.hidden(shift)})
        return layout.rows(next(call.leaving for call in moved if call.place == end))

    return shifted


# -- one process for each ------------------------------------------------------------------------


def apart(config_class: type[PreTrainedConfig]) -> Report:
    """Return :func:`survey` from a process of its own, so that a crash or hang stays there."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(
        target=_report, args=(config_class, theirs)
    )
    process.start()
    theirs.close()
    failed = Report(model=class_of(config_class).__name__, kind=config_class.model_type)
    try:
        if ours.poll(SECONDS):
            report: Report = ours.recv()
            return report
        return replace(failed, reason=f"no answer within {SECONDS} s")
    except EOFError:
        return replace(failed, reason="its process ended without an answer")
    finally:
        process.terminate()
        process.join()


def _report(config_class: type[PreTrainedConfig], connection: Connection) -> None:
    connection.send(survey(config_class))


def main() -> None:
    """Print the table, or write it to the documentation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="MODEL_TYPE", default=[])
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    options = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    chosen = [c for c in config_classes() if not options.only or c.model_type in options.only]
    reports, started = [], time.monotonic()
    for count, config_class in enumerate(chosen, start=1):
        reports.append(apart(config_class))
        left = (time.monotonic() - started) / count * (len(chosen) - count)
        print(f"\r{count}/{len(chosen)}, {left:.0f} s left ", end="", file=sys.stderr, flush=True)
    print(f"\n{summary(reports)} ({time.monotonic() - started:.0f} s)", file=sys.stderr)
    if options.write:
        PAGE.write_text(page(reports), encoding="utf-8")
    else:
        print(page(reports))


if __name__ == "__main__":
    main()
