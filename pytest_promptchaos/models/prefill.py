"""What is computed of prompts before their first token: batch shapes, shared prefixes, prompt ends.

A neighborhood mostly differs near the end of a long prompt. The tokens that all its prompts begin
with are pushed through the network once, in a batch of one row, and their keys and values are
repeated for every row.
"""

from __future__ import annotations

import inspect
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Self

import torch
from transformers import AutoModelForCausalLM, DynamicCache
from transformers.cache_utils import DynamicLayer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedModel

    Ids = tuple[int, ...]

WIDTH_MULTIPLE = 16
"""Prompt lengths are padded up to a multiple of this, so that most edits keep the shape."""
SHARED_LEAST = 32
"""Tokens. A shorter common beginning is not worth a forward pass of its own."""


def padded_width(length: int) -> int:
    """Return the length up to which a prompt of ``length`` tokens is padded.

    >>> padded_width(17)
    32
    """
    return -(-length // WIDTH_MULTIPLE) * WIDTH_MULTIPLE


def buckets(lengths: Sequence[int]) -> list[list[int]]:
    """Return the places of prompts that are decoded together, by length.

    Within a bucket they keep their order, and the bucket of the shortest comes first; a prompt of
    more than twice the padded length of its bucket's first
    opens the next one, because short rows would carry its padding through every layer.

    >>> buckets([20, 500, 17, 21])
    [[0, 2, 3], [1]]
    """
    found: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lambda place: (lengths[place], place)):
        first = lengths[found[-1][0]] if found else 0
        if not found or lengths[place] > 2 * padded_width(first):
            found.append([])
        found[-1].append(place)
    return [sorted(places) for places in found]


def shared_prefix(rows: Sequence[Ids]) -> int:
    """Return how many first tokens of all rows are worth computing once; 0 for too few.

    One token of each row at least is left over, because the last one's logits start the answer.

    >>> shared_prefix([tuple(range(50)), (*range(40), 7)])
    32
    """
    least = min(len(row) for row in rows) - 1
    columns = zip(*(row[:least] for row in rows), strict=True)
    common = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))
    whole = common // WIDTH_MULTIPLE * WIDTH_MULTIPLE
    return whole if whole >= SHARED_LEAST and len(set(rows)) > 1 else 0


class _Reserved(DynamicLayer):  # type: ignore[misc]  # transformers is untyped here
    """Keys and values of one layer in memory that is reserved once, not copied at every token."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self._room = room
        self._slabs: tuple[torch.Tensor, torch.Tensor] | None = None

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_args: Any, **_options: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write behind what is there and return all keys and values."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start, end = self.get_seq_length(), self.get_seq_length() + key_states.shape[-2]
        keys, values = self._slabs_for(key_states, value_states, start, end)
        keys[..., start:end, :], values[..., start:end, :] = key_states, value_states
        self.keys, self.values = keys[..., :end, :], values[..., :end, :]
        return self.keys, self.values

    def _slabs_for(
        self, keys: torch.Tensor, values: torch.Tensor, start: int, end: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        fits = self._slabs is not None and self._slabs[0].shape[0] == keys.shape[0]
        if self._slabs is None or not fits or end > self._slabs[0].shape[-2]:
            room = max(self._room, end)
            slabs = [t.new_empty((*t.shape[:-2], room, t.shape[-1])) for t in (keys, values)]
            if start:
                slabs[0][..., :start, :], slabs[1][..., :start, :] = self.keys, self.values
            self._slabs = (slabs[0], slabs[1])
        return self._slabs


def plain_cache(config: Any, room: int = 0) -> DynamicCache | None:
    """Return an empty cache of plain keys and values, or ``None`` where a model keeps others.

    Windows and recurrent states cannot be repeated or cut back to an earlier token. Reads the
    configuration only: a stored neighborhood must not load weights. ``room`` reserves memory for
    that many tokens.
    """
    kind = AutoModelForCausalLM._model_mapping.get(type(config), None)
    takes = kind is not None and "past_key_values" in inspect.signature(kind.forward).parameters
    cache = DynamicCache(config=config) if takes else None
    layers = getattr(cache, "layers", [])
    if cache is None or not layers or any(type(layer) is not DynamicLayer for layer in layers):
        return None
    cache.layers = [_Reserved(room) for _ in layers]
    return cache


def past_of(
    network: PreTrainedModel, prefix: Sequence[int], rows: int, room: int
) -> DynamicCache | None:
    """Return the keys and values of ``prefix``, computed once and repeated for every row.

    Empty without a prefix; ``None`` where the network keeps others. ``room`` is how many tokens
    a row will hold in the end.
    """
    cache = plain_cache(network.config, room)
    if cache is not None and prefix:
        ids = torch.tensor([list(prefix)], device=network.device)
        network(input_ids=ids, past_key_values=cache, use_cache=True)
        cache.batch_repeat_interleave(rows)
    return cache


def rows_of(
    prompts: Sequence[Ids], *, rows: int, width: int, shared: int, pad: int
) -> tuple[list[list[int]], list[list[int]]]:
    """Return token ids and attention mask, ``rows`` x ``width`` (+ ``shared`` ahead of it).

    Shorter prompts are filled on the left of what is their own; a batch that is not full is
    filled with copies of its first prompt.
    """
    full = [*prompts, *[prompts[0]] * (rows - len(prompts))]
    own = [row[shared:] for row in full]
    space = width - shared
    ids = [[*r[:shared], *[pad] * (space - len(o)), *o] for r, o in zip(full, own, strict=True)]
    mask = [[1] * shared + [0] * (space - len(o)) + [1] * len(o) for o in own]
    return ids, mask


class PromptEnd:
    """Keeps hidden states and logits of the last prompt token from the first forward pass within.

    ``hidden`` has shape (rows, layers + 1, width), ``logits`` (rows, vocabulary), both float32 on
    the CPU.
    """

    hidden: torch.Tensor
    logits: torch.Tensor

    def __init__(self, network: PreTrainedModel) -> None:
        self._network = network
        self._handles: list[Any] = []

    def __enter__(self) -> Self:
        ask, keep = self._ask, self._keep
        self._handles = [
            self._network.register_forward_pre_hook(ask, with_kwargs=True),
            self._network.register_forward_hook(keep),
        ]
        return self

    def __exit__(self, *_: object) -> None:
        while self._handles:
            self._handles.pop().remove()

    @staticmethod
    def _ask(_network: Any, args: Any, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return args, {**options, "output_hidden_states": True, "return_dict": True}

    def _keep(self, _network: Any, _args: Any, out: Any) -> None:
        self.hidden = torch.stack([h[:, -1].float() for h in out.hidden_states], dim=1).cpu()
        self.logits = out.logits[:, -1].float().cpu()
        self.__exit__()
