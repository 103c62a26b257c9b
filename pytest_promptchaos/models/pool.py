"""The models that are in memory: reused across tests, released when no longer needed."""

from __future__ import annotations

import gc
import warnings
import weakref
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForImageTextToText

from pytest_promptchaos.errors import PinError
from pytest_promptchaos.models.language import LanguageModel

if TYPE_CHECKING:
    from pytest_promptchaos.models.pins import Pin


class MemoryNotReleasedWarning(UserWarning):
    """A model was released, but something still holds its weights."""


@dataclass(frozen=True, kw_only=True)
class Release:
    """What releasing one model freed. ``freed`` counts bytes of weights that are gone."""

    pin: str
    expected: int
    freed: int


class ModelPool:
    """Keeps the weights of at most ``keep`` models loaded; the least recently used one goes."""

    def __init__(self, *, keep: int = 2) -> None:
        self._keep = keep
        self._models: OrderedDict[str, LanguageModel] = OrderedDict()
        self.releases: list[Release] = []

    def get(self, pin: Pin, *, dtype: str = "auto", device: str = "auto") -> LanguageModel:
        """Return the model of ``pin``; its weights load on first use.

        ``dtype`` and ``device`` hold where the pin itself names none.
        """
        key = repr((pin.text, sorted(pin.options.items()), dtype, device))
        if key not in self._models:
            self._models[key] = model_of_pin(pin, dtype=dtype, device=device)
        self._models.move_to_end(key)
        self._release_surplus()
        return self._models[key]

    def release_all(self) -> None:
        """Drop every model at the end of a run.

        Unchecked: the tracebacks of failed tests, which pytest keeps, hold frames that hold them.
        """
        for model in self._models.values():
            model.unload()

    def _release_surplus(self) -> None:
        loaded = [model for model in self._models.values() if model.loaded]
        # The newest entry is about to load, so one place is kept free for it.
        newest = next(reversed(self._models.values()))
        surplus = len(loaded) - self._keep + (0 if newest.loaded else 1)
        for model in [m for m in loaded if m is not newest][: max(surplus, 0)]:
            self.releases.append(release(model))


def release(model: LanguageModel) -> Release:
    """Drop a model's weights and return how many bytes were freed.

    On a GPU the drop is read from the allocator; on the CPU each parameter is watched until it
    is gone. A warning names the model when less than 90 % came free.
    """
    expected = model.nbytes
    gpu = model.device.type == "cuda"
    before = torch.cuda.memory_allocated(model.device) if gpu else 0
    watched = [(weakref.ref(p), p.nbytes) for p in model.network.parameters()]
    model.unload()
    gc.collect()
    left = sum(size for ref, size in watched if ref() is not None)
    freed = before - torch.cuda.memory_allocated(model.device) if gpu else expected - left
    if freed < 0.9 * expected:
        warnings.warn(
            f"{model.pin.text}: released, but only {freed:,} of {expected:,} bytes came free: "
            "something still holds the network; keep no reference to model.network in a test",
            MemoryNotReleasedWarning,
            stacklevel=2,
        )
    return Release(pin=model.pin.text, expected=expected, freed=freed)


def takes_images(config: Any) -> bool:
    """Return whether a configuration is that of a vision-language model.

    Where one configuration serves two classes, the saved class decides.
    """
    kinds = (AutoModelForImageTextToText, LanguageModel.kind)
    seeing, reading = (kind._model_mapping for kind in kinds)
    if type(config) not in seeing:
        return False
    saved = getattr(config, "architectures", None) or [""]
    both = type(config) in reading
    return not (
        both and saved[0] == reading[type(config)].__name__ != seeing[type(config)].__name__
    )


def model_of_pin(pin: Pin, *, dtype: str = "auto", device: str = "auto") -> LanguageModel:
    """Return the model of ``pin``, one that sees where its configuration says so.

    Nothing is loaded but the configuration; where that cannot be read, the model says so when it
    is first needed.
    """
    model = LanguageModel(pin, dtype=dtype, device=device)
    try:
        seeing = takes_images(model.config)
    except PinError:
        return model
    if not seeing:
        return model
    # Imported here: what handles pictures takes seconds to import, which others need not wait for.
    from pytest_promptchaos.models.vision import VisionModel

    return VisionModel(pin, dtype=dtype, device=device)
