"""A neighborhood in one batch, against ``model.generate`` prompt by prompt.

make bench    or    python -m benchmarks.neighborhood [--gpu]
"""

from __future__ import annotations

import sys
import tempfile
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from benchmarks.timing import in_turns
from pytest_promptchaos.models.language import LanguageModel
from pytest_promptchaos.models.pins import parse_pin
from pytest_promptchaos.neighborhoods.ladder import neighborhood

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_promptchaos.records import Prompt, Run

TEXT = "Describe a harbor in a few sentences."
"""The bundled model answers it in 70 tokens; most answers of large models are longer still."""
SHORT = "Write a short email to Karen about dinner on Sunday."
"""Answers of 40 to 60 tokens: the loop stops at each answer's end, a batch at its longest."""
PROMPTS, TOKENS = 33, 64
REPEATS = 5


def prompts_of(model: LanguageModel, text: str) -> list[Prompt]:
    """Return a center and 32 neighbors that all reach the model as prompts of their own."""
    built = neighborhood(text, per_rung=24, rungs=("format", "punctuation", "synonym"))
    distinct = {model.render(p): p for p in (built.center, *(n.prompt for n in built.neighbors))}
    return list(distinct.values())[:PROMPTS]


def compare(model: LanguageModel, text: str, bar: str) -> None:
    """Print the ratio, and how many outputs differ from those of the loop."""
    prompts = prompts_of(model, text)
    rows = model.rows(prompts, TOKENS)
    shape = model.shape(prompts, rows)
    ours: list[Run] = []
    theirs: list[tuple[int, ...]] = []

    def batched() -> None:
        batches = model.runs([(p, 0) for p in prompts], shape=shape, horizon=TOKENS)
        ours[:] = [run for batch in batches for run in batch]

    def one_by_one() -> None:
        theirs[:] = [generated(model, prompt) for prompt in prompts]

    turns = in_turns({"batch": batched, "loop": one_by_one}, repeats=REPEATS)
    differ = sum(run.output_ids != ids for run, ids in zip(ours, theirs, strict=True))
    emitted = sum(map(len, theirs))
    print(
        f"{len(prompts)} prompts, {TOKENS} new tokens ({emitted} emitted), {model.identity.dtype} "
        f"on {model.identity.hardware}, batch {shape}: {turns.median('batch'):.3f} s against "
        f"{turns.median('loop'):.3f} s prompt by prompt: ratio {turns.told('loop', 'batch')} "
        f"({bar}); {differ} of {len(prompts)} outputs differ"
    )


def generated(model: LanguageModel, prompt: Prompt) -> tuple[int, ...]:
    """Return what ``generate`` gives for one prompt, as a user would call it."""
    ids = model.tensor(prompt)
    with torch.inference_mode():
        out = model.network.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=TOKENS,
            do_sample=False,
        )
    emitted: list[int] = out[0, ids.shape[1] :].tolist()
    # Decoded, as ours is: a loop without it would hand over less.
    model.tokenizer.decode(emitted)
    return tuple(emitted)


LLAMA_8B: dict[str, Any] = {
    "vocab_size": 128_256,
    "hidden_size": 4096,
    "intermediate_size": 14_336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
}


def random_llama(device: str, sizes: Mapping[str, Any], text: str, bar: str) -> None:
    """Compare on a random Llama in bfloat16, which hardly ever ends an answer early."""
    config = LlamaConfig(**sizes, max_position_embeddings=8192, eos_token_id=None)
    with tempfile.TemporaryDirectory() as folder:
        bundled = parse_pin("bundled:tiny-chat").source
        AutoTokenizer.from_pretrained(bundled).save_pretrained(folder)
        torch.manual_seed(0)
        with torch.device(device):
            LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
        compare(LanguageModel(parse_pin(f"dir:{folder}?dtype=bfloat16&device={device}")), text, bar)


def main() -> None:
    """Print the ratio on the bundled model, or on a GPU."""
    torch.set_num_threads(1)
    if "--gpu" in sys.argv:
        random_llama("cuda", LLAMA_8B, TEXT, "bar 15")
    else:
        model = LanguageModel(parse_pin("bundled:tiny-chat"))
        compare(model, TEXT, "bar 8")
        compare(model, SHORT, "no bar")


if __name__ == "__main__":
    main()
