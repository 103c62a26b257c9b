"""Neighborhood -> runs: greedy decoding of pinned causal language models.

A whole neighborhood is decoded in batches of one fixed shape (rows, padded prompt length), so
that the center and its neighbors meet the same kernels: on most hardware another batch shape
rounds differently, and a margin near zero turns rounding into another sentence.
"""

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
from pytest_promptchaos.models.context import check_fits
from pytest_promptchaos.models.decoding import decode
from pytest_promptchaos.models.device import hardware, resolve_device
from pytest_promptchaos.models.edits import digest_of, versions_of
from pytest_promptchaos.models.forced import forced
from pytest_promptchaos.models.initialized import initialized
from pytest_promptchaos.models.memory import free_bytes, row_bytes, rows_that_fit
from pytest_promptchaos.models.pins import Pin, fingerprint
from pytest_promptchaos.models.prefill import (
    buckets,
    padded_width,
    plain_cache,
    shared_prefix,
)
from pytest_promptchaos.models.quantization import INT8, quantize
from pytest_promptchaos.models.quiet import quiet_transformers
from pytest_promptchaos.models.rendering import rendered
from pytest_promptchaos.records import Forced, ModelIdentity, Prompt, Run, address

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from transformers import PreTrainedModel, PreTrainedTokenizerBase

HARMLESS = {"bos_token_id", "eos_token_id", "pad_token_id", "transformers_version", "use_cache"}
HARMLESS |= {"_from_model_config", "output_attentions", "output_hidden_states", "max_length"}
"""Keys of a saved generation config that cannot alter a greedy decode of our own length."""
RENDERED = 1 << 22
"""Tokens of rendered prompts that are kept: long conversations are rendered once per turn."""


class LanguageModel:
    """A pinned causal language model; tokenizer and weights are loaded when first needed."""

    def __init__(self, pin: Pin, *, dtype: str = "auto", device: str = "auto") -> None:
        self.pin = pin
        self._dtype = pin.options.get("dtype", dtype)
        self.device = resolve_device(pin.options.get("device", device))
        self._rendered: dict[Prompt, tuple[int, ...]] = {}
        self._tokens_kept = 0

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
        template = getattr(self.tokenizer, "chat_template", None)
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
            versions=tuple((name, version(name)) for name in ("torch", "transformers")),
            notes=self.generation_notes,
        )

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
        kind = AutoModelForCausalLM._model_mapping[type(self.config)]
        return "sdpa" if getattr(kind, "_supports_sdpa", False) else "eager"

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
        self._loaded_versions = versions_of(loaded)
        return loaded

    def _weights(self) -> PreTrainedModel:
        """Return the network of the files, or one of random weights where the pin asks for it."""
        seed, dtype, attention = self.pin.initialization, self.dtype, self.attention
        if seed is not None:
            pin = self.pin.text
            return initialized(self.config, dtype=dtype, attention=attention, seed=seed, pin=pin)
        read = self._read(AutoModelForCausalLM, dtype=dtype, attn_implementation=attention)
        return cast("PreTrainedModel", read)

    @property
    def _int8(self) -> bool:
        return self.pin.options.get("quantization") == "int8"

    @property
    def edits(self) -> str:
        """The sha256 of weights that were changed in place since they were loaded, else ``""``."""
        if not self.loaded or versions_of(self.network) == self._loaded_versions:
            return ""
        return digest_of(self.network)

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
                "that the pin names a causal language model saved with its tokenizer, and that "
                "the hub can be reached or the model is in the local cache"
            ) from error

    # -- prompts ----------------------------------------------------------------------------

    def render(self, prompt: Prompt) -> tuple[int, ...]:
        """Return the token ids the model sees for ``prompt``, template applied.

        Raises ``PromptError`` as :func:`rendered` does.
        """
        if prompt not in self._rendered:
            thinking = self.pin.options.get("thinking", "default")
            ids = rendered(
                self.tokenizer, prompt, thinking=thinking, ends=self.end_ids, pin=self.pin.text
            )
            self._keep_rendered(prompt, ids)
            return ids
        return self._rendered[prompt]

    def _keep_rendered(self, prompt: Prompt, ids: tuple[int, ...]) -> None:
        """Keep the ids of a prompt, and forget the oldest ones where they are too many tokens."""
        self._rendered[prompt] = ids
        self._tokens_kept += len(ids)
        while self._tokens_kept > RENDERED and len(self._rendered) > 1:
            self._tokens_kept -= len(self._rendered.pop(next(iter(self._rendered))))

    @property
    def context(self) -> int | None:
        """The longest sequence that the model takes, in tokens; ``None`` where it has no bound."""
        bound = getattr(self.config.get_text_config(), "max_position_embeddings", None)
        return int(bound) if bound else None

    def check_length(self, prompt: Prompt, horizon: int) -> None:
        """Raise ``PromptError`` unless prompt and horizon fit into the model's context."""
        check_fits(self.pin.text, prompt.id, len(self.render(prompt)), horizon, self.context)

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

    # -- runs -------------------------------------------------------------------------------

    def shape(self, prompts: Sequence[Prompt], rows: int) -> tuple[int, ...]:
        """Return the fixed batch shape for ``prompts``: (rows, padded prompt length).

        A third number counts the tokens of a shared beginning that are computed once.
        """
        rendered = [self.render(prompt) for prompt in prompts]
        shared = shared_prefix(rendered) if rows > 1 and plain_cache(self.config) is not None else 0
        width = shared + padded_width(max(map(len, rendered)) - shared)
        return (rows, width, shared) if shared else (rows, width)

    def rows(self, prompts: Sequence[Prompt], horizon: int) -> int:
        """Return how many rows a batch of these prompts has, from the memory that is free."""
        width = padded_width(max(len(self.render(prompt)) for prompt in prompts))
        row = row_bytes(self.config, self.dtype, width, horizon)
        return rows_that_fit(len(prompts), row, free_bytes(self.device))

    def together(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        """Return which prompts, by place, are decoded together: those of similar length."""
        return buckets([len(self.render(prompt)) for prompt in prompts])

    @cached_property
    def _pieces(self) -> dict[int, str]:
        return {}

    def piece(self, token: int) -> str:
        """Return one token as a person reads it."""
        if token not in self._pieces:
            text = self.tokenizer.decode([token], skip_special_tokens=False)
            self._pieces[token] = "<end>" if token in self.end_ids else text
        return self._pieces[token]

    def forced(
        self, center: Run, others: Sequence[Run], rows: int, whole: tuple[int, int]
    ) -> list[tuple[Forced, Forced]]:
        """Return center and others teacher-forced along both outputs, as :func:`forced` does."""
        return forced(self, center, others, rows, whole)

    def key_parts(self, prompt: Prompt) -> dict[str, object]:
        """Return what any evidence about ``prompt`` depends on: model, kernels, token ids."""
        who, edits = self.identity, self.edits
        # Only where there are any, so that what the files alone say keeps its address.
        edited: dict[str, object] = {"edits": edits} if edits else {}
        return edited | {
            "model": [who.fingerprint, who.template, who.dtype, who.device, who.hardware],
            "kernels": [who.attention, who.quantization, who.thinking, who.versions],
            "prompt_ids": self.render(prompt),
        }

    def key(self, prompt: Prompt, shape: tuple[int, ...], horizon: int, repeat: int) -> str:
        """Return the address of a run: it covers everything that can change the output."""
        generation = {"horizon": horizon, "end_ids": self.end_ids, "repeat": repeat}
        return address("run/2", **self.key_parts(prompt), batch_shape=shape, **generation)

    def tensor(self, prompt: Prompt) -> torch.Tensor:
        """Return the rendered ids of ``prompt`` on the model's device, shape (1, tokens)."""
        return self.row(self.render(prompt))

    def row(self, ids: Sequence[int]) -> torch.Tensor:
        """Return token ids on the model's device, shape (1, tokens)."""
        return torch.tensor([ids], device=self.device)

    def runs(
        self,
        requests: Sequence[tuple[Prompt, int]],
        *,
        shape: tuple[int, ...],
        horizon: int,
    ) -> Iterator[list[Run]]:
        """Yield the greedy runs of (prompt, repeat index) pairs, a batch at a time, in order."""
        for start in range(0, len(requests), shape[0]):
            yield decode(self, requests[start : start + shape[0]], shape=shape, horizon=horizon)


def _quantization(config: Any) -> str:
    settings = getattr(config, "quantization_config", None)
    if settings is None:
        return "none"
    plain = settings if isinstance(settings, dict) else settings.to_dict()
    return str(plain.get("quant_method", "unknown"))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
