"""A model's own processor, also where its part for videos cannot be had.

Every video processor of transformers needs torchvision, image processors need not. Without it, a
class that wants both is read without the one for videos: nothing here ever shows one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import AutoProcessor
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING
from transformers.utils import DummyObject

from pytest_promptchaos.errors import PinError
from pytest_promptchaos.models.quiet import quiet_transformers

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_promptchaos.models.pins import Pin


VIDEOS = "video_processor"


def processor_of(pin: Pin, config: Any, read: Callable[[Any], Any]) -> Any:
    """Return the processor of a pinned vision-language model, checked to have what is needed.

    ``read`` loads an auto class from the pin's files.

    Raises:
        PinError: it cannot be read, needs a library that is not here, or has no image processor or
            no chat template.
    """
    with quiet_transformers():
        try:
            processor = read(AutoProcessor)
        except ImportError as error:
            processor = _without_videos(pin, config, read, error)
    _check(processor, pin)
    return processor


def _without_videos(pin: Pin, config: Any, read: Callable[[Any], Any], error: ImportError) -> Any:
    """Return the processor without its part for videos; raise ``PinError`` where that is not it."""
    kind = PROCESSOR_MAPPING.get(type(config), None)
    # A class that lacks a library altogether cannot even be asked.
    parts = [] if kind is None or isinstance(kind, DummyObject) else kind.get_attributes()
    if kind is None or parts[-1:] != [VIDEOS]:
        raise PinError(
            f"{pin.text}: its processor needs a library that is not here: "
            f"{' '.join(str(error).split())}"
        ) from error
    images_only = {"get_attributes": classmethod(lambda _: list(parts[:-1]))}
    return read(type(kind.__name__, (kind,), images_only))


def _check(processor: Any, pin: Pin) -> None:
    name = type(processor).__name__
    if getattr(processor, "image_processor", None) is None:
        raise PinError(
            f"{pin.text}: {name} has no image processor, so nothing turns a picture into what the "
            "model sees: save the model's own processor with it"
        )
    if not getattr(processor, "chat_template", None):
        raise PinError(
            f"{pin.text}: {name} has no chat template, so it is not known how a question is asked "
            "of an image: add the chat_template.jinja that the model was trained with"
        )
