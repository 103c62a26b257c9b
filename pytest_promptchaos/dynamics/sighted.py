"""A network that sees its picture, for all that calls it with nothing but token ids."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import torch

from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor
    from torch.nn import Module
    from transformers import PreTrainedModel

_IDS = "input_ids"
_SHOWN: WeakKeyDictionary[Module, Mapping[str, Any]] = WeakKeyDictionary()


@contextmanager
def sighted(network: PreTrainedModel, inputs: Mapping[str, Tensor]) -> Iterator[None]:
    """Let every forward of ``network`` within see what ``inputs`` hold besides the token ids.

    ``inputs`` are all that the forward takes for one prompt: ``input_ids`` (1, T), pixel values,
    grids, masks. What a forward is given by its caller stays as given. Nested use shows the inner
    prompt; behind the ``with`` the network is as it was, also after an error.

    Raises:
        DepthError: from a forward within whose token ids are not those of ``inputs``: the picture
            belongs to one prompt.
    """
    earlier = _SHOWN.get(network)
    _SHOWN[network] = dict(inputs)
    hook = network.register_forward_pre_hook(_see, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()
        if earlier is None:
            del _SHOWN[network]
        else:
            _SHOWN[network] = earlier


def shown_to(network: Module) -> tuple[str, ...]:
    """Return the names of what the network is shown beside the token ids, sorted."""
    return tuple(sorted(name for name in _SHOWN.get(network, {}) if name != _IDS))


def is_sight(hook: object) -> bool:
    """Say whether a forward pre-hook is that of :func:`sighted`, which changes no code."""
    return hook is _see


def image_tower(network: PreTrainedModel) -> Module | None:
    """Return the part of the network that encodes images; ``None`` where it names none.

    It is asked of transformers: ``get_encoder(modality="image")`` returns the model itself, or
    what it wraps, where there is none.
    """
    if not hasattr(network, "get_encoder"):
        return None
    found: Module = network.get_encoder(modality="image")
    return None if found in {network, getattr(network, "base_model", network)} else found


def language_lists(network: PreTrainedModel) -> list[torch.nn.ModuleList]:
    """Return the module lists in which language layers may lie.

    Those of the whole network; with an image tower, those of its language model outside of the
    tower, which may be the deeper of the two.
    """
    tower = image_tower(network)
    inside = network if tower is None else network.get_decoder()
    others = set() if tower is None else set(tower.modules())
    return [
        part
        for part in inside.modules()
        if isinstance(part, torch.nn.ModuleList) and part not in others
    ]


def _see(
    network: Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of a forward with what the network is shown."""
    shown = _SHOWN[network]
    given = args[0] if args else kwargs.get(_IDS)
    ids = shown.get(_IDS)
    if ids is not None and given is not None and not _equal(given, ids):
        raise DepthError(
            f"a forward on token ids of shape {tuple(given.shape)} while a picture is shown with "
            f"others, of shape {tuple(ids.shape)}: the picture belongs to one prompt, so pass "
            "that prompt's own token ids"
        )
    taken = {_IDS} if args else set()
    more = {name: value for name, value in shown.items() if name not in taken}
    return args, {**more, **kwargs}


def _equal(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and bool(torch.equal(one, other.to(one.device)))
