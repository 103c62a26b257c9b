"""Writes a model directory as it ships: float16 weights, tokenizer, configurations."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST_WEIGHTS = 3_500_000
WEIGHTS = "model.safetensors"


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _write_weights(model: LlamaForCausalLM, folder: Path) -> None:
    """Save float16 weights, tied embeddings once; config.json still asks for float32."""
    halves = {
        n: p.detach().to(torch.float16).contiguous()
        for n, p in model.state_dict().items()
        if n != "lm_head.weight"
    }
    save_file(halves, folder / WEIGHTS, metadata={"format": "pt"})
    config = model.config.to_diff_dict()
    config.update(dtype="float32", architectures=["LlamaForCausalLM"])
    _write_json(
        folder / "config.json",
        {name: value for name, value in config.items() if not name.startswith("_")},
    )
    ends = {
        name: getattr(model.config, name)
        for name in ("bos_token_id", "eos_token_id", "pad_token_id")
    }
    _write_json(folder / "generation_config.json", ends)


def _write_tokenizer(tokenizer: Any, folder: Path) -> None:
    tokenizer.save_pretrained(folder)
    _write_json(folder / "tokenizer_config.json", tokenizer_settings(folder))


def tokenizer_settings(folder: Path) -> dict[str, Any]:
    """The saved settings of a tokenizer, without those that hold for this machine only."""
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    settings["tokenizer_class"] = "PreTrainedTokenizerFast"
    local = ("backend", "is_local", "local_files_only")
    return {name: value for name, value in settings.items() if name not in local}


def save(model: LlamaForCausalLM, tokenizer: Any, folder: Path) -> None:
    """Replaces `folder` by the model, once everything has been written beside it."""

    def write(fresh: Path) -> None:
        _write_weights(model, fresh)
        _write_tokenizer(tokenizer, fresh)

    replace_folder(folder, write, largest=LARGEST_WEIGHTS)


def replace_folder(folder: Path, write: Callable[[Path], None], *, largest: int) -> None:
    """Replaces `folder` by what `write` writes, its weights of at most `largest` bytes."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    write(fresh)
    size = (fresh / WEIGHTS).stat().st_size
    if size > largest:
        raise ValueError(f"the weights take {size} bytes, more than the {largest} allowed")
    for written in fresh.iterdir():
        written.chmod(0o644)
    fresh.chmod(0o755)
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


def load(folder: Path) -> tuple[LlamaForCausalLM, Any]:
    """The model and tokenizer as anyone gets them: half-precision weights, computed in float32."""
    model = AutoModelForCausalLM.from_pretrained(folder)
    assert model.dtype == torch.float32, f"{folder.name} loads as {model.dtype}"
    return model.eval(), AutoTokenizer.from_pretrained(folder)


def fingerprint(folder: Path) -> str:
    """The sha256 of the weights."""
    return hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
