"""A sampled turn depends on what is shown, its seed and the batch's shape; on nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from transformers import LogitsProcessorList
from transformers.generation.logits_process import SuppressTokensLogitsProcessor

from pytest_promptchaos.errors import PromptError
from pytest_promptchaos.models import language
from pytest_promptchaos.models.language import LanguageModel
from pytest_promptchaos.models.pins import parse_pin
from pytest_promptchaos.models.sampling import Sampling, next_tokens
from pytest_promptchaos.models.selfplay import seen_by_speaker
from pytest_promptchaos.models.speaking import (
    speak,
    speaking_rows,
    speaking_width,
    total_bytes,
)
from pytest_promptchaos.records import Prompt

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_promptchaos.models.selfplay import Spoken

DUNE = Prompt(id="dune", text="Recommend a book like Dune.")
FRANCE = Prompt(id="france", text="What is the capital of France?")
HELLO = Prompt(id="hello", text="Hello")
ODD = Prompt(id="odd", text="Teapots sing of walls, and no wall may tea.")
"""Nothing like it was trained on, so its answers differ from draw to draw."""
HOW = Sampling(temperature=1.5, top_p=0.95, horizon=16, rows=4)
WIDTH = 48


def said(
    model: LanguageModel, *asked: tuple[Prompt, int], how: Sampling = HOW, width: int = WIDTH
) -> list[Spoken]:
    prompts, seeds = zip(*asked, strict=True)
    spoken = speak(model, prompts, seeds, how, width=width)
    return [replace(one, seconds=0.0) for one in spoken]


def full_of(count: int) -> Prompt:
    return Prompt(id=f"{count} teas", text="tea " * count)


def test_a_turn_is_what_its_seed_draws_from_the_logits_of_the_prompt_alone(
    tiny_model: LanguageModel,
) -> None:
    (one,) = said(tiny_model, (ODD, 7))
    rng = torch.Generator().manual_seed(7)
    ids = list(tiny_model.render(ODD))
    drawn: list[int] = []
    while len(drawn) < HOW.horizon and not set(drawn) & set(tiny_model.end_ids):
        with torch.inference_mode():
            logits = tiny_model.network(tiny_model.row([*ids, *drawn])).logits[:, -1]
        uniform = torch.rand(1, generator=rng, dtype=torch.float64)
        drawn += next_tokens(logits, uniform, temperature=1.5, top_p=0.95).tolist()
    assert one.output_ids == tuple(drawn)
    assert one.shown == len(ids)
    assert one.finish == ("end" if drawn[-1] in tiny_model.end_ids else "horizon")
    assert one.text == tiny_model.tokenizer.decode(drawn, skip_special_tokens=True)


def test_a_row_speaks_alike_in_any_company_and_place(tiny_model: LanguageModel) -> None:
    alone = said(tiny_model, (ODD, 7))[0]
    words = next(n for n in range(99) if len(tiny_model.render(full_of(n))) == WIDTH - 1)
    assert said(tiny_model, (FRANCE, 1), (ODD, 7), (HELLO, 2))[1] == alone
    full = [(full_of(words), seed) for seed in (1, 2, 3)]
    assert said(tiny_model, *full, (ODD, 7))[3] == alone
    assert said(tiny_model, (ODD, 7), (ODD, 8), (ODD, 9), (ODD, 10))[0] == alone


def test_the_longest_history_speaks_alike_beside_another_as_long(
    tiny_model: LanguageModel,
) -> None:
    words = next(n for n in range(99) if len(tiny_model.render(full_of(n))) == WIDTH - 1)
    alone = said(tiny_model, (full_of(words), 7), (HELLO, 1))[0]
    assert said(tiny_model, (full_of(words), 7), (full_of(words), 8))[0] == alone


def test_the_same_prompt_is_spoken_by_its_seed(tiny_model: LanguageModel) -> None:
    rows = said(tiny_model, *((ODD, seed) for seed in (1, 2, 1, 3)))
    assert rows[0] == rows[2]
    assert len({row.output_ids for row in rows}) == 3


def test_a_cold_turn_is_the_greedy_run(tiny_model: LanguageModel) -> None:
    how = replace(HOW, temperature=1e-4)
    cold = said(tiny_model, (FRANCE, 0), (DUNE, 0), how=how)
    for one, prompt in zip(cold, (FRANCE, DUNE), strict=True):
        ((run,),) = tiny_model.runs([(prompt, 0)], shape=(1, 16), horizon=16)
        assert (one.output_ids, one.text, one.finish) == (run.output_ids, run.text, run.finish)


def test_a_row_that_ended_early_is_read_to_its_own_end(tiny_model: LanguageModel) -> None:
    rows = said(tiny_model, *((p, 3) for p in (FRANCE, DUNE, HELLO)), how=replace(HOW, horizon=40))
    assert len({len(row.output_ids) for row in rows}) > 1
    for row in rows:
        assert not set(row.output_ids[:-1]) & set(tiny_model.end_ids)
        assert tiny_model.pad_id not in row.output_ids
        assert (row.output_ids[-1] in tiny_model.end_ids) == (row.finish == "end")


def test_an_empty_turn_renders_for_the_next_speaker(tiny_model: LanguageModel) -> None:
    empty = [seen_by_speaker(FRANCE, [""] * count) for count in range(4)]
    assert len({tiny_model.render(prompt) for prompt in empty}) == 4
    assert all(row.output_ids for row in said(tiny_model, *((prompt, 5) for prompt in empty)))


def test_a_batch_has_one_column_of_padding_at_least(tiny_model: LanguageModel) -> None:
    texts = ["word " * count for count in range(1, 40)]
    for text in texts:
        prompt = Prompt(id="words", text=text)
        width = speaking_width(tiny_model, [HELLO, prompt])
        assert width % 16 == 0
        assert len(tiny_model.render(prompt)) < width <= len(tiny_model.render(prompt)) + 16


def test_histories_that_were_rendered_long_ago_are_forgotten(
    tiny_chat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = LanguageModel(parse_pin(f"dir:{tiny_chat}"))
    monkeypatch.setattr(language, "RENDERED", 40)
    asked = [full_of(count) for count in (30, 10, 50, 5)]
    ids = [model.render(prompt) for prompt in asked]
    assert list(model._rendered) == [asked[3]]
    assert [model.render(prompt) for prompt in asked] == ids
    assert sum(map(len, model._rendered.values())) == model._tokens_kept <= 40


def test_rows_follow_the_conversations_and_the_memory_of_the_device(
    tiny_model: LanguageModel,
) -> None:
    assert total_bytes(tiny_model.device) > 1 << 28
    assert speaking_rows(tiny_model, [DUNE] * 24, 20, 40) == 24
    assert speaking_rows(tiny_model, [DUNE] * 25, 20, 40) == 28
    assert speaking_rows(tiny_model, [DUNE] * 720, 40, 256) == 64


def test_logits_that_were_altered_are_no_draw(
    tiny_model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = tiny_model.network.generate
    silence = SuppressTokensLogitsProcessor([5], device="cpu")

    def ahead(**options: object) -> object:
        recorders = options.pop("logits_processor")
        return plain(logits_processor=LogitsProcessorList([silence, *recorders]), **options)  # type: ignore[misc]

    monkeypatch.setattr(tiny_model.network, "generate", ahead)
    with pytest.raises(PromptError, match="not those of its forward pass"):
        said(tiny_model, (DUNE, 0))


def test_a_token_that_was_not_drawn_is_found(
    tiny_model: LanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = tiny_model.network.generate

    def other(**options: object) -> torch.Tensor:
        sequences: torch.Tensor = plain(**options)
        sequences[:, WIDTH] = 5 if sequences[0, WIDTH] != 5 else 6
        return sequences

    monkeypatch.setattr(tiny_model.network, "generate", other)
    with pytest.raises(PromptError, match="as number 1 of a turn"):
        said(tiny_model, (DUNE, 0))
