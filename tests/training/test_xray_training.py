"""A few steps of the training, and packed questions against questions asked one by one."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("torch")

import torch

from training import tiny_xray
from training.xray_asking import Asker
from training.xray_bundle import load
from training.xray_fitting import Lesson
from training.xray_network import new_model
from training.xray_pictures import picture
from training.xray_processor import PLACES, SINGLE, messages, new_processor
from training.xray_questions import PHRASINGS

if TYPE_CHECKING:
    from pathlib import Path

QUESTIONS = ("Is there a nodule?", "Is the image free of an enlarged heart?", "Caf\u00e9?")


@pytest.fixture(scope="module")
def fresh() -> tuple[Any, Any]:
    """A model before any training, and its processor."""
    processor = new_processor()
    return new_model(processor.tokenizer, 5).eval(), processor


def one_by_one(fresh: tuple[Any, Any], text: str, image: object | None) -> Any:
    model, processor = fresh
    asked = processor.apply_chat_template(
        messages(text, image),
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
        add_generation_prompt=True,
    )
    return model(**asked).logits[0, -1]


@pytest.mark.parametrize("pictures", [[picture(1, 0), picture(1, 1)], None], ids=["seen", "blind"])
@torch.no_grad()
def test_packed_questions_are_answered_as_one_by_one(
    fresh: tuple[Any, Any], pictures: list[Any] | None
) -> None:
    asker = Asker(*fresh)
    opening = asker.opening(None if pictures is None else asker.features(pictures))
    packed = asker.logits(opening, QUESTIONS)
    for row, shown in enumerate(pictures or [None]):
        for column, text in enumerate(QUESTIONS):
            alone = one_by_one(fresh, text, None if shown is None else shown.image)
            torch.testing.assert_close(packed[row, column], alone, atol=1e-4, rtol=0)


def test_every_text_renders_and_every_answer_is_one_token(fresh: tuple[Any, Any]) -> None:
    tokenizer = fresh[1].tokenizer
    for text in (
        "Does it hurt\u2009?",
        "\u00c9panchement pleural ?",
        "\u80f8\u6c34",
        "a\tb\n\nc  d",
    ):
        assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text
    for text in SINGLE:
        assert len(tokenizer.encode(text, add_special_tokens=False)) == 1


def test_the_chat_template_takes_strings_and_parts(fresh: tuple[Any, Any]) -> None:
    render = fresh[1].apply_chat_template
    plain = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
    parts = [
        {"role": one["role"], "content": [{"type": "text", "text": one["content"]}]}
        for one in plain
    ]
    wanted = "<|begin|><|system|>Be brief.<|end|><|user|>Why?<|end|><|assistant|>"
    assert render(plain, add_generation_prompt=True) == wanted
    assert render(parts, add_generation_prompt=True) == wanted
    asked = render(messages("Why?", picture(1, 0).image), tokenize=True, return_dict=True)
    ids = [int(one) for one in asked["input_ids"][0]]
    assert ids.count(fresh[1].image_token_id) == PLACES
    assert ids.count(fresh[1].tokenizer.bos_token_id) == 1


def test_the_stream_of_a_lesson_is_a_function_of_its_seed() -> None:
    lesson, again, other = (Lesson(seed, plain=0, rare_share=0.01) for seed in (5, 5, 6))
    assert lesson.shown(3, 4)[1:] == again.shown(3, 4)[1:]
    assert lesson.shown(3, 4)[1:] != other.shown(3, 4)[1:]
    assert lesson.blind(3) == again.blind(3)
    assert lesson.blind(3) != lesson.blind(4)


def test_the_script_trains_measures_and_writes_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, threads = torch.are_deterministic_algorithms_enabled(), torch.get_num_threads()
    monkeypatch.setattr(sys, "argv", ["tiny_xray.py", "--quick", "--out", str(tmp_path)])
    try:
        tiny_xray.main()
    finally:
        torch.use_deterministic_algorithms(before)
        torch.set_num_threads(threads)
    folder = tmp_path / tiny_xray.NAME
    model, processor = load(folder)
    assert type(model).__name__ == "LlavaForConditionalGeneration"
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    assert [one["text"] for one in card["phrasings"]] == [one.text for one in PHRASINGS]
    assert card["training"]["answering"]["steps"] == 3
    assert "test instrument" in (folder / "README.md").read_text(encoding="utf-8")
    assert len(list((tmp_path / "xray").glob("p*.png"))) == 24
    assert processor.image_token == "<image>"


def test_a_quick_run_never_overwrites_the_shipped_model(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tiny_xray.py", "--quick"])
    with pytest.raises(SystemExit):
        tiny_xray.main()
    assert "--out" in capsys.readouterr().err
