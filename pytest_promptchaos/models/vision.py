"""Prompts with an image -> runs: pinned vision-language models, decoded as text-only ones are.

A prompt's image is read from its pin, checked, and put through the model's own processor. A batch
holds prompts whose images have the same form, or none: another form is another shape.
"""

from __future__ import annotations

from functools import cached_property
from inspect import signature
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from transformers import AutoConfig, AutoModelForImageTextToText
from transformers.image_processing_backends import TorchvisionBackend

from pytest_promptchaos.errors import PinError, PromptError
from pytest_promptchaos.models.chat import chat_text, processed, question_span
from pytest_promptchaos.models.language import LanguageModel
from pytest_promptchaos.models.looked import Looked
from pytest_promptchaos.models.prefill import buckets
from pytest_promptchaos.models.processors import processor_of
from pytest_promptchaos.models.quiet import quiet_transformers
from pytest_promptchaos.models.seen import batched, grid_of, numbers_of
from pytest_promptchaos.records import Prompt

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray
    from PIL.Image import Image as Picture
    from torch import Tensor
    from transformers import DynamicCache, PreTrainedTokenizerBase

    from pytest_promptchaos.models.pins import Pin
    from pytest_promptchaos.records import Run

TRAINING = {"labels"}
"""What some processors make for a loss."""
TOWER_COPIES = 32
"""Of one image's pixels, about what a tower holds at once while it looks at them."""


class VisionModel(LanguageModel):
    """A pinned vision-language model: a ``LanguageModel`` that also sees a prompt's image."""

    sees = True
    kind = AutoModelForImageTextToText
    called = "a vision-language model saved with its processor"

    def __init__(self, pin: Pin, *, dtype: str = "auto", device: str = "auto") -> None:
        super().__init__(pin, dtype=dtype, device=device)
        self._looked = Looked(self._process)

    @cached_property
    def config(self) -> Any:
        """The model's configuration, read without its weights."""
        config = self._read(AutoConfig)
        if getattr(config, "is_encoder_decoder", False):
            raise PinError(
                f"{self.pin.text} is an encoder-decoder ({config.model_type}), whose answer does "
                "not follow its prompt: pin a model whose language part reads prompt and answer "
                "as one sequence"
            )
        return config

    @cached_property
    def processor(self) -> Any:
        """What turns text and picture into tensors.

        Raises ``PinError`` as :func:`processor_of` does.
        """
        return processor_of(self.pin, self.config, self._read)

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The processor's tokenizer."""
        tokenizer: PreTrainedTokenizerBase = self.processor.tokenizer
        return tokenizer

    @property
    def template(self) -> Any:
        """The processor's chat template."""
        return self.processor.chat_template

    @property
    def libraries(self) -> tuple[str, ...]:  # type: ignore[override]
        """Whose versions an output may depend on: those that handle pictures, too."""
        torchvision = isinstance(self.processor.image_processor, TorchvisionBackend)
        return (*super().libraries, "pillow", *(("torchvision",) if torchvision else ()))

    @property
    def notes(self) -> tuple[str, ...]:
        """What of the files was switched, cleared or chosen among, in words."""
        return (*super().notes, "pictures go through " + " and ".join(self._processors))

    @property
    def _processors(self) -> tuple[str, str]:
        return type(self.processor).__name__, type(self.processor.image_processor).__name__

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the computation: asked for, else the one that the checkpoint names."""
        saved = getattr(self.config, "dtype", None)
        named = getattr(self.config.get_text_config(), "dtype", None)
        if self._dtype == "auto" and named is None and isinstance(saved, torch.dtype):
            return saved
        return super().dtype

    # -- prompts ----------------------------------------------------------------------------

    def _ids(self, prompt: Prompt) -> tuple[int, ...]:
        ids: list[int] = self._looked.made(prompt)["input_ids"][0].tolist()
        return tuple(ids)

    def _process(self, prompt: Prompt, picture: Picture | None) -> dict[str, Tensor]:
        """Return what the processor makes of a prompt, what the network does not take left out."""
        with quiet_transformers():
            made = processed(
                self.processor,
                prompt,
                picture,
                thinking=self._thinking,
                ends=self.end_ids,
                image_id=self.image_id,
                pin=self.pin.text,
            )
        return {name: values for name, values in made.items() if name in self._taken - TRAINING}

    @cached_property
    def _taken(self) -> frozenset[str]:
        return frozenset(signature(self.network_class.forward).parameters)

    @cached_property
    def _opening(self) -> str:
        asked = Prompt(id="opening", text="?")
        how: dict[str, Any] = {"thinking": self._thinking, "pin": self.pin.text}
        return chat_text(self.processor, asked, image=False, **how)

    @property
    def image_id(self) -> int:
        """The id of the token that stands where an image's features go.

        Raises ``PinError`` for a model that has none.
        """
        for holder, name in (
            (self.config, "image_token_id"),
            (self.config, "image_token_index"),
            (self.processor, "image_token_id"),
        ):
            if isinstance(found := getattr(holder, name, None), int):
                return found
        raise PinError(
            f"{self.pin.text} names no image token, so it cannot be told where its image goes"
        )

    def image_positions(self, prompt: Prompt) -> NDArray[np.bool_]:
        """Return which tokens of the rendered prompt stand for the image, shape (tokens,)."""
        flags: NDArray[np.bool_] = np.array(self.render(prompt)) == self.image_id
        return flags

    def question_positions(self, prompt: Prompt) -> NDArray[np.bool_]:
        """Return which tokens of the rendered prompt hold any of its text, shape (tokens,).

        The last message only, as ``prompt.text`` is; a token that also holds something of the
        template counts. Raises ``PromptError`` where they cannot be told from the template's.
        """
        ids = self.render(prompt)
        where = question_span(
            self.processor, prompt, ids, thinking=self._thinking, pin=self.pin.text
        )
        flags = np.zeros(len(ids), dtype=np.bool_)
        flags[where] = True
        return flags

    def grid(self, prompt: Prompt) -> tuple[int, int] | None:
        """Return rows and columns of a prompt's image tokens, ``None`` where they form no grid."""
        return self._grid(prompt)[0]

    def grid_reason(self, prompt: Prompt) -> str:
        """Return why a prompt's image tokens form no grid; empty where they do."""
        return self._grid(prompt)[1]

    def _grid(self, prompt: Prompt) -> tuple[tuple[int, int] | None, str]:
        if prompt.image is None:
            return None, "the prompt shows no image"
        made, tokens = self._looked.made(prompt), int(self.image_positions(prompt).sum())
        size = self._looked.size(prompt.image)
        return grid_of(made, tokens, size, self.config, self.processor.image_processor)

    # -- runs -------------------------------------------------------------------------------

    def shown(
        self, prompts: Sequence[Prompt], *, rows: int, width: int, after: int = 0
    ) -> dict[str, Tensor]:
        """Return what the forward pass of a batch takes beside ids and mask: pixels and the like.

        ``rows`` and ``width`` are the batch's shape, prompts on the right; ``after`` counts the
        tokens behind them. A batch that is not full shows its first prompt again.

        Raises:
            PromptError: images of different forms.
        """
        if len({self._looked.form(prompt) for prompt in prompts}) > 1:
            raise PromptError(
                "one batch cannot hold prompts with and without an image, or images of different "
                "forms: split them as together() does"
            )
        made = [self._looked.made(prompt) for prompt in prompts]
        whole = batched([*made, *made[:1] * (rows - len(made))], width=width, after=after)
        return {name: self._placed(values) for name, values in whole.items()}

    def _placed(self, values: Tensor) -> Tensor:
        floating = values.is_floating_point()
        return values.to(self.device, self.dtype) if floating else values.to(self.device)

    def runs(
        self,
        requests: Sequence[tuple[Prompt, int]],
        *,
        shape: tuple[int, ...],
        horizon: int,
    ) -> Iterator[list[Run]]:
        """Yield the greedy runs of (prompt, repeat index) pairs, a batch at a time, in order.

        A batch ends where the form of the image changes.
        """
        for _, alike in groupby(requests, key=lambda request: self._looked.form(request[0])):
            yield from super().runs(list(alike), shape=shape, horizon=horizon)

    def together(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        """Return which prompts, by place, are decoded together: of one form and similar length."""
        forms: dict[object, list[int]] = {}
        for place, prompt in enumerate(prompts):
            forms.setdefault(self._looked.form(prompt), []).append(place)
        return [
            [places[one] for one in part]
            for places in forms.values()
            for part in buckets([len(self.render(prompts[place])) for place in places])
        ]

    def _row_bytes(self, prompts: Sequence[Prompt], horizon: int) -> int:
        numbers = max(numbers_of(self._looked.form(prompt)) for prompt in prompts)
        return super()._row_bytes(prompts, horizon) + TOWER_COPIES * self.dtype.itemsize * numbers

    def empty_cache(self) -> DynamicCache | None:
        """Return ``None``: an image is not read twice, nor cut in two by a shared beginning."""
        return None

    def past(self, prefix: Sequence[int], rows: int, room: int) -> None:
        """Return ``None``: the network makes its own cache."""

    def key_parts(self, prompt: Prompt) -> dict[str, object]:
        """Return what any evidence about ``prompt`` depends on: model, kernels, ids, image."""
        image = prompt.image
        seen: dict[str, object] = {} if image is None else {"image": [image.sha256, image.change]}
        return super().key_parts(prompt) | {"processors": self._processors} | seen
