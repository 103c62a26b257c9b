"""The decoder layers of a model as it calls them itself: what enters, what leaves, with what."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import torch

from pytest_promptchaos.dynamics.chain import chain_of, members, watch
from pytest_promptchaos.dynamics.course import Bundle, Course, needed_by
from pytest_promptchaos.dynamics.forward import code_of
from pytest_promptchaos.errors import DepthError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor
    from torch.nn import Module
    from transformers import PreTrainedModel

    from pytest_promptchaos.dynamics.chain import Seen
    from pytest_promptchaos.dynamics.forward import Place

    Way = tuple[tuple[Place, ...], tuple[bool, ...], int, tuple[object, ...]]

_NUDGE = 1e-2


@dataclass(frozen=True, kw_only=True, eq=False)
class Call:
    """One layer's call during a forward, as a step from one state to the next.

    States are rows of shape (1, T, n), one per token, whatever the model's own layout.
    ``replay`` maps the state ``entering`` to the one ``leaving``, or any other state. ``scale``
    (n,) is the size at which each number of a row is written: 1, and far less for those that only
    travel along; what is compared with it, such as a tangent drawn at random, is to be multiplied
    by it.
    """

    name: str
    layer: Module
    entering: Tensor
    leaving: Tensor
    scale: Tensor
    alone: bool
    replay: Callable[[Tensor], Tensor]


def capture(network: PreTrainedModel, input_ids: Tensor) -> tuple[Call, ...]:
    """Return the calls of the decoder layers, first call first, from the model's ordinary forward.

    The decoder layers are the ``ModuleList`` with the most members that are called on hidden
    states and return others of the same shape; members may be skipped or called again. Where each
    call takes what the one before returned, and nothing else of the hidden state, it is replayed
    by its layer alone. Otherwise it is replayed by the model's own forward, from its entry to the
    next one's, with all that happens in between; see :mod:`pytest_promptchaos.dynamics.course`.
    Which of the two is found out once per network and length (to the next power of two). The
    state is what a layer is given first; what a model leads around the first layer, such as a
    shortcut from the embeddings to later layers, is held.

    Raises:
        DepthError: when no such list is called, or the first layer is not given the whole state.
    """
    seen = watch(network, input_ids)
    chain = chain_of(network, seen)
    course = Course(
        network=network,
        input_ids=input_ids,
        layers=members(network),
        places=[call.place for call in chain],
        end=chain[-1].place,
        states=[*(call.entering for call in chain), chain[-1].leaving],
        layout=chain[0].layout,
    )
    needed = _needed(course, chain)
    names = {part: name for name, part in network.named_modules()}
    if needed is None:
        return tuple(_alone(names[call.place.layer], call) for call in chain)
    return _along(course, needed, [names[call.place.layer] for call in chain])


def _alone(name: str, seen: Seen) -> Call:
    """Return a call that is replayed by its layer alone."""
    entering = seen.layout.rows(seen.entering)
    return Call(
        name=name,
        layer=seen.place.layer,
        entering=entering,
        leaving=seen.layout.rows(seen.leaving),
        scale=torch.ones_like(entering[0, 0]),
        alone=True,
        replay=seen.replay,
    )


def _along(
    course: Course, needed: Sequence[frozenset[int]], names: Sequence[str]
) -> tuple[Call, ...]:
    """Return the calls as parts of the course, with the earlier states that each needs."""
    bundles = [Bundle(course, number, sorted(earlier)) for number, earlier in enumerate(needed)]
    states = dict(enumerate(course.states))
    return tuple(
        Call(
            name=name,
            layer=place.layer,
            entering=here.packed(states),
            leaving=there.packed(states),
            scale=here.scale,
            alone=False,
            replay=here.step(there),
        )
        for name, place, (here, there) in zip(names, course.places, pairwise(bundles), strict=True)
    )


# -- alone or along -----------------------------------------------------------------------------

_FOUND: WeakKeyDictionary[PreTrainedModel, dict[Way, list[frozenset[int]] | None]] = (
    WeakKeyDictionary()
)


def _needed(course: Course, chain: Sequence[Seen]) -> list[frozenset[int]] | None:
    """Return which earlier states each step needs, or ``None`` if the layers stand alone."""
    found = _FOUND.setdefault(course.network, {})
    joined = [torch.equal(a.leaving, b.entering) for a, b in pairwise(chain)]
    length = (course.input_ids.shape[1] - 1).bit_length()
    way = (tuple(course.places), tuple(joined), length, code_of(course.network))
    if way not in found:
        if not all(joined[:1]):
            _refuse_detour(course)
        alone = all(joined) and _stand_alone(course, chain)
        found[way] = None if alone else needed_by(course, _nudged)
    return found[way]


def _refuse_detour(course: Course) -> None:
    """Raise ``DepthError`` where the first layer is not given the whole state.

    Where its residual is added outside, a perturbation of what it is given is none of the hidden
    state. Then nudging the embeddings, but not what the layer is given, changes what the next
    layer is given.
    """
    embedding = course.network.get_input_embeddings()
    nudging = embedding.register_forward_hook(lambda _, __, output: _nudged(output))
    with nudging, torch.no_grad():
        brought = course.run({}, 1)[1]
    if not torch.equal(brought, course.states[1]):
        names = {part: name for name, part in course.network.named_modules()}
        raise DepthError(
            f"{names[course.places[0].layer]} is not given the whole hidden state: a part goes "
            "around it, as where a residual is added outside the layers; its input alone is no "
            "state to perturb"
        )


def _stand_alone(course: Course, chain: Sequence[Seen]) -> bool:
    """Say whether every call is its layer alone, with nothing else of the hidden state in it.

    An argument may hold some of it (the first layer's values, keys shared between layers), or the
    layer itself: a tangent runs through that, and replaying with captured arguments would lose
    it. So the state entering the first call is nudged, and every layer, replayed from where that
    leads, must give what the model's own forward gives.
    """
    watched = watch(course.network, course.input_ids, {chain[0].place: _nudged})
    nudged = {call.place: call for call in watched}
    return all(call.place in nudged and _gives(call, nudged[call.place]) for call in chain)


def _gives(call: Seen, nudged: Seen) -> bool:
    """Say whether a call, replayed from a nudged state, gives what the forward gave there.

    It is the same computation on the same numbers, so hardly a bit may differ.
    """
    with torch.no_grad():
        replayed = call.replay(call.layout.rows(nudged.entering))
    leaving = call.layout.rows(nudged.leaving)
    missing = torch.linalg.vector_norm(leaving - replayed)
    return bool(missing <= 4 * torch.finfo(leaving.dtype).eps * torch.linalg.vector_norm(leaving))


def _nudged(state: Tensor) -> Tensor:
    """Return the state with a small share of each feature's neighbor added.

    Neighboring features are mixed: a mere rescaling would be invisible behind a norm. The share
    is well above the state's own rounding.
    """
    share = max(_NUDGE, 64 * torch.finfo(state.dtype).eps)
    return state + share * state.roll(1, dims=-1)
