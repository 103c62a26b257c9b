"""The same architecture at random initialization: what a depth does before any training."""

from __future__ import annotations

from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING

import torch

from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from transformers import PreTrainedModel


def random_initializations(
    network: PreTrainedModel, count: int, *, seed: int = 0
) -> Generator[PreTrainedModel, None, None]:
    """Yield ``count`` networks like ``network``, their weights as its class initializes them.

    Initialization i is drawn from ``seed + i`` in the network's dtype on its device, so there is
    at most one network in memory beside the trained one: **a yielded network loses its weights
    when the next one is asked for**. It is in evaluation mode, needs no gradients, and has the
    trained one's attention and expert implementations. The trained network and the global
    generators stay as they were. The draws differ between dtypes and kinds of device; a quantized
    network's initializations are not quantized.

    Raises:
        DepthError: for a network whose weights lie on several devices, or on none.
        ValueError: for fewer than one initialization.
    """
    if count < 1:
        raise ValueError(f"{count} initializations asked for: a null needs at least one")
    device = _home(network)
    for index in range(count):
        fresh = _initialized(network, device, seed + index)
        try:
            yield fresh
        finally:
            _free(fresh)


def _home(network: PreTrainedModel) -> torch.device:
    """Return the one device that holds the weights."""
    devices: set[torch.device] = {weight.device for weight in network.parameters()}
    if len(devices) != 1 or (device := devices.pop()).type == "meta":
        raise DepthError(
            f"the weights of {type(network).__name__} do not lie on one device, and its random "
            "initializations are drawn on one: load the model on a single device"
        )
    return device


def _initialized(network: PreTrainedModel, device: torch.device, seed: int) -> PreTrainedModel:
    """Return one random initialization, tensor by tensor in the dtypes of ``network``."""
    # A copy, because a constructor may write its own defaults into its configuration.
    config = deepcopy(network.config)
    with _drawing(device, network.dtype, seed):
        fresh = type(network)(config)
    dtypes = {name: tensor.dtype for name, tensor in _tensors(network)}
    for name, tensor in _tensors(fresh):
        tensor.data = tensor.data.to(dtypes.get(name, tensor.dtype))
    fresh.requires_grad_(False)
    return fresh.eval()


@contextmanager
def _drawing(device: torch.device, dtype: torch.dtype, seed: int) -> Iterator[None]:
    """Make and seed new tensors here; put defaults and generators back afterwards."""
    on_gpu = device.type == "cuda"
    usual = torch.get_default_dtype()
    with torch.random.fork_rng([device] if on_gpu else []), device:
        # Not torch.manual_seed: it seeds every device, also those whose state nobody kept.
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        torch.set_default_dtype(dtype)
        try:
            yield
        finally:
            torch.set_default_dtype(usual)


def _tensors(network: PreTrainedModel) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield weights and buffers by name, a tied one once."""
    yield from network.named_parameters()
    yield from network.named_buffers()


def _free(network: PreTrainedModel) -> None:
    """Give back the memory, even where somebody still holds the network."""
    for _, tensor in _tensors(network):
        tensor.data = torch.empty(0, dtype=tensor.dtype)
