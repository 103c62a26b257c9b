"""Which rule moves a carried tensor through which operation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pytest_promptchaos.dynamics.attention import attend
from pytest_promptchaos.dynamics.carried import UncarriedError
from pytest_promptchaos.dynamics.families import (
    aten,
    by_torch,
    in_place,
    linear,
    only_first,
    pointwise,
)
from pytest_promptchaos.dynamics.products import PRODUCTS
from pytest_promptchaos.dynamics.shapes import SHAPES

if TYPE_CHECKING:
    from collections.abc import Callable

RULES = PRODUCTS | SHAPES

LINEAR = {
    aten.index,
    aten.index_select,
    aten.gather,
    aten.roll,
    aten.flip,
    aten.repeat,
    aten.tril,
    aten.triu,
    aten.diagonal,
    aten.unfold,
    aten.squeeze,
}
"""Operations that are linear in their first argument and have no faster rule above."""

REFUSED = {aten.as_strided, aten.as_strided_}
"""Views that a stack has no twin of."""

POINTWISE = {aten.masked_fill}
"""Pointwise operations that torch does not call so."""

FUNCTIONS: dict[Any, Callable[..., Any]] = {
    torch.nn.functional.scaled_dot_product_attention: attend,
    Tensor.data.__get__: lambda x: x,  # type: ignore[attr-defined]
}
"""Whole functions that are caught before torch takes them apart."""


def apply(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return what an operation gives for arguments of which at least one is carried."""
    if func.overloadpacket in REFUSED:
        raise UncarriedError(f"{func} looks at memory, not at a tensor")
    rule = RULES.get(func)
    if rule is not None:
        return rule(*args, **kwargs)
    if func._schema.is_mutable:
        return in_place(func, args, kwargs)
    if torch.Tag.pointwise in func.tags or func.overloadpacket in POINTWISE:
        return pointwise(func, args, kwargs)
    if func.overloadpacket in LINEAR and only_first(args, kwargs):
        return linear(func, args, kwargs)
    return by_torch(func, args, kwargs)
