"""Rules of what moves numbers about without changing them: views, casts, joins, sums, blanks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pytest_promptchaos.dynamics.carried import Carried, UncarriedError, aligned, raised
from pytest_promptchaos.dynamics.families import aten, overwrite, refuse_complex

Rule = Callable[..., Any]


def _axis(tensor: Tensor, axis: int, extra: int = 0) -> int:
    """Return an axis of the parts as one of the stack."""
    return axis % (tensor.dim() + extra) + 1


def _axes(tensor: Tensor, axes: Any) -> list[int]:
    """Return axes of the parts as those of the stack; none given means all."""
    chosen = range(tensor.dim()) if axes is None or not len(axes) else axes
    return [_axis(tensor, axis) for axis in chosen]


def _view(x: Carried, size: Any) -> Carried:
    return Carried(x.stack.view(len(x.stack), *_resolved(x, size)))


def _reshape(x: Carried, size: Any) -> Carried:
    return Carried(x.stack.reshape(len(x.stack), *_resolved(x, size)))


def _resolved(x: Tensor, size: Any) -> list[int]:
    """Return a size without -1, which would also have to absorb the stack."""
    if -1 not in size:
        return list(size)
    known = 1
    for length in size:
        known *= length if length != -1 else 1
    return [x.numel() // known if length == -1 else length for length in size]


def _expand(x: Carried, size: Any, *, implicit: bool = False) -> Carried:
    del implicit
    return Carried(aligned(x.stack, len(size)).expand(len(x.stack), *size))


def _cat(parts: Any, axis: int = 0) -> Carried:
    like = next(part for part in parts if isinstance(part, Carried))
    stacks = [part.stack if isinstance(part, Carried) else raised(part, like) for part in parts]
    # torch lets an empty vector stand among tensors of any shape.
    kept = [stack for stack in stacks if stack.dim() == like.dim() + 1]
    return Carried(torch.cat(kept, _axis(like, axis)))


def _stacked(parts: Any, axis: int = 0) -> Carried:
    like = next(part for part in parts if isinstance(part, Carried))
    stacks = [part.stack if isinstance(part, Carried) else raised(part, like) for part in parts]
    return Carried(torch.stack(stacks, _axis(like, axis, extra=1)))


def _sum(x: Carried, axes: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    if not x.dim():
        return _cast(x, dtype=dtype)
    if dtype is not None and not dtype.is_floating_point:
        refuse_complex(dtype)
        return torch.sum(x.value, axes, keepdim, dtype=dtype)
    return Carried(torch.sum(x.stack, _axes(x, axes), keepdim, dtype=dtype))


def _mean(x: Carried, axes: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Carried:
    if not x.dim():
        return Carried(x.stack.clone())
    return Carried(torch.mean(x.stack, _axes(x, axes), keepdim, dtype=dtype))


def _cast(x: Carried, *, dtype: Any = None, **rest: Any) -> Any:
    # A copy of another type: whole numbers and flags carry nothing.
    if dtype is not None and not dtype.is_floating_point:
        refuse_complex(dtype)
        return aten._to_copy(x.value, dtype=dtype, **rest)
    rest.pop("memory_format", None)
    return Carried(aten._to_copy(x.stack, dtype=dtype, **rest))


def _copied(x: Carried, *, memory_format: Any = None) -> Carried:
    del memory_format
    return Carried(x.stack.clone(memory_format=torch.contiguous_format))


def _blank(func: Any) -> Rule:
    """Return the rule of a tensor made in another's image: it may be written to, so it carries."""

    def made(x: Carried, *args: Any, **kwargs: Any) -> Any:
        blank = func(x.value, *args, **kwargs)
        return Carried(raised(blank, x)) if blank.is_floating_point() else blank

    return made


def _copy_into(target: Any, source: Any, non_blocking: bool = False) -> Any:
    del non_blocking
    if not isinstance(target, Carried):
        raise UncarriedError("copy_ writes tangents into a tensor that carries none")
    overwrite(target, source)
    return target


def _fill(target: Carried, value: Any = 0) -> Carried:
    if isinstance(value, Carried):
        raise UncarriedError("fill_ with a carried number")
    overwrite(target, torch.full_like(target.value, value))
    return target


def _padded(x: Carried, pad: Any, value: Any = 0) -> Carried:
    """Return a padded tensor; the padding is constant, so its tangents are zero."""
    # Pads count from the last axis, so the stack's own axis, the first, stays as it is.
    value, tangents = (aten.constant_pad_nd(x.stack[:1], pad, value), x.stack[1:])
    return Carried(torch.cat([value, aten.constant_pad_nd(tangents, pad, 0)]))


def _each(parts: Any) -> list[Carried]:
    return [Carried(part) for part in parts]


SHAPES: dict[Any, Rule] = {
    aten.view.default: _view,
    aten._unsafe_view.default: _reshape,
    aten.expand.default: _expand,
    aten.permute.default: lambda x, axes: Carried(x.stack.permute(0, *_axes(x, axes))),
    aten.transpose.int: lambda x, one, other: Carried(
        x.stack.transpose(_axis(x, one), _axis(x, other))
    ),
    aten.t.default: lambda x: Carried(x.stack.transpose(1, -1) if x.dim() == 2 else x.stack),
    aten.unsqueeze.default: lambda x, axis: Carried(x.stack.unsqueeze(_axis(x, axis, extra=1))),
    aten.squeeze.dim: lambda x, axis: Carried(x.stack.squeeze(_axis(x, axis))),
    aten.squeeze.dims: lambda x, axes: Carried(x.stack.squeeze(tuple(_axes(x, axes)))),
    aten.select.int: lambda x, axis, place: Carried(x.stack.select(_axis(x, axis), place)),
    aten.slice.Tensor: lambda x, axis=0, *rest: Carried(aten.slice(x.stack, _axis(x, axis), *rest)),
    aten.split.Tensor: lambda x, size, axis=0: _each(x.stack.split(size, _axis(x, axis))),
    aten.split_with_sizes.default: lambda x, sizes, axis=0: _each(
        x.stack.split(list(sizes), _axis(x, axis))
    ),
    aten.unbind.int: lambda x, axis=0: _each(x.stack.unbind(_axis(x, axis))),
    aten.cat.default: _cat,
    aten.stack.default: _stacked,
    aten.sum.dim_IntList: _sum,
    aten.sum.default: _sum,
    aten.mean.dim: _mean,
    aten.mean.default: _mean,
    aten.cumsum.default: lambda x, axis, *, dtype=None: Carried(
        torch.cumsum(x.stack, _axis(x, axis), dtype=dtype)
    ),
    aten._to_copy.default: _cast,
    aten.constant_pad_nd.default: _padded,
    aten.clone.default: _copied,
    aten.alias.default: lambda x: Carried(x.stack),
    # Cutting a gradient does not make the function another: its derivative stays what it is.
    aten.detach.default: lambda x: Carried(x.stack),
    aten.copy_.default: _copy_into,
    aten.zero_.default: _fill,
    aten.fill_.Scalar: _fill,
    aten.fill_.Tensor: _fill,
    aten._local_scalar_dense.default: lambda x: x.value.item(),
}
SHAPES |= {
    func: _blank(func)
    for func in (
        aten.zeros_like.default,
        aten.ones_like.default,
        aten.empty_like.default,
        aten.full_like.default,
        aten.new_zeros.default,
        aten.new_ones.default,
        aten.new_empty.default,
        aten.new_full.default,
    )
}
"""Rule by operation."""
