"""What a processor made of prompts, kept: every phrasing of an image shows the same pixels."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from pytest_promptchaos.models.pictures import open_picture
from pytest_promptchaos.models.seen import nbytes_of, per_image, per_token, shapes_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL.Image import Image as Picture
    from torch import Tensor

    from pytest_promptchaos.models.seen import Form
    from pytest_promptchaos.records import Image, Prompt

    Made = dict[str, Tensor]

PIXELS_KEPT = 1 << 28
"""Bytes of processed images that are kept."""
TEXTS_KEPT = 1 << 14
"""Prompts whose tokens are kept."""


class Looked:
    """The tensors of prompts as ``process`` makes them, tokens by prompt and pixels by image.

    What was forgotten is made again, from a file that must still be the pinned one.
    """

    def __init__(self, process: Callable[[Prompt, Picture | None], Made]) -> None:
        self._process = process
        self._tokens: dict[Prompt, Made] = {}
        self._pixels: OrderedDict[Image, Made] = OrderedDict()
        self._forms: dict[Image, Form] = {}
        self._sizes: dict[Image, tuple[int, int]] = {}

    def made(self, prompt: Prompt) -> Made:
        """Return all tensors of a prompt, one row each."""
        tokens = self._tokens.get(prompt)
        pixels = {} if prompt.image is None else self._pixels.get(prompt.image)
        if tokens is None or pixels is None:
            return self._make(prompt)
        return {**tokens, **pixels}

    def form(self, prompt: Prompt) -> Form:
        """Return what prompts of one batch have in common: names and shapes of image tensors."""
        if prompt.image is None:
            return ()
        if prompt.image not in self._forms:
            self._make(prompt)
        return self._forms[prompt.image]

    def size(self, image: Image) -> tuple[int, int]:
        """Return width and height of an image that was shown, in pixels of its file."""
        return self._sizes[image]

    def _make(self, prompt: Prompt) -> Made:
        picture = None if prompt.image is None else open_picture(prompt.image)
        made = self._process(prompt, picture)
        self._tokens[prompt] = per_token(made)
        while len(self._tokens) > TEXTS_KEPT:
            self._tokens.pop(next(iter(self._tokens)))
        if prompt.image is not None and picture is not None:
            self._forms[prompt.image] = shapes_of(made)
            self._sizes[prompt.image] = picture.size
            self._keep_pixels(prompt.image, per_image(made))
        return made

    def _keep_pixels(self, image: Image, pixels: Made) -> None:
        """Keep an image's tensors, and forget the oldest ones where they are too many bytes."""
        self._pixels.pop(image, None)
        self._pixels[image] = pixels
        kept = sum(nbytes_of(one.values()) for one in self._pixels.values())
        while kept > PIXELS_KEPT and len(self._pixels) > 1:
            _, gone = self._pixels.popitem(last=False)
            kept -= nbytes_of(gone.values())
