"""Writes the folder of tiny-xray as it ships, and loads it as anyone would."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file
from transformers import AutoModelForImageTextToText, AutoProcessor

from training.bundle import WEIGHTS, replace_folder, tokenizer_settings

if TYPE_CHECKING:
    from pathlib import Path

LARGEST_WEIGHTS = 3_000_000


def write_json(path: Path, content: Any) -> None:
    """Write JSON as all files of the folder are written."""
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _write_weights(model: Any, folder: Path) -> None:
    """Save float16 weights, tied embeddings once; config.json still asks for float32."""
    halves = {
        name: values.detach().to(torch.float16).contiguous()
        for name, values in model.state_dict().items()
        if name != "lm_head.weight"
    }
    save_file(halves, folder / WEIGHTS, metadata={"format": "pt"})
    config = model.config.to_diff_dict()
    config.update(dtype="float32", architectures=[type(model).__name__])
    write_json(
        folder / "config.json",
        {name: value for name, value in sorted(config.items()) if not name.startswith("_")},
    )
    text = model.config.text_config
    ends = ("bos_token_id", "eos_token_id", "pad_token_id")
    write_json(folder / "generation_config.json", {name: getattr(text, name) for name in ends})


def _write_processor(processor: Any, folder: Path) -> None:
    processor.save_pretrained(folder)
    write_json(folder / "tokenizer_config.json", tokenizer_settings(folder))


def save(model: Any, processor: Any, folder: Path) -> None:
    """Replaces `folder` by the model, once everything has been written beside it."""

    def write(fresh: Path) -> None:
        _write_weights(model, fresh)
        _write_processor(processor, fresh)

    replace_folder(folder, write, largest=LARGEST_WEIGHTS)


def load(folder: Path) -> tuple[Any, Any]:
    """The model and processor as anyone gets them: half-precision weights, float32 arithmetic."""
    model = AutoModelForImageTextToText.from_pretrained(folder)
    assert model.dtype == torch.float32, f"{folder.name} loads as {model.dtype}"
    return model.eval(), AutoProcessor.from_pretrained(folder)
