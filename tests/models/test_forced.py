"""Two prompts along one output: what the teacher-forced comparison must be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from scipy.special import softmax

from pytest_promptchaos.models.forced import forced
from pytest_promptchaos.neighborhoods.ladder import as_prompt

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pytest_promptchaos.models.language import LanguageModel
    from pytest_promptchaos.records import Forced, Run

TEXTS = ["Recommend a book like Dune.", "Recommend a book like Dune. ", "Explain why it rains."]
PROMPTS = [as_prompt(text) for text in TEXTS]


@pytest.fixture(scope="module")
def runs(tiny_model: LanguageModel) -> list[Run]:
    """A center, itself again, a trailing space, and another question."""
    requests = [(PROMPTS[0], 0), (PROMPTS[0], 1), (PROMPTS[1], 0), (PROMPTS[2], 0)]
    (batch,) = tiny_model.runs(requests, shape=tiny_model.shape(PROMPTS, 4), horizon=16)
    return batch


@pytest.fixture(scope="module")
def compared(tiny_model: LanguageModel, runs: list[Run]) -> list[tuple[Forced, Forced]]:
    return forced(tiny_model, runs[0], runs[1:], rows=4)


def plain(model: LanguageModel, prompt: Run, along: Run) -> NDArray[np.float64]:
    """The logits of one prompt along an output, by a forward pass of its own."""
    ids = torch.tensor([[*prompt.prompt_ids, *along.output_ids[:-1]]])
    with torch.inference_mode():
        logits = model.network(input_ids=ids).logits[0, len(prompt.prompt_ids) - 1 :]
    found: NDArray[np.float64] = logits.double().numpy()
    return found


def js(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    p, q = softmax(a, axis=-1), softmax(b, axis=-1)
    m = (p + q) / 2
    both: NDArray[np.float64] = ((p * np.log(p / m)).sum(-1) + (q * np.log(q / m)).sum(-1)) / 2
    return both


def test_the_identical_control_is_at_exactly_zero_at_every_step(
    compared: list[tuple[Forced, Forced]],
) -> None:
    for along in compared[0]:
        assert not along.js.any()
        assert not along.gap.any()
        assert not along.rank_a.any()


def test_the_divergence_is_that_of_forward_passes_without_a_cache(
    tiny_model: LanguageModel, runs: list[Run], compared: list[tuple[Forced, Forced]]
) -> None:
    center = runs[0]
    for other, (along_a, along_b) in zip(runs[2:], compared[1:], strict=True):
        for along, found in ((center, along_a), (other, along_b)):
            a, b = plain(tiny_model, center, along), plain(tiny_model, other, along)
            np.testing.assert_allclose(found.js, js(a, b), atol=1e-5)
            gap = (a - a.mean(-1, keepdims=True)) - (b - b.mean(-1, keepdims=True))
            np.testing.assert_allclose(found.gap, np.sqrt((gap**2).mean(-1)), atol=1e-4)
            assert (
                found.rank_a == (b > np.take_along_axis(b, a.argmax(-1)[:, None], -1)).sum(-1)
            ).all()


def test_each_prompts_own_winner_is_its_own_output(
    runs: list[Run], compared: list[tuple[Forced, Forced]]
) -> None:
    """Along its own output the margins are those of the decode."""
    decoded = [step.margin for step in runs[0].steps]
    np.testing.assert_allclose(compared[2][0].margin_a, decoded, atol=1e-3)
    decoded = [step.margin for step in runs[3].steps]
    np.testing.assert_allclose(compared[2][1].margin_b, decoded, atol=1e-3)


def test_the_first_step_is_the_prompts_end(
    runs: list[Run], compared: list[tuple[Forced, Forced]]
) -> None:
    expected = js(
        runs[0].prompt_logits.astype(np.float64)[None],
        runs[3].prompt_logits.astype(np.float64)[None],
    )
    assert compared[2][0].js[0] == pytest.approx(expected[0], abs=1e-6)
    assert compared[2][0].js[0] == pytest.approx(compared[2][1].js[0], abs=1e-9)


def test_equal_outputs_give_equal_results(
    runs: list[Run], compared: list[tuple[Forced, Forced]]
) -> None:
    assert runs[1].output_ids == runs[0].output_ids
    assert compared[0][0] is compared[0][1]


def test_a_network_without_plain_keys_and_values_reads_everything_together(
    tiny_model: LanguageModel,
    runs: list[Run],
    compared: list[tuple[Forced, Forced]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tiny_model, "empty_cache", lambda: None)
    again = forced(tiny_model, runs[0], runs[1:], rows=4)
    for (a, b), (first, second) in zip(again, compared, strict=True):
        np.testing.assert_allclose(a.js, first.js, atol=1e-5)
        np.testing.assert_allclose(b.js, second.js, atol=1e-5)


def test_batches_of_any_size_say_the_same(
    tiny_model: LanguageModel, runs: list[Run], compared: list[tuple[Forced, Forced]]
) -> None:
    again = forced(tiny_model, runs[0], runs[1:], rows=2)
    for (a, _), (first, _) in zip(again, compared, strict=True):
        np.testing.assert_allclose(a.js, first.js, atol=1e-5)
    with pytest.raises(ValueError, match="two rows"):
        forced(tiny_model, runs[0], runs[1:], rows=1)
