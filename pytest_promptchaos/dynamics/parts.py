"""The parts of a layer: the modules in it that return hidden states, and what each of them does.

No architecture is named. A part is attention if it lets tokens see each other, be it attention or
a state-space mixer; a norm if it has no matrix and twice the input gives the same output; else
feed-forward. A single operation inside a part, such as attention's last projection, does the
part's work.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import torch

from pytest_promptchaos.dynamics.forward import Arguments
from pytest_promptchaos.dynamics.layout import Layout, layout_of
from pytest_promptchaos.dynamics.parity import relative_difference, tolerance

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from torch import Tensor
    from torch.nn import Module

Kind: TypeAlias = Literal["attention", "mlp", "norm"]
KINDS: tuple[Kind, ...] = ("attention", "mlp", "norm")


@dataclass(frozen=True, eq=False)
class Seen:
    """One call of a part: its arguments, and the hidden state in and out as rows (1, T, n).

    The rows are copies, because a layer may add to them in place. What enters may have another
    number of features than what leaves.
    """

    given: Arguments
    entering: Tensor
    leaving: Tensor


def names_within(layer: Module, name: str = "") -> tuple[str, ...]:
    """Return the names of the modules directly in the layer, or in its module ``name``.

    The members of a list count as directly in what holds the list, which is never called itself.
    """
    found: list[str] = []
    for own, child in layer.get_submodule(name).named_children():
        whole = f"{name}.{own}" if name else own
        lists = isinstance(child, (torch.nn.ModuleList, torch.nn.ModuleDict))
        found += names_within(layer, whole) if lists else [whole]
    return tuple(found)


@contextmanager
def watching(layer: Module, shape: torch.Size, names: Iterable[str]) -> Iterator[dict[str, Seen]]:
    """Give the last call of every part of ``layer`` among ``names``, in order of return.

    ``shape`` (1, T, n) is that of the state as rows. Carried tangents are kept with the values.
    """
    seen: dict[str, Seen] = {}
    entered: dict[str, tuple[Arguments, Tensor | None]] = {}
    with ExitStack() as hooks:
        for name in names:
            child = layer.get_submodule(name)

            def enter(
                _: Module, args: tuple[Any, ...], kwargs: dict[str, Any], name: str = name
            ) -> None:
                given = Arguments(args, kwargs)
                entered[name] = given, _copied(given.hidden, shape[1])

            def leave(_: Module, __: tuple[Any, ...], output: Any, name: str = name) -> None:
                given, entering = entered.pop(name)
                leaving = _leaving(output, shape)
                seen.pop(name, None)
                if entering is not None and leaving is not None:
                    seen[name] = Seen(given, entering, leaving)

            hooks.callback(child.register_forward_pre_hook(enter, with_kwargs=True).remove)
            hooks.callback(child.register_forward_hook(leave).remove)
        yield seen


def kinds_of(
    layer: Module, seen: Mapping[str, Seen], precision: torch.dtype, around: Mapping[str, Kind]
) -> dict[str, Kind]:
    """Return what each part does that changes its input, by two more calls of each.

    ``precision`` is the coarsest dtype of the weights; ``around`` says what larger parts do, whose
    work a single operation inside them does. A part that returns its input, as dropout does in
    evaluation, is left out.
    """
    kinds: dict[str, Kind] = {}
    for name, call in seen.items():
        if not _same(call.entering, call.leaving):
            part = layer.get_submodule(name)
            kind = _kind(part, call, precision)
            single = kind == "mlp" and not any(part.children())
            kinds[name] = around.get(name.rpartition(".")[0], kind) if single else kind
    return kinds


def source_of(name: str, seen: Mapping[str, Seen], kinds: Mapping[str, Kind]) -> Kind:
    """Return whose work a part passes on: a norm behind attention passes on attention."""
    if kinds[name] == "norm":
        for other, kind in kinds.items():
            if other != name and _same(seen[name].entering, seen[other].leaving):
                return kind
    return kinds[name]


def _kind(child: Module, call: Seen, precision: torch.dtype) -> Kind:
    """Return what a part does."""
    others = call.entering.clone()
    # All tokens but the last are turned around: if that reaches the last one, they see each other.
    others[:, :-1] = -others[:, :-1]
    moved = relative_difference(_again(child, call, others)[:, -1], call.leaving[:, -1])
    if moved > tolerance(precision) / 4:
        return "attention"
    # A norm has a gain and a shift per feature at most; feed-forward with a norm inside has more.
    if sum(weight.numel() for weight in child.parameters()) > 2 * call.leaving.shape[-1]:
        return "mlp"
    # At a usual size: a norm's small constant would show where its input is smaller still.
    size = call.entering.square().mean(dim=-1, keepdim=True).sqrt()
    usual = call.entering / size.clamp_min(torch.finfo(size.dtype).tiny)
    once, twice = (_again(child, call, factor * usual).double() for factor in (1, 2))
    # A norm moves by nothing, anything linear by its whole output: a quarter tells them apart.
    return "norm" if bool((twice - once).norm() < once.norm() / 4) else "mlp"


def _again(child: Module, call: Seen, rows: Tensor) -> Tensor:
    """Return what a part makes of another input, both as rows."""
    layout = _layout(call.given.hidden, rows.shape[1])
    assert layout is not None
    given = call.given.with_hidden(layout.hidden(rows))
    leaving = _leaving(child(*given.positional, **given.named), call.leaving.shape)
    assert leaving is not None
    return leaving


def _leaving(output: Any, shape: torch.Size) -> Tensor | None:
    """Return a copy of the first hidden state of ``shape`` in a part's output, as rows."""
    found = output if isinstance(output, (tuple, list)) else [output]
    rows = (_copied(value, shape[1]) for value in found)
    return next((row for row in rows if row is not None and row.shape == shape), None)


def _copied(value: Any, tokens: int) -> Tensor | None:
    """Return a copy of a value that holds one vector per token, as rows; else ``None``."""
    layout = _layout(value, tokens)
    return None if layout is None else layout.rows(value).clone()


def _layout(value: Any, tokens: int) -> Layout | None:
    """Return the layout of a hidden state, also of one that has no axis for the batch."""
    if not isinstance(value, torch.Tensor) or not value.is_floating_point():
        return None
    if value.dim() == 2 and len(value) == tokens:
        return Layout(value.shape, 0)
    return layout_of(value.shape, tokens)


def _same(one: Tensor, other: Tensor) -> bool:
    """Say whether two hidden states are one, bit for bit."""
    return one.shape == other.shape and bool(torch.equal(one, other))
