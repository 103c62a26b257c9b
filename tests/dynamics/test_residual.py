"""The final residual taken apart, against sums made by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from dynamics.layers import alone, around, before, depth_of, gained, made, scaled
from dynamics.networks import IDS, LAYERS, TOKENS, gpt2, layers_of, llama
from pytest_promptchaos.dynamics.depth import decoder_depth
from pytest_promptchaos.dynamics.residual import SOURCES, residual_shares

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor
    from torch.nn import Module


@pytest.fixture(scope="module", params=[llama, gpt2])
def network(request: pytest.FixtureRequest) -> Any:
    """A tiny random model in float64, one of each kind."""
    return request.param().double()


def outputs_of(network: Any, *names: str) -> Tensor:
    """The sum, over layers, of what the children of one of these names returned."""
    total: list[Tensor] = []

    def leave(_: Module, __: tuple[Any, ...], output: Any) -> None:
        total.append(output[0] if isinstance(output, tuple) else output)

    children = [dict(layer.named_children()) for layer in layers_of(network)]
    found = [part[name] for part in children for name in names if name in part]
    hooks = [child.register_forward_hook(leave) for child in found]
    with torch.no_grad():
        network(IDS)
    for hook in hooks:
        hook.remove()
    return torch.stack(total).sum(dim=0)


def test_shares_are_those_of_the_sums_of_what_the_parts_returned(network: Any) -> None:
    depth = decoder_depth(network, IDS)
    parts = torch.stack(
        [depth.state, outputs_of(network, "self_attn", "attn"), outputs_of(network, "mlp")]
    )[:, 0]
    final = depth.final_hidden[0]
    found = residual_shares(network, depth, positions="prompt")
    along = ((parts * final).sum(-1) / final.square().sum(-1)).mean(-1)
    sizes = parts.norm(dim=-1)
    assert found.projection[:3] == pytest.approx(along.numpy(), abs=1e-9)
    assert found.norm[:3] == pytest.approx((sizes / sizes.sum(0)).mean(-1).numpy(), abs=1e-9)
    assert found.projection[3:] == pytest.approx([0.0, 0.0], abs=1e-12)


def test_shares_sum_to_one_at_any_position(network: Any) -> None:
    depth = decoder_depth(network, IDS)
    mask = np.arange(TOKENS) % 3 == 1
    for positions in ("last", "prompt", mask):
        found = residual_shares(network, depth, positions=positions)
        assert found.projection.sum() == pytest.approx(1.0)
        assert found.norm.sum() == pytest.approx(1.0)
        assert found.by_layer.sum() + found.projection[0] == pytest.approx(1.0)
        assert found.by_layer.shape == (LAYERS, len(SOURCES))


def test_the_last_position_is_the_last_tokens_own(network: Any) -> None:
    depth = decoder_depth(network, IDS)
    last = np.arange(TOKENS) == TOKENS - 1
    by_word = residual_shares(network, depth)
    assert (
        by_word.projection.tolist()
        == residual_shares(network, depth, positions=last).projection.tolist()
    )


def test_attention_that_writes_nothing_has_no_share() -> None:
    network = llama().double()
    with torch.no_grad():
        for layer in network.model.layers:
            layer.self_attn.o_proj.weight.zero_()
    found = residual_shares(network, decoder_depth(network, IDS))
    assert found.projection[SOURCES.index("attention")] == 0.0
    assert found.projection[SOURCES.index("mlp")] > 0


def test_a_depth_that_only_passes_on_is_all_embedding() -> None:
    network, depth = depth_of([made(alone), made(alone)])
    found = residual_shares(network, depth)
    assert found.projection == pytest.approx([1.0, 0.0, 0.0, 0.0, 0.0], abs=1e-12)
    assert found.norm == pytest.approx([1.0, 0.0, 0.0, 0.0, 0.0], abs=1e-12)


def test_what_was_written_early_passes_through_the_skips_after_it() -> None:
    network, depth = depth_of([made(scaled), made(scaled, seed=1)])
    found = residual_shares(network, depth, positions="prompt")
    final = depth.final_hidden[0]
    passed = 0.9**2 * depth.state[0]
    expected = ((passed * final).sum(-1) / final.square().sum(-1)).mean()
    assert found.projection[0] == pytest.approx(float(expected), abs=1e-6)
    assert found.projection[-1] == pytest.approx(0.0, abs=1e-6)


def test_a_norm_over_the_whole_sum_leaves_no_embedding() -> None:
    network, depth = depth_of([made(before), made(around, seed=1)])
    found = residual_shares(network, depth)
    assert found.projection == pytest.approx([0.0, 0.0, 0.0, 1.0, 0.0], abs=1e-9)


def test_what_no_sum_explains_is_shown_as_other() -> None:
    network, depth = depth_of([made(gained)])
    found = residual_shares(network, depth)
    assert found.norm[SOURCES.index("other")] > 0.01
    assert found.projection.sum() == pytest.approx(1.0)


def test_the_bundled_model_is_taken_apart_without_a_rest(tiny_chat: Path) -> None:
    network = AutoModelForCausalLM.from_pretrained(tiny_chat).eval()
    found = residual_shares(network, decoder_depth(network, IDS))
    assert found.norm[SOURCES.index("other")] < 1e-5
    assert found.projection[:3].sum() == pytest.approx(1.0, abs=1e-5)
