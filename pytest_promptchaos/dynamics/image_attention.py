"""How much the tokens of a question look at the picture: a model's own attention weights."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import torch
from torch import Tensor

from pytest_promptchaos.dynamics.chain import chain_of, watch
from pytest_promptchaos.dynamics.forward import Arguments
from pytest_promptchaos.dynamics.parity import relative_difference, tolerance
from pytest_promptchaos.dynamics.sighted import sighted
from pytest_promptchaos.errors import FocusError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray
    from torch.nn import Module
    from transformers import PreTrainedModel

AttentionKind: TypeAlias = Literal["self", "cross"]
_SLACK = 1e-2
"""How far a row of weights may exceed 1: half precision rounds each of them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageAttention:
    """Attention from some tokens of a prompt to its picture, by layer and head.

    ``weights`` (layers, heads, rows, image tokens) are the softmaxed ones, float32, and ``mass``
    (layers, heads, rows) their sums, in [0, 1]: the share of all attention that goes to the
    picture. ``layers`` are the dotted names of the layers that attend, in order of their calls.
    ``kind`` is ``"self"`` where image tokens lie in the prompt, ``"cross"`` where layers of their
    own attend to image states; then the mass is 1 and says nothing. ``notes`` say in words what
    was switched.
    """

    weights: NDArray[np.float32]
    layers: tuple[str, ...]
    kind: AttentionKind
    mass: NDArray[np.float32]
    notes: tuple[str, ...]


def image_attention(
    network: PreTrainedModel,
    inputs: Mapping[str, Tensor],
    rows: ArrayLike,
    columns: ArrayLike | None = None,
) -> ImageAttention:
    """Return the attention of the tokens ``rows`` to the picture's tokens ``columns``.

    ``inputs`` are all that the forward takes for one prompt, ``input_ids`` (1, T) among them;
    ``rows`` are places in it, or a boolean mask (T,). ``columns`` is the mask (T,) of the image
    tokens; where layers attend to image states by cross-attention it is not looked at, and all of
    these states are returned. Weights are read off one forward under ``eager`` attention, which
    alone computes them; what was set before is set again. That forward must lead to the same
    logits as the ordinary one.

    Raises:
        FocusError: where no layer gives weights (state-space layers, kernels that are no eager
            attention), image tokens are missing, weights are no shares, or eager attention
            computes something else.
    """
    ids = inputs["input_ids"]
    with sighted(network, inputs), torch.no_grad():
        ordinary = _logits(network, ids)
        names = _layer_names(network, ids)
        with _eager(network) as notes, _reading(network, names, ids.shape[1]) as read:
            eager = _logits(network, ids)
            if not read.found:
                _logits(network, ids, output_attentions=True)
    _refuse_another_forward(network, ordinary, eager)
    kind: AttentionKind = "cross" if any(one.cross for one in read.found) else "self"
    kept = [one for one in read.found if one.cross == (kind == "cross")]
    _refuse_none(network, kept)
    weights = _picked(kept, _places(rows, ids.shape[1], "rows"), _seen(columns, ids.shape[1], kind))
    return ImageAttention(
        weights=weights,
        layers=tuple(one.layer for one in kept),
        kind=kind,
        mass=_mass(weights),
        notes=(*notes, *_left_out(names, kept, kind)),
    )


# -- what one forward gives ---------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Weights:
    """The weights (heads, T, keys) of one call of an attention module."""

    layer: str
    cross: bool
    values: Tensor


class _Reading:
    """The weights that the attention modules of a forward return."""

    def __init__(self, tokens: int) -> None:
        self.found: list[_Weights] = []
        self._tokens = tokens

    def read(self, layer: str, given: Arguments, output: Any) -> None:
        """Keep the weights in what a module returned, once: a layer may pass on its attention's."""
        values = output if isinstance(output, (tuple, list)) else ()
        for value in values:
            if isinstance(value, Tensor) and _is_weights(value, self._tokens):
                known = any(value.data_ptr() == one.values.data_ptr() for one in self.found)
                if not known:
                    cross = _has_other_states(given)
                    self.found.append(_Weights(layer, cross, value[0]))


@contextmanager
def _reading(network: PreTrainedModel, names: Sequence[str], tokens: int) -> Iterator[_Reading]:
    """Give what the modules in the language layers return of attention weights."""
    reading = _Reading(tokens)
    with ExitStack() as hooks:
        for name in names:
            for part in network.get_submodule(name).modules():

                def leave(
                    _: Module,
                    args: tuple[Any, ...],
                    kwargs: dict[str, Any],
                    output: Any,
                    name: str = name,
                ) -> None:
                    reading.read(name, Arguments(args, kwargs), output)

                hooks.callback(part.register_forward_hook(leave, with_kwargs=True).remove)
        yield reading


def _is_weights(value: Tensor, tokens: int) -> bool:
    """Say whether a tensor holds attention weights (1, heads, tokens, keys): rows of shares."""
    if value.dim() != 4 or not value.is_floating_point() or value.shape[:3:2] != (1, tokens):
        return False
    sums = value.float().sum(dim=-1)
    return bool((value >= 0).all() and (sums <= 1 + _SLACK).all())


def _has_other_states(given: Arguments) -> bool:
    """Say whether a module is given states beside its hidden state, as cross-attention is."""
    positional, named = given.others
    return any(
        isinstance(value, Tensor) and value.is_floating_point() and value.dim() == 3
        for value in (*positional, *named.values())
    )


def _layer_names(network: PreTrainedModel, ids: Tensor) -> list[str]:
    """Return the dotted names of the language layers, in order of their calls."""
    names = {part: name for name, part in network.named_modules()}
    return list(dict.fromkeys(names[c.place.layer] for c in chain_of(network, watch(network, ids))))


def _logits(network: PreTrainedModel, ids: Tensor, **options: Any) -> Tensor:
    """Return the logits (1, T, vocabulary) of a forward without cache."""
    mask = torch.ones_like(ids)
    found: Tensor = network(input_ids=ids, attention_mask=mask, use_cache=False, **options).logits
    return found


@contextmanager
def _eager(network: PreTrainedModel) -> Iterator[tuple[str, ...]]:
    """Switch attention to eager, say in words what was switched, and undo it exactly."""
    configs = {id(c): c for c in _configs(network)}
    before = {key: config._attn_implementation_internal for key, config in configs.items()}
    switched = sorted({kind for kind in before.values() if kind not in (None, "eager")})
    try:
        if switched:
            network.set_attn_implementation("eager")
        yield tuple(
            f"attention {kind!r} was computed as 'eager': no other returns its weights"
            for kind in switched
        )
    finally:
        for key, config in configs.items():
            config._attn_implementation_internal = before[key]


def _configs(network: PreTrainedModel) -> list[Any]:
    """Return every configuration that says which attention is computed."""
    held = [getattr(part, "config", None) for part in network.modules()]
    inner = [getattr(c, n, None) for c in held for n in getattr(c, "sub_configs", {})]
    return [c for c in (*held, *inner) if hasattr(c, "_attn_implementation_internal")]


# -- what is kept of it -------------------------------------------------------------------------


def _refuse_another_forward(network: PreTrainedModel, ordinary: Tensor, eager: Tensor) -> None:
    """Raise ``FocusError`` where eager attention leads to other logits than the model's own."""
    precision = max((ordinary.dtype, network.dtype), key=lambda dtype: torch.finfo(dtype).eps)
    difference, allowed = relative_difference(eager, ordinary), tolerance(precision)
    if not difference <= allowed:
        raise FocusError(
            f"under eager attention the logits of {type(network).__name__} differ from its own by "
            f"{difference:.1e} (relative, at most {allowed:.1e}): its weights would be another "
            "model's; load it with attention='eager'"
        )


def _refuse_none(network: PreTrainedModel, kept: Sequence[_Weights]) -> None:
    """Raise ``FocusError`` where no layer returned weights, or they do not go together."""
    if not kept:
        raise FocusError(
            f"no language layer of {type(network).__name__} returned attention weights: "
            "state-space layers have none, and fused kernels hide them; measure it without focus "
            "(focus='off')"
        )
    shapes = {tuple(one.values.shape) for one in kept}
    if len(shapes) > 1:
        raise FocusError(
            f"the layers of {type(network).__name__} attend in different shapes "
            f"{sorted(shapes)} (heads, tokens, keys): they cannot be laid on one another; measure "
            "it without focus (focus='off')"
        )


def _left_out(
    names: Sequence[str], kept: Sequence[_Weights], kind: AttentionKind
) -> tuple[str, ...]:
    """Return what is said of layers that are not among those kept."""
    missing = [name for name in names if name not in {one.layer for one in kept}]
    if not missing or kind == "cross":
        return ()
    return (f"{len(missing)} of {len(names)} layers have no attention weights: {missing}",)


def _places(given: ArrayLike, tokens: int, what: str) -> NDArray[np.intp]:
    """Return places among ``tokens``, given as places or as a mask; raises ``FocusError``."""
    places = np.asarray(given)
    if places.dtype == np.bool_ and places.shape == (tokens,):
        places = places.nonzero()[0]
    if not len(places) or places.dtype == np.bool_ or not (places < tokens).all():
        raise FocusError(
            f"{what} of dtype {places.dtype} and shape {places.shape}: give at least one place "
            f"below {tokens}, or a boolean mask of shape ({tokens},) that holds one"
        )
    return places.astype(np.intp)


def _seen(columns: ArrayLike | None, tokens: int, kind: AttentionKind) -> NDArray[np.intp] | None:
    """Return the places of the image tokens among the keys; ``None`` for all keys."""
    if kind == "cross":
        return None
    if columns is None:
        raise FocusError(
            "columns is None, and no layer attends to image states of its own: give the mask of "
            "the image tokens in the prompt"
        )
    return _places(columns, tokens, "columns")


def _picked(
    kept: Sequence[_Weights], rows: NDArray[np.intp], columns: NDArray[np.intp] | None
) -> NDArray[np.float32]:
    """Return the weights (layers, heads, rows, image tokens), float32."""
    found = np.stack([one.values[:, rows].float().cpu().numpy() for one in kept])
    picked: NDArray[np.float32] = found if columns is None else found[..., columns]
    return picked


def _mass(weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how much attention goes to the picture, in [0, 1]; rounding above 1 is cut.

    >>> _mass(np.array([[[[0.25, 0.5]]]], dtype=np.float32)).item()
    0.75
    """
    mass: NDArray[np.float32] = weights.sum(axis=-1, dtype=np.float64).astype(np.float32)
    return np.minimum(mass, np.float32(1.0))
