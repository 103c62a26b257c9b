"""Residual patching at a branch: which layer and place of one run, put into the other, flips it.

The hidden states of one run (``from``) replace those of another (``into``) behind one decoder
layer at one group of tokens, and the forward goes on from there. What that does to the choice at
the branch is the rescue of that layer and place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch.nn.functional import normalize

from pytest_promptchaos.dynamics.patched import ROWS, Patch, Patched
from pytest_promptchaos.errors import ArgumentError, DepthError
from pytest_promptchaos.records import RescueMap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor
    from transformers import PreTrainedModel

    Direction = Literal["center into neighbor", "neighbor into center"]

DONORS = 19
"""The fewest of whose maxima the largest is a 95 % quantile."""
SMALLEST_GAP = 0.25
"""Logits. Below this a rescue would divide by rounding: bfloat16 steps by 1/8 at a logit of 16."""
BEFORE, BOUNDARY, AFTER, GENERATED, LAST = PLACES = (
    "before the edit",
    "edit boundary",
    "after the edit",
    "generated prefix",
    "last token",
)


@dataclass(frozen=True)
class Aligned:
    """Tokens of the run that is patched, each with its counterpart in the run that gives."""

    into: tuple[int, ...]
    giving: tuple[int, ...]


def places_of(giving: Sequence[int], into: Sequence[int], generated: int) -> dict[str, Aligned]:
    """Return the groups of tokens that are patched together, by name; empty groups are left out.

    ``giving`` and ``into`` are the two prompts' token ids, ``generated`` counts the output tokens
    behind both. The prompts are aligned from both ends: what lies between their common beginning
    and their common end is the edit, and of an edit that is longer on one side the middle has no
    counterpart. The boundary is the edit and the first token after it; the last token is the one
    whose logits decide.

    >>> places = places_of([5, 6, 7, 8], [5, 9, 9, 7, 8], generated=2)
    >>> places["edit boundary"]
    Aligned(into=(1, 3), giving=(1, 2))
    >>> {name: tokens.into for name, tokens in places.items()}
    {'before the edit': (0,), 'edit boundary': (1, 3), 'after the edit': (4,),
     'generated prefix': (5,), 'last token': (6,)}
    """
    head = _common(giving, into)
    tail = _common(giving[head:][::-1], into[head:][::-1])
    shift = len(giving) - len(into)
    end, total = len(into) - tail, len(into) + generated
    paired = min(end, end + shift) - head
    left = [(i, i) for i in range(head, head + (paired + 1) // 2)]
    right = [(i, i + shift) for i in range(end - paired // 2, end)]
    behind = [(i, i + shift) for i in range(end, total)]
    groups = {
        BEFORE: [(i, i) for i in range(head)],
        BOUNDARY: [*left, *right, *behind[:1]],
        AFTER: behind[1:tail],
        GENERATED: behind[max(tail, 1) :],
        LAST: [(total - 1, total - 1 + shift)],
    }
    kept = {
        name: [pair for pair in pairs if name == LAST or pair[0] != total - 1]
        for name, pairs in groups.items()
    }
    return {
        name: Aligned(tuple(i for i, _ in pairs), tuple(j for _, j in pairs))
        for name, pairs in kept.items()
        if pairs
    }


def rescue_map(
    network: PreTrainedModel,
    giving: Sequence[int],
    into: Sequence[int],
    prefix: Sequence[int],
    tokens: tuple[int, int],
    *,
    direction: Direction,
    donors: int = DONORS,
    seed: int = 0,
    smallest: float = SMALLEST_GAP,
    rows: int = ROWS,
) -> RescueMap:
    """Return what the states of one run restore in another, per layer and place, with a null.

    Formula: (m_patched - m_into) / (m_from - m_into), m = logit(a) - logit(b) behind prompt and
    output ``prefix``; 1 restores the other run's choice, 0 does nothing. The places are those of
    :func:`places_of`; the layers are all decoder calls but the last, behind which the last token's
    state is the choice itself: that it restores 1 is checked and not shown.

    The null: each random donor moves every state by as much as the real patch does, in a random
    direction among the two runs' states at that layer. Its value is the largest of its whole map,
    because the map's own largest is what one looks at; ``threshold`` is their 95 % quantile.

    Args:
        network: a causal language model.
        giving: token ids of the prompt whose states are put in.
        into: token ids of the prompt that is patched.
        prefix: the output tokens that both runs have in common before the branch.
        tokens: the center's and the neighbor's token at the branch, a and b.
        direction: what the map calls itself.
        donors: random donors, at least 19.
        seed: of the donors.
        smallest: the gap |m_from - m_into|, in logits, under which no ratio is given.
        rows: patched copies per forward pass; fixed, so that all round alike.

    Returns:
        The map; where no ratio can be given, a map with the ``reason`` and no numbers.

    Raises:
        ArgumentError: fewer than 19 donors.
    """
    if donors < DONORS:
        raise ArgumentError(
            f"donors is {donors}, but the 95 % quantile of a null needs at least {DONORS}"
        )
    try:
        target = Patched(network, (*into, *prefix), *tokens, rows=rows)
        source = Patched(network, (*giving, *prefix), *tokens, rows=rows)
    except DepthError as error:
        return RescueMap(direction=direction, reason=str(error))
    gap = source.margin - target.margin
    if problem := _no_ratio(source, target, gap, smallest):
        return RescueMap(direction=direction, reason=problem)
    places = places_of(giving, into, len(prefix))
    values = _values(source, target, places, donors, seed)
    rescue = (values - target.margin) / gap
    if not np.isfinite(rescue).all():
        return RescueMap(direction=direction, reason="a patched forward gives no finite logits")
    maxima = rescue[1:].max(axis=(1, 2))
    return RescueMap(
        direction=direction,
        layers=tuple(f"layer {number}" for number in range(target.depth - 1)),
        places=tuple(places),
        rescue=tuple(tuple(row) for row in rescue[0].tolist()),
        null=tuple(maxima.tolist()),
        threshold=float(np.quantile(maxima, 0.95, method="higher")),
    )


def _no_ratio(source: Patched, target: Patched, gap: float, smallest: float) -> str:
    """Return why no ratio can be given, or ``""``."""
    if abs(gap) < smallest:
        return (
            f"the two prompts are {abs(gap):.3g} logits apart at the branch, under {smallest:g}: "
            "a ratio would divide by rounding"
        )
    if target.depth < 2:
        return "the model has one decoder layer: nothing lies between its state and the choice"
    end = Patch(
        layer=target.depth - 1, at=(target.length - 1,), states=source.states[-1][-1:].clone()
    )
    restored = (target.margins([end])[0] - target.margin) / gap
    if abs(restored - 1) > 0.05:
        return (
            f"the last layer's whole state restores {restored:.3g} of the choice, not 1: the "
            "decoder layers do not hold all that leads to it"
        )
    return ""


def _values(
    source: Patched,
    target: Patched,
    places: Mapping[str, Aligned],
    donors: int,
    seed: int,
) -> NDArray[np.float64]:
    """Return the patched margins, shape (1 + donors, layers - 1, places); the real patch first."""
    generator = torch.Generator().manual_seed(seed)
    by_layer = []
    for layer in range(target.depth - 1):
        patches = [
            Patch(layer=layer, at=tokens.into, states=source.states[layer][list(tokens.giving)])
            for tokens in places.values()
        ]
        pool = torch.cat([source.states[layer], target.states[layer]])
        drawn = [
            _donor(patch, target.states[layer], pool, generator)
            for _ in range(donors)
            for patch in patches
        ]
        by_layer.append(target.margins([*patches, *drawn]))
    values = np.array(by_layer).reshape(target.depth - 1, 1 + donors, len(places))
    return values.transpose(1, 0, 2)


def _donor(patch: Patch, states: Tensor, pool: Tensor, generator: torch.Generator) -> Patch:
    """Return a patch that moves each state as far as the real one, all in one random direction.

    The direction is a random mixture of the pool's states, centered and of equal length each, so
    that it lies where states of this layer lie and no outlier rules it. One for all tokens,
    because directions of their own would cancel where a layer averages over them.
    """
    own, held = states[list(patch.at)].double().cpu(), pool.double().cpu()
    moved = (patch.states.double().cpu() - own).norm(dim=-1, keepdim=True)
    unit = normalize(held - held.mean(dim=0), dim=-1)
    weights = torch.randn(1, len(unit), generator=generator, dtype=torch.float64)
    shifted = own + moved * normalize(weights @ unit, dim=-1)
    return Patch(layer=patch.layer, at=patch.at, states=shifted.to(states))


def _common(one: Sequence[int], two: Sequence[int]) -> int:
    """Return how many first tokens two sequences have in common."""
    same = (x == y for x, y in zip(one, two, strict=False))
    return next((i for i, equal in enumerate(same) if not equal), min(len(one), len(two)))
