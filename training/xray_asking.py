"""Several questions about one picture in one row: each sees the picture and itself only.

The answers are those of one question at a time; the picture is read once instead of once for each
question.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from training.chat_format import BEGIN, END, ROLES
from training.xray_processor import SAID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.xray_pictures import Picture


@dataclass(frozen=True)
class Asked:
    """Ids of questions (questions, width), padded on the right, and where each is answered."""

    ids: Tensor
    answered_at: Tensor


class Asker:
    """A model and its processor, asked in packed rows."""

    def __init__(self, model: Any, processor: Any) -> None:
        self.model = model
        self._pictures = processor.image_processor
        self._tokenizer = processor.tokenizer
        numbers = self._tokenizer.convert_tokens_to_ids
        self._opening = numbers([BEGIN, ROLES["user"]])
        self._turn = numbers([END, ROLES["assistant"]])
        self.said = {yes: [*self._ids([text])[0], numbers(END)] for yes, text in SAID.items()}

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        found: list[list[int]] = self._tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        return found

    def asked(self, texts: Sequence[str], answers: Sequence[bool] | None = None) -> Asked:
        """Return the ids of the questions up to their answers, or with them."""
        rows = [[*ids, *self._turn] for ids in self._ids(texts)]
        places = [len(row) - 1 for row in rows]
        if answers is not None:
            rows = [row + self.said[yes] for row, yes in zip(rows, answers, strict=True)]
        width = max(map(len, rows))
        padded = [row + [0] * (width - len(row)) for row in rows]
        return Asked(torch.tensor(padded), torch.tensor(places))

    @torch.no_grad()
    def values(self, pictures: Sequence[Picture]) -> Tensor:
        """Return the pixel values as the processor gives them, (pictures, 3, SIDE, SIDE)."""
        images = [one.image for one in pictures]
        found: Tensor = self._pictures(images, return_tensors="pt")["pixel_values"]
        return found

    @torch.no_grad()
    def features(self, pictures: Sequence[Picture]) -> Tensor:
        """Return what the projector gives to the language model, (pictures, PLACES, width)."""
        found = self.model.get_image_features(self.values(pictures)).pooler_output
        return torch.stack(tuple(found))

    def opening(self, features: Tensor | None) -> Tensor:
        """Return the embeddings that all questions share: the chat's opening, then the picture."""
        begun = self._embedded(torch.tensor([self._opening]))
        if features is None:
            return begun
        return torch.cat([begun.expand(len(features), -1, -1), features], dim=1)

    def _embedded(self, ids: Tensor) -> Tensor:
        found: Tensor = self.model.get_input_embeddings()(ids)
        return found

    def states(self, opening: Tensor, ids: Tensor) -> Tensor:
        """Return the last hidden states (rows, questions, width, d) of ids of the first three."""
        rows, number, width = ids.shape
        shared = opening.shape[1]
        own = torch.arange(shared, shared + width).repeat(number)
        found: Tensor = self.model.model.language_model(
            inputs_embeds=torch.cat([opening, self._embedded(ids.reshape(rows, -1))], dim=1),
            attention_mask=_mask(shared, number, width).expand(rows, 1, -1, -1),
            position_ids=torch.cat([torch.arange(shared), own]).unsqueeze(0).expand(rows, -1),
            use_cache=False,
        ).last_hidden_state
        return found[:, shared:].reshape(rows, number, width, -1)

    def logits(self, opening: Tensor, texts: Sequence[str]) -> Tensor:
        """Return the logits of the answers' first token, (rows, questions, vocabulary)."""
        asked = self.asked(texts)
        states = self.states(opening, asked.ids.expand(len(opening), -1, -1))
        found: Tensor = self.model.lm_head(states[:, torch.arange(len(texts)), asked.answered_at])
        return found


def _mask(shared: int, number: int, width: int) -> Tensor:
    """True where a token may look: at what is shared and, backwards, at its own question."""
    question = torch.arange(1, number + 1).repeat_interleave(width)
    owner = torch.cat([torch.zeros(shared, dtype=torch.int64), question])
    allowed = (owner[None, :] == 0) | (owner[:, None] == owner[None, :])
    return (allowed & torch.ones_like(allowed).tril())[None, None]
