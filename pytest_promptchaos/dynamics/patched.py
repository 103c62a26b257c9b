"""One run up to a branch, and what becomes of its choice when hidden states of it are replaced."""

from __future__ import annotations

import inspect
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from pytest_promptchaos.dynamics.capture import capture
from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from torch import Tensor
    from torch.nn import Module
    from transformers import PreTrainedModel

    from pytest_promptchaos.dynamics.capture import Call

    Change = Callable[[Tensor], Tensor]

ROWS = 16
"""Patched copies of a run per forward pass; fixed, so that all of them round alike."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Patch:
    """States (tokens, width) that are put behind decoder call ``layer`` at tokens ``at``."""

    layer: int
    at: tuple[int, ...]
    states: Tensor


class Patched:
    """One run up to a branch, and what becomes of its choice when states of it are replaced.

    ``states`` holds, per decoder call, what leaves it: shape (tokens, width). ``margin`` is
    logit(a) - logit(b) behind the last token, without any patch.
    """

    def __init__(
        self, network: PreTrainedModel, ids: Sequence[int], a: int, b: int, *, rows: int = ROWS
    ) -> None:
        self._network, self._tokens, self._rows = network, (a, b), rows
        device = next(network.parameters()).device
        self._ids = torch.tensor([list(ids)], device=device).expand(rows, -1)
        calls = capture(network, self._ids[:1])
        if not all(call.alone for call in calls):
            raise DepthError(
                f"{type(network).__name__} leads more than the hidden state from layer to layer: "
                "putting one layer's output into another run would patch a part of it"
            )
        self._calls = [(call.layer, earlier) for call, earlier in _numbered(calls)]
        kept: list[Tensor] = []
        self.margin = float(self._forward({c: _keeping(kept) for c in self._calls})[0])
        self.states = tuple(kept)

    @property
    def depth(self) -> int:
        """How many decoder calls the model makes."""
        return len(self._calls)

    @property
    def length(self) -> int:
        """How many tokens the run has up to the branch."""
        return self._ids.shape[1]

    def margins(self, patches: Sequence[Patch]) -> list[float]:
        """Return the margin under each patch by itself; all are behind the same layer.

        They go through the network a fixed number of rows at a time.
        """
        found: list[float] = []
        for start in range(0, len(patches), self._rows):
            batch = patches[start : start + self._rows]
            call = self._calls[batch[0].layer]
            found += self._forward({call: _putting(batch)})[: len(batch)].tolist()
        return found

    def _forward(self, changes: Mapping[tuple[Module, int], Change]) -> Tensor:
        """Return logit(a) - logit(b) behind the last token per row, float64."""
        options: dict[str, Any] = {"attention_mask": torch.ones_like(self._ids)}
        if "logits_to_keep" in inspect.signature(self._network.forward).parameters:
            options["logits_to_keep"] = 1
        with changed(changes, (self._rows, self.length)), torch.no_grad():
            out = self._network(input_ids=self._ids, use_cache=False, **options)
        logits: Tensor = out.logits[:, -1].double().cpu()
        a, b = self._tokens
        return logits[:, a] - logits[:, b]


def _numbered(calls: Sequence[Call]) -> Iterator[tuple[Call, int]]:
    """Yield each call with how often its layer was called before."""
    seen: Counter[Module] = Counter()
    for call in calls:
        yield call, seen[call.layer]
        seen[call.layer] += 1


def _keeping(kept: list[Tensor]) -> Change:
    def keep(state: Tensor) -> Tensor:
        kept.append(state[0].clone())
        return state

    return keep


def _putting(patches: Sequence[Patch]) -> Change:
    def put(state: Tensor) -> Tensor:
        state = state.clone()
        for row, patch in enumerate(patches):
            state[row, list(patch.at)] = patch.states.to(state)
        return state

    return put


@contextmanager
def changed(changes: Mapping[tuple[Module, int], Change], shape: tuple[int, int]) -> Iterator[None]:
    """Change what leaves the given calls of layers, each (layer, how often it was called before).

    ``shape`` is (rows, tokens) of the forwards within. All hooks are gone behind the ``with``,
    also after an error.
    """
    begun: Counter[Module] = Counter()

    def leave(layer: Module, _: tuple[Any, ...], output: Any) -> Any:
        change = changes.get((layer, begun[layer]))
        begun[layer] += 1
        return None if change is None else _with_state(output, shape, change)

    with ExitStack() as hooks:
        for layer in dict.fromkeys(layer for layer, _ in changes):
            hooks.callback(layer.register_forward_hook(leave).remove)
        yield


def _with_state(output: Any, shape: tuple[int, int], change: Change) -> Any:
    """Return a layer's output with its hidden state changed: the first of shape (*shape, n)."""
    if _is_state(output, shape):
        return change(output)
    if isinstance(output, (tuple, list)):
        for number, value in enumerate(output):
            if _is_state(value, shape):
                return type(output)([*output[:number], change(value), *output[number + 1 :]])
    raise DepthError(
        f"a decoder layer returns {type(output).__name__}, in which no hidden state of "
        f"{shape[0]} rows and {shape[1]} tokens can be found to patch"
    )


def _is_state(value: Any, shape: tuple[int, int]) -> bool:
    return isinstance(value, torch.Tensor) and value.dim() == 3 and value.shape[:2] == shape
