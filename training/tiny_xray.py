"""Trains, measures and writes the bundled model `tiny-xray` and the pictures of its suite.

    python training/tiny_xray.py                  # everything, some minutes on one core
    python training/tiny_xray.py --only evaluate  # measure the shipped weights again
    python training/tiny_xray.py --quick --out DIR  # a few steps, to see that the script runs

Everything follows from the seed and the number of steps: the same machine gives the same weights.
The model is a test instrument. It has seen ellipses, never a patient.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from training.fitting import Plan  # noqa: E402
from training.xray_bundle import save  # noqa: E402
from training.xray_card import measured, write_card  # noqa: E402
from training.xray_fitting import (  # noqa: E402
    BLIND_QUESTIONS,
    QUESTIONS_EACH,
    Lesson,
    teach_to_answer,
    teach_to_see,
)
from training.xray_network import new_model  # noqa: E402
from training.xray_processor import new_processor  # noqa: E402
from training.xray_questions import DISTORTED_SHARE, RARE_SHARE  # noqa: E402
from training.xray_suite import write_suite  # noqa: E402

NAME = "tiny-xray"
SEED = 20261123
SEEING = Plan(steps=450, batch=32, matrix_rate=0.006, vector_rate=0.005, warm_up=20, cool_down=0.6)
ANSWERING = Plan(
    steps=900, batch=16, matrix_rate=0.004, vector_rate=0.006, warm_up=20, cool_down=0.6
)
PLAIN_STEPS = 120
"""Steps of the second stage before negations are asked."""
PICTURES = 600
"""Fresh pictures that the card is measured on."""


def _quick(plan: Plan) -> Plan:
    return Plan(3, 4, plan.matrix_rate, plan.vector_rate, 2, plan.cool_down)


def train(folder: Path, *, quick: bool) -> dict[str, Any]:
    """Train both stages, write the folder, and return what the card says about the training."""
    seeing, answering = (_quick(one) if quick else one for one in (SEEING, ANSWERING))
    plain = 1 if quick else PLAIN_STEPS
    processor = new_processor()
    model = new_model(processor.tokenizer, SEED)
    began, worked = time.monotonic(), time.process_time()
    image_tokens = teach_to_see(model, processor, seeing, SEED + 1)
    lesson = Lesson(SEED + 2, plain, RARE_SHARE)
    tokens = teach_to_answer(model, processor, answering, lesson)
    minutes, busy = (time.monotonic() - began) / 60, (time.process_time() - worked) / 60
    save(model.eval(), processor, folder)
    return {
        "seed": SEED,
        "seeing": {"steps": seeing.steps, "pictures": seeing.batch, "tokens": image_tokens},
        "answering": {
            "steps": answering.steps,
            "plain": plain,
            "pictures": answering.batch,
            "questions": answering.batch * QUESTIONS_EACH,
            "blind": BLIND_QUESTIONS,
            "tokens": tokens,
        },
        "rare_share": RARE_SHARE,
        "distorted_share": DISTORTED_SHARE,
        "minutes": round(minutes, 1),
        "core_minutes": round(busy, 1),
    }


def _earlier_training(folder: Path) -> dict[str, Any]:
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    training: dict[str, Any] = card["training"]
    return training


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, help="instead of the package and suites/xray")
    parser.add_argument("--only", choices=("evaluate",))
    parser.add_argument(
        "--quick", action="store_true", help="a few steps and few pictures; needs --out"
    )
    given = parser.parse_args()
    if given.quick and given.out is None:
        parser.error("--quick would overwrite the shipped model; give --out")
    return given


def main() -> None:
    """Trains unless told otherwise, then measures the model and writes card and suite."""
    given = _arguments()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    folder = (given.out or ROOT / "pytest_promptchaos" / "models" / "bundled") / NAME
    suite = (given.out or ROOT / "suites") / "xray"
    only_measure = given.only == "evaluate"
    training = _earlier_training(folder) if only_measure else train(folder, quick=given.quick)
    card = measured(folder, training, 4 if given.quick else PICTURES)
    write_card(folder, card)
    write_suite(suite)
    print(f"{NAME}: accuracy {card['shares']}", flush=True)


if __name__ == "__main__":
    main()
