"""Which neighbors are still neighbors after the chat template and the tokenizer.

Many templates strip the edges of a message, so that a trailing space never reaches the model.
Such a neighbor would add a zero to a mean that it says nothing about.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from rapidfuzz.distance import Levenshtein

from pytest_promptchaos.errors import NeighborhoodError, PromptError
from pytest_promptchaos.records import RUNGS, SMALL_RUNGS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from pytest_promptchaos.records import Certification, Neighbor, Neighborhood, Prompt, Rung

TokenDeltaKind = Literal["identical", "one edit", "2-3 tokens", "more"]


def certify(neighborhood: Neighborhood, render: Callable[[Prompt], Sequence[int]]) -> Neighborhood:
    """Return the neighborhood with every neighbor certified for the model behind ``render``.

    A neighbor becomes ``identical`` (the zero control), ``erased`` (renders to the center's own
    token ids), ``duplicate`` (renders to the ids of another neighbor that counts) or
    ``effective``. Of several that render alike, the one on the smallest rung counts, and on one
    rung the one with the smallest id, whatever the order of the neighbors. ``token_delta`` is the
    Levenshtein distance to the rendered center, in tokens.

    Args:
        neighborhood: certified before or not; earlier certifications are replaced.
        render: the token ids that the model gets for a prompt, template included.

    Raises:
        PromptError: the unchanged prompt rendered to other ids the second time.
    """
    center = tuple(render(neighborhood.center))
    rendered = {neighbor.id: tuple(render(neighbor.prompt)) for neighbor in neighborhood.neighbors}
    counted: dict[tuple[int, ...], str] = {}
    for neighbor in sorted(neighborhood.neighbors, key=_smallest_first):
        if neighbor.rung != "identical":
            counted.setdefault(rendered[neighbor.id], neighbor.id)

    def certified(neighbor: Neighbor) -> Neighbor:
        ids = rendered[neighbor.id]
        return replace(
            neighbor,
            certification=_certification(neighbor, ids, center, counted),
            token_delta=Levenshtein.distance(center, ids),
        )

    return replace(neighborhood, neighbors=tuple(map(certified, neighborhood.neighbors)))


def effective_n(neighborhood: Neighborhood, rungs: Collection[Rung] = SMALL_RUNGS) -> int:
    """Return how many neighbors on these rungs reach the model as prompts of their own.

    Raises:
        NeighborhoodError: a neighbor on these rungs was never certified.
    """
    on_rungs = [neighbor for neighbor in neighborhood.neighbors if neighbor.rung in rungs]
    if any(neighbor.certification == "uncertified" for neighbor in on_rungs):
        raise NeighborhoodError(
            f"the neighborhood of prompt {neighborhood.center.id!r} is not certified, so nobody "
            "knows which neighbors reach the model: pass it through certify() first"
        )
    return sum(neighbor.certification == "effective" for neighbor in on_rungs)


def token_delta_kind(delta: int) -> TokenDeltaKind:
    """Return the class of a token delta, for grouping in a report.

    >>> [token_delta_kind(delta) for delta in (0, 1, 3, 4)]
    ['identical', 'one edit', '2-3 tokens', 'more']
    """
    if delta < 0:
        raise ValueError(f"a token delta is 0 or more, got {delta}")
    if delta == 0:
        return "identical"
    if delta == 1:
        return "one edit"
    return "2-3 tokens" if delta <= 3 else "more"


def _smallest_first(neighbor: Neighbor) -> tuple[int, str]:
    return RUNGS.index(neighbor.rung), neighbor.id


def _certification(
    neighbor: Neighbor,
    ids: tuple[int, ...],
    center: tuple[int, ...],
    counted: dict[tuple[int, ...], str],
) -> Certification:
    if neighbor.rung == "identical":
        if ids != center:
            raise PromptError(
                f"the unchanged prompt {neighbor.prompt.id!r} rendered to {len(ids)} token ids "
                f"that differ from the {len(center)} of its first rendering: the template is not "
                "deterministic (a date or a random part in it?), so no two prompts can be "
                "compared; fix the template's changing part"
            )
        return "identical"
    if ids == center:
        return "erased"
    return "effective" if counted[ids] == neighbor.id else "duplicate"
