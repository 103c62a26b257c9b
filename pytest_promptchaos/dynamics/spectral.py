"""Spectral norms of a model's layers, and layers whose matrices are scaled for a while."""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import Parameter

from pytest_promptchaos.dynamics.sighted import language_lists
from pytest_promptchaos.errors import ArgumentError, DepthError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch.nn import Module
    from transformers import PreTrainedModel

_EXACT = 512
_CLOSE = 1e-6
_ROUNDS = 500


def language_layer_names(network: PreTrainedModel) -> tuple[str, ...]:
    """Return the dotted names of the language layers: the module list with the most members.

    With an image tower it is looked for inside the language model alone, for a tower may be
    deeper. Raises ``DepthError`` for a network without module lists.
    """
    lists = language_lists(network)
    if not lists:
        raise DepthError(
            f"{type(network).__name__} has no list of layers in its language model: name the "
            "modules whose matrices are meant yourself"
        )
    longest = max(lists, key=len)
    names = {part: name for name, part in network.named_modules()}
    return tuple(dict.fromkeys(names[layer] for layer in longest))


def spectral_norm(matrix: Tensor) -> float:
    """Return the largest singular value of a matrix (m, n), in float64.

    Exact where the shorter side is at most 512; above it by Lanczos iteration from a fixed start,
    to 1e-6 of itself. Raises ``DepthError`` for a matrix that is not finite, or where the
    iteration does not settle.

    >>> spectral_norm(torch.tensor([[3.0, 0.0, 0.0], [0.0, 0.0, -4.0]]))
    4.0
    """
    wide = matrix.detach().double()
    if not bool(wide.isfinite().all()):
        raise DepthError("a matrix holds a value that is not finite: it has no spectral norm")
    if min(wide.shape) <= _EXACT:
        return float(torch.linalg.matrix_norm(wide, ord=2)) if wide.numel() else 0.0
    return _by_lanczos(wide if wide.shape[0] >= wide.shape[1] else wide.mT)


def _by_lanczos(tall: Tensor) -> float:
    """Return the largest singular value of a matrix (m, n) from a small part of its Gram matrix.

    The part grows by one vector a round, each made orthogonal to all before it; the residual of
    its largest eigenvalue bounds how far that is from one of the whole.

    Source: C. Lanczos, J. Res. Natl. Bur. Stand. 45 (1950) 255-282, doi:10.6028/jres.045.026.
    """
    rounds = min(_ROUNDS, tall.shape[1])
    part, basis = tall.new_zeros(rounds, rounds), tall.new_zeros(rounds, tall.shape[1])
    generator = torch.Generator().manual_seed(0)
    vector = torch.randn(tall.shape[1], generator=generator, dtype=torch.float64).to(tall.device)
    for row in range(rounds):
        basis[row] = vector / vector.norm()
        moved = tall.mT @ (tall @ basis[row])
        part[row, row] = moved @ basis[row]
        known = basis[: row + 1]
        for _ in range(2):  # the second sweep removes what rounding left of the first
            moved = moved - known.mT @ (known @ moved)
        values, vectors = torch.linalg.eigh(part[: row + 1, : row + 1])
        rest = moved.norm()
        if rest * vectors[-1, -1].abs() <= _CLOSE * values[-1]:
            return math.sqrt(max(float(values[-1]), 0.0))
        if row + 1 < rounds:
            part[row, row + 1] = part[row + 1, row] = rest
        vector = moved
    raise DepthError(
        f"the largest singular value of a matrix of shape {tuple(tall.shape)} did not settle in "
        f"{rounds} rounds: too many lie close together"
    )


def spectral_norms(network: PreTrainedModel, layers: Sequence[str]) -> dict[str, float]:
    """Return the largest singular value of every matrix in the named layers, by dotted name.

    Matrices are the floating weights with two axes; of a weight with three, as where experts are
    stacked, each is one, named with its place: ``...experts.down_proj[3]``. Biases, gains and
    convolutions are none. A weight that several modules share is named once.

    Raises:
        ArgumentError: for a layer that the network does not have, or layers without matrices.
        DepthError: for a weight that is not finite.
    """
    found: dict[str, float] = {}
    for slot in _unshared(_slots(network, layers)):
        if slot.weight.dim() == 2:
            found[slot.name] = spectral_norm(slot.weight)
        else:
            rows = enumerate(slot.weight)
            found |= {f"{slot.name}[{place}]": spectral_norm(row) for place, row in rows}
    return found


@contextmanager
def scaled(network: PreTrainedModel, layers: Sequence[str], factor: float) -> Iterator[None]:
    """Multiply every matrix of the named layers by ``factor``, and with it its spectral norm.

    Which matrices these are, see :func:`spectral_norms`. Nothing is written into the weights:
    scaled copies stand in their places, and behind the ``with`` the very same parameters stand
    there again, bit for bit, with the same version counters; also after an error, in
    nested use, and in inference mode. A weight that modules of these layers share stays shared;
    one that is tied to a module outside of them is scaled inside only.

    Raises:
        ArgumentError: for a factor that is not finite and above 0, or what :func:`spectral_norms`
            refuses of the layers.
    """
    if not (math.isfinite(factor) and factor > 0):
        raise ArgumentError(
            f"factor {factor!r}: a spectral norm is scaled by a finite number above 0, such as 0.8"
        )
    slots = _slots(network, layers)
    copies = {id(slot.weight): slot.weight for slot in slots}
    copies = {key: _times(weight, factor) for key, weight in copies.items()}
    try:
        for slot in slots:
            slot.put(copies[id(slot.weight)])
        yield
    finally:
        for slot in slots:
            slot.put(slot.weight)


@dataclass(frozen=True, eq=False)
class _Slot:
    """A place in a module where a weight stands, by its dotted name in the network."""

    name: str
    module: Module
    key: str
    weight: Parameter

    def put(self, weight: Parameter) -> None:
        """Let a weight stand here, past what a module does when it is assigned one."""
        self.module._parameters[self.key] = weight


def _slots(network: PreTrainedModel, layers: Sequence[str]) -> list[_Slot]:
    """Return every place of a matrix in the named layers, each once; raises ``ArgumentError``."""
    known = dict(network.named_modules())
    found: dict[tuple[int, str], _Slot] = {}
    for layer in layers:
        if layer not in known or not layer:
            raise ArgumentError(_unknown(layer, network))
        for inner, module in known[layer].named_modules(prefix=layer):
            for key, weight in module._parameters.items():
                if weight is not None and _holds_matrices(module, weight):
                    slot = _Slot(f"{inner}.{key}", module, key, weight)
                    found.setdefault((id(module), key), slot)
    if not found:
        raise ArgumentError(
            f"layers {list(layers)} hold no floating weight with two axes: quantized weights have "
            "no spectral norm to scale; name layers of a model in a floating dtype"
        )
    return list(found.values())


def _unknown(layer: str, network: PreTrainedModel) -> str:
    """Return what is said of a layer that the network does not have."""
    names = language_layer_names(network)
    near = get_close_matches(layer, names, n=1) or names[:1]
    return f"layer {layer!r} is no module of {type(network).__name__}: did you mean {near[0]!r}?"


def _holds_matrices(module: Module, weight: Parameter) -> bool:
    """Say whether a weight is a matrix or a stack of them."""
    convolution = isinstance(module, torch.nn.modules.conv._ConvNd)
    return weight.is_floating_point() and weight.dim() in {2, 3} and not convolution


def _unshared(slots: Sequence[_Slot]) -> list[_Slot]:
    """Return the first place of every weight."""
    first: dict[int, _Slot] = {}
    for slot in slots:
        first.setdefault(id(slot.weight), slot)
    return list(first.values())


def _times(weight: Parameter, factor: float) -> Parameter:
    """Return a scaled copy of a weight that counts its writes, whatever mode is on."""
    with torch.inference_mode(mode=False), torch.no_grad():
        copy = Parameter(weight.detach().clone(), requires_grad=weight.requires_grad)
        # In place, because the count of writes then tells the copy from an untouched weight.
        copy.mul_(factor)
        return copy
