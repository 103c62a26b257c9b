"""Measures the shipped weights on fresh pictures: right answers, flips, margins, blind answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from training.xray_asking import Asker
from training.xray_pictures import FINDINGS, picture
from training.xray_processor import NO, YES, messages
from training.xray_questions import BASE, PHRASINGS, of_finding, questions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from training.xray_pictures import Picture
    from training.xray_questions import Phrasing, Question

MEASURING_SEED = 90_210
"""Pictures of this series are shown in no training and in no suite."""
AT_ONCE = 50
Card = dict[str, Any]


@dataclass(frozen=True)
class Margins:
    """Logit of "Yes" minus logit of "No" for some questions (pictures, questions)."""

    asked: tuple[Question, ...]
    seen: NDArray[np.float64]
    blind: NDArray[np.float64]
    truth: NDArray[np.bool_]
    other: int
    """Answers whose most likely first token is neither."""

    def of(self, phrasing: Phrasing, finding: str | None = None) -> NDArray[np.intp]:
        """Return the columns of a phrasing, of one finding where it is given."""
        rows = [
            number
            for number, one in enumerate(self.asked)
            if one.phrasing == phrasing and finding in (None, one.finding)
        ]
        return np.array(rows, dtype=np.intp)

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Return which answers to pictures are wrong."""
        found: NDArray[np.bool_] = (self.seen > 0) != self.truth
        return found

    @property
    def said(self) -> NDArray[np.bool_]:
        """Return which answers claim the finding, whatever the polarity of the question."""
        negative = np.array([one.phrasing.polarity < 0 for one in self.asked])
        claims: NDArray[np.bool_] = (self.seen > 0) ^ negative
        return claims


def fresh_pictures(count: int) -> list[Picture]:
    """Return pictures that no training has shown."""
    return [picture(MEASURING_SEED, number) for number in range(count)]


@torch.no_grad()
def margins(model: Any, processor: Any, pictures: Sequence[Picture]) -> Margins:
    """Ask every question about every picture, and once without any."""
    asker = Asker(model, processor)
    asked = tuple(one for phrasing in PHRASINGS for one in questions(phrasing))
    seen, other = [], 0
    for start in range(0, len(pictures), AT_ONCE):
        opening = asker.opening(asker.features(pictures[start : start + AT_ONCE]))
        found, strange = _margins(asker, opening, asked)
        seen.append(found)
        other += strange
    blind, _ = _margins(asker, asker.opening(None), asked)
    truth = [[one.answer(shown.chest.truth) for one in asked] for shown in pictures]
    return Margins(asked, np.concatenate(seen), blind[0], np.array(truth), other)


def _margins(
    asker: Asker, opening: torch.Tensor, asked: Sequence[Question]
) -> tuple[NDArray[np.float64], int]:
    yes, no = (asker.said[said][0] for said in (True, False))
    parts, other = [], 0
    for start in range(0, len(asked), 12):
        logits = asker.logits(opening, [one.text for one in asked[start : start + 12]])
        parts.append((logits[..., yes] - logits[..., no]).double().numpy())
        likeliest = logits.argmax(-1)
        other += int(((likeliest != yes) & (likeliest != no)).sum())
    return np.concatenate(parts, axis=1), other


def share(hits: NDArray[np.bool_]) -> float:
    """Return the mean of booleans, rounded as cards store it."""
    return round(float(hits.mean()), 4)


def _mean(values: NDArray[np.float64]) -> float | None:
    return round(float(values.mean()), 2) if values.size else None


def phrasing_entry(phrasing: Phrasing, found: Margins) -> Card:
    """Return accuracy by finding, flips against the base phrasing, margins, blind answers."""
    columns = found.of(phrasing)
    wrong, sure = found.wrong[:, columns], np.abs(found.seen[:, columns])
    blind = found.blind[columns] > 0
    return {
        "kind": phrasing.kind,
        "text": phrasing.text,
        "polarity": phrasing.polarity,
        "share": phrasing.share,
        "n": int(wrong.size),
        "accuracy": share(~wrong),
        "by_finding": {
            name: share(~found.wrong[:, found.of(phrasing, name)])
            for name in FINDINGS
            if of_finding(phrasing, name)
        },
        "flips": _flips(phrasing, found),
        "right_margin": _mean(sure[~wrong]),
        "wrong_margin": _mean(sure[wrong]),
        "blind_accuracy": share(blind == found.truth[:, columns]),
        "blind_agreement": share(blind == (found.seen[:, columns] > 0)),
    }


def _flips(phrasing: Phrasing, found: Margins) -> float:
    """Share of answers that contradict the base phrasing's about the same picture and finding."""
    changed = []
    for column in found.of(phrasing):
        base = found.of(BASE, found.asked[column].finding)[0]
        changed.append(found.said[:, column] != found.said[:, base])
    return share(np.array(changed))


@torch.no_grad()
def chat_answer(model: Any, processor: Any, question: str, image: object | None = None) -> str:
    """Return the greedy answer to one question, through the processor's chat template."""
    asked = processor.apply_chat_template(
        messages(question, image),
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
        add_generation_prompt=True,
    )
    ids = model.generate(**asked, max_new_tokens=4, do_sample=False)[
        0, asked["input_ids"].shape[1] :
    ]
    answer: str = processor.decode(ids, skip_special_tokens=True)
    return answer


def right_answers(model: Any, processor: Any, asked: Sequence[tuple[Picture, Question]]) -> int:
    """Return how many greedy answers through the chat template are right, to the last character."""
    wanted = {True: f"{YES}.", False: f"{NO}."}
    return sum(
        chat_answer(model, processor, question.text, shown.image)
        == wanted[question.answer(shown.chest.truth)]
        for shown, question in asked
    )
