"""A carried tensor moves k tangents exactly as torch's own forward-mode AD moves each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from pytest_promptchaos.dynamics.carried import Carried, UncarriedError, carry
from pytest_promptchaos.dynamics.linearize import by_functorch, linearize

if TYPE_CHECKING:
    from collections.abc import Callable

torch.manual_seed(0)
WEIGHT = torch.randn(6, 6, dtype=torch.float64)
VECTOR = torch.randn(6, dtype=torch.float64)
PLACES = torch.tensor([2, 0, 2, 1])
KERNEL = torch.randn(4, 1, 3, dtype=torch.float64)


def state(*shape: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64)


def added_at(x: Tensor) -> Tensor:
    out = torch.zeros_like(x)
    out.index_add_(1, PLACES, x.sin())
    return out


def written(x: Tensor) -> Tensor:
    out = x.clone()
    out[:, 1] = x[:, 0] * 2
    out[..., 3:] += x[..., :3].cos()
    return out


def overwritten(x: Tensor) -> Tensor:
    source = x * 1.0
    gate, other = source.tanh(), source.sin()
    source.mul_(3.0).add_(x)
    return gate * other + source * gate


def cubed(x: Tensor) -> Tensor:
    out = x.clone()
    cube: Tensor = out.pow_(3)
    return cube.square_()


def turned(x: Tensor) -> Tensor:
    heads = x.view(1, 4, 2, 3).transpose(1, 2)
    angle = torch.arange(12, dtype=torch.float64).view(1, 1, 4, 3)
    return (heads * angle.cos() + heads.flip(-1) * angle.sin()).transpose(1, 2).reshape(1, 4, 6)


STEPS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda x: x,
    "linear": lambda x: functional.linear(x, WEIGHT, VECTOR),
    "addmm": lambda x: torch.addmm(VECTOR, x[0], WEIGHT, beta=0.5, alpha=2.0).unsqueeze(0),
    "both factors": lambda x: x @ x.transpose(1, 2) @ x,
    "constant first": lambda x: WEIGHT[:4, :4] @ x,
    "sum with constant": lambda x: 2 + x - VECTOR + torch.sub(x, x.exp(), alpha=3),
    "broadcast sum": lambda x: x[:, :1] + x[0, 0] + x.unsqueeze(0).squeeze(0),
    "products": lambda x: x * x.tanh() * VECTOR / (1 + x.square()) / 3,
    "quotient of a constant": lambda x: VECTOR / (2 + x.cos()),
    "powers": lambda x: x.pow(3) + x.pow(0) + (1 + x.abs()).pow(0.5) + (2**x) + x.sigmoid().pow(x),
    "rms norm": lambda x: VECTOR * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)),
    "layer norm": lambda x: functional.layer_norm(x, (6,), VECTOR, VECTOR),
    "gates": lambda x: functional.silu(x) + functional.gelu(x, approximate="tanh") * x.relu(),
    "softmax": lambda x: x.softmax(-1) + x.softmax(1) + x.log_softmax(-1) + x.logsumexp(0),
    "where": lambda x: torch.where(x > 0, x * 2, x.exp()) + x.masked_fill(x < 0, 1.0),
    "clamp and maximum": lambda x: x.clamp(-0.5, 0.5) + torch.maximum(x, x.roll(1, -1)),
    "shapes": lambda x: x.permute(2, 0, 1).reshape(3, -1).t().view(2, 4, 3).flatten(1),
    "parts": lambda x: torch.cat([*x.chunk(2, -1), *torch.split(x, [1, 5], -1)], -1),
    "stack": lambda x: torch.stack([*x.unbind(1), VECTOR.expand(1, 6)], 1).select(1, 2),
    "expand": lambda x: x.unsqueeze(1).expand(-1, 3, -1, -1).mean((0, 1)) + x.sum(),
    "gathered": lambda x: x[:, PLACES] + x.index_select(1, PLACES) * x.gather(-1, x.argsort(-1)),
    "cumulated": lambda x: x.cumsum(1) + x.cumprod(-1) + functional.pad(x, (2, 0))[..., :6],
    "reductions": lambda x: x.amax(-1) + x.std(-1) + x.norm(dim=-1) + x.topk(2, -1).values[..., 0],
    "einsum": lambda x: torch.einsum("btd,de,bse->bts", x, WEIGHT, x),
    "convolution": lambda x: functional.conv1d(x, KERNEL, x.new_ones(4), padding=2, groups=4),
    "padded by a number": lambda x: functional.pad(x, (1, 0, 2, 1), value=3.0)[:, 1:5, :6] * x,
    "beta zero": lambda x: torch.baddbmm(x.new_full((1, 4, 4), torch.nan), x, x.mT, beta=0) @ x,
    "sum of a number": lambda x: x * x.sum().sum((), keepdim=True),
    "powers in place": cubed,
    "one weight has it all": lambda x: (100 * x).softmax(-1) * x,
    "written in place": written,
    "overwritten before its use": overwritten,
    "gates of gates": lambda x: (x.tanh() * x.sigmoid()) * (x.sin() * 2) * x.exp().neg(),
    "index_add": added_at,
    "rotation": turned,
    "cast down and up": lambda x: x.float().double() + x,
    "baddbmm": lambda x: torch.baddbmm(x, x, WEIGHT.unsqueeze(0)),
}


CHAINABLE = [name for name, step in STEPS.items() if step(state(1, 4, 6)).shape == (1, 4, 6)]
"""Steps whose result can be the state of the next."""


@pytest.mark.parametrize("name", STEPS)
def test_value_and_tangents_are_those_of_torch(name: str) -> None:
    here, tangents = state(1, 4, 6), state(3, 1, 4, 6, seed=2)
    after, moved = carry(STEPS[name], here, tangents)
    expected, expected_moved = by_functorch(STEPS[name], here, tangents)
    torch.testing.assert_close(after, expected, rtol=1e-12, atol=1e-12)
    # A cast rounds value and tangents to float32 on the way.
    near = 1e-6 if "cast" in name else 1e-10
    torch.testing.assert_close(moved, expected_moved, rtol=near, atol=near)


VECTOR_STEPS: dict[str, Callable[[Tensor], Tensor]] = {
    "row times matrix": lambda x: x @ WEIGHT,
    "matrix times column": lambda x: WEIGHT @ x,
    "linear": lambda x: functional.linear(x, WEIGHT) + functional.linear(x, WEIGHT, VECTOR),
    "inner and outer": lambda x: (x @ x) * x + torch.outer(x, x.sin()) @ VECTOR,
    "quadratic": lambda x: x * (x @ (x @ WEIGHT)) + torch.einsum("i,ij,j->i", x, WEIGHT, x),
    "turned in place": lambda x: x.clone().unsqueeze_(0).t_().mul_(2.0).squeeze_() * x,
    "numbers": lambda x: x[0] * x + x.prod() + torch.stack([x[1], x[2] * x[3]]).sum(),
}


@pytest.mark.parametrize("name", VECTOR_STEPS)
def test_vectors_and_numbers_keep_their_shape(name: str) -> None:
    here, tangents = state(6), state(3, 6, seed=2)
    after, moved = carry(VECTOR_STEPS[name], here, tangents)
    expected, expected_moved = by_functorch(VECTOR_STEPS[name], here, tangents)
    torch.testing.assert_close(after, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(moved, expected_moved, rtol=1e-10, atol=1e-10)


QUERIES = 70
"""Long enough that queries are worked off in blocks."""
LOWER = torch.ones(QUERIES, QUERIES, dtype=torch.bool).tril()
MASKS: dict[str, Tensor | None] = {
    "no mask": None,
    "causal": LOWER,
    "sliding window": LOWER & ~LOWER.tril(-5),
    "per head": torch.stack([LOWER, LOWER.tril(-1) | torch.eye(QUERIES, dtype=torch.bool)]),
    "added to the scores": torch.zeros(QUERIES, QUERIES, dtype=torch.float64).masked_fill(
        ~LOWER, torch.finfo(torch.float64).min
    ),
    "ALiBi": -0.1 * torch.arange(QUERIES, dtype=torch.float64).view(1, 1, 1, QUERIES),
    "a query that sees nothing": LOWER.tril(-1),
}


def attention(mask: Tensor | None, **knobs: object) -> Callable[[Tensor], Tensor]:
    def step(x: Tensor) -> Tensor:
        query, key, value = (part.view(1, QUERIES, 2, 4).transpose(1, 2) for part in x.chunk(3, -1))
        mixed = functional.scaled_dot_product_attention(query, key, value, mask, **knobs)  # type: ignore[arg-type]
        return mixed.transpose(1, 2).reshape(1, QUERIES, 8)

    return step


def math_attention(step: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    def plain(x: Tensor) -> Tensor:
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
            return step(x)

    return plain


@pytest.mark.parametrize("name", MASKS)
def test_attention_under_any_mask_is_that_of_torch(name: str) -> None:
    step, here = attention(MASKS[name]), state(1, QUERIES, 24)
    tangents = state(2, 1, QUERIES, 24, seed=2)
    after, moved = carry(step, here, tangents)
    expected, expected_moved = by_functorch(math_attention(step), here, tangents)
    torch.testing.assert_close(after, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(moved, expected_moved, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_sharp_attention_keeps_its_tangents_in_half_precision(dtype: torch.dtype) -> None:
    # Where one key has nearly all the weight, products of half precision cancel to nothing.
    step = attention(LOWER)
    here, tangents = 12 * state(1, QUERIES, 24), state(2, 1, QUERIES, 24, seed=2)
    _, exact = carry(step, here.to(dtype).double(), tangents.to(dtype).double())
    _, moved = carry(step, here.to(dtype), tangents.to(dtype))
    assert moved.dtype == dtype
    error = (moved.double() - exact).norm() / exact.norm()
    assert error < 4 * torch.finfo(dtype).eps


def test_complex_numbers_are_left_to_torch() -> None:
    def waves(x: Tensor) -> Tensor:
        sizes: Tensor = torch.fft.rfft(x, dim=0).abs()
        return sizes + torch.complex(x, x.sin())[:2].angle()

    here, tangents = state(3, 4), state(2, 3, 4, seed=2)
    with pytest.raises(UncarriedError, match="complex"):
        carry(waves, here, tangents)
    torch.testing.assert_close(
        linearize(waves, here, tangents), by_functorch(waves, here, tangents)
    )


def test_a_bound_that_no_slope_reaches_is_left_to_torch() -> None:
    # The root of zero has no finite slope, and the floor above it lets none through.
    def floored(x: Tensor) -> Tensor:
        return torch.where(x > 0, x, 0.0).sqrt().clamp(min=0.1) + x

    here, tangents = state(3, 4), state(2, 3, 4, seed=2)
    _, moved = linearize(floored, here, tangents)
    torch.testing.assert_close(moved, by_functorch(floored, here, tangents)[1])
    assert moved.isfinite().all()


def test_the_causal_flag_and_the_scale_are_kept() -> None:
    here, tangents = state(1, QUERIES, 24), state(2, 1, QUERIES, 24, seed=2)
    flagged = carry(attention(None, is_causal=True, scale=0.7), here, tangents)
    masked = by_functorch(math_attention(attention(LOWER, scale=0.7)), here, tangents)
    torch.testing.assert_close(flagged, masked, rtol=1e-10, atol=1e-12)


def test_grouped_keys_and_values_serve_several_heads() -> None:
    def grouped(x: Tensor) -> Tensor:
        query = x.view(1, 6, 4, 6).transpose(1, 2)
        shared = x[..., :12].view(1, 6, 2, 6).transpose(1, 2)
        return functional.scaled_dot_product_attention(query, shared, shared, enable_gqa=True)

    here, tangents = state(1, 6, 24), state(3, 1, 6, 24, seed=2)
    ours, theirs = (
        carry(grouped, here, tangents),
        by_functorch(math_attention(grouped), here, tangents),
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_keys_that_carry_nothing_have_no_tangent() -> None:
    fixed = state(1, 2, 5, 4, seed=5)

    def crossed(x: Tensor) -> Tensor:
        return functional.scaled_dot_product_attention(x, fixed, fixed)

    here, tangents = state(1, 2, 3, 4), state(3, 1, 2, 3, 4, seed=2)
    ours, theirs = (
        carry(crossed, here, tangents),
        by_functorch(math_attention(crossed), here, tangents),
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_a_fill_by_a_tensor_is_that_by_a_number() -> None:
    # torch has no batching rule for the first, and would warn of a slow way around it.
    here, tangents, two = (
        state(3, 4),
        state(2, 3, 4, seed=2),
        torch.tensor(2.0, dtype=torch.float64),
    )
    ours = carry(lambda x: x.masked_fill(x < 0, two), here, tangents)
    torch.testing.assert_close(ours, carry(lambda x: x.masked_fill(x < 0, 2.0), here, tangents))


def test_a_gradient_that_is_cut_does_not_cut_the_derivative() -> None:
    _, moved = carry(lambda x: x.detach() * 3 + x.data, state(2), torch.eye(2, dtype=torch.float64))
    torch.testing.assert_close(moved, 4 * torch.eye(2, dtype=torch.float64))


def test_a_step_that_never_meets_the_state_moves_nothing() -> None:
    after, moved = carry(lambda _: VECTOR.clone(), state(2), state(3, 2, seed=2))
    assert torch.equal(after, VECTOR)
    assert moved.shape == (3, 6)
    assert not moved.any()


def test_flags_and_places_carry_nothing() -> None:
    seen: list[object] = []

    def step(x: Tensor) -> Tensor:
        seen.extend([x > 0, x.argmax(-1), x.shape, x.dtype, x[0, 0].item(), (x * 10).long()])
        return x

    carry(step, state(2, 3), state(1, 2, 3, seed=2))
    assert not any(isinstance(one, Carried) for one in seen)


def test_writing_into_a_tensor_that_carries_nothing_is_refused() -> None:
    def lost(x: Tensor) -> Tensor:
        out = torch.zeros(2, dtype=torch.float64)
        out.copy_(x)
        return out

    with pytest.raises(UncarriedError, match="carries none"):
        carry(lost, state(2), state(1, 2, seed=2))


def test_what_cannot_be_carried_is_followed_by_torch() -> None:
    def scripted(x: Tensor) -> Tensor:
        assert not isinstance(x, Carried), "not by this one"
        return x * 2

    _, moved = linearize(scripted, state(2), torch.eye(2, dtype=torch.float64))
    torch.testing.assert_close(moved, 2 * torch.eye(2, dtype=torch.float64))


def test_chunks_of_tangents_change_nothing() -> None:
    step, here, tangents = STEPS["products"], state(1, 4, 6), state(5, 1, 4, 6, seed=2)
    whole, parts = linearize(step, here, tangents), linearize(step, here, tangents, chunk=2)
    torch.testing.assert_close(parts, whole, rtol=1e-13, atol=1e-13)


@settings(deadline=None, max_examples=60)
@given(
    names=st.lists(st.sampled_from(CHAINABLE), min_size=2, max_size=4),
    seed=st.integers(0, 2**16),
)
def test_steps_in_a_row_follow_the_chain_rule(names: list[str], seed: int) -> None:
    def row(x: Tensor) -> Tensor:
        for name in names:
            x = STEPS[name](x.tanh())
        return x

    here, tangents = state(1, 4, 6, seed=seed), state(2, 1, 4, 6, seed=seed + 1)
    after, moved = carry(row, here, tangents)
    expected, expected_moved = by_functorch(row, here, tangents)
    torch.testing.assert_close(after, expected, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(moved, expected_moved, rtol=1e-5, atol=1e-5)
