"""Which processor a model runs on, and what of it can change rounding."""

from __future__ import annotations

import os

import torch

from pytest_promptchaos.errors import PinError
from pytest_promptchaos.models.pins import check_option


def resolve_device(asked: str) -> torch.device:
    """Return the device; ``auto`` takes a GPU where there is one.

    Among several GPUs, ``auto`` and ``cuda`` take one per xdist worker, counted within the
    caller's CUDA_VISIBLE_DEVICES.

    Raises ``PinError`` for a GPU that is asked for and not there: falling back to another device
    would measure another system.
    """
    check_option("device", asked, where="the device")
    if asked == "auto":
        asked = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(asked)
    if device.type != "cuda":
        return device
    count = torch.cuda.device_count()
    if (device.index or 0) >= count:
        raise PinError(
            f"device {asked!r} was asked for, but torch {torch.__version__} sees {count} CUDA "
            "devices here: install a CUDA build of torch, check CUDA_VISIBLE_DEVICES, or ask "
            "for device=cpu"
        )
    index = _worker_index() % count if device.index is None else device.index
    return torch.device("cuda", index)


def _worker_index() -> int:
    """Return this process's number among xdist's workers, so that each takes a GPU of its own."""
    return int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw") or 0)


def set_threads(threads: int) -> None:
    """Set torch's threads in this process.

    The same number everywhere, because another number may round differently: a run spread over
    workers must give the numbers of a run that is not.
    """
    torch.set_num_threads(threads)


def hardware(device: torch.device) -> str:
    """Return the kind of processor, as far as it can change rounding."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{device.type} {torch.backends.cpu.get_cpu_capability()}, threads: {threads}"
