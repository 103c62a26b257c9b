"""Rules of sums and products: what is added, scaled, multiplied, weighed or convolved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pytest_promptchaos.dynamics.carried import Carried, aligned, room
from pytest_promptchaos.dynamics.families import aten, by_torch, pointwise

if TYPE_CHECKING:
    from collections.abc import Callable


def _add(left: Any, right: Any, *, alpha: Any = 1) -> Carried:
    if isinstance(left, Carried) and isinstance(right, Carried):
        shared = max(left.dim(), right.dim())
        one, other = aligned(left.stack, shared), aligned(right.stack, shared)
        return Carried(torch.add(one, other, alpha=alpha))
    if isinstance(left, Carried):
        return _shifted(left.stack, right, alpha)
    return _shifted(right.stack if alpha == 1 else right.stack * alpha, left, 1)


def _subtract(left: Any, right: Any, *, alpha: Any = 1) -> Carried:
    return _add(left, right, alpha=-alpha)


def _shifted(stack: Tensor, constant: Any, alpha: Any) -> Carried:
    """Return a stack whose value alone is moved by a constant."""
    value = torch.add(stack[0], constant, alpha=alpha)
    stack = aligned(stack, value.dim())
    out = room(len(stack), value)
    out[1:] = stack[1:]
    return Carried(out)


def _multiply(left: Any, right: Any) -> Carried:
    if not isinstance(left, Carried):
        left, right = right, left
    if not isinstance(right, Carried):
        dimensions = max(left.dim(), right.dim() if isinstance(right, Tensor) else 0)
        return Carried(aligned(left.stack, dimensions) * _laid_out(right, left))
    if right.waiting:
        left, right = right, left
    value = left.value * right.value
    out = room(len(right.stack), value)
    tangents, factor = left.tangents if not left.waiting else left.waiting.tangents, right.value
    if left.waiting:
        factor = left.waiting.slope * factor
    torch.mul(aligned(tangents, value.dim()), factor, out=out[1:])
    out[1:].addcmul_(aligned(right.tangents, value.dim()), left.value)
    return Carried(out)


def _laid_out(factor: Any, like: Carried) -> Any:
    """Return a factor in the shape and memory order of the value that it multiplies.

    One copy of the value's size lets torch run through the whole stack in one sweep; a factor
    that is broadcast between the axes of a transposed stack breaks it into many short ones.
    """
    if not isinstance(factor, Tensor) or factor.dim() < 2 or like.is_contiguous():
        return factor
    if torch.broadcast_shapes(factor.shape, like.shape) != like.shape:  # type: ignore[no-untyped-call]
        return factor
    return torch.empty_like(like.value, dtype=factor.dtype).copy_(factor)


def _divide(left: Any, right: Any) -> Any:
    if isinstance(right, Carried):
        return pointwise(aten.div.Tensor, (left, right), {})
    dimensions = max(left.dim(), right.dim() if isinstance(right, Tensor) else 0)
    return Carried(aligned(left.stack, dimensions) / right)


def _product(left: Any, right: Any) -> Carried:
    """Return a matrix product, one of a batch or alone, of which one or both are carried."""
    if not isinstance(right, Carried):
        return Carried(_times(left.stack, right))
    if not isinstance(left, Carried):
        return Carried(torch.matmul(left, right.stack))
    value = left.value @ right.value
    out = room(len(left.stack), value)
    torch.matmul(left.tangents, right.value, out=out[1:])
    out[1:] += left.value @ right.tangents
    return Carried(out)


def _times(stack: Tensor, matrix: Tensor) -> Tensor:
    """Return every row of a stack of matrices times one matrix: a single large product."""
    if matrix.dim() == 2:
        rows = stack.reshape(-1, stack.shape[-1]) @ matrix
        return rows.reshape(*stack.shape[:-1], matrix.shape[-1])
    return torch.matmul(stack, matrix)


def _product_and_sum(bias: Any, left: Any, right: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    if isinstance(left, Carried) or isinstance(right, Carried):
        product = _product(left, right)
        product = product if alpha == 1 else Carried(product.stack * alpha)
        if beta == 0:
            # As torch has it: what is added no times may be anything, also unwritten memory.
            return product
        if beta == 1 and not isinstance(bias, Carried) and bias.dim() <= product.dim():
            # The product is new and nobody else holds it.
            product.value.add_(bias)
            return product
    else:
        product = alpha * (left @ right)
        if beta == 0:
            return product
    return _add(product, bias if beta == 1 else bias * beta)


def _softmax(scores: Carried, axis: int, half_to_float: bool = False) -> Carried:
    weights = torch.softmax(scores.value, axis, torch.float32 if half_to_float else None)
    axis = axis % scores.dim() + 1
    out = room(len(scores.stack), weights)
    torch.mul(scores.tangents, weights, out=out[1:])
    # The mean is taken off before the weights come in: where one weight is all, what is left is
    # exactly zero in every dtype, and not the difference of two rounded products.
    torch.sub(scores.tangents, out[1:].sum(axis, keepdim=True), out=out[1:])
    out[1:] *= weights
    return Carried(out)


def _convolution(entering: Any, weight: Any, bias: Any, *knobs: Any) -> Any:
    if (
        isinstance(weight, Carried)
        or isinstance(bias, Carried)
        or not isinstance(entering, Carried)
    ):
        return by_torch(aten.convolution.default, (entering, weight, bias, *knobs), {})
    flat = entering.stack.flatten(0, 1)
    moved = aten.convolution(flat, weight, None, *knobs).unflatten(0, entering.stack.shape[:2])
    if bias is not None:
        moved[0] += bias.reshape(-1, *[1] * (entering.dim() - 2))
    return Carried(moved)


PRODUCTS: dict[Any, Callable[..., Any]] = {
    aten.add.Tensor: _add,
    aten.sub.Tensor: _subtract,
    aten.mul.Tensor: _multiply,
    aten.mul.Scalar: _multiply,
    aten.div.Tensor: _divide,
    aten.neg.default: lambda x: Carried(-x.stack),
    aten.mm.default: _product,
    aten.bmm.default: _product,
    aten.addmm.default: _product_and_sum,
    aten.baddbmm.default: _product_and_sum,
    aten._softmax.default: _softmax,
    aten.convolution.default: _convolution,
}
"""Rule by operation."""
