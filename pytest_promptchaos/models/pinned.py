"""A pin -> one exact network: its files, what tells it from all others, and its weights."""

from __future__ import annotations

import gc
import inspect
from dataclasses import replace
from functools import cached_property
from hashlib import sha256
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, cast

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
)

from pytest_promptchaos.errors import PinError
from pytest_promptchaos.models.device import hardware, resolve_device
from pytest_promptchaos.models.edits import Untouched, digest_of
from pytest_promptchaos.models.initialized import initialized
from pytest_promptchaos.models.pins import Pin, fingerprint
from pytest_promptchaos.models.quantization import INT8, quantize
from pytest_promptchaos.models.quiet import quiet_transformers
from pytest_promptchaos.records import ModelIdentity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from transformers import PreTrainedModel, PreTrainedTokenizerBase

HARMLESS = {"bos_token_id", "eos_token_id", "pad_token_id", "transformers_version", "use_cache"}
HARMLESS |= {"_from_model_config", "output_attentions", "output_hidden_states", "max_length"}
"""Keys of a saved generation config that cannot alter a greedy decode of our own length."""


class PinnedNetwork:
    """The network that a pin names; tokenizer and weights are loaded when first needed."""

    kind: Any = AutoModelForCausalLM
    """The auto class that reads its weights."""
    called = "a causal language model saved with its tokenizer"
    libraries: tuple[str, ...] = ("torch", "transformers")
    """Whose versions an output may depend on."""

    def __init__(self, pin: Pin, *, dtype: str = "auto", device: str = "auto") -> None:
        self.pin = pin
        self._dtype = pin.options.get("dtype", dtype)
        self.device = resolve_device(pin.options.get("device", device))

    @cached_property
    def config(self) -> Any:
        """The model's configuration, read without its weights."""
        return self._read(AutoConfig)

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The model's tokenizer."""
        tokenizer: PreTrainedTokenizerBase = self._read(AutoTokenizer)
        return tokenizer

    @cached_property
    def identity(self) -> ModelIdentity:
        """Which model this is; two identities differ when any output could differ."""
        template = self.template
        return ModelIdentity(
            pin=self.pin.text,
            name=self.pin.name,
            revision=self.pin.revision,
            fingerprint=self._fingerprint,
            template=sha256(str(template).encode()).hexdigest() if template else "none",
            dtype=str(self.dtype).removeprefix("torch."),
            device=self.device.type,
            attention=self.attention,
            hardware=hardware(self.device),
            quantization=INT8 if self._int8 else _quantization(self.config),
            thinking=self.pin.options.get("thinking", "default"),
            versions=tuple((name, version(name)) for name in self.libraries),
            notes=self.notes,
        )

    @property
    def template(self) -> Any:
        """The chat template, ``None`` without one."""
        return getattr(self.tokenizer, "chat_template", None)

    @property
    def notes(self) -> tuple[str, ...]:
        """What of the files was switched, cleared or chosen among, in words."""
        return self.generation_notes

    @property
    def _fingerprint(self) -> str:
        """The files' sha256; for a hub model that of the commit that was really loaded."""
        commit = getattr(self.config, "_commit_hash", None)
        pinned = (
            self.pin
            if self.pin.scheme != "hub"
            else replace(self.pin, revision=commit or self.pin.revision)
        )
        return fingerprint(pinned)

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the computation: asked for, else the one that the checkpoint names."""
        if self._dtype != "auto":
            asked: torch.dtype = getattr(torch, self._dtype)
            return asked
        saved = getattr(self.config.get_text_config(), "dtype", None)
        return saved if isinstance(saved, torch.dtype) else torch.float32

    @cached_property
    def attention(self) -> str:
        """The attention implementation: asked for, else sdpa where the architecture has it."""
        asked = self.pin.options.get("attention", "auto")
        if asked != "auto":
            return asked
        return "sdpa" if getattr(self.network_class, "_supports_sdpa", False) else "eager"

    @property
    def network_class(self) -> Any:
        """The class of the network, known without its weights."""
        return self.kind._model_mapping[type(self.config)]

    @cached_property
    def generation_defaults(self) -> Mapping[str, Any]:
        """The checkpoint's own generation settings that would alter a plain greedy decode."""
        try:
            saved = GenerationConfig.from_pretrained(self.pin.source, **self._revision)
        except OSError:
            return {}
        values = saved.to_diff_dict()
        return {k: v for k, v in values.items() if k not in HARMLESS}

    @property
    def generation_notes(self) -> tuple[str, ...]:
        """What of the checkpoint's generation settings was cleared, in words."""
        cleared = ", ".join(f"{k}={v}" for k, v in sorted(self.generation_defaults.items()))
        return (f"cleared from generation_config: {cleared}",) if cleared else ()

    @cached_property
    def network(self) -> PreTrainedModel:
        """The weights on their device, in eval mode, with a clean generation config."""
        # Whoever is the first to ask may do so in inference mode, whose tensors count no writes.
        with quiet_transformers(), torch.inference_mode(mode=False):
            network = self._weights()
            network.requires_grad_(False)
            network = quantize(network.eval()) if self._int8 else network.eval()
            loaded: PreTrainedModel = network.to(self.device)
        loaded.generation_config = GenerationConfig(
            bos_token_id=loaded.generation_config.bos_token_id,
            eos_token_id=list(self.end_ids) or None,
            pad_token_id=self.pad_id,
        )
        self._as_loaded = Untouched(loaded)
        self._edited: tuple[Untouched, str] | None = None
        return loaded

    def _weights(self) -> PreTrainedModel:
        """Return the network of the files, or one of random weights where the pin asks for it."""
        seed, dtype, attention = self.pin.initialization, self.dtype, self.attention
        if seed is not None:
            pin = self.pin.text
            how: dict[str, Any] = {"dtype": dtype, "attention": attention, "kind": self.kind}
            return initialized(self.config, seed=seed, pin=pin, **how)
        read = self._read(self.kind, dtype=dtype, attn_implementation=attention)
        return cast("PreTrainedModel", read)

    @property
    def _int8(self) -> bool:
        return self.pin.options.get("quantization") == "int8"

    @property
    def edits(self) -> str:
        """The sha256 of weights that were changed or replaced since they were loaded, or ``""``."""
        if not self.loaded or self._as_loaded.holds(self.network):
            return ""
        # Every address asks for it; hashing all weights takes seconds on a model of real size.
        if self._edited is None or not self._edited[0].holds(self.network):
            self._edited = Untouched(self.network), digest_of(self.network)
        return self._edited[1]

    @cached_property
    def takes(self) -> frozenset[str]:
        """The arguments that the network's forward pass names."""
        return frozenset(inspect.signature(self.network.forward).parameters)

    @property
    def loaded(self) -> bool:
        """Whether the weights are in memory."""
        return "network" in self.__dict__

    @property
    def nbytes(self) -> int:
        """Bytes that the loaded weights occupy; 0 when they are not loaded."""
        if not self.loaded:
            return 0
        return sum(p.numel() * p.element_size() for p in self.network.parameters())

    def unload(self) -> None:
        """Drop the weights; the next use loads them again."""
        self.__dict__.pop("network", None)
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    @property
    def _revision(self) -> dict[str, str]:
        return {"revision": self.pin.revision} if self.pin.revision else {}

    def _read(self, kind: Any, **options: Any) -> Any:
        try:
            return kind.from_pretrained(self.pin.source, **self._revision, **options)
        except (OSError, ValueError) as error:
            raise PinError(
                f"{self.pin.text}: {kind.__name__} could not read it: {_first_line(error)}; check "
                f"that the pin names {self.called}, and that "
                "the hub can be reached or the model is in the local cache"
            ) from error

    @property
    def pad_id(self) -> int:
        """The token id that fills a row on the left; masked out, so any id serves."""
        pad = self.tokenizer.pad_token_id
        return int(pad if pad is not None else (self.end_ids or (0,))[0])

    @cached_property
    def end_ids(self) -> tuple[int, ...]:
        """The ids that end an answer: those of the generation config, else the tokenizer's."""
        try:
            ends = GenerationConfig.from_pretrained(self.pin.source, **self._revision).eos_token_id
        except OSError:
            ends = None
        # transformers' own order: without a generation config the model's config decides.
        ends = (
            getattr(self.config.get_text_config(), "eos_token_id", None) if ends is None else ends
        )
        ends = self.tokenizer.eos_token_id if ends is None else ends
        return () if ends is None else tuple(ends) if isinstance(ends, list) else (ends,)


def _quantization(config: Any) -> str:
    settings = getattr(config, "quantization_config", None)
    if settings is None:
        return "none"
    plain = settings if isinstance(settings, dict) else settings.to_dict()
    return str(plain.get("quant_method", "unknown"))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
