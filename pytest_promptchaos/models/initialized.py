"""A model before any training: the architecture of a checkpoint with random weights."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForCausalLM

from pytest_promptchaos.errors import PinError

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def initialized(
    config: Any,
    *,
    dtype: torch.dtype,
    attention: str,
    seed: int,
    pin: str,
    kind: Any = AutoModelForCausalLM,
) -> PreTrainedModel:
    """Return a network of this configuration, its weights as its class initializes them.

    ``kind`` is the auto class that finds the network's class.

    They are drawn in ``dtype`` on the CPU, so that one seed gives the same weights whatever the
    model runs on; another dtype draws other ones. The global generators and the default dtype stay
    as they were.

    Raises:
        PinError: for a quantized checkpoint, whose format has no random weights of its own.
    """
    if getattr(config, "quantization_config", None) is not None:
        raise PinError(
            f"{pin}: the checkpoint is quantized, and its format has no random initialization: "
            "initialize the checkpoint that it was made from"
        )
    with torch.random.fork_rng(devices=[]), torch.device("cpu"):
        # Not torch.manual_seed: it seeds every device, also those whose state nobody kept.
        torch.default_generator.manual_seed(seed)
        # A copy, because a constructor may write its own defaults into its configuration.
        fresh: PreTrainedModel = kind.from_config(
            deepcopy(config), dtype=dtype, attn_implementation=attention
        )
    return fresh
