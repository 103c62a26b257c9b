"""What a model answered, step by step, and which model it was."""

from __future__ import annotations

import math
from collections.abc import Mapping  # noqa: TC003 - pydantic reads the annotations
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pytest_promptchaos.records.prompts import Prompt  # noqa: TC001 - pydantic reads it

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class ModelIdentity:
    """Which model answered, exactly enough to tell two answers apart.

    ``fingerprint`` is the sha256 over configuration, tokenizer and weights; ``template`` the
    sha256 of the chat template (``"none"`` for a model without one). ``hardware`` names the kind
    of processor, because two kinds may round differently. ``notes`` hold what was switched or
    cleared, in words.
    """

    pin: str
    name: str
    revision: str
    fingerprint: str
    template: str
    dtype: str
    device: str
    attention: str
    hardware: str = ""
    quantization: str = "none"
    thinking: str = "default"
    versions: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Step:
    """One greedy step: the two highest raw logits and the tokens that carry them.

    ``further`` holds the next few (token id, logit), highest first; ``entropy`` is that of the
    whole next-token distribution at temperature 1, in nats, ``None`` where it was not recorded.
    """

    top1: int
    top2: int
    logit1: float
    logit2: float
    further: tuple[tuple[int, float], ...] = ()
    entropy: float | None = None

    @property
    def margin(self) -> float:
        """Top-1 logit minus top-2 logit, in logits; 0 is a tie."""
        return self.logit1 - self.logit2

    @property
    def branching(self) -> float | None:
        """The effective branching factor exp(entropy): 1 where one token takes all."""
        return None if self.entropy is None else math.exp(self.entropy)


@dataclass(frozen=True, kw_only=True, eq=False)
class Run:
    """One greedy generation. The only noun that may hold arrays.

    ``output_ids`` ends with the end-of-sequence token where the model emitted one, so that a
    strict prefix still differs from its continuation. ``tokens`` are the printable pieces of
    ``output_ids``. ``prompt_logits`` has shape (vocabulary,), float32: the raw logits at the
    prompt's end. ``prompt_hidden`` has shape (layers + 1, width), float32: the hidden state of
    the prompt's last token entering layer 0, 1, ... and, last, after the final norm.
    ``batch_shape`` is (rows, padded prompt length[, shared prefix]). ``pieces`` are the printable
    pieces of the tokens that ``steps`` name. ``key`` is the address in the evidence store;
    ``cached`` says that it was read from there.
    """

    key: str
    prompt: Prompt
    prompt_ids: tuple[int, ...]
    output_ids: tuple[int, ...]
    tokens: tuple[str, ...]
    text: str
    steps: tuple[Step, ...]
    finish: Literal["end", "horizon"]
    horizon: int
    batch_shape: tuple[int, ...]
    repeat: int
    model: ModelIdentity
    seconds: float
    prompt_logits: NDArray[np.float32]
    prompt_hidden: NDArray[np.float32]
    pieces: Mapping[int, str] = field(default_factory=dict)
    cached: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class Forced:
    """A center's and a neighbor's prompt, teacher-forced along one and the same output.

    Step t compares the next-token logits after (center, output[:t]) with those after (neighbor,
    output[:t]). All arrays have shape (steps,), steps = tokens of that output. ``js`` is the
    Jensen-Shannon divergence in nats; ``gap`` the root mean square difference of the centered
    logits, in logits; ``rank_a`` the rank (0 = highest) of the center's winner among the
    neighbor's logits, ``rank_b`` the other way round; ``margin_a`` and ``margin_b`` top-1 minus
    top-2, in logits.
    """

    js: NDArray[np.float64]
    gap: NDArray[np.float64]
    rank_a: NDArray[np.int64]
    rank_b: NDArray[np.int64]
    margin_a: NDArray[np.float64]
    margin_b: NDArray[np.float64]
