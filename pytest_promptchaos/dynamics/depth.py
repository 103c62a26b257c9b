"""The depth of a language model as steps: its own decoder layers with its own arguments."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from pytest_promptchaos.dynamics.capture import Call, capture
from pytest_promptchaos.dynamics.carried import Carried
from pytest_promptchaos.dynamics.positions import Positions, position_mask
from pytest_promptchaos.dynamics.replay import check_once
from pytest_promptchaos.dynamics.switches import followable, kernel_notes
from pytest_promptchaos.dynamics.tangent import Growth, draw_tangents, push
from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import PreTrainedModel

    from pytest_promptchaos.dynamics.linearize import Step
    from pytest_promptchaos.dynamics.modes import Mode


@dataclass(frozen=True, kw_only=True, eq=False)
class Depth:
    """A model's depth at one prompt, ready to be pushed through.

    ``steps`` replay the decoder layers, ``names`` are their dotted names. ``state`` is the hidden
    state entering the first, ``reference`` holds the one leaving each in the model's ordinary
    forward and ``final_hidden`` is the last of them (final norm not applied), all (1, T, width).
    ``precision`` is the coarsest dtype of the weights: some models keep a finer residual.
    ``notes`` say in words what was switched.
    """

    steps: tuple[Step, ...]
    names: tuple[str, ...]
    state: Tensor
    reference: tuple[Tensor, ...]
    precision: torch.dtype
    notes: tuple[str, ...]

    @property
    def final_hidden(self) -> Tensor:
        """The hidden state leaving the last layer, before the final norm."""
        return self.reference[-1]


def decoder_depth(network: PreTrainedModel, input_ids: Tensor) -> Depth:
    """Return the depth of ``network`` at one prompt, taken from its ordinary forward.

    ``input_ids`` has shape (1, T). Layers are found by watching one forward, not by architecture.
    They are replayed with plain products in their attention, which tangents can follow; an
    attention or expert implementation that rules it out is switched, and ``notes`` say so.

    The first time a network is seen at a length (to the next power of two) in a dtype, on a
    device, it is also checked that each replayed layer gives what the ordinary forward gave, and
    that its derivative agrees with a finite difference: these are properties of its code, and
    cost several forwards.

    Raises:
        DepthError: when the layers cannot be found or one of these checks fails.
    """
    _refuse_misfits(network, input_ids)
    ordinary = capture(network, input_ids)
    with followable(network) as switched:
        chain = capture(network, input_ids) if switched else ordinary
        steps = tuple(_step(network, call) for call in chain)
        precision = _coarsest(network)
        check_once(
            network,
            input_ids,
            ordinary=ordinary,
            steps=steps,
            precision=precision,
        )
    return Depth(
        steps=steps,
        names=tuple(call.name for call in ordinary),
        state=ordinary[0].entering,
        reference=tuple(call.leaving for call in ordinary),
        precision=precision,
        notes=switched + kernel_notes(network),
    )


def depth_growth(
    network: PreTrainedModel,
    input_ids: Tensor,
    *,
    tangents: int = 10,
    seed: int = 0,
    positions: Positions = "prompt",
    mode: Mode = "independent",
    cadence: int | None = 4,
    chunk: int | None = None,
    memory: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Growth:
    """Return the growth of random tangents over the depth of ``network``, in nats per layer.

    ``tangents`` directions, drawn from ``seed``, ``seed + 1``, ..., live on the hidden states
    entering the first layer at ``positions``: all of the ``"prompt"``, the ``"last"``, or a
    boolean mask of shape (T,). The other knobs are those of
    :func:`pytest_promptchaos.dynamics.tangent.push`. The dtype is the network's. In every layer
    the state that forward-mode AD carries is compared with the ordinary forward's.

    Raises:
        DepthError: when the depth cannot be followed; names the operation and the layer.
        ValueError: for positions, tangents, mode, cadence, chunk or memory that make no sense.

    Source: G. Benettin et al., Meccanica 15 (1980) 9-20, doi:10.1007/BF02128236.
    """
    depth = decoder_depth(network, input_ids)
    mask = position_mask(positions, depth.state.shape[1])
    growth = push(
        depth.steps,
        depth.state,
        draw_tangents(depth.state.shape, tangents, seed, mask=mask),
        mode=mode,
        cadence=cadence,
        chunk=chunk,
        memory=memory,
        precision=depth.precision,
        mask=mask,
        reference=depth.reference,
        progress=progress,
    )
    return replace(growth, notes=depth.notes)


def _refuse_misfits(network: PreTrainedModel, input_ids: Tensor) -> None:
    """Raise ``DepthError`` for a model or a prompt that has no one forward to follow."""
    if input_ids.dim() != 2 or len(input_ids) != 1 or not input_ids.numel():
        raise DepthError(
            f"input_ids have shape {tuple(input_ids.shape)}: depth is followed for one prompt, "
            "shape (1, tokens), with at least one token"
        )
    if network.training:
        raise DepthError("the network is in training mode, where dropout acts: call .eval() first")
    if getattr(network.config, "is_encoder_decoder", False):
        raise DepthError(
            f"{type(network).__name__} is an encoder-decoder: only decoder-only models have one "
            "depth from prompt to answer"
        )


def _step(network: PreTrainedModel, call: Call) -> Step:
    """Return the layer as a step, under kernels that forward-mode AD can follow."""

    def step(state: Tensor) -> Tensor:
        with followable(network), sdpa_kernel(SDPBackend.MATH):
            # A layer may add to its input in place; a carried state is a copy already.
            return call.replay(state if isinstance(state, Carried) else state.clone())

    return step


def _coarsest(network: PreTrainedModel) -> torch.dtype:
    """Return the floating dtype of the weights that has the fewest digits."""
    dtypes: set[torch.dtype] = {
        weight.dtype for weight in network.parameters() if weight.is_floating_point()
    }
    return max(dtypes, key=lambda dtype: torch.finfo(dtype).eps)
