"""Measures both models and writes their cards."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch

from training.bundle import WEIGHTS, fingerprint, load
from training.card import PARTS, Card, readme, score_entry
from training.chat_format import CONTEXT
from training.corpus import STYLES, Dialogue, evaluation_dialogues, user
from training.curriculum import all_tasks
from training.measuring import Score, answers, score
from training.noise import NOISES
from training.product_edits import KINDS_NOT_TRAINED, RUNGS, product_edits
from training.sensitivity import (
    Sensitivity,
    changed_by_bfloat16,
    paired_p_value,
    probes,
    sensitivity,
)

if TYPE_CHECKING:
    from pathlib import Path

BASE, ROBUST = "tiny-chat", "tiny-chat-robust"
EVALUATION_SEED = 71
PROBES_PER_TASK = 4
LEAST_SHARE = 0.70
EXAMPLES = (
    "What is the capital of France?",
    "What is the opposite of hot?",
    "What is 7 plus 5?",
    "What is the last word of doctor, light, summer?",
    "Judge this review. The room was very good.",
    "Recommend a book like Dune.",
    "Explain why the sky is blue.",
    "How do I make tea?",
    "I cannot sleep. What should I do?",
    "Tell me a story about a fox in a dark forest and a golden key.",
)
DROPPED = (
    "Left out of the corpus after trial runs, because they stayed below 70 % as well: reversing a "
    "list of words, sorting a list of words, sums above 24."
)


@dataclass(frozen=True)
class Run:
    """How a model was trained; everything but the minutes follows from the script."""

    steps: int
    batch: int
    tokens: int
    minutes: float
    core_minutes: float
    seed: int


def _accuracy(model: Any, tokenizer: Any, count: int) -> Card:
    """Exact answers per task, per group of tasks and per style, on both held-out parts."""
    tasks: dict[str, Card] = {}
    groups: dict[str, dict[str, Score]] = {}
    for task in all_tasks():
        found = {
            part: score(
                model, tokenizer, evaluation_dialogues(task, part, "plain", count, EVALUATION_SEED)
            )
            for part in PARTS
        }
        about = {"length": task.length, "held_out": task.kept}
        tasks[task.name] = {**about, **{part: score_entry(one) for part, one in found.items()}}
        shipped = min(one.share for one in found.values()) >= LEAST_SHARE
        names = [f"{task.length} answers, all tasks trained on"]
        names += [f"{task.length} answers, tasks that ship"] if shipped else []
        for name in names:
            group = groups.setdefault(name, dict.fromkeys(PARTS, Score(0, 0)))
            group.update({part: group[part] + found[part] for part in PARTS})
        print(
            f"  {task.name:30s} "
            + "  ".join(f"{100 * found[part].share:5.1f} %" for part in PARTS),
            flush=True,
        )
    entries = {
        name: {part: score_entry(one) for part, one in group.items()}
        for name, group in groups.items()
    }
    return {
        "groups": entries,
        "tasks": tasks,
        "styles": _styles(model, tokenizer, max(2, count // 10)),
    }


def _styles(model: Any, tokenizer: Any, each: int) -> Card:
    """Short tasks with a system prompt, asked for one word, or as a second turn."""
    found: Card = {}
    short = [task for task in all_tasks() if task.length == "short"]
    for style in STYLES[1:]:
        found[style] = {}
        for part in PARTS:
            drawn = [
                one
                for task in short
                for one in evaluation_dialogues(task, part, style, each, EVALUATION_SEED)
            ]
            found[style][part] = score_entry(
                score(model, tokenizer, [one for one in drawn if one.style == style])
            )
    return found


def _speed(model: Any, tokenizer: Any) -> Card:
    """Median seconds for 64 new tokens, alone and in a batch of 32."""
    found = {}
    for name, rows in (("single", 1), ("batch_32", 32)):
        ids = torch.full((rows, 24), tokenizer.convert_tokens_to_ids("e"))
        ids[:, 0] = tokenizer.bos_token_id
        times = []
        for _ in range(5):
            began = time.perf_counter()
            model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=64,
                min_new_tokens=64,
                do_sample=False,
            )
            times.append(time.perf_counter() - began)
        found[name] = round(sorted(times)[2], 3)
    return found


def _sensitivity_entry(found: Sensitivity) -> Card:
    return {
        "prompts": len(found.changed),
        "identical": score_entry(found.identical),
        "overall": score_entry(found.overall),
        "kinds": {kind: score_entry(one) for kind, one in found.kinds.items()},
    }


def _by_rung(model: Any, tokenizer: Any, prompts: list[Dialogue]) -> dict[str, Sensitivity]:
    found = {}
    for rung in RUNGS:
        edits = [product_edits(one.prompt[-1]["content"], rung) for one in prompts]
        found[rung] = sensitivity(model, tokenizer, prompts, edits)
        print(f"  {rung} edits change {100 * found[rung].overall.share:.1f} %", flush=True)
    return found


def _corpus() -> Card:
    tasks = all_tasks()
    return {
        "tasks": len(tasks),
        "templates": sum(len(task.templates) for task in tasks),
        "held_out_templates": sum(len(task.held_out_templates) for task in tasks),
    }


def _architecture(model: Any) -> Card:
    shape = model.config
    return {
        "layers": shape.num_hidden_layers,
        "width": shape.hidden_size,
        "feed_forward": shape.intermediate_size,
        "heads": shape.num_attention_heads,
        "vocabulary": shape.vocab_size,
        "context": CONTEXT,
    }


def _measured(
    folder: Path, run: Run, prompts: list[Dialogue], count: int
) -> tuple[Card, dict[str, Sensitivity]]:
    print(f"{folder.name}: measuring", flush=True)
    model, tokenizer = load(folder)
    found = _by_rung(model, tokenizer, prompts)
    given = answers(model, tokenizer, [[user(one)] for one in EXAMPLES])
    card = {
        "name": folder.name,
        "parameters": sum(one.numel() for one in model.parameters()),
        "architecture": _architecture(model),
        "weights": {"bytes": (folder / WEIGHTS).stat().st_size, "sha256": fingerprint(folder)},
        "corpus": _corpus(),
        "training": asdict(run),
        "accuracy": _accuracy(model, tokenizer, count),
        "sensitivity": {rung: _sensitivity_entry(one) for rung, one in found.items()},
        "bfloat16": score_entry(changed_by_bfloat16(model, tokenizer, prompts)),
        "speed": _speed(model, tokenizer),
        "examples": [
            {"prompt": asked, "answer": said} for asked, said in zip(EXAMPLES, given, strict=True)
        ],
        "dropped": DROPPED,
    }
    return card, found


def _below_bar(card: Card) -> list[str]:
    tasks: dict[str, Any] = card["accuracy"]["tasks"]
    return [
        name
        for name, one in tasks.items()
        if min(one[part]["share"] for part in PARTS) < LEAST_SHARE
    ]


def _told(first: Card, second: Card) -> None:
    """Adds to both cards what only words can say."""
    trained = ", ".join(noise.__name__.replace("_", " ") for noise in NOISES)
    unseen = ", ".join(kind for kinds in KINDS_NOT_TRAINED.values() for kind in kinds)
    first["what"] = (
        "A very small chat model that ships with `pytest-promptchaos`, trained from scratch on "
        "generated dialogues."
    )
    first["history"] = "Trained from random weights, without any noise in the writing of requests."
    first["noise"] = (
        "This model never saw noise in training, so its sensitivity is what plain training leaves."
    )
    second["what"] = (
        "The second bundled model of `pytest-promptchaos`: `tiny-chat` fine-tuned on requests with "
        "noise in their writing, so that comparing two models has a real example."
    )
    second["history"] = (
        f"Fine-tuned from `tiny-chat` ({first['weights']['sha256'][:12]}), with noise in part of "
        "the requests."
    )
    second["noise"] = (
        f"Noise it was trained on: {trained}. Measured edits without a trained counterpart: "
        f"{unseen}."
    )


def _paired(
    base: dict[str, Sensitivity], robust: dict[str, Sensitivity], rung: str, kinds: str
) -> Card:
    """Compare the share of changed answers per prompt over all, trained or untrained kinds."""
    wanted = [
        kind
        for kind in base[rung].kinds
        if kinds == "all" or (kind in KINDS_NOT_TRAINED[rung]) == (kinds == "untrained")
    ]
    first, second = base[rung].shares(wanted), robust[rung].shares(wanted)
    both = [(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None]
    means = [sum(column) / len(both) for column in zip(*both, strict=True)]
    p_value = paired_p_value([a for a, _ in both], [b for _, b in both], EVALUATION_SEED)
    return {
        "rung": rung,
        "kinds": kinds,
        "prompts": len(both),
        BASE: round(means[0], 4),
        ROBUST: round(means[1], 4),
        "p": p_value,
    }


def write_cards(base: Path, robust: Path, base_run: Run, robust_run: Run, count: int) -> None:
    """Measure both models on the same prompts and edits; write README.md and card.json."""
    prompts = probes(all_tasks(), min(PROBES_PER_TASK, count), EVALUATION_SEED)
    first, base_found = _measured(base, base_run, prompts, count)
    second, robust_found = _measured(robust, robust_run, prompts, count)
    _told(first, second)
    pairs = [
        _paired(base_found, robust_found, rung, kinds)
        for rung in RUNGS
        for kinds in ("all", "trained", "untrained")
    ]
    for folder, card in ((base, first), (robust, second)):
        card["paired"] = pairs
        card["below_bar"] = _below_bar(card)
        (folder / "card.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
        (folder / "README.md").write_text(readme(card), encoding="utf-8")
        print(f"{folder.name}: below the bar: {', '.join(card['below_bar']) or 'none'}", flush=True)
