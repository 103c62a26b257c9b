"""Growth in logit space: what a perturbation of the hidden state does to the next token.

The way from the last layer to the logits (final norm, head, scaling, capping) is found in no
list: the model's own forward runs once more with the last layer's output put in its place, and
that is linearized.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from pytest_promptchaos.dynamics.layout import layout_of
from pytest_promptchaos.dynamics.linearize import linearize
from pytest_promptchaos.dynamics.modes import norms
from pytest_promptchaos.dynamics.parity import relative_difference, tolerance
from pytest_promptchaos.dynamics.positions import position_mask
from pytest_promptchaos.dynamics.switches import followable
from pytest_promptchaos.dynamics.tangent import draw_tangents
from pytest_promptchaos.dynamics.travel import arrive
from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor
    from torch.nn import Module
    from transformers import PreTrainedModel

    from pytest_promptchaos.dynamics.depth import Depth
    from pytest_promptchaos.dynamics.linearize import Step
    from pytest_promptchaos.dynamics.positions import Positions


@dataclass(frozen=True, kw_only=True, eq=False)
class Readout:
    """Growth of k tangents into logit space at the tokens read, each (k,), in nats.

    Logits are centered over the vocabulary first, because a shift of all of them alike changes no
    probability. ``growth`` is ``log(|J_out v| / |v|)`` from the last layer's output at the tokens
    read, ``total`` the same from the embedding output, where the tangent started.
    ``relative_growth`` and ``relative_total`` are those beyond the states themselves: the relative
    change of the logits per relative change of the hidden state. A relative total of 0 means that
    an edit of one percent of the embeddings moves the logits by one percent of their spread.
    """

    growth: NDArray[np.float64]
    total: NDArray[np.float64]
    relative_growth: NDArray[np.float64]
    relative_total: NDArray[np.float64]


def readout(
    network: PreTrainedModel,
    input_ids: Tensor,
    depth: Depth,
    *,
    tangents: int = 10,
    seed: int = 0,
    positions: Positions = "prompt",
    at: Positions = "last",
    chunk: int | None = None,
) -> Readout:
    """Return how much random tangents grow into the logits, beside their growth over depth.

    The tangents are those of :func:`pytest_promptchaos.dynamics.depth.depth_growth` for the same
    ``tangents``, ``seed`` and ``positions``. ``at`` says at which tokens the logits are read: the
    ``"last"``, whose logits choose the next token, all of the ``"prompt"``, or a mask. The head is
    applied at these tokens alone. Formula: with z the centered logits and h the last layer's
    output there, ``growth = log(|dz| / |dh|)`` and ``relative_growth = growth - log(|z| / |h|)``.

    Raises:
        DepthError: where the logits do not follow from the last layer's output, an operation
            between has no derivative, or no perturbation reaches the tokens read.
        ValueError: for positions or tangents that make no sense.
    """
    tokens = input_ids.shape[1]
    start, read = position_mask(positions, tokens), position_mask(at, tokens)
    drawn = draw_tangents(depth.state.shape, tangents, seed, mask=start)
    end = arrive(depth.steps, depth.state, drawn, chunk=chunk)
    logits, moved = _read_out(
        network, input_ids, depth, tangents=end.tangents, read=read, chunk=chunk
    )
    places = read.flatten().to(logits.device)
    hidden, arrived = depth.final_hidden[:, places], norms(end.tangents[:, :, places])
    if not bool((arrived > 0).all()):
        raise DepthError(
            "no perturbation reaches the tokens that are read: read at or after the tokens where "
            "the tangents start"
        )
    growth = (norms(moved) / arrived).log()
    total = norms(moved).log() + end.log_norms
    began = _log_norm(depth.state * start.to(depth.state))
    return Readout(
        growth=_plain(growth),
        total=_plain(total),
        relative_growth=_plain(growth - _log_norm(logits) + _log_norm(hidden)),
        relative_total=_plain(total - _log_norm(logits) + began),
    )


def head(network: PreTrainedModel, input_ids: Tensor, depth: Depth, read: Tensor) -> Step:
    """Return the step from the last layer's output to the logits at the tokens ``read``.

    ``read`` (T, 1) is boolean; the logits have shape (1, tokens read, vocabulary) and are not
    centered.
    """
    last, places = network.get_submodule(depth.names[-1]), read.flatten().to(input_ids.device)

    def step(state: Tensor) -> Tensor:
        def put(_: Module, __: tuple[Any, ...], output: Any) -> Any:
            return _with_hidden(output, state, input_ids.shape[1])

        def pick(_: Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
            return (args[0][:, places], *args[1:])

        out = network.get_output_embeddings()
        hooks = [last.register_forward_hook(put)]
        hooks += [out.register_forward_pre_hook(pick)] if out is not None else []
        try:
            with followable(network), sdpa_kernel(SDPBackend.MATH):
                logits: Tensor = network(
                    input_ids=input_ids,
                    attention_mask=torch.ones_like(input_ids),
                    use_cache=False,
                ).logits
        finally:
            for hook in hooks:
                hook.remove()
        return logits if logits.shape[1] == int(places.sum()) else logits[:, places]

    return step


def _read_out(
    network: PreTrainedModel,
    input_ids: Tensor,
    depth: Depth,
    *,
    tangents: Tensor,
    read: Tensor,
    chunk: int | None,
) -> tuple[Tensor, Tensor]:
    """Return the centered logits and their tangents at the tokens read, checked for parity."""
    step = head(network, input_ids, depth, read)
    with torch.no_grad():
        ordinary = network(
            input_ids=input_ids, attention_mask=torch.ones_like(input_ids), use_cache=False
        ).logits[:, read.flatten().to(input_ids.device)]
        logits, moved = linearize(step, depth.final_hidden, tangents, chunk)
    difference = relative_difference(logits, ordinary)
    if not difference <= tolerance(depth.precision):
        raise DepthError(
            f"the logits that follow from {depth.names[-1]} differ from the model's own by "
            f"{difference:.1e} (relative): the hidden state reaches them another way as well"
        )
    return _centered(logits), _centered(moved)


def _with_hidden(output: Any, state: Tensor, tokens: int) -> Any:
    """Return a layer's output with ``state``, given as rows, in the place of its hidden state."""
    if isinstance(output, (tuple, list)):
        return type(output)([_with_hidden(output[0], state, tokens), *output[1:]])
    layout = layout_of(output.shape, tokens)
    return state if layout is None else layout.hidden(state)


def _centered(logits: Tensor) -> Tensor:
    """Return logits, or their tangents, minus their mean over the vocabulary, in float64."""
    wide = logits.double()
    return wide - wide.mean(dim=-1, keepdim=True)


def _log_norm(values: Tensor) -> Tensor:
    """Return the log of the joint norm over all axes, in float64."""
    size: Tensor = torch.linalg.vector_norm(values, dtype=torch.float64)
    return size.log()


def _plain(values: Tensor) -> NDArray[np.float64]:
    found: NDArray[np.float64] = values.double().cpu().numpy()
    return found
