"""The depth of a language model as steps: its own decoder layers with its own arguments."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from pytest_promptchaos.dynamics.capture import Call, capture, refuse_dependent_arguments
from pytest_promptchaos.dynamics.parity import relative_difference, tolerance
from pytest_promptchaos.dynamics.tangent import Growth, draw_tangents, push
from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray
    from transformers import PreTrainedModel

    from pytest_promptchaos.dynamics.linearize import Step
    from pytest_promptchaos.dynamics.modes import Mode

Positions: TypeAlias = "Literal['prompt', 'last'] | NDArray[np.bool_]"


@dataclass(frozen=True, kw_only=True, eq=False)
class Depth:
    """A model's depth at one prompt, ready to be pushed through.

    ``steps`` replay the decoder layers, ``names`` are their dotted names. ``state`` is the hidden
    state entering the first, ``final_hidden`` the one leaving the last in the model's ordinary
    forward (final norm not applied), both (1, T, width). ``parity`` is the worst relative
    difference, over layers and tokens, between a replayed layer and the ordinary forward.
    ``precision`` is the coarsest dtype of the weights: some models keep a finer residual.
    """

    steps: tuple[Step, ...]
    names: tuple[str, ...]
    state: Tensor
    final_hidden: Tensor
    parity: float
    precision: torch.dtype
    notes: tuple[str, ...]


def decoder_depth(network: PreTrainedModel, input_ids: Tensor) -> Depth:
    """Return the depth of ``network`` at one prompt, checked against its ordinary forward.

    ``input_ids`` has shape (1, T). Layers are found by watching one forward, not by architecture.
    They are replayed with math attention, the only kernel that forward-mode AD can follow; an
    attention or expert implementation that rules it out is switched, and ``notes`` say so.

    Raises:
        DepthError: when the layers cannot be found, an argument of a layer depends on the hidden
            state, or a replayed layer does not give what the ordinary forward gave.
    """
    _refuse_misfits(network, input_ids)
    ordinary = capture(network, input_ids)
    with _followable(network) as switched:
        chain = capture(network, input_ids) if switched else ordinary
        refuse_dependent_arguments(network, input_ids, chain)
    steps = tuple(_step(network, call) for call in chain)
    precision = _coarsest(network)
    return Depth(
        steps=steps,
        names=tuple(call.name for call in ordinary),
        state=ordinary[0].entering,
        final_hidden=ordinary[-1].leaving,
        parity=_replay_parity(steps, ordinary, precision),
        precision=precision,
        notes=switched + _kernel_notes(network),
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
) -> Growth:
    """Return the growth of random tangents over the depth of ``network``, in nats per layer.

    ``tangents`` directions, drawn from ``seed``, ``seed + 1``, ..., live on the hidden states
    entering the first layer at ``positions``: all of the ``"prompt"``, the ``"last"``, or a
    boolean mask of shape (T,). The other knobs are those of
    :func:`pytest_promptchaos.dynamics.tangent.push`. The dtype is the network's.

    Raises:
        DepthError: when the depth cannot be followed; names the operation and the layer.
        ValueError: for positions, tangents, mode, cadence or chunk that make no sense.

    Source: G. Benettin et al., Meccanica 15 (1980) 9-20, doi:10.1007/BF02128236.
    """
    depth = decoder_depth(network, input_ids)
    mask = _position_mask(positions, input_ids.shape[1])
    drawn = draw_tangents(depth.state.shape, tangents, seed, mask=mask)
    growth = push(
        depth.steps,
        depth.state,
        drawn,
        mode=mode,
        cadence=cadence,
        chunk=chunk,
        precision=depth.precision,
        mask=mask,
    )
    return replace(growth, parity=max(growth.parity, depth.parity), notes=depth.notes)


_REASON = "forward-mode AD follows only plain operations"
_FOLLOWABLE_ATTENTION = ("sdpa", "eager")


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


@contextmanager
def _followable(network: PreTrainedModel) -> Iterator[tuple[str, ...]]:
    """Switch what forward-mode AD cannot follow, say in words what was switched, and undo it."""
    config, notes = network.config, []
    with ExitStack() as undo:
        attention = config._attn_implementation
        if attention not in _FOLLOWABLE_ATTENTION:
            wanted = "sdpa" if getattr(network, "_supports_sdpa", False) else "eager"
            undo.callback(network.set_attn_implementation, attention)
            network.set_attn_implementation(wanted)
            notes.append(f"attention {attention!r} was replayed as {wanted!r}: {_REASON}")
        experts = getattr(config, "_experts_implementation", None)
        if experts not in (None, "eager"):
            undo.callback(network.set_experts_implementation, experts)
            network.set_experts_implementation("eager")
            notes.append(f"experts {experts!r} were replayed as 'eager': {_REASON}")
        yield tuple(notes)


def _kernel_notes(network: PreTrainedModel) -> tuple[str, ...]:
    """Return what is said of the attention kernel: eager attention has only one."""
    if network.config._attn_implementation == "eager":
        return ()
    return (f"sdpa attention was replayed with its math kernel: {_REASON}",)


def _step(network: PreTrainedModel, call: Call) -> Step:
    """Return the layer as a step, under kernels that forward-mode AD can follow."""

    def step(state: Tensor) -> Tensor:
        with _followable(network), sdpa_kernel(SDPBackend.MATH):
            # A copy, because a layer may add to its input in place.
            return call.replay(state.clone())

    return step


def _coarsest(network: PreTrainedModel) -> torch.dtype:
    """Return the floating dtype of the weights that has the fewest digits."""
    dtypes: set[torch.dtype] = {
        weight.dtype for weight in network.parameters() if weight.is_floating_point()
    }
    return max(dtypes, key=lambda dtype: torch.finfo(dtype).eps)


def _replay_parity(
    steps: tuple[Step, ...], ordinary: tuple[Call, ...], precision: torch.dtype
) -> float:
    """Return the worst relative difference of a replayed layer; raise if one is too large.

    Every layer is replayed from the state that entered it in the ordinary forward, so that the
    difference is its own and not that of the layers before, grown by depth.
    """
    worst = 0.0
    with torch.no_grad():
        for step, call in zip(steps, ordinary, strict=True):
            difference = relative_difference(_replayed(step, call), call.leaving)
            if not difference <= tolerance(precision):
                raise DepthError(
                    f"{call.name} replayed with its own arguments differs from the model's "
                    f"forward by {difference:.1e} (relative, at most "
                    f"{tolerance(precision):.1e}): its growth would be another model's"
                )
            worst = max(worst, difference)
    return worst


def _replayed(step: Step, call: Call) -> Tensor:
    """Return the replayed layer's output; raise ``DepthError`` if it cannot be called again."""
    try:
        return step(call.entering)
    except Exception as error:
        raise DepthError(
            f"{call.name} cannot be called again with the arguments of the model's own forward "
            f"({type(error).__name__}: {error}); it may keep state between calls"
        ) from error


def _position_mask(positions: Positions, tokens: int) -> Tensor:
    """Return the positions that a tangent may start from, shape (tokens, 1), boolean."""
    if isinstance(positions, str):
        if positions not in ("prompt", "last"):
            raise ValueError(f"positions {positions!r}: choose 'prompt', 'last' or a boolean mask")
        first = 0 if positions == "prompt" else tokens - 1
        return (torch.arange(tokens) >= first).unsqueeze(-1)
    mask = np.asarray(positions)
    if mask.dtype != np.bool_ or mask.shape != (tokens,):
        raise ValueError(
            f"positions of dtype {mask.dtype} and shape {mask.shape}: a mask is boolean, one "
            f"value per token, shape ({tokens},)"
        )
    return torch.from_numpy(mask).unsqueeze(-1)
