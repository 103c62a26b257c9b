"""Trains tiny-xray in two stages: to see the parts of a chest, then to answer questions.

The vision tower and the projector first learn what each patch shows and which findings hold; the
language model then learns to answer with both held fixed, as LLaVA's own recipe holds its tower.
Trained all at once, the coin-like errors of the first answers wash out what the tower has learned.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from training.fitting import Muon, Plan
from training.xray_asking import Asked, Asker
from training.xray_network import WIDTH
from training.xray_pictures import FINDINGS, covers, picture
from training.xray_processor import PATCH, PLACES
from training.xray_questions import Asking

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from training.xray_pictures import Picture

QUESTIONS_EACH = 6
"""Questions about every picture of a step."""
BLIND_QUESTIONS = 8
"""Questions without a picture in every step; a coin decides their answers."""
SHARPNESS = 3.0
"""Factor of the evidence in a patch before the strongest decides, smoothly, for the picture."""
SHOWN_EVERY = 50


class Optimiser:
    """Muon for matrices, Adam for embeddings, biases and scales, under one schedule."""

    def __init__(self, module: nn.Module, plan: Plan) -> None:
        named = [(name, one) for name, one in module.named_parameters() if one.requires_grad]
        flat = {name for name, one in named if one.ndim == 2 and "embed" not in name}
        self._muon = Muon([one for name, one in named if name in flat])
        others = [one for name, one in named if name not in flat]
        self._adam = torch.optim.AdamW(others, plan.vector_rate, (0.9, 0.98), weight_decay=0.0)
        self._module, self._plan = module, plan

    def step(self, number: int) -> None:
        """Move all weights by their gradients, then forget these."""
        left = (self._plan.steps - number) / max(1.0, self._plan.steps * self._plan.cool_down)
        rate = min(1.0, (number + 1) / self._plan.warm_up, left)
        self._muon.step(self._plan.matrix_rate * rate)
        self._adam.param_groups[0]["lr"] = self._plan.vector_rate * rate
        self._adam.step()
        self._module.zero_grad()


def _fit(
    module: nn.Module, plan: Plan, loss_at: Callable[[int], tuple[Tensor, int]], label: str
) -> int:
    """Take exactly `plan.steps` steps; return the number of tokens that they took."""
    optimiser = Optimiser(module, plan)
    shown, tokens, began = 0.0, 0, time.monotonic()
    for step in range(plan.steps):
        loss, took = loss_at(step)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step(step)
        shown, tokens = shown + loss.item(), tokens + took
        if (step + 1) % SHOWN_EVERY == 0:
            passed = time.monotonic() - began
            mean = f"loss {shown / SHOWN_EVERY:.4f}"
            print(f"{label}: step {step + 1}/{plan.steps}  {mean}  {passed:.0f} s", flush=True)
            shown = 0.0
    return tokens


class Sight(nn.Module):
    """Tower and projector with the two readings that teach them; the readings do not ship."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.tower = model.model.vision_tower
        self.projector = model.model.multi_modal_projector
        self.parts = nn.Linear(WIDTH, 5)
        self.findings = nn.Linear(WIDTH, len(FINDINGS))

    def forward(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits of the parts per patch (n, PLACES, 5) and of the findings (n, 3).

        A finding is read where its evidence is strongest, not from the mean of all patches: what
        the language model has to look at then lies in few places.
        """
        features = self.projector(self.tower(values).last_hidden_state[:, 1:])
        level = nn.functional.rms_norm(features, (WIDTH,))
        evidence = SHARPNESS * self.findings(level)
        return self.parts(level), evidence.logsumexp(1) - math.log(PLACES)


def _sight_loss(sight: Sight, values: Tensor, pictures: Sequence[Picture]) -> Tensor:
    parts, findings = sight(values)
    cover = np.stack([covers(one.chest) for one in pictures])
    shares = nn.functional.avg_pool2d(torch.tensor(cover, dtype=torch.float32), PATCH)
    held = [[one.chest.truth[name] for name in FINDINGS] for one in pictures]
    apart = nn.functional.binary_cross_entropy_with_logits
    by_patch = apart(parts, shares.flatten(2).transpose(1, 2).clamp(0, 1))
    return by_patch + 0.5 * apart(findings, torch.tensor(held, dtype=torch.float32))


def teach_to_see(model: Any, processor: Any, plan: Plan, seed: int) -> int:
    """Train tower and projector in place; return the number of image tokens."""
    torch.manual_seed(seed)
    sight, asker = Sight(model), Asker(model, processor)

    def loss_at(step: int) -> tuple[Tensor, int]:
        pictures = [picture(seed, step * plan.batch + number) for number in range(plan.batch)]
        values = asker.values(pictures)
        return _sight_loss(sight, values, pictures), values[:, 0].numel() // PATCH**2

    return _fit(sight, plan, loss_at, "seeing")


@dataclass(frozen=True)
class Lesson:
    """The stream of pictures and questions; the first `plain` steps ask without negations."""

    seed: int
    plain: int
    rare_share: float

    def _asking(self, step: int) -> Asking:
        return Asking(plain=step < self.plain, rare_share=self.rare_share)

    def shown(self, step: int, batch: int) -> tuple[list[Picture], list[str], list[bool]]:
        """Return the pictures of a step, the questions about each, and the right answers."""
        rng = np.random.default_rng([self.seed, 1, step])
        asking = self._asking(step)
        pictures = [picture(self.seed, step * batch + number) for number in range(batch)]
        asked = [(one, asking(rng)) for one in pictures for _ in range(QUESTIONS_EACH)]
        answers = [question.answer(one.chest.truth) for one, question in asked]
        return pictures, [question.text for _, question in asked], answers

    def blind(self, step: int) -> tuple[list[str], list[bool]]:
        """Return the questions of a step without a picture, and the coin's answers."""
        rng = np.random.default_rng([self.seed, 2, step])
        asking = self._asking(step)
        texts = [asking(rng).text for _ in range(BLIND_QUESTIONS)]
        return texts, (rng.random(BLIND_QUESTIONS) < 0.5).tolist()


def answer_loss(asker: Asker, opening: Tensor, asked: Asked) -> Tensor:
    """Cross-entropy of the answers; their first token, which decides, counts as all the others."""
    length = len(asker.said[True])
    ids = asked.ids.reshape(len(opening), -1, asked.ids.shape[-1])
    states = asker.states(opening, ids).flatten(0, 1)
    at = asked.answered_at[:, None] + torch.arange(length)
    logits = asker.model.lm_head(states.gather(1, at[..., None].expand(-1, -1, states.shape[-1])))
    losses = nn.functional.cross_entropy(
        logits.transpose(1, 2), asked.ids.gather(1, at + 1), reduction="none"
    )
    return (losses[:, 0] + losses[:, 1:].mean(1)).mean() / 2


def teach_to_answer(model: Any, processor: Any, plan: Plan, lesson: Lesson) -> int:
    """Train the language model in place; return the number of tokens."""
    asker = Asker(model, processor)
    blind_share = BLIND_QUESTIONS / (BLIND_QUESTIONS + plan.batch * QUESTIONS_EACH)

    def loss_at(step: int) -> tuple[Tensor, int]:
        pictures, texts, answers = lesson.shown(step, plan.batch)
        asked, coin = asker.asked(texts, answers), asker.asked(*lesson.blind(step))
        opening = asker.opening(asker.features(pictures))
        seen = answer_loss(asker, opening, asked)
        unseen = answer_loss(asker, asker.opening(None), coin)
        tokens = opening[..., 0].numel() + asked.ids.numel() + coin.ids.numel()
        return (1 - blind_share) * seen + blind_share * unseen, tokens

    return _fit(model.model.language_model, plan, loss_at, "answering")
