"""How far a small change of the question, or of the picture, comes: their growth apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.func import jvp
from torch.nn.attention import SDPBackend, sdpa_kernel

from pytest_promptchaos.dynamics.chain import chain_of, watch
from pytest_promptchaos.dynamics.depth import decoder_depth
from pytest_promptchaos.dynamics.families import load_forward_rules
from pytest_promptchaos.dynamics.forward import Place, forward, hidden_of
from pytest_promptchaos.dynamics.modes import norms
from pytest_promptchaos.dynamics.passage import projection_of, with_first_state
from pytest_promptchaos.dynamics.positions import position_mask
from pytest_promptchaos.dynamics.sighted import sighted
from pytest_promptchaos.dynamics.switches import followable
from pytest_promptchaos.dynamics.tangent import draw_tangents, push
from pytest_promptchaos.dynamics.travel import arrive
from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray
    from torch.nn import Module
    from transformers import PreTrainedModel

    from pytest_promptchaos.dynamics.chain import Seen
    from pytest_promptchaos.dynamics.linearize import Step
    from pytest_promptchaos.dynamics.positions import Positions


@dataclass(frozen=True, kw_only=True, eq=False)
class OriginGrowth:
    """How k tangents that start at some tokens of a prompt grow, and what of them arrives.

    ``profile`` (k, L) is the log growth in each language layer, in nats. ``reach`` (k,) is what
    the answering token feels of it, relative to the states: ``(|dh| / |h|) / (|du| / |u|)``, with
    h leaving the last layer at that token, u entering the first where the tangents start. It is
    at least 0, and exactly 0 where nothing leads from there to the answer.
    """

    profile: NDArray[np.float64]
    reach: NDArray[np.float64]
    names: tuple[str, ...]
    notes: tuple[str, ...]


def growth_from(
    network: PreTrainedModel,
    inputs: Mapping[str, Tensor],
    positions: Positions,
    *,
    tangents: int = 4,
    seed: int = 0,
    chunk: int | None = None,
) -> OriginGrowth:
    """Return the growth of random tangents that start at some tokens of a prompt with a picture.

    ``inputs`` are all that the forward takes for one prompt, ``input_ids`` (1, T) among them.
    ``positions`` is a boolean mask (T,), such as that of the image tokens, or of the question's.
    The tangents are those of :func:`pytest_promptchaos.dynamics.depth.depth_growth`, the answering
    token is the last.

    Raises:
        DepthError: where the depth cannot be followed.
        ValueError: for positions or tangents that make no sense.
    """
    ids = inputs["input_ids"]
    mask = position_mask(positions, ids.shape[1])
    with sighted(network, inputs):
        depth = decoder_depth(network, ids)
        drawn = draw_tangents(depth.state.shape, tangents, seed, mask=mask)
        growth = push(
            depth.steps,
            depth.state,
            drawn,
            chunk=chunk,
            precision=depth.precision,
            mask=mask,
            reference=depth.reference,
        )
        end = arrive(depth.steps, depth.state, drawn, chunk=chunk)
    width = depth.final_hidden.shape[-1]
    began = norms((depth.state * mask.to(depth.state))[None])
    return OriginGrowth(
        profile=growth.profile,
        reach=_relative(
            norms(end.tangents[..., -1, :width]) * end.log_norms.exp(),
            depth.final_hidden[:, -1],
            began,
        ),
        names=depth.names,
        notes=depth.notes,
    )


def reach_of_picture(
    network: PreTrainedModel, inputs: Mapping[str, Tensor], *, tangents: int = 4, seed: int = 0
) -> NDArray[np.float64]:
    """Return what the answering token feels of k random changes of the projected picture, (k,).

    The tangents live on what the projector's last module returns, wherever that goes: into the
    prompt, or into cross-attention, where the picture has no tokens of its own and
    :func:`growth_from` would follow a mere placeholder. What other modules lead around it (states
    from half way up the tower) is held. Formula and range are those of :class:`OriginGrowth`, with
    u the projector's states.

    Raises:
        DepthError: for a prompt without picture, a projector that is not found or called more
            than once, or an operation behind it that forward-mode AD cannot follow.
        ValueError: for fewer than one tangent.
    """
    ids = inputs["input_ids"]
    load_forward_rules()
    with sighted(network, inputs), torch.no_grad():
        calls = chain_of(network, watch(network, ids))
        projector, features = projection_of(network, ids, calls[0])
        step = _from_features(network, ids, projector, calls[-1])
        drawn = draw_tangents(features.shape, tangents, seed).to(features)
        moved = []
        for tangent in drawn:
            hidden, change = _follow(step, features, tangent)
            moved.append(change)
    return _relative(norms(torch.stack(moved)) / norms(drawn), hidden, norms(features[None]))


def _follow(step: Step, features: Tensor, tangent: Tensor) -> tuple[Tensor, Tensor]:
    """Return a step's value and its moved tangent; raises ``DepthError``."""
    try:
        pair: tuple[Tensor, Tensor] = jvp(step, (features,), (tangent,))  # type: ignore[assignment]
    except (RuntimeError, NotImplementedError) as error:
        raise DepthError(
            f"forward-mode AD cannot follow the picture into the language model ({error}); "
            "use an implementation made of plain torch operations (eager or math attention)"
        ) from error
    return pair


def _from_features(network: PreTrainedModel, ids: Tensor, projector: Module, last: Seen) -> Step:
    """Return the step from what the projector returns to the answering token's last state."""

    def step(features: Tensor) -> Tensor:
        found: list[Tensor] = []

        def leave(place: Place, output: Any) -> None:
            if place == last.place:
                hidden = hidden_of(output, last.layout.shape)
                assert hidden is not None
                found.append(last.layout.rows(hidden)[:, -1])

        def put(_: Module, __: tuple[Any, ...], output: Any) -> Any:
            return with_first_state(output, features)

        hook = projector.register_forward_hook(put)
        try:
            with followable(network), sdpa_kernel(SDPBackend.MATH):
                forward(network, ids, [last.place.layer], leave=leave)
        finally:
            hook.remove()
        return found[0]

    return step


def _relative(moved: Tensor, hidden: Tensor, began: Tensor) -> NDArray[np.float64]:
    """Return sizes (k,) of unit tangents' changes relative to both states."""
    size = torch.linalg.vector_norm(hidden, dtype=torch.float64)
    if not bool(size > 0) or not bool((began > 0).all()):
        raise DepthError("a state is exactly zero: no change is relative to it")
    found: NDArray[np.float64] = (moved.double() / size * began.double()).cpu().numpy()
    return found
