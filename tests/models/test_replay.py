"""Four futures of a branch, replayed on the bundled model."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch

from pytest_promptchaos.models.replay import Replayed, parting, replayed
from pytest_promptchaos.neighborhoods.ladder import as_prompt

if TYPE_CHECKING:
    from pytest_promptchaos.models.language import LanguageModel
    from pytest_promptchaos.records import Run

HORIZON = 24
PROMPTS = [
    as_prompt("Recommend a book like Dune."),
    as_prompt("Recommend a book like\N{NO-BREAK SPACE}Dune."),
]


@pytest.fixture(scope="module")
def pair(tiny_model: LanguageModel) -> tuple[Run, Run]:
    """A center and a neighbor whose outputs part behind a common beginning."""
    shape = tiny_model.shape(PROMPTS, 8)
    ((center, run),) = tiny_model.runs([(p, 0) for p in PROMPTS], shape=shape, horizon=HORIZON)
    return center, run


@pytest.fixture(scope="module")
def step(pair: tuple[Run, Run]) -> int:
    found = parting(pair[0].output_ids, pair[1].output_ids)
    assert found is not None
    assert found > 0
    return found


@pytest.fixture(scope="module")
def futures(tiny_model: LanguageModel, pair: tuple[Run, Run], step: int) -> tuple[Replayed, ...]:
    return replayed(tiny_model, *pair, step)


def test_there_are_both_prompts_free_and_both_forced(futures: tuple[Replayed, ...]) -> None:
    assert [(one.prompt, one.forced) for one in futures] == [
        ("center", False),
        ("neighbor", False),
        ("center", True),
        ("neighbor", True),
    ]


def test_the_free_replays_are_the_stored_runs(
    futures: tuple[Replayed, ...], pair: tuple[Run, Run]
) -> None:
    for one, run in zip(futures, pair, strict=False):
        assert (one.output_ids, one.tokens, one.text) == (run.output_ids, run.tokens, run.text)


def test_a_forced_future_keeps_the_common_output_and_takes_the_other_token(
    futures: tuple[Replayed, ...], pair: tuple[Run, Run], step: int
) -> None:
    center, neighbor = pair
    for one, other in zip(futures[2:], (neighbor, center), strict=True):
        assert one.output_ids[: step + 1] == other.output_ids[: step + 1]
        assert len(one.output_ids) <= HORIZON


def test_behind_the_forced_token_the_model_chooses_greedily(
    tiny_model: LanguageModel, futures: tuple[Replayed, ...], pair: tuple[Run, Run], step: int
) -> None:
    for one, run in zip(futures[2:], pair, strict=True):
        ids = torch.tensor([[*run.prompt_ids, *one.output_ids[:-1]]])
        with torch.inference_mode():
            logits = tiny_model.network(input_ids=ids).logits[0, len(run.prompt_ids) - 1 :]
        greedy = logits.argmax(-1).tolist()
        assert greedy[step + 1 :] == list(one.output_ids[step + 1 :])
        # The model itself would have said something else: it was forced.
        assert greedy[step] != one.output_ids[step]


def test_a_row_forced_to_end_has_ended(
    tiny_model: LanguageModel, pair: tuple[Run, Run], step: int
) -> None:
    center, neighbor = pair
    ending = (*neighbor.output_ids[:step], tiny_model.end_ids[0])
    futures = replayed(tiny_model, center, replace(neighbor, output_ids=ending), step)
    assert futures[2].output_ids == ending
    assert futures[2].tokens[-1] == "<end>"
