"""The parts of a layer: which there are, what they were called with, and what they do."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from dynamics.layers import WIDTH, Layer, alone, before, hidden_state, made, parallel
from pytest_promptchaos.dynamics.parts import kinds_of, names_within, source_of, watching

CHILDREN = ("first_norm", "mixer", "second_norm", "feed")


def test_parts_are_the_children_and_the_members_of_their_lists() -> None:
    layer = nn.Module()
    layer.norms = nn.ModuleList([nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)])
    layer.feed = nn.Sequential(nn.Linear(WIDTH, WIDTH))
    assert names_within(layer) == ("norms.0", "norms.1", "feed")
    assert names_within(layer, "feed") == ("feed.0",)


def test_a_part_is_seen_with_what_it_took_and_gave() -> None:
    layer = made(before)
    with torch.no_grad(), watching(layer, hidden_state().shape, CHILDREN) as seen:
        layer(hidden_state())
    assert tuple(seen) == CHILDREN
    assert torch.equal(seen["first_norm"].entering, hidden_state())
    assert torch.equal(seen["mixer"].entering, seen["first_norm"].leaving)
    assert torch.equal(seen["feed"].leaving, layer.feed(seen["second_norm"].leaving))


def test_a_part_keeps_what_it_gave_though_the_layer_adds_to_it() -> None:
    layer = made(parallel)
    with torch.no_grad(), watching(layer, hidden_state().shape, ["feed"]) as seen:
        layer(hidden_state())
        assert torch.equal(seen["feed"].leaving, layer.feed(layer.first_norm(hidden_state())))


def test_parts_that_give_no_hidden_state_are_not_seen() -> None:
    layer = made(before)
    names = ("feed", "feed.0", "feed.2", "adding")
    with torch.no_grad(), watching(layer, hidden_state().shape, names) as seen:
        layer(hidden_state())
    assert set(seen) == {"feed", "feed.2"}
    assert seen["feed.2"].entering.shape[-1] == 3 * WIDTH
    assert not layer.feed._forward_hooks


def kinds(layer: Layer, *names: str, around: dict[str, str] | None = None) -> dict[str, str]:
    with torch.no_grad(), watching(layer, hidden_state().shape, names) as seen:
        layer(hidden_state())
    with torch.no_grad():
        return dict(kinds_of(layer, seen, torch.float64, around or {}))  # type: ignore[arg-type]


def test_a_part_is_known_by_what_it_does() -> None:
    assert kinds(made(before), *CHILDREN, "dropout") == {
        "first_norm": "norm",
        "mixer": "attention",
        "second_norm": "norm",
        "feed": "mlp",
    }


@pytest.mark.parametrize(("around", "kind"), [({}, "mlp"), ({"mixer": "attention"}, "attention")])
def test_a_single_operation_does_the_work_of_the_part_around_it(
    around: dict[str, str], kind: str
) -> None:
    assert kinds(made(alone), "mixer.inner", around=around) == {"mixer.inner": kind}


def test_a_norm_passes_on_the_part_in_front_of_it() -> None:
    layer = made(before)
    with torch.no_grad(), watching(layer, hidden_state().shape, ["mixer", "first_norm"]) as seen:
        layer.first_norm(layer.mixer(hidden_state())[0])
    with torch.no_grad():
        found = kinds_of(layer, seen, torch.float64, {})
    assert source_of("first_norm", seen, found) == "attention"
    assert source_of("mixer", seen, found) == "attention"
