"""The families of operations: pointwise, linear, any other, and their twins that write in place.

A linear operation acts on the whole stack. A pointwise one needs its derivative only at the
value, once for all tangents: torch gives it, as the tangent of a field of ones. What is left goes
through ``torch.func``, one operation at a time.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.func import jvp, vmap
from torch.utils._mode_utils import no_dispatch
from torch.utils._pytree import tree_flatten, tree_unflatten

from pytest_promptchaos.dynamics.carried import (
    Carried,
    UncarriedError,
    aligned,
    finish,
    room,
    values,
    waiting,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

aten = torch.ops.aten


def pointwise(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return a pointwise operation: each tangent times the derivative at the value."""
    plain = values(args)
    places = [place for place, arg in enumerate(args) if isinstance(arg, Carried)]
    if not places:
        return by_torch(func, args, kwargs)
    out = None
    for place in places:
        value, slope = _at(func, plain, place, values(kwargs))
        if not value.is_floating_point():
            refuse_complex(value.dtype)
            return value
        tangents = aligned(args[place].tangents, value.dim())
        if len(places) == 1 and tangents.shape[1:] == value.shape:
            return waiting(value, tangents, slope)
        if out is None:
            out = room(len(tangents) + 1, value)
            torch.mul(tangents, slope, out=out[1:])
        else:
            out[1:].addcmul_(tangents, slope)
    assert out is not None
    return Carried(out)


def _at(
    func: Any, plain: Sequence[Any], place: int, kwargs: dict[str, Any]
) -> tuple[Tensor, Tensor]:
    """Return a pointwise operation and its derivative by the argument at ``place``."""
    known = SLOPES.get(func)
    if known is not None:
        return known(*plain)

    def along(moving: Tensor) -> Any:
        return func(*plain[:place], moving, *plain[place + 1 :], **kwargs)

    return _slope(along, plain[place])


def _slope(along: Callable[[Tensor], Any], value: Tensor) -> tuple[Tensor, Tensor]:
    """Return a pointwise function and its derivative at ``value``."""
    # A copy: forward AD gives a view's whole base a tangent, here the stack of all tangents.
    value = value.clone()
    with _above_dispatch():
        after, slope = jvp(along, (value,), (torch.ones_like(value),))  # type: ignore[misc]
    return after, slope


def _silu(x: Tensor) -> tuple[Tensor, Tensor]:
    gate = torch.sigmoid(x)
    return x * gate, gate * (1 + x * (1 - gate))


def _power(x: Tensor, exponent: Any) -> tuple[Tensor, Tensor]:
    # A constant has no slope, also at zero, where the formula has no value.
    slope = exponent * x.pow(exponent - 1) if exponent else torch.zeros_like(x)
    return x.pow(exponent), slope


def _inverse_root(x: Tensor) -> tuple[Tensor, Tensor]:
    root = x.rsqrt()
    return root, -0.5 * root.pow(3)


SLOPES: dict[Any, Callable[..., tuple[Tensor, Tensor]]] = {
    aten.silu.default: _silu,
    aten.pow.Tensor_Scalar: _power,
    aten.rsqrt.default: _inverse_root,
}
"""Value and derivative of what every layer of many models computes; torch takes 0.4 ms to ask."""


_INCLUDED = torch._C._dispatch_tls_local_include_set()
_EXCLUDED = torch._C._dispatch_tls_local_exclude_set()


def _above_dispatch() -> Any:
    """Return a context in which derivatives exist: a dispatched operation is below autograd."""
    return torch._C._ForceDispatchKeyGuard(_INCLUDED, _EXCLUDED)


def linear(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return an operation that is linear in its first argument and touches no other carried."""
    with _above_dispatch():
        moved = vmap(lambda part: func(part, *args[1:], **kwargs))(args[0].stack)
    return Carried(moved)


def by_torch(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return an operation with the derivative that ``torch.func`` knows for it."""
    leaves, form = tree_flatten((args, kwargs))
    places = [place for place, leaf in enumerate(leaves) if isinstance(leaf, Carried)]
    plain = values(leaves)

    def call(*moving: Tensor) -> Any:
        filled = list(plain)
        for place, part in zip(places, moving, strict=True):
            filled[place] = part
        arguments, named = tree_unflatten(filled, form)
        return func(*arguments, **named)

    here = tuple(plain[place] for place in places)

    def along(*tangents: Tensor) -> Any:
        return jvp(call, here, tangents)

    # out_dims None is a guard, too: vmap refuses a value that became batched.
    tangents = tuple(leaves[place].tangents for place in places)
    with _above_dispatch():
        after, moved = vmap(along, out_dims=(None, 0))(*tangents)  # type: ignore[arg-type]  # torch documents None
    flat, shape = tree_flatten(after)
    pairs = zip(flat, tree_flatten(moved)[0], strict=True)
    return tree_unflatten([_joined(value, tangents) for value, tangents in pairs], shape)


def _joined(value: Any, tangents: Any) -> Any:
    """Return a carried tensor; an index, a flag or a number carries nothing."""
    if not isinstance(value, Tensor) or not value.is_floating_point():
        if isinstance(value, Tensor):
            refuse_complex(value.dtype)
        return value
    return Carried(torch.cat([value.unsqueeze(0), tangents]))


_TWINS = {
    aten.pow_.Scalar: aten.pow.Tensor_Scalar,
    aten.pow_.Tensor: aten.pow.Tensor_Tensor,
}
"""Twins that go by another name."""


def refuse_complex(dtype: torch.dtype) -> None:
    """Raise ``UncarriedError`` for complex numbers, which carry tangents but not in a stack."""
    if dtype.is_complex:
        raise UncarriedError("complex numbers are left to torch.func")


def in_place(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return the first argument, overwritten with what the twin without underscore gives."""
    target, name = args[0], func.overloadpacket.__name__
    if not isinstance(target, Carried) or not name.endswith("_"):
        raise UncarriedError(f"{name} writes tangents into a tensor that carries none")
    twin = _TWINS.get(func) or getattr(getattr(aten, name[:-1]), func._overloadname)
    if torch.Tag.inplace_view in func.tags:
        target.stack = twin(*args, **kwargs).stack
        # The wrapper's own shape follows, without a way back into this rule.
        with no_dispatch():
            func(*args, **kwargs)
        return target
    overwrite(target, twin(*args, **kwargs))
    return target


def overwrite(target: Carried, new: Any) -> None:
    """Write a tensor into the memory of another, with its tangents or with zeros."""
    finish()
    if isinstance(new, Carried):
        target.stack.copy_(aligned(new.stack, target.dim()))
    else:
        target.value.copy_(new)
        target.tangents.zero_()


def only_first(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Say whether the first argument is carried, and no other."""
    leaves = tree_flatten((args[1:], kwargs))[0]
    return isinstance(args[0], Carried) and not any(isinstance(leaf, Carried) for leaf in leaves)


@cache
def load_forward_rules() -> None:
    """Let torch load its own scripted derivative rules, whose deprecation is not the user's."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        jvp(torch.sin, (torch.zeros(1),), (torch.zeros(1),))
