"""Growth by part, against finite differences of the model's own parts and layers made by hand."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from dynamics.layers import WIDTH, alone, around, before, behind, depth_of, gained, made, parallel
from dynamics.networks import IDS, LAYERS, TOKENS, gpt2, layers_of, llama
from pytest_promptchaos.dynamics.attribution import SOURCES, attribution
from pytest_promptchaos.dynamics.depth import decoder_depth, depth_growth
from pytest_promptchaos.dynamics.tangent import draw_tangents, push

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor
    from torch.nn import Module

    from pytest_promptchaos.dynamics.attribution import Attribution


@pytest.fixture(scope="module")
def network() -> Any:
    """A tiny GPT-2 in float64, all of whose parts compute in float64."""
    return gpt2().double()


@pytest.fixture(scope="module")
def found(network: Any) -> Attribution:
    return attribution(network, decoder_depth(network, IDS), tangents=3)


def returned(network: Any, shift: Tensor) -> dict[str, Tensor]:
    """What every layer's input, parts and output are, the first layer's input shifted."""
    kept: dict[str, Tensor] = {}

    def enter(_: Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (args[0] + shift, *args[1:])

    def keep(name: str) -> Any:
        def leave(_: Module, args: tuple[Any, ...], output: Any) -> None:
            kept[f"{name} in"] = args[0] if args else torch.empty(0)
            kept[name] = output[0] if isinstance(output, tuple) else output

        return leave

    layers = layers_of(network)
    hooks = [layers[0].register_forward_pre_hook(enter)]
    for index, layer in enumerate(layers):
        hooks.append(layer.register_forward_hook(keep(f"{index}")))
        hooks += [
            part.register_forward_hook(keep(f"{index}.{name}"))
            for name, part in layer.named_children()
        ]
    with torch.no_grad():
        network(IDS)
    for hook in hooks:
        hook.remove()
    return kept


@pytest.fixture(scope="module")
def finite(network: Any) -> dict[str, Tensor]:
    """The tangent of each of them by central differences, for the first tangent."""
    shape = decoder_depth(network, IDS).state.shape
    shift = 1e-4 * draw_tangents(shape, 1, seed=0)[0]
    ahead, behind = returned(network, shift), returned(network, -shift)
    return {name: (ahead[name] - behind[name]) / 2e-4 for name in ahead}


# -- against the model's own forward ------------------------------------------------------------


def test_shares_are_those_of_finite_differences(
    found: Attribution, finite: dict[str, Tensor]
) -> None:
    for layer in range(LAYERS):
        leaving = finite[f"{layer}"]
        sources = [finite[f"{layer} in"], finite[f"{layer}.attn"], finite[f"{layer}.mlp"]]
        shares = [float((one * leaving).sum() / leaving.square().sum()) for one in sources]
        assert found.shares[0, layer, :3] == pytest.approx(shares, abs=1e-6)


def test_a_parts_own_growth_is_that_of_finite_differences(
    found: Attribution, finite: dict[str, Tensor]
) -> None:
    assert [part.name for part in found.parts[:4]] == ["ln_1", "attn", "ln_2", "mlp"]
    for part in found.parts:
        name = f"{part.layer}.{part.name}"
        if finite[f"{name} in"].numel():
            grown = math.log(finite[name].norm() / finite[f"{name} in"].norm())
            assert part.growth[0] == pytest.approx(grown, abs=1e-6)
    assert {part.name: part.kind for part in found.parts} == {
        "ln_1": "norm",
        "attn": "attention",
        "ln_2": "norm",
        "mlp": "mlp",
    }


def test_the_profile_is_that_of_the_depth(network: Any, found: Attribution) -> None:
    assert found.profile == pytest.approx(depth_growth(network, IDS, tangents=3).profile, abs=1e-9)


def test_shares_of_a_layer_sum_to_one(found: Attribution) -> None:
    assert found.shares.shape == (3, LAYERS, len(SOURCES))
    assert found.shares.sum(axis=2) == pytest.approx(np.ones((3, LAYERS)), abs=1e-12)
    assert abs(found.shares[:, :, -1]).max() < 1e-9


def test_positions_and_chunks_are_those_of_the_depth() -> None:
    network = llama().double()
    depth = decoder_depth(network, IDS)
    last = attribution(network, depth, tangents=2, positions="last", chunk=1)
    reference = depth_growth(network, IDS, tangents=2, positions="last")
    assert last.profile == pytest.approx(reference.profile, abs=1e-6)
    assert last.shares.sum(axis=2) == pytest.approx(np.ones((2, LAYERS)), abs=1e-12)


def test_the_bundled_model_is_taken_apart_without_a_rest(tiny_chat: Path) -> None:
    network = AutoModelForCausalLM.from_pretrained(tiny_chat).eval()
    shares = attribution(network, decoder_depth(network, IDS), tangents=2).shares
    assert abs(shares[:, :, -1]).max() < 1e-4
    assert shares[:, :, :3].sum(axis=2) == pytest.approx(np.ones(shares.shape[:2]), abs=1e-4)


# -- layers made by hand ------------------------------------------------------------------------


def test_a_layer_that_only_passes_on_grows_through_the_skip_alone() -> None:
    network, depth = depth_of([made(alone)])
    shares = attribution(network, depth, tangents=2).shares
    assert shares == pytest.approx(np.tile([1.0, 0.0, 0.0, 0.0, 0.0], (2, 1, 1)), abs=1e-12)


def test_a_norm_behind_a_branch_counts_for_the_branch_and_grows_as_a_norm() -> None:
    network, depth = depth_of([made(behind)])
    found = attribution(network, depth, tangents=2)
    assert abs(found.shares[:, :, SOURCES.index("norm")]).max() == 0.0
    assert abs(found.shares[:, :, SOURCES.index("attention")]).min() > 0.0
    assert [part.kind for part in found.parts] == ["attention", "norm", "mlp", "norm"]


def test_a_norm_over_the_whole_sum_carries_all_of_it() -> None:
    network, depth = depth_of([made(around)])
    shares = attribution(network, depth, tangents=2).shares
    assert shares[:, :, SOURCES.index("norm")] == pytest.approx(np.ones((2, 1)), abs=1e-9)


def test_parallel_branches_have_shares_of_their_own() -> None:
    layer = made(parallel)
    network, depth = depth_of([layer])
    with torch.no_grad():
        for weight in layer.feed.parameters():
            weight.zero_()
    shares = attribution(network, depth, tangents=2).shares
    assert shares[:, :, SOURCES.index("mlp")] == pytest.approx(np.zeros((2, 1)), abs=1e-12)
    assert abs(shares[:, :, SOURCES.index("attention")]).min() > 1e-3


def test_a_part_that_stops_every_tangent_has_no_growth_of_its_own() -> None:
    layer = made(before)
    network, depth = depth_of([layer])
    with torch.no_grad():
        for weight in layer.feed.parameters():
            weight.zero_()
    found = attribution(network, depth, tangents=2)
    assert "feed" not in {part.name for part in found.parts}
    assert all(np.isfinite(part.growth).all() for part in found.parts)


def test_what_no_sum_explains_is_shown_as_other() -> None:
    network, depth = depth_of([made(gained)])
    shares = attribution(network, depth, tangents=2).shares
    assert abs(shares[:, :, -1]).min() > 1e-3
    assert shares.sum(axis=2) == pytest.approx(np.ones((2, 1)), abs=1e-12)


def test_a_norms_own_growth_is_the_inverse_of_the_size_it_takes_away() -> None:
    layer = made(before)
    network, depth = depth_of([layer])
    small, large = (
        attribution(
            network, type(depth)(**{**vars(depth), "state": size * depth.state}), tangents=2
        )
        for size in (1.0, 8.0)
    )
    first = [found.parts[0] for found in (small, large)]
    assert [part.kind for part in first] == ["norm", "norm"]
    assert first[0].growth - first[1].growth == pytest.approx([math.log(8)] * 2, abs=1e-3)


def test_growth_over_hand_made_layers_is_that_of_a_push() -> None:
    network, depth = depth_of([made(before), made(behind, seed=1), made(gained, seed=2)])
    found = attribution(network, depth, tangents=4, seed=9)
    drawn = draw_tangents((1, TOKENS - 4, WIDTH), 4, seed=9)
    assert drawn.shape[1:] == depth.state.shape
    assert found.profile == pytest.approx(push(depth.steps, depth.state, drawn).profile, abs=1e-9)
