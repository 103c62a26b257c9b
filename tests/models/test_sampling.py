"""A draw depends on seed, prompt and index, follows the model's distribution, and is no run."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from pytest_promptchaos.errors import ArgumentError, PromptError
from pytest_promptchaos.models.sampling import Sampling, draw_key, draws, generator, next_tokens
from pytest_promptchaos.records import Prompt

if TYPE_CHECKING:
    from pytest_promptchaos.models.language import LanguageModel

DUNE = Prompt(id="dune", text="Recommend a book like Dune.")
MANY = 4000


def counted(logits: list[float], *, temperature: float = 1.0, top_p: float = 1.0) -> Counter[int]:
    rng = generator(0, (1, 2), 0)
    uniforms = torch.rand(MANY, generator=rng, dtype=torch.float64)
    rows = torch.tensor([logits]).repeat(MANY, 1)
    return Counter(next_tokens(rows, uniforms, temperature=temperature, top_p=top_p).tolist())


def test_tokens_come_as_often_as_their_probability() -> None:
    shares = [0.5, 0.25, 0.2, 0.05]
    found = counted(torch.tensor(shares).log().tolist())
    assert chisquare([found[i] for i in range(4)], [s * MANY for s in shares]).pvalue > 0.01


def test_the_temperature_sharpens_and_flattens() -> None:
    # softmax([0, ln 2] / 0.5) = (1, 4) / 5.
    found = counted(torch.tensor([1.0, 2.0]).log().tolist(), temperature=0.5)
    assert chisquare([found[0], found[1]], [MANY / 5, MANY * 4 / 5]).pvalue > 0.01


def test_top_p_keeps_the_fewest_tokens_that_reach_it() -> None:
    logits = torch.tensor([0.1, 0.6, 0.05, 0.25]).log().tolist()
    assert set(counted(logits, top_p=0.6)) == {1}
    assert set(counted(logits, top_p=0.7)) == {1, 3}
    found = counted(logits, top_p=0.7)
    expected = [MANY * 0.6 / 0.85, MANY * 0.25 / 0.85]
    assert chisquare([found[1], found[3]], expected).pvalue > 0.01


def test_a_token_without_probability_is_never_drawn() -> None:
    minus = float("-inf")
    logits = torch.tensor([[minus, 0.0, minus, 0.0, minus]]).repeat(3, 1)
    ends = torch.tensor([0.0, 0.5, 1 - 2**-53], dtype=torch.float64)
    assert next_tokens(logits, ends, temperature=1.0, top_p=1.0).tolist() == [1, 3, 3]


@settings(deadline=None)
@given(
    st.lists(st.floats(-20, 20), min_size=2, max_size=30),
    st.floats(0, 1, exclude_max=True),
    st.floats(0.05, 5),
    st.floats(0.01, 1),
)
def test_a_row_is_drawn_alike_in_any_company(
    logits: list[float], uniform: float, temperature: float, top_p: float
) -> None:
    row = torch.tensor(logits)
    company = torch.stack([row.flip(0), row, torch.zeros_like(row)])
    uniforms = torch.tensor([0.3, uniform, 0.9], dtype=torch.float64)
    alone = next_tokens(row[None], uniforms[1:2], temperature=temperature, top_p=top_p)
    together = next_tokens(company, uniforms, temperature=temperature, top_p=top_p)
    assert together[1] == alone[0]
    assert 0 <= alone[0] < len(logits)


def test_logits_that_are_no_distribution_are_refused() -> None:
    with pytest.raises(PromptError, match="nothing to draw from"):
        next_tokens(torch.full((1, 3), float("nan")), torch.zeros(1), temperature=1.0, top_p=1.0)


def test_a_draw_depends_on_its_index_and_not_on_how_many_there_are(
    tiny_model: LanguageModel,
) -> None:
    few = draws(tiny_model, DUNE, n=3, horizon=12, rows=4)
    many = draws(tiny_model, DUNE, n=6, horizon=12, rows=4)
    later = draws(tiny_model, DUNE, n=2, horizon=12, rows=4, first=4)
    assert [d.output_ids for d in many[:3]] == [d.output_ids for d in few]
    assert [d.output_ids for d in later] == [d.output_ids for d in many[4:]]
    assert [d.index for d in later] == [4, 5]


def test_draws_differ_among_themselves_and_by_seed(tiny_model: LanguageModel) -> None:
    one = draws(tiny_model, DUNE, n=8, temperature=1.0, horizon=16, rows=8)
    other = draws(tiny_model, DUNE, n=8, temperature=1.0, horizon=16, rows=8, seed=1)
    assert len({d.output_ids for d in one}) > 1
    assert [d.output_ids for d in one] != [d.output_ids for d in other]


def test_a_cold_model_answers_as_greedily_as_greedy(tiny_model: LanguageModel) -> None:
    greedy = next(tiny_model.runs([(DUNE, 0)], shape=(1, 16), horizon=16))[0]
    cold = draws(tiny_model, DUNE, n=2, temperature=1e-4, horizon=16, rows=2)
    assert {d.output_ids for d in cold} == {greedy.output_ids}
    assert cold[0].text == greedy.text
    assert cold[0].tokens == greedy.tokens


def test_a_draw_ends_with_its_end_token(tiny_model: LanguageModel) -> None:
    for draw in draws(tiny_model, DUNE, n=4, horizon=64, rows=4):
        assert not set(draw.output_ids[:-1]) & set(tiny_model.end_ids)
        assert len(draw.tokens) == len(draw.output_ids) <= 64


def test_the_address_covers_everything_that_is_drawn_with(tiny_model: LanguageModel) -> None:
    keys = [
        draw_key(tiny_model, DUNE, Sampling(), 0),
        draw_key(tiny_model, DUNE, Sampling(), 1),
        draw_key(tiny_model, DUNE, Sampling(seed=1), 0),
        draw_key(tiny_model, DUNE, Sampling(top_p=0.9), 0),
        draw_key(tiny_model, DUNE, Sampling(temperature=1.0), 0),
        draw_key(tiny_model, DUNE, Sampling(rows=8), 0),
        draw_key(tiny_model, DUNE, Sampling(horizon=8), 0),
        draw_key(tiny_model, Prompt(id="dune", text="Another"), Sampling(), 0),
    ]
    assert len({repr(sorted(key.items())) for key in keys}) == len(keys)


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"temperature": 0.0}, "measure_neighborhood measures greedy answers"),
        ({"temperature": float("inf")}, "a finite number above 0"),
        ({"temperature": None}, "a finite number above 0"),
        ({"temperature": True}, "a finite number above 0"),
        ({"top_p": 0.0}, "a share above 0 and at most 1"),
        ({"top_p": "a"}, "a share above 0 and at most 1"),
        ({"seed": 0.5}, "seed is 0.5, but it takes a whole number of at least 0"),
        ({"rows": 0}, "rows is 0, but it takes a whole number of at least 1"),
        ({"horizon": None}, "horizon is None"),
        ({"top_p": 1.1}, "a share above 0 and at most 1"),
    ],
)
def test_what_draws_nothing_at_random_is_refused(knobs: dict[str, object], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        Sampling(**knobs)  # type: ignore[arg-type]
