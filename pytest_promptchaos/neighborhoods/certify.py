"""Which neighbors are still neighbors after the chat template and the tokenizer.

Many templates strip the edges of a message, so that a trailing space never reaches the model.
Such a neighbor would add a zero to a mean that it says nothing about.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple

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
    ``effective``. Of several that render alike, one that gates counts before one that is only
    shown, then the one on the smallest rung, and on one rung the one with the smallest id,
    whatever the order of the neighbors. ``token_delta`` is the Levenshtein distance to the
    rendered center, in tokens.

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
    _check_certified(neighborhood, on_rungs)
    return _count(on_rungs, "effective")


class RungCount(NamedTuple):
    """How many neighbors a rung has (``asked``), and what became of them under one template.

    The identical control is none of effective, erased and duplicate.
    """

    effective: int
    erased: int
    duplicate: int
    asked: int


def effective_by_rung(neighborhood: Neighborhood) -> dict[Rung, RungCount]:
    """Return for every rung of the neighborhood how many neighbors reach the model, and how not.

    Rungs come smallest first; one that was asked for and has no neighbor counts 0 of 0.

    Raises:
        NeighborhoodError: a neighbor was never certified.
    """
    _check_certified(neighborhood, neighborhood.neighbors)
    found = {rung: [n for n in neighborhood.neighbors if n.rung == rung] for rung in RUNGS}
    empty = {rung for rung, _ in neighborhood.unavailable}
    return {
        rung: RungCount(
            effective=_count(on_rung, "effective"),
            erased=_count(on_rung, "erased"),
            duplicate=_count(on_rung, "duplicate"),
            asked=len(on_rung),
        )
        for rung, on_rung in found.items()
        if on_rung or rung in empty
    }


def common(*certified: Neighborhood) -> frozenset[str]:
    """Return the ids of the neighbors that are effective for every one of several models.

    Models are compared on these alone. A neighbor that one model's template erases, or renders
    like another neighbor, would compare an edit with none, or count one edit twice.

    Args:
        certified: the neighborhood of one prompt, certified once for each model.

    Raises:
        NeighborhoodError: there is none, one was never certified, or their centers differ.
    """
    if not certified:
        raise NeighborhoodError(
            "common() was given no neighborhood: pass one prompt's, certified for each model"
        )
    for one in certified:
        _check_certified(one, one.neighbors)
        if one.center != certified[0].center:
            raise NeighborhoodError(
                f"common() was given neighborhoods of the prompts {certified[0].center.id!r} and "
                f"{one.center.id!r}, which have no neighbor in common or differ under one name: "
                "pass the neighborhood of one prompt, certified for each model"
            )
    effective = [
        {neighbor.id for neighbor in one.neighbors if neighbor.certification == "effective"}
        for one in certified
    ]
    return frozenset.intersection(*map(frozenset, effective))


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


def _count(neighbors: Sequence[Neighbor], certification: Certification) -> int:
    return sum(neighbor.certification == certification for neighbor in neighbors)


def _check_certified(neighborhood: Neighborhood, neighbors: Sequence[Neighbor]) -> None:
    if _count(neighbors, "uncertified"):
        raise NeighborhoodError(
            f"the neighborhood of prompt {neighborhood.center.id!r} is not certified, so nobody "
            "knows which neighbors reach the model: pass it through certify() first"
        )


def _smallest_first(neighbor: Neighbor) -> tuple[bool, int, str]:
    return not neighbor.gates, RUNGS.index(neighbor.rung), neighbor.id


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
