"""Patching finds the layer and place that cause a branch, on a transformer wired by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from dynamics.networks import gpt2, llama
from pytest_promptchaos.dynamics.patched import Patch, Patched, changed
from pytest_promptchaos.dynamics.patching import places_of, rescue_map
from pytest_promptchaos.errors import ArgumentError
from pytest_promptchaos.neighborhoods.ladder import as_prompt

if TYPE_CHECKING:
    from torch import Tensor

    from pytest_promptchaos.models.language import LanguageModel
    from pytest_promptchaos.records import RescueMap

# -- a transformer in which one layer and place decide --------------------------------------------

VOTE, HEARD, VERDICT, OUT, START, PLAIN, EDIT, AFTER, GENERATED, LAST = range(10)
KINDS = (START, PLAIN, EDIT, AFTER, GENERATED, LAST)
WIDTH, VOCABULARY = 64, 40
BEGIN, YES, NO, LATER, FIRST_OUT, LAST_OUT, *WORDS = range(VOCABULARY)
KIND_OF = {BEGIN: START, YES: EDIT, NO: EDIT, LATER: AFTER, FIRST_OUT: GENERATED, LAST_OUT: LAST}
KIND_OF |= dict.fromkeys(WORDS, PLAIN)
CENTER, NEIGHBOR = (
    (BEGIN, *WORDS[:12], vote, *WORDS[12:24], LATER, *WORDS[24:]) for vote in (YES, NO)
)
PREFIX = (FIRST_OUT, LAST_OUT)
CHOICE = (YES, NO)


class Wired(nn.Module):
    """A decoder layer whose attention is told which kind of token listens to which."""

    def __init__(self, listens: dict[int, tuple[int, ...]], *, source: int, target: int) -> None:
        super().__init__()
        wanted = {kind: listens.get(kind, (START,)) for kind in KINDS}
        self.match = nn.Parameter(torch.zeros(WIDTH, WIDTH))
        self.move = nn.Parameter(torch.zeros(WIDTH, WIDTH))
        with torch.no_grad():
            for kind, others in wanted.items():
                self.match[kind, list(others)] = 60.0
            self.move[source, target] = 1.0

    def forward(self, state: Tensor) -> Tensor:
        ahead = torch.ones(state.shape[1], state.shape[1], dtype=torch.bool).triu(1)
        scores = (state @ self.match @ state.transpose(1, 2)).masked_fill(ahead, -torch.inf)
        return self.fed(state + scores.softmax(-1) @ state @ self.move)

    def fed(self, state: Tensor) -> Tensor:
        return state


class Majority(Wired):
    """Behind its attention, the majority of the votes heard is decided, and all votes are gone."""

    def fed(self, state: Tensor) -> Tensor:
        decided = state.clone()
        decided[..., VERDICT] += (3 * state[..., HEARD]).clamp(-1, 1)
        decided[..., [VOTE, HEARD]] = 0.0
        return decided


class Transformer(nn.Module):
    """The edit's vote is copied to two later places; the majority of the three is what counts.

    Layer 0 copies, layer 1 does nothing, layer 2 lets the first generated token hear all three
    votes and decide, layer 3 tells the last token. So no single place up to layer 1 can change
    the choice, and from layer 2 on only the first generated token can.
    """

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, WIDTH)
        generator = torch.Generator().manual_seed(3)
        with torch.no_grad():
            self.embedding.weight.normal_(std=0.3, generator=generator)
            self.embedding.weight[:, :10] = 0.0
            for token, kind in KIND_OF.items():
                self.embedding.weight[token, kind] = 1.0
            self.embedding.weight[YES, VOTE], self.embedding.weight[NO, VOTE] = 1.0, -1.0
        copying: dict[int, tuple[int, ...]] = {AFTER: (EDIT,), GENERATED: (EDIT,)}
        self.layers = nn.ModuleList(
            [
                Wired(copying, source=VOTE, target=VOTE),
                Wired({}, source=VOTE, target=VOTE),
                Majority({GENERATED: (EDIT, AFTER, GENERATED)}, source=VOTE, target=HEARD),
                Wired({LAST: (GENERATED,)}, source=VERDICT, target=OUT),
            ]
        )

    def get_input_embeddings(self) -> nn.Module:
        return self.embedding

    def forward(self, input_ids: Tensor, **_: Any) -> Any:
        state = self.embedding(input_ids)
        for layer in self.layers:
            state = layer(state)
        logits = torch.zeros(*input_ids.shape, VOCABULARY)
        logits[..., YES], logits[..., NO] = 2 * state[..., OUT], -2 * state[..., OUT]
        return SimpleNamespace(logits=logits)


CAUSE = ("layer 2", "generated prefix")


@pytest.fixture(scope="module", params=["center into neighbor", "neighbor into center"])
def found(request: pytest.FixtureRequest) -> RescueMap:
    """The map of the wired transformer, in both directions, with many donors."""
    pair = (CENTER, NEIGHBOR) if request.param.startswith("center") else (NEIGHBOR, CENTER)
    network: Any = Transformer()
    return rescue_map(network, *pair, PREFIX, CHOICE, direction=request.param, donors=59)


def cells(one: RescueMap) -> dict[tuple[str, str], float]:
    return {
        (layer, place): value
        for layer, row in zip(one.layers, one.rescue, strict=True)
        for place, value in zip(one.places, row, strict=True)
    }


def test_the_maximum_is_where_the_branch_is_caused(found: RescueMap) -> None:
    by_place = cells(found)
    assert len(by_place) == 3 * 5
    assert max(by_place, key=lambda cell: by_place[cell]) == CAUSE
    assert by_place[CAUSE] == pytest.approx(1.0, abs=1e-5)


def test_only_there_it_beats_the_random_donors(found: RescueMap) -> None:
    assert found.threshold is not None
    assert len(found.null) == 59
    above = [cell for cell, value in cells(found).items() if value > found.threshold]
    assert above == [CAUSE]
    # A threshold at rounding would be beaten by anything: the donors did move the choice.
    assert found.threshold > 0.05
    assert all(abs(value) < 1e-5 for cell, value in cells(found).items() if cell != CAUSE)


def test_the_threshold_is_what_one_donor_in_twenty_reaches(found: RescueMap) -> None:
    assert found.threshold in found.null
    assert sum(value > (found.threshold or 0) for value in found.null) <= 0.05 * len(found.null)


def test_the_same_seed_gives_the_same_donors() -> None:
    network: Any = Transformer()
    one, again, other = (
        rescue_map(
            network, CENTER, NEIGHBOR, PREFIX, CHOICE, direction="center into neighbor", seed=seed
        )
        for seed in (1, 1, 2)
    )
    assert one == again
    assert one.null != other.null
    assert one.rescue == other.rescue


# -- real transformers ----------------------------------------------------------------------------

PROMPTS = ("Recommend a book like Dune.", "Recommend a book like Dune!")


def everywhere(source: Patched, layer: int) -> Patch:
    return Patch(layer=layer, at=tuple(range(source.length)), states=source.states[layer])


@pytest.mark.parametrize("make", [gpt2, llama])
def test_all_places_behind_the_last_layer_restore_the_other_run_exactly(make: Any) -> None:
    network, a, b = make(), (3, 9, 4, 7), (3, 8, 4, 7)
    source, target = (Patched(network, ids, 5, 6, rows=4) for ids in (a, b))
    assert source.margin != target.margin
    assert target.margins([everywhere(source, target.depth - 1)]) == [source.margin]
    own = [everywhere(target, layer) for layer in range(target.depth)]
    assert [target.margins([patch])[0] for patch in own] == [target.margin] * target.depth


def test_on_the_bundled_model_all_places_restore_one_and_none_restores_nothing(
    tiny_model: LanguageModel,
) -> None:
    network = tiny_model.network
    ids = [tiny_model.render(as_prompt(text)) for text in PROMPTS]
    assert len(ids[0]) == len(ids[1])
    source, target = (Patched(network, one, 11, 12) for one in ids)
    assert target.margins([everywhere(source, target.depth - 1)]) == [source.margin]
    nothing = Patch(layer=0, at=(), states=source.states[0][:0])
    assert target.margins([nothing]) == [target.margin]


def test_prompts_of_different_length_are_patched_from_both_ends(tiny_model: LanguageModel) -> None:
    a, b = (tiny_model.render(as_prompt(text)) for text in (PROMPTS[0], f" {PROMPTS[0]}"))
    assert len(a) + 1 == len(b)
    found = rescue_map(
        tiny_model.network, a, b, (), (40, 300), direction="center into neighbor", smallest=0.0
    )
    assert found.places == ("before the edit", "edit boundary", "after the edit", "last token")
    assert np.shape(found.rescue) == (3, 4)
    # Tokens before the edit cannot know of it: what they hold is the same in both runs.
    assert [row[0] for row in found.rescue] == pytest.approx([0.0] * 3, abs=1e-3)


# -- refusals -------------------------------------------------------------------------------------


def test_a_tiny_denominator_is_flagged_and_gives_no_ratios() -> None:
    network: Any = Transformer()
    same = rescue_map(network, CENTER, CENTER, PREFIX, CHOICE, direction="center into neighbor")
    assert same.rescue == ()
    assert same.threshold is None
    assert "0 logits apart at the branch, under 0.25" in same.reason


def test_too_few_donors_are_refused() -> None:
    network: Any = Transformer()
    with pytest.raises(
        ArgumentError, match="donors is 18, but the 95 % quantile of a null needs at least 19"
    ):
        rescue_map(
            network, CENTER, NEIGHBOR, PREFIX, CHOICE, direction="center into neighbor", donors=18
        )


class Shortcut(Transformer):
    """The choice also reads what entered the last layer: its output is not the whole state."""

    def forward(self, input_ids: Tensor, **options: Any) -> Any:
        entered: list[Tensor] = []
        keep = self.layers[1].register_forward_hook(lambda _, __, state: entered.append(state))
        out = super().forward(input_ids, **options)
        keep.remove()
        votes = entered[0][..., VOTE].sum(-1, keepdim=True)
        out.logits[..., YES] = out.logits[..., YES] + votes
        return out


def test_a_choice_that_does_not_rest_on_the_layers_alone_gets_no_map() -> None:
    network: Any = Shortcut()
    found = rescue_map(network, CENTER, NEIGHBOR, PREFIX, CHOICE, direction="center into neighbor")
    assert found.rescue == ()
    assert "do not hold all that leads to it" in found.reason


def test_hooks_are_gone_after_an_error() -> None:
    network = Transformer()
    layer = network.layers[0]

    def broken(_: Tensor) -> Tensor:
        raise RuntimeError("broken")

    ids = torch.tensor([CENTER])
    with (
        pytest.raises(RuntimeError, match="broken"),
        changed({(layer, 0): broken}, (1, len(CENTER))),
    ):
        network(ids)
    assert not layer._forward_hooks
    assert network(ids).logits.isfinite().all()


# -- places ---------------------------------------------------------------------------------------

IDS = st.lists(st.integers(0, 3), min_size=1, max_size=9)


@settings(deadline=None)
@given(IDS, IDS, st.integers(0, 3))
def test_places_are_disjoint_and_end_in_the_last_token(
    giving: list[int], into: list[int], generated: int
) -> None:
    places = places_of(giving, into, generated)
    every = [token for tokens in places.values() for token in tokens.into]
    assert len(every) == len(set(every))
    assert places["last token"].into == (len(into) + generated - 1,)
    assert places["last token"].giving == (len(giving) + generated - 1,)
    assert set(every) <= set(range(len(into) + generated))


@settings(deadline=None)
@given(IDS, IDS, st.integers(0, 3))
def test_unedited_tokens_are_patched_from_the_same_token(
    giving: list[int], into: list[int], generated: int
) -> None:
    prefix = [7] * generated
    a, b = [*giving, *prefix], [*into, *prefix]
    for name, tokens in places_of(giving, into, generated).items():
        if name not in {"edit boundary", "last token"}:
            assert [a[j] for j in tokens.giving] == [b[i] for i in tokens.into]
