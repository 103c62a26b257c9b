"""Attention of carried queries, keys and values: one softmax for all tangents.

With scores ``s = q k^T * scale`` and weights ``p = softmax(s)``, the output ``o = p v`` moves by
``do = (p * ds) v - sum(p * ds) o + p dv``, where ``ds = (dq k^T + q dk^T) * scale``. The weights
belong to the value, so they are computed once, whatever the number of tangents. Queries are
worked off in blocks, each on the keys that its mask lets through: under a causal mask that saves
nearly half of the products.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pytest_promptchaos.dynamics.carried import Carried, UncarriedError

_HALF = (torch.bfloat16, torch.float16)
BLOCKS = 4
SHORTEST = 32
"""Queries in the shortest block that is worth a call of its own."""


def attend(  # noqa: PLR0917 - torch's own signature
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Carried:
    """Return what ``torch.nn.functional.scaled_dot_product_attention`` does, with its tangents.

    ``dropout_p`` must be zero, as it is in evaluation.
    """
    if dropout_p:
        raise ValueError(f"dropout_p is {dropout_p}: attention of a model in evaluation has none")
    count = next((len(x.stack) for x in (query, key, value) if isinstance(x, Carried)), 0)
    if not count or isinstance(attn_mask, Carried) or query.dim() < 3:
        raise UncarriedError("attention without heads, or with a mask that carries tangents")
    q, k, v = (_stack(x, count) for x in (query, key, value))
    dtype = q.dtype
    if dtype in _HALF:
        # Where one key has nearly all the weight, the tangent is a small difference of products
        # that a half-precision table rounds away.
        q, k, v = q.float(), k.float(), v.float()
        if attn_mask is not None and attn_mask.is_floating_point():
            attn_mask = attn_mask.float()
    if enable_gqa:
        k, v = (x.repeat_interleave(q.shape[-3] // x.shape[-3], dim=-3) for x in (k, v))
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    mask = _causal(q, k) if is_causal else attn_mask
    lead, queries, keys = q.shape[1:-2], q.shape[-2], k.shape[-2]
    # Laid out as (stack, ..., tokens, heads, width): what follows joins the heads of a token.
    out = q.new_empty(count, *lead[:-1], queries, lead[-1], v.shape[-1]).transpose(-2, -3)
    heads = _Heads.of(q, k, v, scale)
    for rows, columns in _blocks(mask, queries, keys):
        part = None if mask is None else _window(mask, rows, columns)
        if part is not None:
            part = part.expand(*lead, *part.shape[-2:]).reshape(-1, *part.shape[-2:])
        first, moved = heads.attended(rows, columns, part)
        out[0][..., rows, :] = first.view(*lead, *first.shape[1:])
        out[1:][..., rows, :] = moved.view(count - 1, *lead, *first.shape[1:])
    return Carried(out.to(dtype))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Heads:
    """Queries, keys and values by head, stacks (k + 1, heads, tokens, width).

    ``beside`` are the values' tangents beside each other, (heads, keys, k * width).
    """

    q: Tensor
    k: Tensor
    v: Tensor
    beside: Tensor
    scale: float

    @classmethod
    def of(cls, q: Tensor, k: Tensor, v: Tensor, scale: float) -> _Heads:
        """Return stacks (k + 1, ..., heads, tokens, width) with one axis for all heads."""
        q, k, v = (x.reshape(len(x), -1, *x.shape[-2:]) for x in (q, k, v))
        return cls(q=q, k=k, v=v, beside=v[1:].permute(1, 2, 0, 3).flatten(2), scale=scale)

    def attended(self, rows: slice, columns: slice, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return output (heads, queries, width) and its tangents (k, ...) of a block of queries.

        Tangents lie beside each other in one matrix per head, (queries * k, keys) or (queries,
        k * keys) as the product at hand needs: few large products instead of many small ones,
        and sums that are made while multiplying.
        """
        q, k, v = self.q[:, :, rows], self.k[:, :, columns], self.v[0, :, columns]
        scores = (q[0] @ k[0].mT) * self.scale
        if mask is not None:
            flags = mask.dtype == torch.bool
            scores = scores.masked_fill(~mask, -math.inf) if flags else scores + mask
        # A query that sees no key attends to nothing, as in torch, instead of to NaN.
        weights: Tensor = torch._safe_softmax(scores, -1)
        first = weights @ v
        count, (heads, queries, keys) = len(q) - 1, weights.shape
        moved = q[1:].permute(1, 2, 0, 3).flatten(1, 2) @ k[0].mT
        turned = k[1:].transpose(0, 1).flatten(1, 2).mT
        moved.view(heads, queries, count * keys).baddbmm_(q[0], turned)
        moved = moved.view(heads, queries, count, keys)
        # The scale belongs to the scores; here it costs one sweep of the value's size.
        moved *= (weights * self.scale).unsqueeze(-2)
        pull = moved.sum(-1, keepdim=True)
        out = (moved.flatten(1, 2) @ v).view(heads, queries, -1)
        out.baddbmm_(weights, self.beside[:, columns])
        out = out.view(heads, queries, count, -1)
        out.addcmul_(pull, first.unsqueeze(-2), value=-1)
        return first, out.permute(2, 0, 1, 3)


def _stack(x: Any, count: int) -> Tensor:
    """Return the stack of a tensor; one that carries nothing has zero tangents."""
    if isinstance(x, Carried):
        return x.stack
    stack: Tensor = x.new_zeros(count, *x.shape)
    stack[0] = x
    return stack


def _causal(q: Tensor, k: Tensor) -> Tensor:
    """Return the mask that lets every query see the keys up to its own place."""
    return torch.ones(q.shape[-2], k.shape[-2], dtype=torch.bool, device=q.device).tril()


def _blocks(mask: Tensor | None, queries: int, keys: int) -> list[tuple[slice, slice]]:
    """Return blocks of queries with the span of keys that they see.

    One block of all keys where there is no mask, or where some query sees nothing: what such a
    query gives depends on all keys.
    """
    whole = [(slice(0, queries), slice(0, keys))]
    if mask is None or queries < 2 * SHORTEST:
        return whole
    seen = mask if mask.dtype == torch.bool else mask > torch.finfo(mask.dtype).min / 2
    seen = seen.expand(*seen.shape[:-2], queries, keys).reshape(-1, queries, keys)
    if not seen.any(-1).all():
        return whole
    seen = seen.any(0)
    length = max(SHORTEST, math.ceil(queries / BLOCKS))
    return [
        (slice(first, min(first + length, queries)), _span(seen[first : first + length].any(0)))
        for first in range(0, queries, length)
    ]


def _span(seen: Tensor) -> slice:
    """Return the smallest slice that holds every key which is seen."""
    places = seen.nonzero().flatten()
    return slice(int(places[0]), int(places[-1]) + 1)


def _window(mask: Tensor, rows: slice, columns: slice) -> Tensor:
    """Return the mask of one block; an axis of length one is shared by all."""
    rows = rows if mask.shape[-2] > 1 else slice(None)
    columns = columns if mask.shape[-1] > 1 else slice(None)
    return mask[..., rows, columns]
