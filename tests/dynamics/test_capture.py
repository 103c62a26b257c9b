"""Captured steps are the model's own depth: same states, same derivative, whatever its forward."""

from __future__ import annotations

from collections import UserDict
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.autograd.functional import jacobian

from pytest_promptchaos.dynamics.capture import capture
from pytest_promptchaos.dynamics.layout import layout_of
from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from pytest_promptchaos.dynamics.capture import Call

    Way = Callable[["Net", Tensor], Tensor]

TOKENS, WIDTH = 5, 6
IDS = torch.arange(TOKENS).unsqueeze(0) * 3 + 1


class Block(nn.Module):
    """A layer that mixes tokens; ``form`` makes what it returns of its state and inner value."""

    def __init__(self, form: Callable[[Tensor, Tensor], Any]) -> None:
        super().__init__()
        self.mix = nn.Linear(WIDTH, WIDTH)
        self.form = form
        self.offset: Any = 0

    def forward(self, state: Tensor, beside: Any = None, axis: int = 1) -> Any:
        entering = state.cumsum(axis) + self.offset + (0 if beside is None else beside)
        inner = torch.tanh(self.mix(entering))
        return self.form(state, inner)


def residual(state: Tensor, inner: Tensor) -> Tensor:
    return state + inner


def in_place(state: Tensor, inner: Tensor) -> Tensor:
    return state.add_(inner)


class Net(nn.Module):
    """A model whose forward leads the embeddings through its blocks in the given way."""

    def __init__(self, way: Way, form: Callable[[Tensor, Tensor], Any]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.way = way
        self.embedding = nn.Embedding(20, WIDTH)
        self.layers = nn.ModuleList(Block(form) for _ in range(4))
        self.slow = nn.ModuleList(Block(form) for _ in range(4))
        self.double()

    def get_input_embeddings(self) -> nn.Module:
        return self.embedding

    def forward(self, input_ids: Tensor, **_: Any) -> Tensor:
        return self.way(self, self.embedding(input_ids))


# -- ways through the layers --------------------------------------------------------------------


def one_by_one(net: Net, state: Tensor) -> Tensor:
    for layer in net.layers:
        state = layer(state)
    return state


def first_of_a_tuple(net: Net, state: Tensor) -> Tensor:
    for layer in net.layers:
        state = layer(state)[0]
    return state


def second_of_a_list(net: Net, state: Tensor) -> Tensor:
    for layer in net.layers:
        state = layer(state)[1]
    return state


def by_keyword(net: Net, state: Tensor) -> Tensor:
    for layer in net.layers:
        state = layer(beside=None, state=state)
    return state


def skipping(net: Net, state: Tensor) -> Tensor:
    for layer in list(net.layers)[::2]:
        state = layer(state)
    return state


def again_and_again(net: Net, state: Tensor) -> Tensor:
    for _ in range(3):
        state = one_by_one(net, state)
    return state


def in_turns(net: Net, state: Tensor) -> Tensor:
    fast, slow = torch.zeros_like(state), state
    for _ in range(2):
        fast = one_by_one(net, fast + slow)
        for layer in net.slow:
            slow = layer(slow + fast if layer is net.slow[0] else slow)
    return slow


def rescaled(net: Net, state: Tensor) -> Tensor:
    for layer in net.layers:
        state = layer(0.5 * state + 0.1)
    return state


def with_first_value(net: Net, state: Tensor) -> Tensor:
    first = None
    for layer in net.layers:
        state = layer(state, first)
        first = torch.sin(state) if first is None else first
    return state


def with_shared_values(net: Net, state: Tensor) -> Tensor:
    shared: UserDict[str, Tensor] = UserDict()
    for number, layer in enumerate(net.layers):
        state = layer(state, shared.get("value"))
        if number < 2:
            shared["value"] = torch.sin(state)
    return state


def with_hidden_value(net: Net, state: Tensor) -> Tensor:
    for layer in net.layers:
        state = layer(state)
        net.layers[-1].offset = torch.sin(state)
    return state


def with_all_earlier(net: Net, state: Tensor) -> Tensor:
    past = [state]
    for layer in net.layers:
        past.append(layer(past[-1], sum(past)))
    return past[-1]


def transposed(net: Net, state: Tensor) -> Tensor:
    state = state.transpose(0, 1)
    for layer in net.layers:
        state = layer(state, axis=0)
    return state.transpose(0, 1)


ALONE: dict[str, tuple[Way, Any]] = {
    "one by one": (one_by_one, residual),
    "in place": (one_by_one, in_place),
    "tuples": (first_of_a_tuple, lambda state, inner: (state + inner, inner.sum())),
    "lists": (second_of_a_list, lambda state, inner: [inner.sum(-1), state + inner]),
    "keywords": (by_keyword, residual),
    "skipped": (skipping, residual),
    "again": (again_and_again, residual),
    "transposed": (transposed, residual),
}
ALONG: dict[str, tuple[Way, Any]] = {
    "in turns": (in_turns, residual),
    "rescaled": (rescaled, residual),
    "first value": (with_first_value, residual),
    "shared values": (with_shared_values, residual),
    "hidden value": (with_hidden_value, residual),
    "all earlier": (with_all_earlier, residual),
}


def captured(way: Way, form: Any = residual, dtype: torch.dtype = torch.float64) -> Any:
    """A model that goes the way, and its calls."""
    net: Any = Net(way, form).to(dtype)
    return net, capture(net, IDS)


def composed(calls: tuple[Call, ...]) -> Callable[[Tensor], Tensor]:
    """All steps, one after another."""

    def through(state: Tensor) -> Tensor:
        for call in calls:
            state = call.replay(state.clone())
        return state

    return through


def own_forward(net: Net) -> Callable[[Tensor], Tensor]:
    """The model's own forward, with the state that its first layer is given put in its place."""

    def through(start: Tensor) -> Tensor:
        start = start.transpose(0, 1) if net.way is transposed else start

        def put(_: nn.Module, args: Any, kwargs: dict[str, Any]) -> Any:
            hook.remove()
            given = start.clone()
            return ((given, *args[1:]), kwargs) if args else (args, kwargs | {"state": given})

        hook = net.layers[0].register_forward_pre_hook(put, with_kwargs=True)
        left: Tensor = net(IDS)
        return left

    return through


EVERY = pytest.mark.parametrize(("way", "form"), (ALONE | ALONG).values(), ids=ALONE | ALONG)


@EVERY
def test_the_steps_give_the_models_own_states(way: Way, form: Any) -> None:
    _, calls = captured(way, form)
    for before, after in pairwise(calls):
        assert torch.equal(before.leaving, after.entering)
    for call in calls:
        assert torch.equal(call.replay(call.entering.clone()), call.leaving)


@EVERY
def test_the_steps_have_the_models_own_derivative(way: Way, form: Any) -> None:
    net, calls = captured(way, form)
    ours, reference = (
        jacobian(through, calls[0].entering)  # type: ignore[no-untyped-call]
        for through in (composed(calls), own_forward(net))
    )
    assert torch.allclose(ours, reference, rtol=1e-12)


@EVERY
def test_states_are_rows_of_tokens(way: Way, form: Any) -> None:
    _, calls = captured(way, form)
    assert calls[0].entering.shape == calls[-1].leaving.shape == (1, TOKENS, WIDTH)
    for call in calls:
        assert call.entering.shape == (1, TOKENS, call.scale.numel())


@pytest.mark.parametrize(("way", "form"), ALONE.values(), ids=ALONE)
def test_layers_in_a_chain_are_replayed_alone(way: Way, form: Any) -> None:
    _, calls = captured(way, form)
    assert all(call.alone for call in calls)


@pytest.mark.parametrize(("way", "form"), ALONG.values(), ids=ALONG)
def test_other_layers_are_replayed_by_the_models_own_forward(way: Way, form: Any) -> None:
    _, calls = captured(way, form)
    assert not any(call.alone for call in calls)


def test_calls_come_in_the_order_of_the_forward() -> None:
    def names(way: Way) -> list[str]:
        return [call.name for call in captured(way)[1]]

    once = [f"layers.{number}" for number in range(4)]
    assert names(one_by_one) == once
    assert names(skipping) == once[::2]
    assert names(again_and_again) == 3 * once
    assert names(in_turns) == 2 * (once + [f"slow.{number}" for number in range(4)])


# -- what travels along -------------------------------------------------------------------------


def test_only_states_that_are_needed_travel_along() -> None:
    def earlier(way: Way) -> list[int]:
        return [call.scale.numel() // WIDTH - 1 for call in captured(way)[1]]

    assert earlier(one_by_one) == [0, 0, 0, 0]
    assert earlier(rescaled) == [0, 0, 0, 0]
    assert earlier(with_first_value) == [0, 1, 1, 1]
    assert earlier(with_all_earlier) == [0, 1, 2, 3]


def test_what_travels_along_adds_nothing_to_a_norm() -> None:
    _, calls = captured(with_all_earlier)
    rows = calls[-1].entering
    assert rows.norm().item() == pytest.approx(rows[..., :WIDTH].norm().item(), rel=1e-15)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_what_travels_along_loses_no_digit(dtype: torch.dtype) -> None:
    _, calls = captured(with_first_value, dtype=dtype)
    first = calls[-1].entering[..., WIDTH:] / calls[-1].scale[WIDTH:]
    assert torch.equal(first.to(dtype), calls[0].entering)
    assert torch.equal(calls[-1].replay(calls[-1].entering), calls[-1].leaving)


# -- layouts ------------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    tokens=st.integers(1, 5),
    streams=st.integers(1, 5),
    form=st.sampled_from(["1td", "t1d", "1tsd", "s1td"]),
)
def test_a_row_holds_all_numbers_of_its_token(tokens: int, streams: int, form: str) -> None:
    sizes = {"1": 1, "t": tokens, "s": streams, "d": 2}
    hidden = torch.rand([sizes[axis] for axis in form])
    layout = layout_of(hidden.shape, tokens)
    assert layout is not None
    rows = layout.rows(hidden)
    assert torch.equal(layout.hidden(rows), hidden)
    # With one token all axes of length one are alike.
    if tokens > 1:
        assert torch.equal(rows[0, 0], hidden.select(form.index("t"), 0).flatten())


def test_what_holds_no_tokens_has_no_layout() -> None:
    assert layout_of((TOKENS, WIDTH), TOKENS) is None
    assert layout_of((2, TOKENS + 1, WIDTH), TOKENS) is None
    assert layout_of((1, TOKENS + 1, WIDTH), TOKENS) is not None


# -- what is no depth ---------------------------------------------------------------------------


def outside(net: Net, state: Tensor) -> Tensor:
    for layer in net.layers:
        state = state + layer(state)
    return state


def behind_a_norm(net: Net, state: Tensor) -> Tensor:
    for layer in net.layers:
        state = state + layer(nn.functional.layer_norm(state, (WIDTH,)))
    return state


@pytest.mark.parametrize("way", [outside, behind_a_norm])
def test_a_residual_outside_the_layers_is_refused(way: Way) -> None:
    with pytest.raises(DepthError, match=r"layers\.0 is not given the whole hidden state"):
        captured(way, lambda _, inner: inner)


def test_a_model_without_layers_is_refused() -> None:
    with pytest.raises(DepthError, match="Net has no list of layers"):
        captured(lambda _, state: state)
