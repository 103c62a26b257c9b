"""Trains, measures and writes the bundled models `tiny-chat` and `tiny-chat-robust`.

    python training/tiny_chat.py                  # everything, about 40 minutes on one core
    python training/tiny_chat.py --only robust    # fine-tune and measure the second model again
    python training/tiny_chat.py --only evaluate  # measure both models again
    python training/tiny_chat.py --only checkpoints  # the first model, as it was on its way
    python training/tiny_chat.py --quick --out DIR  # a few steps, to see that the script runs

Everything follows from the seed and the number of steps: the same machine gives the same weights.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from training import evaluating  # noqa: E402
from training.bundle import load, save  # noqa: E402
from training.card import checkpoint_card  # noqa: E402
from training.chat_format import check_rendering, trained_tokenizer  # noqa: E402
from training.corpus import training_dialogues  # noqa: E402
from training.curriculum import Stages, all_tasks, noisy, staged  # noqa: E402
from training.fitting import Plan, new_model, train  # noqa: E402

SEED = 20261122
BASE, ROBUST = evaluating.BASE, evaluating.ROBUST
TOKENIZER_DIALOGUES = 40_000
BASE_PLAN = Plan(
    steps=2300, batch=64, matrix_rate=0.006, vector_rate=0.01, warm_up=40, cool_down=0.6
)
BASE_STAGES = Stages(copying=120, in_context=320, small=800)
ROBUST_PLAN = Plan(
    steps=300, batch=64, matrix_rate=0.005, vector_rate=0.001, warm_up=20, cool_down=0.8
)
NOISED_SHARE = 0.7
CHECKPOINTS = (300, 900)
"""Steps of the first model's training after which it is kept, as families of a study."""
PER_TASK = 60
"""Held-out dialogues measured per task and part."""


def _quick(plan: Plan) -> Plan:
    return Plan(4, 16, plan.matrix_rate, plan.vector_rate, 2, plan.cool_down)


def _train_base(folder: Path, quick: bool) -> evaluating.Run:
    """Tokenizer and first model, from nothing."""
    tasks = all_tasks()
    shown = itertools.islice(
        training_dialogues(tasks, SEED), TOKENIZER_DIALOGUES // (20 if quick else 1)
    )
    tokenizer = trained_tokenizer(message["content"] for one in shown for message in one.messages)
    check_rendering(itertools.islice(training_dialogues(tasks, SEED + 1), 500), tokenizer)
    plan = _quick(BASE_PLAN) if quick else BASE_PLAN
    model = new_model(tokenizer, SEED)
    run = _timed(model, staged(tasks, BASE_STAGES, plan.batch, SEED + 2, tokenizer), plan, BASE)
    save(model, tokenizer, folder)
    return run


def _keep_checkpoints(out: Path, quick: bool) -> None:
    """The first model as it was at some steps of its training, beside its own tokenizer."""
    _, tokenizer = load(out / BASE)
    plan = _quick(BASE_PLAN) if quick else BASE_PLAN
    model = new_model(tokenizer, SEED)
    rows_at = staged(all_tasks(), BASE_STAGES, plan.batch, SEED + 2, tokenizer)

    def keep(step: int) -> None:
        folder = out / f"{BASE}-step{step}"
        save(model, tokenizer, folder)
        (folder / "README.md").write_text(checkpoint_card(step, plan.steps), encoding="utf-8")

    steps = (1, 2) if quick else CHECKPOINTS
    train(model, rows_at, plan, "checkpoints", kept={step: partial(keep, step) for step in steps})


def _train_robust(base: Path, folder: Path, quick: bool) -> evaluating.Run:
    """The second model: the first one as shipped, fine-tuned on noised requests."""
    torch.manual_seed(SEED)
    model, tokenizer = load(base)
    plan = _quick(ROBUST_PLAN) if quick else ROBUST_PLAN
    run = _timed(
        model, noisy(all_tasks(), NOISED_SHARE, plan.batch, SEED + 9, tokenizer), plan, ROBUST
    )
    save(model, tokenizer, folder)
    return run


def _timed(model: Any, rows_at: Any, plan: Plan, label: str) -> evaluating.Run:
    began, worked = time.monotonic(), time.process_time()
    tokens = train(model, rows_at, plan, label)
    minutes, busy = (time.monotonic() - began) / 60, (time.process_time() - worked) / 60
    spent = f"{minutes:.1f} minutes ({busy:.1f} of one core)"
    print(f"{label}: {plan.steps} steps, {tokens} tokens in {spent}", flush=True)
    return evaluating.Run(plan.steps, plan.batch, tokens, round(minutes, 1), round(busy, 1), SEED)


def _earlier_run(folder: Path) -> evaluating.Run:
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    return evaluating.Run(**card["training"])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--out", type=Path, default=ROOT / "pytest_promptchaos" / "models" / "bundled"
    )
    parser.add_argument("--only", choices=("base", "robust", "evaluate", "checkpoints"))
    parser.add_argument(
        "--quick", action="store_true", help="a few steps and few probes; needs --out"
    )
    given = parser.parse_args()
    if given.quick and given.out == parser.get_default("out"):
        parser.error("--quick would overwrite the shipped models; give --out")
    return given


def main() -> None:
    """Trains what was asked for, then measures both models and writes their cards."""
    given = _arguments()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    base, robust = given.out / BASE, given.out / ROBUST
    if given.only == "checkpoints":
        _keep_checkpoints(given.out, given.quick)
        return
    began = time.monotonic()
    runs = {}
    if given.only in (None, "base"):
        runs[BASE] = _train_base(base, given.quick)
    if given.only in (None, "robust"):
        runs[ROBUST] = _train_robust(base, robust, given.quick)
    if given.only != "base":
        runs = {name: runs.get(name) or _earlier_run(given.out / name) for name in (BASE, ROBUST)}
        evaluating.write_cards(
            base, robust, runs[BASE], runs[ROBUST], 4 if given.quick else PER_TASK
        )
    print(f"done in {(time.monotonic() - began) / 60:.1f} minutes", flush=True)


if __name__ == "__main__":
    main()
