"""Dynamic int8 of a loaded network: weights per output channel, activations per token.

Our own few lines, because the two ready-made ones do not serve. torch's ``quantize_dynamic`` takes
one scale for a whole batch, so that a prompt's answer would depend on its company. torchao 0.18
scales per token and gives the same numbers, but on a CPU it is slow: 33 prompts of 64 tokens
through the bundled model took 1.87 s in it, 0.10 s in float32 and 0.11 s here, because the CPU's
integer product takes 17 to 30 times as long as the same product in float32; and importing it logs
four lines to stderr.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from pytest_promptchaos.errors import PinError

if TYPE_CHECKING:
    from transformers import PreTrainedModel

INT8 = "int8 dynamic (weights per channel, activations per token), head kept"
"""What an identity says of a network that went through :func:`quantize`."""
LEVELS = 127
"""Whole numbers from -127 to 127: symmetric, so that there is no zero point."""
EXACT = 2**24 // LEVELS**2
"""So many products of two levels add up exactly in float32, in any order: 1,040."""
LEAST_SHARE = 0.9
"""Of the weights between embedding and head; below this a network is hardly an int8 one."""


def quantize(network: PreTrainedModel) -> PreTrainedModel:
    """Return the same network with the weights of its linear layers in int8, in place.

    The output head keeps its dtype: it often shares its weights with the embedding, and logits
    rounded to 255 levels would tie. Embeddings, norms and biases keep theirs too. Rounding has no
    derivative, so the network can be decoded and not linearized.

    Raises:
        PinError: the checkpoint is quantized already, or less than 90 % of the weights between
            embedding and head lie in linear layers.
    """
    stored = getattr(network.config, "quantization_config", None)
    if stored is not None:
        raise PinError(
            f"quantization=int8 was asked for {_name(network)}, but its checkpoint is quantized "
            "already: drop the option, or pin the checkpoint that it was made from"
        )
    head = network.get_output_embeddings()
    made: dict[int, Int8Linear] = {}
    # Under every name: a layer that stands in two places stays one layer.
    for name, layer in list(network.named_modules(remove_duplicate=False)):
        if type(layer) is nn.Linear and layer is not head:
            made[id(layer)] = made.get(id(layer)) or Int8Linear(layer)
            network.set_submodule(name, made[id(layer)])
    _check_share(network)
    return network


class Int8Linear(nn.Module):
    """A linear layer whose weights are int8 and whose inputs are rounded to int8 per token.

    y = (round(x / s_x) @ W^T) s_x s_w + b with s_x = max|x| / 127 over the features of one token
    and s_w = max|w| / 127 over one output channel. The product of whole numbers is exact, so a
    row's result depends on nothing but the row. Scales are float32, in float64 layers float64.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        whole, scale = to_levels(linear.weight.detach())
        self.levels = nn.Parameter(whole.to(torch.int8), requires_grad=False)
        self.scale = nn.Parameter(scale.squeeze(-1), requires_grad=False)
        self.bias = linear.bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the layer's output in the dtype of ``x``, shape (..., out_features)."""
        whole, scale = to_levels(x.reshape(-1, self.in_features))
        out = whole_product(whole, self.levels).to(scale.dtype) * scale * self.scale
        out = out if self.bias is None else out + self.bias
        return out.to(x.dtype).reshape(*x.shape[:-1], self.out_features)

    def extra_repr(self) -> str:
        """Return the layer's shape, as ``print(network)`` shows it."""
        return f"in_features={self.in_features}, out_features={self.out_features}, int8"


def to_levels(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return whole numbers in [-127, 127] and the scale of each row, (rows, n) and (rows, 1).

    Both are float32, of float64 ``values`` float64. A row of zeros stays one of zeros.

    >>> whole, scale = to_levels(torch.tensor([[0.5, -1.27, 0.0]]))
    >>> whole.tolist(), round(scale.item(), 4)
    ([[50.0, -127.0, 0.0]], 0.01)
    """
    wide = values.to(torch.promote_types(values.dtype, torch.float32))
    least = torch.finfo(wide.dtype).tiny
    scale = wide.abs().amax(-1, keepdim=True).div(LEVELS).clamp(min=least)
    return wide.div(scale).round(), scale


def whole_product(whole: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
    """Return ``whole @ levels.T`` without any rounding, shape (rows, out_features).

    ``whole`` holds whole numbers in [-127, 127] as floats, shape (rows, n); ``levels`` are int8,
    shape (out_features, n). On a GPU the tensor cores take them as integers where the sizes suit;
    elsewhere floats carry them, 1,040 features at a time.

    >>> whole_product(torch.tensor([[2.0, -3.0]]), torch.tensor([[4, 5]], dtype=torch.int8))
    tensor([[-7.]])
    """
    if whole.is_cuda and whole.shape[1] % 8 == 0 and levels.shape[0] % 8 == 0:
        return _integer_product(whole, levels)
    if whole.shape[1] <= EXACT:
        return whole @ levels.to(whole.dtype).T
    total = whole.new_zeros((len(whole), len(levels)), dtype=torch.float64)
    for start in range(0, whole.shape[1], EXACT):
        block, of = (part[:, start : start + EXACT] for part in (whole, levels))
        total += block @ of.to(whole.dtype).T
    return total


def _integer_product(whole: torch.Tensor, levels: torch.Tensor) -> torch.Tensor:
    """Return the product of int8 matrices in int32; its kernel wants more than 16 rows."""
    rows = whole.shape[0]
    filled = nn.functional.pad(whole, (0, 0, 0, -rows % 32))
    return torch._int_mm(filled.to(torch.int8), levels.T)[:rows]


def _check_share(network: PreTrainedModel) -> None:
    outside = [network.get_input_embeddings(), network.get_output_embeddings()]
    kept = {id(weight) for layer in outside if layer is not None for weight in layer.parameters()}
    inside = [weight for weight in network.parameters() if id(weight) not in kept]
    done = sum(weight.numel() for weight in inside if weight.dtype == torch.int8)
    total = sum(weight.numel() for weight in inside)
    if done < LEAST_SHARE * total:
        raise PinError(
            f"quantization=int8 reaches only {done / max(total, 1):.0%} of the weights of "
            f"{_name(network)}: the others lie in no torch.nn.Linear (fused experts, Conv1D), so "
            "it would not be an int8 model; use a checkpoint that was quantized for it"
        )


def _name(network: PreTrainedModel) -> str:
    return type(network).__name__
